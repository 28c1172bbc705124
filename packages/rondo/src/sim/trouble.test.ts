/** All of the world at once: TLS over a bad network, disks that lose what was not synced, and every nemesis there is. */
import { describe, expect, it } from "vitest";

import { troubled } from "../../tests/sim/troubled.ts";

describe("a store under all nemeses", () => {
  it("keeps what it has confirmed, and gets somewhere when they are gone", () => {
    let confirmed = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const run = troubled({ seed });
      if (!run.ok) throw run.error;
      confirmed += run.value as number;
    }
    expect(confirmed).toBeGreaterThan(8 * 6);
  });

  it("gives the same run again, byte for byte", () => {
    expect(troubled({ seed: 5 }).hash).toBe(troubled({ seed: 5 }).hash);
  });

  it("loses what it has confirmed where it does not sync, and that is found", () => {
    let found = 0;
    for (let seed = 1; seed <= 30 && found === 0; seed++)
      if (String(troubled({ seed, sync: false }).error).includes("is kept")) found++;
    expect(found).toBe(1);
  });
});
