/**
 * The barrier: so many tasks wait until all have come, then all go on, and the next generation can come.
 *
 * A party that is cancelled while it waits will never come, so the others would wait for ever: the barrier breaks, they
 * get a `BrokenError`, and so does everyone who comes later, until `reset()`. (Python's `Barrier` and Java's
 * `CyclicBarrier` do the same.) Parties that had been let go already are not concerned.
 */
import { BrokenError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, LateError, PARKED, sharedWait, type Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";

const BARRIER = defineKind({
  label: "barrier",
  poll: (wait) => (wait.on as Barrier).arrive(wait),
  begin: (wait) => (wait.on as Barrier).join(wait),
  abort(wait) {
    const barrier = wait.on as Barrier;
    // One that stands in the line no more is about to be let go, or to be told.
    if (wait.queue === null) return true;
    barrier.waiters.remove(wait);
    barrier.abort("one of its parties was cancelled");
    return true;
  },
});

/** What {@link Barrier.statistics} gives. */
export interface BarrierStatistics {
  /** How many have to come. */
  readonly parties: number;
  /** How many have come and wait. */
  readonly waiters: number;
  readonly broken: boolean;
  /** How often all have come. */
  readonly generation: number;
}

/**
 * A meeting point for `parties` tasks, again and again; it breaks where one of them is cancelled. (Python's `Barrier`.)
 *
 * @example
 * ```ts
 * import { all, Barrier, now, run, sleep, VirtualHost } from "rondo";
 *
 * const round = new Barrier(2);
 * function* player(name: string, ms: number) {
 *   yield* sleep(ms);
 *   const place = yield* round.wait();
 *   console.log(name, "came as number", place, "and went on at", now());
 * }
 * await run(() => all([player("slow", 20), player("quick", 10)]), { host: new VirtualHost() });
 * // prints: slow came as number 1 and went on at 20
 * // prints: quick came as number 0 and went on at 20
 * ```
 */
export class Barrier {
  readonly name: string;
  readonly parties: number;
  /** How often all have come. */
  generation: number;
  /** @internal */
  readonly waiters: WaitQueue;
  private why: string | undefined;
  private readonly shared: Wait<number>;

  /** Throws a `RangeError` where `parties` is no whole number of 1 or more. */
  constructor(parties: number, options: { readonly name?: string | undefined } = {}) {
    if (!Number.isInteger(parties) || parties < 1) {
      throw new RangeError(`a barrier takes a whole number of parties, 1 or more, not ${String(parties)}`);
    }
    this.name = options.name ?? "";
    this.parties = parties;
    this.generation = 0;
    this.waiters = new WaitQueue();
    this.why = undefined;
    this.shared = sharedWait<number>(BARRIER, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Whether a party was cancelled, or `abort()` was called, since the last `reset()`. */
  get broken(): boolean {
    return this.why !== undefined;
  }

  /**
   * Waits until all parties have come. Gives the order of coming in this generation: 0 for the first, `parties - 1` for
   * the last. A switch point for all but the last. Throws a `BrokenError` where a party is cancelled.
   */
  wait(): Wait<number> {
    return this.shared;
  }

  /** Breaks it: those who wait and those who come get a `BrokenError`. Not a switch point. */
  abort(why: string = "it was aborted"): void {
    const first = (this.why ??= why);
    this.waiters.break(new LateError(() => this.brokenError(first)));
  }

  /** Mends it. Those who wait in the old generation get a `BrokenError`. Not a switch point. */
  reset(): void {
    const error = new LateError(() => new BrokenError(`${this.title} was reset while this party waited`));
    this.waiters.break(error);
    this.why = undefined;
  }

  /** How many have to come, how many wait, whether it is broken. */
  statistics(): BarrierStatistics {
    return { parties: this.parties, waiters: this.waiters.length, broken: this.broken, generation: this.generation };
  }

  private get title(): string {
    return this.name === "" ? "the barrier" : `the barrier "${this.name}"`;
  }

  private brokenError(why: string): BrokenError {
    return new BrokenError(`${this.title} is broken: ${why}; reset() mends it`);
  }

  /** @internal The last one to come lets the others go and does not wait itself. */
  arrive(wait: Wait): boolean {
    if (this.why !== undefined) throw this.brokenError(this.why);
    if (this.waiters.length + 1 < this.parties) return false;
    wait.value = this.parties - 1;
    this.letGo();
    return true;
  }

  /** @internal Into the line. Between `arrive` and here another arm of the same select may have come: then all are here now. */
  join(wait: Wait): void {
    if (this.waiters.length + 1 < this.parties) {
      this.waiters.push(wait);
      return;
    }
    this.letGo();
    if (wait.state === PARKED) grant(wait, this.parties - 1);
  }

  private letGo(): void {
    this.generation++;
    // All leave the line before the first one goes: a party that stands here twice (two arms of one select) withdraws
    // its second wait when the first is granted, and that must not break what has been completed.
    const parties: Wait[] = [];
    for (let party = this.waiters.shift(); party !== null; party = this.waiters.shift()) parties.push(party);
    for (const [place, party] of parties.entries()) if (party.state === PARKED) grant(party, place);
  }
}
