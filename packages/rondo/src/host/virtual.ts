/**
 * Virtual time: the world on which tests run. The clock stands still while anything is ready and jumps to the next
 * timer when nothing is, so a test of a day takes a millisecond and gives the same result every time.
 *
 * With a seed the order of ready tasks is drawn through `choose()`: the same seed gives the same schedule, another one
 * another, so a property test explores schedules and not only data.
 *
 * While a task waits for a real promise, virtual time is undefined by nature: nobody knows when the promise will
 * settle. The host then lets the real world's queues run dry a few times before it jumps.
 */
import type { Host, Report } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";

/** How often the real queues get a turn before virtual time passes beside a pending promise. */
const PATIENCE = 8;

const later: (work: () => void) => unknown =
  typeof globalThis.setImmediate === "function"
    ? (work) => globalThis.setImmediate(work)
    : (work) => globalThis.setTimeout(work, 0);

/** What a virtual world is like. */
export interface VirtualHostOptions {
  /** Draws the schedule (and every other choice) from this seed. Without one every choice is 0: first in, first out. */
  readonly seed?: number | undefined;
  /** What `now()` begins at, in ms. */
  readonly start?: number | undefined;
  /** What the clock on the wall shows at the start, in ms since 1970. */
  readonly wallClock?: number | undefined;
  /** Where reports go: an array to look at, or a function. By default they are kept in `reports`. */
  readonly onReport?: ((report: Report) => void) | undefined;
}

/**
 * A host with a clock of its own.
 *
 * @example
 * ```ts
 * import { now, run, sleep, VirtualHost } from "rondo";
 *
 * const host = new VirtualHost({ seed: 1 });
 * await run(
 *   function* () {
 *     yield* sleep(24 * 60 * 60 * 1000);
 *     console.log(now()); // prints: 86400000
 *   },
 *   { host },
 * );
 * ```
 */
export class VirtualHost implements Host {
  readonly shuffles: boolean;
  /** What was reported, in order, unless `onReport` was given. */
  readonly reports: Report[];
  private time: number;
  private readonly wallOffset: number;
  private state: number;
  private readonly onReport: ((report: Report) => void) | undefined;
  private waiting: Map<Loop, { patience: number; at: number }>;

  constructor(options: VirtualHostOptions = {}) {
    this.shuffles = options.seed !== undefined;
    this.reports = [];
    this.time = options.start ?? 0;
    this.wallOffset = (options.wallClock ?? Date.UTC(2000, 0, 1)) - this.time;
    this.state = (options.seed ?? 0) >>> 0;
    this.onReport = options.onReport;
    this.waiting = new Map();
  }

  now(): number {
    return this.time;
  }

  wallClock(): number {
    return this.wallOffset + this.time;
  }

  /** Moves the clock by hand. What becomes due fires when the loop is driven next. */
  advance(ms: number): void {
    this.time += ms;
  }

  choose(_stream: string, n: number, _label?: string): number {
    if (!this.shuffles || n <= 1) return 0;
    // mulberry32: small, fast, and good enough to order tasks (Tommy Ettinger, 2017, public domain).
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  }

  kick(loop: Loop): void {
    queueMicrotask(() => {
      this.waiting.delete(loop);
      loop.drain();
    });
  }

  wakeSoon(loop: Loop): void {
    later(() => loop.drain());
  }

  wakeAt(loop: Loop, at: number): boolean {
    if (loop.outside === 0) {
      this.waiting.delete(loop);
      if (at === Infinity) return false;
      this.time = Math.max(this.time, at);
      return true;
    }
    // A promise is pending: real time first, virtual time when the real world seems to have nothing to say.
    const known = this.waiting.get(loop);
    if (known !== undefined) {
      known.at = at;
      known.patience = PATIENCE; // something has happened: more may come of it
      return false;
    }
    const waiting = { patience: PATIENCE, at };
    this.waiting.set(loop, waiting);
    const look = (): void => {
      if (this.waiting.get(loop) !== waiting) return;
      if (waiting.patience-- > 0) {
        later(look);
        return;
      }
      this.waiting.delete(loop);
      if (waiting.at === Infinity) return;
      this.time = Math.max(this.time, waiting.at);
      loop.drain();
    };
    later(look);
    return false;
  }

  another(): this {
    return this;
  }

  report(report: Report): void {
    if (this.onReport === undefined) this.reports.push(report);
    else this.onReport(report);
  }

  attach(loop: Loop): () => void {
    return () => {
      this.waiting.delete(loop);
    };
  }
}
