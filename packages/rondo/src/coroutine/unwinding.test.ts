/**
 * What a cancellation does to the frames of a coroutine: every frame is returned once, innermost first, and no frame
 * goes on after a callee that did not finish. Each case here is one that native `generator.return()`, or a runtime of
 * this kind, got wrong.
 */
import { createContext, runInContext } from "node:vm";
import { describe, expect, test } from "vitest";

import { VirtualHost } from "../host/virtual.ts";
import type { Report } from "../loop/host.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group, type GroupOptions } from "../task/group.ts";
import { run } from "../task/run.ts";
import { moveOnAfter, scope, shield, timeout } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { suppressed } from "./errors.ts";
import { ask, fail, finish, start, step } from "./hand.ts";
import type { Coroutine, Operation } from "./wait.ts";

interface Ended {
  readonly error: unknown;
  readonly state: string;
  readonly at: number;
  readonly reports: readonly Report[];
}

/** Runs `body` as a task of its own, cancels it at `ms`, and tells how it ended. */
async function cancelledAt(ms: number, body: () => Operation<unknown>, options: GroupOptions = {}): Promise<Ended> {
  const host = new VirtualHost();
  let task: Task | undefined;
  let error: unknown;
  await run(
    () =>
      group(
        function* (g) {
          task = g.spawn(body, { name: "victim" });
          yield* sleep(ms);
          task.cancel("test");
        },
        { grace: 100_000, ...options },
      ),
    { host },
  ).catch((thrown: unknown) => {
    error = thrown;
  });
  return { error, state: (task as Task).state, at: host.now(), reports: host.reports };
}

function* sleeping(log: string[], name: string, inner?: () => Operation<unknown>, wait = 10): Coroutine<string> {
  try {
    log.push(`${name} in`);
    if (inner === undefined) yield* sleep(1000);
    else yield* inner();
    log.push(`${name} WENT ON`);
    return name;
  } catch {
    log.push(`${name} CAUGHT`);
    return name;
  } finally {
    log.push(`${name} cleans`);
    if (wait > 0) yield* sleep(wait);
    log.push(`${name} clean`);
  }
}

describe("unwinding", () => {
  test("a waiting finally at three depths runs whole, innermost first, and nobody goes on", async () => {
    const log: string[] = [];
    const { state, error, at } = await cancelledAt(5, () =>
      sleeping(log, "a", () => sleeping(log, "b", () => sleeping(log, "c"))),
    );
    expect(log).toEqual([
      "a in",
      "b in",
      "c in",
      "c cleans",
      "c clean",
      "b cleans",
      "b clean",
      "a cleans",
      "a clean",
    ]);
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
      sleeping(log, "outer", () => throwing(second, () => sleeping(log, "mid", () => throwing(first, () => sleep(1000)))), 1),
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
      sleeping(log, "outer", function* () {
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
      sleeping(log, "outer", function* () {
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
        sleeping(
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
      sleeping(log, "a", () => scope(() => sleeping(log, "b", () => timeout(500, () => sleeping(log, "c"))))),
    );
    expect(again.state).toBe("cancelled");
    expect(log).toEqual([
      "a in",
      "b in",
      "c in",
      "c cleans",
      "c clean",
      "b cleans",
      "b clean",
      "a cleans",
      "a clean",
    ]);
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
          const task = g.spawn(() => scope(() => sleeping(log, "inner", undefined, 50)));
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
          yield* moveOnAfter(10, () => sleeping(log, "inner", undefined, 50));
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

describe("frames that cannot be reached", () => {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())) as object;

  /** Makes `%GeneratorPrototype%.throw` what it is under frozen intrinsics for as long as `work` runs. */
  async function frozen<T>(work: () => Promise<T>): Promise<T> {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, "throw") as PropertyDescriptor;
    Object.defineProperty(prototype, "throw", { ...descriptor, writable: false });
    try {
      return await work();
    } finally {
      Object.defineProperty(prototype, "throw", descriptor);
    }
  }

  test("under frozen intrinsics cleanups that do not wait run, innermost first", async () => {
    const log: string[] = [];
    const { state, error } = await frozen(() =>
      cancelledAt(5, () => sleeping(log, "a", () => sleeping(log, "b", undefined, 0), 0)),
    );
    expect(log).toEqual(["a in", "b in", "b cleans", "b clean", "a cleans", "a clean"]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test("under frozen intrinsics a cleanup that waits is refused and said, and nobody goes on", async () => {
    const log: string[] = [];
    const { error } = await frozen(() => cancelledAt(5, () => sleeping(log, "a", () => sleeping(log, "b"))));
    expect(log).toEqual(["a in", "b in", "b cleans"]);
    expect(String(error)).toContain("intrinsics are frozen");
    expect(String(error)).toContain('the wait "sleep"');
  });

  test("under frozen intrinsics everything but cancelling waiting cleanups works", async () => {
    const result = await frozen(() =>
      run(
        () =>
          group(function* (g) {
            const deep = function* (n: number): Coroutine<number> {
              if (n > 0) return 1 + (yield* deep(n - 1));
              for (let i = 0; i < 200; i++) yield* checkpoint();
              return 0;
            };
            const task = g.spawn(deep(10));
            yield* sleep(1);
            return [yield* task, task.state];
          }),
        { host: new VirtualHost() },
      ),
    );
    expect(result).toEqual([10, "done"]);
  });

  const realm = createContext({ sleep });
  const foreign = runInContext(
    `(function* foreign(body, log, wait) {
      try {
        log.push("foreign in");
        yield* body();
        log.push("foreign WENT ON");
      } finally {
        log.push("foreign cleans");
        if (wait > 0) yield* sleep(wait);
        log.push("foreign clean");
      }
    })`,
    realm,
    { filename: "/realm/foreign.js" },
  ) as (body: () => Operation<unknown>, log: string[], wait: number) => Coroutine<void>;

  test("coroutines of another realm run, and are cleaned where nothing waits", async () => {
    const log: string[] = [];
    const { state, error } = await cancelledAt(5, () =>
      sleeping(log, "a", () => foreign(() => sleeping(log, "b", undefined, 0), log, 0), 0),
    );
    expect(log).toEqual([
      "a in",
      "foreign in",
      "b in",
      "b cleans",
      "b clean",
      "foreign cleans",
      "foreign clean",
      "a cleans",
      "a clean",
    ]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test("a frame of another realm whose cleanup waits is found out, and no frame goes on with garbage", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(5, () => sleeping(log, "a", () => foreign(() => sleep(1000), log, 10), 0));
    expect(log).toContain("foreign cleans");
    expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
    expect(log).not.toContain("foreign clean");
    expect(String(error)).toContain("another realm");
  });

  test("a cleanup that waits inside a frame of another realm is found out too", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(5, () => sleeping(log, "a", () => foreign(() => sleeping(log, "b"), log, 0), 0));
    expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
    expect(log).toContain("foreign clean");
    expect(log).toContain("a clean");
    // Here the waiting frame is one of ours and stands above the foreign one: it can be driven to its end.
    expect(error === undefined || String(error).includes("another realm")).toBe(true);
  });

  /** An operation with an iterator of its own, which forwards what it is asked to `inner`. */
  function handMade(inner: () => Iterator<unknown, unknown, unknown>, parts: readonly ("return" | "throw")[]): Operation<any> {
    return {
      [Symbol.iterator]() {
        const iterator = inner();
        return {
          next: (sent?: unknown) => iterator.next(sent),
          ...(parts.includes("return") ? { return: (value?: unknown) => iterator.return?.(value) } : {}),
          ...(parts.includes("throw") ? { throw: (error?: unknown) => iterator.throw?.(error) } : {}),
        } as Iterator<any, any, any>;
      },
    };
  }

  test("a hand-made iterator that forwards everything is passed through", async () => {
    const log: string[] = [];
    const { state, error } = await cancelledAt(5, () =>
      sleeping(log, "a", () => handMade(() => sleeping(log, "b", undefined, 0), ["return", "throw"]), 0),
    );
    expect(log).toEqual(["a in", "b in", "b cleans", "b clean", "a cleans", "a clean"]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test.each([{ parts: [] }, { parts: ["return"] }, { parts: ["throw"] }] as const)(
    "a hand-made iterator that has only next and $parts is found out when it is unwound, and its caller does not go on",
    async ({ parts }) => {
      const log: string[] = [];
      const { state } = await cancelledAt(5, () =>
        sleeping(log, "outer", () =>
          (function* (): Coroutine<void> {
            try {
              yield* handMade(() => sleep(1000) as unknown as Iterator<unknown, unknown, unknown>, parts);
              log.push("WENT ON");
            } finally {
              log.push("cleaned");
            }
          })(), 0),
      );
      expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
      expect(log).toContain("cleaned");
      expect(log).toContain("outer clean");
      expect(["cancelled", "failed"]).toContain(state);
    },
  );

  test("a hand-made iterator as the whole task is returned", async () => {
    const log: string[] = [];
    const { state } = await cancelledAt(5, () => handMade(() => sleeping(log, "b", undefined, 0), ["return", "throw"]));
    expect(log).toEqual(["b in", "b cleans", "b clean"]);
    expect(state).toBe("cancelled");
  });

  test("a hand-made iterator without return is left as it is", async () => {
    const { state } = await cancelledAt(5, () => handMade(() => sleep(1000) as unknown as Iterator<unknown>, []));
    expect(state).toBe("cancelled");
  });
});

describe("unwinding by hand", () => {
  test("finish() drives waiting cleanups at three depths, and step() goes on with them", () => {
    const log: string[] = [];
    function* level(n: number): Coroutine<void> {
      try {
        if (n > 0) yield* level(n - 1);
        else yield* ask("work");
        log.push(`${n} WENT ON`);
      } finally {
        log.push(`${n} ${String(yield* ask(`cleanup ${n}`))}`);
      }
    }
    const coroutine = start(() => level(2));
    step(coroutine);
    const labels: string[] = [];
    let stepped = finish(coroutine);
    while (!stepped.done) {
      labels.push(stepped.wait.label);
      stepped = step(coroutine, "answer");
    }
    expect(labels).toEqual(["cleanup 0", "cleanup 1", "cleanup 2"]);
    expect(log).toEqual(["0 answer", "1 answer", "2 answer"]);
    expect(stepped).toEqual({ done: true, value: undefined, finished: true });
  });

  test("a cleanup whose wait fails is collected, and the outer frames are still returned", () => {
    const log: string[] = [];
    function* inner(): Coroutine<void> {
      try {
        yield* ask("work");
      } finally {
        yield* ask("flush");
        log.push("NEVER");
      }
    }
    function* outer(): Coroutine<void> {
      try {
        yield* inner();
      } catch {
        log.push("CAUGHT");
      } finally {
        log.push("outer");
      }
    }
    const coroutine = start(outer);
    step(coroutine);
    finish(coroutine);
    expect(() => fail(coroutine, new Error("disk full"))).toThrow("disk full");
    expect(log).toEqual(["outer"]);
  });
});
