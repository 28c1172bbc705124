// A process that measures one workload: round after round, every contestant once a round.
//
// One process a workload, so that what the engine learnt from one kind of work does not colour the next; all contestants
// in that process, in turn, so that a machine that changes its speed changes it for all of them. Every other round goes
// backwards: neighbours stay neighbours, and nobody always runs in the wake of the same one.
import { PythonPeer, pythonPeers } from "./python.ts";
import { workloads } from "./work/index.ts";
import { amountFor, type Workload } from "./workload.ts";

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
  | { readonly contestant: string; readonly amount: number; readonly cost: number }
  | { readonly contestant: string; readonly error: string };

interface Runner {
  readonly name: string;
  readonly amount: number;
  run(amount: number): Promise<number | undefined>;
}

function tell(report: Report): void {
  process.send?.(report);
}

/** Lets garbage, timers and promises of one contestant end before the next one is timed. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

async function measure(workload: Workload, task: Task): Promise<void> {
  const isWanted = (name: string): boolean => task.contestants.length === 0 || task.contestants.includes(name);
  const runners: Runner[] = workload.contestants
    .filter(({ name }) => isWanted(name))
    .map((contestant) => ({
      name: contestant.name,
      amount: amountFor(workload, contestant.share ?? 1, task.scale),
      run: (amount) => contestant.run(amount),
    }));
  const peers: PythonPeer[] = [];
  if (workload.python) {
    const amount = amountFor(workload, workload.python.share, task.scale);
    for (const name of Object.keys(pythonPeers)) {
      const peer = isWanted(name) && task.python.includes(name) ? await PythonPeer.start(name) : undefined;
      if (!peer) continue;
      peers.push(peer);
      runners.push({ name, amount, run: (units) => peer.run(workload.name, units) });
    }
  }

  const out = new Set<Runner>();
  const once = async (runner: Runner, amount: number, counts: boolean): Promise<void> => {
    if (out.has(runner)) return;
    try {
      const cost = await runner.run(amount);
      if (cost === undefined) out.add(runner);
      else if (counts) tell({ contestant: runner.name, amount, cost: cost / amount });
    } catch (error) {
      out.add(runner);
      tell({ contestant: runner.name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    await settle();
  };

  // A heap is measured once and cold. Time is measured warm: the first round only teaches the engine.
  if (!workload.alone) {
    for (const runner of runners) await once(runner, amountFor(workload, runner.amount / workload.amount, 0.3), false);
  }
  for (let round = 0; round < task.rounds; round++) {
    for (const runner of round % 2 === 0 ? runners : runners.toReversed()) await once(runner, runner.amount, true);
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
