/** The limiter: tokens have borrowers, and its size may change. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { checkpoint, Limiter, moveOnAfter, now, select, sleep, suspend } from "../index.ts";

test("at most so many borrow at once, whatever the schedule", () =>
  onEverySchedule(function* (g) {
    const limiter = new Limiter(3);
    let inside = 0;
    let most = 0;
    const tasks = Array.from({ length: 10 }, () =>
      g.spawn(
        limiter.with(function* () {
          most = Math.max(most, ++inside);
          yield* sleep(10);
          inside--;
        }),
      ),
    );
    for (const task of tasks) yield* task;
    expect([most, now()]).toEqual([3, 40]);
    expect(limiter.statistics()).toEqual({ total: 3, borrowed: 0, available: 3, borrowers: [], waiters: 0 });
  }));

test("those who wait get a token in the order in which they came, and nobody gets in between", () =>
  onEverySchedule(function* (g) {
    const limiter = new Limiter(1);
    yield* limiter.acquire();
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) {
      g.spawn(
        limiter.with(function* () {
          order.push(name);
          yield* checkpoint();
        }),
      );
      yield* sleep(1);
    }
    limiter.release();
    expect(limiter.tryAcquire()).toBe(false);
    yield* sleep(1);
    expect(order).toEqual(["a", "b", "c"]);
  }));

test("a task that gives back and borrows in a loop takes turns with one that waits", async () => {
  const order: string[] = [];
  await inGroup(function* (g) {
    const limiter = new Limiter(1);
    for (const name of ["a", "b"]) {
      g.spawn(function* () {
        for (let i = 0; i < 3; i++) {
          using _token = yield* limiter.hold();
          order.push(name);
          yield* checkpoint();
        }
      });
    }
  });
  expect(order.join("")).toBe("ababab");
});

describe("its size", () => {
  test("made larger lets waiting tasks go on at once", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(1);
      const tasks = [1, 2, 3, 4].map(() => g.spawn(limiter.with(sleep(10))));
      yield* sleep(5);
      limiter.total = 3;
      expect(limiter.statistics()).toMatchObject({ borrowed: 3, waiters: 1 });
      for (const task of tasks) yield* task;
      expect(now()).toBe(20);
    }));

  test("made smaller takes nothing from anybody, and lets nobody in until enough are back", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(3);
      for (const ms of [10, 20, 30]) g.spawn(limiter.with(sleep(ms)));
      yield* sleep(1);
      limiter.total = 1;
      expect(limiter.statistics()).toMatchObject({ total: 1, borrowed: 3, available: 0 });
      yield* limiter.acquire();
      expect(now()).toBe(30);
      limiter.release();
    }));

  test("of 0 is a pause, and of Infinity no limit", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(0);
      const tasks = [1, 2, 3].map(() => g.spawn(limiter.acquire()));
      yield* sleep(5);
      expect(limiter.statistics().waiters).toBe(3);
      limiter.total = Infinity;
      for (const task of tasks) yield* task;
      expect(limiter.available).toBe(Infinity);
    }));

  test("that is no whole number is an error", () => {
    for (const total of [-1, 1.5, Number.NaN]) {
      expect(() => new Limiter(total)).toThrow(RangeError);
      expect(() => (new Limiter(1).total = total)).toThrow(RangeError);
    }
  });
});

describe("a token and cancellation", () => {
  test("one who is cancelled in line gets none, and the next one does", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(1);
      yield* limiter.acquire();
      const first = g.spawn(limiter.with(sleep(1)));
      yield* sleep(1);
      const second = g.spawn(limiter.with(sleep(1)));
      yield* sleep(1);
      first.cancel();
      limiter.release();
      yield* second;
      expect([now(), limiter.borrowed]).toEqual([3, 0]);
    }));

  test("one who was granted it and is cancelled in the same turn gives it back", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(1);
      yield* limiter.acquire();
      const first = g.spawn(limiter.with(sleep(10)));
      yield* sleep(1);
      const second = g.spawn(limiter.with(sleep(1)));
      yield* sleep(1);
      limiter.release();
      first.cancel();
      yield* second;
      expect([now(), limiter.borrowed]).toEqual([3, 0]);
    }));

  test("many cancelled at the moment of a release lose no token and gain none", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(2);
      const tasks = Array.from({ length: 10 }, () => g.spawn(limiter.with(sleep(5))));
      yield* sleep(5);
      for (const task of tasks) task.cancel();
      for (const task of tasks) yield* task.ended();
      expect(limiter.statistics()).toMatchObject({ borrowed: 0, available: 2, waiters: 0 });
    }));

  test("after a timeout or a lost arm one may ask again", async () => {
    await virtually(function* () {
      const limiter = new Limiter(1);
      yield* limiter.acquire(limiter);
      expect((yield* moveOnAfter(1, limiter.acquire())).timedOut).toBe(true);
      expect((yield* select({ token: limiter.acquire(), late: sleep(1) })).key).toBe("late");
      limiter.release(limiter);
      yield* limiter.acquire();
      limiter.release();
    });
  });
});

describe("borrowers", () => {
  test("a token for a job that outlives its caller comes back when the job ends", () =>
    onEverySchedule(function* (g) {
      const limiter = new Limiter(1, { name: "threads" });
      const job = { name: "job" };
      let end: () => void = () => {};
      const thread = g.spawn(
        suspend((wake) => {
          end = () => {
            limiter.release(job); // from the thread's own callback, where no task runs
            wake();
          };
        }),
      );
      const caller = g.spawn(function* () {
        yield* limiter.acquire(job);
        yield* sleep(1000);
      });
      yield* sleep(1);
      caller.cancel();
      yield* caller.ended();
      expect(limiter.statistics()).toMatchObject({ borrowed: 1, borrowers: [job] });
      const next = g.spawn(limiter.acquire());
      yield* sleep(1);
      expect(next.state).toBe("waiting");
      end();
      yield* next;
      yield* thread;
    }));

  test("have one token each: asking for a second is an error, waiting for two as well", async () => {
    await inGroup(function* (g) {
      const limiter = new Limiter(2, { name: "threads" });
      const job = { name: "job" };
      yield* limiter.acquire(job);
      expect(() => limiter.tryAcquire(job)).toThrow('"job" has borrowed a token of the limiter "threads" already');
      limiter.total = 1;
      const other = {};
      g.spawn(limiter.acquire(other));
      yield* sleep(1);
      expect(String(yield* thrownBy(() => limiter.acquire(other)))).toMatch(
        /a borrower waits for a token of the limiter "threads" already/,
      );
      limiter.release(job);
    });
  });

  test("with() and hold() give back for the borrower that borrowed, also from another task", async () => {
    await inGroup(function* (g) {
      const limiter = new Limiter(1);
      const job = {};
      yield* limiter.with(function* () {
        expect(limiter.statistics().borrowers).toEqual([job]);
      }, job);
      const held = yield* limiter.hold();
      yield* g.spawn(function* () {
        held.release();
      });
      expect(limiter.borrowed).toBe(0);
    });
  });

  test("who have borrowed nothing can give nothing back", async () => {
    await virtually(function* main() {
      const limiter = new Limiter(1, { name: "threads" });
      expect(() => limiter.release()).toThrow(
        'the limiter "threads" was given back a token by "main", which has borrowed none',
      );
      expect(() => limiter.release({})).toThrow("by a borrower, which has borrowed none");
    });
    expect(() => new Limiter(1).tryAcquire()).toThrow(/outside a task/);
  });
});
