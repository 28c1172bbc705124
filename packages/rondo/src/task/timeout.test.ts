import { describe, expect, test } from "vitest";

import { onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { CancelledError, suppressed, TimeoutError } from "../coroutine/errors.ts";
import { type Coroutine, type Operation } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { now, sleep } from "../loop/sleep.ts";
import { group } from "./group.ts";
import { launch } from "./run.ts";
import { Loop } from "../loop/loop.ts";
import { deadline, moveOnAfter, timeout } from "./scope.ts";

function* outcome(op: () => Operation<unknown>): Coroutine<string> {
  const start = now();
  try {
    return `${String(yield* op())} at ${now() - start}`;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message} at ${now() - start}`;
  }
}

describe("timeout", () => {
  test("gives the value, passes errors on, and throws a TimeoutError that names its scope", () =>
    onEverySchedule(function* () {
      expect(
        yield* outcome(() =>
          timeout(10, function* () {
            yield* sleep(5);
            return "value";
          }),
        ),
      ).toBe("value at 5");
      expect(
        yield* outcome(() =>
          timeout(10, function* () {
            throw new Error("mine");
          }),
        ),
      ).toBe("Error: mine at 0");
      expect(yield* outcome(() => timeout(10, sleep(20), { name: "fetch" }))).toBe(
        "TimeoutError: fetch: not done within 10 ms at 10",
      );
      const error = yield* thrownBy(() => timeout(10, sleep(20), { name: "fetch" }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect([(error as TimeoutError).scope, (error as TimeoutError).ms]).toEqual(["fetch", 10]);
    }));

  test("the stack of its error shows the line that waited", async () => {
    const error = await virtually(function* callerOfTimeout() {
      return yield* thrownBy(() => timeout(10, sleep(20)));
    });
    expect((error as Error).stack).toContain("timeout.test.ts");
  });

  // Edge 9: a timeout must await what it cancelled, and runs its cleanup.
  test("waits for the cleanup of what it ended", () =>
    onEverySchedule(function* () {
      expect(
        yield* outcome(() =>
          timeout(10, function* () {
            try {
              yield* sleep(1000);
            } finally {
              yield* sleep(25);
            }
          }),
        ),
      ).toBe("TimeoutError: timeout: not done within 10 ms at 35");
    }));

  // Edge 9: deadline at or before entry must still enter the block.
  test("a time of 0 still runs the first step, and ends at the first wait that does not complete at once", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* outcome(() =>
        timeout(0, function* () {
          log.push("entered");
          yield* sleep(1);
          log.push("NEVER");
        }),
      );
      expect(result).toBe("TimeoutError: timeout: not done within 0 ms at 0");
      expect(log).toEqual(["entered"]);
      expect(
        yield* timeout(0, () =>
          timeout(0, () =>
            outcome(function* () {
              return "no wait" as never;
            } as never),
          ),
        ),
      ).toBe("no wait at 0");
    }));

  test("a deadline that has passed still enters the block", () =>
    onEverySchedule(function* () {
      yield* sleep(50);
      expect(
        yield* deadline(now() - 10, function* () {
          return "done at once";
        }),
      ).toBe("done at once");
      expect(yield* outcome(() => deadline(now() - 10, sleep(1)))).toBe(
        "TimeoutError: deadline: the deadline has passed at 0",
      );
    }));

  // Edge 9: body finishing after the deadline without blocking.
  test("a body that ends late without having waited keeps its value (rule 6)", async () => {
    const host = new VirtualHost();
    const value = await virtually(
      () =>
        timeout(10, function* () {
          host.advance(50);
          return "late but whole";
        }),
      host,
    );
    expect(value).toBe("late but whole");
  });

  test("a body that fails late keeps its own error", async () => {
    const host = new VirtualHost();
    await expect(
      virtually(
        () =>
          timeout(10, function* () {
            host.advance(50);
            throw new Error("late");
          }),
        host,
      ),
    ).rejects.toThrow("late");
  });

  // Edge 9: exceptions from the user's own code must not be taken as the scope's.
  test("a TimeoutError of the program's own passes through other timeouts as it is", () =>
    onEverySchedule(function* () {
      const mine = new TimeoutError("mine", 1);
      expect(
        yield* thrownBy(() =>
          timeout(10, function* () {
            throw mine;
          }),
        ),
      ).toBe(mine);
      const inner = yield* moveOnAfter(100, () => thrownBy(() => timeout(10, sleep(1000), { name: "inner" })));
      expect(inner.timedOut).toBe(false);
      expect((inner.value as TimeoutError).scope).toBe("inner");
    }));

  test("Infinity sets no timer, and the body's own end counts", () =>
    onEverySchedule(function* () {
      expect(yield* outcome(() => timeout(Infinity, sleep(5)))).toBe("undefined at 5");
    }));

  test("equal deadlines fire in the order armed, so a sleep as long as its timeout times out", () =>
    onEverySchedule(function* () {
      expect(yield* outcome(() => timeout(10, sleep(10)))).toContain("TimeoutError");
      expect(yield* moveOnAfter(10, sleep(10))).toEqual({ timedOut: true, value: undefined });
    }));

  test("a timeout in a loop times each round, and leaves no timer behind", async () => {
    const host = new VirtualHost();
    const loop = new Loop({ host });
    const task = launch(loop, function* () {
      for (let i = 0; i < 100; i++) yield* timeout(1000, sleep(1));
      return loop.timers.size;
    });
    loop.drain();
    expect(task.resultOrThrow()).toBe(0);
    expect(host.now()).toBe(100);
  });
});

describe("nested timeouts", () => {
  // Edge 9: if both are due in the same tick, the outermost wins and the inner must not claim it.
  test.each([
    [10, 10],
    [10, 50],
    [50, 10],
  ])("outer %i ms, inner %i ms: the outermost expired one is delivered", (outerMs, innerMs) =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* outcome(() =>
        timeout(
          outerMs,
          function* () {
            try {
              yield* timeout(innerMs, sleep(1000), { name: "inner" });
            } catch (error) {
              log.push((error as TimeoutError).scope);
              throw error;
            }
          },
          { name: "outer" },
        ),
      );
      const inner = innerMs < outerMs;
      expect(result).toBe(
        `TimeoutError: ${inner ? `inner: not done within ${innerMs}` : `outer: not done within ${outerMs}`} ms at 10`,
      );
      expect(log).toEqual(inner ? ["inner"] : []);
    }),
  );

  test("the inner one that fires first in a busy turn does not claim what the outer one ends too", () =>
    onEverySchedule(function* (_g, host) {
      const result = yield* outcome(() =>
        timeout(
          20,
          () =>
            timeout(
              10,
              function* () {
                host.advance(50); // the loop is busy past both deadlines
                yield* sleep(1);
              },
              { name: "inner" },
            ),
          { name: "outer" },
        ),
      );
      expect(result).toContain("outer: not done within 20 ms");
    }));

  test("three deep, the one in the middle due: the inner is unwound, the outer goes on", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* timeout(100, function* () {
        log.push(
          yield* outcome(() => timeout(10, () => timeout(50, sleep(1000), { name: "inner" }), { name: "middle" })),
        );
        yield* sleep(5);
        log.push("went on");
      });
      expect(log).toEqual(["TimeoutError: middle: not done within 10 ms at 10", "went on"]);
    }));

  // Edge 9: timeout in finally.
  test("a timeout inside a cleanup works though everything around is cancelled", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* moveOnAfter(10, function* () {
        try {
          yield* sleep(1000);
        } finally {
          log.push(yield* outcome(() => timeout(5, sleep(1000), { name: "flush" })));
          log.push(yield* outcome(() => timeout(5, sleep(2), { name: "flush" })));
        }
      });
      expect(log).toEqual(["TimeoutError: flush: not done within 5 ms at 5", "undefined at 2"]);
    }));

  // Edge 9: foreign cancel at the same moment.
  test("a task cancelled in the moment of its timeout is cancelled, not timed out", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(function* () {
        try {
          yield* timeout(10, sleep(1000));
        } catch {
          log.push("CAUGHT");
        }
        log.push("WENT ON");
      });
      g.spawn(function* () {
        yield* sleep(10);
        task.cancel("foreign");
      });
      yield* task.ended();
      // The timeout may be delivered a turn earlier; then the task goes on to its end, and the cancel comes too late.
      expect([["cancelled"], ["done", "CAUGHT", "WENT ON"]]).toContainEqual([task.state, ...log]);
    }));

  // Edge 4: counting cancel requests (gh-95289, gh-116720, gh-155433).
  test("a group cancelled inside an expired timeout does not swallow the timeout", () =>
    onEverySchedule(function* () {
      const result = yield* outcome(() =>
        timeout(
          10,
          () =>
            group(function* (inner) {
              try {
                yield* sleep(1000);
              } finally {
                inner.cancel("too");
                yield* sleep(1);
              }
            }),
          { name: "outer" },
        ),
      );
      expect(result).toBe("TimeoutError: outer: not done within 10 ms at 11");
    }));

  test("nested groups that are both cancelled: the outer one answers, once", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (outer) {
            yield* thrownBy(() =>
              group(
                function* (inner) {
                  inner.cancel("inner");
                  outer.cancel("outer");
                  yield* sleep(1000);
                },
                { name: "inner" },
              ),
            );
            log.push("WENT ON");
          },
          { name: "outer" },
        ),
      );
      expect((error as CancelledError).message).toBe('the group "outer" was cancelled: outer');
      expect(log).toEqual([]);
    }));
});

describe("moveOnAfter", () => {
  test("says whether the time was over", () =>
    onEverySchedule(function* () {
      expect(
        yield* moveOnAfter(10, function* () {
          return "in time";
        }),
      ).toEqual({ timedOut: false, value: "in time" });
      expect(yield* moveOnAfter(10, sleep(11))).toEqual({ timedOut: true, value: undefined });
      expect(
        String(
          yield* thrownBy(() =>
            moveOnAfter(10, function* () {
              throw new Error("mine");
            }),
          ),
        ),
      ).toBe("Error: mine");
    }));

  test("an error of its body's cleanup is thrown, with the cancellation among its suppressed()", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        moveOnAfter(10, function* () {
          try {
            yield* sleep(1000);
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
            throw new Error("cleanup");
          }
        }),
      );
      expect(String(error)).toBe("Error: cleanup");
      expect(suppressed(error)).toHaveLength(1);
      expect(suppressed(error)[0]).toBeInstanceOf(CancelledError);
    }));
});
