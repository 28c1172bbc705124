// @module-tag long
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { killAfter, NOTHING } from "../../tests/kill.ts";

const directory = mkdtempSync(join(tmpdir(), "rondo-kill-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a process that is killed loses nothing of what it had reported, and the next one goes on from there", async () => {
  const path = join(directory, "news.db");
  let before = NOTHING;
  for (const lines of [0, 1, 40, 7, 23]) {
    const left = await killAfter(path, before, lines);
    expect(left).toMatchObject({ differences: [], integrity: "ok" });
    // Of the lines that it was killed after, the first may be about what was stored before.
    expect(left.reported).toBeGreaterThanOrEqual(before.stored + Math.max(0, lines - 2));
    before = left;
  }
}, 120_000);
