// A session: every workload measured in a process of its own, and what they told put together.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pythonPeers } from "./python.ts";
import type { Report, Task } from "./runner.ts";
import type { Workload } from "./workload.ts";

const runner = fileURLToPath(new URL("runner.ts", import.meta.url));

/** What one contestant's rounds cost, each for one unit of the work. */
export interface Measured {
  readonly amount: number;
  readonly costs: number[];
  /** How long 99 of 100 requests took at most, in ns, round by round; empty where there are no requests. */
  readonly p99s: number[];
}

/** A workload's outcome. */
export interface Result {
  readonly workload: Workload;
  readonly measured: Map<string, Measured>;
  /** What went wrong, by contestant. */
  readonly failures: Map<string, string>;
}

/** How a session is run; see options.ts. */
export interface Plan {
  readonly rounds: number;
  readonly scale: number;
  /** Python peers that are installed. */
  readonly python: readonly string[];
}

/** Measures one workload. Never rejects: what goes wrong is in the result. */
export async function measureWorkload(workload: Workload, plan: Plan): Promise<Result> {
  const result: Result = { workload, measured: new Map(), failures: new Map() };
  const task = { workload: workload.name, ...plan };
  if (!workload.alone) {
    await inProcess({ ...task, contestants: [] }, result);
    return result;
  }
  // Heaps hardly vary: three rounds show whether they do.
  const contestants = [...workload.contestants.map(({ name }) => name), ...(workload.python ? plan.python : [])].filter(
    (name) => pythonPeers[name] === undefined || plan.python.includes(name),
  );
  for (let round = 0; round < Math.min(plan.rounds, 3); round++) {
    for (const name of contestants) {
      // It has failed, or is not there.
      if (result.failures.has(name) || (round > 0 && !result.measured.has(name))) continue;
      await inProcess({ ...task, rounds: 1, contestants: [name] }, result, true);
    }
  }
  return result;
}

function inProcess(task: Task, result: Result, heap = false): Promise<void> {
  return new Promise((resolve) => {
    const flags = heap ? ["--expose-gc", "--max-old-space-size=8192"] : [];
    const child = fork(runner, {
      execArgv: ["--conditions=rondo-source", "--disable-warning=MaxListenersExceededWarning", ...flags],
    });
    child.on("message", (report: Report) => take(report, result));
    child.once("exit", (status, signal) => {
      if (status !== 0) {
        const who = task.contestants.join(", ") || "the process";
        result.failures.set(who, `ended with ${signal ?? `status ${status}`}`);
      }
      resolve();
    });
    child.send(task);
  });
}

function take(report: Report, result: Result): void {
  if ("error" in report) {
    result.failures.set(report.contestant, report.error);
    return;
  }
  const { contestant, amount, cost, p99 } = report;
  let measured = result.measured.get(contestant);
  if (!measured) result.measured.set(contestant, (measured = { amount, costs: [], p99s: [] }));
  measured.costs.push(cost);
  if (p99 !== undefined) measured.p99s.push(p99);
}
