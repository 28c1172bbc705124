/** The promises of a byte stream over the simulated network, on many seeds (`net.soak.ts` has more of them). */
import { expect, test } from "vitest";
import { streamsUnderTrouble } from "../../tests/sim-streams.ts";

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test("all that is written arrives, exactly and in order, under every fault that heals", () => {
  let served = 0;
  for (const seed of seeds(30)) {
    const run = streamsUnderTrouble(seed, false);
    if (!run.ok) throw new Error(`seed ${seed}: ${String(run.error)}\n${run.waiting}`, { cause: run.error });
    served += run.value as number;
  }
  expect(served).toBeGreaterThan(30);
});

test(
  "whoever crashes: what arrives is a beginning of what was written, and all of it where an orderly end is seen",
  { tags: ["long"] },
  () => {
    for (const seed of seeds(30)) {
      const run = streamsUnderTrouble(seed, true);
      if (!run.ok) throw new Error(`seed ${seed}: ${String(run.error)}\n${run.waiting}`, { cause: run.error });
    }
  },
);
