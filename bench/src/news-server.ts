// The other side of news.ts and news-memory.ts: a process that serves real pages from memory, as fast as it can.
//
// It listens on every loopback address, since on Linux all of 127.0.0.0/8 is this machine: ten thousand hosts without
// ten thousand machines.
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the server says when it listens. */
export interface ServerReady {
  readonly port: number;
  readonly pages: number;
}

const folder = join(dirname(fileURLToPath(import.meta.resolve("htmlparser-benchmark/package.json"))), "files");
const pages = readdirSync(folder)
  .filter((name) => name.endsWith(".html"))
  .toSorted()
  .map((name) => readFileSync(join(folder, name)));

const server = createServer((request, response) => {
  const page = pages[Number(/^\/(\d+)/.exec(request.url ?? "")?.[1] ?? -1) % pages.length];
  if (page === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": "text/html", "content-length": page.length }).end(page);
});

// Longer than a client keeps a connection, or one would now and then be closed under a request: the hand-written loop
// has no second try.
server.keepAliveTimeout = 60_000;
server.listen(0, () => {
  const ready: ServerReady = { port: (server.address() as AddressInfo).port, pages: pages.length };
  process.send?.(ready);
});
// The parent has gone.
process.on("disconnect", () => process.exit());
