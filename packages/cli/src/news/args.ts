// The command line of `rondo news`. Everything that can be wrong with it is found here, before anything is downloaded.

import { checkTerms, duration, parseOptions, type Taking, whole } from "../options.ts";
import { UsageError } from "../usage.ts";

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
  /** The file of the memory, where one is named. */
  readonly db: string | undefined;
  /** Something is to be remembered. */
  readonly keep: boolean;
  /** Also what is not due yet. */
  readonly now: boolean;
  /** Links are followed. */
  readonly articles: boolean;
  /** Where to write a page of what is remembered. */
  readonly html: string | undefined;
  readonly json: boolean;
  readonly demo: boolean;
}

const TAKES = [
  "feeds",
  "demo",
  "term",
  "top",
  "now",
  "articles",
  "concurrency",
  "per-host",
  "timeout",
  "allow-private",
  "db",
  "no-db",
  "rows",
  "html",
  "json",
  "help",
] as const;

/** The text of --help. @param commands those below this one. */
export function newsHelp(commands: readonly { readonly name: string; readonly summary: string }[]): string {
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(18)} ${summary}`).join("\n");
  return HELP.replace("{commands}", list);
}

const HELP = `rondo news: downloads many feeds and pages at once, counts words in them, and remembers them

Usage
  rondo news [URL...] [options]

Commands that ask and keep the memory; each has a --help of its own
{commands}

Sources
  URL...             feeds (RSS, Atom, JSON Feed) or pages; told apart by what arrives
  --feeds FILE       a list of sources, OPML or one URL a line; may be given again
                     without any source: the subscriptions, or a built-in list of public news
                     feeds where there are none
  --demo             258 real home pages, served from this machine

Counting
  --term WORD        count mentions of a word, or of several words in a row; may be given again
  --top N            show the N commonest words (default: 10, or 0 with --term)

Work
  --articles         also follow the links of feeds and remember what the articles say, by their hosts' rules
                     (robots.txt, one at a time, a pause between two); 500 at most in one run
  --concurrency N    sources at once (default: 64, all of them with --demo)
  --per-host N       of these, at one host (default: 2)
  --timeout TIME     for each source, all tries included, as 15s, 300ms or 2m (default: 15s)
  --allow-private    also addresses of this machine and of private networks

Memory
  --db FILE          where it is (default: in your data directory; it is said where)
  --no-db            remember nothing, and fetch everything
  --now              fetch also what is not due yet (still only what is new is sent)

Output
  --rows N           rows of the table (default: all, 12 with --demo)
  --html FILE        also a page of what is remembered, to open in a browser: trends of the terms or of
                     what rises, words, the last run, the sources
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all were read or not due, 1 some failed, 2 wrong usage, 3 the memory cannot be used,
  130 interrupted (what was done is printed, and remembered)
`;

/** What `rondo news` itself takes. */
export const DOWNLOADING: Taking<(typeof TAKES)[number]> = { name: "rondo news", takes: TAKES };

/**
 * @param others where to look for an option that this command does not have.
 * @throws {UsageError} with what is wrong and what to type instead.
 */
export function parseNewsArgs(argv: readonly string[], others: readonly Taking[] = []): NewsArgs {
  const { values, positionals } = parseOptions(DOWNLOADING, argv, others);
  const terms = checkTerms(values.term ?? []);
  const demo = values.demo ?? false;
  const args: NewsArgs = {
    urls: positionals,
    feeds: values.feeds ?? [],
    terms,
    top: whole("--top", values.top, 0, 1000) ?? (terms.length > 0 ? 0 : 10),
    rows: whole("--rows", values.rows, 0, 1_000_000) ?? (demo ? 12 : Infinity),
    concurrency: whole("--concurrency", values.concurrency, 1, 10_000) ?? (demo ? 258 : 64),
    perHost: whole("--per-host", values["per-host"], 1, 10_000) ?? 2,
    timeout: values.timeout === undefined ? 15_000 : duration("--timeout", values.timeout),
    allowPrivate: values["allow-private"] ?? false,
    db: values.db,
    keep: !(values["no-db"] ?? false) && !(demo && values.db === undefined),
    now: values.now ?? false,
    articles: values.articles ?? false,
    html: values.html,
    json: values.json ?? false,
    demo,
  };
  if (values.db !== undefined && values["no-db"] === true) {
    throw new UsageError("--db and --no-db say different things", "leave one of them out");
  }
  if (values.now === true && !args.keep) {
    throw new UsageError("--now: without a memory everything is fetched in any case", "leave out --now");
  }
  if (demo && (args.urls.length > 0 || args.feeds.length > 0)) {
    throw new UsageError("--demo has its own sources", "leave out --demo, or the URLs and --feeds");
  }
  if (demo && args.articles) throw new UsageError("--demo has no links to follow", "leave out --articles");
  return args;
}
