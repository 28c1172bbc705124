import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import { suppressed } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { now, sleep } from "../loop/sleep.ts";
import { defer } from "./defer.ts";
import { group } from "./group.ts";
import { moveOnAfter, scope, shield } from "./scope.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

function* failing(ms: number, error: unknown): Coroutine<never> {
  yield* sleep(ms);
  throw error;
}

/** Sleeps for ever; says when it is cleaned, after a cleanup that takes `ms`. */
function* endless(log: string[], name: string, ms = 0): Coroutine<void> {
  try {
    yield* sleep(1_000_000);
    log.push(`${name} WENT ON`);
  } finally {
    if (ms > 0) yield* sleep(ms);
    log.push(`${name} at ${now()}`);
  }
}

describe('onFailure: "keep"', () => {
  test("failures go to those who join, and the others go on", () =>
    onEverySchedule(function* () {
      const results = yield* group(
        function* (g) {
          const bad = g.spawn(failing(5, new Error("bad")));
          const good = g.spawn(after(10, "good"));
          return [String(yield* thrownBy(() => bad)), yield* good];
        },
        { onFailure: "keep" },
      );
      expect(results).toEqual(["Error: bad", "good"]);
    }));

  test("what nobody joined is thrown at the end, the first as it is", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            g.spawn(failing(5, new Error("one")));
            g.spawn(failing(6, new Error("two")));
            g.spawn(function* () {
              yield* sleep(20);
              log.push("went on");
            });
          },
          { onFailure: "keep" },
        ),
      );
      expect(String(error)).toBe("Error: one");
      expect(suppressed(error).map(String)).toEqual(["Error: two"]);
      expect(log).toEqual(["went on"]);
    }));

  test("a join that gave up before the failure does not count as a join", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            const task = g.spawn(failing(20, new Error("unheard")));
            expect(yield* moveOnAfter(10, task)).toEqual({ timedOut: true, value: undefined });
            yield* sleep(20);
          },
          { onFailure: "keep" },
        ),
      );
      expect(String(error)).toBe("Error: unheard");
    }));

  test("a failure that is joined after it happened is heard", () =>
    onEverySchedule(function* () {
      yield* group(
        function* (g) {
          const task = g.spawn(failing(5, new Error("heard later")));
          yield* sleep(10);
          expect(String(yield* thrownBy(() => task))).toBe("Error: heard later");
        },
        { onFailure: "keep" },
      );
    }));

  test("waiting for ended() is not hearing of the failure", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            const task = g.spawn(failing(5, new Error("unheard")));
            yield* task.ended();
          },
          { onFailure: "keep" },
        ),
      );
      expect(String(error)).toBe("Error: unheard");
    }));

  test("an error of the body still cancels the tasks", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            g.spawn(endless(log, "task"));
            yield* sleep(1);
            throw new Error("body");
          },
          { onFailure: "keep" },
        ),
      );
      expect(String(error)).toBe("Error: body");
      expect(log).toHaveLength(1);
    }));
});

describe("a group inside what is cancelled", () => {
  test("cancelling reaches the tasks of every group inside at once, in every depth", () =>
    onEverySchedule(function* (outer) {
      const log: string[] = [];
      const task = outer.spawn(() =>
        group(function* (a) {
          a.spawn(endless(log, "a"));
          a.spawn(() =>
            group(function* (b) {
              b.spawn(endless(log, "b"));
              yield* sleep(1000);
            }),
          );
          yield* sleep(1000);
        }),
      );
      yield* sleep(5);
      const at = now();
      task.cancel();
      yield* task.ended();
      expect(log.toSorted()).toEqual([`a at ${at}`, `b at ${at}`]);
    }));

  test("who is cancelled together cleans up in order: the body, then its tasks as they were spawned", async () => {
    const log: string[] = [];
    await inGroup(function* (outer) {
      const task = outer.spawn(() =>
        group(function* (g) {
          for (const name of ["a", "b", "c", "d"]) g.spawn(endless(log, name));
          yield* endless(log, "body");
        }),
      );
      yield* sleep(5);
      task.cancel();
    });
    expect(log).toEqual(["body at 5", "a at 5", "b at 5", "c at 5", "d at 5"]);
  });

  test("the tasks of a group are reached at once, also while their parent cleans up", () =>
    onEverySchedule(function* (outer) {
      const log: string[] = [];
      const start = now();
      const task = outer.spawn(() =>
        group(function* (g) {
          g.spawn(endless(log, "child"));
          yield* endless(log, "parent", 50);
        }),
      );
      yield* sleep(5);
      task.cancel();
      yield* task.ended();
      expect(log).toEqual([`child at ${start + 5}`, `parent at ${start + 55}`]);
    }));

  test("the tasks of a group are reached at once, also while its body is shielded", () =>
    onEverySchedule(function* (outer) {
      const log: string[] = [];
      const start = now();
      const task = outer.spawn(() =>
        group(function* (g) {
          g.spawn(endless(log, "child"));
          yield* shield(sleep(50));
          log.push(`shield over at ${now()}`);
          yield* sleep(1);
          log.push("NEVER");
        }),
      );
      yield* sleep(5);
      task.cancel();
      yield* task.ended();
      expect(log).toEqual([`child at ${start + 5}`, `shield over at ${start + 50}`]);
    }));

  test("the tasks of a group inside a shield are protected with it", () =>
    onEverySchedule(function* (outer) {
      const log: string[] = [];
      const start = now();
      const task = outer.spawn(() =>
        shield(() =>
          group(function* (g) {
            g.spawn(function* () {
              yield* sleep(50);
              log.push(`child at ${now()}`);
            });
          }),
        ),
      );
      yield* sleep(5);
      task.cancel();
      yield* task.ended();
      expect(log).toEqual([`child at ${start + 50}`]);
    }));

  test("the tasks of a group opened by a cleanup are protected with the cleanup", () =>
    onEverySchedule(function* (outer) {
      const log: string[] = [];
      const task = outer.spawn(function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* group(function* (g) {
            g.spawn(function* () {
              yield* sleep(50);
              log.push("closed one");
            });
            g.spawn(function* () {
              yield* sleep(60);
              log.push("closed another");
            });
          });
          log.push("closed all");
        }
      });
      yield* sleep(5);
      task.cancel("once");
      yield* sleep(5);
      outer.spawn(function* () {});
      task.cancel("twice");
      yield* task.ended();
      expect(log).toEqual(["closed one", "closed another", "closed all"]);
    }));

  // Rule 6: "unless an outer scope is cancelled while the group still waits for its tasks".
  test("a body's value is dropped if an outer scope is cancelled while the group still waits for its tasks", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* moveOnAfter(10, function* () {
        const value = yield* group(function* (g) {
          g.spawn(endless(log, "task"));
          return "value";
        });
        log.push(`WENT ON with ${value}`);
      });
      expect(result.timedOut).toBe(true);
      expect(log).toHaveLength(1);
      expect(log[0]).toContain("task at");
    }));

  // Edge 14: what is cancelled while it leaves must not eat the error with which it leaves.
  test("an error of the body is not lost when an outer scope is cancelled while the group waits for its tasks", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        moveOnAfter(10, () =>
          group(function* (g) {
            g.spawn(endless(log, "task", 20));
            yield* sleep(5);
            throw new Error("body");
          }),
        ),
      );
      expect(String(error)).toBe("Error: body");
      expect(suppressed(error).map(String)).toEqual([expect.stringContaining("its time was over")]);
      expect(log).toHaveLength(1);
    }));

  test("an error of a scope's body is not lost when an outer scope is cancelled while its deferred work runs", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        moveOnAfter(10, () =>
          scope(function* () {
            defer(() => sleep(20));
            yield* sleep(5);
            throw new Error("body");
          }),
        ),
      );
      expect(String(error)).toBe("Error: body");
    }));

  test("a failure of a task is not lost when the group is unwound from further out", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        moveOnAfter(10, () =>
          group(function* (g) {
            g.spawn(function* () {
              try {
                yield* sleep(1000);
              } finally {
                // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
                throw new Error("cleanup of a task");
              }
            });
            yield* sleep(1000);
          }),
        ),
      );
      expect(String(error)).toBe("Error: cleanup of a task");
      expect(suppressed(error).map(String)).toEqual([
        expect.stringContaining("its time was over"),
        'CancelledError: the scope "moveOnAfter" was cancelled: its time was over',
      ]);
    }));
});
