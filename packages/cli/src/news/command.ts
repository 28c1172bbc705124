// `rondo news`: from the command line to the exit status.

import { type Coroutine, type Host, CancelledError, group, run } from "rondo";
import { News, type NewsOptions, type Report, type SourceList } from "@rondo/crawl";
import { bars } from "../chart/bars.ts";
import { type Io, wantsColour } from "../io.ts";
import { lookAt, show } from "../look.ts";
import { paint } from "../paint.ts";
import { type NewsArgs, NEWS_HELP, parseNewsArgs } from "./args.ts";
import { demo } from "../demo/demo.ts";
import { findSources } from "./inputs.ts";
import { type LiveOptions, headlinesFor, showLive } from "./live.ts";
import { failures, notes, summary, table } from "./table.ts";

/** What went on in a run, whether it ended or was interrupted. */
export interface NewsResult {
  readonly report: Report;
  /** In ms. */
  readonly elapsed: number;
  readonly interrupted: boolean;
}

/** Runs the command. Gives the exit status. @throws {UsageError} */
export async function newsCommand(argv: readonly string[], io: Io, host?: Host): Promise<number> {
  const args = parseNewsArgs(argv);
  if (args.help) {
    io.stdout.write(NEWS_HELP);
    return 0;
  }
  if (args.demo) return demo(args, io);
  const list = findSources(args);
  const result = await download(list, args, io, {}, host);
  print(result, args, io);
  return exitStatus(result);
}

/** Downloads and counts, with progress on standard error. What it was asked for decides no more than how. */
export async function download(
  list: SourceList,
  args: NewsArgs,
  io: Io,
  options: NewsOptions = {},
  host?: Host,
): Promise<NewsResult> {
  const { terms, top, concurrency, perHost, timeout, allowPrivate } = args;
  const headlines = headlinesFor(terms);
  const news = new News(list.sources, {
    ...{ terms, top, concurrency, perHost, timeout, allowPrivate },
    onDocument: (document, source) => headlines.take(document, source),
    ...options,
  });
  const begun = performance.now();
  let interrupted = false;
  try {
    await run(() => withProgress(news, args, io, { headlines, terms, timeout }), {
      name: "rondo news",
      ...(host === undefined ? {} : { host }),
    });
  } catch (error) {
    // Nothing here cancels the whole run but Ctrl-C.
    if (!(error instanceof CancelledError)) throw error;
    interrupted = true;
  }
  return { report: news.report(list.problems), elapsed: performance.now() - begun, interrupted };
}

function* withProgress(
  news: News,
  args: NewsArgs,
  io: Io,
  live: Pick<LiveOptions, "headlines" | "terms" | "timeout">,
): Coroutine<void> {
  yield* group(function* (g) {
    if (!args.json) {
      const painted = paint(wantsColour(io.stderr, io.env));
      const shown = showLive({ ...live, run: news, output: io.stderr, env: io.env, paint: painted });
      g.spawn(shown, { daemon: true, name: "progress" });
    }
    yield* news.work();
  });
}

/** What there is to say about a run. */
export function print(result: NewsResult, args: NewsArgs, io: Io): void {
  const { report, elapsed, interrupted } = result;
  if (args.json) {
    io.stdout.write(`${JSON.stringify({ ...report, elapsed: Math.round(elapsed), interrupted }, undefined, 2)}\n`);
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
    interrupted ? ` ${look.paint.yellow("Interrupted.")} This is what was done.\n` : "",
    summary(report, elapsed, look),
  ];
  show(io, look, parts);
}

/** 0 all were read, 1 some failed, 130 interrupted. */
export function exitStatus({ report, interrupted }: NewsResult): number {
  if (interrupted) return 130;
  return report.totals.failed > 0 || report.problems.length > 0 ? 1 : 0;
}
