/** The promises of the streams of the simulated network, on very many seeds, and what an hour of a busy world weighs. */
import { describe, expect, test } from "vitest";
import { streamSuites } from "../../tests/sim-conformance.ts";
import { streamsUnderTrouble } from "../../tests/sim-streams.ts";

describe("the suites of streams", () => {
  streamSuites(20);
});

const SEEDS = 5000;

test.each([false, true])(
  "what is written arrives on every seed (with crashes: %s)",
  (wild) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = streamsUnderTrouble(seed, wild);
      if (!run.ok) throw new Error(`seed ${seed}: ${String(run.error)}\n${run.waiting}`, { cause: run.error });
    }
    expect(SEEDS).toBeGreaterThan(0);
  },
  600_000,
);
