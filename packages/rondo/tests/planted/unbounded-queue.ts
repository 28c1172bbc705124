/** A queue without a bound between one who makes and one who writes: when the disk is slow for a while, memory fills up. */
import { Channel, type Coroutine, group, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

const ITEMS = 120;
/** What there is memory for. */
const ROOM = 50;

function* program(capacity: number, dice: Dice): Coroutine<void> {
  const channel = new Channel<number>(capacity);
  yield* group(function* (g) {
    g.spawn(
      function* () {
        for (let i = 0; i < ITEMS; i++) {
          yield* sleep(1);
          yield* channel.send(i);
          must(channel.statistics().depth <= ROOM, `more than ${ROOM} items wait in memory`);
        }
        channel.close();
      },
      { name: "maker" },
    );
    g.spawn(
      function* () {
        while ((yield* channel.receive()) !== undefined) if (dice.chance(0.001, "the disk is slow")) yield* sleep(100);
      },
      { name: "writer" },
    );
  });
}

export const unboundedQueue: Planted = {
  name: "unbounded queue",
  about: "a slow moment of the consumer fills the memory",
  on: "tasks",
  budget: 300,
  broken: (dice) => program(Infinity, dice),
  mended: (dice) => program(16, dice),
};
