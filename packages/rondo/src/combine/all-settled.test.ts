import { describe, expect, expectTypeOf, test } from "vitest";

import { onEverySchedule, virtually } from "../../tests/virtual.ts";
import {
  allSettled,
  CancelledError,
  type Coroutine,
  group,
  moveOnAfter,
  now,
  type Operation,
  sleep,
} from "../index.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

function* failing(ms: number, error: unknown): Coroutine<never> {
  yield* sleep(ms);
  throw error;
}

describe("allSettled", () => {
  test("tells how each ended, in the shape of Promise.allSettled, and cancels nobody", () =>
    onEverySchedule(function* () {
      const start = now();
      const error = new Error("no");
      const ends = yield* allSettled([after(30, "a"), failing(10, error), () => failing(20, "thrown")]);
      expect(ends).toEqual([
        { status: "fulfilled", value: "a" },
        { status: "rejected", reason: error },
        { status: "rejected", reason: "thrown" },
      ]);
      expect(now() - start).toBe(30);
    }));

  test("tells by name where the operations were given by name", async () => {
    const ends = await virtually(() => allSettled({ good: after(1, 1), bad: failing(1, 2) }));
    expect(ends).toEqual({ good: { status: "fulfilled", value: 1 }, bad: { status: "rejected", reason: 2 } });
  });

  test("of nothing is nothing", async () => {
    expect(await virtually(() => allSettled([]))).toEqual([]);
  });

  test("tells of a cancelled one by a CancelledError", async () => {
    const ends = await virtually(() =>
      group(function* (g) {
        const task = g.spawn(sleep(100), { name: "nap" });
        const waiting = g.spawn(allSettled([task]));
        yield* sleep(1);
        task.cancel("enough");
        return yield* waiting;
      }),
    );
    expect(ends[0].status).toBe("rejected");
    expect((ends[0] as PromiseRejectedResult).reason).toBeInstanceOf(CancelledError);
  });

  test("knows the types", () => {
    expectTypeOf(allSettled([after(1, "a"), sleep(1)])).toExtend<
      Operation<[PromiseSettledResult<string>, PromiseSettledResult<void>]>
    >();
  });

  test("disposes of what others had got when it is cancelled", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const resource = { [Symbol.dispose]: () => void log.push("disposed of") };
      yield* moveOnAfter(5, allSettled([after(1, resource), failing(2, new Error("no")), sleep(100)]));
      expect(log).toEqual(["disposed of"]);
    }));
});
