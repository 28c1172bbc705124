/**
 * Which ready task is stepped next, and whether a step is cut short.
 *
 * A policy only proposes: what it says goes into the stream "schedule", so a run can be replayed, and made smaller, without
 * the policy that found it. The world asks it for an index among the tasks that are ready, where 0 is the one that has
 * been ready longest, and (if it preempts) how soon the step has to give way: a task that finds its locks free and its
 * channels full goes on without a switch, and many a bug hides in the switch that nearly never happens there.
 */
import type { Runnable } from "../loop/loop.ts";
import type { ChoiceStream } from "./choices.ts";

/** The tasks that are ready, oldest first. */
export interface Ready {
  readonly size: number;
  at(index: number): Runnable;
}

/** Out of how many `Picker.cut` is drawn: 0 lets a step go on, `k` cuts it at its k-th wait that could complete at once. */
export const CUTS = 8;

/** One run's decisions. */
export interface Picker {
  /** The index of the next task among those that are ready; only asked for two and more. */
  pick(ready: Ready): number;
  /** From 0 to `CUTS` - 1; only asked of policies that preempt. */
  cut(task: Runnable): number;
}

/** What a policy is told of the run that begins. */
export interface PolicyRun {
  readonly seed: number;
  readonly maxSteps: number;
  /** About how many decisions (two or more are ready) it will have; undefined where nobody knows. */
  readonly expected: number | undefined;
}

/** A way to search among schedules. Write your own, and `check({ policy })` uses it. */
export interface Policy {
  readonly name: string;
  /** Whether `cut` is asked. */
  readonly preempts: boolean;
  /** For one run: what it leaves to chance it draws with `random.fresh(n)`. */
  begin(random: ChoiceStream, run: PolicyRun): Picker;
}

/**
 * First in, first out, as on the real loop: the schedule is the tamest, and everything else is drawn.
 *
 * @example
 * ```ts
 * import { fifo, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, policy: fifo }, function* (world) {
 *   return world.integer(1, 6) <= 6;
 * });
 * console.log(run.policy, run.value); // prints: fifo true
 * ```
 */
export const fifo: Policy = {
  name: "fifo",
  preempts: false,
  begin: () => ({ pick: () => 0, cut: () => 0 }),
};

/**
 * Each step goes to any of the ready tasks, all as likely; each wait that could complete at once is a switch one time in
 * four.
 *
 * @example
 * ```ts
 * import { checkpoint, group } from "rondo";
 * import { randomWalk, simulate } from "rondo/sim";
 *
 * const orders = new Set<string>();
 * for (let seed = 1; seed <= 50; seed++) {
 *   simulate({ seed, policy: randomWalk }, function* () {
 *     let order = "";
 *     yield* group(function* (g) {
 *       for (const name of "ab") {
 *         g.spawn(function* () {
 *           yield* checkpoint();
 *           order += name;
 *         });
 *       }
 *     });
 *     orders.add(order);
 *   });
 * }
 * console.log([...orders].toSorted().join(" ")); // prints: ab ba
 * ```
 */
export const randomWalk: Policy = {
  name: "random",
  preempts: true,
  begin: (random) => ({ pick: (ready) => random.fresh(ready.size), cut: () => cutAnywhere(random) }),
};

/** At the first wait that could complete at once with a probability of a quarter, else at the second with a quarter, … */
export function cutAnywhere(random: ChoiceStream): number {
  let bits = random.fresh(1 << (2 * (CUTS - 1)));
  for (let at = 1; at < CUTS; at++, bits >>= 2) if ((bits & 3) === 3) return at;
  return 0;
}
