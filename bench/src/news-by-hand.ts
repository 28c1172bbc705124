// The news job as one writes it without Rondo: fetch, promises, and the libraries everybody takes for the rest. The
// parser is the one whose tokenizer Rondo's reading is built on; words are what a regular expression finds, counted in a Map.
//
// It comes in two: one uses the parser as its documentation begins, and one as somebody does who has profiled the first.
import { type Handler, Parser } from "htmlparser2";
import { eng } from "stopword";

/** What is read of a body, in bytes. */
export const LIMIT: number = 5 * 1024 * 1024;
const UNSEEN = new Set(["script", "style", "noscript", "template", "svg", "iframe", "object", "canvas"]);
const INLINE = new Set([
  "a",
  "b",
  "i",
  "em",
  "strong",
  "span",
  "font",
  "small",
  "big",
  "sub",
  "sup",
  "u",
  "code",
  "wbr",
]);
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['’.,][\p{L}\p{N}]+)*/gu;
const STOP = new Set(eng);

/** What a run came to. */
export interface ByHand {
  links: number;
  readonly mentions: Map<string, number>;
  readonly counts: Map<string, number>;
}

/**
 * Downloads, parses and counts one page, and gives its number of words.
 *
 * @param tuned takes the parser's events that cost least, instead of those that its documentation shows first.
 */
export async function visit(
  url: string,
  signal: AbortSignal,
  terms: readonly string[],
  all: ByHand,
  tuned: boolean,
): Promise<number> {
  const response = await fetch(url, { signal, redirect: "manual" });
  const body = await bodyOf(response);
  const charset = charsetOf(response.headers.get("content-type"));
  const html = new TextDecoder(charset).decode(body.subarray(0, LIMIT));
  const page = read(html, tuned);
  all.links += page.links.length;
  const text = `${page.title}\n${page.text}`.toLowerCase();
  const words = text.match(WORD) ?? [];
  for (const word of words) {
    if (!STOP.has(word)) all.counts.set(word, (all.counts.get(word) ?? 0) + 1);
  }
  for (const term of terms) {
    let count = 0;
    for (let at = text.indexOf(term); at !== -1; at = text.indexOf(term, at + term.length)) count++;
    all.mentions.set(term, (all.mentions.get(term) ?? 0) + count);
  }
  return words.length;
}

function charsetOf(contentType: string | null): string {
  return /charset=["']?([\w-]+)/i.exec(contentType ?? "")?.[1] ?? "utf-8";
}

/** The body, read until it is longer than the limit. */
export async function bodyOf(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    chunks.push(read.value);
    size += read.value.length;
    if (size <= LIMIT) continue;
    await reader?.cancel();
    break;
  }
  return Buffer.concat(chunks, size);
}

interface Page {
  title: string;
  language: string | undefined;
  text: string;
  readonly links: string[];
}

/** What Rondo reads of a page too: its title, language, text and links. */
function read(html: string, tuned: boolean): Page {
  const page: Page = { title: "", language: undefined, text: "", links: [] };
  let unseen = 0;
  let inTitle = false;
  let element = "";
  function begin(name: string): void {
    element = name;
    if (UNSEEN.has(name)) unseen++;
    else if (name === "title") inTitle = true;
    if (!INLINE.has(name)) page.text += "\n";
  }
  function attribute(name: string, value: string): void {
    if (element === "a" && name === "href") page.links.push(value);
    else if (element === "html" && name === "lang") page.language = value;
  }
  const tags: Partial<Handler> = tuned
    ? { onopentagname: begin, onattribute: attribute }
    : {
        onopentag(name, attributes) {
          begin(name);
          if (attributes["href"] !== undefined) attribute("href", attributes["href"]);
          if (attributes["lang"] !== undefined) attribute("lang", attributes["lang"]);
        },
      };
  const parser = new Parser({
    ...tags,
    onclosetag(name) {
      if (UNSEEN.has(name)) unseen--;
      else if (name === "title") inTitle = false;
      if (!INLINE.has(name)) page.text += "\n";
    },
    ontext(piece) {
      if (unseen > 0) return;
      if (inTitle) page.title += piece;
      else page.text += piece;
    },
  });
  parser.end(html);
  return page;
}

/** The `n` commonest. */
export function top(all: ByHand, n: number): [string, number][] {
  return [...all.counts].toSorted((a, b) => b[1] - a[1]).slice(0, n);
}
