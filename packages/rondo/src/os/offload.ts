/**
 * Running a function somewhere else: in a worker thread, or in a child process, so that what computes for long or blocks
 * does not hold up the loop.
 *
 * A coroutine cannot be sent to another thread, and neither can a closure. So the function is named, by the module that
 * exports it, and that module is loaded over there.
 */
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { Transferable } from "node:worker_threads";

import { type Coroutine, type Operation } from "../coroutine/wait.ts";
import { checkMs, currentLoop } from "../loop/sleep.ts";
import type { Limiter } from "../sync/limiter.ts";
import { suspend } from "../task/suspend.ts";
import { Job, type OffloadPool } from "./offload-pool.ts";
import type { OffloadService } from "./offload-service.ts";
import { ProcessPool } from "./process-pool.ts";
import { ThreadPool } from "./thread-pool.ts";

/** What changes hands instead of being copied: the last argument of `offload(module, name, ...args, { transfer })`. */
export interface OffloadTransfer {
  readonly transfer: readonly Transferable[];
}

/** How calls are made. */
export interface OffloadOptions {
  /** Where it runs; by default in the pool that all share. */
  readonly pool?: OffloadPool | undefined;
  /**
   * For how many ms a function that runs may go on when its caller is cancelled: `jobSignal()` and `jobCancelled()` tell it.
   * Then its thread is ended. 0 by default: at once.
   */
  readonly grace?: number | undefined;
  /** Each call borrows a token of it, and gives it back when nothing of the call runs any more. */
  readonly limiter?: Limiter | undefined;
}

/** A whole call, in one object. */
export interface OffloadCall extends OffloadOptions {
  /** Where the function is: `new URL("./work.ts", import.meta.url)`, an absolute path, or a module of Node (`node:zlib`). */
  readonly module: string | URL;
  /** The name under which it is exported. */
  readonly name: string;
  readonly args?: readonly unknown[] | undefined;
  readonly transfer?: readonly Transferable[] | undefined;
}

/** What a call gives in the end: promises and coroutines are run over there. */
export type OffloadResult<R> = R extends Generator<any, infer T, any> ? T : Awaited<R>;

/** The functions among what a module exports. */
export type OffloadNames<M> = { [K in keyof M]: M[K] extends (...args: any[]) => unknown ? K : never }[keyof M] &
  string;

type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type ResultOf<F> = F extends (...args: any[]) => infer R ? OffloadResult<R> : never;

/**
 * Runs a function that a module exports in a worker thread, and gives what it gives. The function may be an async function
 * or a coroutine too, which runs on a loop of the thread's own. Arguments and result are copied (structured clone) when
 * the call begins and when it ends, but for what is in `transfer`, which changes hands.
 *
 * `offload(module, name, ...args)`, with `{ transfer: [...] }` as a last argument where something is to change hands; or all
 * in one object, `offload({ module, name, args, transfer, pool, grace, limiter })`. {@link offloader} has types for it.
 *
 * Cancelled while it waits for a thread, it did not happen. Cancelled while it runs, the function is told (see `grace`), and
 * then its thread is ended, in the middle of whatever it does; the caller waits until it has really ended, which is at once
 * unless it is in native code, and then goes on with its unwinding. A thread counts in its pool until then, also where a
 * grace of the group lets the caller go first.
 *
 * What the function throws is thrown here, of the same class where that is one of the language's or of Rondo's, with its own
 * properties as far as they can be sent, and with the lines of both sides. An `OffloadError` says what else went wrong.
 *
 * A switch point, always.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { offload } from "rondo/os";
 *
 * const key = await run(() => offload<Uint8Array>("node:crypto", "scryptSync", "password", "salt", 16));
 * console.log(key.length); // prints: 16
 * ```
 */
export function offload<T = unknown>(call: OffloadCall): Coroutine<T>;
export function offload<T = unknown>(module: string | URL, name: string, ...args: readonly unknown[]): Coroutine<T>;
export function offload<T>(
  given: OffloadCall | string | URL,
  name?: string,
  ...args: readonly unknown[]
): Coroutine<T> {
  return begin<T>(callOf("offload", given, name, args), () => ThreadPool.shared);
}

/**
 * As {@link offload}, in a child process: for what may crash, or must not share anything with the program. It takes no
 * `transfer`; a function that computes without a pause cannot be told to end, only be killed (SIGKILL, after the `grace`).
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { offloadProcess } from "rondo/os";
 *
 * const key = await run(() => offloadProcess<Uint8Array>("node:crypto", "scryptSync", "password", "salt", 16));
 * console.log(key.length); // prints: 16
 * ```
 */
export function offloadProcess<T = unknown>(call: OffloadCall): Coroutine<T>;
export function offloadProcess<T = unknown>(
  module: string | URL,
  name: string,
  ...args: readonly unknown[]
): Coroutine<T>;
export function offloadProcess<T>(
  given: OffloadCall | string | URL,
  name?: string,
  ...args: readonly unknown[]
): Coroutine<T> {
  return begin<T>(callOf("offloadProcess", given, name, args), () => ProcessPool.shared);
}

/** A function that runs what a module exports, with the types of that module. */
export type Offloader<M> = <K extends OffloadNames<M>>(
  name: K,
  ...args: [...args: ArgumentsOf<M[K]>, options?: OffloadTransfer]
) => Coroutine<ResultOf<M[K]>>;

/**
 * A module whose functions are to run somewhere else: gives a function `(name, ...args)` that knows their types. With
 * `pool: ProcessPool.shared`, or one of your own, in child processes.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { offloader } from "rondo/os";
 * import type * as zlib from "node:zlib"; // for its types only: it is not loaded here
 *
 * const compress = offloader<typeof zlib>("node:zlib");
 * const bytes = await run(() => compress("gzipSync", "hello"));
 * console.log(bytes.length); // prints: 25
 * ```
 */
export function offloader<M>(module: string | URL, options: OffloadOptions = {}): Offloader<M> {
  const url = checkModule(module, "offloader");
  return (<T>(name: string, ...args: readonly unknown[]): Coroutine<T> =>
    begin<T>({ ...options, ...callOf("an offloader", url, name, args) }, () => ThreadPool.shared)) as Offloader<M>;
}

interface CheckedCall extends OffloadCall {
  readonly module: string;
  readonly args: readonly unknown[];
}

function callOf(
  what: string,
  given: OffloadCall | string | URL,
  name: string | undefined,
  args: readonly unknown[],
): CheckedCall {
  const call: OffloadCall =
    typeof given === "string" || given instanceof URL ? { module: given, name: name as string, ...split(args) } : given;
  if (typeof call?.name !== "string") {
    throw new TypeError(
      `${what}() takes a module and the name of a function that it exports, not ${String(call?.name)}`,
    );
  }
  return { ...call, module: checkModule(call.module, what), args: call.args ?? [] };
}

/** Only what has nothing but a list `transfer` in it is taken for options: anything else is an argument like the others. */
function split(args: readonly unknown[]): { args: readonly unknown[]; transfer?: readonly Transferable[] } {
  const last = args.at(-1);
  if (typeof last !== "object" || last === null) return { args };
  const { transfer } = last as Partial<OffloadTransfer>;
  if (!Array.isArray(transfer) || Object.keys(last).length !== 1) return { args };
  return { args: args.slice(0, -1), transfer: transfer as Transferable[] };
}

function checkModule(module: string | URL, what: string): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string") {
    if (/^(file|data|node):/.test(module)) return module;
    if (isAbsolute(module)) return pathToFileURL(module).href;
  }
  throw new TypeError(
    `${what}() takes the URL of a module, as in new URL("./work.ts", import.meta.url), not ${
      typeof module === "string" ? `"${module}": another thread would not know where that is` : String(module)
    }`,
  );
}

/** Everything is checked by now: what is wrong with a call is thrown where the call is written. */
function begin<T>(call: CheckedCall, pool: () => OffloadPool): Coroutine<T> {
  const grace = checkMs(call.grace ?? 0, "the grace of offload()");
  const where = call.pool ?? pool();
  if (call.transfer !== undefined && where instanceof ProcessPool) {
    throw new TypeError("a child process takes copies only: leave `transfer` out, or use a thread");
  }
  return perform<T>(new Job(call.module, call.name, call.args, call.transfer, grace), where, call.limiter);
}

function* perform<T>(job: Job, pool: OffloadPool, limiter: Limiter | undefined): Coroutine<T> {
  if (limiter !== undefined) {
    yield* limiter.acquire(job);
    job.onOver.push(() => limiter.release(job));
  }
  const service = currentLoop("offload()").host.service?.("offload") as OffloadService | undefined;
  if (service !== undefined) {
    try {
      return (yield* service.perform(job)) as T;
    } finally {
      pool.end(job);
    }
  }
  const wait = pool.wait<T>(job);
  try {
    return yield* wait;
  } finally {
    // Only after a cancellation: its thread is on the way out, or has its grace.
    if (!job.over) yield* ended(job);
  }
}

function ended(job: Job): Operation<void> {
  return suspend<void>((wake) => {
    const tell = (): void => wake();
    job.onOver.push(tell);
    return () => {
      job.onOver = job.onOver.filter((one) => one !== tell);
    };
  }, `the end of ${job.export}`);
}
