import { expect, test } from "vitest";

import { mix } from "../../src/sim/policy-mix.ts";
import { planted } from "./index.ts";
import { runsUntilFailure } from "./planted.ts";

const RUNS = 2000;

for (const bug of planted) {
  test(`${bug.name}: mended, it survives ${RUNS} runs`, () => {
    expect(runsUntilFailure(bug, "mended", mix, 1_000_000, RUNS)?.run.error).toBeUndefined();
  });
}
