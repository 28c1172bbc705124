import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { CancelledError, suppressed } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { defer } from "./defer.ts";
import { group, type Group } from "./group.ts";
import { isStopping, stopping } from "./here.ts";
import { run } from "./run.ts";
import { moveOnAfter, scope, shield } from "./scope.ts";
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
      order.push(yield* group(function* () {
        return "inner";
      }));
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
      expect(log.map((line) => line.split(" ")[0]).sort()).toEqual(["a", "body"]);
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

describe("g.start(): the readiness handshake", () => {
  test("gives the value of ready() and the task goes on", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* group(function* (g) {
        const port = yield* g.start<number>(function* (ready) {
          yield* sleep(5);
          ready(8080);
          yield* sleep(5);
          log.push("served");
        });
        log.push(`port ${port}`);
      });
      expect(log).toEqual(["port 8080", "served"]);
    }));

  test("a failure before ready is thrown to the starter only; the group goes on", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(20);
          log.push("sibling");
        });
        const error = yield* thrownBy(() => g.start(() => failing(5, new Error("port in use"))));
        log.push(String(error));
      });
      expect(log).toEqual(["Error: port in use", "sibling"]);
    }));

  test("a failure after ready is the group's", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(function* (g) {
          yield* g.start(function* (ready) {
            ready();
            yield* sleep(5);
            throw new Error("later");
          });
          yield* sleep(1000);
        }),
      );
      expect(String(error)).toBe("Error: later");
    }));

  test("ending, and being cancelled, before ready is an error that names the task", () =>
    onEverySchedule(function* () {
      yield* group(function* (g) {
        const ended = yield* thrownBy(() => g.start(function* server() {}));
        expect(String(ended)).toBe('Error: "server" ended before it called ready()');
        const cancelled = yield* thrownBy(() =>
          g.start(
            function* (): Coroutine<void> {
              yield* scope(function* () {
                yield* sleep(1);
              });
              throw new Error("not reached when cancelled");
            },
            { name: "other" },
          ),
        );
        expect(String(cancelled)).toContain("not reached");
      });
    }));

  test("ready() called twice is an error in the task", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(function* (g) {
          yield* g.start(function* twice(ready) {
            ready();
            ready();
          });
          yield* sleep(10);
        }),
      );
      expect(String(error)).toContain('ready() of "twice" was called twice');
    }));

  // Edge 13: a pending start() keeps the group open.
  test("a starter that is cancelled cancels the task and waits for it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* group(function* (g) {
        yield* moveOnAfter(5, () => g.start(() => endless(log, "not ready", 5)));
        expect(log).toHaveLength(1);
        expect(g.size).toBe(0);
      });
    }));

  test("a starter that is cancelled in the turn of ready() loses nothing: the task is the group's", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* group(function* (g) {
        const started = yield* moveOnAfter(10, () =>
          g.start(function* (ready) {
            yield* sleep(10);
            ready("value" as never);
            yield* sleep(5);
            log.push("task went on");
          }),
        );
        log.push(started.timedOut ? "timed out" : "started");
      });
      // Either the handshake happened, and then the task goes on, or it did not, and then the task is gone.
      expect(log.includes("started")).toBe(log.includes("task went on"));
    }));
});

describe("g.next(): tasks in the order of ending", () => {
  test("gives each task once, then undefined", () =>
    onEverySchedule(function* () {
      const order = yield* group(
        function* (g) {
          for (const ms of [30, 10, 20]) g.spawn(after(ms, ms));
          const ended: number[] = [];
          for (let task = yield* g.next(); task !== undefined; task = yield* g.next()) ended.push(yield* task);
          expect(yield* g.next()).toBeUndefined();
          return ended;
        },
        { collect: true },
      );
      expect(order).toEqual([10, 20, 30]);
    }));

  test("keeps tasks that ended before anybody asked, and leaves daemons out", () =>
    onEverySchedule(function* () {
      yield* group(
        function* (g) {
          g.spawn(after(1, "daemon"), { daemon: true });
          g.spawn(after(2, "a"));
          g.spawn(after(3, "b"));
          yield* sleep(10);
          expect(yield* (yield* g.next()) as Task).toBe("a");
          expect(yield* (yield* g.next()) as Task).toBe("b");
          expect(yield* g.next()).toBeUndefined();
        },
        { collect: true },
      );
    }));

  test("several takers share the tasks, and all hear of the end", () =>
    onEverySchedule(function* () {
      const taken = yield* group(
        function* (g) {
          for (const ms of [5, 6, 7]) g.spawn(after(ms, ms));
          const seen: number[] = [];
          yield* group(function* (takers) {
            for (let i = 0; i < 2; i++) {
              takers.spawn(function* () {
                for (let task = yield* g.next(); task !== undefined; task = yield* g.next()) seen.push(yield* task);
              });
            }
          });
          return seen;
        },
        { collect: true },
      );
      expect(taken.sort()).toEqual([5, 6, 7]);
    }));

  test("a taker that is cancelled loses no task", () =>
    onEverySchedule(function* () {
      yield* group(
        function* (g) {
          g.spawn(after(10, "the one"));
          const first = yield* moveOnAfter(10, () => g.next());
          const task = first.timedOut ? yield* g.next() : first.value;
          expect(yield* task as Task).toBe("the one");
        },
        { collect: true },
      );
    }));

  test("without collect it is an error that says what to write", async () => {
    await inGroup(function* () {
      yield* group(
        function* (g) {
          expect(() => g.next()).toThrow('the group "plain" keeps no finished tasks');
        },
        { name: "plain" },
      );
    });
  });
});

describe("g.ended()", () => {
  test("waits from outside until the group is over, and gives at once after that", () =>
    onEverySchedule(function* (outer) {
      let inner: Group | undefined;
      outer.spawn(() =>
        group(function* (g) {
          inner = g;
          g.spawn(after(20, 0));
        }),
      );
      yield* sleep(5);
      const start = now();
      yield* (inner as Group).ended();
      expect(now() - start).toBe(15);
      yield* (inner as Group).ended();
      expect(now() - start).toBe(15);
    }));

  test("inside the group it would wait for ever: an error, in the body and in a task", () =>
    onEverySchedule(function* () {
      yield* group(
        function* (g) {
          expect(String(yield* thrownBy(() => g.ended()))).toContain("the end of its own group");
          const task = g.spawn(() => thrownBy(() => g.ended()));
          expect(String(yield* task)).toContain("the end of its own group");
          const deep = g.spawn(() =>
            group(function* (inner) {
              return yield* inner.spawn(() => thrownBy(() => g.ended()));
            }),
          );
          expect(String(yield* deep)).toContain("the end of its own group");
        },
        { name: "own" },
      );
    }));
});

describe("g.stop(): softly first", () => {
  function* worker(log: string[]): Coroutine<void> {
    while (!isStopping()) yield* sleep(3);
    log.push(`worker stopped at ${now()}`);
  }

  test("tells the body, its tasks and inner groups, and waits for them", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      yield* group(function* (g) {
        g.spawn(worker(log));
        g.spawn(() =>
          group(function* (inner) {
            inner.spawn(worker(log));
          }),
        );
        g.spawn(function* () {
          yield* stopping();
          log.push("told");
        });
        yield* sleep(10);
        g.stop({ within: 1000 });
        expect(isStopping()).toBe(true);
      });
      expect(log).toHaveLength(3);
      expect(now() - start).toBe(12);
    }));

  test("what is left after `within` is cancelled", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.spawn(endless(log, "deaf"));
          g.stop({ within: 50 });
          yield* sleep(1000);
        }),
      );
      expect(String(error)).toContain("it did not stop in time");
      expect(now() - start).toBe(50);
      expect(log).toHaveLength(1);
    }));

  test("a group whose body ended by itself before `within` throws nothing, though its deaf tasks were cancelled", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const value = yield* group(function* (g) {
        g.spawn(endless(log, "deaf"));
        g.stop({ within: 50 });
        return "value";
      });
      expect(value).toBe("value");
      expect(log).toHaveLength(1);
    }));

  test("a second stop can only shorten the time", () =>
    onEverySchedule(function* () {
      const start = now();
      yield* thrownBy(() =>
        group(function* (g) {
          g.stop({ within: 50 });
          g.stop({ within: 500 });
          g.stop({ within: 20 });
          g.stop();
          yield* sleep(1000);
        }),
      );
      expect(now() - start).toBe(20);
    }));

  test("within 0 cancels as soon as the loop looks at its timers", () =>
    onEverySchedule(function* () {
      const start = now();
      yield* thrownBy(() =>
        group(function* (g) {
          g.stop({ within: 0 });
          yield* sleep(1000);
        }),
      );
      expect(now() - start).toBe(0);
    }));

  test("a group opened inside one that is stopping is stopping from the start", () =>
    onEverySchedule(function* () {
      yield* group(function* (g) {
        g.stop();
        yield* group(function* (inner) {
          expect(isStopping()).toBe(true);
          const task = inner.spawn(function* () {
            yield* stopping();
            return isStopping();
          });
          expect(yield* task).toBe(true);
        });
      });
    }));

  test("does not reach the groups around it", () =>
    onEverySchedule(function* () {
      yield* group(function* () {
        yield* group(function* (inner) {
          inner.stop();
          expect(isStopping()).toBe(true);
        });
        expect(isStopping()).toBe(false);
      });
    }));

  test("a bad `within` is refused, and stopping an ended group does nothing", async () => {
    let leaked: Group | undefined;
    await inGroup(function* () {
      yield* group(function* (g) {
        leaked = g;
        expect(() => g.stop({ within: -1 })).toThrow("the `within` of stop()");
        expect(() => g.stop({ within: Number.NaN })).toThrow("the `within` of stop()");
      });
      leaked?.stop({ within: 5 });
      leaked?.cancel();
      yield* sleep(10);
    });
  });
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
      expect(log.sort()).toEqual([`a at ${at}`, `b at ${at}`]);
    }));

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

describe("bad use of tasks", () => {
  const bad: [string, () => Operation<unknown>, string | RegExp][] = [
    ["a task that awaits itself", () => group(function* (g) {
      const self: Task = g.spawn(function* () {
        yield* self;
      }, { name: "me" });
    }), 'the task "me" awaits itself'],
    ["a task that waits for its own end", () => group(function* (g) {
      const self: Task = g.spawn(function* () {
        yield* self.ended();
      }, { name: "me" });
    }), '"me"'],
    ["a spawn of nothing", () => group(function* (g) {
      g.spawn(undefined as never);
    }), "not an operation"],
    ["a spawn of a promise", () => group(function* (g) {
      g.spawn(Promise.resolve(1) as never);
    }), "a promise, not an operation"],
    ["a spawn of an async function", () => group(function* (g) {
      g.spawn((async () => 1) as never);
    }), "a promise, not an operation"],
    ["a spawn of a string", () => group(function* (g) {
      g.spawn("abc" as never);
    }), "not an operation"],
    ["a spawn of an array", () => group(function* (g) {
      g.spawn([1, 2] as never);
    }), "an array and not an operation"],
  ];
  test.each(bad)("%s is a clear error", async (_name, body, message) => {
    await expect(virtually(body)).rejects.toThrow(message);
  });

  test("one generator spawned twice in a row is refused at the spawn", async () => {
    await inGroup(function* (g) {
      const generator = after(1, 0);
      g.spawn(generator);
      expect(() => g.spawn(generator)).toThrow("one generator was spawned twice");
    });
  });

  test("one generator that two tasks step at once is an error in the second", async () => {
    await expect(
      inGroup(function* (g) {
        const generator = after(50, 0);
        g.spawn(generator);
        g.spawn(sleep(1));
        g.spawn(generator);
      }),
    ).rejects.toThrow("was used twice");
  });

  test("a generator spawned again after it has ended is an error and not a silent undefined", async () => {
    for (const body of [
      function* (): Coroutine<void> {
        yield* sleep(1);
      },
      function* (): Coroutine<void> {},
    ]) {
      await expect(
        inGroup(function* (g) {
          const generator = body();
          yield* g.spawn(generator);
          yield* g.spawn(sleep(1));
          yield* g.spawn(generator);
        }),
      ).rejects.toThrow("one generator was spawned twice");
    }
  });

  test("one Task may be spawned as an operation of others: it is joined", async () => {
    const values = await inGroup(function* (g) {
      const task = g.spawn(after(5, "value"));
      const others = [g.spawn(task), g.spawn(task), g.spawn(task)];
      return [yield* others[0] as Task, yield* others[1] as Task, yield* others[2] as Task];
    });
    expect(values).toEqual(["value", "value", "value"]);
  });
});

describe("names", () => {
  test("a task is named by its option, its function, or its number", async () => {
    await inGroup(function* (g) {
      expect(g.spawn(sleep(1), { name: "given" }).name).toBe("given");
      expect(g.spawn(function* named() {}).name).toBe("named");
      const task = g.spawn(sleep(1));
      expect(task.name).toBe(`task ${task.id}`);
      const next = g.spawn(sleep(1));
      expect(next.id).toBe(task.id + 1);
    });
  });

  test("deferred functions of a group run after its tasks have ended", async () => {
    const log: string[] = [];
    await run(
      () =>
        group(function* (g) {
          defer(() => void log.push("deferred"));
          g.spawn(endless(log, "daemon"), { daemon: true });
          g.spawn(function* () {
            yield* sleep(5);
            log.push("task");
          });
        }),
      { host: new VirtualHost() },
    );
    expect(log).toEqual(["task", "daemon at 5", "deferred"]);
  });
});
