// A process that measures one workload: round after round, every contestant once a round.
//
// One process a workload, so that what the engine learnt from one kind of work does not colour the next; all contestants
// in that process, in turn, so that a machine that changes its speed changes it for all of them. Every other turn goes
// backwards: neighbours stay neighbours, and nobody always runs in the wake of the same one.
import { PythonPeer, pythonPeers } from "./python.ts";
import { median } from "./statistics.ts";
import { workloads } from "./work/index.ts";
import { amountFor, type Cost, type Workload } from "./workload.ts";

/** What the process is told to do. */
export interface Task {
  readonly workload: string;
  /** Names of contestants; empty: all. */
  readonly contestants: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  /** Python peers that are installed. */
  readonly python: readonly string[];
}

/** What it tells: one measurement, what one unit cost; or that a contestant failed. */
export type Report =
  | { readonly contestant: string; readonly amount: number; readonly cost: number; readonly p99?: number }
  | { readonly contestant: string; readonly error: string };

interface Runner {
  readonly name: string;
  readonly amount: number;
  /** In how many slices it does a round. */
  readonly slices: number;
  run(amount: number): Promise<number | Cost | undefined>;
}

/** A contestant with less than this share of the work does it in one go: cut finer, starting up would be all it does. */
const WHOLE = 0.2;

const NOTHING: Cost = { cost: 0 };

function tell(report: Report): void {
  process.send?.(report);
}

/** Lets garbage, timers and promises of one contestant end before the next one is timed. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

async function measure(workload: Workload, task: Task): Promise<void> {
  const isWanted = (name: string): boolean =>
    (task.contestants.length === 0 || task.contestants.includes(name)) &&
    (pythonPeers[name] === undefined || task.python.includes(name));
  const runners: Runner[] = workload.contestants
    .filter(({ name }) => isWanted(name))
    .map((contestant) => ({
      name: contestant.name,
      amount: amountFor(workload, contestant.share ?? 1, task.scale),
      slices: (contestant.share ?? 1) < WHOLE ? 1 : (workload.slices ?? 1),
      run: (amount) => contestant.run(amount),
    }));
  const peers: PythonPeer[] = [];
  if (workload.python) {
    const amount = amountFor(workload, workload.python.share, task.scale);
    for (const name of Object.keys(pythonPeers)) {
      const peer = isWanted(name) ? await PythonPeer.start(name) : undefined;
      if (!peer) continue;
      peers.push(peer);
      runners.push({ name, amount, slices: 1, run: (units) => peer.run(workload.name, units) });
    }
  }

  const out = new Set<Runner>();
  /** What `amount` units cost, or nothing where the contestant is out. */
  const once = async (runner: Runner, amount: number): Promise<Cost> => {
    if (out.has(runner)) return NOTHING;
    try {
      const cost = await runner.run(amount);
      if (cost === undefined) out.add(runner);
      await settle();
      return typeof cost === "number" ? { cost } : (cost ?? NOTHING);
    } catch (error) {
      out.add(runner);
      tell({ contestant: runner.name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return NOTHING;
    }
  };

  const part = (runner: Runner, of: number): number => amountFor(workload, runner.amount / workload.amount, 1 / of);
  // A heap is measured once and cold. Time is measured warm: the first round only teaches the engine. A whole one: after a third
  // of it the engine was still compiling what has most of code.
  for (let round = workload.alone ? 0 : (workload.warmUp ?? 1); round > 0; round--)
    for (const runner of runners) await once(runner, part(runner, 1));
  let isForward = true;
  for (let round = 0; round < task.rounds; round++) {
    const costs = new Map<Runner, { cost: number; p99s: number[] }>();
    for (let slice = 0; slice < (workload.slices ?? 1); slice++) {
      for (const runner of isForward ? runners : runners.toReversed()) {
        if (slice >= runner.slices) continue;
        const { cost, p99 } = await once(runner, part(runner, runner.slices));
        const sum = costs.get(runner) ?? { cost: 0, p99s: [] };
        costs.set(runner, sum);
        sum.cost += cost;
        if (p99 !== undefined) sum.p99s.push(p99);
      }
      isForward = !isForward;
    }
    for (const [runner, { cost, p99s }] of costs) {
      if (out.has(runner)) continue;
      const amount = part(runner, runner.slices) * runner.slices;
      tell({ contestant: runner.name, amount, cost: cost / amount, ...(p99s.length > 0 && { p99: median(p99s) }) });
    }
  }
  for (const peer of peers) peer.stop();
}

process.once("message", async (task: Task) => {
  const workload = workloads.find(({ name }) => name === task.workload);
  if (!workload) throw new Error(`there is no workload "${task.workload}"`);
  await measure(workload, task);
  // Sleepers of an hour may still be there, and nobody waits for them; disconnecting first sends what is on its way.
  process.disconnect?.();
  setImmediate(() => process.exit(0));
});
