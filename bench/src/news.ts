// The cost of a page: what downloading, parsing and counting one costs a busy thread when Rondo's news run does it, and
// when the same loop is written with bare fetch and promises.
//
// Two such loops stand beside it. One shares Rondo's reading and counting, so that what is compared is the runtime, its
// client and what the news run adds; the other is the whole job as one writes it today (news-by-hand.ts), and where
// Python and aiohttp are there, as one writes it there.
//
// The hand-written loop does what any such loop has to: so many workers, a deadline for each page, a body read in chunks
// up to a limit. It has no retries, no limit for each host, no progress and no failures as results; those are what
// Rondo's side has for its five per cent. The server is a process of its own, or its work would be counted too. And it is
// the processor's time that is taken, of all threads, since collecting what a page leaves behind is part of its cost.
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { News, parseSource, readDocument, type Source, tally, TermCounter, TopWords } from "@rondo/crawl";
import { run } from "rondo";
import { bodyOf, LIMIT, top as topByHand, visit as visitByHand } from "./news-by-hand.ts";
import type { ServerReady } from "./news-server.ts";
import { interpreter } from "./python.ts";
import type { Workload } from "./workload.ts";

const CONCURRENCY = 64;
const TIMEOUT = 15_000;
const TERMS = ["news", "white house"];

let ready: Promise<Source[]> | undefined;

/** Starts the server once, and gives the addresses of its pages. It ends with this process. */
function sources(): Promise<Source[]> {
  ready ??= start();
  return ready;
}

async function start(): Promise<Source[]> {
  const server = fork(new URL("./news-server.ts", import.meta.url), {
    execArgv: ["--conditions=rondo-source"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [{ port, pages }] = (await once(server, "message")) as [ServerReady];
  server.unref();
  server.channel?.unref();
  return Array.from({ length: pages }, (_, page) => parseSource(`http://127.0.0.1:${port}/${page}`));
}

/** The same pages, as often as it takes to make `amount` of them. A query keeps the addresses apart. */
async function addresses(amount: number): Promise<Source[]> {
  const pages = await sources();
  return Array.from({ length: amount }, (_, at) => {
    const page = pages[at % pages.length] as Source;
    return { url: `${page.url}?${at}`, host: page.host };
  });
}

/** The loop as one writes it without a runtime. Gives the words counted. */
async function loop(
  pages: readonly Source[],
  visit: (page: Source, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  let next = 0;
  let words = 0;
  async function worker(): Promise<void> {
    for (let page = pages[next++]; page !== undefined; page = pages[next++]) {
      // Not AbortSignal.timeout: that keeps each answer alive until its 15 s are over.
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), TIMEOUT);
      try {
        // In two steps: `words += await …` would read the sum before the wait, and lose what the others add.
        const counted = await visit(page, deadline.signal);
        words += counted;
      } finally {
        clearTimeout(timer);
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return words;
}

async function withOurReading(pages: readonly Source[]): Promise<number> {
  const terms = new TermCounter(TERMS);
  const top = new TopWords();
  const words = await loop(pages, async (page, signal) => {
    const response = await fetch(page.url, { signal, redirect: "manual" });
    const bytes = await bodyOf(response);
    const contentType = response.headers.get("content-type");
    const document = readDocument(bytes.subarray(0, LIMIT), { url: page.url, contentType, cut: bytes.length > LIMIT });
    return tally(document, terms, top).words;
  });
  top.top(10);
  return words;
}

async function byHand(pages: readonly Source[], tuned = false): Promise<number> {
  const all = { links: 0, mentions: new Map<string, number>(), counts: new Map<string, number>() };
  const words = await loop(pages, ({ url }, signal) => visitByHand(url, signal, TERMS, all, tuned));
  topByHand(all, 10);
  return words;
}

async function byNews(pages: readonly Source[]): Promise<number> {
  const limits = { concurrency: CONCURRENCY, perHost: CONCURRENCY, timeout: TIMEOUT };
  const options = { terms: TERMS, top: 10, ...limits, allowPrivate: true };
  const news = new News(pages, options);
  await run(() => news.work());
  const { words, failed } = news.report().totals;
  if (failed > 0)
    throw new Error(
      `${failed} pages could not be read: ${JSON.stringify(news.report().sources.find((each) => each.failure))}`,
    );
  return words;
}

/** What all must come to: a contestant that does less work is no contestant. */
let expected: number | undefined;

/** @param tolerance the part by which the words may differ: whose rules for words are not ours finds others. */
function checkWords(each: number, tolerance: number): void {
  expected ??= each;
  if (Math.abs(each - expected) > expected * tolerance) {
    throw new Error(`${each} words a page were counted and not ${expected}`);
  }
}

async function measure(
  work: (pages: readonly Source[]) => Promise<number>,
  amount: number,
  tolerance = 0,
): Promise<number> {
  const pages = await addresses(amount);
  const begun = process.cpuUsage();
  const words = await work(pages);
  const { user, system } = process.cpuUsage(begun);
  checkWords(words / amount, tolerance);
  return (user + system) * 1000;
}

const python = fileURLToPath(new URL("../python/news.py", import.meta.url));

/** With asyncio and aiohttp, where they are there. */
async function byAiohttp(amount: number): Promise<number | undefined> {
  const [first] = await sources();
  const args = [python, new URL(first?.url ?? "").port, String(amount), String(CONCURRENCY), ...TERMS];
  const { error, stdout } = await new Promise<{ error: Error | null; stdout: string }>((resolve) => {
    execFile(interpreter(), args, (failed, out) => resolve({ error: failed, stdout: out }));
  });
  if (error !== null) {
    // Its own status for "not installed"; anything else is a failure to be told.
    if ("code" in error && (error.code === 3 || error.code === "ENOENT")) return undefined;
    throw error;
  }
  const { cost, words } = JSON.parse(stdout) as { cost: number; words: number };
  checkWords(words / amount, 0.1);
  return cost;
}

/** CPU a page. The floor is 1.05 × the hand-written loop. */
export const newsPage: Workload = {
  name: "news",
  title: "download, parse and count a page",
  unit: "ns",
  amount: 774,
  // Whole passes over the pages: some are a hundred times as long as others.
  step: 258,
  contestants: [
    { name: "Rondo", run: (amount) => measure(byNews, amount) },
    {
      name: "async/await",
      run: (amount) => measure(withOurReading, amount),
      note: "reads and counts with Rondo's parts",
    },
  ],
};

/** The whole job. The floor is 0.7 × the hand-written one. */
export const newsByHand: Workload = {
  name: "news-by-hand",
  title: "the same job, all of it written by hand",
  unit: "ns",
  amount: 774,
  step: 258,
  contestants: [
    { name: "Rondo", run: (amount) => measure(byNews, amount) },
    {
      name: "async/await",
      run: (amount) => measure(byHand, amount, 0.05),
      note: "fetch, htmlparser2's parser as its documentation shows it, a regular expression for words and a Map",
    },
    {
      name: "tuned",
      run: (amount) => measure((pages) => byHand(pages, true), amount, 0.05),
      note: "the same without the object of each tag's attributes, which costs a tenth of it all",
    },
    {
      name: "aiohttp",
      optional: true,
      run: byAiohttp,
      note: "asyncio, aiohttp, lxml where it is there or else html.parser, a regular expression and a Counter",
    },
  ],
};
