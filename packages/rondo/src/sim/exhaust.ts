/**
 * All schedules of a small program, up to a number of deviations: what chance finds sooner or later, this finds or rules
 * out.
 *
 * The plain schedule goes on with a task as far as it can, and is first in, first out otherwise, as on the real loop. A
 * deviation is a decision at which somebody else is stepped: it is a preemption where the task could have gone on, since
 * every wait that could complete at once is a decision here. Most bugs need one or two of them (Musuvathi and Qadeer 2007,
 * "Iterative context bounding for systematic testing of multithreaded programs"), and while the number of all schedules
 * is beyond counting, that of those with two deviations grows only as the square of the length of the run.
 *
 * First the one schedule without a deviation, then all those with one, then all those with two: so what is found first is
 * also what is easiest to understand. Each is reached by running the program with its list of deviations; what can be
 * deviated from further on is seen on the way.
 */
import type { Fiber } from "../coroutine/fiber.ts";
import { GRANTED, REFUSED } from "../coroutine/wait.ts";
import type { Runnable } from "../loop/loop.ts";
import type { Picker, Policy, Ready } from "./policy.ts";

/** How {@link exhaust} searches. */
export interface ExhaustOptions {
  /** How many deviations a schedule may have: 2 where nothing is said. */
  readonly preemptions?: number | undefined;
  /** After so many schedules it gives up: 20,000 where nothing is said. */
  readonly schedules?: number | undefined;
}

/** A search through all schedules; made by {@link exhaust}. */
export interface Exhaust {
  readonly name: string;
  readonly preemptions: number;
  readonly schedules: number;
}

/**
 * For `check({ policy: exhaust({ preemptions: 2 }) }, body)`: all schedules with up to so many deviations, and no chance at
 * all. The report says how many there were, and whether that was all of them.
 *
 * @example
 * ```ts
 * import { checkpoint, group } from "rondo";
 * import { check, exhaust } from "rondo/sim";
 *
 * const report = check({ policy: exhaust({ preemptions: 2 }) }, function* () {
 *   yield* group(function* (g) {
 *     g.spawn(() => checkpoint());
 *     g.spawn(() => checkpoint());
 *   });
 * })();
 * console.log(report.complete, report.summary); // prints: true 6 schedules, which is all there are with up to 2 preemptions
 * ```
 */
export function exhaust(options: ExhaustOptions = {}): Exhaust {
  const { preemptions = 2, schedules = 20_000 } = options;
  if (!Number.isInteger(preemptions) || preemptions < 0) {
    throw new RangeError(`the preemptions of exhaust() are a whole number from 0, not ${String(preemptions)}`);
  }
  if (!Number.isInteger(schedules) || schedules < 1) {
    throw new RangeError(`the schedules of exhaust() are a whole number from 1, not ${String(schedules)}`);
  }
  return { name: `exhaust(${preemptions})`, preemptions, schedules };
}

export function isExhaust(policy: object): policy is Exhaust {
  return "preemptions" in policy;
}

/** A schedule as what it differs in from the plain one: at which decisions, and for which of the others. */
type Schedule = readonly number[];

/** What became of a search. */
export interface Exhausted {
  /** Schedules that were run. */
  readonly schedules: number;
  /** Whether that was all of them. */
  readonly complete: boolean;
}

/**
 * Runs a program on one schedule after the other: `run` runs it under a policy, and says whether to go on. One that fails
 * ends the search where it stands.
 */
export function explore({ preemptions, schedules }: Exhaust, run: (policy: Policy) => boolean): Exhausted {
  let level: Schedule[] = [[]];
  let done = 0;
  for (let depth = 0; ; depth++) {
    const next: Schedule[] = [];
    for (const schedule of level) {
      if (done === schedules) return { schedules: done, complete: false };
      done++;
      const picker = new Deviating(schedule);
      if (!run({ name: "exhaust", preempts: true, begin: () => picker })) return { schedules: done, complete: false };
      if (depth === preemptions) continue;
      // More than the budget has left are not remembered: they could not be run.
      if (next.length <= schedules - done) picker.addBelow(schedule, next);
    }
    if (next.length === 0) return { schedules: done, complete: true };
    level = next;
  }
}

/** Follows a schedule, and notes how many could have been stepped at each decision. */
class Deviating implements Picker {
  private readonly schedule: Schedule;
  private readonly widths: number[];
  private readonly firsts: number[];
  private last: Runnable | null;
  private at: number;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.widths = [];
    this.firsts = [];
    this.last = null;
    this.at = 0;
  }

  pick(ready: Ready): number {
    const decision = this.widths.push(ready.size) - 1;
    const plain = this.plain(ready);
    this.firsts.push(plain);
    const { schedule } = this;
    if (schedule[this.at] !== decision) return plain;
    const index = schedule[this.at + 1] as number;
    this.at += 2;
    return index;
  }

  cut(task: Runnable): number {
    this.last = task;
    return 1;
  }

  /** The one that was stepped last if it was only cut, or else the one that has been ready longest. */
  private plain(ready: Ready): number {
    const { last } = this;
    if (last === null) return 0;
    const { wait } = last as Runnable & Fiber;
    if (wait === null || wait === undefined || (wait.state !== GRANTED && wait.state !== REFUSED)) return 0;
    for (let i = ready.size - 1; i >= 0; i--) if (ready.at(i) === last) return i;
    return 0;
  }

  /** All schedules that go on from this one with one deviation more, behind its last. */
  addBelow(schedule: Schedule, into: Schedule[]): void {
    const first = schedule.length === 0 ? 0 : (schedule[schedule.length - 2] as number) + 1;
    for (let decision = first; decision < this.widths.length; decision++) {
      for (let index = 0; index < (this.widths[decision] as number); index++) {
        if (index !== this.firsts[decision]) into.push([...schedule, decision, index]);
      }
    }
  }
}
