// The news job as one writes it without Rondo: fetch, promises, and the libraries everybody takes for the rest. The
// parser is the one that Rondo's reading is built on too, used as its documentation shows; words are what a regular
// expression finds, counted in a Map.
import { Parser } from "htmlparser2";
import { eng } from "stopword";

const LIMIT = 5 * 1024 * 1024;
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

/** Downloads, parses and counts one page, and gives its number of words. */
export async function visit(url: string, signal: AbortSignal, terms: readonly string[], all: ByHand): Promise<number> {
  const response = await fetch(url, { signal, redirect: "manual" });
  const html = new TextDecoder(charsetOf(response.headers.get("content-type"))).decode(await bodyOf(response));
  const page = read(html);
  all.links += page.links.length;
  const text = `${page.title}\n${page.text}`.toLowerCase();
  let words = 0;
  for (const [word] of text.matchAll(WORD)) {
    words++;
    if (!STOP.has(word)) all.counts.set(word, (all.counts.get(word) ?? 0) + 1);
  }
  for (const term of terms) {
    let count = 0;
    for (let at = text.indexOf(term); at !== -1; at = text.indexOf(term, at + term.length)) count++;
    all.mentions.set(term, (all.mentions.get(term) ?? 0) + count);
  }
  return words;
}

function charsetOf(contentType: string | null): string {
  return /charset=["']?([\w-]+)/i.exec(contentType ?? "")?.[1] ?? "utf-8";
}

async function bodyOf(response: Response): Promise<Uint8Array> {
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
  return Buffer.concat(chunks, Math.min(size, LIMIT));
}

interface Page {
  title: string;
  language: string | undefined;
  text: string;
  readonly links: string[];
}

/** What Rondo reads of a page too: its title, language, text and links. */
function read(html: string): Page {
  const page: Page = { title: "", language: undefined, text: "", links: [] };
  let unseen = 0;
  let inTitle = false;
  const parser = new Parser({
    onopentag(name, attributes) {
      if (UNSEEN.has(name)) unseen++;
      else if (name === "title") inTitle = true;
      else if (name === "html") page.language = attributes["lang"];
      else if (name === "a" && attributes["href"] !== undefined) page.links.push(attributes["href"]);
      if (!INLINE.has(name)) page.text += "\n";
    },
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
