import { describe, expect, expectTypeOf, test } from "vitest";

import { onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { any, type Coroutine, moveOnAfter, now, type Operation, sleep, suppressed } from "../index.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

function* failing(ms: number, error: unknown): Coroutine<never> {
  yield* sleep(ms);
  throw error;
}

describe("any", () => {
  test("gives the result of the first to succeed, whoever failed before", () =>
    onEverySchedule(function* () {
      const start = now();
      expect(yield* any([failing(1, new Error("no")), after(20, "slow"), after(10, "fast")])).toBe("fast");
      expect(now() - start).toBe(10);
    }));

  test("throws the failure that came first, as it is, and carries every other one with it", () =>
    onEverySchedule(function* () {
      const [a, b, c] = [new Error("a"), new RangeError("b"), new TypeError("c")];
      const error = yield* thrownBy(() => any([failing(30, a), failing(10, b), failing(20, c)]));
      expect(error).toBe(b);
      expect(suppressed(b)).toEqual([c, a]);
    }));

  test("throws what is no error as it was thrown, as far as it can carry the others", async () => {
    const error = await virtually(() => thrownBy(() => any([failing(1, "a"), failing(2, "b")])));
    expect((error as Error).cause).toBe("a");
    expect(suppressed(error)).toEqual(["b"]);
    expect(await virtually(() => thrownBy(() => any([failing(1, "alone")])))).toBe("alone");
  });

  test("of nothing is an error, at once", () => {
    expect(() => any([])).toThrow("any() of no operations: none of them can succeed");
  });

  test("knows the type of what it may give", () => {
    expectTypeOf(any([after(1, "a"), after(1, 2)])).toExtend<Operation<string | number>>();
    expectTypeOf(any({ a: after(1, "a") })).toExtend<Operation<string>>();
  });

  test("cancels the others and waits for them", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      function* loser(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(7);
          log.push(`cleaned at ${now() - start}`);
        }
      }
      yield* any([loser(), failing(1, new Error("no")), after(3, "won")]);
      expect(log).toEqual(["cleaned at 10"]);
    }));

  test("closes a second success of the same moment, also one that comes while the losers clean up", () =>
    onEverySchedule(function* () {
      const closed: string[] = [];
      const socket = (name: string): Disposable => ({ [Symbol.dispose]: () => void closed.push(name) });
      function* stubborn(): Coroutine<Disposable> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(5);
        }
        return socket("never");
      }
      const names = ["a", "b"];
      const got = yield* any([after(10, names[0] as string), after(10, names[1] as string), stubborn()]);
      expect(names).toContain(got);
      const sockets = names.map(socket);
      const taken = yield* any(sockets.map((one) => after(10, one)));
      expect(closed).toEqual([names[taken === sockets[0] ? 1 : 0]]);
    }));

  test("closes everything when it is cancelled", () =>
    onEverySchedule(function* () {
      let open = 0;
      function* attempt(ms: number): Coroutine<string> {
        open++;
        try {
          yield* sleep(ms);
          return "connected";
        } finally {
          open--;
        }
      }
      const outcome = yield* moveOnAfter(5, any([attempt(100), attempt(200), failing(1, new Error("refused"))]));
      expect([outcome.timedOut, open]).toEqual([true, 0]);
    }));
});
