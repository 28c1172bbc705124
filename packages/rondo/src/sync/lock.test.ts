/** The lock: one holder, a fair line, direct handoff, and what becomes of a holder that ends. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BrokenError,
  checkpoint,
  DeadlockError,
  Lock,
  moveOnAfter,
  now,
  run,
  select,
  sleep,
  type Task,
  VirtualHost,
} from "../index.ts";

describe("holding a lock", () => {
  test("only one task holds it at a time, whatever the schedule", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      let inside = 0;
      function* work() {
        for (let i = 0; i < 3; i++) {
          yield* lock.acquire();
          expect(++inside).toBe(1);
          yield* sleep(1);
          inside--;
          lock.release();
        }
      }
      const tasks = Array.from({ length: 5 }, () => g.spawn(work));
      for (const task of tasks) yield* task;
      expect(now()).toBe(15);
      expect(lock.locked).toBe(false);
    }));

  test("those who wait get it in the order in which they came", async () => {
    const order: string[] = [];
    await inGroup(function* (g) {
      const lock = new Lock();
      function* work(name: string) {
        yield* lock.acquire();
        order.push(name);
        yield* checkpoint();
        lock.release();
      }
      for (const name of ["a", "b", "c", "d"]) g.spawn(work(name));
    });
    expect(order).toEqual(["a", "b", "c", "d"]);
  });

  test("a free lock is taken without a switch", async () => {
    await inGroup(function* (g) {
      const lock = new Lock();
      let others = 0;
      g.spawn(function* () {
        others++;
      });
      yield* lock.acquire();
      expect(others).toBe(0);
      lock.release();
    });
  });

  test("a task that takes and gives a free lock for ever lets the others run", async () => {
    let rounds = 0;
    await inGroup(function* (g) {
      const lock = new Lock();
      let stop = false;
      g.spawn(function* () {
        yield* checkpoint();
        yield* sleep(0);
        stop = true;
      });
      while (!stop) {
        rounds++;
        yield* lock.acquire();
        lock.release();
      }
    });
    expect(rounds).toBeLessThan(10_000);
  });

  test("a task that releases and acquires in a loop takes turns with one that waits", async () => {
    const order: string[] = [];
    await inGroup(function* (g) {
      const lock = new Lock();
      function* loop(name: string) {
        for (let i = 0; i < 3; i++) {
          yield* lock.acquire();
          order.push(name);
          yield* checkpoint();
          lock.release();
        }
      }
      g.spawn(loop("a"));
      g.spawn(loop("b"));
    });
    expect(order.join("")).toBe("ababab");
  });

  test("released to one who waits, it is theirs at once: nobody gets in between", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      yield* lock.acquire();
      const waiter = g.spawn(function* () {
        yield* lock.acquire();
        lock.release();
      });
      yield* sleep(1);
      lock.release();
      expect(lock.holder).toBe(waiter);
      expect(lock.tryAcquire()).toBe(false);
    }));

  test("with() and hold() give it back when the body ends, throws or is cancelled", async () => {
    await virtually(function* () {
      const lock = new Lock();
      expect(
        yield* lock.with(function* () {
          expect(lock.locked).toBe(true);
          return 7;
        }),
      ).toBe(7);
      expect(lock.locked).toBe(false);
      expect(yield* thrownBy(() => lock.with(() => raise("inside")))).toEqual(new Error("inside"));
      expect(lock.locked).toBe(false);
      yield* moveOnAfter(5, lock.with(sleep(100)));
      expect(lock.locked).toBe(false);
      yield* moveOnAfter(5, function* () {
        using _held = yield* lock.hold();
        yield* sleep(100);
      });
      expect(lock.locked).toBe(false);
      {
        using held = yield* lock.hold();
        held.release();
        expect(lock.locked).toBe(false);
      }
    });
  });
});

describe("a lock and cancellation", () => {
  test("one who is cancelled in line leaves it, and the next gets the lock", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      yield* lock.acquire();
      const first = g.spawn(lock.with(sleep(1)));
      yield* sleep(1);
      const second = g.spawn(lock.with(sleep(1)));
      yield* sleep(1);
      first.cancel();
      lock.release();
      yield* second;
      expect(first.state).toBe("cancelled");
      expect(lock.statistics()).toEqual({ holder: undefined, waiters: 0 });
    }));

  test("one who was granted it and is cancelled in the same turn holds it, and gives it back", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      yield* lock.acquire();
      let held = false;
      const first = g.spawn(function* () {
        yield* lock.acquire();
        held = true;
        try {
          yield* sleep(10);
        } finally {
          lock.release();
        }
      });
      yield* sleep(1);
      const second = g.spawn(lock.with(sleep(1)));
      yield* sleep(1);
      lock.release();
      first.cancel();
      yield* second;
      expect(held).toBe(true);
      expect(first.state).toBe("cancelled");
      expect(now()).toBe(3);
    }));

  test("a task that is cancelled before it asks does not take a lock that is free", async () => {
    await inGroup(function* (g) {
      const lock = new Lock();
      const task = g.spawn(lock.acquire());
      task.cancel();
      yield* task.ended();
      expect(task.state).toBe("cancelled");
      expect(lock.locked).toBe(false);
    });
  });

  test("waiting with a timeout leaves no trace in the line", async () => {
    await inGroup(function* (g) {
      const lock = new Lock();
      yield* lock.acquire();
      const late = g.spawn(() => moveOnAfter(5, lock.acquire()));
      expect(yield* late).toEqual({ timedOut: true, value: undefined });
      expect(lock.statistics().waiters).toBe(0);
      lock.release();
      expect(lock.locked).toBe(false);
    });
  });

  test("as an arm of a select it is held by the task that selects, or not at all", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      const other = new Lock();
      yield* lock.acquire();
      yield* other.acquire();
      const chooser: Task = g.spawn(function* () {
        const taken = yield* select({ lock: lock.acquire(), other: other.acquire(), late: sleep(100) });
        expect(taken.key).toBe("other");
        expect(other.holder).toBe(chooser);
        expect(lock.holder).not.toBe(chooser);
        other.release();
      });
      yield* sleep(1);
      other.release();
      lock.release();
      yield* chooser;
      expect([lock.locked, other.locked]).toEqual([false, false]);
    }));
});

describe("bad use of a lock", () => {
  test("releasing what you do not hold says who does", async () => {
    await inGroup(function* (g) {
      const lock = new Lock({ name: "ledger" });
      expect(() => lock.release()).toThrow(/the lock "ledger" was released by ".*", but nobody holds it/);
      g.spawn(lock.with(sleep(10)), { name: "clerk" });
      yield* sleep(1);
      expect(() => lock.release()).toThrow(/but "clerk" holds it/);
    });
    const lock = new Lock();
    expect(() => lock.release()).toThrow("the lock was released by no task");
  });

  test("acquiring what you hold is an error and not a deadlock", async () => {
    await virtually(function* () {
      const lock = new Lock({ name: "ledger" });
      yield* lock.acquire();
      expect(String(yield* thrownBy(() => lock.acquire()))).toMatch(
        /acquires the lock "ledger", which it holds already/,
      );
      expect(() => lock.tryAcquire()).toThrow(/holds already/);
      lock.release();
    });
  });

  test("outside a task there is nobody to hold it", () => {
    expect(() => new Lock().tryAcquire()).toThrow(/outside a task/);
  });
});

describe("a task that ends while it holds a lock", () => {
  test("is reported, and everyone in line gets a BrokenError, and so does who comes later", async () => {
    const host = new VirtualHost();
    await inGroup(function* (g) {
      const lock = new Lock({ name: "ledger" });
      g.spawn(
        function* () {
          yield* lock.acquire();
          yield* sleep(5);
        },
        { name: "forgetful" },
      );
      const waiters = [1, 2].map(() => g.spawn(() => thrownBy(() => lock.acquire())));
      yield* sleep(1);
      expect(lock.statistics()).toEqual({ holder: "forgetful", waiters: 2 });
      for (const waiter of waiters) expect(yield* waiter).toBeInstanceOf(BrokenError);
      expect(now()).toBe(5);
      expect(yield* thrownBy(() => lock.acquire())).toBeInstanceOf(BrokenError);
      expect(() => lock.tryAcquire()).toThrow(BrokenError);
      expect(lock.holder).toBe(null);
    }, host);
    expect(host.reports).toMatchObject([
      { kind: "lock", message: '"forgetful" ended while it held the lock "ledger"' },
    ]);
  });

  test("breaks every lock it holds, those that were taken in between released ones too", async () => {
    const host = new VirtualHost();
    await inGroup(function* (g) {
      const [a, b, c] = ["a", "b", "c"].map((name) => new Lock({ name })) as [Lock, Lock, Lock];
      yield* g.spawn(function* () {
        for (const lock of [a, b, c]) yield* lock.acquire();
        b.release();
      });
      expect([a.broken, b.broken, c.broken]).toEqual([true, false, true]);
    }, host);
    expect(host.reports).toHaveLength(2);
  });
});

describe("looking at a lock", () => {
  test("statistics tell the holder and how many wait", async () => {
    await inGroup(function* (g) {
      const lock = new Lock({ name: "ledger" });
      expect(lock.statistics()).toEqual({ holder: undefined, waiters: 0 });
      const tasks = ["a", "b", "c"].map((name) => g.spawn(lock.with(sleep(10)), { name }));
      yield* sleep(1);
      expect(lock.statistics()).toEqual({ holder: "a", waiters: 2 });
      expect(tasks.map((task) => task.waitingFor)).toEqual(["sleep", "lock", "lock"]);
    });
  });

  test("two tasks that wait for each other's lock are named with the circle", async () => {
    const a = new Lock({ name: "a" });
    const b = new Lock({ name: "b" });
    function* take(first: Lock, second: Lock) {
      yield* first.with(function* () {
        yield* sleep(1);
        yield* second.with(sleep(1));
      });
    }
    const error: unknown = await inGroup(function* (g) {
      g.spawn(take(a, b), { name: "left" });
      g.spawn(take(b, a), { name: "right" });
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlockError);
    expect((error as Error).message).toMatch(/"left" waits for lock "b", held by "right"/);
    expect((error as Error).message).toMatch(
      /in a circle: "(left|right)" waits for "(?!\1)(left|right)" waits for "\1"/,
    );
    expect([a.locked, b.locked]).toEqual([false, false]);
  });
});

test("a lock made outside a loop can be used by several runs", async () => {
  const lock = new Lock();
  await Promise.all([1, 2, 3].map(() => run(() => lock.with(checkpoint()), { host: new VirtualHost() })));
  expect(lock.locked).toBe(false);
});

function* raise(message: string): Generator<never, never, unknown> {
  throw new Error(message);
}
