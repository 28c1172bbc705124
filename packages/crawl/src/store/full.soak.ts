// A disk that is really full: a small one in memory, where the machine lets a test make one.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { differences, documentOf } from "../../tests/documents.ts";
import { StoreError } from "./error.ts";
import { NewsStore } from "./store.ts";

const disk = mkdtempSync(join(tmpdir(), "rondo-disk-"));
const mounted = mount();
afterAll(() => {
  if (mounted) execFileSync("umount", [disk]);
  rmdirSync(disk);
});

function mount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.runIf(mounted)(
  "is called full at whatever document, keeps what was stored, and is written again when there is room",
  () => {
    for (let filler = 30; filler < 70; filler++) {
      const path = join(disk, "news.db");
      writeFileSync(join(disk, "filler"), Buffer.alloc(filler * 4096));
      let stored = 0;
      {
        using store = NewsStore.open(path);
        const run = store.beginRun(0);
        try {
          for (;;) store.record(run, [documentOf(stored++)]);
        } catch (error) {
          stored--;
          expect(error).toBeInstanceOf(StoreError);
          expect(error).toMatchObject({ kind: "full" });
        }
        rmSync(join(disk, "filler"));
        expect(store.health()[0]?.fetches ?? 0).toBe(stored);
        store.record(run, [documentOf(stored++)]);
      }
      using store = NewsStore.open(path);
      expect(differences(store, stored).filter((each) => !each.includes("text"))).toEqual([]);
      store.close();
      for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
    }
  },
);
