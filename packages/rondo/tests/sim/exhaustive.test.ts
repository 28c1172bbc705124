/** All schedules with up to three deviations. */
import { expect, test } from "vitest";

import { check, exhaust } from "../../src/sim/index.ts";
import { exhaustive } from "./exhaustive.ts";

for (const [name, program] of Object.entries(exhaustive)) {
  test(name, () => {
    const { complete } = check({ policy: exhaust({ preemptions: 3 }) }, program)();
    expect(complete).toBe(true);
  });
}
