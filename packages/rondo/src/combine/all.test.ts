import { describe, expect, expectTypeOf, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  all,
  type Coroutine,
  group,
  moveOnAfter,
  now,
  type Operation,
  race,
  sleep,
  suppressed,
  timeout,
  until,
} from "../index.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

function* failing(ms: number, error: unknown): Coroutine<never> {
  yield* sleep(ms);
  throw error;
}

function resource(log: string[], name: string): Disposable {
  return { [Symbol.dispose]: () => void log.push(name) };
}

describe("all", () => {
  test("runs all at the same time and gives their results in the order in which they were given", () =>
    onEverySchedule(function* () {
      const start = now();
      expect(yield* all([after(30, "a"), () => after(10, "b"), after(20, "c")])).toEqual(["a", "b", "c"]);
      expect(now() - start).toBe(30);
    }));

  test("gives the results by name where the operations were given by name", async () => {
    expect(await virtually(() => all({ a: after(2, 1), b: after(1, "two") }))).toEqual({ a: 1, b: "two" });
  });

  test("takes any iterable, and nothing at all", async () => {
    expect(await virtually(() => all(new Set([after(2, 1), after(1, 2)])))).toEqual([1, 2]);
    expect(await virtually(() => all([]))).toEqual([]);
    expect(await virtually(() => all({}))).toEqual({});
  });

  test("knows the type of each result", () => {
    expectTypeOf(all([after(1, "a"), () => after(1, 2), sleep(1)])).toExtend<Operation<[string, number, void]>>();
    expectTypeOf(all({ a: after(1, "a"), b: until(Promise.resolve(1)) })).toExtend<
      Operation<{ a: string; b: number }>
    >();
    expectTypeOf(all(new Set([after(1, "a")]))).toExtend<Operation<string[]>>();
  });

  test("throws the first failure as it is, after the others were cancelled and have cleaned up", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      const error = new RangeError("first");
      function* slow(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(5);
          log.push(`cleaned at ${now() - start}`);
        }
      }
      expect(yield* thrownBy(() => all([slow(), failing(10, error), slow()]))).toBe(error);
      expect(log).toEqual(["cleaned at 15", "cleaned at 15"]);
    }));

  test("keeps failures that came with the first among its suppressed()", async () => {
    const first = new Error("first");
    const second = new Error("second");
    expect(await virtually(() => thrownBy(() => all([failing(5, first), failing(5, second)])))).toBe(first);
    expect(suppressed(first)).toEqual([second]);
  });

  test("disposes of the results that others had got when one fails", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = new Error("no");
      const caught = yield* thrownBy(() =>
        all([
          after(1, resource(log, "a")),
          after(2, resource(log, "b")),
          failing(3, error),
          after(9, resource(log, "c")),
        ]),
      );
      expect(caught).toBe(error);
      expect(log).toEqual(["a", "b"]);
    }));

  test("disposes of them when it is cancelled from outside, also where that waits", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const slow = {
        [Symbol.asyncDispose]: async () => {
          await Promise.resolve();
          log.push("slow");
        },
      };
      const outcome = yield* moveOnAfter(5, all([after(1, slow), sleep(100)]));
      expect([outcome.timedOut, ...log]).toEqual([true, "slow"]);
    }));

  test("disposes of nothing that it has given away", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      expect(yield* all([after(1, resource(log, "a")), after(2, resource(log, "b"))])).toHaveLength(2);
      yield* sleep(10);
      expect(log).toEqual([]);
    }));

  test("gives the results or the cancellation when both fall due at once, and loses none", () =>
    onEverySchedule(function* () {
      for (const ms of [9, 10, 11]) {
        let open = 0;
        function* connect(): Coroutine<Disposable> {
          yield* sleep(10);
          open++;
          return { [Symbol.dispose]: () => void open-- };
        }
        const outcome = yield* moveOnAfter(ms, all([connect(), connect()]));
        expect(open).toBe(outcome.timedOut ? 0 : 2);
        // Cut off by somebody who wakes in the very turn in which the first has its result.
        const raced = yield* race([all([connect(), after(11, 1)]), after(10, "cut")]);
        expect([raced, open]).toEqual(["cut", outcome.timedOut ? 0 : 2]);
      }
    }));

  test("throws what disposing throws, after it has disposed of the rest", async () => {
    const log: string[] = [];
    const broken = {
      [Symbol.dispose]: () => {
        throw new Error("cannot");
      },
    };
    const error = new Error("no");
    const caught = await virtually(() =>
      thrownBy(() => all([after(1, broken), after(2, resource(log, "b")), failing(3, error)])),
    );
    expect([caught, ...suppressed(caught)].map(String).toSorted()).toEqual(["Error: cannot", "Error: no"]);
    expect(log).toEqual(["b"]);
  });

  test("says what it takes, where it is given something else", () => {
    expect(() => all(after(1, 1) as never)).toThrow(
      "all() takes a list of operations, as all([a, b]) or all({ a, b }), and was given one operation",
    );
    expect(() => all(sleep(1) as never)).toThrow("was given one operation");
    expect(() => all(undefined as never)).toThrow("was given undefined");
    expect(() => all((() => sleep(1)) as never)).toThrow("was given a function");
  });

  test("fails where one of the list is no operation, and the others are cancelled", async () => {
    const error = await virtually(() => thrownBy(() => all([sleep(1000), 5 as never])));
    expect(error).toBeInstanceOf(TypeError);
  });

  test("names its tasks by the names of the operations", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() => all({ left: sleep(5), right: sleep(5) }));
      yield* sleep(1);
      expect(task.waitingFor).toBe("task left");
    });
  });

  test("may be nested to any sensible depth", async () => {
    function* nest(depth: number): Coroutine<number> {
      if (depth === 0) return 1;
      const [a, b] = yield* all([nest(depth - 1), nest(depth - 1)]);
      return a + b;
    }
    expect(await virtually(() => nest(8))).toBe(256);
  });

  test("inside a timeout that is over, ends with the timeout and not with its own", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() => timeout(5, all([sleep(100), group(() => sleep(100))]), { name: "outer" }));
      expect(String(error)).toBe("TimeoutError: outer: not done within 5 ms");
    }));
});
