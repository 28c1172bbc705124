// The HTTP client: what ten thousand small requests cost the one who asks, 64 at a time, over kept connections, of a server in
// another process.
import { openClient } from "@rondo/http";
import { type Coroutine, group, run } from "rondo";
import { Agent, request } from "undici";
import { httpServer } from "../http/peers.ts";
import type { Contestant, Workload } from "../workload.ts";

const AT_ONCE = 64;
const HELLO = "Hello, World!";
/** V8 compiles for good what has been asked some fifty thousand times: before that it is the compiler that is measured. */
const WARM_UP = 50_000;
const FEW = 1000;
const warm = new Set<string>();

async function urlOf(): Promise<string> {
  const server = await httpServer("Node");
  return `http://127.0.0.1:${server?.ports[0]}/`;
}

function check(text: string): void {
  if (text !== HELLO) throw new Error(`the server answered ${JSON.stringify(text)}`);
}

async function byRondo(url: string, amount: number): Promise<void> {
  let left = amount;
  function* worker(client: ReturnType<typeof openClient>): Coroutine<void> {
    while (left-- > 0) {
      const response = yield* client.fetch(url);
      check(yield* response.text());
    }
  }
  await run(() =>
    group(function* () {
      const client = openClient({ proxy: null });
      yield* group(function* (g) {
        for (let i = 0; i < AT_ONCE; i++) g.spawn(worker(client));
      });
    }),
  );
}

const agent = new Agent({ connections: AT_ONCE });

async function byUndici(url: string, amount: number): Promise<void> {
  let left = amount;
  async function worker(): Promise<void> {
    while (left-- > 0) {
      const { body } = await request(url, { dispatcher: agent });
      check(await body.text());
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function byFetch(url: string, amount: number): Promise<void> {
  let left = amount;
  async function worker(): Promise<void> {
    while (left-- > 0) check(await (await fetch(url)).text());
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function contestant(name: string, ask: (url: string, amount: number) => Promise<void>): Contestant {
  return {
    name,
    async run(amount) {
      const url = await urlOf();
      if (amount >= FEW && !warm.has(name)) {
        warm.add(name);
        await ask(url, WARM_UP);
      }
      const before = process.cpuUsage();
      await ask(url, amount);
      const { user, system } = process.cpuUsage(before);
      return (user + system) * 1000;
    },
  };
}

export const httpClient: Workload = {
  name: "http-client",
  title: "HTTP client: a small request, 64 at once",
  table: "net",
  unit: "ns",
  amount: 10_000,
  step: 100,
  contestants: [contestant("Rondo", byRondo), contestant("undici", byUndici), contestant("fetch", byFetch)],
};
