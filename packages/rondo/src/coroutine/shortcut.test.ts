/**
 * The shortcut through a deep chain must change nothing but the time it takes. Every case here waits more than 64 times
 * at a depth of more than 4, so that the kernel drives the innermost frame directly when the thing that is tried happens.
 */
import { describe, expect, test } from "vitest";

import { cancelledAt } from "../../tests/cancelled.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { moveOnAfter, scope, timeout } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { call } from "./call.ts";
import { start, step } from "./hand.ts";
import type { Coroutine, Operation } from "./wait.ts";

/** Goes `n` calls down, waits often enough there, and then does `then`. */
function* down(n: number, then: () => Operation<unknown>, log?: string[]): Coroutine<unknown> {
  try {
    if (n > 0) {
      const value = yield* down(n - 1, then, log);
      log?.push(`${n} got ${String(value)}`);
      return value;
    }
    for (let i = 0; i < 200; i++) yield* checkpoint();
    return yield* then();
  } catch (error) {
    log?.push(`${n} caught ${(error as Error).message}`);
    throw error;
  } finally {
    log?.push(`${n} finally`);
  }
}

/** Is driven by a shortcut now: its frames below the innermost one are kept apart. */
const shortened = (task: Task): boolean => task.below !== null;

describe("a chain that is driven by its innermost frame", () => {
  test("is one: the shortcut is taken", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() => down(10, () => sleep(10)));
      yield* sleep(5);
      expect(shortened(task)).toBe(true);
      const shallow = g.spawn(() => down(1, () => sleep(10)));
      yield* sleep(5);
      expect(shortened(shallow)).toBe(false);
    });
  });

  test("hands values up through every frame", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      function* value(): Coroutine<string> {
        yield* sleep(1);
        return "value";
      }
      expect(yield* down(6, value, log)).toBe("value");
      expect(log).toEqual(["0 finally", ...[1, 2, 3, 4, 5, 6].flatMap((n) => [`${n} got value`, `${n} finally`])]);
    }));

  test.each([undefined, null, 0, false, "", Number.NaN])("hands up %s as it is", async (value) => {
    const result = await virtually(() =>
      down(6, function* () {
        yield* checkpoint();
        return value;
      }),
    );
    expect(result).toBe(value);
  });

  test("hands errors up through every catch and finally", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        down(
          6,
          function* () {
            yield* sleep(1);
            throw new Error("deep");
          },
          log,
        ),
      );
      expect(String(error)).toBe("Error: deep");
      expect(log).toEqual([0, 1, 2, 3, 4, 5, 6].flatMap((n) => [`${n} caught deep`, `${n} finally`]));
    }));

  test("keeps the stack of an error whole: every frame is on it, once, innermost first", async () => {
    function* thrower(): Coroutine<void> {
      yield* sleep(1);
      throw new Error("deep");
    }
    function* levelA(): Coroutine<void> {
      for (let i = 0; i < 200; i++) yield* checkpoint();
      yield* thrower();
    }
    function* levelB(): Coroutine<void> {
      yield* levelA();
    }
    function* levelC(): Coroutine<void> {
      yield* levelB();
    }
    function* levelD(): Coroutine<void> {
      yield* levelC();
    }
    function* levelE(): Coroutine<void> {
      yield* levelD();
    }
    const error = (await virtually(() => thrownBy(levelE))) as Error;
    const names = (error.stack ?? "").split("\n").flatMap((line) => /\b(thrower|level[A-E])\b/.exec(line)?.[1] ?? []);
    // The engine names a frame more than once where it shows its own resumption; the order is what counts.
    expect(names.filter((name, i) => name !== names[i - 1])).toEqual([
      "thrower",
      "levelA",
      "levelB",
      "levelC",
      "levelD",
      "levelE",
    ]);
  });

  test("an error that cannot be written on passes through", async () => {
    for (const error of [Object.freeze(new Error("frozen")), "a string", undefined]) {
      const caught = await virtually(() =>
        thrownBy(() =>
          down(6, function* () {
            yield* sleep(1);
            throw error;
          }),
        ),
      );
      expect(caught).toBe(error);
    }
  });

  test("is cancelled frame by frame, innermost first, each once", async () => {
    const log: string[] = [];
    const { state } = await cancelledAt(5, () => down(6, () => sleep(1000), log));
    expect(log).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `${n} finally`));
    expect(state).toBe("cancelled");
  });

  test("is cancelled with waiting cleanups in every frame", async () => {
    const log: string[] = [];
    function* level(n: number): Coroutine<void> {
      try {
        if (n > 0) yield* level(n - 1);
        else {
          for (let i = 0; i < 200; i++) yield* checkpoint();
          yield* sleep(1000);
        }
        log.push("WENT ON");
      } finally {
        yield* sleep(1);
        for (let i = 0; i < 100; i++) yield* checkpoint();
        log.push(`${n} clean at ${now()}`);
      }
    }
    await cancelledAt(5, () => level(5));
    expect(log).toEqual([0, 1, 2, 3, 4, 5].map((n) => `${n} clean at ${6 + n}`));
  });

  test("is probed whole", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() => down(8, () => sleep(10)));
      yield* sleep(5);
      expect(shortened(task)).toBe(true);
      const names = task.stack().map((frame) => frame.name);
      expect(names.filter((name) => name === "down")).toHaveLength(9);
      expect(task.stack().every((frame) => frame.line !== undefined && frame.file?.includes("shortcut.test.ts"))).toBe(
        true,
      );
    });
  });

  test("a probe undoes nothing", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(() =>
        down(6, function* () {
          for (let i = 0; i < 50; i++) yield* sleep(1);
          return "whole";
        }),
      );
      while (!task.over) {
        task.stack();
        yield* sleep(1);
      }
      expect(yield* task).toBe("whole");
    }));

  test("goes on to nested scopes, groups, calls and timeouts, and comes back", () =>
    onEverySchedule(function* () {
      const log: unknown[] = [];
      const value = yield* down(6, function* () {
        log.push(yield* scope(() => down(6, () => checkpoint())));
        log.push(yield* thrownBy(() => timeout(10, () => down(6, () => sleep(1000)))));
        log.push(yield* call(() => down(6, () => call(() => down(6, () => checkpoint())))));
        log.push(
          yield* group(function* (g) {
            const tasks = [g.spawn(() => down(6, () => sleep(3))), g.spawn(() => down(7, () => sleep(2)))];
            for (const task of tasks) yield* task;
            return "group";
          }),
        );
        return "end";
      });
      expect(value).toBe("end");
      expect(log[0]).toEqual({ cancelled: false, value: undefined });
      expect(String(log[1])).toContain("TimeoutError");
      expect(log.slice(2)).toEqual([undefined, "group"]);
    }));

  test("a scope opened below is cancelled up to its own boundary only", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const value = yield* down(
        5,
        function* () {
          const result = yield* moveOnAfter(10, () => down(5, () => sleep(1000), log));
          log.push(result.timedOut ? "timed out" : "WENT ON");
          for (let i = 0; i < 200; i++) yield* checkpoint();
          return "outer whole";
        },
        [],
      );
      expect(value).toBe("outer whole");
      expect(log).toEqual([...[0, 1, 2, 3, 4, 5].map((n) => `${n} finally`), "timed out"]);
    }));

  test("frames that end one after the other, with new ones in between, are all handed up", () =>
    onEverySchedule(function* () {
      let sum = 0;
      function* leaf(n: number): Coroutine<number> {
        for (let i = 0; i < n % 7; i++) yield* checkpoint();
        return 1;
      }
      function* tree(depth: number): Coroutine<number> {
        if (depth === 0) return yield* leaf(++sum);
        let count = 0;
        for (let i = 0; i < 3; i++) count += yield* tree(depth - 1);
        return count;
      }
      expect(yield* tree(5)).toBe(243);
    }));

  test("catches and waits again at every level, and goes on", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      function* level(n: number): Coroutine<string> {
        try {
          if (n > 0) return yield* level(n - 1);
          for (let i = 0; i < 200; i++) yield* checkpoint();
          throw new Error("bottom");
        } catch (error) {
          log.push(`${n}: ${(error as Error).message}`);
          for (let i = 0; i < 70; i++) yield* checkpoint();
          throw new Error(`from ${n}`, { cause: error });
        }
      }
      const error = yield* thrownBy(() => level(5));
      expect(String(error)).toBe("Error: from 5");
      expect(log).toEqual(["0: bottom", "1: from 0", "2: from 1", "3: from 2", "4: from 3", "5: from 4"]);
    }));

  test("works for a coroutine in hand", () => {
    const coroutine = start(() =>
      down(6, function* () {
        yield* checkpoint();
        return "by hand";
      }),
    );
    expect(step(coroutine)).toEqual({ done: true, value: "by hand", finished: false });
  });

  test("a hand-made iterator without throw in the chain is no reason to fail", async () => {
    const byHand = (inner: () => Coroutine<string>): Operation<string> => ({
      [Symbol.iterator]() {
        const iterator = inner();
        return { next: (sent?: unknown) => iterator.next(sent) };
      },
    });
    function* bottom(): Coroutine<string> {
      for (let i = 0; i < 300; i++) yield* i % 3 === 0 ? sleep(1) : checkpoint();
      return "whole";
    }
    function* around(n: number, inner: () => Operation<string>): Coroutine<string> {
      return n === 0 ? yield* inner() : yield* around(n - 1, inner);
    }
    expect(await virtually(() => around(6, () => byHand(() => around(6, bottom))))).toBe("whole");
  });

  test("is looked for ever more rarely while chains turn out flat, and found when one is deep again", async () => {
    let looks = 0;
    function* turns(n: number): Coroutine<void> {
      for (let i = 0; i < n; i++) yield* checkpoint();
    }
    /** Steps a coroutine by hand, and so sees each look pass by. */
    const watched = (inner: Coroutine<void>): Operation<void> => ({
      [Symbol.iterator]: () => ({
        next(sent?: unknown) {
          if (typeof sent === "symbol") looks++;
          return inner.next(sent);
        },
        return: (value: undefined) => inner.return(value),
        throw: (error: unknown) => inner.throw(error),
      }),
    });
    await inGroup(function* (g) {
      yield* g.spawn(function* () {
        yield* watched(turns(200_000));
      });
      expect(looks).toBeGreaterThan(5);
      // Each would be due after 24 resumes, or 512: twice as many are left out each time, and not 128 at most.
      expect(looks).toBeLessThan(30);
      const deep = g.spawn(() => down(10, () => turns(400_000)));
      for (let i = 0; i < 300_000 && !shortened(deep); i++) yield* checkpoint();
      expect(shortened(deep)).toBe(true);
      deep.cancel();
    });
  });
});
