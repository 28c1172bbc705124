import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { now, sleep } from "../loop/sleep.ts";
import { group, type Group } from "./group.ts";
import { isStopping, stopping } from "./here.ts";

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
