/**
 * What a pool is told, and what it tells: its options, its events, its figures.
 */
import type { Operation } from "../coroutine/wait.ts";

/** How a {@link pool} makes connections, keeps them and lets go of them. Times are in ms. */
export interface PoolOptions<C> {
  /** Makes a connection, ready for use. Runs in a task of the pool's own. For a time limit put a `timeout` into it. */
  readonly create: () => Operation<C>;
  /**
   * Gives a connection up. Called once for each that was made, and protected from cancellation. Without it, the connection
   * is disposed of by its `Symbol.asyncDispose` or `Symbol.dispose`.
   */
  readonly destroy?: ((connection: C) => Operation<unknown> | void) | undefined;
  /**
   * Whether a connection is good for another use. Asked before one is lent that has been idle for `checkAfter`, and after a
   * use that failed or was cancelled. What it throws is a no. Without it an idle connection is taken to be good, and one
   * whose use failed or was cancelled is destroyed.
   */
  readonly check?: ((connection: C) => Operation<boolean> | boolean) | undefined;
  /** How long a connection is idle before `check` is asked. By default 1,000; 0 for each time. */
  readonly checkAfter?: number | undefined;
  /** How many connections there are at most, those included that are being made or destroyed. */
  readonly max: number;
  /** How many are made and kept without anybody asking for them. By default 0. */
  readonly min?: number | undefined;
  /** How many are being made at the same time, so that a burst does not become a storm. By default 2. */
  readonly maxConnecting?: number | undefined;
  /** A connection that has been idle for so long is destroyed. By default Infinity. */
  readonly idle?: number | undefined;
  /** A connection that is so old is destroyed, when nobody uses it. By default Infinity. */
  readonly maxLifetime?: number | undefined;
  /** How long one may stand in line for a connection. By default Infinity. */
  readonly waitTimeout?: number | undefined;
  /** How many may stand in line beyond those for whom a connection is being made. By default Infinity. */
  readonly maxWaiting?: number | undefined;
  /** A `destroy` that takes longer is cancelled: a peer that does not answer must not keep the place. By default 5,000. */
  readonly destroyTimeout?: number | undefined;
  /** For errors, events and snapshots. By default `pool`. */
  readonly name?: string | undefined;
  /** Hears of each step, in order. It must not wait; what it throws is reported. */
  readonly onEvent?: ((event: PoolEvent) => void) | undefined;
}

/** Why a connection was destroyed. */
export type PoolDestroyReason =
  /** It was idle for too long. */
  | "idle"
  /** It was too old. */
  | "lifetime"
  /** The pool was cleared since it was made. */
  | "stale"
  /** Its user said so. */
  | "broken"
  /** Its use failed or was cancelled, and there is no `check` to ask. */
  | "unfinished"
  /** `check` said no. */
  | "check"
  /** The pool was closed. */
  | "closed";

/** Why somebody got no connection. */
export type PoolRefusal = "failed" | "timeout" | "cleared" | "closed" | "full" | "cancelled";

/** One step of a pool. `connection` counts the connections of a pool from 1; times are in ms. */
export type PoolEvent =
  | { readonly type: "ready" }
  | { readonly type: "cleared"; readonly generation: number; readonly cause: unknown }
  | { readonly type: "closed" }
  | { readonly type: "connecting"; readonly connection: number }
  /** It took `ms` to make it. */
  | { readonly type: "connected"; readonly connection: number; readonly ms: number }
  | { readonly type: "failed"; readonly connection: number; readonly ms: number; readonly error: unknown }
  /** Nobody wants it any more: the pool was cleared or closed while it was being made. */
  | { readonly type: "abandoned"; readonly connection: number; readonly ms: number }
  /** Somebody stands in line. */
  | { readonly type: "waiting" }
  /** He waited for `ms`. */
  | { readonly type: "lent"; readonly connection: number; readonly ms: number }
  | { readonly type: "refused"; readonly reason: PoolRefusal; readonly ms: number }
  /** It was out for `ms`. */
  | { readonly type: "returned"; readonly connection: number; readonly ms: number }
  /** With the error of `destroy`, where that failed or took too long. */
  | {
      readonly type: "destroyed";
      readonly connection: number;
      readonly reason: PoolDestroyReason;
      readonly error: unknown;
    };

/** What `pool.statistics()` gives. */
export interface PoolStatistics {
  readonly state: "ready" | "paused" | "closed";
  /** How often the pool has been cleared. */
  readonly generation: number;
  /** All that there are: the sum of the next five. */
  readonly total: number;
  readonly idle: number;
  readonly lent: number;
  readonly connecting: number;
  readonly checking: number;
  /** Being destroyed, or about to be. */
  readonly leaving: number;
  readonly waiters: number;
  /** Since the pool was opened. */
  readonly created: number;
  readonly failed: number;
  readonly destroyed: number;
}
