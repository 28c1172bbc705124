/** Functions for the tests of `offload`: they are run in threads and in child processes. */
import { randomBytes, pbkdf2Sync } from "node:crypto";
import { threadId } from "node:worker_threads";

import { sleep } from "../src/loop/sleep.ts";
import { BrokenError, suppress } from "../src/coroutine/errors.ts";
import type { Coroutine } from "../src/coroutine/wait.ts";
import { jobCancelled, jobSignal, transferred } from "../src/os/offload-job.ts";

export const notAFunction = 42;

export function add(a: number, b: number): number {
  return a + b;
}

export function where(): { thread: number; process: number } {
  return { thread: threadId, process: process.pid };
}

export async function later(value: unknown): Promise<unknown> {
  await new Promise((resolve) => setImmediate(resolve));
  return value;
}

export function* coroutine(value: string): Coroutine<string> {
  yield* sleep(1);
  return `${value}, slowly`;
}

export function echo(...args: unknown[]): unknown {
  return args;
}

export class OddError extends TypeError {
  override readonly name = "OddError";
  readonly code = "E_ODD";
  readonly details = { n: 3 };
  readonly callback = (): void => {};
}

export function fail(kind: string): never {
  if (kind === "odd") throw new OddError("odd number");
  if (kind === "broken") throw new BrokenError("the line is dead");
  if (kind === "cause") throw new Error("outer", { cause: new RangeError("inner", { cause: { plain: true } }) });
  if (kind === "aggregate") throw new AggregateError([new Error("one"), new TypeError("two")], "many");
  if (kind === "suppressed") throw suppress(new Error("first"), [new SyntaxError("second")]);
  if (kind === "abort") throw new DOMException("left", "AbortError");
  if (kind === "ring") {
    const error = new Error("ring");
    error.cause = error;
    throw error;
  }
  // oxlint-disable-next-line no-throw-literal
  if (kind === "string") throw "just a string";
  // oxlint-disable-next-line no-throw-literal
  throw { toString: () => "a function inside", f(): void {} };
}

export function uncloneable(): unknown {
  return { f: () => 1 };
}

/** Computes for ever, and says by shared memory that it has begun and how far it is. */
export function spin(shared: SharedArrayBuffer): never {
  const state = new Int32Array(shared);
  for (;;) {
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
  }
}

/** As `spin`, until it is told; says how it ended in the second word. */
export function spinUntilTold(shared: SharedArrayBuffer): string {
  const state = new Int32Array(shared);
  while (!jobCancelled()) {
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
  }
  Atomics.store(state, 1, 1);
  return "told";
}

/** Waits for its signal; says so in the second word. */
export async function waitForSignal(shared: SharedArrayBuffer): Promise<void> {
  const state = new Int32Array(shared);
  const signal = jobSignal();
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  Atomics.store(state, 1, 1);
}

/** A coroutine whose cleanup waits; says so in the second word. */
export function* cleansUp(shared: SharedArrayBuffer): Coroutine<void> {
  const state = new Int32Array(shared);
  try {
    Atomics.store(state, 0, 1);
    Atomics.notify(state, 0);
    yield* sleep(60_000);
  } finally {
    yield* sleep(1);
    Atomics.store(state, 1, 1);
  }
}

/** Sits in native code, where a thread cannot be ended, for as long as `rounds` take. */
export function deaf(shared: SharedArrayBuffer, rounds: number): void {
  const state = new Int32Array(shared);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
  pbkdf2Sync("password", "salt", rounds, 64, "sha512");
}

export function exits(code: number): void {
  process.exit(code);
}

/** The result is on its way when the thread ends. */
export function leavesBehind(what: string): string {
  if (what === "rejection") void Promise.reject(new Error("nobody caught this"));
  if (what === "throw")
    setImmediate(() => {
      throw new Error("nobody caught this");
    });
  return "done";
}

export async function waitsAndThrows(): Promise<void> {
  setImmediate(() => {
    throw new RangeError("nobody caught this");
  });
  await new Promise(() => setInterval(() => {}, 1000));
}

export async function waitsAndRejects(): Promise<void> {
  void Promise.reject(new RangeError("nobody caught this"));
  await new Promise(() => setInterval(() => {}, 1000));
}

export function fillsMemory(): number {
  const all: unknown[] = [];
  for (;;) all.push(Array.from({ length: 1000 }, Math.random));
}

export function bytes(n: number): Uint8Array {
  const data = new Uint8Array(randomBytes(n));
  return transferred(data, [data.buffer]);
}

export function length(data: Uint8Array): number {
  return data.length;
}

export function conditions(): readonly string[] {
  return process.execArgv;
}

export function waitsForEver(): Promise<void> {
  return new Promise(() => setInterval(() => {}, 1000));
}

/** The child process kills itself, as a crash of native code would. */
export function dies(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Waits for its signal, and for nothing else. */
export function untilTold(): Promise<void> {
  const signal = jobSignal();
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

export function env(name: string): string | undefined {
  return process.env[name];
}

export function spinAlone(): never {
  for (;;);
}
