// From what was typed to the sources: URLs, lists, or the built-in list. What is wrong with one of them is that one's
// problem, and the others go on; only where nothing at all is left is it wrong usage.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import {
  builtInSources,
  decode,
  parseList,
  parseSource,
  type Problem,
  type Source,
  SourceError,
  type SourceList,
} from "@rondo/crawl";
import { UsageError } from "../usage.ts";
import type { NewsArgs } from "./args.ts";

/** @throws {UsageError} where sources were named and none can be used. */
export function findSources(args: Pick<NewsArgs, "urls" | "feeds">): SourceList {
  if (args.urls.length === 0 && args.feeds.length === 0) return { sources: builtInSources(), problems: [] };
  const sources: Source[] = [];
  const problems: Problem[] = [];
  for (const url of args.urls) {
    attempt(problems, url, () => sources.push(parseSource(url)));
  }
  for (const file of args.feeds) {
    attempt(problems, file, () => {
      const list = parseList(read(file), basename(file));
      sources.push(...list.sources);
      problems.push(...list.problems);
    });
  }
  const [first] = problems;
  if (sources.length === 0 && first !== undefined) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    throw new UsageError(
      `nothing to download: ${first.error.message}${more}`,
      "as in rondo news https://example.org/feed, or --feeds FILE",
    );
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
