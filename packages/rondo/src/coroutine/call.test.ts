import { describe, expect, test } from "vitest";

import { cancelledAt } from "../../tests/cancelled.ts";
import { onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { moveOnAfter } from "../task/scope.ts";
import { call } from "./call.ts";
import { ask, finish, start, step } from "./hand.ts";
import type { Coroutine } from "./wait.ts";

function* count(n: number): Coroutine<number> {
  return n === 0 ? 0 : 1 + (yield* call(() => count(n - 1)));
}

describe("call", () => {
  test("gives the value and throws the error of what it calls", () =>
    onEverySchedule(function* () {
      expect(
        yield* call(function* () {
          yield* sleep(1);
          return "value";
        }),
      ).toBe("value");
      expect(
        String(
          yield* thrownBy(() =>
            call(function* () {
              yield* sleep(1);
              throw new Error("mine");
            }),
          ),
        ),
      ).toBe("Error: mine");
      expect(yield* call(checkpoint())).toBeUndefined();
    }));

  test("goes a hundred thousand levels down and back, where plain calls overflow the engine's stack", async () => {
    expect(await virtually(() => count(100_000))).toBe(100_000);
    function* plain(n: number): Coroutine<number> {
      return n === 0 ? 0 : 1 + (yield* plain(n - 1));
    }
    await expect(virtually(() => plain(100_000))).rejects.toBeInstanceOf(RangeError);
  });

  test("waits at the bottom of a deep recursion cost the same as at the top", async () => {
    function* down(n: number): Coroutine<number> {
      if (n > 0) return yield* call(() => down(n - 1));
      for (let i = 0; i < 20_000; i++) yield* checkpoint();
      return n;
    }
    expect(await virtually(() => down(50_000))).toBe(0);
  });

  test("an error passes through a hundred thousand levels, past every finally", async () => {
    let finals = 0;
    function* down(n: number): Coroutine<void> {
      try {
        if (n === 0) throw new Error("bottom");
        yield* call(() => down(n - 1));
      } finally {
        finals++;
      }
    }
    await expect(virtually(() => down(100_000))).rejects.toThrow("bottom");
    expect(finals).toBe(100_001);
  });

  test("a hundred thousand levels are unwound when they are cancelled, in linear time", async () => {
    let finals = 0;
    function* down(n: number): Coroutine<void> {
      try {
        if (n === 0) yield* sleep(1000);
        else yield* call(() => down(n - 1));
      } finally {
        finals++;
      }
    }
    const { state } = await cancelledAt(5, () => down(100_000));
    expect(finals).toBe(100_001);
    expect(state).toBe("cancelled");
  });

  test("waiting cleanups run at every level, innermost first", async () => {
    const log: number[] = [];
    function* down(n: number): Coroutine<void> {
      try {
        if (n === 0) yield* sleep(1000);
        else yield* call(() => down(n - 1));
      } finally {
        yield* sleep(1);
        log.push(n);
      }
    }
    const { at } = await cancelledAt(5, () => down(50));
    expect(log).toEqual(Array.from({ length: 51 }, (_, n) => n));
    expect(at).toBe(56);
  });

  test("is no boundary for cancellation: what cancels around it goes through", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const result = yield* moveOnAfter(10, function* () {
        try {
          yield* call(() => sleep(1000));
          log.push("WENT ON");
        } finally {
          log.push("cleaned");
        }
      });
      expect(result.timedOut).toBe(true);
      expect(log).toEqual(["cleaned"]);
    }));

  test("works by hand, with no loop", () => {
    const coroutine = start(function* () {
      const a = yield* call(() => ask<number>("a"));
      const b = yield* call(() => call(() => ask<number>("b")));
      return a + b;
    });
    const labels: string[] = [];
    let stepped = step(coroutine);
    for (const answer of [1, 2]) {
      if (!stepped.done) labels.push(stepped.wait.label);
      stepped = step(coroutine, answer);
    }
    expect(labels).toEqual(["a", "b"]);
    expect(stepped).toEqual({ done: true, value: 3, finished: false });
  });

  test("is unwound by hand", () => {
    const log: string[] = [];
    function* down(n: number): Coroutine<void> {
      try {
        if (n === 0) yield* ask("bottom");
        else yield* call(() => down(n - 1));
      } finally {
        log.push(String(n));
      }
    }
    const coroutine = start(() => down(3));
    step(coroutine);
    expect(finish(coroutine)).toEqual({ done: true, value: undefined, finished: true });
    expect(log).toEqual(["0", "1", "2", "3"]);
  });

  test("what is no operation is an error at its line", async () => {
    expect(String(await virtually(() => thrownBy(() => call(5 as never))))).toContain("not an operation");
  });
});
