import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { group, moveOnAfter, type Operation, run, until, use } from "../index.ts";
import { offloader, offloadProcess, OffloadError, ProcessPool, ThreadPool } from "./index.ts";

const module = new URL("../../tests/offloaded.ts", import.meta.url);
const { href } = module;

/** Runs `body` with a pool of its own that has ended afterwards. */
function withPool<T>(
  body: (pool: ProcessPool) => Operation<T>,
  options: ConstructorParameters<typeof ProcessPool>[0] = {},
) {
  return run(function* () {
    const pool = use(new ProcessPool({ max: 1, ...options }));
    return yield* body(pool);
  });
}

function call<T = unknown>(pool: ProcessPool, name: string, ...args: readonly unknown[]): Operation<T> {
  return offloadProcess<T>({ module, name, args, pool });
}

/** Whether a process runs. One that has ended may be listed until somebody, who may take his time, asks how. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false; // ESRCH: there is none
  }
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return process.platform !== "linux"; // there it has gone in this moment, and elsewhere there is no such file
  }
}

describe("offloadProcess", () => {
  test("runs a function in another process, which serves again", () =>
    withPool(function* (pool) {
      const one = yield* call<{ process: number }>(pool, "where");
      const two = yield* call<{ process: number }>(pool, "where");
      expect(one.process).not.toBe(process.pid);
      expect(two).toEqual(one);
      expect(yield* call(pool, "coroutine", "well")).toBe("well, slowly");
    }));

  test("copies what structured clone copies", () =>
    withPool(function* (pool) {
      const given = [new Map([["a", new Date(0)]]), new Uint8Array([1, 2]), 10n, undefined, Number.NaN];
      expect(yield* call(pool, "echo", ...given)).toEqual(given);
      expect((yield* call<Uint8Array>(pool, "bytes", 100_000)).length).toBe(100_000);
    }));

  test("throws what the function throws, with the lines of both sides", () =>
    withPool(function* (pool) {
      const error = (yield* thrownBy(() => call(pool, "fail", "odd"))) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ name: "OddError", code: "E_ODD", details: { n: 3 } });
      expect(error.stack).toMatch(/at fail \(.*\n {2}in process \d+, called from\n[^]*offload-process\.test\.ts/);
    }));

  test("takes no transfer, and no shared memory", () =>
    withPool(function* (pool) {
      const data = new Uint8Array(1);
      const make = (): unknown =>
        offloadProcess({ module, name: "length", args: [data], transfer: [data.buffer], pool });
      expect(make).toThrow(/copies only/);
      const error = yield* thrownBy(() => call(pool, "echo", new SharedArrayBuffer(8)));
      expect(error).toMatchObject({ reason: "uncloneable" });
      const result = yield* thrownBy(() => call(pool, "uncloneable"));
      expect(result).toMatchObject({ reason: "uncloneable" });
      expect(pool.statistics()).toMatchObject({ threads: 1, idle: 1 });
    }));

  test("leaves no descriptor, handle or listener behind", () =>
    leavesNothing(() =>
      withPool(function* (pool) {
        yield* call(pool, "add", 1, 2);
        yield* thrownBy(() => call(pool, "exits", 1));
        yield* moveOnAfter(1, call(pool, "waitsForEver"));
        yield* call(pool, "add", 1, 2);
      }),
    ));

  test("kills the process of a cancelled call before the caller goes on", () =>
    withPool(function* (pool) {
      const { process: pid } = yield* call<{ process: number }>(pool, "where");
      expect(lives(pid)).toBe(true);
      expect(yield* moveOnAfter(1, call(pool, "waitsForEver"))).toMatchObject({ timedOut: true });
      expect(lives(pid)).toBe(false);
      expect(pool.statistics()).toMatchObject({ threads: 0, cancelled: 1, crashed: 0 });
      expect(yield* call(pool, "add", 1, 2)).toBe(3);
    }));

  test("tells a function that waits, and leaves it its grace", () =>
    withPool(function* (pool) {
      const before = yield* call(pool, "where");
      yield* group(function* (g) {
        const task = g.spawn(offloadProcess({ module, name: "untilTold", pool, grace: Infinity }));
        while (pool.statistics().running === 0) yield* until(Promise.resolve());
        task.cancel();
      });
      expect(yield* call(pool, "where")).toEqual(before);
    }));

  test("leaves it to the program what becomes of Ctrl-C, which reaches all processes of a terminal", () =>
    withPool(function* (pool) {
      const before = yield* call<{ process: number }>(pool, "where");
      process.kill(before.process, "SIGINT");
      expect(yield* call(pool, "later", 1)).toBe(1);
      expect(yield* call(pool, "where")).toEqual(before);
    }));

  test("says how a process ended, and the pool goes on", () =>
    withPool(function* (pool) {
      const killed = yield* thrownBy(() => call(pool, "dies"));
      expect(killed).toBeInstanceOf(OffloadError);
      expect((killed as Error).message).toMatch(/process \d+ ended before "dies" of file:.* had a result \(SIGKILL\)/);
      const exited = yield* thrownBy(() => call(pool, "exits", 3));
      expect((exited as Error).message).toMatch(/\(exit code 3, and no error/);
      expect(yield* call(pool, "add", 1, 2)).toBe(3);
      expect(pool.statistics()).toMatchObject({ crashed: 2, threads: 1 });
    }));

  test("says that a process could not be started", () =>
    withPool(
      function* (pool) {
        const error = yield* thrownBy(() => call(pool, "add", 1, 2));
        expect(error).toMatchObject({ reason: "crashed", cause: { code: "ENOENT" } });
        expect(pool.statistics()).toMatchObject({ threads: 0 });
      },
      { cwd: "/no/such/directory" },
    ));

  test("gives a process its environment, and lives in the same calls as threads do", () =>
    run(function* () {
      const pool = use(new ProcessPool({ max: 1, env: { ...process.env, WHO: "me" } }));
      const there = offloader<{ env: (name: string) => string }>(module, { pool });
      const here = offloader<{ env: (name: string) => string }>(module, { pool: use(new ThreadPool({ max: 1 })) });
      expect(yield* there("env", "WHO")).toBe("me");
      expect(yield* here("env", "WHO")).toBe(undefined);
    }));
});

/** Starts a program whose pool has a process that works, and gives the number of that one. */
async function programAtWork(): Promise<{ program: ChildProcess; worker: number }> {
  const code = `
    import { all, run } from "rondo";
    import { offloadProcess, ProcessPool } from "rondo/os";
    const pool = new ProcessPool({ max: 1 });
    const call = (name) => offloadProcess({ module: ${JSON.stringify(href)}, name, pool });
    process.on("message", () => process.exit(0));
    await run(function* () {
      process.send((yield* call("where")).process);
      yield* call("spinAlone");
    });`;
  const program = spawn(process.execPath, ["--conditions=rondo-source", "--input-type=module", "--eval", code], {
    cwd: new URL(".", module),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [worker] = (await once(program, "message")) as [number];
  return { program, worker };
}

async function hasEnded(pid: number): Promise<void> {
  while (lives(pid)) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("a program that exits takes its processes along, also one that computes", async () => {
  const { program, worker } = await programAtWork();
  expect(lives(worker)).toBe(true);
  program.send("exit");
  await once(program, "exit");
  await hasEnded(worker);
});

test("a program is not kept alive by a process that has nothing to do, and that one ends with it", async () => {
  const code = `
    import { run } from "rondo";
    import { offloadProcess } from "rondo/os";
    const { process: pid } = await run(() => offloadProcess(${JSON.stringify(href)}, "where"));
    console.log(pid);`;
  const program = spawn(process.execPath, ["--conditions=rondo-source", "--input-type=module", "--eval", code], {
    cwd: new URL(".", module),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  program.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const [exit] = (await once(program, "close")) as [number];
  expect(exit).toBe(0);
  await hasEnded(Number(out));
});
