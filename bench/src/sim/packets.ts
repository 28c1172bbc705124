// How many packets a simulated network carries in a second of one processor: segments of streams and datagrams that are
// sent, arrive at a time of their own, and are read at the other end by a program.
import { type Coroutine, group } from "rondo";
import { connect, listen, serve, udp } from "rondo/net";
import { simulate } from "rondo/sim";
import { best, floor, judge } from "./measure.ts";

const PAIRS = 8;
const SEGMENT = 1460;

const packets = Number(process.argv[2] ?? 400_000);

function* server(): Coroutine<void> {
  yield* serve(yield* listen({ port: 80 }), function* (stream) {
    const buffer = new Uint8Array(65_536);
    while ((yield* stream.readInto(buffer)) !== undefined);
  });
}

function* client(bytes: number): Coroutine<void> {
  const stream = yield* connect({ host: "server", port: 80 });
  const chunk = new Uint8Array(16 * SEGMENT);
  for (let sent = 0; sent < bytes; sent += chunk.length) yield* stream.write(chunk);
  yield* stream.close();
}

function* pings(times: number): Coroutine<void> {
  const socket = yield* udp({});
  const data = new Uint8Array(64);
  for (let i = 0; i < times; i++) {
    yield* socket.send(data, { host: "10.0.0.99", port: 7 });
    yield* socket.receive();
  }
  socket.close();
}

function* echo(times: number): Coroutine<void> {
  const socket = yield* udp({ bind: { port: 7 } });
  for (let i = 0; i < times; i++) {
    const { data, from } = yield* socket.receive();
    yield* socket.send(data, from);
  }
  socket.close();
}

function streams(jitter: number): number {
  return best(3, () => {
    const bytes = Math.floor((packets / PAIRS) * SEGMENT);
    const run = simulate(
      { seed: 1, maxSteps: Infinity, network: { faults: "none", link: { jitter } } },
      function* (world) {
        const server80 = world.node("server", server);
        const clients = Array.from({ length: PAIRS }, (_, i) => world.node(`client ${i}`, () => client(bytes)));
        for (const node of clients) yield* node.ended();
        yield* server80.stop();
        return world.network.statistics().packets;
      },
    );
    if (!run.ok) throw run.error;
    return run.value as number;
  });
}

function datagrams(): number {
  return best(3, () => {
    const times = Math.floor(packets / 4);
    const run = simulate({ seed: 1, maxSteps: Infinity, network: { faults: "none" } }, function* (world) {
      world.node("echo", () => echo(times), { address: "10.0.0.99" });
      yield* group(function* (g) {
        g.spawn(pings(times));
      });
      return world.network.statistics().packets;
    });
    if (!run.ok) throw run.error;
    return run.value as number;
  });
}

judge("packets a second, of streams", streams(0), floor(500_000));
judge("of streams, each with a time of its own", streams(5));
judge("of datagrams, there and back one by one", datagrams());
