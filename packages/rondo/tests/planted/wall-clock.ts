/**
 * How long something takes is measured with the clock on the wall. Somebody sets that clock (the time service does, after a
 * bad battery), and what took a moment has taken an hour, or less than nothing.
 */
import { type Coroutine, now, sleep } from "../../src/index.ts";
import type { SimNode, World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

/** A session is over when nothing came for so long. */
const IDLE = 50;

function* server(clock: () => number, beats: () => number): Coroutine<number> {
  let last = clock();
  let seen = 0;
  for (let i = 0; i < 100; i++) {
    yield* sleep(5);
    if (beats() !== seen) {
      seen = beats();
      last = clock();
    }
    if (clock() - last > IDLE) return i;
  }
  return 100;
}

function* program(world: World, clock: () => number): Coroutine<void> {
  let beats = 0;
  const client = world.node("client", function* () {
    for (;;) {
      yield* sleep(10);
      beats++;
    }
  });
  const node = world.node("server", () => server(clock, () => beats));
  if (world.chance(0.2, "the time is set")) yield* setClock(world, node);
  const looks = yield* finished(node);
  client.crash();
  must(looks === 100, `the session was taken for idle after ${String(looks)} looks, though beats came`);
}

function* setClock(world: World, node: SimNode): Coroutine<void> {
  yield* sleep(world.integer(1, 400, "when"));
  node.clock({ offset: world.integer(-100, 100, "by how much") });
}

export const wallClock: Planted = {
  name: "time by the clock on the wall",
  about: "the clock is set, and a live session has been idle for too long",
  on: "world",
  budget: 300,
  broken: (world) => program(world, () => Date.now()),
  mended: (world) => program(world, () => now()),
};
