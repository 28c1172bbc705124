/**
 * The rate limiter: so many at once, and then so many per interval, evenly spread.
 *
 * It is a token bucket, kept not as a count of tokens but as the time at which the bucket will be full again (the
 * "generic cell rate algorithm" of ATM networks, ITU-T I.371). Nothing runs while nobody waits, and the time of the next
 * token is computed once and compared with itself: a count that is topped up by fractions falls short of 1 by a rounding
 * error, and a timer for the rest of it would never come to an end.
 *
 * A token is taken when a task goes on and not when it comes, so one that is cancelled in line costs nothing.
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import { checkMs, currentLoop } from "../loop/sleep.ts";

const RATE = defineKind({
  label: "rate limit",
  poll: (wait) => (wait.on as RateLimiter).take(wait.arg as number),
  begin(wait) {
    (wait.on as RateLimiter).join(wait);
  },
  abort(wait) {
    (wait.on as RateLimiter).withdraw(wait);
    return true;
  },
});

/** What {@link RateLimiter.statistics} gives. */
export interface RateLimiterStatistics {
  /** How many could go now, as of the time at which the limiter was used last. */
  readonly available: number;
  readonly waiters: number;
}

/**
 * Lets `count` go per `interval` ms, first in first out, and up to `burst` at once after a time of rest. At first the
 * bucket is full. In any stretch of time no more go than the burst and what comes in it. (The token bucket.)
 *
 * @example
 * ```ts
 * import { now, RateLimiter, run, VirtualHost } from "rondo";
 *
 * const polite = new RateLimiter(10, 1000, { burst: 2 }); // 10 per second, at most 2 at once
 * await run(
 *   function* () {
 *     const times: number[] = [];
 *     for (let i = 0; i < 5; i++) {
 *       yield* polite.acquire();
 *       times.push(now());
 *     }
 *     console.log(times); // prints: [ 0, 0, 100, 200, 300 ]
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export class RateLimiter {
  readonly name: string;
  /** How many may go per interval. */
  readonly count: number;
  /** In ms. */
  readonly interval: number;
  /** How many may go at once after a time of rest. */
  readonly burst: number;
  /** One token takes so long to come, in ms. */
  private readonly pace: number;
  /** When the bucket is full again, in ms of the loop's clock: the fewer tokens, the later. */
  private fullAt: number;
  private readonly waiters: WaitQueue;
  /** The loop whose clock counts: that of the last user, and of the timer while one is set. */
  private loop: Loop | null;
  /** @internal Its place in the timer heap: it is its own timer. */
  slot: number;

  /** Throws a `RangeError` where `count` or `burst` is no whole number of 1 or more, or `interval` is not above 0. */
  constructor(
    count: number,
    interval: number,
    options: { readonly burst?: number | undefined; readonly name?: string | undefined } = {},
  ) {
    const burst = options.burst ?? count;
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`a rate limiter takes a whole number per interval, 1 or more, not ${String(count)}`);
    }
    if (!Number.isInteger(burst) || burst < 1) {
      throw new RangeError(`a rate limiter takes a burst that is a whole number, 1 or more, not ${String(burst)}`);
    }
    if (checkMs(interval, "the interval of a rate limiter") === 0 || interval === Infinity) {
      throw new RangeError(`a rate limiter takes an interval in ms that is above 0 and finite, not ${interval}`);
    }
    this.name = options.name ?? "";
    this.count = count;
    this.interval = interval;
    this.burst = burst;
    this.pace = interval / count;
    this.fullAt = -Infinity;
    this.waiters = new WaitQueue();
    this.loop = null;
    this.slot = -1;
    if (kernel.tap !== null) tell("created", this);
  }

  /**
   * Waits until one may go, or `tokens` at once. A switch point only when it must wait. Throws a `RangeError` where
   * `tokens` is more than the burst: they would never come together.
   */
  acquire(tokens: number = 1): Wait<void> {
    return new Wait<void>(RATE, this, this.checkTokens(tokens));
  }

  /** Goes if it may go now, and nobody waits. Never waits. */
  tryAcquire(tokens: number = 1): boolean {
    return this.take(this.checkTokens(tokens));
  }

  /** How many could go now, and how many wait. */
  statistics(): RateLimiterStatistics {
    const behind = this.loop === null ? 0 : Math.max(0, this.fullAt - this.loop.now());
    return { available: Math.max(0, Math.floor(this.burst - behind / this.pace)), waiters: this.waiters.length };
  }

  private checkTokens(tokens: number): number {
    if (!Number.isInteger(tokens) || tokens < 1 || tokens > this.burst) {
      const title = this.name === "" ? "the rate limiter" : `the rate limiter "${this.name}"`;
      throw new RangeError(`${title} gives 1 to ${this.burst} at once (its burst), not ${String(tokens)}`);
    }
    return tokens;
  }

  // ---- for its waits ------------------------------------------------------------------------------------------------

  /** @internal Takes tokens for the running task, if that passes nobody by. */
  take(tokens: number): boolean {
    const loop = currentLoop("the acquire() of a rate limiter");
    if (this.waiters.length > 0) return false;
    this.loop = loop;
    return this.spend(tokens, loop.now());
  }

  /** When so many will be there, if the bucket is not full before. */
  private readyAt(tokens: number): number {
    return this.fullAt + (tokens - this.burst) * this.pace;
  }

  private spend(tokens: number, now: number): boolean {
    if (this.readyAt(tokens) > now) return false;
    this.fullAt = Math.max(this.fullAt, now) + tokens * this.pace;
    return true;
  }

  /** @internal */
  join(wait: Wait): void {
    this.waiters.push(wait);
    if (this.waiters.head === wait) this.letGo();
  }

  /** @internal Who stood behind it may need fewer tokens. */
  withdraw(wait: Wait): void {
    const first = this.waiters.head === wait;
    this.waiters.remove(wait);
    if (first) this.letGo();
  }

  /** Lets those go who may, and sets the timer for the next one. */
  private letGo(): void {
    this.disarm();
    for (let wait = this.waiters.head; wait !== null; wait = this.waiters.head) {
      const loop = (wait.waiter as Waiter).loop as Loop;
      const tokens = wait.arg as number;
      this.loop = loop;
      if (!this.spend(tokens, loop.now())) {
        const at = this.readyAt(tokens);
        loop.timers.set(this, at);
        if (kernel.tap !== null) tell("timerSet", this, at);
        return;
      }
      this.waiters.remove(wait);
      grant(wait, undefined);
    }
  }

  private disarm(): void {
    if (this.slot !== -1) this.loop?.timers.remove(this);
  }

  /** @internal The next token has come. */
  fire(): void {
    if (kernel.tap !== null) tell("timerFired", this);
    this.letGo();
  }
}
