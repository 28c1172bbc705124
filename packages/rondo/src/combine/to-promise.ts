/** The bridge to promises: an operation for those who wait with `await`. */
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Host } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";
import { run } from "../task/run.ts";

/** Where `toPromise` runs its operation, and what ends it early. */
export interface ToPromiseOptions {
  /** Cancels the operation when it is aborted; the promise then rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** The world to run on: that of the task that calls, or the platform's. */
  readonly host?: Host | undefined;
  /** For errors, snapshots and traces. */
  readonly name?: string | undefined;
}

/**
 * Runs an operation on a loop of its own and gives a promise for what it ends in: for libraries and callbacks that know
 * promises only. The promise is settled when the operation and all its cleanup have ended. Not a switch point: called in
 * a task it begins beside that task, in the same world, and belongs to nobody; within Rondo, `spawn` instead.
 *
 * Nothing listens to Ctrl-C here: whoever made the program does.
 *
 * @example
 * ```ts
 * import { sleep, toPromise } from "rondo";
 *
 * function* slowly() {
 *   yield* sleep(1000);
 * }
 * const controller = new AbortController();
 * const promise = toPromise(slowly(), { signal: controller.signal });
 * controller.abort("the caller left");
 * console.log(await promise.catch((reason: unknown) => reason)); // prints: the caller left
 * ```
 */
export function toPromise<T>(operation: Body<T>, options: ToPromiseOptions = {}): Promise<T> {
  const around = kernel.current?.loop as Loop | undefined;
  return run(typeof operation === "function" ? operation : () => operation, {
    host: options.host ?? around?.host.another(),
    signal: options.signal,
    name: options.name ?? nameOf(operation),
    signals: false,
  });
}

function nameOf(operation: Body): string {
  return typeof operation === "function" && operation.name !== "" ? operation.name : "toPromise";
}
