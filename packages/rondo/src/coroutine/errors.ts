/**
 * The errors that callers may want to tell apart, one class each.
 *
 * One failure is thrown as it is, never wrapped in a group: `catch` by class works the same with one failure or five.
 * What else went wrong at the same boundary is kept on the thrown error, under one symbol: see {@link suppressed}.
 */

const SUPPRESSED: unique symbol = Symbol("suppressed") as never;

/**
 * The other errors that happened together with `error`: later failures of the same group, errors of cleanup, the
 * cancellation that a failing cleanup replaced. An empty array where there are none.
 *
 * They are an enumerable symbol property of the error, so Node prints them with it. (Python calls the idea
 * `ExceptionGroup`, Java and `using` call it suppressed exceptions; Rondo throws the first and keeps the rest.)
 *
 * @example
 * ```ts
 * import { group, run, suppressed } from "rondo";
 *
 * function* failing(message: string) {
 *   throw new Error(message);
 * }
 * try {
 *   await run(() =>
 *     group(function* (g) {
 *       g.spawn(failing("first"));
 *       g.spawn(failing("second"));
 *     }),
 *   );
 * } catch (error) {
 *   console.log((error as Error).message); // prints: first
 *   console.log(suppressed(error).map(String)); // prints: [ 'Error: second' ]
 * }
 * ```
 */
export function suppressed(error: unknown): readonly unknown[] {
  if (typeof error !== "object" || error === null) return [];
  return (error as { [SUPPRESSED]?: unknown[] })[SUPPRESSED] ?? [];
}

/**
 * Adds `more` to what `error` suppresses and returns `error`. A thrown value that cannot carry them (a string, a
 * frozen object) is wrapped, so that nothing is lost.
 */
export function suppress(error: unknown, more: readonly unknown[]): unknown {
  const fresh = more.filter((one) => one !== error);
  if (fresh.length === 0) return error;
  let carrier = error;
  if (typeof error !== "object" || error === null || !Object.isExtensible(error)) {
    carrier = new Error(`a value that is not an extensible error was thrown: ${String(error)}`, { cause: error });
  }
  const held = carrier as { [SUPPRESSED]?: unknown[] };
  if (held[SUPPRESSED] === undefined) {
    Object.defineProperty(held, SUPPRESSED, { value: [], enumerable: true, configurable: true, writable: true });
  }
  const list = held[SUPPRESSED] as unknown[];
  for (const one of fresh) if (!list.includes(one)) list.push(one);
  return carrier;
}

/**
 * What joining a cancelled task throws, and what `group` throws when its body was unwound by its own cancel. For the
 * one who receives it this is an ordinary error: the cancellation itself is never an exception.
 *
 * @example
 * ```ts
 * import { CancelledError, group, run, sleep } from "rondo";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const task = g.spawn(sleep(1000));
 *     task.cancel("enough");
 *     try {
 *       yield* task;
 *     } catch (error) {
 *       if (error instanceof CancelledError) console.log(error.reason); // prints: enough
 *     }
 *   }),
 * );
 * ```
 */
export class CancelledError extends Error {
  override readonly name: string = "CancelledError";
  /** What was given to `cancel(reason)`. */
  readonly reason: unknown;
  /** Where `cancel()` was called: a short stack, or undefined for timers and the runtime's own cancels. */
  readonly origin: string | undefined;

  constructor(message: string, reason?: unknown, origin?: string) {
    super(message, reason instanceof Error ? { cause: reason } : undefined);
    this.reason = reason;
    this.origin = origin;
  }
}

/**
 * Thrown by `timeout` and `deadline` when their time is over; it names its scope.
 *
 * @example
 * ```ts
 * import { run, sleep, timeout, TimeoutError } from "rondo";
 *
 * try {
 *   await run(() => timeout(5, sleep(1000), { name: "answer" }));
 * } catch (error) {
 *   console.log(error instanceof TimeoutError, (error as Error).message); // prints: true answer: not done within 5 ms
 * }
 * ```
 */
export class TimeoutError extends Error {
  override readonly name: string = "TimeoutError";
  /** The name of the scope whose time was over. */
  readonly scope: string;
  /** The time it had, in ms; undefined for an absolute deadline. */
  readonly ms: number | undefined;

  constructor(scope: string, ms?: number) {
    super(ms === undefined ? `${scope}: the deadline has passed` : `${scope}: not done within ${ms} ms`);
    this.scope = scope;
    this.ms = ms;
  }
}

/**
 * You used something that you, or its owner on your side, had closed.
 *
 * @example
 * ```ts
 * import { Channel, ClosedError, run } from "rondo";
 *
 * const channel = new Channel<number>(1);
 * channel.close();
 * try {
 *   await run(() => channel.send(1));
 * } catch (error) {
 *   console.log(error instanceof ClosedError); // prints: true
 * }
 * ```
 */
export class ClosedError extends Error {
  override readonly name: string = "ClosedError";
}

/**
 * The other side is gone: the receiver of a channel, the peer of a socket, the holder of a lock that ended with it.
 *
 * @example
 * ```ts
 * import { BrokenError, Channel, run } from "rondo";
 *
 * const channel = new Channel<number>(0);
 * channel.receiver.close();
 * try {
 *   await run(() => channel.send(1));
 * } catch (error) {
 *   console.log(error instanceof BrokenError); // prints: true
 * }
 * ```
 */
export class BrokenError extends Error {
  override readonly name: string = "BrokenError";
}

/**
 * Two tasks tried at once what only one may do.
 *
 * @example
 * ```ts
 * import { BusyError } from "rondo";
 *
 * console.log(new BusyError("two readers at once").name); // prints: BusyError
 * ```
 */
export class BusyError extends Error {
  override readonly name: string = "BusyError";
}

/**
 * Every task waits for another one and nothing from outside can wake any. The message lists each task with the line
 * on which it waits, and who waits for whom.
 *
 * @example
 * ```ts
 * import { DeadlockError, Gate, run } from "rondo";
 *
 * const gate = new Gate();
 * try {
 *   await run(() => gate.wait());
 * } catch (error) {
 *   console.log(error instanceof DeadlockError); // prints: true
 * }
 * ```
 */
export class DeadlockError extends Error {
  override readonly name: string = "DeadlockError";
}

/**
 * A cleanup was still waiting when its grace was over, and that wait was ended. The stack is that of the wait. It is
 * found among the `suppressed()` of what the boundary throws, or is what it throws.
 *
 * @example
 * ```ts
 * import { GraceError, group, run, sleep, suppressed } from "rondo";
 *
 * function* stubborn() {
 *   try {
 *     yield* sleep(1000);
 *   } finally {
 *     yield* sleep(60_000);
 *   }
 * }
 * try {
 *   await run(() =>
 *     group(
 *       function* (g) {
 *         g.spawn(stubborn());
 *         yield* sleep(1);
 *         g.cancel();
 *       },
 *       { grace: 10 },
 *     ),
 *   );
 * } catch (error) {
 *   console.log(error instanceof GraceError); // prints: true
 * }
 * ```
 */
export class GraceError extends Error {
  override readonly name: string = "GraceError";
}
