/**
 * The latch: a number that counts down, and those who wait for it to reach 0. It opens once and stays open. (Java's
 * `CountDownLatch`, Go's `WaitGroup` without the counting up.)
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, sharedWait, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";

const LATCH = defineKind({
  label: "latch",
  open(shared) {
    if (kernel.fuel > 0 && (shared.on as Latch).count === 0) {
      kernel.fuel--;
      return shared;
    }
    return new Wait(LATCH, shared.on, undefined);
  },
  poll: (wait) => (wait.on as Latch).count === 0,
  begin(wait) {
    (wait.on as Latch).waiters.push(wait);
  },
});

/** What {@link Latch.statistics} gives. */
export interface LatchStatistics {
  /** How often it is still to be counted down. */
  readonly count: number;
  readonly waiters: number;
}

/**
 * Waits until something has happened `count` times. (Java's `CountDownLatch`.)
 *
 * @example
 * ```ts
 * import { group, Latch, now, run, sleep, VirtualHost } from "rondo";
 *
 * const warm = new Latch(3);
 * function* cache(ms: number) {
 *   yield* sleep(ms);
 *   warm.countDown();
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       for (const ms of [30, 10, 20]) g.spawn(cache(ms));
 *       yield* warm.wait();
 *       console.log("all warm at", now()); // prints: all warm at 30
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export class Latch {
  readonly name: string;
  /** How often it is still to be counted down. */
  count: number;
  /** @internal */
  readonly waiters: WaitQueue;
  private readonly shared: Wait<void>;

  /** Throws a `RangeError` where `count` is no whole number of 0 or more. With 0 it is open from the start. */
  constructor(count: number, options: { readonly name?: string | undefined } = {}) {
    if (!Number.isInteger(count) || count < 0) {
      throw new RangeError(`a latch takes a whole number, 0 or more, not ${String(count)}`);
    }
    this.name = options.name ?? "";
    this.count = count;
    this.waiters = new WaitQueue();
    this.shared = sharedWait<void>(LATCH, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Whether it has been counted down to 0. */
  get isOpen(): boolean {
    return this.count === 0;
  }

  /** Waits until the count is 0. A switch point only while it is not. */
  wait(): Wait<void> {
    return this.shared;
  }

  /** Counts down by `by`; at 0 everyone goes. Throws a `RangeError` below 0. Not a switch point. */
  countDown(by: number = 1): void {
    const title = this.name === "" ? "the latch" : `the latch "${this.name}"`;
    if (!Number.isInteger(by) || by < 1)
      throw new RangeError(`${title} counts down by whole numbers, not by ${String(by)}`);
    if (by > this.count) {
      throw new RangeError(`${title} was counted down below 0: by ${by}, and only ${this.count} were left`);
    }
    this.count -= by;
    if (this.count === 0) this.waiters.unpark(Infinity);
  }

  /** The count, and how many wait. */
  statistics(): LatchStatistics {
    return { count: this.count, waiters: this.waiters.length };
  }
}
