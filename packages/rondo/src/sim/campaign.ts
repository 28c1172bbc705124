/**
 * Many runs of one program: what each thread of a campaign does, and what it counts.
 */
import type { Operation } from "../coroutine/wait.ts";
import { measuring, policyOf } from "./policy-mix.ts";
import type { Policy } from "./policy.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";
import { partingInWords } from "./words.ts";
import type { World } from "./world.ts";

/** What is run: the body of `simulate`. */
export type SimBody = (world: World) => Operation<unknown>;

/** What holds for all runs of a campaign. */
export type RunOptions = Omit<SimulateOptions, "seed" | "policy" | "replay" | "record" | "expected">;

/** A campaign as its threads know it. */
export interface Campaign {
  readonly options: RunOptions;
  readonly policies: readonly Policy[];
  /** The first seed. */
  readonly first: number;
  /** One run in so many is run twice, to see whether it is the same. */
  readonly every: number;
}

/** What was counted. */
export interface Counts {
  runs: number;
  steps: number;
  virtual: number;
  readonly sometimes: Map<string, number>;
}

export function newCounts(): Counts {
  return { runs: 0, steps: 0, virtual: 0, sometimes: new Map() };
}

export function count(counts: Counts, run: Run): void {
  counts.runs++;
  counts.steps += run.steps;
  counts.virtual += run.virtual;
  for (const [name, times] of run.sometimes) counts.sometimes.set(name, (counts.sometimes.get(name) ?? 0) + times);
}

/** Adds what another thread counted. */
export function addCounts(counts: Counts, other: Counts): void {
  counts.runs += other.runs;
  counts.steps += other.steps;
  counts.virtual += other.virtual;
  for (const [name, times] of other.sometimes) {
    counts.sometimes.set(name, (counts.sometimes.get(name) ?? 0) + times);
  }
}

/** The run with which a campaign begins: nothing is left to chance, and every wait gives way. */
export function measure(campaign: Campaign, body: SimBody): Run {
  return confirmed(() => simulate({ ...campaign.options, policy: measuring }, body), {
    options: { ...campaign.options, policy: measuring },
    body,
  });
}

/** About how many decisions the runs of this program have. */
export function decisionsOf(run: Run): number {
  return run.limitsOf("schedule").length;
}

/** Runs seeds one after the other; gives the first run that fails, or undefined. */
export function runSeeds(
  campaign: Campaign,
  body: SimBody,
  expected: number,
  from: number,
  to: number,
  counts: Counts,
): Run | undefined {
  for (let index = from; index < to; index++) {
    const seed = campaign.first + index;
    const options = { ...campaign.options, seed, policy: policyOf(campaign.policies, seed), expected };
    const once = (): Run => simulate(options, body);
    const run = index % campaign.every === 0 ? confirmed(once, { options, body }) : once();
    count(counts, run);
    if (!run.ok) return run;
  }
  return undefined;
}

/**
 * The same seed gave two runs. Something in the program depends on what is outside the simulation; the message says at
 * which step the two part.
 *
 * @example
 * ```ts
 * import { checkpoint } from "rondo";
 * import { check, NondeterminismError } from "rondo/sim";
 *
 * let runs = 0; // outlives the run
 * try {
 *   check({ runs: 1 }, function* () {
 *     if (runs++ > 0) yield* checkpoint();
 *   })();
 * } catch (error) {
 *   console.log(error instanceof NondeterminismError); // prints: true
 * }
 * ```
 */
export class NondeterminismError extends Error {
  override readonly name: string = "NondeterminismError";
}

/** What is mostly behind it, and what to do. */
export const CAUSES: string =
  "Something in it depends on what is outside the simulation: a variable that outlives the run, an object or a generator " +
  "that was made before it, an identity that counts up in the process, something that was let through by `allow`. " +
  "Make what it uses inside the body.";

/** A run, which is run a second time and must be the same. */
function confirmed(once: () => Run, how: { readonly options: SimulateOptions; readonly body: SimBody }): Run {
  const run = once();
  const again = once();
  if (again.hash !== run.hash || again.ok !== run.ok) throw differing(how.options, how.body);
  return run;
}

/** The error for a program whose runs differ where they should not: runs it until two recorded ones do, too. */
export function differing(options: SimulateOptions, body: SimBody): NondeterminismError {
  const seed = options.seed === undefined ? "the run without a seed" : `seed ${options.seed}`;
  const { steps } = simulate(options, body);
  let before = simulate({ ...options, record: { steps } }, body);
  for (let tries = 0; tries < 4; tries++) {
    const run = simulate({ ...options, record: { steps } }, body);
    const lines = partingInWords(before, run, "  first", "  then");
    if (lines.length > 0) {
      return new NondeterminismError(
        `the body is not deterministic: ${seed} gave two different runs. They part here:\n${lines.join("\n")}\n${CAUSES}`,
      );
    }
    before = run;
  }
  return new NondeterminismError(
    `the body is not deterministic: ${seed} gave two different runs, though later ones were alike. ${CAUSES}`,
  );
}
