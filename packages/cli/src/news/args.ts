// The command line of `rondo news`. Everything that can be wrong with it is found here, before anything is downloaded.

import { parseArgs } from "node:util";
import { nearest, UsageError } from "../usage.ts";

/** What was asked for. */
export interface NewsArgs {
  readonly urls: readonly string[];
  /** Files with lists of sources. */
  readonly feeds: readonly string[];
  readonly terms: readonly string[];
  readonly top: number;
  /** Rows of the table; `Infinity` for all. */
  readonly rows: number;
  readonly concurrency: number;
  readonly perHost: number;
  /** In ms. */
  readonly timeout: number;
  readonly allowPrivate: boolean;
  readonly json: boolean;
  readonly demo: boolean;
  readonly help: boolean;
}

export const NEWS_HELP = `rondo news: downloads many feeds and pages at once and counts words in them

Usage
  rondo news [URL...] [options]

Sources
  URL...             feeds (RSS, Atom, JSON Feed) or pages; told apart by what arrives
  --feeds FILE       a list of sources, OPML or one URL a line; may be given again
                     without any source: a built-in list of public news feeds
  --demo             258 real home pages, served from this machine

Counting
  --term WORD        count mentions of a word, or of several words in a row; may be given again
  --top N            show the N commonest words (default: 10, or 0 with --term)

Work
  --concurrency N    sources at once (default: 64, all of them with --demo)
  --per-host N       of these, at one host (default: 2)
  --timeout TIME     for each source, all tries included, as 15s, 300ms or 2m (default: 15s)
  --allow-private    also addresses of this machine and of private networks

Output
  --rows N           rows of the table (default: all, 12 with --demo)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all were read, 1 some failed, 2 wrong usage, 130 interrupted (what was done is printed)
`;

const HINT = "rondo news --help shows what there is";

const OPTIONS = {
  feeds: { type: "string", multiple: true },
  term: { type: "string", multiple: true },
  top: { type: "string" },
  rows: { type: "string" },
  concurrency: { type: "string" },
  "per-host": { type: "string" },
  timeout: { type: "string" },
  "allow-private": { type: "boolean" },
  json: { type: "boolean" },
  demo: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** @throws {UsageError} with what is wrong and what to type instead. */
export function parseNewsArgs(argv: readonly string[]): NewsArgs {
  const { values, positionals } = parse(argv);
  const terms = values.term ?? [];
  const demo = values.demo ?? false;
  const args: NewsArgs = {
    urls: positionals,
    feeds: values.feeds ?? [],
    terms,
    top: whole("--top", values.top, 0, 1000) ?? (terms.length > 0 ? 0 : 10),
    rows: whole("--rows", values.rows, 0, 1_000_000) ?? (demo ? 12 : Infinity),
    concurrency: whole("--concurrency", values.concurrency, 1, 10_000) ?? (demo ? 258 : 64),
    perHost: whole("--per-host", values["per-host"], 1, 10_000) ?? 2,
    timeout: values.timeout === undefined ? 15_000 : parseTime(values.timeout),
    allowPrivate: values["allow-private"] ?? false,
    json: values.json ?? false,
    demo,
    help: values.help ?? false,
  };
  for (const term of terms) {
    if (!/[\p{L}\p{N}]/u.test(term)) {
      throw new UsageError(
        `--term ${JSON.stringify(term)} has no letter and no digit`,
        'as in --term storm or --term "climate change"',
      );
    }
  }
  if (demo && (args.urls.length > 0 || args.feeds.length > 0)) {
    throw new UsageError("--demo has its own sources", "leave out --demo, or the URLs and --feeds");
  }
  return args;
}

// The type is what parseArgs infers from OPTIONS, which no one could write better by hand.
function parse(
  argv: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!(error instanceof Error) || typeof code !== "string" || !code.startsWith("ERR_PARSE_ARGS_")) throw error;
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      const typed = /'(--?[^'= ]+)/.exec(error.message)?.[1] ?? "";
      const meant = nearest(typed.replace(/^-+/, ""), Object.keys(OPTIONS));
      throw new UsageError(`there is no option ${typed}`, meant === undefined ? HINT : `did you mean --${meant}?`);
    }
    // Node's own advice comes after the first sentence, and speaks of things the caller did not ask.
    throw new UsageError(error.message.split(/[.\n]/)[0] ?? error.message, HINT);
  }
}

function whole(option: string, value: string | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  const n = Number(value);
  if (/^\d+$/.test(value) && n >= least && n <= most) return n;
  throw new UsageError(
    `${option} takes a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`,
    `as in ${option} ${Math.max(least, 10)}`,
  );
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `15s`, `300ms`, `1.5m`, in ms. */
function parseTime(value: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)$/.exec(value) ?? [];
  const ms = Number(number) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (ms >= 1 && ms <= 24 * 3_600_000) return ms;
  throw new UsageError(
    `--timeout takes a time with its unit, up to a day, not ${JSON.stringify(value)}`,
    "as in --timeout 15s, 300ms or 2m",
  );
}
