// HTTP: what a request costs the server, in a process of its own, with wrk's hundred connections on it. And how long 99 of 100
// requests take.
//
// Rondo's is `serve` with a handler; Node's is `node:http` as one writes it; Fastify and Hono stand on `node:http`; Bun has a
// server of its own, in native code. What is taken is the processor's time, of all threads of the server.
import { FILE_SIZE, httpServer, httpServers, start } from "../http/peers.ts";
import { hasWrk, type Shot, shoot } from "../http/wrk.ts";
import { type Server, theLoad } from "../net/peers.ts";
import type { Contestant, Cost, Workload } from "../workload.ts";

const CONNECTIONS = 100;
/** How long a contestant is loaded at a time, in s. */
const SECONDS = 2;
const WARM_UP = 6;

const warm = new Set<string>();

/** Fewer are asked for one after the other: to see that they are answered, and not what that costs. */
const FEW = 1000;
const OPTIONAL: ReadonlySet<string> = new Set(["Bun", "aiohttp", "Tornado"]);

async function ask(server: Server, port: number, { path, body }: Shot, amount: number): Promise<Cost> {
  const before = await server.cpu();
  for (let i = 0; i < amount; i++) {
    const init = body === undefined ? {} : { method: "POST", headers: { "content-type": body.type }, body: body.text };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`${path} was answered with ${response.status}`);
  }
  return { cost: (await server.cpu()) - before };
}

function contestant(name: string, shot: Shot, connections: number): Contestant {
  return {
    name,
    optional: OPTIONAL.has(name),
    async run(amount): Promise<Cost | undefined> {
      const server = await httpServer(name);
      if (server === undefined) return undefined;
      const port = server.ports[0] as number;
      if (amount < FEW) return ask(server, port, shot, amount);
      if (!hasWrk()) return undefined;
      if (!warm.has(`${name} ${shot.path}`)) {
        warm.add(`${name} ${shot.path}`);
        // A server's code is compiled for good when it has answered some hundred thousand.
        await shoot(port, shot, connections, WARM_UP);
      }
      const before = await server.cpu();
      const { requests, p99 } = await shoot(port, shot, connections, SECONDS);
      // So many were made as the time allowed: it is the cost of as many as were wanted.
      return { cost: (((await server.cpu()) - before) / requests) * amount, p99 };
    },
  };
}

/** Those that have what the rows on bodies and files ask for. */
const WHOLE = httpServers.filter((name) => name !== "aiohttp" && name !== "Tornado");

function workload(
  name: string,
  title: string,
  shot: Shot,
  { connections = CONNECTIONS, who = WHOLE }: { connections?: number; who?: readonly string[] } = {},
): Workload {
  return {
    name,
    title,
    table: "net",
    unit: "ns",
    amount: 1000,
    step: 10,
    contestants: who.map((one) => contestant(one, shot, connections)),
  };
}

const kilobyte = JSON.stringify({
  items: Array.from({ length: 16 }, (_, id) => ({ id, name: `item number ${id}`, tags: ["a", "b", "c"] })),
});
const json = { type: "application/json", text: kilobyte };
const upload = { type: "application/octet-stream", text: "rondo ".repeat(65_536 / 6) };

export const httpHello: Workload = workload(
  "http-hello",
  `HTTP: "Hello, World!", ${CONNECTIONS} connections`,
  { path: "/" },
  { who: httpServers },
);
export const httpJson: Workload = workload(
  "http-json",
  "HTTP: 1 KiB of JSON, there and back",
  {
    path: "/json",
    body: json,
  },
  { who: httpServers },
);
export const httpUpload: Workload = workload("http-upload", "HTTP: a body of 64 KiB", {
  path: "/upload",
  body: upload,
});
export const httpFile: Workload = workload(
  "http-file",
  `HTTP: a file of ${FILE_SIZE / 1e6} MB, 10 connections`,
  { path: "/file" },
  { connections: 10 },
);

function idle(name: string): Contestant {
  return {
    name,
    async run(amount) {
      const server = await start(name);
      if (server === undefined) return undefined;
      const load = theLoad();
      const port = server.ports[0] as number;
      await load.order({ do: "open", name: "first", port, connections: 100 });
      await load.order({ do: "request", name: "first" });
      const before = await server.memory();
      await load.order({ do: "open", name: "idle", port, connections: amount });
      await load.order({ do: "request", name: "idle" });
      const grown = (await server.memory()) - before;
      await load.order({ do: "close", name: "idle" });
      await load.order({ do: "close", name: "first" });
      server.stop();
      return grown;
    },
  };
}

/** Ten thousand connections that have each had an answer, and wait for nothing. */
export const httpIdle: Workload = {
  name: "http-idle",
  title: "HTTP: 10,000 idle connections, what the server has grown by for one",
  table: "net",
  unit: "bytes",
  amount: 10_000,
  alone: true,
  contestants: ["Rondo", "Node"].map(idle),
};
