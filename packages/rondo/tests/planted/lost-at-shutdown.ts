/** At the end the worker is cancelled: what it has been given and has not done is forgotten. It is mostly idle by then. */
import { Channel, type Coroutine, group, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

const MESSAGES = 5;

function* worker(inbox: Channel<number>, done: number[], dice: Dice): Coroutine<void> {
  for (let item = yield* inbox.receive(); item !== undefined; item = yield* inbox.receive()) {
    if (dice.chance(0.02, "the worker is slow")) yield* sleep(dice.integer(1, 20, "how slow"));
    done.push(item);
  }
}

function* program(drains: boolean, dice: Dice): Coroutine<void> {
  const done: number[] = [];
  yield* group(
    function* (g) {
      const inbox = new Channel<number>(16);
      const task = g.spawn(worker(inbox, done, dice), { name: "worker" });
      for (let i = 0; i < MESSAGES; i++) {
        yield* inbox.send(i);
        yield* sleep(2);
      }
      if (drains) {
        inbox.close();
        yield* task;
      } else task.cancel("shutdown");
    },
    { onFailure: "keep" },
  );
  must(done.length === MESSAGES, `of ${MESSAGES} messages ${done.length} were done`);
}

export const lostAtShutdown: Planted = {
  name: "message lost at shutdown",
  about: "the worker is cancelled and not drained",
  on: "tasks",
  budget: 300,
  broken: (dice) => program(false, dice),
  mended: (dice) => program(true, dice),
};
