// `rondo news export`: everything that is remembered, for other programs. One article is in memory at a time, however
// many there are, and no more is read than whoever reads the output takes.

import { type NewsStore, type StoredArticle, writeOpml } from "@rondo/crawl";
import { checkpoint, type Coroutine, type Host, suspend } from "rondo";
import type { Io, Output } from "../io.ts";
import { checkTerms, oneOf } from "../options.ts";
import { UsageError } from "../usage.ts";
import { csvLine } from "./csv.ts";
import { guarded, openMemory } from "./database.ts";
import { since } from "./days.ts";
import { running } from "./running.ts";
import { clock, noMore, type Subcommand, subcommand } from "./subcommand.ts";

const FORMATS = ["jsonl", "csv", "json", "opml"] as const;
type Format = (typeof FORMATS)[number];

export const exportCommand: Subcommand = subcommand({
  name: "rondo news export",
  takes: ["format", "since", "term", "db", "json", "help"],
  summary: "what is remembered, for other programs",
  help: `rondo news export: what is remembered, for other programs

Usage
  rondo news export [options] > FILE

  --format FORMAT    jsonl: a line of JSON for each article (default)
                     csv: RFC 4180, for spreadsheets; a text that would be a formula there gets a ' in front
                     json: one document, as with --json
                     opml: the subscriptions, for a feed reader
  --since WHEN       only articles published since then: 7d (seven days, today among them), 2w,
                     yesterday, 2026-11-01 (default: all)
  --term WORD        only articles that mention it
  --db FILE          the memory to ask (default: the one rondo news writes)
  --json             the same as --format json
  -h, --help         this text

Articles come oldest first. Times are ISO 8601, in UTC.
`,
  run({ values, positionals }, io, host) {
    noMore("rondo news export", positionals);
    const format: Format = oneOf("--format", values.format, FORMATS) ?? (values.json === true ? "json" : "jsonl");
    if (values.json === true && format !== "json")
      throw new UsageError("--json and --format say different things", "leave one of them out");
    const terms = checkTerms(values.term ?? []);
    if (terms.length > 1)
      throw new UsageError("export takes one --term", "ask twice, or take all and choose from them");
    if (format === "opml" && (terms.length > 0 || values.since !== undefined)) {
      throw new UsageError("subscriptions have neither a date nor words", "leave out --since and --term");
    }
    const range = since(values.since, clock(host));
    const store = openMemory({ db: values.db, quiet: values.json ?? false, make: false }, io);
    const query = { ...(range === undefined ? {} : { range }), ...(terms[0] === undefined ? {} : { term: terms[0] }) };
    return streamed(pieces(store, format, query, clock(host)), store, io, host);
  },
});

/** Writes it all, then closes the memory. Gives the exit status. */
async function streamed(pieces: Iterable<string>, store: NewsStore, io: Io, host: Host | undefined): Promise<number> {
  try {
    const work = (): Coroutine<void> => writeAll(guardedPieces(pieces), io.stdout);
    return (await running(work, { name: "rondo news export", io, host })) === undefined ? 130 : 0;
  } finally {
    store.close();
  }
}

/** The same pieces; what the store throws on the way is told as everywhere. */
function* guardedPieces(pieces: Iterable<string>): Generator<string> {
  const iterator = pieces[Symbol.iterator]();
  try {
    for (;;) {
      const { done, value } = guarded(() => iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    iterator.return?.();
  }
}

function* pieces(
  store: NewsStore,
  format: Format,
  query: Parameters<NewsStore["articles"]>[0],
  at: number,
): Generator<string> {
  if (format === "opml") {
    yield writeOpml(store.subscriptions(), { title: "rondo news", created: at });
    return;
  }
  if (format === "csv") yield csvLine(COLUMNS);
  if (format === "json") yield `{"version":1,"db":${JSON.stringify(store.path)},"articles":[`;
  let first = true;
  for (const article of store.articles(query)) {
    if (format === "csv") yield csvLine(COLUMNS.map((column) => FIELDS[column](article)));
    else if (format === "jsonl") yield `${JSON.stringify(exported(article))}\n`;
    else yield `${first ? "" : ","}\n${JSON.stringify(exported(article))}`;
    first = false;
  }
  if (format === "json") yield "\n]}\n";
}

const COLUMNS = ["url", "id", "title", "language", "published", "firstSeen", "sources", "words", "text"] as const;

const FIELDS: Readonly<Record<(typeof COLUMNS)[number], (article: StoredArticle) => string | number | undefined>> = {
  url: ({ url }) => url,
  id: ({ id }) => id,
  title: ({ title }) => title,
  language: ({ language }) => language,
  published: ({ published }) => iso(published),
  firstSeen: ({ firstSeen }) => iso(firstSeen),
  sources: ({ sources }) => sources.join("; "),
  words: ({ words }) => words,
  text: ({ text }) => text,
};

/** An article with its times as everybody reads them; what is not known is `null`, so that every line has the same fields. */
function exported(article: StoredArticle): object {
  return Object.fromEntries(
    COLUMNS.map((column) => [column, column === "sources" ? article.sources : (FIELDS[column](article) ?? null)]),
  );
}

/** `undefined` for what is no time at all: a feed may say anything. */
function iso(at: number | undefined): string | undefined {
  return at === undefined || Number.isNaN(new Date(at).getTime()) ? undefined : new Date(at).toISOString();
}

/** Small pieces are put together before they are written: a system call for each article would be most of the time. */
const ENOUGH = 64 * 1024;

function* writeAll(pieces: Iterable<string>, output: Output): Coroutine<void> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < ENOUGH) continue;
    yield* write(text, output);
    text = "";
  }
  yield* write(text, output);
}

/** Writes, and waits until it has got away where the output says that it is full. */
function* write(text: string, output: Output): Coroutine<void> {
  // A file is never full, and Ctrl-C has to get a word in.
  yield* checkpoint();
  if (output.write(text) !== false || output.once === undefined) return;
  yield* suspend<void>((wake) => {
    const heard = (): void => wake(undefined);
    output.once?.("drain", heard);
    output.once?.("close", heard);
    return () => {
      output.off?.("drain", heard);
      output.off?.("close", heard);
    };
  }, "output");
}
