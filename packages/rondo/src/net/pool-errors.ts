/**
 * What those get who get no connection because there are none to be had now, or any more.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";

/**
 * The pool was cleared while you waited, or is paused since: the connections that there were are of no use any more. Worth
 * another try, when what was wrong is right again. The `cause` is what was given to `clear()`.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { pool, PoolClearedError } from "rondo/net";
 *
 * await run(() =>
 *   group(function* () {
 *     const p = yield* pool({ create: function* () {}, max: 1, name: "db" });
 *     p.clear(new Error("failover"));
 *     try {
 *       yield* p.acquire();
 *     } catch (error) {
 *       console.log(error instanceof PoolClearedError, String((error as Error).cause)); // prints: true Error: failover
 *     }
 *     p.ready();
 *     using lease = yield* p.acquire();
 *     console.log(lease.id); // prints: 1
 *   }),
 * );
 * ```
 */
export class PoolClearedError extends BrokenError {
  override readonly name: string = "PoolClearedError";

  constructor(message: string, cause: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** For those who wait, or come, while the pool is paused. */
export function clearedError(name: string, cause: unknown): () => PoolClearedError {
  const message = `the pool "${name}" was cleared, and gives no connections before ready() is called`;
  return () => new PoolClearedError(message, cause);
}

/** For those who wait, or come, when it is closed, or has nobody any more to make connections. */
export function closedError(name: string, closed: boolean): () => ClosedError {
  const why = closed
    ? "is closed"
    : "makes no more connections: the tasks of the group in which it was opened have ended, or were cancelled";
  return () => new ClosedError(`the pool "${name}" ${why}`);
}
