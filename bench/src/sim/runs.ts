// How many runs of a small distributed program there are in a second of one processor, and what more threads make of it.
import { availableParallelism } from "node:os";
import { check, simulate } from "rondo/sim";
import { mix, policyOf } from "../../../packages/rondo/src/sim/policy-mix.ts";
import { jobQueue } from "./job-queue.ts";
import { best, floor, judge } from "./measure.ts";

const runs = Number(process.argv[2] ?? 2000);

function oneAfterTheOther(faults: "none" | "swarm"): number {
  let seed = 0;
  return best(3, () => {
    for (let i = 0; i < runs; i++) {
      const run = simulate({ seed: ++seed, policy: policyOf(mix, seed), network: { faults } }, jobQueue);
      if (!run.ok) throw run.error;
    }
    return runs;
  });
}

judge("runs a second of a job queue", oneAfterTheOther("none"), floor(500));
judge("with the troubles that each seed draws", oneAfterTheOther("swarm"));

// By the clock on the wall: the other threads' time is not this one's. Only where the machine has cores to spare this says much.
const body = { module: new URL("./job-queue.ts", import.meta.url), name: "jobQueue" };
const cores = availableParallelism();
for (const jobs of [...new Set([1, cores])]) {
  const campaign = check({ runs: 4 * runs, jobs, confirm: Infinity }, body);
  const began = performance.now();
  await campaign();
  judge(
    `runs a second by the wall clock, in ${jobs} of ${cores} threads`,
    (4 * runs * 1000) / (performance.now() - began),
  );
}
