/**
 * No answer came, so the order is sent again. It was not the order that was lost but the answer, or it was only late: the
 * order is done twice.
 */
import { BrokenError, type Coroutine, moveOnAfter, sleep } from "../../src/index.ts";
import { type ByteStream, connect, listen, serve } from "../../src/net/index.ts";
import type { World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

const ORDERS = 3;

class Shop {
  readonly orders: string[] = [];
  private readonly known = new Set<string>();
  private readonly remembers: boolean;

  constructor(remembers: boolean) {
    this.remembers = remembers;
  }

  *serve(stream: ByteStream): Coroutine<void> {
    const lines = stream.lines();
    for (let line = yield* lines.next(); line !== undefined; line = yield* lines.next()) {
      if (!this.remembers || !this.known.has(line)) this.orders.push(line);
      this.known.add(line);
      yield* stream.write("done\n");
    }
  }
}

function* order(what: string): Coroutine<boolean> {
  const stream = yield* connect({ host: "shop", port: 80 });
  try {
    yield* stream.write(`${what}\n`);
    return (yield* stream.lines().next()) === "done";
  } finally {
    stream.abort();
  }
}

function* client(): Coroutine<void> {
  yield* sleep(1); // the shop is open
  for (let i = 0; i < ORDERS; i++) {
    let patience = 150;
    for (let done = false; !done; patience *= 2) {
      try {
        done = (yield* moveOnAfter(patience, () => order(`order ${i}`))).value ?? false;
      } catch (error) {
        if (!(error instanceof BrokenError)) throw error; // the peer is gone: again
      }
    }
  }
}

function* program(world: World, remembers: boolean): Coroutine<void> {
  const shop = new Shop(remembers);
  const server = world.node("shop", function* () {
    yield* serve(yield* listen({ port: 80 }), (stream) => shop.serve(stream));
  });
  yield* finished(world.node("client", client));
  yield* server.stop();
  must(shop.orders.length === ORDERS, `${ORDERS} orders were done ${shop.orders.length} times`);
}

export const duplicateAfterRetry: Planted = {
  name: "duplicate after a retry",
  about: "the answer was late, not the order: it is done twice",
  on: "world",
  budget: 200,
  broken: (world) => program(world, false),
  mended: (world) => program(world, true),
};
