import { createContext, runInContext } from "node:vm";
import { describe, expect, test } from "vitest";

import { cancelledAt, witness } from "../../tests/cancelled.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { run } from "../task/run.ts";
import type { Coroutine, Operation } from "./wait.ts";

describe("frames that cannot be reached", () => {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())) as object;

  /** Makes `%GeneratorPrototype%.throw` what it is under frozen intrinsics for as long as `work` runs. */
  async function frozen<T>(work: () => Promise<T>): Promise<T> {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, "throw") as PropertyDescriptor;
    Object.defineProperty(prototype, "throw", { ...descriptor, writable: false });
    try {
      return await work();
    } finally {
      Object.defineProperty(prototype, "throw", descriptor);
    }
  }

  test("under frozen intrinsics cleanups that do not wait run, innermost first", async () => {
    const log: string[] = [];
    const { state, error } = await frozen(() =>
      cancelledAt(5, () => witness(log, "a", () => witness(log, "b", undefined, 0), 0)),
    );
    expect(log).toEqual(["a in", "b in", "b cleans", "b clean", "a cleans", "a clean"]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test("under frozen intrinsics a cleanup that waits is refused and said, and nobody goes on", async () => {
    const log: string[] = [];
    const { error } = await frozen(() => cancelledAt(5, () => witness(log, "a", () => witness(log, "b"))));
    expect(log).toEqual(["a in", "b in", "b cleans"]);
    expect(String(error)).toContain("intrinsics are frozen");
    expect(String(error)).toContain('the wait "sleep"');
  });

  test("under frozen intrinsics everything but cancelling waiting cleanups works", async () => {
    const result = await frozen(() =>
      run(
        () =>
          group(function* (g) {
            const deep = function* (n: number): Coroutine<number> {
              if (n > 0) return 1 + (yield* deep(n - 1));
              for (let i = 0; i < 200; i++) yield* checkpoint();
              return 0;
            };
            const task = g.spawn(deep(10));
            yield* sleep(1);
            return [yield* task, task.state];
          }),
        { host: new VirtualHost() },
      ),
    );
    expect(result).toEqual([10, "done"]);
  });

  const realm = createContext({ sleep });
  const foreign = runInContext(
    `(function* foreign(body, log, wait) {
      try {
        log.push("foreign in");
        yield* body();
        log.push("foreign WENT ON");
      } finally {
        log.push("foreign cleans");
        if (wait > 0) yield* sleep(wait);
        log.push("foreign clean");
      }
    })`,
    realm,
    { filename: "/realm/foreign.js" },
  ) as (body: () => Operation<unknown>, log: string[], wait: number) => Coroutine<void>;

  test("coroutines of another realm run, and are cleaned where nothing waits", async () => {
    const log: string[] = [];
    const { state, error } = await cancelledAt(5, () =>
      witness(log, "a", () => foreign(() => witness(log, "b", undefined, 0), log, 0), 0),
    );
    expect(log).toEqual([
      "a in",
      "foreign in",
      "b in",
      "b cleans",
      "b clean",
      "foreign cleans",
      "foreign clean",
      "a cleans",
      "a clean",
    ]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test("a frame of another realm whose cleanup waits is found out, and no frame goes on with garbage", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(5, () => witness(log, "a", () => foreign(() => sleep(1000), log, 10), 0));
    expect(log).toContain("foreign cleans");
    expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
    expect(log).not.toContain("foreign clean");
    expect(String(error)).toContain("another realm");
  });

  test("a cleanup that waits inside a frame of another realm is found out too", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(5, () => witness(log, "a", () => foreign(() => witness(log, "b"), log, 0), 0));
    expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
    expect(log).toContain("foreign clean");
    expect(log).toContain("a clean");
    // Here the waiting frame is one of ours and stands above the foreign one: it can be driven to its end.
    expect(error === undefined || String(error).includes("another realm")).toBe(true);
  });

  /** An operation with an iterator of its own, which forwards what it is asked to `inner`. */
  function handMade(
    inner: () => Iterator<unknown, unknown, unknown>,
    parts: readonly ("return" | "throw")[],
  ): Operation<any> {
    return {
      [Symbol.iterator]() {
        const iterator = inner();
        return {
          next: (sent?: unknown) => iterator.next(sent),
          ...(parts.includes("return") ? { return: (value?: unknown) => iterator.return?.(value) } : {}),
          ...(parts.includes("throw") ? { throw: (error?: unknown) => iterator.throw?.(error) } : {}),
        } as Iterator<any, any, any>;
      },
    };
  }

  test("a hand-made iterator that forwards everything is passed through", async () => {
    const log: string[] = [];
    const { state, error } = await cancelledAt(5, () =>
      witness(log, "a", () => handMade(() => witness(log, "b", undefined, 0), ["return", "throw"]), 0),
    );
    expect(log).toEqual(["a in", "b in", "b cleans", "b clean", "a cleans", "a clean"]);
    expect(state).toBe("cancelled");
    expect(error).toBeUndefined();
  });

  test.each([{ parts: [] }, { parts: ["return"] }, { parts: ["throw"] }] as const)(
    "a hand-made iterator that has only next and $parts is found out when it is unwound, and its caller does not go on",
    async ({ parts }) => {
      const log: string[] = [];
      const { state } = await cancelledAt(5, () =>
        witness(
          log,
          "outer",
          () =>
            (function* (): Coroutine<void> {
              try {
                yield* handMade(() => sleep(1000) as unknown as Iterator<unknown, unknown, unknown>, parts);
                log.push("WENT ON");
              } finally {
                log.push("cleaned");
              }
            })(),
          0,
        ),
      );
      expect(log.filter((line) => line.includes("WENT ON"))).toEqual([]);
      expect(log).toContain("cleaned");
      expect(log).toContain("outer clean");
      expect(["cancelled", "failed"]).toContain(state);
    },
  );

  test("a catch that takes the unwinding of such an iterator for an error is said, and the coroutine goes no further", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(5, function* () {
      try {
        yield* handMade(() => sleep(1000) as unknown as Iterator<unknown, unknown, unknown>, []);
      } catch {
        log.push("caught");
        yield* sleep(1);
        log.push("WENT ON");
      } finally {
        log.push("cleaned");
      }
    });
    expect(log).toEqual(["caught", "cleaned"]);
    expect(String(error)).toContain("has no `throw`");
  });

  test("a hand-made iterator as the whole task is returned", async () => {
    const log: string[] = [];
    const { state } = await cancelledAt(5, () => handMade(() => witness(log, "b", undefined, 0), ["return", "throw"]));
    expect(log).toEqual(["b in", "b cleans", "b clean"]);
    expect(state).toBe("cancelled");
  });

  test("a hand-made iterator without return is left as it is", async () => {
    const { state } = await cancelledAt(5, () => handMade(() => sleep(1000) as unknown as Iterator<unknown>, []));
    expect(state).toBe("cancelled");
  });
});
