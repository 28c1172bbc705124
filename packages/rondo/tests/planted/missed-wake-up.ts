/**
 * Whether there is anything is looked up before the lock is taken: what comes between the look and the wait is announced to
 * nobody, and the one who looked sleeps for ever.
 */
import { Condition, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

const ITEMS = 3;

class Mailbox {
  protected readonly items: number[] = [];
  protected readonly some = new Condition({ name: "some" });

  *put(item: number): Coroutine<void> {
    using _held = yield* this.some.hold();
    this.items.push(item);
    this.some.notify();
  }

  *take(): Coroutine<number> {
    if (this.items.length === 0) {
      using _held = yield* this.some.hold();
      yield* this.some.wait();
    }
    return this.items.shift() as number;
  }
}

class MendedMailbox extends Mailbox {
  override *take(): Coroutine<number> {
    using _held = yield* this.some.hold();
    while (this.items.length === 0) yield* this.some.wait();
    return this.items.shift() as number;
  }
}

function* program(box: Mailbox): Coroutine<void> {
  const taken: number[] = [];
  yield* group(function* (g) {
    g.spawn(
      function* () {
        for (let i = 0; i < ITEMS; i++) taken.push(yield* box.take());
      },
      { name: "taker" },
    );
    g.spawn(
      function* () {
        for (let i = 0; i < ITEMS; i++) yield* box.put(i);
      },
      { name: "putter" },
    );
  });
  must(taken.join() === "0,1,2", `what was taken: ${taken.join()}`);
}

export const missedWakeUp: Planted = {
  name: "missed wake-up",
  about: "the state is looked at before the lock is taken, and what happens in between wakes nobody",
  on: "tasks",
  budget: 50,
  broken: () => program(new Mailbox()),
  mended: () => program(new MendedMailbox()),
};
