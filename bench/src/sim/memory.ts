// What a long run holds: an hour of virtual time, and a thousand connections on which a line goes there and back every
// ten seconds.
import { type Coroutine, group, sleep } from "rondo";
import { connect, listen, serve } from "rondo/net";
import { simulate } from "rondo/sim";
import { ceiling, judge } from "./measure.ts";

const connections = Number(process.argv[2] ?? 1000);
const HOUR = 3_600_000;
const MB = 1e6;

function* echo(): Coroutine<void> {
  yield* serve(yield* listen({ port: 7, backlog: 4096 }), function* (stream) {
    for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) yield* stream.write(data);
  });
}

function* talker(until: number): Coroutine<void> {
  const stream = yield* connect({ host: "server", port: 7 });
  const lines = stream.lines();
  for (let said = 0; said < until; said++) {
    yield* stream.write("hello\n");
    yield* lines.next();
    yield* sleep(10_000);
  }
  stream.abort();
}

let most = 0;
const began = performance.now();
const run = simulate({ seed: 1, maxSteps: Infinity, maxVirtual: 2 * HOUR }, function* (world) {
  const server = world.node("server", echo);
  yield* sleep(1);
  const client = world.node("clients", function* () {
    yield* group(function* (g) {
      for (let i = 0; i < connections; i++) g.spawn(talker(HOUR / 10_000));
    });
  });
  world.node("meter", function* () {
    for (let minute = 0; minute < 60; minute++) {
      yield* sleep(60_000);
      most = Math.max(most, process.memoryUsage().rss);
    }
  });
  yield* client.ended();
  yield* server.stop();
  return world.network.statistics().packets;
});
if (!run.ok) throw run.error;
const seconds = ((performance.now() - began) / 1000).toFixed(0);
process.stdout.write(`${connections} connections, ${run.steps} steps, ${String(run.value)} packets, ${seconds} s\n`);
judge("MB of resident memory, at most", most / MB, ceiling(500));
