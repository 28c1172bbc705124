/** A lock for readers and a writer that lets readers in while others read: as long as they overlap, the writer waits. */
import { Condition, type Coroutine, group, moveOnAfter, RWLock, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

interface Shared {
  withRead(body: () => Coroutine<void>): Coroutine<void>;
  withWrite(body: () => Coroutine<void>): Coroutine<void>;
}

class ReadersFirst implements Shared {
  private readers = 0;
  private readonly free = new Condition({ name: "free" });

  *withRead(body: () => Coroutine<void>): Coroutine<void> {
    yield* this.free.acquire();
    this.readers++;
    this.free.release();
    yield* body();
    yield* this.free.acquire();
    if (--this.readers === 0) this.free.notifyAll();
    this.free.release();
  }

  *withWrite(body: () => Coroutine<void>): Coroutine<void> {
    using _held = yield* this.free.hold();
    yield* this.free.waitFor(() => this.readers === 0);
    yield* body();
  }
}

function* program(lock: Shared, dice: Dice): Coroutine<void> {
  let over = false;
  yield* group(function* (g) {
    for (let i = 0; i < 3; i++) {
      g.spawn(
        function* () {
          while (!over) {
            yield* lock.withRead(() => reading(dice.integer(1, 12, "reads")));
            yield* sleep(dice.integer(0, 4, "thinks"));
          }
        },
        { name: `reader ${i}` },
      );
    }
    yield* sleep(20);
    const written = yield* moveOnAfter(150, () => lock.withWrite(() => reading(1)));
    over = true;
    must(!written.timedOut, "the writer had no turn in 150 ms");
  });
}

function* reading(ms: number): Coroutine<void> {
  yield* sleep(ms);
}

export const starvedWriter: Planted = {
  name: "starved writer",
  about: "readers overlap for ever, and the writer has no turn",
  on: "tasks",
  budget: 500,
  broken: (dice) => program(new ReadersFirst(), dice),
  mended: (dice) => program(new RWLock({ name: "shared" }), dice),
};
