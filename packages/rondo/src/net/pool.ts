/**
 * The pool: connections that are made when they are needed, used by one at a time, and kept for the next.
 *
 * It follows MongoDB's "Connection Monitoring and Pooling" specification and PyMongo's way of doing it, with one
 * difference that coroutines allow: connections are made, checked and destroyed by tasks of the pool's own (pool-crew.ts), and
 * whoever wants one only ever stands in one line (pool-line.ts); pool-core.ts decides. So a waiter who leaves takes nothing with him: the connection
 * that was being made for him goes to the next in line, and callers with little time do not keep each other from ever
 * finishing a handshake.
 *
 * The order of things:
 * - First come, first served; the connection that was used last is lent first, so that the others can grow idle and go.
 * - Whatever comes (made, returned, checked) goes to the first in line. A failure to connect goes to the one for whom the
 *   connection was being made, and to nobody where he has gone.
 * - `clear()` makes all that there are stale at once, by a number: none of them has to be found first.
 */
import type { Coroutine } from "../coroutine/wait.ts";
import { currentLoop } from "../loop/sleep.ts";
import { Pool } from "./pool-core.ts";
import type { PoolOptions } from "./pool-options.ts";
import { settled } from "./pool-settings.ts";

/**
 * Opens a pool of connections, which is closed at the end of the current scope (or group, or task): then all that it made
 * are destroyed, whoever has them. Makes `min` connections at once in the background, the others when they are needed. Not
 * a switch point.
 *
 * Its tasks belong to the group around. From when that is cancelled, or its other tasks have ended, no connection is made
 * any more; those that there are go on serving cleanup.
 *
 * Throws a `TypeError` or a `RangeError` where an option makes no sense. The model is PyMongo's pool, which follows
 * MongoDB's specification "Connection Monitoring and Pooling".
 *
 * @example
 * ```ts
 * import { all, group, run, sleep, VirtualHost } from "rondo";
 * import { pool } from "rondo/net";
 *
 * function* main() {
 *   let made = 0;
 *   const connections = yield* pool({
 *     *create() {
 *       yield* sleep(50);
 *       return { name: `c${++made}` };
 *     },
 *     destroy: ({ name }) => console.log("destroyed", name),
 *     max: 2,
 *     name: "database",
 *   });
 *   const ask = (what: string) =>
 *     connections.with(function* ({ name }) {
 *       yield* sleep(10);
 *       console.log(name, what);
 *     });
 *   yield* all([ask("a"), ask("b"), ask("c")]);
 *   console.log(connections.statistics().idle);
 * }
 * await run(() => group(main), { host: new VirtualHost() });
 * // prints: c1 a
 * // prints: c2 b
 * // prints: c1 c
 * // prints: 2
 * // prints: destroyed c2
 * // prints: destroyed c1
 * ```
 */
export function* pool<C>(options: PoolOptions<C>): Coroutine<Pool<C>> {
  return new Pool<C>(settled(options), currentLoop("pool()"));
}
