// How many packets a simulated network carries in a second of one processor, with all that the programs at both ends do for
// them: a message to and fro over a hundred connections, on a good network and on one with jitter and loss, and a hundred
// megabytes one way.
import { type Coroutine, group, sleep, use } from "rondo";
import { connect, listen, serve } from "rondo/net";
import { type LinkSettings, simulate, type World } from "rondo/sim";
import { best, floor, judge } from "./measure.ts";

const CONNECTIONS = 100;
const MESSAGE = 64;
const BLOCK = 65_536;

function* server(): Coroutine<void> {
  const listener = yield* listen({ port: 80 });
  yield* serve(listener, function* (stream) {
    for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read())
      yield* stream.write(chunk);
  });
}

function* sink(): Coroutine<void> {
  const listener = yield* listen({ port: 80 });
  yield* serve(listener, function* (stream) {
    while ((yield* stream.read()) !== undefined);
  });
}

function* asks(times: number): Coroutine<void> {
  const stream = use(yield* connect({ host: "server", port: 80 }));
  const message = new Uint8Array(MESSAGE);
  for (let i = 0; i < times; i++) {
    yield* stream.write(message);
    yield* stream.readExactly(MESSAGE);
  }
}

function* pours(times: number): Coroutine<void> {
  const stream = use(yield* connect({ host: "server", port: 80 }));
  const block = new Uint8Array(BLOCK);
  for (let i = 0; i < times; i++) yield* stream.write(block);
}

const amount = Number(process.argv[2] ?? 400_000);

function packetsPerSecond(
  link: Partial<LinkSettings>,
  program: () => Coroutine<void>,
  client: () => Coroutine<void>,
): number {
  return best(4, () => {
    let packets = 0;
    const run = simulate({ seed: 1, network: { faults: "none", link }, maxSteps: Infinity }, function* (world: World) {
      world.node("server", program);
      yield* sleep(1);
      yield* world.node("client", client).ended();
      ({ packets } = world.network.statistics());
    });
    if (!run.ok) throw run.error;
    return packets;
  });
}

function* echoes(): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < CONNECTIONS; i++) g.spawn(asks(amount / 2 / CONNECTIONS));
  });
}

const promise = floor(500_000);
judge("packets a second, small messages to and fro", packetsPerSecond({}, server, echoes), promise);
const bad = { jitter: 1, loss: 0.001 };
judge("packets a second, with jitter and loss", packetsPerSecond(bad, server, echoes), promise);
const much = (): Coroutine<void> => pours(amount / 250);
judge("packets a second, much at once", packetsPerSecond({}, sink, much), promise);
