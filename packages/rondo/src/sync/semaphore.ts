/**
 * The semaphore: a number of permits. Release hands a permit directly to the first in line, so a permit is never up for
 * grabs while somebody waits (gh-90155: barging let waiters starve), and is never lost with a waiter that is cancelled.
 */
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { type Coroutine, defineKind, grant, sharedWait, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Hold, operationOf } from "./lock.ts";

const SEMAPHORE = defineKind({
  label: "semaphore",
  open(shared) {
    const semaphore = shared.on as Semaphore;
    if (kernel.fuel > 0 && semaphore.available > 0) {
      kernel.fuel--;
      semaphore.tryAcquire();
      return shared;
    }
    return new Wait(SEMAPHORE, semaphore, undefined);
  },
  poll(wait) {
    return (wait.on as Semaphore).tryAcquire();
  },
  begin(wait) {
    (wait.on as Semaphore).waiters.push(wait);
  },
});

/** What a semaphore tells about itself. */
export interface SemaphoreStatistics {
  /** Permits that are free. */
  readonly available: number;
  /** Permits in all. */
  readonly permits: number;
  readonly waiters: number;
}

/**
 * At most `permits` at a time, first in first out.
 *
 * @example
 * ```ts
 * import { all, run, Semaphore, sleep, VirtualHost } from "rondo";
 *
 * const connections = new Semaphore(2);
 * let open = 0;
 * let most = 0;
 * function* request() {
 *   yield* connections.with(function* () {
 *     most = Math.max(most, ++open);
 *     yield* sleep(10);
 *     open--;
 *   });
 * }
 * await run(() => all([request(), request(), request(), request()]), { host: new VirtualHost() });
 * console.log(most); // prints: 2
 * ```
 */
export class Semaphore {
  readonly name: string;
  readonly permits: number;
  available: number;
  readonly waiters: WaitQueue;
  private readonly acquireWait: Wait<void>;

  /** Throws a `RangeError` where `permits` is no whole number of 1 or more. */
  constructor(permits: number, options: { readonly name?: string } = {}) {
    if (!Number.isInteger(permits) || permits < 1) {
      throw new RangeError(`a semaphore takes a whole number of permits, 1 or more, not ${String(permits)}`);
    }
    this.name = options.name ?? "";
    this.permits = permits;
    this.available = permits;
    this.waiters = new WaitQueue();
    this.acquireWait = sharedWait<void>(SEMAPHORE, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Waits for a permit. A switch point only when there is none. */
  acquire(): Wait<void> {
    return this.acquireWait;
  }

  /** Takes a permit if there is one. Never waits. */
  tryAcquire(): boolean {
    if (this.available === 0) return false;
    this.available--;
    if (kernel.tap !== null) tell("acquired", this, kernel.current);
    return true;
  }

  /** Gives a permit back: to the first in line, if there is one. Throws where all are back already. Not a switch point. */
  release(): void {
    if (kernel.tap !== null) tell("released", this, kernel.current);
    const wait = this.waiters.shift();
    if (wait !== null) {
      if (kernel.tap !== null) tell("acquired", this, (wait.waiter as Waiter).owner as object);
      grant(wait, undefined);
      return;
    }
    if (this.available === this.permits) {
      const title = this.name === "" ? "the semaphore" : `the semaphore "${this.name}"`;
      throw new Error(
        `${title} was released more often than it was acquired: all ${this.permits} permits are back already`,
      );
    }
    this.available++;
  }

  /** Runs `body` with a permit. */
  *with<T>(body: Body<T>): Coroutine<T> {
    yield* this.acquire();
    try {
      return yield* operationOf(body);
    } finally {
      this.release();
    }
  }

  /** Takes a permit for a block: `using permit = yield* semaphore.hold()`. */
  *hold(): Coroutine<Hold> {
    yield* this.acquire();
    return new Hold(() => this.release());
  }

  statistics(): SemaphoreStatistics {
    return { available: this.available, permits: this.permits, waiters: this.waiters.length };
  }
}
