/**
 * Many calls through one thread, of every outcome, and the heap is as flat as before.
 */
import { describe, expect, test } from "vitest";

import { growth } from "../../tests/heap.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { type Coroutine, type Group, group, type Operation, run, sleep } from "../index.ts";
import { offload, offloadProcess, type OffloadPool, ProcessPool, ThreadPool } from "./index.ts";

const module = new URL("../../tests/offloaded.ts", import.meta.url);
/** Less than the smallest object that could be left behind by each cycle, in bytes; what the first ones warm up is in it. */
const FLAT = 8;

/** By how many bytes a cycle the heap grows, when one task does `cycle` so often with a pool of one thread. */
async function growthOf(pool: OffloadPool, count: number, cycle: (i: number) => Operation<unknown>): Promise<number> {
  try {
    return await growth(count, (n) =>
      run(function* () {
        for (let i = 0; i < n; i++) yield* cycle(i);
      }),
    );
  } finally {
    await pool[Symbol.asyncDispose]();
  }
}

describe("the heap stays flat over", () => {
  test("50,000 calls in a thread", () =>
    leavesNothing(async () => {
      const pool = new ThreadPool({ max: 1 });
      const cycle = (i: number): Operation<unknown> => offload({ module, name: "add", args: [i, 1], pool });
      expect(await growthOf(pool, 50_000, cycle)).toBeLessThan(FLAT);
    }));

  test("20,000 calls in a process", () =>
    leavesNothing(async () => {
      const pool = new ProcessPool({ max: 1 });
      const cycle = (i: number): Operation<unknown> => offloadProcess({ module, name: "add", args: [i, 1], pool });
      expect(await growthOf(pool, 20_000, cycle)).toBeLessThan(FLAT);
    }));

  test("20,000 calls that throw, or whose arguments cannot be sent", () =>
    leavesNothing(async () => {
      const pool = new ThreadPool({ max: 1 });
      const bad = (): void => {};
      const cycle = (i: number): Operation<unknown> =>
        thrownBy(() => offload({ module, name: "fail", args: [i % 2 === 0 ? "odd" : bad], pool }));
      expect(await growthOf(pool, 20_000, cycle)).toBeLessThan(FLAT);
    }));

  test("40,000 calls that are cancelled in line, and as many that are told to end while they run", () =>
    leavesNothing(async () => {
      const pool = new ThreadPool({ max: 1 });
      function* both(g: Group): Coroutine<void> {
        const running = g.spawn(offload({ module, name: "untilTold", pool, grace: Infinity }));
        const queued = g.spawn(offload({ module, name: "add", args: [1, 2], pool }));
        yield* sleep(0);
        queued.cancel();
        running.cancel();
      }
      expect(await growthOf(pool, 40_000, () => group(both))).toBeLessThan(FLAT);
      expect(pool.statistics()).toMatchObject({ threads: 0, crashed: 0, cancelled: 80_000 });
    }));

  test("100 threads that are ended one after the other", () =>
    leavesNothing(async () => {
      const pool = new ThreadPool({ max: 1, idle: 0 });
      const cycle = (): Operation<unknown> => offload({ module: "node:path", name: "basename", args: ["a"], pool });
      await growthOf(pool, 100, cycle);
      expect(pool.statistics()).toMatchObject({ threads: 0, done: 100 });
    }));
});
