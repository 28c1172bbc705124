/** A `timeout` that says on what it gave up, in the shape that a test can compare. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import type { CancelledError } from "../coroutine/errors.ts";
import { type Coroutine, type Operation, Wait } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group } from "./group.ts";
import { effectiveDeadline } from "./here.ts";
import { cleanup, deadline, moveOnAfter, scope, type Scope, shield, timeout } from "./scope.ts";

function* outcome(op: () => Operation<unknown>): Coroutine<string> {
  const start = now();
  try {
    return `${String(yield* op())} at ${now() - start}`;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message} at ${now() - start}`;
  }
}

describe("scope", () => {
  test("gives the value, or says that its own cancel unwound it", () =>
    onEverySchedule(function* () {
      expect(
        yield* scope(function* () {
          return 1;
        }),
      ).toEqual({ cancelled: false, value: 1 });
      const result = yield* scope(function* (s) {
        yield* group(function* (g) {
          g.spawn(function* () {
            yield* sleep(10);
            s.cancel();
          });
          yield* sleep(1000);
        });
      });
      expect(result).toEqual({ cancelled: true, value: undefined });
    }));

  test("a cancelled scope whose body ends by itself keeps its value, and its error (rule 6)", () =>
    onEverySchedule(function* () {
      expect(
        yield* scope(function* (s) {
          s.cancel();
          return "kept";
        }),
      ).toEqual({ cancelled: false, value: "kept" });
      expect(
        String(
          yield* thrownBy(() =>
            scope(function* (s) {
              s.cancel();
              throw new Error("kept");
            }),
          ),
        ),
      ).toBe("Error: kept");
    }));

  // Edge 1: cancellation that stays cancelled (level, not edge).
  test("stays cancelled: a wait in a catch inside it is met again, so nothing can swallow it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* scope(function* (s) {
        s.cancel();
        for (let i = 0; i < 5; i++) {
          try {
            yield* sleep(1);
          } catch {
            log.push("CAUGHT");
          } finally {
            log.push(`finally ${i}`);
          }
        }
        return "never";
      });
      expect(result.cancelled).toBe(true);
      expect(log).toEqual(["finally 0"]);
    }));

  test("that was cancelled costs nothing once it is over: waits after it complete at once again", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const done = g.spawn(function* () {});
      yield* sleep(1);
      yield* scope(function* (s) {
        s.cancel();
        yield* sleep(1);
      });
      yield* sleep(1);
      g.spawn(function* () {
        log.push("another task");
      });
      for (let i = 0; i < 10; i++) yield* done.ended();
      log.push("ten waits");
    });
    expect(log).toEqual(["ten waits", "another task"]);
  });

  test("its deadline can be moved while it runs: later, earlier, away", () =>
    onEverySchedule(function* () {
      const run = function* (change: (s: Scope) => void): Coroutine<number> {
        const start = now();
        yield* scope(
          function* (s) {
            yield* sleep(5);
            change(s);
            yield* sleep(100);
          },
          { deadline: start + 10 },
        );
        return now() - start;
      };
      expect(yield* run(() => {})).toBe(10);
      expect(yield* run((s) => (s.deadline += 30))).toBe(40);
      expect(yield* run((s) => (s.deadline = now() + 1))).toBe(6);
      expect(yield* run((s) => (s.deadline = now() - 100))).toBe(5);
      expect(yield* run((s) => (s.deadline = Infinity))).toBe(105);
    }));

  test("its deadline cannot bring it back once it is cancelled, and does nothing after its end", async () => {
    let leaked: Scope | undefined;
    const host = new VirtualHost();
    await virtually(function* () {
      const result = yield* scope(function* (s) {
        leaked = s;
        s.cancel();
        s.deadline = now() + 1000;
        yield* sleep(1);
      });
      expect(result.cancelled).toBe(true);
      (leaked as Scope).deadline = now() + 5;
      (leaked as Scope).cancel();
      yield* sleep(10);
    }, host);
    expect(host.now()).toBe(10);
    expect(leaked?.cancelled).toBe(true);
  });

  test("the first reason stays", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        group(function* (g) {
          g.cancel("first");
          g.cancel("second");
          yield* sleep(1);
        }),
      );
      expect((error as CancelledError).reason).toBe("first");
    }));

  test("a cancelled scope inside does not touch the one around it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* scope(function* () {
        yield* scope(function* (inner) {
          inner.cancel();
          yield* sleep(1);
        });
        yield* sleep(1);
        log.push("went on");
        return "outer";
      });
      expect(result).toEqual({ cancelled: false, value: "outer" });
      expect(log).toEqual(["went on"]);
    }));

  // Rule 1: a cancellation is addressed to a scope, never to "whatever the task is doing".
  test("a scope that is over when it is cancelled does not cancel what its task does now", () =>
    onEverySchedule(function* (g) {
      let leaked: Scope | undefined;
      const task = g.spawn(function* () {
        yield* scope(function* (s) {
          leaked = s;
          yield* sleep(1);
        });
        yield* sleep(10);
        return "whole";
      });
      yield* sleep(5);
      leaked?.cancel();
      expect(yield* task).toBe("whole");
    }));

  test("of two cancelled scopes the outer one is delivered, whichever was cancelled first", () =>
    onEverySchedule(function* (g) {
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const scopes: Scope[] = [];
        const log: string[] = [];
        const task = g.spawn(() =>
          scope(function* (outer) {
            scopes.push(outer);
            yield* scope(function* (inner) {
              scopes.push(inner);
              yield* sleep(1000);
            });
            log.push("WENT ON");
          }),
        );
        yield* sleep(1);
        for (const i of order) scopes[i]?.cancel();
        expect(yield* task).toEqual({ cancelled: true, value: undefined });
        expect(log).toEqual([]);
      }
    }));
});

describe("shield", () => {
  test("holds what comes from further out until it is over", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const result = yield* moveOnAfter(10, function* () {
        log.push(
          yield* shield(function* () {
            yield* sleep(30);
            return "shielded";
          }),
        );
        yield* checkpoint();
        log.push("NEVER");
      });
      expect(log).toEqual(["shielded"]);
      expect(result.timedOut).toBe(true);
      expect(now() - start).toBe(30);
    }));

  test("does not hold its own timeouts, nor those inside it", () =>
    onEverySchedule(function* () {
      const start = now();
      yield* shield(() => moveOnAfter(10, sleep(1000)));
      expect(now() - start).toBe(10);
      expect(yield* outcome(() => shield(() => timeout(10, sleep(1000))))).toContain("TimeoutError");
    }));

  test("passes errors and values as they are", () =>
    onEverySchedule(function* () {
      const error = new Error("mine");
      expect(
        yield* thrownBy(() =>
          shield(function* () {
            throw error;
          }),
        ),
      ).toBe(error);
    }));

  test("the waits in it complete at once again although a cancellation is pending outside", () =>
    onEverySchedule(function* (g) {
      const done = g.spawn(function* () {
        return 7;
      });
      yield* sleep(1);
      const result = yield* scope(function* (s) {
        s.cancel();
        let sum = 0;
        yield* shield(function* () {
          for (let i = 0; i < 3; i++) sum += yield* done;
        });
        return sum;
      });
      expect(result).toEqual({ cancelled: false, value: 21 });
    }));
});

describe("cleanup()", () => {
  test("in a finally that was entered for a normal end, a cancel that comes waits for it", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      function* worker(): Coroutine<void> {
        try {
          log.push("work");
        } finally {
          yield* cleanup(sleep(20));
          log.push("rolled back");
        }
        log.push("WENT ON");
        yield* sleep(1);
        log.push("NEVER");
      }
      const task = g.spawn(worker);
      yield* sleep(10);
      task.cancel();
      yield* task.ended();
      expect(log).toEqual(["work", "rolled back", "WENT ON"]);
      expect(task.state).toBe("cancelled");
    }));

  test("in a finally that was entered for an error, the error goes on", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(() =>
        thrownBy(function* () {
          try {
            throw new Error("work failed");
          } finally {
            yield* cleanup(sleep(20));
            log.push("rolled back");
          }
        }),
      );
      yield* sleep(10);
      task.cancel();
      expect(String(yield* task)).toBe("Error: work failed");
      expect(log).toEqual(["rolled back"]);
    }));

  test("without it a finally that was entered for a normal end is cancelled like any other code", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(function* () {
        try {
          log.push("work");
        } finally {
          yield* sleep(20);
          log.push("NEVER");
        }
      });
      yield* sleep(10);
      task.cancel();
      yield* task.ended();
      expect(log).toEqual(["work"]);
    }));
});

describe("effectiveDeadline()", () => {
  test("is the earliest around, through tasks and groups", () =>
    onEverySchedule(function* () {
      const start = now();
      const seen: number[] = [];
      seen.push(effectiveDeadline());
      yield* timeout(100, () =>
        timeout(5000, () =>
          group(function* (g) {
            seen.push(effectiveDeadline() - start);
            yield* g.spawn(function* () {
              seen.push(effectiveDeadline() - start);
              yield* timeout(10, function* () {
                seen.push(effectiveDeadline() - start);
              });
            });
          }),
        ),
      );
      expect(seen).toEqual([Infinity, 100, 100, 10]);
    }));

  test("does not look beyond a shield, and is -Infinity where a cancellation is pending", () =>
    onEverySchedule(function* () {
      const seen: number[] = [];
      yield* timeout(100, () =>
        shield(function* () {
          seen.push(effectiveDeadline());
        }),
      );
      yield* scope(function* (s) {
        s.cancel();
        seen.push(effectiveDeadline());
        yield* shield(function* () {
          seen.push(effectiveDeadline());
        });
      });
      expect(seen).toEqual([Infinity, -Infinity, Infinity]);
    }));

  test("follows a deadline that is moved", () =>
    onEverySchedule(function* () {
      yield* scope(function* (s) {
        expect(effectiveDeadline()).toBe(Infinity);
        s.deadline = now() + 50;
        expect(effectiveDeadline()).toBe(now() + 50);
      });
    }));
});

describe("bad use of scopes", () => {
  test.each([Number.NaN, -1, -Infinity, "5", null, undefined, {}])(
    "a time of %s is refused with its name",
    async (ms) => {
      expect(() => timeout(ms as number, sleep(1))).toThrow(/timeout takes a time in ms/);
      expect(() => moveOnAfter(ms as number, sleep(1))).toThrow(/moveOnAfter takes a time in ms/);
    },
  );

  test("a deadline that is NaN is refused", async () => {
    expect(() => deadline(Number.NaN, sleep(1))).toThrow("deadline takes a time of now()");
    expect(() => scope(function* () {}, { deadline: Number.NaN })).toThrow("the deadline of a scope");
    await inGroup(function* () {
      yield* scope(function* (s) {
        expect(() => (s.deadline = Number.NaN)).toThrow("a scope's deadline");
        expect(s.deadline).toBe(Infinity);
      });
    });
  });

  test.each([Number.NaN, -1])("a grace of %s is refused", (grace) => {
    const op = function* (): Coroutine<void> {};
    expect(() => scope(op, { grace })).toThrow("the grace of a scope");
    expect(() => timeout(1, op, { grace })).toThrow("the grace of a timeout");
    expect(() => moveOnAfter(1, op, { grace })).toThrow("the grace of moveOnAfter");
    expect(() => deadline(1, op, { grace })).toThrow("the grace of a deadline");
    expect(() => shield(op, { grace })).toThrow("the grace of a shield");
    expect(() => cleanup(op, { grace })).toThrow("the grace of a cleanup");
  });

  test("a body that is no operation is an error at its line", async () => {
    for (const make of [
      () => timeout(1, 5 as never),
      () => moveOnAfter(1, (() => undefined) as never),
      () => shield(Promise.resolve() as never),
      () => scope((() => null) as never),
    ]) {
      await expect(
        virtually(function* () {
          yield* make();
        }),
      ).rejects.toThrow(/not an operation/);
    }
  });

  test("one timeout used twice is an error that names it", async () => {
    const error = await inGroup(function* () {
      const twice = timeout(10, sleep(1));
      yield* twice;
      return yield* thrownBy(() => twice);
    });
    expect(String(error)).toContain('the wait "timeout" was used twice');
    expect(timeout(1, sleep(1))).toBeInstanceOf(Wait);
  });
});
