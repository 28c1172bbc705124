/**
 * How the runtime's own programs are simulated: many seeds, by turns on every policy, and a failure told with its seed.
 *
 * A program is a function of a world, in one of the files beside this one. The tests run each on a few seeds, the soak tests
 * on a thousand, and `npm run nightly` on a hundred thousand.
 */
import type { Coroutine } from "../../src/index.ts";
import {
  check,
  delayBounded,
  fifo,
  pct,
  type Policy,
  randomWalk,
  type Run,
  Sightings,
  simulate,
  type SimulateOptions,
  type World,
} from "../../src/sim/index.ts";

/** A program to simulate. */
export interface Program {
  (world: World): Coroutine<unknown>;
  /** Kinds of reports that are none of its failures. */
  readonly mayReport?: readonly string[];
}

/** A program that may have these kinds of things reported. */
export function mayReport(program: Program, kinds: readonly string[]): Program {
  return Object.assign((world: World) => program(world), { mayReport: kinds });
}

/** Programs by the sentence that they show. */
export type Programs = Readonly<Record<string, Program>>;

const policies: readonly Policy[] = [randomWalk, fifo, pct({ depth: 3 }), delayBounded({ delays: 3 }), randomWalk];

/** The policy of a seed. */
export function policyOf(seed: number): Policy {
  return policies[seed % policies.length] as Policy;
}

/** One seed in so many is run twice: everything rests on a run being the same again. */
const CONFIRM = 20;

export const limits: SimulateOptions = { maxSteps: 200_000, maxVirtual: 86_400_000 };

/** One run of a program; what it reports is a failure too. */
export function once(program: Program, seed: number, options: SimulateOptions = {}): Run {
  return simulate({ ...limits, seed, policy: policyOf(seed), ...options }, program);
}

/** Why a run is none to be content with, or undefined. */
export function complaintOf(run: Run, { mayReport: kinds = [] }: Program): string | undefined {
  if (!run.ok) return run.error instanceof Error ? (run.error.stack ?? String(run.error)) : String(run.error);
  const reports = run.reports
    .filter(({ report }) => !kinds.includes(report.kind))
    .map(({ node, report }) => `${node}: ${report.message} ${String(report.error ?? "")}`);
  return reports.length > 0 ? `reported: ${reports.join("; ")}` : undefined;
}

/** Runs a program on seeds from `first` on; throws at the first that fails, made small and told in words. */
export function campaign(program: Program, runs: number, first: number = 1): Sightings {
  const sightings = new Sightings();
  for (let seed = first; seed < first + runs; seed++) {
    const run = once(program, seed);
    const complaint = complaintOf(run, program);
    if (complaint !== undefined) {
      check({ ...limits, runs: 1, seed, policy: policyOf(seed), confirm: 1 }, program)();
      // What is only reported is no failure to `check`.
      throw new Error(`seed ${seed} fails: ${complaint}`);
    }
    sightings.add(run.sometimes);
    if (seed % CONFIRM !== 0) continue;
    const again = once(program, seed);
    if (again.hash !== run.hash)
      throw new Error(`seed ${seed} was another run the second time: ${run.hash}, ${again.hash}`);
  }
  return sightings;
}
