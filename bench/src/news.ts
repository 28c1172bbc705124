// The cost of a page: what downloading, parsing and counting one costs a busy thread when Rondo's news run does it, and
// when the same loop is written with bare fetch and promises.
//
// The hand-written loop does what any such loop has to: so many workers, a deadline for each page, a body read in chunks
// up to a limit. It has no retries, no limit for each host, no progress and no failures as results; those are what
// Rondo's side has for its five per cent. The server is a process of its own, or its work would be counted too. And it is
// the processor's time that is taken, of all threads, since collecting what a page leaves behind is part of its cost.
import { fork } from "node:child_process";
import { once } from "node:events";
import { News, parseSource, readDocument, type Source, tally, TermCounter, TopWords } from "@rondo/crawl";
import { run } from "rondo";
import type { ServerReady } from "./news-server.ts";
import type { Workload } from "./workload.ts";

const CONCURRENCY = 64;
const TIMEOUT = 15_000;
const LIMIT = 5 * 1024 * 1024;
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
async function byHand(pages: readonly Source[]): Promise<number> {
  const terms = new TermCounter(TERMS);
  const top = new TopWords();
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
  async function visit(page: Source, signal: AbortSignal): Promise<number> {
    const response = await fetch(page.url, { signal, redirect: "manual" });
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      chunks.push(read.value);
      size += read.value.length;
      if (size <= LIMIT) continue;
      await reader?.cancel();
      break;
    }
    const contentType = response.headers.get("content-type");
    const document = readDocument(Buffer.concat(chunks, size), { url: page.url, contentType, cut: size > LIMIT });
    return tally(document, terms, top).words;
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  top.top(10);
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

/** What both must come to: a contestant that does less work is no contestant. */
let expected: number | undefined;

async function measure(work: (pages: readonly Source[]) => Promise<number>, amount: number): Promise<number> {
  const pages = await addresses(amount);
  const begun = process.cpuUsage();
  const words = await work(pages);
  const { user, system } = process.cpuUsage(begun);
  const each = words / amount;
  expected ??= each;
  if (each !== expected) throw new Error(`${each} words a page were counted and not ${expected}`);
  return (user + system) * 1000;
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
    { name: "async/await", run: (amount) => measure(byHand, amount) },
  ],
};
