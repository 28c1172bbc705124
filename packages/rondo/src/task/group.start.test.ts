import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { now, sleep } from "../loop/sleep.ts";
import { group, type Group } from "./group.ts";
import { moveOnAfter, scope } from "./scope.ts";
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
      expect(taken.toSorted()).toEqual([5, 6, 7]);
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
