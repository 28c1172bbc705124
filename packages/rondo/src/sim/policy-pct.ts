/**
 * Priorities: the schedule search with a promise (Burckhardt, Kothari, Musuvathi, Nagarakatti 2010, "A randomized scheduler
 * with probabilistic guarantees of finding bugs", known as PCT).
 *
 * Each task has a random priority, and of those that are ready the highest is stepped, so one task goes on as far as it
 * can before another one has a turn. At `depth - 1` random decisions whoever would be next falls below all others. A bug
 * that needs `depth` things to happen in a certain order is found by a run of n tasks and k decisions with a chance of at
 * least 1 / (n k^(depth - 1)), however improbable it is by accident; most bugs have a depth of two or three.
 *
 * Three things differ here. A step goes on through every wait that could complete at once, so each of those is made a
 * decision (the step is cut there), or there would be nothing to decide. A task that says `checkpoint()` asks for the
 * others to be let on, and falls below them, since it may be waiting for one of them that way. And who has been the
 * highest for very long falls too, and who has been ready for very long is stepped: a program that waits in a loop must
 * end, if it would end on a fair schedule.
 */
import type { Fiber } from "../coroutine/fiber.ts";
import { GRANTED, REFUSED } from "../coroutine/wait.ts";
import type { Runnable } from "../loop/loop.ts";
import type { ChoiceStream } from "./choices.ts";
import { drawPoint } from "./policy-points.ts";
import type { Picker, Policy, Ready } from "./policy.ts";

/** How {@link pct} searches. */
export interface PctOptions {
  /** How many things have to happen in a certain order for the bug to show: 2 where nothing is said. */
  readonly depth?: number | undefined;
}

/**
 * A policy of random priorities, of which `depth - 1` change on the way.
 *
 * @example
 * ```ts
 * import { pct, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, policy: pct({ depth: 3 }) }, function* () {
 *   return "done";
 * });
 * console.log(run.policy, run.value); // prints: pct(3) done
 * ```
 */
export function pct(options: PctOptions = {}): Policy {
  const { depth = 2 } = options;
  if (!Number.isInteger(depth) || depth < 1) {
    throw new RangeError(`the depth of pct() is a whole number from 1, not ${String(depth)}`);
  }
  return {
    name: `pct(${depth})`,
    preempts: true,
    begin: (random, run) => new Priorities(random, depth, run.expected),
  };
}

/** Priorities are out of so many: with two alike, the one that has been ready longer is stepped. */
const LEVELS = 2 ** 31;
/**
 * Where a thousand are ready, only so many that have been it longest and shortest are compared: the latter, since one that
 * was only cut is behind all others.
 */
const WINDOW = 32;
/** So many decisions in a row for one task, and then it falls. */
const TIRED = 500;
/** So many decisions without the one that has been ready longest, and then it is stepped. */
const STARVED = 2000;

class Priorities implements Picker {
  private readonly random: ChoiceStream;
  /** The decisions at which somebody falls, in order. */
  private readonly points: number[];
  private readonly priorities: WeakMap<Runnable, number>;
  private decisions: number;
  /** What the next one to fall falls to: below all that fell before. */
  private bottom: number;
  private last: Runnable | null;
  /** Decisions in a row for `last`. */
  private streak: number;
  private oldest: Runnable | null;
  /** Since which decision `oldest` is that. */
  private since: number;

  constructor(random: ChoiceStream, depth: number, expected: number | undefined) {
    this.random = random;
    this.points = [];
    for (let i = 1; i < depth; i++) this.points.push(drawPoint(random, expected));
    this.points.sort((a, b) => a - b);
    this.priorities = new WeakMap();
    this.decisions = 0;
    this.bottom = -1;
    this.last = null;
    this.streak = 0;
    this.oldest = null;
    this.since = 0;
  }

  pick(ready: Ready): number {
    const now = this.decisions++;
    let best = this.highest(ready);
    for (; this.points[0] === now; this.points.shift()) {
      this.fall(ready.at(best));
      best = this.highest(ready);
    }
    const oldest = ready.at(0);
    if (oldest !== this.oldest) {
      this.oldest = oldest;
      this.since = now;
    } else if (now - this.since > STARVED) best = 0;
    const task = ready.at(best);
    this.streak = task === this.last ? this.streak + 1 : 0;
    this.last = task;
    if (this.streak > TIRED) {
      this.streak = 0;
      this.fall(task);
    }
    return best;
  }

  /** At every wait that could complete at once. */
  cut(task: Runnable): number {
    this.last = task;
    return 1;
  }

  private highest(ready: Ready): number {
    let best = 0;
    let high = -Infinity;
    const { size } = ready;
    for (let i = 0; i < size; i++) {
      if (i === WINDOW && size > 2 * WINDOW) i = size - WINDOW;
      const task = ready.at(i);
      if (task === this.last && !wasCut(task)) this.fall(task);
      const priority = this.priorityOf(task);
      if (priority > high) {
        high = priority;
        best = i;
      }
    }
    return best;
  }

  private priorityOf(task: Runnable): number {
    let priority = this.priorities.get(task);
    if (priority === undefined) {
      priority = this.random.fresh(LEVELS);
      this.priorities.set(task, priority);
    }
    return priority;
  }

  private fall(task: Runnable): void {
    this.last = null;
    this.priorities.set(task, this.bottom--);
  }
}

/**
 * Of a task that was stepped last and is ready again: whether a wait of it was cut short or woken in its own step. If not,
 * it was a checkpoint, which leaves nothing behind.
 */
function wasCut(task: Runnable): boolean {
  const { wait } = task as Runnable & Fiber;
  return wait !== null && wait !== undefined && (wait.state === GRANTED || wait.state === REFUSED);
}
