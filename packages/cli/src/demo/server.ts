// The servers of the demonstration: a thread that answers `/N` with page N after that page's latency. It has an event loop
// of its own, so a latency is what was drawn and not what the downloading left over.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** What the thread is started with. */
export interface Pages {
  readonly files: readonly string[];
  /** In ms, one for each file. */
  readonly latencies: readonly number[];
}

const { files, latencies } = workerData as Pages;

const server = createServer((request, response) => {
  const index = Number(request.url?.slice(1));
  const file = files[index];
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  setTimeout(() => {
    readFile(file).then(
      (page) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page),
      () => response.writeHead(500).end(),
    );
  }, latencies[index]);
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
