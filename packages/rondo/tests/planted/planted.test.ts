import { describe, expect, test } from "vitest";

import { fifo } from "../../src/sim/index.ts";
import { mix } from "../../src/sim/policy-mix.ts";
import { planted } from "./index.ts";
import { runPlanted, runsUntilFailure } from "./planted.ts";

/** What the mended ones survive here; planted.soak.ts has them survive more. */
const RUNS = 25;

describe("a planted bug", () => {
  for (const bug of planted) {
    test(`${bug.name}: the tamest run does not show it`, () => {
      expect(runPlanted(bug, "broken", { policy: fifo }).error).toBeUndefined();
    });

    test(`${bug.name}: is found within ${bug.budget} runs, and the recording of the run shows it again`, () => {
      const found = runsUntilFailure(bug, "broken", mix, 1, bug.budget);
      expect(found, "not found").toBeDefined();
      const again = runPlanted(bug, "broken", { replay: found?.run.choices });
      expect(String(again.error)).toBe(String(found?.run.error));
      expect(again.hash).toBe(found?.run.hash);
    });

    test(`${bug.name}: mended, it is not there`, () => {
      expect(runsUntilFailure(bug, "mended", mix, 1, RUNS)?.run.error).toBeUndefined();
    });
  }
});
