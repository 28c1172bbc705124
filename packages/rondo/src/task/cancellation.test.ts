/** The rules of cancellation (DESIGN, section 6), one by one, where no other file has them. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { CancelledError, suppressed } from "../coroutine/errors.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { Loop } from "../loop/loop.ts";
import { defer } from "./defer.ts";
import { group } from "./group.ts";
import { cancelReason, currentGroup, effectiveDeadline } from "./here.ts";
import { launch } from "./run.ts";
import { moveOnAfter, scope, type Scope, shield, timeout } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Task } from "./task.ts";

describe("cancel()", () => {
  // Rule 2: marks and returns; unwinding happens in the cancelled task's own next step.
  test("only marks: no code of the cancelled task runs inside it", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(function* () {
        try {
          yield* sleep(1000);
        } finally {
          log.push("cleanup");
        }
      });
      yield* sleep(1);
      task.cancel();
      log.push("after cancel()");
      expect(task.state).toBe("ready");
      yield* task.ended();
      expect(log).toEqual(["after cancel()", "cleanup"]);
    }));

  // Rule 4, edge 3: cancel before the first step.
  test("before the first step lets the first step run, so that its arguments are cleaned", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(function* () {
        try {
          log.push("first step");
          yield* sleep(1);
          log.push("NEVER");
        } finally {
          log.push("argument closed");
        }
      });
      task.cancel("at once");
      yield* task.ended();
      expect(log).toEqual(["first step", "argument closed"]);
      expect(task.state).toBe("cancelled");
    }));

  test("before the first step of a task that never waits leaves it be: it ends by itself", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(function* () {
        return "whole";
      });
      task.cancel();
      expect(yield* task).toBe("whole");
    }));

  test("before the first step of a task that is a bare wait, or a task, cancels it there", () =>
    onEverySchedule(function* (g) {
      const sleeper = g.spawn(sleep(1000));
      const joiner = g.spawn(sleeper);
      const inner = g.spawn(() =>
        group(function* (nested) {
          yield* nested.spawn(sleep(1000));
        }),
      );
      sleeper.cancel();
      joiner.cancel();
      inner.cancel();
      for (const task of [sleeper, joiner, inner]) {
        yield* task.ended();
        expect(task.state).toBe("cancelled");
      }
    }));

  // Rule 5, edge 2: a completion and a cancel in the same turn must pick exactly one.
  test("in the turn in which the wait completed: the value is delivered, and the cancellation meets the next wait", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const task = g.spawn(function* () {
        log.push(String(yield* queue.park<string>("item")));
        yield* sleep(1);
        log.push("NEVER");
      });
      yield* sleep(1);
      queue.unpark(1, "item");
      task.cancel();
      yield* task.ended();
      log.push(task.state);
    });
    expect(log).toEqual(["item", "cancelled"]);
  });

  test("in the turn in which the wait failed: the error is delivered", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const task = g.spawn(function* () {
        log.push(String(yield* thrownBy(() => queue.park("item"))));
        yield* sleep(1);
        log.push("NEVER");
      });
      yield* sleep(1);
      queue.break(new Error("broken"));
      task.cancel();
      yield* task.ended();
      log.push(task.state);
    });
    expect(log).toEqual(["Error: broken", "cancelled"]);
  });

  test("a withdrawn wait cannot be granted any more, and one that was granted cannot be withdrawn", () =>
    onEverySchedule(function* (g) {
      const queue = new WaitQueue();
      const taken: string[] = [];
      const tasks = ["a", "b", "c"].map((name) =>
        g.spawn(function* () {
          yield* queue.park("item");
          taken.push(name);
          yield* sleep(1000);
        }),
      );
      yield* sleep(1);
      expect(queue.length).toBe(3);
      const [first] = [...queue.waits()].map((wait) => tasks.find((task) => task.wait === wait)) as Task[];
      first?.cancel();
      expect(queue.length).toBe(2);
      expect(queue.unpark(5)).toBe(2);
      for (const task of tasks) task.cancel();
      for (const task of tasks) yield* task.ended();
      expect(taken).toHaveLength(2);
    }));

  // Rule 5: at a checkpoint there is nothing to deliver.
  test("at a checkpoint the task goes no further, also right after a group and after a timeout", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const tasks = [
        g.spawn(function* () {
          yield* group(function* (inner) {
            inner.spawn(sleep(0));
          });
          yield* checkpoint();
          yield* checkpoint();
          yield* checkpoint();
          yield* checkpoint();
          log.push("went on");
          for (;;) yield* checkpoint();
        }),
        g.spawn(function* () {
          yield* moveOnAfter(0, sleep(5));
          for (;;) yield* checkpoint();
        }),
      ];
      for (let i = 0; i < 3; i++) yield* checkpoint();
      for (const task of tasks) task.cancel();
      for (const task of tasks) yield* task.ended();
      expect(tasks.map((task) => task.state)).toEqual(["cancelled", "cancelled"]);
    }));

  test("a task that stands at a checkpoint when it is cancelled takes no other step of its body", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const task = g.spawn(function* () {
        yield* group(function* (inner) {
          inner.spawn(sleep(0));
        });
        log.push("at the checkpoint");
        yield* checkpoint();
        log.push("NEVER");
      });
      while (log.length === 0) yield* checkpoint();
      task.cancel();
      yield* task.ended();
    });
    expect(log).toEqual(["at the checkpoint"]);
  });

  // Edge 1: an emulation of level cancellation must not spin.
  test("a task that refuses to end costs nothing while it waits", async () => {
    const host = new VirtualHost();
    const steps = await inGroup(function* (g) {
      const task = g.spawn(() => shield(sleep(10_000)));
      yield* sleep(1);
      const before = task.loop.steps;
      task.cancel();
      yield* task.ended();
      return task.loop.steps - before;
    }, host);
    expect(steps).toBeLessThan(5);
  });

  test("of a thousand tasks at once reaches each of them, once", () =>
    onEverySchedule(function* () {
      let cleaned = 0;
      yield* thrownBy(() =>
        group(function* (g) {
          for (let i = 0; i < 100; i++) {
            g.spawn(function* () {
              try {
                yield* sleep(1000);
              } finally {
                cleaned++;
              }
            });
          }
          yield* sleep(1);
          g.cancel();
          yield* sleep(1);
        }),
      );
      expect(cleaned).toBe(100);
    }));
});

describe("a wait that says it is too late to withdraw", () => {
  test("delivers its result, and the cancellation meets the next wait", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      let wake: ((value: string) => void) | undefined;
      const task = g.spawn(function* () {
        log.push(
          yield* suspend<string>((go) => {
            wake = go;
            return () => false;
          }, "write"),
        );
        yield* sleep(1);
        log.push("NEVER");
      });
      yield* sleep(1);
      task.cancel();
      yield* sleep(1);
      expect(task.state).toBe("waiting");
      wake?.("written");
      yield* task.ended();
      expect(log).toEqual(["written"]);
      expect(task.state).toBe("cancelled");
    }));

  // DESIGN 4: abort(), at most once.
  test("is asked at most once, however many regions around it are cancelled", () =>
    onEverySchedule(function* (g) {
      let asked = 0;
      let wake: (() => void) | undefined;
      const scopes: Scope[] = [];
      const task = g.spawn(() =>
        scope(function* (outer) {
          scopes.push(outer);
          yield* scope(function* (inner) {
            scopes.push(inner);
            yield* suspend<void>((go) => {
              wake = () => go();
              return () => {
                asked++;
                return false;
              };
            });
          });
        }),
      );
      yield* sleep(1);
      scopes[1]?.cancel();
      scopes[0]?.cancel();
      task.cancel();
      yield* sleep(1);
      expect(asked).toBe(1);
      wake?.();
      yield* task.ended();
      expect(asked).toBe(1);
    }));
});

describe("reason and origin (rule 7)", () => {
  test("go with the CancelledError: the reason as it was given, and a short stack of the cancel() call", () =>
    onEverySchedule(function* (g) {
      const reason = new Error("shutting down");
      const task = g.spawn(sleep(1000), { name: "worker" });
      yield* sleep(1);
      (function callOfCancel() {
        task.cancel(reason);
      })();
      const error = (yield* thrownBy(() => task)) as CancelledError;
      expect(error).toBeInstanceOf(CancelledError);
      expect(error.reason).toBe(reason);
      expect(error.cause).toBe(reason);
      expect(error.message).toBe('the task "worker" was cancelled: shutting down');
      expect(error.origin).toContain("callOfCancel");
      expect(error.origin?.split("\n").length).toBeLessThanOrEqual(6);
    }));

  test("a timer's cancel has no origin, and says that the time was over", () =>
    onEverySchedule(function* () {
      let inner: Task | undefined;
      yield* moveOnAfter(10, () =>
        group(function* (g) {
          inner = g.spawn(sleep(1000), { name: "inner" });
          yield* inner;
        }),
      );
      const error = (yield* thrownBy(() => inner as Task)) as CancelledError;
      expect(error.message).toBe('the task "inner" was cancelled: its time was over');
      expect(error.origin).toBeUndefined();
    }));

  test("a sibling's failure is the reason of those it cancelled", () =>
    onEverySchedule(function* () {
      let victim: Task | undefined;
      const boom = new Error("boom");
      yield* thrownBy(() =>
        group(function* (g) {
          victim = g.spawn(sleep(1000));
          g.spawn(function* () {
            yield* sleep(1);
            throw boom;
          });
        }),
      );
      expect(((yield* thrownBy(() => victim as Task)) as CancelledError).reason).toBe(boom);
    }));

  test("every joiner has an error of its own, with the line that joined", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(sleep(1000));
      function* firstJoiner(): Coroutine<unknown> {
        return yield* thrownBy(() => task);
      }
      function* secondJoiner(): Coroutine<unknown> {
        return yield* thrownBy(() => task);
      }
      const joiners = [g.spawn(firstJoiner), g.spawn(secondJoiner)];
      yield* sleep(1);
      task.cancel();
      const first = (yield* joiners[0] as Task) as Error;
      const second = (yield* joiners[1] as Task) as Error;
      expect(first).not.toBe(second);
      expect(first.stack).toContain("firstJoiner");
      expect(second.stack).toContain("secondJoiner");
    }));

  test("cancelReason() tells a cleanup why it runs: the outermost reason", () =>
    onEverySchedule(function* (g) {
      const reasons: unknown[] = [cancelReason()];
      function* asking(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          reasons.push(cancelReason());
        }
      }
      const task = g.spawn(asking);
      yield* sleep(1);
      task.cancel("given");
      yield* task.ended();
      yield* moveOnAfter(1, asking);
      const without = g.spawn(asking);
      yield* sleep(1);
      without.cancel();
      yield* without.ended();
      yield* scope(function* (outer) {
        yield* scope(function* (inner) {
          inner.cancel("inner");
          outer.cancel("outer");
          yield* asking();
        });
      });
      expect(reasons).toEqual([undefined, "given", "its time was over", "cancelled", "outer"]);
    }));

  test("a cancelled task that is joined by nobody is nobody's error", async () => {
    await expect(
      inGroup(function* (g) {
        g.spawn(sleep(1000)).cancel(new Error("reason"));
        return "fine";
      }),
    ).resolves.toBe("fine");
  });
});

describe("a cancel from where no task runs", () => {
  test("a task can be cancelled from foreign code", async () => {
    const log: string[] = [];
    await virtually(() =>
      group(function* (g) {
        const task = g.spawn(function* () {
          try {
            yield* suspend<void>(() => () => true, "never");
          } finally {
            log.push("cleaned");
          }
        });
        setImmediate(() => task.cancel("from a callback"));
        yield* task.ended();
        log.push(task.state);
      }),
    );
    expect(log).toEqual(["cleaned", "cancelled"]);
  });

  test("a task can be spawned from foreign code on a group that is open", async () => {
    const log: string[] = [];
    await virtually(() =>
      group(function* (g) {
        yield* suspend<void>((wake) => {
          setImmediate(() => {
            g.spawn(function* () {
              log.push("spawned from a callback");
            });
            wake();
          });
        }, "callback");
      }),
    );
    expect(log).toEqual(["spawned from a callback"]);
  });
});

describe("cancelling in odd places", () => {
  test("a cleanup that cancels its own task again, its scope, and its group, still runs whole", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* thrownBy(() =>
        group(function* (g) {
          const self: Task = g.spawn(() =>
            scope(function* (s) {
              try {
                yield* sleep(1000);
              } finally {
                self.cancel();
                s.cancel();
                g.cancel();
                yield* sleep(10);
                log.push("whole");
              }
            }),
          );
          yield* sleep(1);
          self.cancel();
          yield* sleep(1000);
        }),
      );
      expect(log).toEqual(["whole"]);
    }));

  test("two tasks that cancel each other are both cancelled", () =>
    onEverySchedule(function* (g) {
      const tasks: Task[] = [];
      for (const i of [0, 1]) {
        tasks.push(
          g.spawn(function* () {
            yield* sleep(1);
            tasks[1 - i]?.cancel();
            yield* sleep(10);
            return "whole";
          }),
        );
      }
      for (const task of tasks) yield* task.ended();
      expect(tasks.map((task) => task.state)).toEqual(["cancelled", "cancelled"]);
    }));

  test("a task that cancels the group of its parent's parent is unwound with it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (outer) {
            yield* group(function* (inner) {
              inner.spawn(function* () {
                outer.cancel("from two below");
                try {
                  yield* sleep(1);
                } finally {
                  log.push("task");
                }
              });
              yield* sleep(1000);
            });
            log.push("NEVER");
          },
          { name: "outer" },
        ),
      );
      expect(String(error)).toContain('"outer" was cancelled: from two below');
      expect(log).toEqual(["task"]);
    }));

  test("a timeout that fires while its scope is already being left does nothing", async () => {
    const host = new VirtualHost();
    const value = await virtually(
      () =>
        timeout(10, function* () {
          try {
            yield* sleep(5);
            return "value";
          } finally {
            host.advance(20); // due, and nobody has looked yet
          }
        }),
      host,
    );
    expect(value).toBe("value");
  });

  test("a join of a task that unwinds waits for the end of its cleanup", () =>
    onEverySchedule(function* (g) {
      const start = now();
      const task = g.spawn(function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(30);
        }
      });
      yield* sleep(10);
      task.cancel();
      yield* thrownBy(() => task);
      expect(now() - start).toBe(40);
    }));
});

// Such a task is unwound without a segment, as long as its cleanup needs none.
describe("a task that stands in one frame, with nothing open, is unwound like any other", () => {
  /** Cancels a task in its first wait; what its cleanup noted, and how it ended. */
  async function cleanedBy(cleanup: (log: unknown[]) => Generator<any, unknown, any>): Promise<unknown[]> {
    const log: unknown[] = [];
    const host = new VirtualHost();
    try {
      await inGroup(function* (g) {
        const task = g.spawn(
          function* () {
            try {
              yield* sleep(1000);
              log.push("NEVER");
            } finally {
              yield* cleanup(log);
            }
          },
          { name: "one" },
        );
        yield* sleep(1);
        task.cancel("enough");
        yield* task.ended();
        log.push(task.state);
      }, host);
    } catch (error) {
      log.push(error);
    }
    return log;
  }

  test("its cleanup is told that no deadline and no cancellation reaches it", async () => {
    expect(
      await cleanedBy(function* (log) {
        log.push(effectiveDeadline(), cancelReason());
      }),
    ).toEqual([Infinity, "enough", "cancelled"]);
  });

  test("what its cleanup defers runs at its end, and it is cancelled", async () => {
    expect(
      await cleanedBy(function* (log) {
        defer(function* () {
          yield* sleep(5);
          log.push(`deferred, at ${now()}`);
        });
        log.push("cleanup");
      }),
    ).toEqual(["cleanup", "deferred, at 6", "cancelled"]);
  });

  test("its cleanup may wait, and ask and defer while it does", async () => {
    expect(
      await cleanedBy(function* (log) {
        log.push(effectiveDeadline());
        yield* sleep(5);
        defer(() => void log.push("deferred"));
        log.push(effectiveDeadline(), now());
        yield* checkpoint();
      }),
    ).toEqual([Infinity, Infinity, 6, "deferred", "cancelled"]);
  });

  test.each([undefined, null, "text", new Error("broken")])("its cleanup may throw %s", async (thrown) => {
    const [error, ...more] = await cleanedBy(function* () {
      throw thrown;
    });
    expect(more).toEqual([]);
    expect(thrown instanceof Error ? error : (error as Error).cause).toBe(thrown);
    expect(suppressed(error)).toEqual([expect.any(CancelledError)]);
  });

  test("a value that its cleanup returns is reported and dropped", async () => {
    const reports: string[] = [];
    const host = new VirtualHost({ onReport: ({ message }) => reports.push(message) });
    const state = await inGroup(function* (g) {
      const task = g.spawn(
        function* () {
          try {
            yield* sleep(1000);
          } finally {
            // oxlint-disable-next-line no-unsafe-finally
            return "instead";
          }
        },
        { name: "one" },
      );
      yield* sleep(1);
      task.cancel();
      yield* task.ended();
      return task.state;
    }, host);
    expect([state, reports.length]).toEqual(["cancelled", 1]);
    expect(reports[0]).toContain("the value was ignored");
  });

  test("what the cleanup of the main task begins beside it is cancelled with it, and waited for", () => {
    const log: string[] = [];
    const loop = new Loop({ host: new VirtualHost() });
    const main = launch(loop, function* () {
      try {
        yield* sleep(1000);
      } finally {
        currentGroup().spawn(function* () {
          try {
            log.push("beside it");
            yield* sleep(5);
            log.push("NEVER");
          } finally {
            yield* sleep(5);
            log.push(`cleaned, at ${now()}`);
          }
        });
        log.push("cleanup");
      }
    });
    loop.turn();
    main.cancel();
    loop.drain();
    expect([...log, main.state]).toEqual(["cleanup", "beside it", "cleaned, at 5", "cancelled"]);
  });
});
