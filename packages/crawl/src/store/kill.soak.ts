// Fifty processes on one database, each killed at another moment, in the thick of writing or of opening.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { killAfter, NOTHING } from "../../tests/kill.ts";

const directory = mkdtempSync(join(tmpdir(), "rondo-kill-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("at fifty moments", async () => {
  const path = join(directory, "news.db");
  let before = NOTHING;
  let seed = 1;
  for (let round = 0; round < 50; round++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const lines = round % 10 === 0 ? 0 : seed % 60;
    const left = await killAfter(path, before, lines);
    expect(left, `round ${round}, killed after ${lines} documents`).toMatchObject({ differences: [], integrity: "ok" });
    expect(left.reported).toBeGreaterThanOrEqual(before.reported);
    before = left;
  }
});
