/** As trouble.test.ts, on many seeds, some of them twice. */
import { expect, test } from "vitest";

import { troubled } from "../../tests/sim/troubled.ts";

test("a store under all nemeses keeps what it has confirmed, on a thousand seeds", { timeout: 600_000 }, () => {
  for (let seed = 1; seed <= 1000; seed++) {
    const run = troubled({ seed });
    if (!run.ok) throw new Error(`seed ${seed}: ${String(run.error)}`, { cause: run.error });
    if (seed % 20 === 0) expect(troubled({ seed }).hash).toBe(run.hash);
  }
});
