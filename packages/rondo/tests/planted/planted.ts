/**
 * The planted bugs: small programs, each with one classic mistake of concurrent programming, and the same program mended.
 *
 * They show what the simulator is worth: each mistake has to be found within a budget of runs by the policy that `check`
 * uses where nothing is said, and its mended twin has to survive thousands. None of them is found by the tamest run: a
 * program that fails at once needs no simulator.
 */
import type { Coroutine, Operation } from "../../src/index.ts";
import type { Policy, Run, SimNode, SimulateOptions, World } from "../../src/sim/index.ts";
import { simulate } from "../../src/sim/index.ts";
import { measuring, policyOf } from "../../src/sim/policy-mix.ts";

/** What chance a program on one computer takes: the world has it, and so has the measuring of plain runs. */
export type Dice = Pick<World, "integer" | "chance" | "pick" | "choose">;

interface Common {
  /** What the table calls it. */
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly about: string;
  /** Within so many runs the policy of `check` has to find it. */
  readonly budget: number;
  readonly options?: Pick<SimulateOptions, "maxVirtual" | "maxSteps">;
}

/** A mistake in a program on one computer: it can be run without a simulator as well. */
export interface PlantedInTasks extends Common {
  readonly on: "tasks";
  readonly broken: (dice: Dice) => Operation<unknown>;
  readonly mended: (dice: Dice) => Operation<unknown>;
}

/** One that takes a network, a disk, or computers that stop. */
export interface PlantedInWorld extends Common {
  readonly on: "world";
  readonly broken: (world: World) => Operation<unknown>;
  readonly mended: (world: World) => Operation<unknown>;
}

export type Planted = PlantedInTasks | PlantedInWorld;

/** What must hold in these programs. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Waits for the end of a node's program, and gives its value; whoever asks for an end has to look at it. */
export function* finished(node: SimNode): Coroutine<unknown> {
  const { how, value, error } = yield* node.ended();
  if (how !== "done") throw error ?? new Error(`${node.name} ${how}`);
  return value;
}

export type Twin = "broken" | "mended";

/** One run of one of the twins. */
export function runPlanted(planted: Planted, twin: Twin, options: SimulateOptions): Run {
  return simulate({ maxSteps: 50_000, ...planted.options, ...options }, planted[twin]);
}

/** About how many decisions runs of it have, as `check` finds out. */
export function decisionsIn(planted: Planted, twin: Twin): number {
  return runPlanted(planted, twin, { policy: measuring }).limitsOf("schedule").length;
}

/** In which of the seeds from `first` it fails first, counted from 1, and how; undefined where it fails in none of `most`. */
export function runsUntilFailure(
  planted: Planted,
  twin: Twin,
  policies: readonly Policy[],
  first: number,
  most: number,
): { readonly runs: number; readonly run: Run } | undefined {
  const expected = decisionsIn(planted, twin);
  for (let runs = 1; runs <= most; runs++) {
    const seed = first + runs - 1;
    const run = runPlanted(planted, twin, { seed, policy: policyOf(policies, seed), expected });
    if (!run.ok) return { runs, run };
  }
  return undefined;
}
