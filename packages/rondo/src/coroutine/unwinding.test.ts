/**
 * What a cancellation does to the frames of a coroutine: every frame is returned once, innermost first, and no frame
 * goes on after a callee that did not finish. Each case here is one that native `generator.return()`, or a runtime of
 * this kind, got wrong.
 */
import { describe, expect, test } from "vitest";

import { cancelledAt, witness } from "../../tests/cancelled.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { run } from "../task/run.ts";
import { moveOnAfter, scope, shield, timeout } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { suppressed } from "./errors.ts";
import type { Coroutine, Operation } from "./wait.ts";

describe("unwinding", () => {
  test("a waiting finally at three depths runs whole, innermost first, and nobody goes on", async () => {
    const log: string[] = [];
    const { state, error, at } = await cancelledAt(5, () =>
      witness(log, "a", () => witness(log, "b", () => witness(log, "c"))),
    );
    expect(log).toEqual(["a in", "b in", "c in", "c cleans", "c clean", "b cleans", "b clean", "a cleans", "a clean"]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
    expect(at).toBe(35);
  });

  test("a finally that waits at a checkpoint goes on after it", async () => {
    const log: string[] = [];
    await cancelledAt(5, function* () {
      try {
        yield* sleep(1000);
      } finally {
        log.push("before");
        yield* checkpoint();
        log.push("between");
        yield* checkpoint();
        log.push("after");
      }
    });
    expect(log).toEqual(["before", "between", "after"]);
  });

  test("a cancel withdrawn long ago is not found again at a checkpoint inside a shield", async () => {
    const log: string[] = [];
    await cancelledAt(20, function* () {
      yield* moveOnAfter(10, sleep(1000));
      yield* shield(function* () {
        while (now() < 15) yield* sleep(5);
        for (let i = 0; i < 3; i++) {
          yield* checkpoint();
          log.push(`checkpoint ${i}`);
        }
        yield* sleep(20);
        for (let i = 3; i < 5; i++) {
          yield* checkpoint();
          log.push(`checkpoint ${i}`);
        }
      });
      yield* checkpoint();
      log.push("NOT CANCELLED");
    });
    expect(log).toEqual(["checkpoint 0", "checkpoint 1", "checkpoint 2", "checkpoint 3", "checkpoint 4"]);
  });

  test("a throwing finally does not stop the others, and no outer catch sees its error", async () => {
    const log: string[] = [];
    const first = new Error("first");
    const second = new Error("second");
    function* throwing(error: Error, inner: () => Operation<unknown>): Coroutine<void> {
      try {
        yield* inner();
      } catch {
        log.push("CAUGHT");
      } finally {
        log.push(`throw ${error.message}`);
        // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
        throw error;
      }
    }
    const { error, state } = await cancelledAt(5, () =>
      witness(
        log,
        "outer",
        () => throwing(second, () => witness(log, "mid", () => throwing(first, () => sleep(1000)))),
        1,
      ),
    );
    expect(log).toEqual([
      "outer in",
      "mid in",
      "throw first",
      "mid cleans",
      "mid clean",
      "throw second",
      "outer cleans",
      "outer clean",
    ]);
    expect(state).toBe("failed");
    expect(error).toBe(first);
    expect(suppressed(error)[0]).toBe(second);
    expect(String(suppressed(error)[1])).toBe('CancelledError: the task "victim" was cancelled: test');
    expect(suppressed(error)).toHaveLength(2);
  });

  test("an error that a cleanup throws after it has waited is collected like one thrown at once", async () => {
    const late = new Error("late");
    const { error } = await cancelledAt(5, function* () {
      try {
        yield* sleep(1000);
      } finally {
        yield* sleep(1);
        // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
        throw late;
      }
    });
    expect(error).toBe(late);
  });

  test("an error caught inside a cleanup is the cleanup's own business", async () => {
    const log: string[] = [];
    const { error, state } = await cancelledAt(5, function* () {
      try {
        yield* sleep(1000);
      } finally {
        try {
          yield* sleep(1);
          // oxlint-disable-next-line no-unsafe-finally -- it is caught right below
          throw new Error("inside");
        } catch (thrown) {
          log.push((thrown as Error).message);
        }
      }
    });
    expect(log).toEqual(["inside"]);
    expect(error).toBeUndefined();
    expect(state).toBe("cancelled");
  });

  test("a value returned inside a finally is ignored and reported", async () => {
    const log: string[] = [];
    const { state, reports } = await cancelledAt(5, () =>
      witness(log, "outer", function* () {
        try {
          yield* sleep(1000);
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
          return "swallowed"; // eslint-disable-line no-unsafe-finally
        }
      }),
    );
    expect(log).toEqual(["outer in", "outer cleans", "outer clean"]);
    expect(state).toBe("cancelled");
    expect(reports.map((report) => report.message)).toEqual([expect.stringContaining("the value was ignored")]);
    expect(reports[0]?.message).toContain("victim");
  });

  test("a break out of a finally that waits is cleanup that goes on, and the frame outside is still returned", async () => {
    const log: string[] = [];
    const { state, at } = await cancelledAt(5, () =>
      witness(log, "outer", function* () {
        // eslint-disable-next-line no-unreachable-loop
        for (;;) {
          try {
            yield* sleep(1000);
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
            break;
          }
        }
        log.push("after the break");
        yield* sleep(7);
        log.push("and the end");
      }),
    );
    expect(log).toEqual(["outer in", "after the break", "and the end", "outer cleans", "outer clean"]);
    expect(state).toBe("cancelled");
    expect(at).toBe(5 + 7 + 10);
  });

  test("a continue out of a finally loops until the grace ends it, and the outer frames are cleaned", async () => {
    const log: string[] = [];
    let rounds = 0;
    const { state, error, at } = await cancelledAt(
      5,
      () =>
        witness(
          log,
          "outer",
          function* () {
            for (;;) {
              try {
                rounds++;
                yield* sleep(10);
              } finally {
                // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
                continue;
              }
            }
          },
          0,
        ),
      { grace: 50 },
    );
    expect(log).toEqual(["outer in", "outer cleans", "outer clean"]);
    expect(state).toBe("failed");
    expect((error as Error).name).toBe("GraceError");
    expect(String(suppressed(error)[0])).toContain("cut 100 times");
    expect(rounds).toBeGreaterThan(100);
    expect(rounds).toBeLessThan(120);
    expect(at).toBe(55);
  });

  test("nested scopes are unwound from the inside, each cleanup once", async () => {
    const log: string[] = [];
    const again = await cancelledAt(5, () =>
      witness(log, "a", () => scope(() => witness(log, "b", () => timeout(500, () => witness(log, "c"))))),
    );
    expect(again.state).toBe("cancelled");
    expect(log).toEqual(["a in", "b in", "c in", "c cleans", "c clean", "b cleans", "b clean", "a cleans", "a clean"]);
  });

  test("scopes opened inside a cleanup work there: timeouts, results and errors", async () => {
    const log: unknown[] = [];
    const { state } = await cancelledAt(5, function* () {
      try {
        yield* sleep(1000);
      } finally {
        log.push(yield* moveOnAfter(10, sleep(1000)));
        try {
          yield* timeout(10, sleep(1000), { name: "inner" });
        } catch (error) {
          log.push((error as Error).message);
        }
        log.push(
          yield* group(function* (g) {
            const task = g.spawn(function* () {
              yield* sleep(3);
              return "child";
            });
            return yield* task;
          }),
        );
        log.push(now());
      }
    });
    expect(log).toEqual([{ timedOut: true, value: undefined }, "inner: not done within 10 ms", "child", 28]);
    expect(state).toBe("cancelled");
  });

  test("sync generators used inside a finally are left alone", async () => {
    const log: unknown[] = [];
    function* numbers(): Generator<number, void, undefined> {
      try {
        yield 1;
        yield 2;
        yield 3;
      } finally {
        log.push("numbers closed");
      }
    }
    function* outside(): Coroutine<void> {
      try {
        for (const number of numbers()) {
          log.push(number);
          yield* sleep(1000);
        }
      } finally {
        const iterator = numbers();
        iterator.next();
        for (const number of numbers()) {
          log.push(`cleanup ${number}`);
          yield* sleep(1);
          if (number === 2) break;
        }
        expect(() => iterator.throw(new Error("mine"))).toThrow("mine");
        log.push([...numbers()]);
      }
    }
    const { state } = await cancelledAt(5, outside);
    expect(state).toBe("cancelled");
    expect(log).toEqual([
      1,
      "numbers closed",
      "cleanup 1",
      "cleanup 2",
      "numbers closed",
      "numbers closed",
      "numbers closed",
      [1, 2, 3],
    ]);
  });

  test("a generator that the program drives itself is no frame of ours", async () => {
    const log: string[] = [];
    const { state } = await cancelledAt(5, function* () {
      const own = (function* (): Generator<number, void, unknown> {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          log.push("own closed");
        }
      })();
      own.next();
      try {
        yield* sleep(1000);
      } finally {
        log.push(`own gives ${own.next().value}`);
        yield* sleep(1);
        log.push(`own gives ${own.next().value}`);
        own.return();
      }
    });
    expect(log).toEqual(["own gives 1", "own gives 2", "own closed"]);
    expect(state).toBe("cancelled");
  });

  test("a cancel that arrives during a cleanup waits for it and changes nothing (rule 3)", async () => {
    const log: string[] = [];
    const host = new VirtualHost();
    await run(
      () =>
        group(function* (g) {
          const task = g.spawn(() => scope(() => witness(log, "inner", undefined, 50)));
          yield* sleep(5);
          task.cancel("first");
          yield* sleep(5);
          task.cancel("second");
          g.cancel("third");
          yield* sleep(1);
        }),
      { host },
    ).catch((error: unknown) => log.push(String(error)));
    expect(log).toEqual([
      "inner in",
      "inner cleans",
      "inner clean",
      'CancelledError: the group "group" was cancelled: third',
    ]);
    expect(host.now()).toBe(55);
  });

  test("a timeout from further out that comes due in a cleanup of an inner one takes over when that is done", async () => {
    const log: string[] = [];
    const result = await run(
      () =>
        moveOnAfter(20, function* () {
          yield* moveOnAfter(10, () => witness(log, "inner", undefined, 50));
          log.push(`after the inner one at ${now()}`);
          yield* sleep(1);
          log.push("NEVER");
        }),
      { host: new VirtualHost() },
    );
    expect(result).toEqual({ timedOut: true, value: undefined });
    expect(log).toEqual(["inner in", "inner cleans", "inner clean"]);
  });

  test("a task that cancels itself goes on to its next wait", async () => {
    const log: string[] = [];
    const outcome = await run(
      () =>
        scope(function* (s) {
          try {
            s.cancel("enough");
            log.push("still here");
            yield* checkpoint();
            log.push("NEVER");
          } finally {
            yield* sleep(5);
            log.push("cleaned");
          }
        }),
      { host: new VirtualHost() },
    );
    expect(outcome).toEqual({ cancelled: true, value: undefined });
    expect(log).toEqual(["still here", "cleaned"]);
  });

  test("a task that cancels itself meets that even at a wait that could complete at once", async () => {
    const log: string[] = [];
    const host = new VirtualHost();
    await run(
      () =>
        group(function* (g) {
          const done = g.spawn(function* () {
            return 1;
          });
          yield* sleep(1);
          const self: Task = g.spawn(function* () {
            self.cancel();
            yield* done;
            log.push("NEVER");
          });
          yield* self.ended();
          log.push(self.state);
        }),
      { host },
    );
    expect(log).toEqual(["cancelled"]);
  });

  test("a task that cancels itself and then ends without waiting has ended by itself", async () => {
    const host = new VirtualHost();
    const state = await run(
      () =>
        group(function* (g) {
          const self: Task = g.spawn(function* () {
            self.cancel();
            return "value";
          });
          yield* self.ended();
          return [self.state, yield* self];
        }),
      { host },
    );
    expect(state).toEqual(["done", "value"]);
  });

  test("a frame that is done with its own cleanup is not returned again by the ones outside", async () => {
    let cleanups = 0;
    const { state } = await cancelledAt(5, function* () {
      const inner = (function* (): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          cleanups++;
          yield* sleep(3);
        }
      })();
      try {
        yield* inner;
      } finally {
        // The same generator, which is over: this gives at once and waits for nothing.
        yield* inner;
      }
    });
    expect(cleanups).toBe(1);
    expect(state).toBe("cancelled");
  });

  test("using blocks are disposed of, last first", async () => {
    const log: string[] = [];
    const resource = (name: string): Disposable => ({ [Symbol.dispose]: () => log.push(name) });
    await cancelledAt(5, function* () {
      using _first = resource("first");
      using _second = resource("second");
      yield* sleep(1000);
    });
    expect(log).toEqual(["second", "first"]);
  });
});
