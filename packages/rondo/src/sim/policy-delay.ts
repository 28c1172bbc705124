/**
 * A few delays: first in, first out, but for so many places where the one whose turn it is has to wait a while (Emmi,
 * Qadeer, Rakamarić 2011, "Delay-bounded scheduling").
 *
 * What is found this way is close to what really happens: mostly everybody is served in order, and now and then one is
 * late. A delay is either at a turn (the task is passed over for some decisions) or inside a step, at a wait that could
 * complete at once.
 */
import type { Runnable } from "../loop/loop.ts";
import type { ChoiceStream } from "./choices.ts";
import { drawCut, drawPoint } from "./policy-points.ts";
import type { Picker, Policy, Ready } from "./policy.ts";

/** How {@link delayBounded} searches. */
export interface DelayOptions {
  /** How many delays there are in a run, at most: 2 where nothing is said. */
  readonly delays?: number | undefined;
}

/**
 * A policy that is first in, first out but for a few delays.
 *
 * @example
 * ```ts
 * import { delayBounded, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, policy: delayBounded({ delays: 3 }) }, function* () {
 *   return "done";
 * });
 * console.log(run.policy, run.value); // prints: delay(3) done
 * ```
 */
export function delayBounded(options: DelayOptions = {}): Policy {
  const { delays = 2 } = options;
  if (!Number.isInteger(delays) || delays < 1) {
    throw new RangeError(`the delays of delayBounded() are a whole number from 1, not ${String(delays)}`);
  }
  return {
    name: `delay(${delays})`,
    preempts: true,
    begin: (random, run) => new Delays(random, delays, run.expected),
  };
}

/** A delay lasts 1 to 2 ** so many decisions. */
const LONGEST = 7;

class Delays implements Picker {
  private readonly random: ChoiceStream;
  /** The decisions and the steps at which somebody is delayed, in order. */
  private readonly turns: number[];
  private readonly cuts: number[];
  private readonly held: Map<Runnable, number>;
  private decisions: number;
  private steps: number;

  constructor(random: ChoiceStream, delays: number, expected: number | undefined) {
    this.random = random;
    this.turns = [];
    this.cuts = [];
    for (let i = 0; i < delays; i++) {
      const points = random.fresh(2) === 0 ? this.turns : this.cuts;
      points.push(drawPoint(random, expected));
    }
    this.turns.sort((a, b) => a - b);
    this.cuts.sort((a, b) => a - b);
    this.held = new Map();
    this.decisions = 0;
    this.steps = 0;
  }

  pick(ready: Ready): number {
    const now = this.decisions++;
    let index = this.firstFree(ready, now);
    for (; this.turns[0] === now; this.turns.shift()) {
      this.held.set(ready.at(index), now + 2 ** this.random.fresh(LONGEST + 1));
      index = this.firstFree(ready, now);
    }
    return index;
  }

  cut(): number {
    const now = this.steps++;
    if (this.cuts[0] !== now) return 0;
    while (this.cuts[0] === now) this.cuts.shift();
    return drawCut(this.random);
  }

  /** The one that has been ready longest and is not held back; where all are, the oldest of them. */
  private firstFree(ready: Ready, now: number): number {
    if (this.held.size === 0) return 0;
    for (let i = 0; i < ready.size; i++) {
      const until = this.held.get(ready.at(i));
      if (until === undefined) return i;
      if (until <= now) {
        this.held.delete(ready.at(i));
        return i;
      }
    }
    return 0;
  }
}
