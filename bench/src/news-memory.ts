// Does memory grow with the number of sources? Downloads real pages from ten thousand loopback hosts, one source each,
// and watches the resident memory. `node --conditions=rondo-source bench/src/news-memory.ts [SOURCES]`; the exit status
// is 1 when the limit was passed. Linux only: elsewhere 127.0.0.1 is the only loopback address.
import { fork } from "node:child_process";
import { once } from "node:events";
import { News, parseSource } from "@rondo/crawl";
import { type Coroutine, group, run, sleep } from "rondo";
import type { ServerReady } from "./news-server.ts";

/** 300 MB. */
const LIMIT = 300_000_000;
const SOURCES = Number(process.argv[2] ?? 10_000);

const server = fork(new URL("./news-server.ts", import.meta.url), { execArgv: ["--conditions=rondo-source"] });
const [{ port }] = (await once(server, "message")) as [ServerReady];
server.unref();
server.channel?.unref();

const urls = Array.from({ length: SOURCES }, (_, at) => {
  const host = `127.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
  return `http://${host}:${port}/${at}`;
});
const news = new News(
  urls.map((url) => parseSource(url)),
  { terms: ["news"], top: 10, timeout: 60_000 },
);

let most = 0;

function* watch(): Coroutine<void> {
  for (;;) {
    const { rss, heapUsed } = process.memoryUsage();
    most = Math.max(most, rss);
    const { done, failed } = news.progress;
    if (process.stderr.isTTY)
      process.stderr.write(`\r${done} done, ${failed} failed, ${mb(rss)} resident, ${mb(heapUsed)} heap  `);
    yield* sleep(50);
  }
}

function* main(): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(watch(), { daemon: true });
    yield* news.work();
  });
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

const begun = performance.now();
await run(main);
const { done, failed, words, bytes } = news.report().totals;
const seconds = ((performance.now() - begun) / 1000).toFixed(1);
process.stdout.write(
  `${SOURCES} sources on as many hosts: ${done} read, ${failed} failed, ${mb(bytes)}, ${words} words, ${seconds} s\n`,
);
const failure = news.report().sources.find((source) => source.failure !== undefined);
if (failure !== undefined) process.stdout.write(`first failure: ${JSON.stringify(failure)}\n`);
process.stdout.write(`memory: at most ${mb(most)} resident; limit ${mb(LIMIT)}: ${most < LIMIT ? "held" : "LOST"}\n`);
process.exitCode = most < LIMIT && failed === 0 ? 0 : 1;
