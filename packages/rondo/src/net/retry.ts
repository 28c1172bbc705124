/**
 * Trying again: an operation that failed is begun anew after a pause, a bounded number of times.
 *
 * The one thing to know: a pause that would end after the deadline around it is not begun. Whoever waits gets the failure
 * at once and with its reason, and not a `TimeoutError` later that has none.
 */
import { suppress } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { isOperation } from "../combine/bodies.ts";
import { checkMs, currentLoop, sleep } from "../loop/sleep.ts";
import { effectiveDeadline } from "../task/here.ts";
import { type Backoff, exponential, type FailedTry } from "./backoff.ts";

/** A try that failed and will be followed by another one. */
export interface Retry extends FailedTry {
  /** How long the pause will be, in ms. */
  readonly pause: number;
}

/** How {@link retry} goes on. */
export interface RetryOptions {
  /** How many tries there are in all; Infinity for as long as `when` says. By default 3. */
  readonly attempts?: number | undefined;
  /** The pause before the next try: in ms, or by a function such as {@link exponential} gives (the default). */
  readonly backoff?: number | Backoff | undefined;
  /** Whether another try may go better. By default every error is worth one. */
  readonly when?: ((error: unknown, attempt: number) => boolean) | undefined;
  /**
   * How long the error itself asks to wait, in ms (a server's `Retry-After`): the pause is at least that. Infinity for an
   * error that says "never again".
   */
  readonly retryAfter?: ((error: unknown) => number | undefined) | undefined;
  /** Called before each pause; what it gives is waited for, if it is an operation. */
  readonly onRetry?: ((retry: Retry) => Operation<unknown> | void) | undefined;
  /** Names the draws of chance, for recorded runs. */
  readonly name?: string | undefined;
}

/** A thing that is tried for ever must not keep an error for each time. */
const KEPT = 16;

/**
 * Runs `op(attempt)` until it succeeds, at most `attempts` times, and gives what it gives. If the last try fails too, its
 * error is thrown, the earlier ones (the last 16) are its `suppressed()`. A cancellation is no failure: it ends the try, or the
 * pause, and nothing is tried again.
 *
 * No pause is begun that would last beyond the deadline around it (`timeout`, `deadline`): then the error is thrown at
 * once. For a limit on each try, put the `timeout` into `op`. What `when`, `backoff` or `onRetry` throw is thrown. A switch
 * point where `op` is, and between two tries.
 *
 * @example
 * ```ts
 * import { run, suppressed, VirtualHost } from "rondo";
 * import { retry } from "rondo/net";
 *
 * function* connect(attempt: number) {
 *   if (attempt < 3) throw new Error(`refused ${attempt}`);
 *   return `connected at try ${attempt}`;
 * }
 * await run(
 *   function* () {
 *     console.log(yield* retry(connect, { attempts: 5 })); // prints: connected at try 3
 *     try {
 *       yield* retry(connect, { attempts: 2, backoff: 1000 });
 *     } catch (error) {
 *       console.log(String(error), suppressed(error).map(String)); // prints: Error: refused 2 [ 'Error: refused 1' ]
 *     }
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function* retry<T>(op: (attempt: number) => Operation<T>, options: RetryOptions = {}): Coroutine<T> {
  if (typeof op !== "function") {
    throw new TypeError("retry() takes a function that gives an operation: an operation itself can be run only once");
  }
  const { attempts = 3, backoff = exponential(), when, retryAfter, onRetry, name = "retry" } = options;
  if (attempts !== Infinity && (!Number.isInteger(attempts) || attempts < 1)) {
    throw new RangeError(`retry() takes a whole number of attempts, 1 or more, or Infinity, not ${String(attempts)}`);
  }
  const { host } = currentLoop("retry()");
  const draw = (n: number): number => host.choose("back-off", n, name);
  const earlier: unknown[] = [];
  let previous = 0;
  for (let attempt = 1; ; attempt++) {
    let error: unknown;
    try {
      return yield* op(attempt);
    } catch (thrown) {
      error = thrown;
    }
    if (attempt >= attempts || (when !== undefined && !when(error, attempt))) throw suppress(error, earlier);
    const failed: FailedTry = { attempt, error, previous, draw };
    const drawn = checkMs(typeof backoff === "number" ? backoff : backoff(failed), "the back-off of retry()");
    const asked = checkMs(retryAfter?.(error) ?? 0, "the `retryAfter` of retry()");
    const pause = Math.max(drawn, asked);
    // Where a cancellation is pending the deadline is -Infinity; the pause meets it, and that is no failure.
    const until = effectiveDeadline();
    if (pause === Infinity || (until !== -Infinity && host.now() + pause >= until)) throw suppress(error, earlier);
    const first = onRetry?.({ ...failed, pause });
    if (isOperation(first)) yield* first;
    earlier.push(error);
    if (earlier.length > KEPT) earlier.shift();
    yield* sleep(pause);
    previous = pause;
  }
}
