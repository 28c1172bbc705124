/** A clock that ticks, as a flow. */
import { ClosedError } from "../coroutine/errors.ts";
import { type Coroutine, defineKind, PARKED, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import { checkMs, currentLoop } from "../loop/sleep.ts";
import { Flow } from "./flow.ts";
import { NOT_YET, type Source } from "./flow-source.ts";

const TICK = defineKind({
  label: "interval",
  begin(wait) {
    const ticks = wait.on as Ticks;
    ticks.waiting.push(wait);
    loopOf(wait).timers.set(wait, ticks.nextAt);
  },
  abort: leave,
});

function loopOf(wait: Wait): Loop {
  return (wait.waiter as Waiter).loop as Loop;
}

function leave(wait: Wait): boolean {
  (wait.on as Ticks).waiting.remove(wait);
  loopOf(wait).timers.remove(wait);
  return true;
}

class Ticks implements Source<number> {
  private readonly ms: number;
  private start: number | undefined;
  private last: number;
  /** Those who wait for the next tick, to be told when the flow is closed. */
  readonly waiting: WaitQueue;

  constructor(ms: number) {
    this.ms = ms;
    this.start = undefined;
    this.last = 0;
    this.waiting = new WaitQueue();
  }

  /** When the next tick is due, from the start and not from the tick before: so nothing adds up. */
  get nextAt(): number {
    return (this.start as number) + (this.last + 1) * this.ms;
  }

  take(): number | typeof NOT_YET {
    const now = currentLoop("interval()").now();
    this.start ??= now;
    if (now < this.nextAt) return NOT_YET;
    this.last = Math.max(this.last + 1, Math.floor((now - this.start) / this.ms));
    return this.last;
  }

  *ready(): Coroutine<void> {
    const wait = new Wait<void>(TICK, this, undefined);
    try {
      yield* wait;
    } finally {
      this.waiting.remove(wait); // a tick fires without knowing of the line
    }
  }

  close(): void {
    for (let wait = this.waiting.shift(); wait !== null; wait = this.waiting.shift()) {
      if (wait.state !== PARKED) continue; // its tick has come already
      loopOf(wait).timers.remove(wait);
      refuse(wait, new ClosedError("the interval was closed"));
    }
  }
}

/**
 * A flow of ticks, one every `ms` milliseconds: 1, 2, 3, … It begins with the first pull, and the first tick comes `ms`
 * later. Ticks are counted from the beginning, so they do not drift: tick n comes at n × ms. Those that fall due while
 * nobody pulls are skipped but for the last one, and can be seen to be missing from the numbers.
 *
 * Throws a `RangeError` where `ms` is not above 0.
 *
 * @example
 * ```ts
 * import { interval, now, run, sleep, VirtualHost } from "rondo";
 *
 * await run(
 *   () =>
 *     interval(100)
 *       .take(3)
 *       .forEach(function* (tick) {
 *         console.log(tick, now());
 *         if (tick === 1) yield* sleep(250); // too slow for tick 2
 *       }),
 *   { host: new VirtualHost() },
 * );
 * // prints: 1 100
 * // prints: 3 350
 * // prints: 4 400
 * ```
 */
export function interval(ms: number): Flow<number> {
  if (checkMs(ms, "interval") === 0 || ms === Infinity) {
    throw new RangeError(`interval takes a time in ms that is above 0 and finite, not ${ms}`);
  }
  return new Flow(new Ticks(ms), { name: "interval" });
}
