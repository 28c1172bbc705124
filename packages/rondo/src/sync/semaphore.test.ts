/** The semaphore: permits are handed over, never up for grabs, and never lost. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, virtually } from "../../tests/virtual.ts";
import { checkpoint, moveOnAfter, now, select, Semaphore, sleep } from "../index.ts";

test("at most so many hold a permit at once, whatever the schedule", () =>
  onEverySchedule(function* (g) {
    const semaphore = new Semaphore(3);
    let inside = 0;
    let most = 0;
    function* work() {
      yield* semaphore.with(function* () {
        most = Math.max(most, ++inside);
        yield* sleep(10);
        inside--;
      });
    }
    const tasks = Array.from({ length: 10 }, () => g.spawn(work));
    for (const task of tasks) yield* task;
    expect(most).toBe(3);
    expect(now()).toBe(40);
    expect(semaphore.statistics()).toEqual({ available: 3, permits: 3, waiters: 0 });
  }));

test("those who wait get a permit in the order in which they came", async () => {
  const order: number[] = [];
  await inGroup(function* (g) {
    const semaphore = new Semaphore(1);
    for (let i = 0; i < 5; i++) {
      g.spawn(function* () {
        using _permit = yield* semaphore.hold();
        order.push(i);
        yield* checkpoint();
      });
    }
  });
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("a released permit goes to who waits, and cannot be caught on the way", () =>
  onEverySchedule(function* (g) {
    const semaphore = new Semaphore(1);
    yield* semaphore.acquire();
    const waiter = g.spawn(semaphore.with(sleep(5)));
    yield* sleep(1);
    semaphore.release();
    expect(semaphore.tryAcquire()).toBe(false);
    yield* waiter;
    expect(semaphore.tryAcquire()).toBe(true);
    semaphore.release();
  }));

test("a task that releases and acquires in a loop does not starve one that waits", async () => {
  const order: string[] = [];
  await inGroup(function* (g) {
    const semaphore = new Semaphore(1);
    function* loop(name: string) {
      for (let i = 0; i < 3; i++) {
        yield* semaphore.acquire();
        order.push(name);
        yield* checkpoint();
        semaphore.release();
      }
    }
    g.spawn(loop("a"));
    g.spawn(loop("b"));
  });
  expect(order.join("")).toBe("ababab");
});

test("a task that takes and gives a free permit for ever lets the others run", async () => {
  let rounds = 0;
  await inGroup(function* (g) {
    const semaphore = new Semaphore(1);
    let stop = false;
    g.spawn(function* () {
      yield* sleep(0);
      stop = true;
    });
    for (; !stop; rounds++) yield* semaphore.with(nothing);
  });
  expect(rounds).toBeLessThan(10_000);
});

describe("a permit granted to a cancelled waiter", () => {
  test("is had by it and given back, so the next one gets it", () =>
    onEverySchedule(function* (g) {
      const semaphore = new Semaphore(1);
      yield* semaphore.acquire();
      const first = g.spawn(semaphore.with(sleep(10)));
      yield* sleep(1);
      const second = g.spawn(semaphore.with(sleep(1)));
      yield* sleep(1);
      semaphore.release();
      first.cancel();
      yield* second;
      expect(first.state).toBe("cancelled");
      expect(semaphore.available).toBe(1);
      expect(now()).toBe(3);
    }));

  test("that was cancelled before goes past it", () =>
    onEverySchedule(function* (g) {
      const semaphore = new Semaphore(1);
      yield* semaphore.acquire();
      const first = g.spawn(semaphore.with(sleep(10)));
      yield* sleep(1);
      const second = g.spawn(semaphore.with(sleep(1)));
      yield* sleep(1);
      first.cancel();
      semaphore.release();
      yield* second;
      expect(now()).toBe(3);
      expect(semaphore.statistics()).toEqual({ available: 1, permits: 1, waiters: 0 });
    }));

  test("is not taken by a task that was cancelled before it asked", async () => {
    await inGroup(function* (g) {
      const semaphore = new Semaphore(1);
      const task = g.spawn(semaphore.acquire());
      task.cancel();
      yield* task.ended();
      expect(semaphore.available).toBe(1);
    });
  });
});

test("a permit that a lost arm of a select waited for goes to the next", () =>
  onEverySchedule(function* (g) {
    const semaphore = new Semaphore(1);
    yield* semaphore.acquire();
    const chooser = g.spawn(select({ permit: semaphore.acquire(), late: sleep(5) }));
    expect((yield* chooser).key).toBe("late");
    semaphore.release();
    expect(semaphore.available).toBe(1);
  }));

test("a timeout around acquire leaves the line as it was", async () => {
  await virtually(function* () {
    const semaphore = new Semaphore(1);
    yield* semaphore.acquire();
    expect(yield* moveOnAfter(5, semaphore.acquire())).toEqual({ timedOut: true, value: undefined });
    expect(semaphore.statistics().waiters).toBe(0);
  });
});

test("more releases than permits are an error that names the semaphore", async () => {
  await virtually(function* () {
    const semaphore = new Semaphore(2, { name: "slots" });
    yield* semaphore.acquire();
    semaphore.release();
    expect(() => semaphore.release()).toThrow('the semaphore "slots" was released more often than it was acquired');
    expect(semaphore.available).toBe(2);
  });
});

test("permits must be a whole number of 1 or more", () => {
  for (const permits of [0, -1, 1.5, Number.NaN, Infinity]) expect(() => new Semaphore(permits)).toThrow(RangeError);
});

function* nothing(): Generator<never, void, unknown> {}
