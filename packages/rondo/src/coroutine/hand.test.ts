import { describe, expect, test } from "vitest";

import { ask, fail, finish, start, step } from "./hand.ts";
import type { Coroutine } from "./wait.ts";

describe("unwinding by hand", () => {
  test("finish() drives waiting cleanups at three depths, and step() goes on with them", () => {
    const log: string[] = [];
    function* level(n: number): Coroutine<void> {
      try {
        if (n > 0) yield* level(n - 1);
        else yield* ask("work");
        log.push(`${n} WENT ON`);
      } finally {
        log.push(`${n} ${String(yield* ask(`cleanup ${n}`))}`);
      }
    }
    const coroutine = start(() => level(2));
    step(coroutine);
    const labels: string[] = [];
    let stepped = finish(coroutine);
    while (!stepped.done) {
      labels.push(stepped.wait.label);
      stepped = step(coroutine, "answer");
    }
    expect(labels).toEqual(["cleanup 0", "cleanup 1", "cleanup 2"]);
    expect(log).toEqual(["0 answer", "1 answer", "2 answer"]);
    expect(stepped).toEqual({ done: true, value: undefined, finished: true });
  });

  test("a cleanup whose wait fails is collected, and the outer frames are still returned", () => {
    const log: string[] = [];
    function* inner(): Coroutine<void> {
      try {
        yield* ask("work");
      } finally {
        yield* ask("flush");
        log.push("NEVER");
      }
    }
    function* outer(): Coroutine<void> {
      try {
        yield* inner();
      } catch {
        log.push("CAUGHT");
      } finally {
        log.push("outer");
      }
    }
    const coroutine = start(outer);
    step(coroutine);
    finish(coroutine);
    expect(() => fail(coroutine, new Error("disk full"))).toThrow("disk full");
    expect(log).toEqual(["outer"]);
  });
});
