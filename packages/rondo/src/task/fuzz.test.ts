/**
 * Random programs against the rules of the kernel; see tests/programs.ts for what is watched. A failure shows the
 * smallest program that still breaks a rule. `FUZZ=50` runs fifty times as many.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { programs, runProgram } from "../../tests/programs.ts";
import { describeTree } from "./tree.ts";

const effort = Number(process.env["FUZZ"] ?? 1);
const seeds = fc.option(fc.nat(), { nil: undefined });
const patience = 30_000 * effort;

test(
  "no random program breaks a rule, on a schedule drawn for each",
  async () => {
    await fc.assert(
      fc.asyncProperty(programs, seeds, async (program, seed) => {
        expect((await runProgram(program, { seed })).complaints).toEqual([]);
      }),
      { numRuns: 700 * effort },
    );
  },
  patience,
);

test(
  "nor one whose cleanups are cut short by a grace",
  async () => {
    await fc.assert(
      fc.asyncProperty(programs, seeds, fc.nat(12), async (program, seed, grace) => {
        expect((await runProgram(program, { seed, grace })).complaints).toEqual([]);
      }),
      { numRuns: 350 * effort },
    );
  },
  patience,
);

test(
  "the same seed gives the same run",
  async () => {
    await fc.assert(
      fc.asyncProperty(programs, fc.nat(), async (program, seed) => {
        const first = await runProgram(program, { seed });
        expect((await runProgram(program, { seed })).log).toBe(first.log);
      }),
      { numRuns: 100 * effort },
    );
  },
  patience,
);

// Where somebody watches, the kernel takes its slower ways, and never a shortcut through a deep chain.
test(
  "a program that is watched, and probed again and again, does the same as one that is not",
  async () => {
    await fc.assert(
      fc.asyncProperty(programs, seeds, async (program, seed) => {
        const plain = await runProgram(program, { seed });
        let steps = 0;
        const probed = await runProgram(program, {
          seed,
          tap: (root) => ({
            stepEnd() {
              // A probe of everybody takes a while; all places come round all the same.
              if (++steps % 19 !== 0) return;
              const task = root();
              if (task !== undefined && !task.over) describeTree(task);
            },
          }),
        });
        expect(probed.complaints).toEqual([]);
        expect(probed.log).toBe(plain.log);
      }),
      { numRuns: 40 * effort },
    );
  },
  patience,
);
