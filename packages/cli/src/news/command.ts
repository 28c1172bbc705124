// `rondo news`: from the command line to the exit status.

import { type Coroutine, group, type Host } from "rondo";
import { FileError } from "rondo/os";
import { News, type NewsOptions, type NewsStore, type Report, type SourceList, StoreError } from "@rondo/crawl";
import { bars } from "../chart/bars.ts";
import { type Io, wantsColour } from "../io.ts";
import { lookAt, show } from "../look.ts";
import { paint } from "../paint.ts";
import type { NewsArgs } from "./args.ts";
import { demo } from "../demo/demo.ts";
import { drawLinks, followLinks, Links } from "./articles.ts";
import { guarded, type MemoryError, memoryError, openMemory } from "./database.ts";
import { pageData } from "./html/page-data.ts";
import { writeHtml } from "./html/write-html.ts";
import { type LiveOptions, headlinesFor, showLive } from "./live.ts";
import { running } from "./running.ts";
import { clock } from "./subcommand.ts";
import { namedSources, standingSources } from "./subscribed.ts";
import { failures, notes, summary, table } from "./table.ts";

/** What went on in a run, whether it ended or was interrupted. */
export interface NewsResult {
  readonly report: Report;
  /** In ms. */
  readonly elapsed: number;
  readonly interrupted: boolean;
  /** Why it ended early: what was fetched could not be remembered. */
  readonly broken?: MemoryError | undefined;
  /** Where it is remembered. */
  readonly db?: string;
  /** What became of links, where they were to be followed. */
  readonly links?: Links | undefined;
}

/** Runs the command. Gives the exit status. @throws {UsageError} @throws {MemoryError} */
export async function newsCommand(args: NewsArgs, io: Io, host?: Host): Promise<number> {
  const named = args.demo ? undefined : namedSources(args);
  const store = memoryFor(args, io);
  try {
    const list = named ?? standingSources(store);
    const status = args.demo ? await demo(args, io, store) : await read(list, args, io, store, host);
    if (args.html === undefined || store === undefined) return status;
    return (await drawPage(args.html, args, store, io, host)) ? status : 1;
  } finally {
    store?.close();
  }
}

/** A page is drawn from a memory, and articles go into one: without one there is one for as long as the command runs. */
function memoryFor({ keep, db, html, articles, json }: NewsArgs, io: Io): NewsStore | undefined {
  if (keep) return openMemory({ db, quiet: json, make: true }, io);
  if (html === undefined && !articles) return undefined;
  return openMemory({ db: ":memory:", quiet: true, make: true }, io);
}

async function read(
  list: SourceList,
  args: NewsArgs,
  io: Io,
  store: NewsStore | undefined,
  host?: Host,
): Promise<number> {
  const options = store === undefined ? {} : { store, evenIfNotDue: args.now };
  const result = await download(list, args, io, options, host);
  print(args.keep && store !== undefined ? { ...result, db: store.path } : result, args, io);
  return exitStatus(result);
}

/** Days that the page looks back. */
const PAGE_DAYS = 30;

/** Writes the page. `false`, and it is said why, where that cannot be done. */
async function drawPage(file: string, args: NewsArgs, store: NewsStore, io: Io, host?: Host): Promise<boolean> {
  const data = guarded(() => pageData(store, { terms: args.terms, days: PAGE_DAYS, today: clock(host) }));
  try {
    // Files are the real world's, whatever world the news come from.
    if ((await running(() => writeHtml(file, data), { name: "rondo news --html", io })) === undefined) return false;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    io.stderr.write(`rondo: the page was not written: ${error.message}\n       name another --html FILE\n`);
    return false;
  }
  if (!args.json) io.stderr.write(` page: ${file}\n`);
  return true;
}

/** Downloads and counts, with progress on standard error. What it was asked for decides no more than how. */
export async function download(
  list: SourceList,
  args: NewsArgs,
  io: Io,
  options: NewsOptions & { readonly store?: NewsStore } = {},
  host?: Host,
): Promise<NewsResult> {
  const { store } = options;
  const { terms, top, concurrency, perHost, timeout, allowPrivate } = args;
  const headlines = headlinesFor(terms);
  const news = new News(list.sources, {
    ...{ terms, top, concurrency, perHost, timeout, allowPrivate },
    onDocument: (document, source) => headlines.take(document, source),
    ...options,
  });
  const begun = performance.now();
  const links = args.articles ? new Links() : undefined;
  let interrupted = false;
  let broken: MemoryError | undefined;
  try {
    const work = (): Coroutine<void> => withProgress(news, args, io, { headlines, terms, timeout }, links, store);
    interrupted = (await running(work, { name: "rondo news", io, host })) === undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    broken = memoryError(error);
  }
  return { report: news.report(list.problems), elapsed: performance.now() - begun, interrupted, broken, links };
}

function* withProgress(
  news: News,
  args: NewsArgs,
  io: Io,
  live: Pick<LiveOptions, "headlines" | "terms" | "timeout">,
  links: Links | undefined,
  store: NewsStore | undefined,
): Coroutine<void> {
  let following = false;
  const note = (): string | undefined => (following ? links?.describe() : undefined);
  yield* group(function* (g) {
    if (!args.json) {
      const painted = paint(wantsColour(io.stderr, io.env));
      const shown = showLive({ ...live, note, run: news, output: io.stderr, env: io.env, paint: painted });
      g.spawn(shown, { daemon: true, name: "progress" });
    }
    yield* news.work();
    if (links === undefined || store === undefined) return;
    following = true;
    const { concurrency, timeout, allowPrivate } = args;
    const sources = news.sources.map(({ url }) => url);
    yield* followLinks(store, links, { sources, concurrency, timeout, allowPrivate });
  });
}

/** What there is to say about a run. */
export function print(result: NewsResult, args: NewsArgs, io: Io): void {
  const { report, elapsed, interrupted, broken, db, links } = result;
  if (broken !== undefined) io.stderr.write(`rondo: ${broken.message}\n       ${broken.hint}\n`);
  if (args.json) {
    const data = {
      ...report,
      ...(db === undefined ? {} : { db }),
      ...(links === undefined ? {} : { links }),
      elapsed: Math.round(elapsed),
      interrupted,
    };
    io.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
    return;
  }
  const look = lookAt(io.stdout, io.env, args.rows);
  const parts = [
    table(report, look),
    bars(
      "Mentions",
      report.totals.mentions.map(({ term, count }) => ({ label: term, count })),
      look,
    ),
    bars(
      "Commonest words",
      report.top.map(({ word, count }) => ({ label: word, count })),
      look,
    ),
    notes(report, look),
    failures(report, look),
    drawLinks(links, look),
    interrupted ? ` ${look.paint.yellow("Interrupted.")} This is what was done.\n` : "",
    summary(report, elapsed, look),
  ];
  show(io, look, parts);
}

/** 0 all were read or not due, 1 some failed, 3 the memory could not be written, 130 interrupted. */
export function exitStatus({ report, interrupted, broken }: NewsResult): number {
  if (broken !== undefined) return 3;
  if (interrupted) return 130;
  return report.totals.failed > 0 || report.problems.length > 0 ? 1 : 0;
}
