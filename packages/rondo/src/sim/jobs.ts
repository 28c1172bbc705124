/**
 * A campaign on all cores. A closure cannot be sent to another thread, so the body is named by the module that exports it,
 * and each thread loads that module for itself.
 *
 * The threads take the seeds in small lots, as they are done with the one before. The first failure is the one with the
 * lowest seed, whoever is done first, so a campaign gives the same on one core and on many; and it is looked into here, in
 * the thread that has the terminal.
 */
import {
  addCounts,
  type Campaign,
  CAUSES,
  type Counts,
  NondeterminismError,
  runSeeds,
  type SimBody,
} from "./campaign.ts";
import type { FromThread, ThreadFailure, ToThread } from "./check-thread.ts";
import { cores } from "./environment.ts";
import { policyNamed, policyOf } from "./policy-mix.ts";
import { type Run, simulate } from "./simulate.ts";

/** Where a body is. */
export interface BodyAddress {
  /** Such as `new URL("./bank.ts", import.meta.url)`. */
  readonly module: string | URL;
  /** The name under which it is exported. */
  readonly name: string;
}

function addressOf(where: BodyAddress | URL): { module: string; name: string } {
  const { module, name } = where instanceof URL ? splitUrl(where) : where;
  const url = module instanceof URL ? module.href : module;
  if (typeof url !== "string" || typeof name !== "string" || name === "") {
    throw new TypeError(
      'a body is named by its module and its export: { module: new URL("./bank.ts", import.meta.url), name: "transfers" }, ' +
        'or new URL("./bank.ts#transfers", import.meta.url)',
    );
  }
  if (!/^[a-z]+:/.test(url)) {
    throw new TypeError(
      `a body is named by the URL of its module, not by "${url}": new URL("${url}", import.meta.url)`,
    );
  }
  return { module: url, name };
}

function splitUrl(url: URL): BodyAddress {
  const module = new URL(url);
  const name = decodeURIComponent(module.hash.slice(1));
  module.hash = "";
  return { module, name };
}

/** The body itself, in this thread. */
export async function loadBody(where: BodyAddress | URL): Promise<SimBody> {
  const { module, name } = addressOf(where);
  const loaded = (await import(/* @vite-ignore */ module)) as Readonly<Record<string, unknown>>;
  const body = loaded[name];
  if (typeof body === "function") return body as SimBody;
  const names = Object.keys(loaded).filter((key) => typeof loaded[key] === "function");
  throw new TypeError(
    `${module} exports no function "${name}"; ` +
      (names.length === 0 ? "it exports none at all" : `its functions are: ${names.join(", ")}`),
  );
}

/** A campaign that is to be spread. */
export interface Spread {
  readonly where: BodyAddress | URL;
  readonly body: SimBody;
  readonly campaign: Campaign;
  readonly expected: number;
  readonly runs: number;
  /** How many threads; as many as the machine has cores where nothing is said. */
  readonly jobs: number | undefined;
  readonly counts: Counts;
  say(text: string): void;
}

/** A campaign that is done after so many ms is done before a thread has begun. */
const WORTH_THREADS = 300;
/** Between looks at the clock, so many runs. */
const A_LOOK = 8;
/** So many lots for each thread, so that none waits for long for the last one. */
const LOTS = 8;
const LARGEST = 500;

/** Runs all seeds; gives the first run that fails, or undefined. */
export async function runInThreads(spread: Spread): Promise<Run | undefined> {
  const { campaign, body, expected, runs, counts } = spread;
  const jobs = Math.min(spread.jobs ?? cores(), runs);
  const hindrance = jobs <= 1 ? "" : whatHinders(campaign);
  if (hindrance !== "") spread.say(`${jobs} jobs are asked for, but ${hindrance}; it runs on one core`);
  if (jobs <= 1 || hindrance !== "") return runSeeds(campaign, body, expected, 0, runs, counts);
  let from = 0;
  if (spread.jobs === undefined) {
    const until = performance.now() + WORTH_THREADS;
    while (from < runs && performance.now() < until) {
      const to = Math.min(runs, from + A_LOOK);
      const failed = runSeeds(campaign, body, expected, from, to, counts);
      if (failed !== undefined) return failed;
      from = to;
    }
    if (from === runs) return undefined;
  }
  const failed = await new Team(spread, jobs, from).run();
  if (failed === undefined) return undefined;
  // Once more, here: what the thread has of it cannot be sent.
  const seed = campaign.first + failed.index;
  const run = simulate({ ...campaign.options, seed, policy: policyOf(campaign.policies, seed), expected }, body);
  if (!run.ok) return run;
  throw new NondeterminismError(
    `${failed.says}\n\nSeed ${seed} failed with this in a thread, and passes here. ${CAUSES}`,
  );
}

/** Why a campaign cannot be sent to a thread; "" where it can. */
function whatHinders({ options, policies }: Campaign): string {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function")
    return "there are no threads here";
  const own = policies.find(({ name }) => policyNamed(name) === undefined);
  if (own !== undefined) return `the policy "${own.name}" is not one of rondo's, and cannot be sent to another thread`;
  try {
    structuredClone(options);
    return "";
  } catch (error) {
    return `its options cannot be sent to another thread (${(error as Error).message})`;
  }
}

/** Beside this file, and compiled with it. */
const THREAD: URL = new URL(`./check-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** What is used of a worker of Node's. */
interface Thread {
  postMessage(message: ToThread, transfer: readonly never[]): void;
  on(event: "message", hears: (message: FromThread) => void): void;
  on(event: "error", hears: (error: unknown) => void): void;
  on(event: "exit", hears: (code: number) => void): void;
  terminate(): Promise<number>;
}

class Team {
  private readonly spread: Spread;
  private readonly jobs: number;
  private readonly lot: number;
  private next: number;
  /** The lowest place of a run that failed, as far as is known: what is behind it need not be run. */
  private failed: ThreadFailure | undefined;
  private readonly results: Map<number, Counts>;

  constructor(spread: Spread, jobs: number, from: number) {
    this.spread = spread;
    this.jobs = jobs;
    this.lot = Math.max(1, Math.min(LARGEST, Math.ceil((spread.runs - from) / jobs / LOTS)));
    this.next = from;
    this.failed = undefined;
    this.results = new Map();
  }

  /** The first run that failed, or undefined. */
  async run(): Promise<ThreadFailure | undefined> {
    const threads: Thread[] = [];
    try {
      await Promise.all(Array.from({ length: this.jobs }, () => this.work(threads)));
    } finally {
      await Promise.all(threads.map((thread) => thread.terminate()));
    }
    const last = this.failed?.index ?? Infinity;
    for (const [from, counts] of this.results) if (from <= last) addCounts(this.spread.counts, counts);
    return this.failed;
  }

  /** One thread, from its first lot to its last. */
  private work(threads: Thread[]): Promise<void> {
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    const { campaign, expected, where } = this.spread;
    const { execArgv } = process;
    // What this process was given, without what is about a program that was given as a text.
    const plain = execArgv.filter((flag) => !flag.startsWith("--input-type"));
    const thread: Thread = new Worker(THREAD, {
      name: "rondo/sim",
      ...(plain.length < execArgv.length ? { execArgv: plain } : {}),
    });
    threads.push(thread);
    const begin: ToThread = {
      kind: "begin",
      ...addressOf(where),
      campaign: { ...campaign, policies: campaign.policies.map(({ name }) => name) },
      expected,
    };
    thread.postMessage(begin, []);
    return new Promise((resolve, reject) => {
      const more = (): void => {
        const from = this.next;
        if (from >= this.spread.runs || from > (this.failed?.index ?? Infinity)) {
          resolve();
          return;
        }
        this.next = Math.min(this.spread.runs, from + this.lot);
        const lot: ToThread = { kind: "lot", from, to: this.next };
        thread.postMessage(lot, []);
      };
      thread.on("message", (message: FromThread) => {
        if (message.kind !== "done") {
          reject(message.kind === "broken" ? (message.error as Error) : new NondeterminismError(message.message));
          return;
        }
        this.results.set(message.from, message.counts);
        const { failed } = message;
        if (failed !== undefined && failed.index < (this.failed?.index ?? Infinity)) this.failed = failed;
        more();
      });
      thread.on("error", reject);
      thread.on("exit", (code) => {
        reject(new Error(`a thread of check() ended before its runs did (exit code ${code})`));
      });
      more();
    });
  }
}
