// From what was typed to the sources: URLs and lists. What is wrong with one of them is that one's problem, and the others
// go on; only where nothing at all is left is it wrong usage.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { decode, parseList, parseSource, type Problem, type Source, SourceError, type SourceList } from "@rondo/crawl";
import { UsageError } from "../usage.ts";

/** What was named: addresses and files with lists. */
export interface Named {
  readonly urls: readonly string[];
  readonly feeds: readonly string[];
}

/** Whether anything was. */
export function isNamed({ urls, feeds }: Named): boolean {
  return urls.length > 0 || feeds.length > 0;
}

/**
 * The sources of arguments and lists.
 *
 * @param hint what to type instead.
 * @throws {UsageError} where none can be used.
 */
export function readSources(
  { urls, feeds }: Named,
  hint = "as in rondo news https://example.org/feed, or --feeds FILE",
): SourceList {
  const sources: Source[] = [];
  const problems: Problem[] = [];
  for (const url of urls) {
    attempt(problems, url, () => sources.push(parseSource(url)));
  }
  for (const file of feeds) {
    attempt(problems, file, () => {
      const list = parseList(read(file), basename(file));
      for (const source of list.sources) sources.push(source);
      for (const problem of list.problems) problems.push(problem);
    });
  }
  const [first] = problems;
  if (sources.length === 0 && first !== undefined) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    throw new UsageError(`${first.error.message}${more}`, hint);
  }
  return { sources, problems };
}

function attempt(problems: Problem[], input: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    problems.push({ input, error });
  }
}

function read(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const says: Record<string, string> = { ENOENT: "does not exist", EISDIR: "is a folder", EACCES: "may not be read" };
    throw new SourceError("input", `${file} ${says[String(code)] ?? "cannot be read"}`, { cause: error });
  }
  return decode(bytes).text;
}
