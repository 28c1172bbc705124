/** All schedules with up to eight deviations. */
import { expect, test } from "vitest";

import { check, exhaust } from "../../src/sim/index.ts";
import { exhaustive } from "./exhaustive.ts";

for (const [name, program] of Object.entries(exhaustive)) {
  test(
    name,
    () => {
      const { complete } = check({ policy: exhaust({ preemptions: 8, schedules: 1_000_000 }) }, program)();
      expect(complete).toBe(true);
    },
    600_000,
  );
}
