import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { CancelledError, suppressed } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group, type Group } from "./group.ts";
import type { Task } from "./task.ts";

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

describe("a group", () => {
  test("gives what its body gives, when all its tasks have ended", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      const value = yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(50);
          log.push("task");
        });
        yield* sleep(10);
        log.push("body");
        return "value";
      });
      expect([value, ...log, now() - start]).toEqual(["value", "body", "task", 50]);
    }));

  test("ends at once, without a wait, when it has no tasks", async () => {
    const order: string[] = [];
    await inGroup(function* (g) {
      g.spawn(function* () {
        order.push("other");
      });
      order.push(
        yield* group(function* () {
          return "inner";
        }),
      );
      yield* checkpoint();
    });
    expect(order).toEqual(["inner", "other"]);
  });

  // Edge 12: eager start.
  test("starts a task on the next turn, never inside spawn", () =>
    onEverySchedule(function* () {
      const order: string[] = [];
      yield* group(function* (g) {
        const task = g.spawn(function* () {
          order.push("task");
        });
        order.push(task.state);
        yield* checkpoint();
        order.push("body");
      });
      expect(order[0]).toBe("ready");
      expect(order).toHaveLength(3);
    }));

  test("joining gives the value, any number of times and after the end too", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(after(10, { answer: 42 }));
      const [a, b] = [g.spawn(() => task), g.spawn(() => task)];
      const value = yield* task;
      expect(value).toEqual({ answer: 42 });
      expect(yield* a).toBe(value);
      expect(yield* b).toBe(value);
      expect(yield* task).toBe(value);
      expect(yield* task.join()).toBe(value);
      yield* task.ended();
    }));

  test("a joiner that is cancelled leaves the line, and the others still get the value", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(after(20, "value"));
      const joiners = [1, 2, 3, 4, 5].map((n) => g.spawn(() => task, { name: `joiner ${n}` }));
      yield* sleep(10);
      for (const n of [0, 2, 4]) joiners[n]?.cancel();
      for (const n of [1, 3]) expect(yield* joiners[n] as Task).toBe("value");
      expect(joiners.map((joiner) => joiner.state)).toEqual(["cancelled", "done", "cancelled", "done", "cancelled"]);
    }));

  // Edge 11: exception groups, decided once: the first failure is thrown as it is.
  test("throws the first failure as it is, after it has cancelled and awaited the others", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const boom = new Error("boom");
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(endless(log, "a", 5));
          g.spawn(failing(10, boom));
          yield* endless(log, "body");
        }),
      );
      expect(error).toBe(boom);
      expect(suppressed(error)).toEqual([]);
      expect(log.map((line) => line.split(" ")[0]).toSorted()).toEqual(["a", "body"]);
      expect(now() % 15).toBe(0);
    }));

  test("later failures are kept on the first one, in order", () =>
    onEverySchedule(function* () {
      const errors = [new Error("first"), new Error("second"), new Error("third")];
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(failing(10, errors[0]));
          for (const [i, ms] of [
            [1, 5],
            [2, 8],
          ] as const) {
            g.spawn(function* () {
              try {
                yield* sleep(1000);
              } finally {
                yield* sleep(ms);
                // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
                throw errors[i];
              }
            });
          }
        }),
      );
      expect(error).toBe(errors[0]);
      expect(suppressed(error)).toEqual([errors[1], errors[2]]);
    }));

  test("a thrown value that cannot carry others is wrapped, so that nothing is lost", async () => {
    const error = await virtually(() =>
      group(function* (g) {
        g.spawn(failing(1, "just a string"));
        g.spawn(function* () {
          try {
            yield* sleep(1000);
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
            throw new Error("second");
          }
        });
      }),
    ).catch((thrown: unknown) => thrown);
    expect((error as Error).cause).toBe("just a string");
    expect(suppressed(error).map(String)).toEqual([expect.stringContaining("second")]);
  });

  test("an error of the body counts as a failure: the tasks are cancelled and awaited", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(endless(log, "task", 7));
          yield* sleep(1);
          throw new Error("body");
        }),
      );
      expect(String(error)).toBe("Error: body");
      expect(log).toHaveLength(1);
      expect(now() - start).toBe(8);
    }));

  test("the failure of a task and then one of the body: the first in time is thrown, the other kept", async () => {
    const error = await inGroup((g) =>
      (function* () {
        const first = g.spawn(failing(5, new Error("task")));
        try {
          yield* first;
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
          throw new Error("body");
        }
      })(),
    ).catch((thrown: unknown) => thrown);
    expect(String(error)).toBe("Error: task");
    expect(suppressed(error).map(String)).toEqual(["Error: body"]);
  });

  // DESIGN 6: "A failure cancels the group before it wakes joiners inside it: it surfaces once, at the group".
  test("a failure that a task inside joins surfaces once, at the group, and not in the joiner", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const boom = new Error("boom");
      const error = yield* thrownBy(() =>
        group(function* (g) {
          const task = g.spawn(failing(10, boom));
          g.spawn(function* () {
            try {
              yield* task;
            } catch {
              log.push("CAUGHT in a task");
            }
          });
          try {
            yield* task;
          } catch {
            log.push("CAUGHT in the body");
          }
        }),
      );
      expect(error).toBe(boom);
      expect(log).toEqual([]);
    }));

  test("a joiner outside the group receives the failure", () =>
    onEverySchedule(function* (outer) {
      const boom = new Error("boom");
      let task: Task | undefined;
      const errors: unknown[] = [];
      const joiner = outer.spawn(function* () {
        yield* sleep(1);
        errors.push(yield* thrownBy(() => task as Task));
      });
      errors.push(
        yield* thrownBy(() =>
          group(function* (g) {
            task = g.spawn(failing(10, boom));
          }),
        ),
      );
      yield* joiner;
      expect(errors).toEqual([boom, boom]);
    }));

  test("a cancelled task is no failure, and joining it throws a CancelledError that says why and where", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(sleep(1000), { name: "sleeper" });
      yield* sleep(1);
      task.cancel("enough");
      const error = yield* thrownBy(() => task);
      expect(error).toBeInstanceOf(CancelledError);
      expect((error as CancelledError).reason).toBe("enough");
      expect((error as CancelledError).message).toBe('the task "sleeper" was cancelled: enough');
      expect((error as CancelledError).origin).toContain("group.test.ts");
      expect(task.state).toBe("cancelled");
    }));

  test("cancelling an ended task does nothing (rule 7)", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(after(1, "value"));
      expect(yield* task).toBe("value");
      task.cancel("late");
      expect(task.state).toBe("done");
      expect(yield* task).toBe("value");
    });
  });

  test("g.cancel(reason) unwinds body and tasks and throws a CancelledError with the reason", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            g.spawn(endless(log, "task"));
            yield* sleep(5);
            g.cancel("closing");
            log.push("marked");
            yield* endless(log, "body");
          },
          { name: "shop" },
        ),
      );
      expect((error as Error).message).toBe('the group "shop" was cancelled: closing');
      expect((error as CancelledError).reason).toBe("closing");
      expect(log[0]).toBe("marked");
      expect(log).toHaveLength(3);
    }));

  test("a cancelled group whose body ends by itself keeps the body's value (rule 6)", () =>
    onEverySchedule(function* () {
      const value = yield* group(function* (g) {
        g.spawn(sleep(1000));
        g.cancel();
        return "kept";
      });
      expect(value).toBe("kept");
    }));

  // Edge 13: late spawns.
  test("spawn on a cancelled group that has not ended is allowed: first step, then cancelled", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* thrownBy(() =>
        group(function* (g) {
          try {
            g.cancel();
            yield* sleep(1000);
          } finally {
            g.spawn(function* () {
              log.push("first step");
              yield* checkpoint();
              log.push("NEVER");
            });
            yield* sleep(5);
            log.push("body cleaned");
          }
        }),
      );
      expect(log).toEqual(["first step", "body cleaned"]);
    }));

  test("spawn on an ended group is an error that names it", async () => {
    let leaked: Group | undefined;
    await inGroup(function* () {
      yield* group(
        function* (g) {
          leaked = g;
        },
        { name: "short" },
      );
      expect(() => leaked?.spawn(sleep(1))).toThrow('the group "short" has ended');
    });
    expect(() => leaked?.spawn(sleep(1))).toThrow('the group "short" has ended');
  });

  test("a task may spawn on its group while that waits for its end, and keeps it open", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(10);
          g.spawn(function* () {
            yield* sleep(10);
            log.push("grandchild");
            g.spawn(after(10, 0));
          });
        });
      });
      expect(log).toEqual(["grandchild"]);
      expect(now() - start).toBe(30);
    }));

  // Edge 13: a spawn in the very turn in which the last task ended must not become an orphan.
  test("a task spawned from outside in the turn in which the last one ended is waited for", () =>
    onEverySchedule(function* (outer) {
      let inner: Group | undefined;
      let late: Task | undefined;
      let refused = false;
      const owner = outer.spawn(() =>
        group(function* (g) {
          inner = g;
          g.spawn(sleep(10));
        }),
      );
      outer.spawn(function* () {
        yield* sleep(10);
        try {
          late = inner?.spawn(after(10, "late"));
        } catch {
          refused = true;
        }
      });
      yield* owner;
      expect(refused || late?.state === "done").toBe(true);
    }));

  test("a group opened by another task's code stays open for the tasks that others spawn on it", () =>
    onEverySchedule(function* (outer) {
      let inner: Group | undefined;
      const owner = outer.spawn(() =>
        group(function* (g) {
          inner = g;
          yield* sleep(5);
        }),
      );
      yield* sleep(1);
      const task = (inner as Group).spawn(after(20, "from outside"));
      yield* owner;
      expect(task.state).toBe("done");
    }));

  test("three thousand nested groups end, and are cancelled, without overflowing the stack", async () => {
    let cleaned = 0;
    function* nest(n: number): Coroutine<void> {
      yield* group(function* (g) {
        try {
          if (n > 0) g.spawn(() => nest(n - 1));
          yield* sleep(1_000_000);
        } finally {
          cleaned++;
        }
      });
    }
    await inGroup(function* (g) {
      const task = g.spawn(() => nest(3_000));
      yield* sleep(1);
      task.cancel();
    });
    expect(cleaned).toBe(3_001);
  });

  test("a body that is no function* and options that make no sense are refused", async () => {
    expect(() => group(sleep(1) as never)).toThrow("group() takes a function*");
    expect(() => group(function* () {}, { grace: Number.NaN })).toThrow("the grace of a group");
    expect(() => group(function* () {}, { grace: -1 })).toThrow("the grace of a group");
    await expect(virtually(() => group((() => 5) as never))).rejects.toThrow("not an operation");
    await expect(virtually(() => group((async () => {}) as never))).rejects.toThrow("a promise, not an operation");
  });

  test("a body that throws before it gives an operation is a failure of the group", async () => {
    await expect(
      virtually(() =>
        group((g) => {
          g.spawn(sleep(10));
          throw new Error("no body");
        }),
      ),
    ).rejects.toThrow("no body");
  });
});

describe("a daemon", () => {
  test("is cancelled when the rest has ended, and awaited", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      yield* group(function* (g) {
        g.spawn(endless(log, "daemon", 5), { daemon: true });
        g.spawn(after(10, 0));
      });
      expect(log).toHaveLength(1);
      expect(now() - start).toBe(15);
    }));

  test("is cancelled at once when there is nobody else", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      yield* group(function* (g) {
        g.spawn(endless(log, "daemon"), { daemon: true });
        yield* checkpoint();
      });
      expect(now() - start).toBe(0);
    }));

  test("fails the group when it fails, but may end early", () =>
    onEverySchedule(function* () {
      yield* group(function* (g) {
        g.spawn(after(1, 0), { daemon: true });
        yield* sleep(10);
      });
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(failing(1, new Error("daemon")), { daemon: true });
          yield* sleep(1000);
        }),
      );
      expect(String(error)).toBe("Error: daemon");
    }));

  test("that fails while it is being cancelled still fails the group", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(
            function* () {
              try {
                yield* sleep(1000);
              } finally {
                // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
                throw new Error("cleanup of the daemon");
              }
            },
            { daemon: true },
          );
          yield* sleep(1);
        }),
      );
      expect(String(error)).toBe("Error: cleanup of the daemon");
    }));

  test("may spawn a task in its cleanup, which is waited for", () =>
    onEverySchedule(function* () {
      let task: Task | undefined;
      const start = now();
      yield* group(function* (g) {
        g.spawn(
          function* () {
            try {
              yield* sleep(1000);
            } finally {
              task = g.spawn(after(20, 0));
              yield* sleep(5);
            }
          },
          { daemon: true },
        );
        yield* sleep(1);
      });
      expect(task?.state).toBe("done");
      expect(now() - start).toBe(21);
    }));

  test("does not count in g.size", async () => {
    await inGroup(function* () {
      yield* group(function* (g) {
        g.spawn(sleep(100), { daemon: true });
        g.spawn(sleep(5));
        expect(g.size).toBe(1);
        yield* sleep(10);
        expect(g.size).toBe(0);
      });
    });
  });
});
