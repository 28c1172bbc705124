// Does finding articles hold up the loop? How late a timer of the loop is while the articles in 500 real pages are found:
// in threads, as `rondo news --articles` does it, and on the loop itself, as one would write it first.
//
//   node --conditions=rondo-source bench/src/article-lag.ts [PAGES]
//
// A clock on the loop wants to wake every 2 ms and notes by how much it is late; a first row with nothing to do shows what
// the machine itself adds. What the loop's own thread worked between two ticks is shown too: on a machine with less
// processors than threads that want one, being late is not the same as being busy. The exit status is 1 when 99 of 100 wake-ups are not within 10 ms while threads do the work.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { extractor, type FetchedPage } from "@rondo/crawl";
import { type Coroutine, group, map, now, run, sleep, sleepUntil } from "rondo";
// No part of the package's face: it has no place on a loop, which is what is shown here.
import { readArticle } from "../../packages/crawl/src/article/read-article.ts";

/** In ms. */
const LIMIT = 10;
const TICK = 2;
const PAGES = Number(process.argv[2] ?? 500);
/** As many as `followArticles` works on at once. */
const CONCURRENCY = 64;

interface Lag {
  readonly what: string;
  readonly pages: number;
  readonly seconds: number;
  /** Sorted, in ms. */
  readonly late: readonly number[];
  /** What the thread worked from tick to tick, sorted, in ms. */
  readonly busy: readonly number[];
}

function pagesOf(amount: number): FetchedPage[] {
  const folder = join(dirname(fileURLToPath(import.meta.resolve("htmlparser-benchmark"))), "files");
  if (!existsSync(folder)) throw new Error(`the pages of htmlparser-benchmark are not in ${folder}`);
  const files = readdirSync(folder).toSorted();
  return Array.from({ length: amount }, (_, at) => ({
    url: `https://example.org/${at}`,
    bytes: new Uint8Array(readFileSync(join(folder, files[at % files.length] as string))),
    contentType: "text/html",
    contentLanguage: undefined,
    cut: false,
  }));
}

/** Does the work while a clock runs beside it. */
function* watched(what: string, pages: number, work: () => Coroutine<void>): Coroutine<Lag> {
  const late: number[] = [];
  const busy: number[] = [];
  const begun = now();
  yield* group(function* (g) {
    g.spawn(clock(late, busy), { daemon: true, name: "clock" });
    yield* work();
  });
  const seconds = (now() - begun) / 1000;
  return { what, pages, seconds, late: late.toSorted((a, b) => a - b), busy: busy.toSorted((a, b) => a - b) };
}

function* clock(late: number[], busy: number[]): Coroutine<never> {
  for (let worked = process.threadCpuUsage(); ;) {
    const due = now() + TICK;
    yield* sleepUntil(due);
    // Not now(): a loop may read its clock once a turn, and what is measured is when this line runs.
    late.push(Math.max(0, performance.now() - due));
    const { user, system } = process.threadCpuUsage();
    busy.push((user + system - worked.user - worked.system) / 1000);
    worked = { user, system };
  }
}

function* inThreads(pages: readonly FetchedPage[]): Coroutine<void> {
  yield* group(function* () {
    const extract = extractor();
    yield* map(pages, extract, { concurrency: CONCURRENCY });
  });
}

function* onTheLoop(pages: readonly FetchedPage[]): Coroutine<void> {
  for (const page of pages) {
    readArticle(page);
    // Not a checkpoint: between two of those the loop does not look at its clock.
    yield* sleep(0);
  }
}

function quantile(values: readonly number[], part: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
}

function print({ what, pages, seconds, late, busy }: Lag): void {
  const ms = (values: readonly number[], part: number): string =>
    `${quantile(values, part).toFixed(2)} ms`.padStart(10);
  const lag = [0.5, 0.99, 1].map((part) => ms(late, part)).join(" ");
  const rate = pages === 0 ? "" : `${(pages / seconds).toFixed(1)} pages/s`;
  console.log(`${what.padEnd(12)} ${String(pages).padStart(5)} ${lag} ${ms(busy, 0.99)} ${ms(busy, 1)}  ${rate}`);
}

await run(function* () {
  const heads = ["late p50", "p99", "max", "busy p99", "max"].map((head) => head.padStart(10));
  console.log(`${"".padEnd(12)} pages ${heads.join(" ")}`);
  print(yield* watched("nothing", 0, () => sleep(2000) as unknown as Coroutine<void>));
  const pages = pagesOf(PAGES);
  const threads = yield* watched("in threads", PAGES, () => inThreads(pages));
  print(threads);
  // A fifth is enough to see it: nothing of this row is a claim.
  const few = pagesOf(Math.max(1, Math.floor(PAGES / 5)));
  print(yield* watched("on the loop", few.length, () => onTheLoop(few)));
  const p99 = quantile(threads.late, 0.99);
  const held = p99 < LIMIT;
  console.log(
    `loop lag while articles are found: p99 ${p99.toFixed(2)} ms; limit ${LIMIT} ms: ${held ? "held" : "LOST"}`,
  );
  process.exitCode = held ? 0 : 1;
});
