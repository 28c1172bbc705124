/**
 * Many runs of one program, each with a seed of its own: a campaign. It passes if every run does, and if whatever was to
 * be seen sometimes was seen.
 *
 * The first run leaves nothing to chance. Then seeds take turns at the policies; a few are run twice, since everything here
 * rests on a run being the same again. The first failure ends the campaign, is made small, and is told (failure.ts).
 */
import {
  type SimBody,
  type Campaign,
  count,
  type Counts,
  decisionsOf,
  measure,
  newCounts,
  type RunOptions,
  runSeeds,
} from "./campaign.ts";
import { say, steering, type Steering } from "./environment.ts";
import { type Exhaust, explore, isExhaust } from "./exhaust.ts";
import { failureOf, recorded, replayedFailure } from "./failure.ts";
import { type BodyAddress, loadBody, runInThreads } from "./jobs.ts";
import { mix } from "./policy-mix.ts";
import type { Policy } from "./policy.ts";
import { PropertyError } from "./properties.ts";
import type { ShrinkOptions } from "./shrink.ts";
import { type Run, simulate } from "./simulate.ts";

/** How a program is checked. */
export interface CampaignOptions extends RunOptions {
  /**
   * How many seeds; 100 where nothing is said. `RONDO_RUNS` has the last word. A campaign is one synchronous call: one that
   * takes longer than a test may needs a test that may take longer.
   */
  readonly runs?: number | undefined;
  /** The first seed, from which they count up; 1 where nothing is said. `RONDO_SEED` has the last word. */
  readonly seed?: number | undefined;
  /** How schedules are searched: one policy, several that seeds take turns at, or `exhaust()`; `mix` where nothing is said. */
  readonly policy?: Policy | Exhaust | readonly Policy[] | undefined;
  /**
   * In how many threads. A closure cannot be sent to another thread, so this is for a body that is named (`module` and
   * `name`), which uses all cores where nothing is said; others use one. `RONDO_JOBS` has the last word.
   */
  readonly jobs?: number | undefined;
  /** How far a failure is made small: 2,000 replays and 3,000 ms where nothing is said; false leaves it as it is. */
  readonly shrink?: ShrinkOptions | false | undefined;
  /** One run in so many is run twice, to see whether it is the same; 25 where nothing is said, Infinity for none. */
  readonly confirm?: number | undefined;
}

/** What came of a campaign that passed. */
export interface CampaignReport {
  readonly runs: number;
  readonly steps: number;
  /** Time that passed in all its worlds, in ms. */
  readonly virtual: number;
  /** How often each `sometimes` held, in all runs. */
  readonly sometimes: ReadonlyMap<string, number>;
  /** With `exhaust`: whether all schedules were run. Undefined for a campaign of seeds, which is never complete. */
  readonly complete: boolean | undefined;
  /** In words. */
  readonly summary: string;
}

const RUNS = 100;
const CONFIRM = 25;
const SHRINK_MS = 3000;

/**
 * Checks a program in simulation, over many seeds. Gives a plain function, so that it is a test of vitest and of node:test
 * alike: `test("transfers keep the balance", check({ runs: 500 }, function* (world) { … }))`. Called, it throws a
 * {@link CheckError} for the first run that fails, made small and told in words; or gives a report. Not a switch point.
 *
 * For a body that is named, `{ module, name }` or `new URL("./bank.ts#transfers", import.meta.url)`, the runs are spread
 * over threads and the function gives a promise. The module is loaded in each thread, so it must not import a test runner.
 *
 * `RONDO_SEED=17` (or `random`) is the first seed, `RONDO_RUNS=1` how many there are, `RONDO_JOBS=4` (or `all`) the number of
 * threads; `RONDO_REPLAY=…` replays one failure and does nothing else.
 *
 * The ideas are FoundationDB's and TigerBeetle's simulators, AWS shuttle's schedules, and Lincheck's table.
 *
 * @example
 * ```ts
 * import { group, Lock, sleep } from "rondo";
 * import { check } from "rondo/sim";
 *
 * const test = check({ runs: 50 }, function* (world) {
 *   const lock = new Lock();
 *   let balance = 0;
 *   function* pay() {
 *     yield* lock.acquire();
 *     const seen = balance;
 *     yield* sleep(world.integer(0, 9));
 *     balance = seen + 1;
 *     lock.release();
 *   }
 *   yield* group(function* (g) {
 *     g.spawn(pay);
 *     g.spawn(pay);
 *   });
 *   world.always("nothing is lost", balance === 2);
 * });
 * console.log(test().runs); // prints: 51
 * ```
 */
export function check(options: CampaignOptions, body: SimBody): (context?: unknown) => CampaignReport;
export function check(
  options: CampaignOptions,
  body: BodyAddress | URL,
): (context?: unknown) => Promise<CampaignReport>;
export function check(
  options: CampaignOptions,
  body: SimBody | BodyAddress | URL,
): (context?: unknown) => CampaignReport | Promise<CampaignReport> {
  const given = checked(options, body);
  // No parameter that is counted: runners take a test function with one for one that calls back.
  if (typeof body === "function") return (...[context]) => runHere(given, body, context);
  return (...[context]) => runSpread(given, body, context);
}

interface Checked extends CampaignOptions {
  readonly rest: RunOptions;
}

function checked(options: CampaignOptions, body: unknown): Checked {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("check() takes options and a body: check({}, function* (world) {})");
  }
  if (typeof body !== "function" && (typeof body !== "object" || body === null)) {
    throw new TypeError(
      `check() takes a function* as its body, or where it is ({ module, name }), not ${String(body)}`,
    );
  }
  const { runs, seed, policy, jobs, shrink, confirm, ...rest } = options;
  whole("runs", runs, 1);
  whole("seed", seed, 0);
  whole("jobs", jobs, 1);
  if (confirm !== Infinity) whole("confirm", confirm, 1);
  if (Array.isArray(policy) && policy.length === 0) throw new RangeError("check() was given a list of no policies");
  return { runs, seed, policy, jobs, shrink, confirm, rest };
}

function whole(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw new RangeError(`the ${name} of check() must be a whole number from ${least}, not ${String(value)}`);
}

/** A campaign that is under way. */
class Under {
  readonly options: Checked;
  readonly steering: Steering;
  readonly body: SimBody;
  readonly context: unknown;
  readonly campaign: Campaign;
  readonly runs: number;
  readonly counts: Counts;

  constructor(options: Checked, steered: Steering, body: SimBody, context: unknown) {
    const { policy = mix } = options;
    this.options = options;
    this.steering = steered;
    this.body = body;
    this.context = context;
    this.runs = steered.runs ?? options.runs ?? RUNS;
    this.counts = newCounts();
    this.campaign = {
      options: options.rest,
      policies: isExhaust(policy) ? mix : Array.isArray(policy) ? (policy as readonly Policy[]) : [policy as Policy],
      first: steered.seed ?? options.seed ?? 1,
      every: options.confirm ?? CONFIRM,
    };
  }

  /** The run that leaves nothing to chance; gives about how many decisions the others will have. */
  begin(): number {
    const run = measure(this.campaign, this.body);
    count(this.counts, run);
    if (!run.ok) this.fail(run, undefined);
    return decisionsOf(run);
  }

  /** Throws what tells of a run that failed. */
  fail(run: Run, seed: number | undefined): never {
    const { counts } = this;
    const where =
      seed === undefined
        ? "in the first run, in which nothing is left to chance and every wait gives way"
        : `in run ${seed - this.campaign.first + 1} of ${this.runs}: seed ${seed}, policy ${run.policy}, ` +
          `after ${plural(counts.steps, "step")} in all`;
    throw failureOf({
      options: this.options.rest,
      body: this.body,
      run,
      seed,
      how: `found ${where}`,
      shrink: this.options.shrink === false ? false : { ms: SHRINK_MS, ...this.options.shrink },
      context: this.context,
    });
  }

  /** All runs have passed; the campaign has if everything was seen that was to be seen. */
  end(summary?: string): CampaignReport {
    const { counts } = this;
    const missed = [...counts.sometimes].filter(([, times]) => times === 0).map(([name]) => `"${name}"`);
    if (missed.length > 0) {
      const what = missed.length === 1 ? "it" : "they";
      throw new PropertyError(
        "sometimes",
        missed.join(", "),
        { time: counts.virtual, steps: counts.steps },
        `${missed.join(", ")} had to hold sometimes, and never did in ${plural(counts.runs, "run")}: the runs do not reach ` +
          `what ${what} would show. Make ${what} more likely, or check more runs`,
      );
    }
    if (summary !== undefined) return this.report(summary, true);
    return this.report(`${plural(counts.runs, "run")} passed, ${plural(counts.steps, "step")}`, undefined);
  }

  report(summary: string, complete: boolean | undefined): CampaignReport {
    const { runs, steps, virtual, sometimes } = this.counts;
    return { runs, steps, virtual, sometimes, complete, summary };
  }
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A body that is here: one run after the other. */
function runHere(options: Checked, body: SimBody, context: unknown): CampaignReport {
  const steered = steering();
  const under = new Under(options, steered, body, context);
  if (steered.replay !== undefined) return replay(under, steered.replay);
  const jobs = steered.jobs ?? options.jobs ?? 1;
  if (jobs > 1) sayOnce(`${jobs} jobs are asked for, but ${CLOSURE}`);
  if (options.policy !== undefined && isExhaust(options.policy)) return runAll(under, options.policy);
  const expected = under.begin();
  const failed = runSeeds(under.campaign, body, expected, 0, under.runs, under.counts);
  if (failed !== undefined) under.fail(failed, failed.seed);
  return under.end();
}

const CLOSURE =
  "a body that is a function runs on one core, since no function can be sent to another thread. Give it by its place " +
  'to use more: check({ jobs }, new URL("./bank.ts#transfers", import.meta.url))';

const said = new Set<string>();

function sayOnce(text: string): void {
  if (said.has(text)) return;
  said.add(text);
  say(text);
}

/** A body that is named: the runs are spread over threads. */
async function runSpread(options: Checked, where: BodyAddress | URL, context: unknown): Promise<CampaignReport> {
  const steered = steering();
  const body = await loadBody(where);
  const under = new Under(options, steered, body, context);
  if (steered.replay !== undefined) return replay(under, steered.replay);
  if (options.policy !== undefined && isExhaust(options.policy)) return runAll(under, options.policy);
  const expected = under.begin();
  const failed = await runInThreads({
    where,
    body,
    campaign: under.campaign,
    expected,
    runs: under.runs,
    jobs: steered.jobs ?? options.jobs,
    counts: under.counts,
    say: sayOnce,
  });
  if (failed !== undefined) under.fail(failed, failed.seed);
  return under.end();
}

/** All schedules, and nothing else that chance could do unless there is a seed. */
function runAll(under: Under, policy: Exhaust): CampaignReport {
  const { options, steering: steered, body, counts } = under;
  const seed = steered.seed ?? options.seed;
  let failed: Run | undefined;
  const { schedules, complete } = explore(policy, (one) => {
    const run = simulate({ ...options.rest, seed, policy: one }, body);
    count(counts, run);
    if (!run.ok) failed = run;
    return run.ok;
  });
  if (failed !== undefined) {
    throw failureOf({
      options: options.rest,
      body,
      run: failed,
      seed,
      how: `found by ${policy.name} in schedule ${schedules}`,
      shrink: options.shrink === false ? false : { ms: SHRINK_MS, ...options.shrink },
      context: under.context,
    });
  }
  const up = `with up to ${plural(policy.preemptions, "preemption")}`;
  if (complete) return under.end(`${plural(schedules, "schedule")}, which is all there are ${up}`);
  const summary =
    `${policy.name} was given up after ${plural(schedules, "schedule")}: there are more of them ${up}. ` +
    "Make the program smaller, or allow more (schedules)";
  say(summary);
  return under.report(summary, false);
}

/** One run as it was recorded. */
function replay(under: Under, token: string): CampaignReport {
  const { options, steering: steered, body, counts } = under;
  const seed = steered.seed;
  const run = recorded(token, { ...options.rest, seed }, body);
  count(counts, run);
  if (!run.ok) {
    throw replayedFailure({
      options: options.rest,
      body,
      run,
      seed,
      how: "replayed from RONDO_REPLAY",
      shrink: false,
      context: under.context,
    });
  }
  const summary = "the run of RONDO_REPLAY passes: either it is mended, or it was the recording of another program";
  say(summary);
  return under.report(summary, undefined);
}
