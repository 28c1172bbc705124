/**
 * A connection of a pool, seen from both sides: what the pool knows of it, and what its user holds.
 */
import type { Wait } from "../coroutine/wait.ts";
import type { Task } from "../task/task.ts";
import type { PoolDestroyReason } from "./pool-options.ts";

export const CONNECTING = 0;
export const CHECKING = 1;
export const IDLE = 2;
export const LENT = 3;
/** To be destroyed, or being destroyed: nobody gets it any more. */
export const LEAVING = 4;

/** A connection, and where it stands. */
export class Member<C> {
  readonly id: number;
  /** The pool's when it was begun: where they differ, the pool has been cleared since. */
  readonly generation: number;
  state: number;
  connection: C | undefined;
  /** When it was begun, and from `connected` on since when it can be used, in ms of the loop's clock. */
  born: number;
  /** Since when it is idle, or lent, in ms of the loop's clock. */
  since: number;
  /** While it is being made or checked: the first in line for whom nothing else is. */
  wait: Wait | null;
  /** Whoever makes or checks it. */
  task: Task | null;
  lease: Lease<C> | null;
  /** Why it leaves. */
  reason: PoolDestroyReason | null;
  /** Its `destroy` has been called. */
  destroying: boolean;

  constructor(id: number, generation: number, now: number) {
    this.id = id;
    this.generation = generation;
    this.state = CONNECTING;
    this.connection = undefined;
    this.born = now;
    this.since = now;
    this.wait = null;
    this.task = null;
    this.lease = null;
    this.reason = null;
    this.destroying = false;
  }
}

/** In what state a connection comes back. */
export const GOOD = 0;
export const SUSPECT = 1;
export const BROKEN = 2;

/** What a lease needs of its pool. */
export interface Lender<C> {
  /** Takes a lent connection back. */
  takeBack(member: Member<C>, how: number): void;
}

/**
 * A connection that is yours until you give it back, once: at the end of the block with `using`, or by `release()`,
 * `suspect()` or `broken()`. A second time does nothing.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { pool } from "rondo/net";
 *
 * await run(() =>
 *   group(function* () {
 *     let made = 0;
 *     const p = yield* pool({
 *       *create() {
 *         return `connection ${++made}`;
 *       },
 *       max: 2,
 *     });
 *     for (let i = 0; i < 2; i++) {
 *       using lease = yield* p.acquire();
 *       console.log(lease.connection);
 *       if (i === 0) lease.broken(); // the next one gets another
 *     }
 *   }),
 * );
 * // prints: connection 1
 * // prints: connection 2
 * ```
 */
export class Lease<C> implements Disposable {
  readonly connection: C;
  private readonly lender: Lender<C>;
  private readonly member: Member<C>;
  /** @internal Given back, or taken away. */
  over: boolean;

  /** @internal */
  constructor(lender: Lender<C>, member: Member<C>) {
    this.connection = member.connection as C;
    this.lender = lender;
    this.member = member;
    this.over = false;
  }

  /** Counts the connections of the pool from 1. */
  get id(): number {
    return this.member.id;
  }

  /** Gives it back, for whoever comes next. Not a switch point. */
  release(): void {
    this.end(GOOD);
  }

  /** Gives it back, to be checked before anybody else gets it; destroyed where the pool has no `check`. Not a switch point. */
  suspect(): void {
    this.end(SUSPECT);
  }

  /** Gives it back to be destroyed. Not a switch point. */
  broken(): void {
    this.end(BROKEN);
  }

  [Symbol.dispose](): void {
    this.end(GOOD);
  }

  private end(how: number): void {
    if (this.over) return;
    this.over = true;
    this.lender.takeBack(this.member, how);
  }
}
