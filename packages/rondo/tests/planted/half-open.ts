/**
 * A subscriber waits for news on a connection. The computer at the other end loses its power and starts again: it knows
 * nothing of the connection, and whoever only reads will never be told.
 */
import { BrokenError, ClosedError, type Coroutine, moveOnAfter, sleep } from "../../src/index.ts";
import { type ByteStream, connect, ConnectError, listen, serve } from "../../src/net/index.ts";
import type { World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

const NEWS = 10;
/** News come at least this often, in ms. */
const BEAT = 100;

function* publisher(): Coroutine<void> {
  yield* serve(yield* listen({ port: 80 }), function* (stream) {
    for (;;) {
      yield* stream.write("news\n");
      yield* sleep(BEAT);
    }
  });
}

/** Gives how many news it got on this connection. */
function* subscribe(stream: ByteStream, patience: number, most: number): Coroutine<number> {
  const lines = stream.lines();
  for (let got = 0; ; got++) {
    if (got === most) return got;
    const next = yield* moveOnAfter(patience, () => lines.next());
    if (next.timedOut || next.value === undefined) return got;
  }
}

function* subscriber(patience: number): Coroutine<number> {
  let got = 0;
  while (got < NEWS) {
    yield* sleep(5);
    let stream: ByteStream | undefined;
    try {
      stream = yield* connect({ host: "publisher", port: 80, timeout: 1000 });
      got += yield* subscribe(stream, patience, NEWS - got);
    } catch (error) {
      const gone = error instanceof BrokenError || error instanceof ConnectError || error instanceof ClosedError;
      if (!gone && (error as Error).name !== "TimeoutError") throw error;
    } finally {
      stream?.abort();
    }
  }
  return got;
}

function* program(world: World, patience: number): Coroutine<void> {
  const server = world.node("publisher", publisher);
  const client = world.node("subscriber", () => subscriber(patience));
  if (world.chance(0.1, "the power fails")) {
    yield* sleep(world.integer(1, 900, "when"));
    server.crash();
    yield* sleep(world.integer(10, 500, "for how long"));
    server.restart();
  }
  const end = yield* moveOnAfter(600_000, () => finished(client));
  client.crash();
  yield* server.stop();
  must(!end.timedOut, "for ten minutes no news came");
}

export const halfOpen: Planted = {
  name: "half-open connection",
  about: "the peer has crashed and come back, and who only reads is never told",
  on: "world",
  budget: 200,
  broken: (world) => program(world, Infinity),
  mended: (world) => program(world, 20 * BEAT),
};
