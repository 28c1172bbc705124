// Lists of sources: a text file, or an OPML file as feed readers export it. Which one it is shows in its first
// character, not in its name. One bad line is a problem of that line, and the rest of the list is used; a file that
// cannot be read as a list at all is an error.

import { readFileSync } from "node:fs";
import { parseOpml } from "feedsmith";
import { SourceError } from "./failure.ts";
import { type Problem, parseSource, type Source, type SourceList } from "./source.ts";

/**
 * The sources of a list, OPML or text.
 *
 * @param label names the list in its problems: the file's name.
 * @throws {SourceError} of kind `input`: it starts like XML and is no OPML, or it holds no source at all.
 *
 * @example
 * ```ts
 * import { parseList } from "@rondo/crawl";
 *
 * const { sources, problems } = parseList("https://example.org/feed Example\nexample.net\n", "my.txt");
 * console.log(sources[0]?.name, sources.length); // prints: Example 1
 * console.log(problems[0]?.input); // prints: my.txt:2
 * ```
 */
export function parseList(text: string, label: string): SourceList {
  const start = text.replace(/^\uFEFF/, "").trimStart();
  const looksLikeMarkup = start.startsWith("<") || /\.opml$/i.test(label);
  const list = looksLikeMarkup ? parseOutlines(text, label) : parseLines(text, label);
  if (list.sources.length === 0 && list.problems.length === 0) {
    throw new SourceError("input", `${label} names no source`);
  }
  return list;
}

/** One source a line: its address, then its name if it has one. Empty lines and those that begin with `#` are skipped. */
function parseLines(text: string, label: string): SourceList {
  const sources: Source[] = [];
  const problems: Problem[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n?|\n/);
  for (const [index, line] of lines.entries()) {
    const [, address, name] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (address === undefined || address.startsWith("#")) continue;
    collect(sources, problems, `${label}:${index + 1}`, address, name);
  }
  return { sources, problems };
}

/** The part of an outline that is read here: OPML nests them without end. */
interface Outline {
  readonly text?: string;
  readonly title?: string;
  readonly xmlUrl?: string;
  readonly url?: string;
  readonly outlines?: Outline[];
}

function parseOutlines(text: string, label: string): SourceList {
  let roots: Outline[];
  try {
    roots = (parseOpml(text).body?.outlines ?? []) as Outline[];
  } catch (error) {
    throw new SourceError("input", `${label} is not an OPML list`, { cause: error });
  }
  const sources: Source[] = [];
  const problems: Problem[] = [];
  const pending = roots.toReversed();
  for (let outline = pending.pop(); outline !== undefined; outline = pending.pop()) {
    const address = outline.xmlUrl ?? outline.url;
    const named = outline.title ?? outline.text;
    // An outline has to have a text; one that only says the address again is no name.
    const name = named === address ? undefined : named;
    if (address !== undefined)
      collect(sources, problems, name === undefined ? label : `${label}: ${name}`, address, name);
    for (const inner of outline.outlines?.toReversed() ?? []) pending.push(inner);
  }
  return { sources, problems };
}

function collect(sources: Source[], problems: Problem[], input: string, address: string, name?: string): void {
  try {
    sources.push(parseSource(address, name));
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    problems.push({ input, error });
  }
}

/**
 * The built-in list: well-known public news feeds in several languages, kept in `data/feeds.txt`.
 *
 * @example
 * ```ts
 * import { builtInSources } from "@rondo/crawl";
 *
 * console.log(builtInSources().length >= 40); // prints: true
 * ```
 */
export function builtInSources(): Source[] {
  // Beside `src` and beside `dist` alike, so the same path serves both.
  return parseList(readFileSync(new URL("../data/feeds.txt", import.meta.url), "utf8"), "feeds.txt").sources;
}
