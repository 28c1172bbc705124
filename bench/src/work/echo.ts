// TCP echo: what a message costs the server that sends it back, at so many connections, of this size, with so many of them
// under way on each connection. The load comes from another process. And how long 99 of 100 messages take.
//
// Rondo's server is one task a connection: `copy(stream, stream)`, or a loop that reads and writes, whose chunks are its own to
// keep; Node's the same in callbacks of `node:net`; asyncio's and uvloop's are on asyncio's streams. What is taken is the processor's time, of all threads of the server.
import { serverOf, theLoad } from "../net/peers.ts";
import type { Contestant, Cost, Workload } from "../workload.ts";

const CONNECTIONS = [10, 100, 1000];
const SIZES = [64, 1024, 10_240, 102_400];
const IN_FLIGHT = [1, 16];

/** What is measured unless everything is asked for: each size, each number of connections, each depth, and the corners. */
const USUAL = new Set([
  "echo-10-64-1",
  "echo-10-64-16",
  "echo-10-100k-16",
  "echo-100-64-1",
  "echo-100-1k-1",
  "echo-100-1k-16",
  "echo-100-10k-1",
  "echo-100-100k-1",
  "echo-1000-64-1",
  "echo-1000-1k-16",
]);

function shown(size: number): string {
  return size < 1024 ? `${size} B` : `${size / 1024} KiB`;
}

/**
 * How many messages a server is sent before it is measured. What the engine compiles on threads of its own is the server's
 * processor time too, but no message's; and it comes to the last of a server's functions after some 20,000 reads. Messages
 * that come together are read at once. Of large ones the system's copying is nearly all, and half a GiB is enough. (Whoever only
 * tries whether it runs does a few messages, and needs a few more.)
 */
function warmUp(size: number, inFlight: number): number {
  return Math.ceil(Math.min(40_000 * inFlight, (512 * 1024 * 1024) / size));
}

function contestant(name: string, connections: number, size: number, inFlight: number): Contestant {
  const opened = new Set<number>();
  return {
    name,
    async run(amount): Promise<Cost> {
      const server = await serverOf(name, "echo");
      const port = server.ports[0] as number;
      const load = theLoad();
      const group = `${name} ${connections}`;
      if (!opened.has(port)) {
        opened.add(port);
        await load.order({ do: "open", name: group, port, connections });
        await load.order({
          do: "echo",
          name: group,
          messages: Math.min(warmUp(size, inFlight), amount * 8),
          size,
          inFlight,
        });
      }
      const before = await server.cpu();
      const p99 = await load.order({ do: "echo", name: group, messages: amount, size, inFlight });
      return { cost: (await server.cpu()) - before, p99 };
    },
  };
}

function workload(connections: number, size: number, inFlight: number): Workload {
  const name = `echo-${connections}-${size < 1024 ? size : `${size / 1024}k`}-${inFlight}`;
  // Large messages are mostly copied by the system. Of those that come together many more are sent: a server reads them at once,
  // and in a thousand reads the engine is still compiling.
  const most = size > 50_000 ? 4000 : inFlight > 1 ? 512_000 : 16_000;
  return {
    name,
    title: `echo: ${connections} connections, ${shown(size)}${inFlight > 1 ? `, ${inFlight} under way` : ""}`,
    table: "net",
    unit: "ns",
    amount: Math.max(most, connections * inFlight * 2),
    step: 500,
    slices: 4,
    extra: !USUAL.has(name),
    contestants: ["Rondo", "Node", "read and write", "asyncio", "uvloop"].map((who) =>
      contestant(who, connections, size, inFlight),
    ),
  };
}

export const echoes: readonly Workload[] = CONNECTIONS.flatMap((connections) =>
  SIZES.flatMap((size) => IN_FLIGHT.map((inFlight) => workload(connections, size, inFlight))),
);
