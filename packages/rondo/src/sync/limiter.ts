/**
 * The limiter: tokens that belong to borrowers. Where a semaphore counts, a limiter knows who has borrowed, so a token
 * cannot be given back by somebody who has none, nor twice; and its size can be changed while it is in use.
 *
 * The borrower is the running task unless you name another object. That is for work that outlives the task that began
 * it: a token for a thread is borrowed by the thread's job and comes back when the job has really ended, even if the
 * caller has left long ago. The idea is trio's `CapacityLimiter`.
 */
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { type Coroutine, defineKind, grant, sharedWait, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Hold, operationOf, runningTask } from "./lock.ts";

const LIMITER = defineKind({
  label: "limiter",
  poll(wait) {
    const limiter = wait.on as Limiter;
    return limiter.take((wait.arg as object | undefined) ?? runningTask(limiter, "acquire"));
  },
  begin(wait) {
    (wait.on as Limiter).join(wait);
  },
  abort(wait) {
    (wait.on as Limiter).withdraw(wait);
    return true;
  },
});

/** For whom a wait borrows: whoever was named, else the task that waits. */
function borrowerOf(wait: Wait): object {
  return (wait.arg as object | undefined) ?? ((wait.waiter as Waiter).owner as object);
}

/** What {@link Limiter.statistics} gives. */
export interface LimiterStatistics {
  readonly total: number;
  readonly borrowed: number;
  /** Tokens that are free; 0 where more are borrowed than there are since it was made smaller. */
  readonly available: number;
  readonly borrowers: readonly object[];
  readonly waiters: number;
}

/**
 * At most `total` borrowers at a time, first in first out; `total` may change. (trio's `CapacityLimiter`.)
 *
 * @example
 * ```ts
 * import { all, Limiter, run, sleep, VirtualHost } from "rondo";
 *
 * const downloads = new Limiter(1, { name: "downloads" });
 * function* download(name: string) {
 *   using _token = yield* downloads.hold();
 *   yield* sleep(10);
 *   console.log(name, downloads.statistics().waiters, "waiting");
 * }
 * function* widen() {
 *   yield* sleep(5);
 *   downloads.total = 3;
 * }
 * await run(() => all([download("a"), download("b"), download("c"), widen()]), { host: new VirtualHost() });
 * // prints: a 0 waiting
 * // prints: b 0 waiting
 * // prints: c 0 waiting
 * ```
 */
export class Limiter {
  readonly name: string;
  private size: number;
  private readonly borrowers: Set<object>;
  /** Those who stand in line: nobody may stand there twice. */
  private readonly pending: Set<object>;
  private readonly waiters: WaitQueue;
  private readonly shared: Wait<void>;

  /** Throws a `RangeError` where `total` is neither a whole number of 0 or more nor Infinity. */
  constructor(total: number, options: { readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "";
    this.size = checkTotal(total);
    this.borrowers = new Set();
    this.pending = new Set();
    this.waiters = new WaitQueue();
    this.shared = sharedWait<void>(LIMITER, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /**
   * How many tokens there are. Making it larger lets waiting tasks go on at once; making it smaller takes nothing from
   * anybody, but lets nobody in until enough have come back.
   */
  get total(): number {
    return this.size;
  }

  set total(total: number) {
    this.size = checkTotal(total);
    this.letGo();
  }

  /** How many tokens are borrowed. */
  get borrowed(): number {
    return this.borrowers.size;
  }

  /** How many tokens are free. */
  get available(): number {
    return Math.max(0, this.size - this.borrowers.size);
  }

  /**
   * Waits for a token, for the running task or for `borrower`. A switch point only when there is none. Throws where the
   * borrower has one already, or waits for one.
   */
  acquire(borrower?: object): Wait<void> {
    return borrower === undefined ? this.shared : new Wait<void>(LIMITER, this, borrower);
  }

  /** Takes a token if one is free and nobody waits. Never waits. */
  tryAcquire(borrower?: object): boolean {
    return this.take(borrower ?? runningTask(this, "tryAcquire"));
  }

  /** Gives the token of the running task, or of `borrower`, back: the first in line gets it. Throws where it has none. Not a switch point. */
  release(borrower?: object): void {
    const who = borrower ?? runningTask(this, "release");
    if (!this.borrowers.delete(who)) {
      throw new Error(`${this.title} was given back a token by ${describeBorrower(who)}, which has borrowed none`);
    }
    if (kernel.tap !== null) tell("released", this, kernel.current);
    this.letGo();
  }

  /** Runs `body` with a token. */
  *with<T>(body: Body<T>, borrower?: object): Coroutine<T> {
    const who = borrower ?? runningTask(this, "with");
    yield* this.acquire(who);
    try {
      return yield* operationOf(body);
    } finally {
      this.release(who);
    }
  }

  /** Takes a token for a block: `using token = yield* limiter.hold()`. */
  *hold(borrower?: object): Coroutine<Hold> {
    const who = borrower ?? runningTask(this, "hold");
    yield* this.acquire(who);
    return new Hold(() => this.release(who));
  }

  /** How many tokens there are, who has borrowed them, and how many wait. */
  statistics(): LimiterStatistics {
    return {
      total: this.size,
      borrowed: this.borrowers.size,
      available: this.available,
      borrowers: [...this.borrowers],
      waiters: this.waiters.length,
    };
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "the limiter" : `the limiter "${this.name}"`;
  }

  // ---- for its waits ------------------------------------------------------------------------------------------------

  /** @internal Borrows a token if that passes nobody by. */
  take(borrower: object): boolean {
    if (this.borrowers.has(borrower)) {
      throw new Error(`${describeBorrower(borrower)} has borrowed a token of ${this.title} already: one each`);
    }
    // A token that is free is one that nobody waits for: each is handed over the moment it comes back.
    if (this.borrowers.size >= this.size) return false;
    this.lend(borrower, kernel.current);
    return true;
  }

  private lend(borrower: object, task: object | null): void {
    this.borrowers.add(borrower);
    if (kernel.tap !== null) tell("acquired", this, task);
  }

  /** @internal */
  join(wait: Wait): void {
    const borrower = borrowerOf(wait);
    if (this.pending.has(borrower)) {
      throw new Error(`${describeBorrower(borrower)} waits for a token of ${this.title} already: one each`);
    }
    this.pending.add(borrower);
    this.waiters.push(wait);
  }

  /** @internal */
  withdraw(wait: Wait): void {
    this.waiters.remove(wait);
    this.pending.delete(borrowerOf(wait));
  }

  private letGo(): void {
    while (this.borrowers.size < this.size) {
      const wait = this.waiters.shift();
      if (wait === null) return;
      const borrower = borrowerOf(wait);
      this.pending.delete(borrower);
      this.lend(borrower, (wait.waiter as Waiter).owner as object);
      grant(wait, undefined);
    }
  }
}

function describeBorrower(borrower: object): string {
  const name: unknown = (borrower as { name?: unknown }).name;
  return typeof name === "string" && name !== "" ? `"${name}"` : "a borrower";
}

function checkTotal(total: number): number {
  if (total !== Infinity && (!Number.isInteger(total) || total < 0)) {
    throw new RangeError(`a limiter takes a whole number of tokens, 0 or more, or Infinity, not ${String(total)}`);
  }
  return total;
}
