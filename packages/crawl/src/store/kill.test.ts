import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { killAfter } from "../../tests/kill.ts";

const directory = mkdtempSync(join(tmpdir(), "rondo-kill-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a process that is killed loses nothing of what it had reported, and the next one goes on from there", async () => {
  const path = join(directory, "news.db");
  let stored = 0;
  for (const lines of [0, 1, 40, 7, 23]) {
    const left = await killAfter(path, stored, lines);
    expect(left).toMatchObject({ differences: [], integrity: "ok" });
    expect(left.reported).toBeGreaterThanOrEqual(stored + Math.max(0, lines - 1));
    stored = left.reported;
  }
}, 120_000);
