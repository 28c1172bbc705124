/**
 * A buffer with one place and one condition for both who wait for an item and who wait for the place. `notify` wakes one of
 * them: if it is one of the wrong kind, it goes back to sleep, and the right one is never told.
 */
import { Condition, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

const EACH = 1;

class Buffer {
  protected item: number | undefined;
  protected readonly changed = new Condition({ name: "changed" });

  *put(item: number): Coroutine<void> {
    using _held = yield* this.changed.hold();
    while (this.item !== undefined) yield* this.changed.wait();
    this.item = item;
    this.tell();
  }

  *take(): Coroutine<number> {
    using _held = yield* this.changed.hold();
    while (this.item === undefined) yield* this.changed.wait();
    const { item } = this;
    this.item = undefined;
    this.tell();
    return item;
  }

  protected tell(): void {
    this.changed.notify();
  }
}

class MendedBuffer extends Buffer {
  protected override tell(): void {
    this.changed.notifyAll();
  }
}

function* program(buffer: Buffer): Coroutine<void> {
  const taken: number[] = [];
  yield* group(function* (g) {
    for (let who = 0; who < 2; who++) {
      g.spawn(
        function* () {
          for (let i = 0; i < EACH; i++) yield* buffer.put(1);
        },
        { name: `putter ${who}` },
      );
      g.spawn(
        function* () {
          for (let i = 0; i < EACH; i++) taken.push(yield* buffer.take());
        },
        { name: `taker ${who}` },
      );
    }
  });
  must(taken.length === 2 * EACH, `${taken.length} items were taken`);
}

export const oneCondition: Planted = {
  name: "one condition for two",
  about: "the one who is woken is of the wrong kind, and the right one sleeps on",
  on: "tasks",
  budget: 500,
  broken: () => program(new Buffer()),
  mended: () => program(new MendedBuffer()),
};
