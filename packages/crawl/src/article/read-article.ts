// The article in a page: its text without menus and teasers, its title, author, language, time and canonical address.
//
// Readability, which is Firefox's reader view, decides what the article is. It takes a tenth of a second for an ordinary page
// and, being recursive and quadratic in places, as long as it likes for a hostile one. So this runs in a worker thread
// (extract-worker.ts), pages of a shape that no article has are not given to it, and where it fails or finds nothing the
// text is that of the whole page, which `readPage` gives in linear time.

import { Readability } from "@mozilla/readability";
import { parseHTML } from "linkedom";
import { decode } from "../decode.ts";
import { SourceError } from "../failure.ts";
import { readPage } from "../markup.ts";
import { requireText, sniff } from "../sniff.ts";
import { countWords } from "../tally.ts";

/** A page as it was downloaded. */
export interface FetchedPage {
  /** Where it came from, in the end. */
  readonly url: string;
  readonly bytes: Uint8Array;
  /** The headers `Content-Type` and `Content-Language` as they came. */
  readonly contentType: string | undefined;
  readonly contentLanguage: string | undefined;
  /** A limit cut it off. */
  readonly cut: boolean;
}

/** What was found in it. */
export interface ExtractedArticle {
  readonly title: string | undefined;
  /** Plain text; where a paragraph ends a line does. */
  readonly text: string;
  /** Of title and text: words and how often each occurs, folded, stop words and all. */
  readonly words: ReadonlyMap<string, number>;
  readonly byline: string | undefined;
  /** A language tag as the page says it. */
  readonly language: string | undefined;
  /** When it was published, in ms since 1970. */
  readonly published: number | undefined;
  /** The address that the page itself gives as its own. */
  readonly canonical: string | undefined;
  /** `page`: no article was found in it, and the text is all that a reader would see. */
  readonly from: "article" | "page";
}

/** Browsers stop at 512 levels, and Readability takes seconds for those. No article that was looked at is deeper than 60. */
const DEEPEST = 200;
/** Half a million words of small paragraphs have fewer elements, and Readability takes seconds for these. */
const MOST_ELEMENTS = 40_000;
/** For a column of a table, each; what is longer is a mistake in the page. */
const LONGEST_LINE = 300;

/**
 * Finds the article in a page. Takes as long as the page wants: {@link extractor} runs it where that holds up nobody.
 *
 * @throws {SourceError} where the page holds no text that can be read.
 */
export function readArticle(page: FetchedPage): ExtractedArticle {
  const { url, bytes, cut, contentLanguage } = page;
  const contentType = page.contentType ?? "";
  requireText(bytes, contentType);
  const { text: html } = decode(bytes, { contentType, cut });
  const { kind } = sniff(html);
  if (kind !== "page") throw new SourceError("unknown-document", `this is a feed (${kind}), and no article`);
  const whole = readPage(html);
  const said = attempt(() => readDom(html, url));
  const text = tidy(said?.text ?? "");
  const from = text === "" ? "page" : "article";
  const found = from === "article" ? text : tidy(whole.text);
  if (found === "") throw new SourceError("empty", "there is no text in this page");
  const title = line(said?.title) ?? line(whole.title);
  return {
    title,
    text: found,
    words: countWords(title === undefined ? found : `${title}\n${found}`),
    byline: line(said?.byline),
    language: tagOf(whole.language) ?? tagOf(said?.language) ?? tagOf(contentLanguage?.split(",")[0]),
    published: said?.published,
    canonical: said?.canonical,
    from,
  };
}

/** What the tree of a page says. */
interface Said {
  readonly title: string | undefined;
  readonly text: string | undefined;
  readonly byline: string | undefined;
  readonly language: string | undefined;
  readonly published: number | undefined;
  readonly canonical: string | undefined;
}

function readDom(html: string, url: string): Said {
  // Without an html element the first one of the page would be taken for it.
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<!doctype html><html><body>${html}</body></html>`);
  const meta = metaOf(document);
  // All that is asked of the tree is asked before Readability, which takes it apart.
  const canonical = canonicalOf(document, url);
  const published = publishedOf(document, meta);
  const language = meta.get("content-language") ?? meta.get("og:locale")?.replace("_", "-");
  const title = meta.get("og:title");
  const article = isReadable(document) ? attempt(() => new Readability(document).parse()) : undefined;
  return {
    // What is made for sharing has no name of the site behind it.
    title: title ?? article?.title ?? undefined,
    // Its own text of the article runs the end of a paragraph into the beginning of the next one.
    text: article?.content == null ? undefined : readPage(article.content).text,
    byline: article?.byline ?? meta.get("author"),
    language: language ?? article?.lang ?? undefined,
    published,
    canonical,
  };
}

/** What a stranger's page does to a library is the page's fault: a stack that overflows, a property that is not there. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    // What could not be found out is as if the page did not say it.
    return undefined;
  }
}

/** The little of a tree's nodes that is used here. */
interface Node {
  readonly nodeType: number;
  readonly firstChild: Node | null;
  readonly nextSibling: Node | null;
  readonly parentNode: Node | null;
}

/** Whether Readability would come to an end with it. Goes through the tree without recursion. */
function isReadable(document: { readonly documentElement: unknown }): boolean {
  const root = document.documentElement as Node | null;
  let elements = 0;
  let depth = 0;
  for (let node = root; node !== null;) {
    if (node.nodeType === 1 && ++elements > MOST_ELEMENTS) return false;
    if (node.firstChild !== null) {
      if (++depth > DEEPEST) return false;
      node = node.firstChild;
      continue;
    }
    while (node !== null && node !== root && node.nextSibling === null) {
      node = node.parentNode;
      depth--;
    }
    node = node === null || node === root ? null : node.nextSibling;
  }
  return true;
}

type Dom = ReturnType<typeof parseHTML>["document"];

/** The page's `meta` elements by name, property or `http-equiv`, in lower case; of several the first. */
function metaOf(document: Dom): Map<string, string> {
  const meta = new Map<string, string>();
  for (const element of document.querySelectorAll("meta[content]")) {
    const content = element.getAttribute("content")?.trim() ?? "";
    if (content === "") continue;
    for (const attribute of ["property", "name", "itemprop", "http-equiv"]) {
      const name = element.getAttribute(attribute)?.trim().toLowerCase();
      if (name !== undefined && !meta.has(name)) meta.set(name, content);
    }
  }
  return meta;
}

function canonicalOf(document: Dom, url: string): string | undefined {
  for (const element of document.querySelectorAll("link[rel][href]")) {
    if (!(element.getAttribute("rel") ?? "").toLowerCase().split(/\s+/).includes("canonical")) continue;
    const base = URL.parse(document.querySelector("base[href]")?.getAttribute("href") ?? "", url)?.href ?? url;
    const address = URL.parse(element.getAttribute("href") ?? "", base);
    if (address === null || !/^https?:$/.test(address.protocol)) return undefined;
    address.hash = "";
    return address.href;
  }
  return undefined;
}

/** Names under which pages say when they were published; the earlier ones are said with more care. */
const DATES = [
  "article:published_time",
  "og:article:published_time",
  "datepublished",
  "parsely-pub-date",
  "dc.date.issued",
  "dcterms.issued",
  "dcterms.created",
  "dc.date",
  "date",
  "pubdate",
  "publishdate",
  "sailthru.date",
];

function publishedOf(document: Dom, meta: ReadonlyMap<string, string>): number | undefined {
  const said = [meta.get(DATES[0] as string)];
  for (const script of document.querySelectorAll('script[type="application/ld+json"]')) {
    said.push(attempt(() => datePublished(JSON.parse(script.textContent ?? ""), 0)));
  }
  for (const name of DATES) said.push(meta.get(name));
  const marked = document.querySelector('time[itemprop="datePublished"], time[pubdate], article time[datetime]');
  said.push(marked?.getAttribute("datetime") ?? undefined);
  for (const date of said) {
    const at = date === undefined ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(at)) return at;
  }
  return undefined;
}

/** The first `datePublished` in what schema.org calls a graph: an object, a list of them, or one in another. */
function datePublished(data: unknown, depth: number): string | undefined {
  if (typeof data !== "object" || data === null || depth > 4) return undefined;
  if ("datePublished" in data && typeof data.datePublished === "string") return data.datePublished;
  const inner = Array.isArray(data) ? data : [Reflect.get(data, "@graph"), Reflect.get(data, "mainEntity")];
  for (const each of inner.slice(0, 100)) {
    const date = datePublished(each, depth + 1);
    if (date !== undefined) return date;
  }
  return undefined;
}

/** Lines without white space around them, and no empty ones. */
function tidy(text: string): string {
  return text
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n[ \n]*/g, "\n")
    .trim();
}

function line(text: string | null | undefined): string | undefined {
  const tidied = text?.replace(/\s+/g, " ").trim() ?? "";
  return tidied === "" ? undefined : tidied.slice(0, LONGEST_LINE);
}

function tagOf(text: string | undefined): string | undefined {
  const tag = text?.trim() ?? "";
  return /^[a-z]{2,8}(?:[-_][a-z0-9]{1,8})*$/i.test(tag) && tag.length <= 35 ? tag : undefined;
}
