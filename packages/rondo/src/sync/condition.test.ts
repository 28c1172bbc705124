/** The condition: the lock is always back in hand, and no notification is lost. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BrokenError,
  checkpoint,
  Condition,
  type Group,
  group,
  Lock,
  moveOnAfter,
  now,
  sleep,
  type Task,
  timeout,
  VirtualHost,
} from "../index.ts";

/** A task that waits on the condition, and tells that it has the lock when it goes on. */
function waiter(g: Group, condition: Condition, log: string[], name: string): Task<void> {
  return g.spawn(
    function* () {
      yield* condition.acquire();
      try {
        yield* condition.wait();
        log.push(name);
      } finally {
        condition.release(); // throws where the lock is not held
      }
    },
    { name },
  );
}

test("waiting gives up the lock, and a notified task has it again", () =>
  onEverySchedule(function* (g) {
    const condition = new Condition();
    const log: string[] = [];
    const task = waiter(g, condition, log, "a");
    yield* sleep(1);
    expect(condition.lock.locked).toBe(false);
    yield* condition.acquire();
    expect(condition.notify()).toBe(1);
    yield* sleep(5);
    expect(log).toEqual([]); // notified, but the lock is not free
    condition.release();
    expect(condition.lock.holder).toBe(task);
    yield* task;
    expect(log).toEqual(["a"]);
    expect(condition.statistics()).toEqual({ holder: undefined, waiters: 0, lockWaiters: 0 });
  }));

test("notify(n) lets so many go in the order in which they came, and no more than there are", async () => {
  const log: string[] = [];
  await inGroup(function* (g) {
    const condition = new Condition();
    for (const name of ["a", "b", "c", "d"]) waiter(g, condition, log, name);
    yield* sleep(1);
    yield* condition.with(function* () {
      expect(condition.notify(2)).toBe(2);
    });
    yield* sleep(1);
    expect(log).toEqual(["a", "b"]);
    yield* condition.with(function* () {
      expect(condition.notify(0)).toBe(0);
      expect(condition.notify(100)).toBe(2); // clamped
      expect(condition.notifyAll()).toBe(0); // nobody is left
    });
  });
  expect(log).toEqual(["a", "b", "c", "d"]);
});

test("notifyAll lets everyone go, one after the other", () =>
  onEverySchedule(function* (g) {
    const condition = new Condition();
    let inside = 0;
    for (let i = 0; i < 4; i++) {
      g.spawn(function* () {
        using _held = yield* condition.hold();
        yield* condition.wait();
        expect(++inside).toBe(1);
        yield* sleep(1);
        inside--;
      });
    }
    yield* sleep(1);
    yield* condition.with(function* () {
      expect(condition.notifyAll()).toBe(4);
    });
    yield* sleep(10);
    expect(condition.lock.locked).toBe(false);
  }));

test("a notification that nobody waits for is not kept", async () => {
  await virtually(function* () {
    const condition = new Condition();
    using _held = yield* condition.hold();
    condition.notify();
    expect((yield* moveOnAfter(5, condition.wait())).timedOut).toBe(true);
  });
});

test("waitFor looks again at each notification and has the lock when it goes on", () =>
  onEverySchedule(function* (g) {
    const condition = new Condition();
    let items = 0;
    const task = g.spawn(function* () {
      using _held = yield* condition.hold();
      yield* condition.waitFor(() => items >= 3);
      return now();
    });
    for (let i = 0; i < 3; i++) {
      yield* sleep(10);
      yield* condition.with(function* () {
        items++;
        condition.notify();
      });
    }
    expect(yield* task).toBe(30);
  }));

describe("a wait that is cancelled", () => {
  test("takes the lock again before it unwinds, even when it has to wait for it", () =>
    onEverySchedule(function* (g) {
      const condition = new Condition();
      const log: string[] = [];
      const task = waiter(g, condition, log, "gone");
      yield* sleep(1);
      yield* condition.acquire();
      task.cancel();
      yield* sleep(20);
      expect(task.state).toBe("waiting"); // for the lock
      condition.release();
      yield* task.ended();
      expect(task.state).toBe("cancelled");
      expect(now()).toBe(21);
      expect(log).toEqual([]);
      expect(condition.lock.locked).toBe(false);
    }));

  test("by a timeout has the lock as well", async () => {
    await inGroup(function* (g) {
      const condition = new Condition();
      using _held = yield* condition.hold();
      g.spawn(function* () {
        yield* sleep(1);
        yield* condition.with(sleep(10));
      });
      expect(yield* thrownBy(() => timeout(5, condition.wait()))).toMatchObject({ name: "TimeoutError" });
      expect(now()).toBe(11);
      expect(condition.lock.holder).not.toBe(null);
    });
  });

  test("cannot be robbed of the lock by a second cancellation, nor by the end of the grace", () =>
    onEverySchedule(function* (g) {
      const condition = new Condition();
      let ended: unknown = "not yet";
      const outer = g.spawn(() =>
        group(
          function* (inner) {
            const task = inner.spawn(
              function* () {
                yield* condition.acquire();
                try {
                  yield* condition.wait();
                } finally {
                  ended = yield* thrownBy(function* () {
                    condition.release();
                  });
                }
              },
              { name: "gone" },
            );
            yield* sleep(2);
            task.cancel();
            inner.cancel();
          },
          { grace: 5 },
        ),
      );
      yield* sleep(1);
      yield* condition.acquire();
      yield* sleep(3);
      outer.cancel();
      yield* sleep(50);
      condition.release();
      yield* outer.ended();
      expect(ended).toBe(undefined);
      expect(condition.lock.locked).toBe(false);
    }));

  test("in a cleanup whose grace ends meanwhile has the lock as well", async () => {
    const condition = new Condition();
    let holder: string | undefined;
    await inGroup(function* (g) {
      g.spawn(() =>
        group(
          function* (inner) {
            const task = inner.spawn(
              function* () {
                yield* condition.acquire();
                try {
                  yield* sleep(1000);
                } finally {
                  try {
                    yield* condition.wait();
                  } finally {
                    holder = condition.lock.holder?.name;
                    condition.release();
                  }
                }
              },
              { name: "late" },
            );
            yield* sleep(1);
            task.cancel();
          },
          { grace: 10, onFailure: "keep" },
        ),
      );
      yield* sleep(5);
      yield* condition.with(sleep(50));
    }).catch((error: unknown) => expect(error).toMatchObject({ name: "GraceError" }));
    expect(holder).toBe("late");
  });

  test("after it was notified hands the notification on", () =>
    onEverySchedule(function* (g) {
      const condition = new Condition();
      const log: string[] = [];
      const first = waiter(g, condition, log, "first");
      yield* sleep(1);
      const second = waiter(g, condition, log, "second");
      yield* sleep(1);
      yield* condition.acquire();
      expect(condition.notify()).toBe(1);
      first.cancel();
      condition.release();
      yield* second;
      expect(log).toEqual(["second"]);
      yield* first.ended();
      expect(condition.lock.locked).toBe(false);
    }));

  test("after it was handed the lock completes, and the cancellation meets the next wait", () =>
    onEverySchedule(function* (g) {
      const condition = new Condition();
      const log: string[] = [];
      const first = waiter(g, condition, log, "first");
      yield* sleep(1);
      yield* condition.acquire();
      condition.notify();
      condition.release();
      first.cancel();
      yield* first.ended();
      expect(log).toEqual(["first"]);
      expect(condition.lock.locked).toBe(false);
    }));

  test("before it began gives up nothing", async () => {
    await inGroup(function* (g) {
      const condition = new Condition();
      const task: Task = g.spawn(function* () {
        yield* condition.acquire();
        task.cancel();
        try {
          yield* condition.wait();
        } finally {
          expect(condition.lock.holder).toBe(task);
          condition.release();
        }
      });
      yield* task.ended();
      expect(task.state).toBe("cancelled");
    });
  });
});

describe("a lock that is broken", () => {
  test("is told to those who were notified and wait for it", async () => {
    const host = new VirtualHost();
    await inGroup(function* (g) {
      const condition = new Condition();
      const waiting = g.spawn(() =>
        thrownBy(function* () {
          yield* condition.acquire();
          yield* condition.wait();
        }),
      );
      yield* sleep(1);
      yield* g.spawn(function* () {
        yield* condition.acquire();
        condition.notify();
      });
      expect(yield* waiting).toBeInstanceOf(BrokenError);
    }, host);
    expect(host.reports).toHaveLength(1);
  });

  test("is not waited for by one who is cancelled", async () => {
    const host = new VirtualHost();
    await inGroup(function* (g) {
      const condition = new Condition();
      const waiting = g.spawn(function* () {
        yield* condition.acquire();
        yield* condition.wait();
      });
      yield* sleep(1);
      g.spawn(condition.acquire()); // ends with the lock, before the cancelled one comes to take it again
      waiting.cancel();
      yield* waiting.ended();
      expect(waiting.state).toBe("cancelled");
    }, host);
    expect(host.reports).toHaveLength(1);
  });
});

test("a random crowd with random cancellations always has the lock, and the lock is free at the end", () =>
  onEverySchedule(function* (g, host) {
    const condition = new Condition();
    const tasks: Task[] = [];
    for (let i = 0; i < 12; i++) {
      tasks.push(
        g.spawn(() =>
          moveOnAfter(5 + host.choose("test", 20), function* () {
            yield* condition.acquire();
            try {
              for (;;) yield* condition.wait();
            } finally {
              condition.release();
            }
          }),
        ),
      );
    }
    for (let i = 0; i < 20; i++) {
      yield* sleep(1);
      yield* condition.with(function* () {
        condition.notify(host.choose("test", 4));
        if (i % 3 === 0) yield* checkpoint();
      });
    }
    for (const task of tasks) yield* task;
    expect(condition.statistics()).toEqual({ holder: undefined, waiters: 0, lockWaiters: 0 });
  }));

describe("bad use", () => {
  test("waiting and notifying without the lock are errors that name the condition and the holder", async () => {
    await inGroup(function* (g) {
      const condition = new Condition({ name: "stock" });
      expect(String(yield* thrownBy(() => condition.wait()))).toMatch(
        /the condition "stock".wait\(\) was called by ".*", which does not hold the lock "stock": nobody does/,
      );
      g.spawn(condition.with(sleep(10)), { name: "clerk" });
      yield* sleep(1);
      expect(() => condition.notify()).toThrow(/"clerk" does/);
      expect(() => condition.notifyAll()).toThrow(/does not hold/);
      expect(String(yield* thrownBy(() => condition.waitFor(() => true)))).toMatch(/does not hold/);
    });
  });

  test("a count that is none", async () => {
    await virtually(function* () {
      const condition = new Condition();
      using _held = yield* condition.hold();
      expect(() => condition.notify(-1)).toThrow(RangeError);
      expect(() => condition.notify(Number.NaN)).toThrow(RangeError);
    });
  });
});

test("two conditions can share one lock", () =>
  onEverySchedule(function* (g) {
    const lock = new Lock();
    const full = new Condition({ lock });
    const empty = new Condition({ lock });
    const cell: number[] = [];
    const got: number[] = [];
    const taker = g.spawn(function* () {
      for (let i = 0; i < 5; i++) {
        using _held = yield* lock.hold();
        yield* full.waitFor(() => cell.length > 0);
        got.push(cell.pop() as number);
        empty.notify();
      }
    });
    for (let i = 0; i < 5; i++) {
      using _held = yield* lock.hold();
      yield* empty.waitFor(() => cell.length === 0);
      cell.push(i);
      full.notify();
    }
    yield* taker;
    expect(got).toEqual([0, 1, 2, 3, 4]);
  }));

test("who waits on a condition is told when the holder of its lock ends with the lock", () =>
  onEverySchedule(function* (g) {
    const lock = new Lock();
    const condition = new Condition({ lock });
    const waiter = g.spawn(() =>
      thrownBy(function* () {
        using _held = yield* condition.hold();
        yield* condition.wait();
      }),
    );
    yield* sleep(1);
    g.spawn(lock.acquire()); // ends with it
    expect(yield* waiter).toBeInstanceOf(BrokenError);
  }));
