import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";

import { afterAll, describe, expect, test } from "vitest";

import type * as offloaded from "../../tests/offloaded.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import {
  all,
  BrokenError,
  type Coroutine,
  ClosedError,
  group,
  Limiter,
  moveOnAfter,
  type Operation,
  run,
  scope,
  sleep,
  suppressed,
  until,
  use,
} from "../index.ts";
import { offload, offloader, OffloadError, ThreadPool } from "./index.ts";

const module = new URL("../../tests/offloaded.ts", import.meta.url);
const { href } = module;

/** Runs `body` with a pool of its own that has ended afterwards. */
function withPool<T>(
  body: (pool: ThreadPool) => Operation<T>,
  options: ConstructorParameters<typeof ThreadPool>[0] = {},
) {
  return run(function* () {
    const pool = use(new ThreadPool({ max: 2, ...options }));
    return yield* body(pool);
  });
}

/** For tests that do not look at the pool itself: a thread takes a while to begin. */
const sharedPool = new ThreadPool({ max: 1 });
afterAll(() => sharedPool[Symbol.asyncDispose]());

function inShared<T>(body: (pool: ThreadPool) => Operation<T>): Promise<T> {
  return run(() => body(sharedPool));
}

/** Memory that a job writes to: the first word when it has begun, the second when it ended as it should. */
function sharedState(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Waits until a job has written to the first word. */
function* begun(state: Int32Array): Coroutine<void> {
  const changed = Atomics.waitAsync(state, 0, 0);
  if (changed.async) yield* until(changed.value);
}

/** Calls a function of the module in a pool. */
function call<T = unknown>(pool: ThreadPool, name: string, ...args: readonly unknown[]): Operation<T> {
  return offload<T>({ module, name, args, pool });
}

describe("offload", () => {
  test("runs a function in another thread and gives what it gives", () =>
    inShared(function* (pool) {
      expect(yield* call(pool, "add", 1, 2)).toBe(3);
      const { thread, process: id } = yield* call<{ thread: number; process: number }>(pool, "where");
      expect(thread).not.toBe(0);
      expect(id).toBe(process.pid);
    }));

  test("waits for an async function, and runs a coroutine on a loop of the thread's own", () =>
    inShared(function* (pool) {
      expect(yield* call(pool, "later", { a: [1] })).toEqual({ a: [1] });
      expect(yield* call(pool, "coroutine", "well")).toBe("well, slowly");
    }));

  test("runs a module of Node, and one that is a text", async () => {
    await run(function* () {
      expect(yield* offload("node:path", "basename", "/a/b.txt")).toBe("b.txt");
      expect(yield* offload("data:text/javascript,export const twice = (n) => 2 * n", "twice", 4)).toBe(8);
    });
    await run(() => ThreadPool.shared.close());
  });

  test("copies arguments and results", () =>
    inShared(function* (pool) {
      const given = [new Map([["a", new Date(0)]]), new Uint8Array([1, 2]), 10n, undefined, null];
      const got = yield* call(pool, "echo", ...given);
      expect(got).toEqual(given);
      expect((given[1] as Uint8Array).length).toBe(2);
    }));

  test("hands over what is in `transfer`, in both forms of the call", () =>
    inShared(function* (pool) {
      const first = new Uint8Array(10);
      expect(yield* offload({ module, name: "length", args: [first], transfer: [first.buffer], pool })).toBe(10);
      expect(first.length).toBe(0);
      const second = new Uint8Array(11);
      const remote = offloader<typeof offloaded>(module, { pool });
      expect(yield* remote("length", second, { transfer: [second.buffer] })).toBe(11);
      expect(second.length).toBe(0);
    }));

  test("takes an object with more in it than `transfer` for an argument", () =>
    inShared(function* (pool) {
      const remote = offloader<typeof offloaded>(module, { pool });
      expect(yield* remote("echo", { transfer: [], to: "account" })).toEqual([{ transfer: [], to: "account" }]);
      expect(yield* remote("echo", { transfer: "all" })).toEqual([{ transfer: "all" }]);
    }));

  test("lets a function hand over its result", () =>
    inShared(function* (pool) {
      expect((yield* call<Uint8Array>(pool, "bytes", 1000)).length).toBe(1000);
    }));

  test("does nothing before it is waited for", () =>
    withPool(function* (pool) {
      const calls = [call(pool, "add", 1, 2), call(pool, "add", 3, 4)];
      expect(pool.statistics().threads).toBe(0);
      expect(yield* all(calls)).toEqual([3, 7]);
    }));

  test("tells at once what is wrong with a call", () => {
    expect(() => offload("./work.ts", "add")).toThrow(/takes the URL of a module.*"\.\/work\.ts": another thread/);
    expect(() => offload({ module: 3, name: "add" } as never)).toThrow(/not 3/);
    expect(() => offload(module, undefined as never)).toThrow(/the name of a function/);
    expect(() => offload({ module, name: "add", grace: -1 })).toThrow(RangeError);
    expect(() => new ThreadPool({ max: 0 })).toThrow(/a whole number from 1, not 0/);
    expect(() => new ThreadPool({ idle: Number.NaN })).toThrow(RangeError);
  });
});

describe("an error of an offloaded function", () => {
  test("keeps its properties, its nearest known class, and shows the lines of both sides", () =>
    inShared(function* (pool) {
      function* caller(): Coroutine<void> {
        yield* call(pool, "fail", "odd");
      }
      const error = (yield* thrownBy(caller)) as TypeError & { code: string };
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ name: "OddError", message: "odd number", code: "E_ODD", details: { n: 3 } });
      expect(Object.keys(error)).not.toContain("callback");
      const [, there, between, here] = (error.stack as string).split("\n");
      expect(there).toMatch(/at fail \(.*offloaded\.ts:\d+:\d+\)/);
      expect(between).toMatch(/in thread \d+, called from/);
      expect(here).toMatch(/at caller \(.*offload\.test\.ts:\d+:\d+\)/);
    }));

  test("is of Rondo's own class where it was", () =>
    inShared(function* (pool) {
      const error = yield* thrownBy(() => call(pool, "fail", "broken"));
      expect(error).toBeInstanceOf(BrokenError);
      expect(error).toMatchObject({ name: "BrokenError", message: "the line is dead" });
    }));

  test("keeps causes, the errors of an aggregate, and what it suppresses", () =>
    inShared(function* (pool) {
      const outer = (yield* thrownBy(() => call(pool, "fail", "cause"))) as Error;
      expect(outer.cause).toBeInstanceOf(RangeError);
      expect((outer.cause as Error).cause).toEqual({ plain: true });
      const many = (yield* thrownBy(() => call(pool, "fail", "aggregate"))) as AggregateError;
      expect(many).toBeInstanceOf(AggregateError);
      expect(many.errors.map(String)).toEqual(["Error: one", "TypeError: two"]);
      const first = yield* thrownBy(() => call(pool, "fail", "suppressed"));
      expect(suppressed(first)[0]).toBeInstanceOf(SyntaxError);
      const left = yield* thrownBy(() => call(pool, "fail", "abort"));
      expect(left).toBeInstanceOf(DOMException);
      expect(left).toMatchObject({ name: "AbortError", message: "left" });
    }));

  test("ends somewhere even if it is its own cause", () =>
    inShared(function* (pool) {
      let depth = 0;
      for (let error = yield* thrownBy(() => call(pool, "fail", "ring")); error !== undefined; depth++) {
        error = (error as Error).cause;
      }
      expect(depth).toBeGreaterThan(1);
    }));

  test("may be no error at all", () =>
    inShared(function* (pool) {
      expect(yield* thrownBy(() => call(pool, "fail", "string"))).toBe("just a string");
      expect(yield* thrownBy(() => call(pool, "fail", "object"))).toBe("a function inside");
    }));
});

describe("an offloaded call says", () => {
  test("that there is no such module", () =>
    inShared(function* (pool) {
      const missing = new URL("./no-such-module.ts", module);
      const error = yield* thrownBy(() => offload({ module: missing, name: "add", pool }));
      expect(error).toBeInstanceOf(OffloadError);
      expect(error).toMatchObject({ reason: "missing", message: `there is no module ${missing.href}` });
    }));

  test("that the module exports no such function, and which it exports", () =>
    inShared(function* (pool) {
      const error = yield* thrownBy(() => call(pool, "substract"));
      expect(error).toMatchObject({ reason: "missing" });
      expect((error as Error).message).toMatch(/exports no function "substract"; its functions are: .*add/);
      const other = yield* thrownBy(() => call(pool, "notAFunction"));
      expect((other as Error).message).toMatch(/no function "notAFunction" but a number/);
    }));

  test("what a module throws while it is loaded, each time", () =>
    inShared(function* (pool) {
      const bad = "data:text/javascript,throw new RangeError('not today')";
      for (let i = 0; i < 2; i++) {
        const error = yield* thrownBy(() => offload({ module: bad, name: "x", pool }));
        expect(error).toBeInstanceOf(RangeError);
        expect(error).toMatchObject({ message: "not today" });
      }
    }));

  test("that an argument or the result cannot be cloned, and the thread serves on", () =>
    withPool(function* (pool) {
      yield* call(pool, "add", 1, 2);
      const argument = yield* thrownBy(() => call(pool, "add", () => 1));
      expect(argument).toMatchObject({ reason: "uncloneable", name: "OffloadError" });
      expect((argument as Error).message).toMatch(/an argument for "add" of file:.* cannot be sent: \(\) => 1/);
      const result = yield* thrownBy(() => call(pool, "uncloneable"));
      expect(result).toMatchObject({ reason: "uncloneable" });
      expect((result as Error).message).toMatch(/what "uncloneable" of file:.* gave cannot be sent back/);
      expect(yield* call(pool, "add", 1, 2)).toBe(3);
      expect(pool.statistics()).toMatchObject({ threads: 1, crashed: 0, failed: 2, done: 2, idle: 1 });
    }));
});

describe("a thread that breaks is an error for its job, and the pool goes on, after", () => {
  const how: readonly [string, string, RegExp][] = [
    [
      "process.exit()",
      "exits",
      /had a result \(exit code 7, and no error: did something in it call process\.exit\(\)\?\)/,
    ],
    ["an error that nobody caught", "waitsAndThrows", /\(exit code 1\): nobody caught this/],
    ["a rejection that nobody handled", "waitsAndRejects", /\(exit code 1\): nobody caught this/],
  ];
  for (const [title, name, message] of how) {
    test(title, () =>
      withPool(
        function* (pool) {
          const error = yield* thrownBy(() => call(pool, name, 7));
          expect(error).toBeInstanceOf(OffloadError);
          expect(error).toMatchObject({ reason: "crashed" });
          expect((error as Error).message).toMatch(message);
          expect((error as Error).stack).toContain("offload.test.ts");
          if (name !== "exits") expect((error as Error).cause).toBeInstanceOf(RangeError);
          expect(yield* call(pool, "add", 1, 2)).toBe(3);
          expect(pool.statistics()).toMatchObject({ crashed: 1, threads: 1 });
        },
        { max: 1 },
      ),
    );
  }

  test("its memory is full", () =>
    withPool(
      function* (pool) {
        const error = yield* thrownBy(() => call(pool, "fillsMemory"));
        expect(error).toMatchObject({ reason: "crashed", cause: { code: "ERR_WORKER_OUT_OF_MEMORY" } });
        expect(yield* call(pool, "add", 1, 2)).toBe(3);
      },
      { max: 1, resourceLimits: { maxOldGenerationSizeMb: 16 } },
    ));

  test("a job whose result had been given: that counts, and the end is reported or meets the next job", () =>
    withPool(
      function* (pool) {
        expect(yield* call(pool, "leavesBehind", "throw")).toBe("done");
        const next = yield* thrownBy(() => call(pool, "waitsForEver"));
        // Broken by what the first one left: the next one is told what it was.
        expect(next).toMatchObject({ reason: "crashed", cause: { message: "nobody caught this" } });
        expect(yield* call(pool, "add", 1, 2)).toBe(3);
      },
      { max: 1 },
    ));
});

describe("a cancelled call", () => {
  test("that waits for a thread is withdrawn: it never runs", () =>
    withPool(
      function* (pool) {
        const running = sharedState();
        const queued = sharedState();
        yield* group(function* (g) {
          const first = g.spawn(call(pool, "spin", running.buffer));
          yield* begun(running);
          const second = g.spawn(call(pool, "spin", queued.buffer));
          while (pool.statistics().queued === 0) yield* until(Promise.resolve());
          second.cancel();
          yield* second.ended();
          expect(pool.statistics()).toMatchObject({ queued: 0, running: 1, cancelled: 1, threads: 1 });
          first.cancel();
        });
        expect(yield* call(pool, "add", 1, 2)).toBe(3);
        expect(queued[0]).toBe(0);
      },
      { max: 1 },
    ));

  test("that runs is over when its caller goes on: its thread has ended in the middle of a loop", () =>
    withPool(function* (pool) {
      const state = sharedState();
      yield* scope(function* (s) {
        yield* group(function* (g) {
          g.spawn(call(pool, "spin", state.buffer));
          yield* begun(state);
          s.cancel();
        });
      });
      const count = Atomics.load(state, 0);
      expect(pool.statistics()).toMatchObject({ threads: 0, running: 0, cancelled: 1, crashed: 0 });
      expect(yield* call(pool, "add", 1, 2)).toBe(3); // begins a thread, which takes a while
      expect(Atomics.load(state, 0)).toBe(count);
    }));

  test("can see in shared memory that it is to end, and keeps its thread", () =>
    withPool(function* (pool) {
      const state = sharedState();
      yield* group(function* (g) {
        const task = g.spawn(offload({ module, name: "spinUntilTold", args: [state.buffer], pool, grace: Infinity }));
        yield* begun(state);
        task.cancel();
      });
      expect(state[1]).toBe(1);
      expect(pool.statistics()).toMatchObject({ threads: 1, idle: 1, cancelled: 1, done: 0 });
      expect(yield* call(pool, "add", 1, 2)).toBe(3);
    }));

  for (const [name, what] of [
    ["waitForSignal", "an async function by its signal"],
    ["cleansUp", "a coroutine by a cancellation, and cleans up"],
  ] as const) {
    test(`is told to ${what}`, () =>
      withPool(function* (pool) {
        const state = sharedState();
        yield* group(function* (g) {
          const task = g.spawn(offload({ module, name, args: [state.buffer], pool, grace: Infinity }));
          yield* begun(state);
          task.cancel();
        });
        expect(state[1]).toBe(1);
        expect(pool.statistics()).toMatchObject({ threads: 1, idle: 1 });
      }));
  }

  test("that does not end within its grace loses its thread", () =>
    withPool(function* (pool) {
      const state = sharedState();
      yield* group(function* (g) {
        const task = g.spawn(offload({ module, name: "spin", args: [state.buffer], pool, grace: 1 }));
        yield* begun(state);
        task.cancel();
      });
      expect(pool.statistics()).toMatchObject({ threads: 0, crashed: 0 });
    }));

  test("counts as a thread until that has really ended, also when its caller has left", () =>
    withPool(
      function* (pool) {
        const state = sharedState();
        const limiter = new Limiter(1);
        yield* thrownBy(() =>
          group(
            function* (g) {
              // In native code no thread can be ended; the group lets its caller go at once.
              const task = g.spawn(offload({ module, name: "deaf", args: [state.buffer, 300_000], pool, limiter }));
              yield* begun(state);
              task.cancel();
            },
            { grace: 0 },
          ),
        );
        const ending = pool.statistics();
        const { borrowed } = limiter;
        const next = call(pool, "add", 1, 2); // has to wait for that
        const sum = yield* next;
        expect(ending).toMatchObject({ threads: 1, running: 1, ending: 1 });
        expect(borrowed).toBe(1);
        expect(sum).toBe(3);
        expect(pool.statistics()).toMatchObject({ threads: 1, ending: 0 });
        expect(limiter.borrowed).toBe(0);
      },
      { max: 1 },
    ));

  test("that was cancelled before it was begun begins nothing, and ends", () =>
    withPool(function* (pool) {
      const outcome = yield* scope(function* (s) {
        s.cancel();
        yield* call(pool, "add", 1, 2);
      });
      expect(outcome.cancelled).toBe(true);
      expect(pool.statistics()).toMatchObject({ threads: 0, queued: 0, running: 0 });
    }));

  test("that got its token in the same moment gives it back", () =>
    withPool(function* (pool) {
      const limiter = new Limiter(1);
      yield* group(function* (g) {
        yield* limiter.acquire();
        const task = g.spawn(offload({ module, name: "add", args: [1, 2], pool, limiter }));
        while (limiter.statistics().waiters === 0) yield* sleep(0);
        limiter.release();
        task.cancel();
        yield* task.ended();
        expect(task.state).toBe("cancelled");
      });
      expect(limiter.borrowed).toBe(0);
      expect(pool.statistics().threads).toBe(0);
    }));
});

describe("a pool of threads", () => {
  test("never runs more jobs than it may, and takes them in order", () =>
    withPool(
      function* (pool) {
        let most = 0;
        const order: number[] = [];
        yield* all(
          Array.from({ length: 12 }, (_, i) =>
            (function* () {
              yield* call(pool, "later", i);
              order.push(i);
              const { running, threads } = pool.statistics();
              most = Math.max(most, running, threads);
            })(),
          ),
        );
        expect(most).toBe(1);
        expect(order).toEqual(Array.from({ length: 12 }, (_, i) => i));
      },
      { max: 1 },
    ));

  test("holds a limiter's token for as long as a call runs", () =>
    withPool(function* (pool) {
      const limiter = new Limiter(1);
      const work = (): Operation<unknown> =>
        offload({ module, name: "later", args: [limiter.borrowed], pool, limiter });
      yield* all([work(), work(), work()]);
      expect(limiter.borrowed).toBe(0);
      expect(pool.statistics().threads).toBe(1);
    }));

  test("ends a thread that has had nothing to do for a while", () =>
    withPool(
      function* (pool) {
        yield* call(pool, "add", 1, 2);
        while (pool.statistics().threads > 0) yield* until(new Promise((resolve) => setTimeout(resolve, 1)));
        expect(yield* call(pool, "add", 1, 2)).toBe(3);
      },
      { idle: 1 },
    ));

  test("uses each thread once where the idle time is 0", () =>
    withPool(
      function* (pool) {
        const one = yield* call<{ thread: number }>(pool, "where");
        const two = yield* call<{ thread: number }>(pool, "where");
        expect(one.thread).not.toBe(two.thread);
      },
      { idle: 0, max: 1 },
    ));

  test("that is closed fails the jobs that run and wait, and every later one", () =>
    run(function* () {
      const pool = new ThreadPool({ max: 1, name: "the small pool" });
      const state = sharedState();
      const errors = yield* group(function* (g) {
        const running = g.spawn(() => thrownBy(() => call(pool, "spin", state.buffer)));
        yield* begun(state);
        const queued = g.spawn(() => thrownBy(() => call(pool, "add", 1, 2)));
        while (pool.statistics().queued === 0) yield* until(Promise.resolve());
        yield* pool.close();
        expect(pool.statistics()).toMatchObject({ threads: 0, queued: 0, running: 0 });
        yield* pool.close();
        return [yield* running, yield* queued, yield* thrownBy(() => call(pool, "add", 1, 2))];
      });
      for (const error of errors) expect(error).toBeInstanceOf(ClosedError);
      expect(String(errors[2])).toMatch(/the small pool is closed: it takes no jobs/);
    }));

  test("serves several loops", async () => {
    const pool = new ThreadPool({ max: 1 });
    const sums = await Promise.all([1, 2, 3].map((n) => run(() => call(pool, "add", n, n))));
    expect(sums).toEqual([2, 4, 6]);
    await pool[Symbol.asyncDispose]();
  });

  test("leaves each program in its own context", async () => {
    const storage = new AsyncLocalStorage<string>();
    const pool = new ThreadPool({ max: 1 });
    const seen = async (): Promise<unknown> =>
      run(function* () {
        yield* call(pool, "add", 1, 2);
        return storage.getStore();
      });
    // The thread is begun in the first one's context, and serves both.
    expect(await Promise.all([storage.run("a", seen), storage.run("b", seen), seen()])).toEqual(["a", "b", undefined]);
    await pool[Symbol.asyncDispose]();
  });

  test("leaves no descriptor, handle or listener behind", () =>
    leavesNothing(() =>
      withPool(function* (pool) {
        yield* all([call(pool, "add", 1, 2), call(pool, "add", 3, 4)]);
        yield* thrownBy(() => call(pool, "exits", 1));
        const state = sharedState();
        yield* group(function* (g) {
          const task = g.spawn(call(pool, "spin", state.buffer));
          yield* begun(state);
          task.cancel();
        });
      }),
    ));
});

/** Runs a program in a process of its own, and gives what it prints and how it ends. */
function program(code: string): Promise<{ out: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=rondo-source", "--input-type=module", "--eval", code], {
      cwd: new URL(".", module),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ out, code: exit }));
  });
}

describe("a program", () => {
  test("is not kept alive by threads that have nothing to do, and gives them its conditions", async () => {
    const { out, code } = await program(`
      import { run } from "rondo";
      import { offload } from "rondo/os";
      console.log(await run(() => offload(${JSON.stringify(href)}, "coroutine", "well")));
    `);
    expect({ out, code }).toEqual({ out: "well, slowly\n", code: 0 });
  });

  test("can wait for the end of threads that have nothing to do", async () => {
    const { out, code } = await program(`
      import { run } from "rondo";
      import { offload, ThreadPool } from "rondo/os";
      const pool = new ThreadPool({ max: 1 });
      await run(function* () {
        yield* offload({ module: ${JSON.stringify(href)}, name: "add", args: [1, 2], pool });
        yield* pool.close();
        console.log(pool.statistics().threads);
      });
    `);
    expect({ out, code }).toEqual({ out: "0\n", code: 0 });
  });

  test("is kept alive by a job that runs, and not taken for deadlocked", async () => {
    const { out, code } = await program(`
      import { all, run } from "rondo";
      import { offload, ThreadPool } from "rondo/os";
      const pool = new ThreadPool({ max: 1 });
      const call = () => offload({ module: ${JSON.stringify(href)}, name: "later", args: [1], pool });
      console.log(await run(() => all([call(), call()])));
    `);
    expect({ out, code }).toEqual({ out: "[ 1, 1 ]\n", code: 0 });
  });
});

test("moveOnAfter around a computation that never ends", () =>
  withPool(function* (pool) {
    const state = sharedState();
    expect((yield* moveOnAfter(20, call(pool, "spin", state.buffer))).timedOut).toBe(true);
    expect(pool.statistics().threads).toBe(0);
  }));
