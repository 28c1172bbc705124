// What can be read of a feed that no parser takes: its entries, one by one.
//
// A feed is a list, and one entry with a tag too few makes all of it malformed. So a broken one is cut into its entries,
// which are easy to find, and they are parsed in halves of halves: where all goes well that is one more pass over the text,
// and each entry that is broken costs a few. A broken entry is read loosely, tag by tag, and left out only if that gives
// nothing. The text before the first entry is parsed by itself.
//
// Everything here goes over the text once and forwards (the halves, once a level), and parses no more than so many times, so
// a hostile feed costs its length.

import type { Feed, Article } from "./feed.ts";
import { textOf } from "./markup.ts";
import type { DocumentKind } from "./sniff.ts";

/** The forms that are XML. */
export type XmlKind = Exclude<DocumentKind, "page" | "json">;

/** Where an entry begins, and where it ends or the next one begins. */
interface Span {
  readonly start: number;
  readonly end: number;
  /** It has an end of its own. */
  readonly closed: boolean;
}

/** What stands around entries is not looked into: an article about feeds may show one. */
const MARKS: Readonly<Record<XmlKind, RegExp>> = {
  rss: /<!\[CDATA\[|<!--|<(\/?)item(?=[\s/>])/gi,
  rdf: /<!\[CDATA\[|<!--|<(\/?)(?:\w+:)?item(?=[\s/>])/gi,
  atom: /<!\[CDATA\[|<!--|<(\/?)(?:\w+:)?entry(?=[\s/>])/gi,
};

/** The entries of a feed as they stand in its text, broken or not. */
function entriesOf(kind: XmlKind, text: string): Span[] {
  const found: Span[] = [];
  const marks = new RegExp(MARKS[kind]);
  let start = -1;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const [shown, slash] = mark;
    if (slash === undefined) {
      const end = text.indexOf(shown === "<!--" ? "-->" : "]]>", mark.index);
      if (end === -1) break;
      marks.lastIndex = end + 3;
    } else if (slash === "/") {
      const bracket = text.indexOf(">", mark.index);
      if (start !== -1) found.push({ start, end: bracket === -1 ? text.length : bracket + 1, closed: bracket !== -1 });
      start = -1;
    } else {
      if (start !== -1) found.push({ start, end: mark.index, closed: false });
      start = mark.index;
    }
  }
  if (start !== -1) found.push({ start, end: text.length, closed: false });
  return found;
}

/** How many entries a feed seems to have. One that is parsed to fewer has lost some to a tag too many. */
export function countEntries(kind: XmlKind, text: string): number {
  return entriesOf(kind, text).length;
}

/** What was read of a broken feed. */
export interface Salvaged {
  readonly feed: Omit<Feed, "notes">;
  /** Of so many entries. */
  readonly entries: number;
  /** Read tag by tag, as no parser took them. */
  readonly loose: number;
  /** Gave nothing. */
  readonly lost: number;
  /** The last entry breaks off, and was left out: half an article is not stored under the name of a whole one. */
  readonly brokenOff: boolean;
}

/** After so many parsings the rest is read loosely. */
const MOST_PARSINGS = 300;
/** So it is where each of so many gave the parser nothing, and no other did: who wrote them made all with the same fault. */
const ALL_ALIKE = 20;

/**
 * Reads what can be read.
 *
 * @param parse reads a feed that is not broken, and throws for one that is.
 */
export function salvage(kind: XmlKind, text: string, parse: (text: string) => Omit<Feed, "notes">): Salvaged {
  const all = entriesOf(kind, text);
  const last = all.at(-1);
  const brokenOff = last !== undefined && !last.closed && last.end === text.length && !isEnded(text.slice(last.start));
  const spans = brokenOff ? all.slice(0, -1) : all;
  const shell = shellOf(kind, text);
  const articles: Article[] = [];
  let loose = 0;
  let lost = 0;
  let parsings = 0;
  let alone = 0;
  // A stack and not a recursion, last first, so that articles keep their order.
  const pending: [from: number, to: number][] = spans.length === 0 ? [] : [[0, spans.length]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [from, to] = next;
    const hopeless = alone >= ALL_ALIKE && articles.length === loose;
    if (to - from === 1) alone++;
    const read =
      hopeless || ++parsings > MOST_PARSINGS
        ? undefined
        : tried(() => parse(shell.open + piece(text, spans, from, to, shell.end) + shell.close).articles);
    // Fewer than there are: one has swallowed the others, or closed what is around it.
    if (read !== undefined && (read.length === to - from || (to - from === 1 && read.length === 0))) {
      articles.push(...read);
      continue;
    }
    if (to - from > 1) {
      const middle = (from + to) >> 1;
      pending.push([middle, to], [from, middle]);
      continue;
    }
    const span = spans[from] as Span;
    const article = looseArticle(text.slice(span.start, span.end));
    if (article === undefined) lost++;
    else {
      loose++;
      articles.push(article);
    }
  }
  const head = text.slice(0, all[0]?.start ?? text.length);
  const { title, language, hints = {} } = tried(() => parse(head)) ?? looseHead(head, parse, shell) ?? {};
  return { feed: { title, language, articles, hints }, entries: all.length, loose, lost, brokenOff };
}

/** Whether the end of the feed is in the text. */
export function isEnded(text: string): boolean {
  return /<\/(?:\w+:)?(?:rss|rdf|feed|channel)[\s>]|\/>\s*$/i.test(text);
}

function tried<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    // What the parser thinks of it has been heard; here only what it can read counts.
    return undefined;
  }
}

function piece(text: string, spans: readonly Span[], from: number, to: number, end: string): string {
  const entries = spans.slice(from, to).map((span) => {
    // A < before what cannot be a name is a < of the text.
    const entry = text.slice(span.start, span.end).replace(/<(?![a-z_/!?])/gi, "&lt;");
    return span.closed ? entry : entry + end;
  });
  return entries.join("\n");
}

interface Shell {
  readonly open: string;
  readonly close: string;
  readonly end: string;
}

/** The elements around entries, with the namespaces that the feed declares at its root. */
function shellOf(kind: XmlKind, text: string): Shell {
  const root = /^<[^<>]{0,4000}>/.exec(text)?.[0] ?? { rss: "<rss>", rdf: "<rdf:RDF>", atom: "<feed>" }[kind];
  const name = /^<([^\s/>]+)/.exec(root)?.[1] ?? "";
  const entry = /<((?:\w+:)?(?:item|entry))[\s/>]/i.exec(text)?.[1] ?? "item";
  return {
    open: kind === "rss" ? `${root}<channel>` : root,
    close: kind === "rss" ? `</channel></${name}>` : `</${name}>`,
    end: `</${entry}>`,
  };
}

/** The title of a feed whose beginning is broken. */
function looseHead(head: string, parse: (text: string) => Omit<Feed, "notes">, shell: Shell): Partial<Feed> {
  const fields = looseFields(head);
  const { open, close } = shell;
  // What a parser makes of the title alone is made in one place.
  const title = fields.get("title") ?? "";
  return { ...tried(() => parse(`${open}<title>${title}</title>${close}`)), language: fields.get("language") };
}

/** An entry read tag by tag: what stands behind a tag, up to its end or to the next tag that matters. */
function looseArticle(entry: string): Article | undefined {
  const fields = looseFields(entry);
  const first = (...names: string[]): string | undefined => {
    const found = names.map((name) => fields.get(name)).find((value) => value !== undefined && value !== "");
    return found;
  };
  const title = textOf(first("title") ?? "")
    .replace(/\s+/g, " ")
    .trim();
  const text = textOf(first("content:encoded", "content", "description", "summary") ?? "");
  if (title === "" && text.trim() === "") return undefined;
  const id = first("guid", "id");
  const address = NO_ADDRESS.test(entry) ? undefined : id;
  const date = Date.parse(first("pubdate", "published", "dc:date", "updated") ?? "");
  return {
    title: title === "" ? undefined : title,
    link: first("link") ?? /<link\s[^<>]{0,2000}?href\s*=\s*["']([^"'<>]+)/i.exec(entry)?.[1] ?? address,
    text,
    id,
    published: Number.isNaN(date) ? undefined : date,
  };
}

/** An identifier that says that it is no address (RSS 2.0, "guid"). */
const NO_ADDRESS = /<guid\s[^<>]{0,2000}?ispermalink\s*=\s*["']?false/i;

const FIELD =
  /<(\/?)(title|link|guid|id|pubdate|published|updated|dc:date|description|summary|content|content:encoded|language|item|entry)(?=[\s/>])[^<>]*>/gi;

function looseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let name: string | undefined;
  let from = 0;
  const take = (to: number): void => {
    if (name !== undefined && !fields.has(name)) fields.set(name, withoutCdata(text.slice(from, to)).trim());
    name = undefined;
  };
  for (const mark of text.matchAll(FIELD)) {
    take(mark.index);
    if (mark[1] === "/") continue;
    name = (mark[2] as string).toLowerCase();
    from = mark.index + mark[0].length;
  }
  take(text.length);
  return fields;
}

function withoutCdata(text: string): string {
  return text
    .trim()
    .replace(/^<!\[CDATA\[/, "")
    .replace(/\]\]>$/, "");
}

/**
 * A JSON Feed that breaks off, or is longer than what is read of a body: its beginning and its whole items, as a document
 * that can be parsed. `undefined` where not even that can be found.
 */
export function wholeJson(broken: string): string | undefined {
  // A line break or a tab that stands in a string as it is: nobody else may be there either.
  const text = broken.replace(/\p{Cc}/gu, " ");
  let depth = 0;
  let key: string | undefined;
  let items = -1;
  let end = -1;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const close = endOfString(text, at);
      if (close === -1) break;
      if (depth === 1 && /^\s*:/.test(text.slice(close + 1, close + 20))) key = text.slice(at + 1, close);
      at = close;
    } else if (character === "{" || character === "[") {
      if (depth === 1 && character === "[" && key === "items") end = items = at + 1;
      depth++;
    } else if (character === "}" || character === "]") {
      depth--;
      if (depth === 2 && items !== -1) end = at + 1;
      // The list is at its end. What follows is not needed, and may be what is broken.
      if (depth === 1 && items !== -1) break;
    }
  }
  return items === -1 ? undefined : `${text.slice(0, end)}]}`;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}
