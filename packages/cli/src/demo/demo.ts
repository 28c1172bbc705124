// `rondo news --demo`: the real thing on real pages, with nothing to go wrong that is not ours. Pages come over HTTP from
// this machine, each late by as much as a server far away would be.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type NewsStore, parseSource } from "@rondo/crawl";
import { type Coroutine, run, suspend } from "rondo";
import type { Io } from "../io.ts";
import type { NewsArgs } from "../news/args.ts";
import { download, exitStatus, print } from "../news/command.ts";
import { counted } from "../text.ts";
import { latencies } from "./latency.ts";
import { pageFiles } from "./pages.ts";
import type { Pages } from "./server.ts";

/** Serves the pages, downloads them, and says how much waiting was overlapped. Gives the exit status. */
export async function demo(args: NewsArgs, io: Io, store?: NewsStore): Promise<number> {
  const files = pageFiles();
  const pages: Pages = { files, latencies: latencies(files.length) };
  const waiting = pages.latencies.reduce((sum, latency) => sum + latency, 0);
  // Beside this file, and with the same ending: TypeScript in the repository, JavaScript in the package.
  const server = new Worker(new URL(`./server${extname(import.meta.url)}`, import.meta.url), { workerData: pages });
  try {
    const port = await run(() => listening(server));
    const sources = files.map((_, index) => parseSource(`http://127.0.0.1:${port}/${index}`));
    if (!args.json)
      io.stderr.write(` ${counted(files.length, "home page")}, each from a server with a latency of its own\n`);
    // They pretend to be as many hosts, so nothing is to be held back for the sake of one.
    const result = await download(
      { sources, problems: [] },
      { ...args, perHost: args.concurrency, allowPrivate: true },
      io,
      store === undefined ? {} : { store, evenIfNotDue: args.now },
    );
    const said = { ...result, report: { ...result.report, totals: { ...result.report.totals, waited: waiting } } };
    print(said, args, io);
    return exitStatus(result);
  } finally {
    await server.terminate();
  }
}

/** Waits until the server says on which port it listens. */
function* listening(server: Worker): Coroutine<number> {
  return yield* suspend<number>((wake, fail) => {
    server.once("message", wake);
    server.once("error", fail);
    return () => {
      server.off("message", wake);
      server.off("error", fail);
    };
  }, "server");
}
