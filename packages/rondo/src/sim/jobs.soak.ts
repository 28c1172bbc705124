// What takes several threads, each of which loads the runtime anew.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { NondeterminismError } from "./campaign.ts";
import { check } from "./check.ts";
import type { CheckError } from "./failure.ts";

const module = new URL("../../tests/sim-bodies.ts", import.meta.url);

beforeEach(() => {
  for (const name of ["RONDO_SEED", "RONDO_RUNS", "RONDO_REPLAY", "RONDO_JOBS"]) vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe("a body in several threads", () => {
  test("fails in the same run and with the same words, however many threads there are", async () => {
    const failures: CheckError[] = [];
    for (const jobs of [1, 2, undefined]) {
      await check({ runs: 900, jobs }, { module, name: "unlucky" })().then(
        () => undefined,
        (error: CheckError) => failures.push(error),
      );
    }
    const [first, second, third] = failures;
    expect(first?.message).toContain("seventy-seven");
    expect(first?.cause).toBeInstanceOf(RangeError);
    expect(second?.message).toBe(first?.message);
    expect(third?.message).toBe(first?.message);
  });

  test("fails in the run with the lowest seed, whichever thread is done first", async () => {
    const seeds: unknown[] = [];
    for (const jobs of [1, 2, 2, 2]) {
      await check({ runs: 400, jobs, shrink: false }, { module, name: "clumsy" })().catch((error: CheckError) =>
        seeds.push(error.seed),
      );
    }
    expect(seeds).toEqual([seeds[0], seeds[0], seeds[0], seeds[0]]);
  });

  test("a run that fails in a thread and passes here is told as what it is", async () => {
    const error: unknown = await check({ runs: 20, jobs: 2, confirm: Infinity }, { module, name: "impatient" })().catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(NondeterminismError);
    expect((error as Error).message).toMatch(/^not again\n\nSeed \d+ failed with this in a thread, and passes here\./);
  });
});
