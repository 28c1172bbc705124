/** Programs as tests: each on a few seeds, or on many. */
import { expect, test } from "vitest";

import { campaign, type Programs } from "./campaign.ts";

/** For the unit tests. */
export function onFewSeeds(programs: Programs, runs: number = 30): void {
  for (const [name, program] of Object.entries(programs)) test(name, () => void campaign(program, runs));
}

/** For the soak tests: a thousand seeds, or as many as RONDO_RUNS says. What is to be seen sometimes must have been. */
export function onManySeeds(programs: Programs): void {
  const runs = Number(process.env["RONDO_RUNS"] ?? 1000);
  for (const [name, program] of Object.entries(programs)) {
    test(name, () => expect(campaign(program, runs).missed).toEqual([]), 600_000);
  }
}
