/**
 * What a function that was offloaded can ask and say in its thread. The same function called directly works too: then
 * there is no job, nobody cancels it, and what it gives is given as it is.
 */
import type { Transferable } from "node:worker_threads";

/** The job that this thread works on. */
export interface CurrentJob {
  readonly id: number;
  /** Whether it is to end: asks the memory that the thread shares with the program, where there is such memory. */
  cancelled(): boolean;
  /** Made when somebody asks for it. */
  controller: AbortController | undefined;
}

/**
 * On the global object and not in this module: a module that is offloaded may have been given another copy of it by a
 * bundler.
 */
const JOB = Symbol.for("rondo.job");
const place = globalThis as { [JOB]?: CurrentJob | undefined };

export function setCurrentJob(job: CurrentJob | undefined): void {
  place[JOB] = job;
}

let never: AbortSignal | undefined;

/**
 * In a function that was offloaded: a signal that is aborted when its caller is cancelled, to be used with
 * `offload({ …, grace })`, which says for how long the function may go on after that. It is aborted only where the thread
 * comes round to its own event loop; code that computes without a pause asks {@link jobCancelled}. Called directly, a
 * signal that is never aborted.
 *
 * @example
 * ```ts
 * import { jobSignal } from "rondo/os";
 *
 * // In a module of its own, so that it can be offloaded; called directly it works as well.
 * async function download(): Promise<boolean> {
 *   const signal = jobSignal();
 *   return signal.aborted;
 * }
 * console.log(await download()); // prints: false
 * ```
 */
export function jobSignal(): AbortSignal {
  const job = place[JOB];
  if (job === undefined) return (never ??= new AbortController().signal);
  if (job.controller === undefined) {
    job.controller = new AbortController();
    if (job.cancelled()) job.controller.abort();
  }
  return job.controller.signal;
}

/**
 * In a function that was offloaded to a thread: whether its caller has been cancelled. Costs next to nothing, so that a loop
 * can ask in each round; works without a pause of the function, since it looks into shared memory. (In a child process
 * there is none: there it is told only where the function waits.) Called directly: false.
 *
 * The idea is trio's `from_thread.check_cancelled`.
 *
 * @example
 * ```ts
 * import { jobCancelled } from "rondo/os";
 *
 * // In a module of its own, so that it can be offloaded; called directly it works as well.
 * function primesBelow(limit: number): number[] {
 *   const primes: number[] = [];
 *   for (let n = 2; n < limit && !jobCancelled(); n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
 *   return primes;
 * }
 * console.log(primesBelow(12)); // prints: [ 2, 3, 5, 7, 11 ]
 * ```
 */
export function jobCancelled(): boolean {
  return place[JOB]?.cancelled() ?? false;
}

const TRANSFERRED: unique symbol = Symbol.for("rondo.transferred") as never;

/** A result together with what in it changes hands. */
export interface Transferred {
  readonly [TRANSFERRED]: true;
  readonly value: unknown;
  readonly list: readonly Transferable[];
}

export function isTransferred(value: unknown): value is Transferred {
  return typeof value === "object" && value !== null && TRANSFERRED in value;
}

/**
 * In a function that was offloaded: gives `value` as the result and hands over what is in `list` (buffers, ports) instead
 * of copying it. Called directly, or in a child process, just gives `value`.
 *
 * @example
 * ```ts
 * import { transferred } from "rondo/os";
 *
 * // In a module of its own, so that it can be offloaded; called directly it works as well.
 * function noise(bytes: number): Uint8Array {
 *   const data = crypto.getRandomValues(new Uint8Array(bytes));
 *   return transferred(data, [data.buffer]);
 * }
 * console.log(noise(16).length); // prints: 16
 * ```
 */
export function transferred<T>(value: T, list: readonly Transferable[]): T {
  // Only the thread looks at it, and takes the value out.
  const marked: Transferred = { [TRANSFERRED]: true, value, list };
  return place[JOB] === undefined ? value : (marked as unknown as T);
}
