// Kills a process that stores documents, again and again, and looks at what it leaves behind.

import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { run } from "rondo";
import { spawnProcess } from "rondo/os";
import { NewsStore } from "../src/store/store.ts";
import { differences } from "./documents.ts";

const program = fileURLToPath(new URL("recorder.ts", import.meta.url));

/** What there is after a process was killed. */
export interface Left {
  /** Documents that were reported as stored, with their texts, in all processes up to now. */
  readonly reported: number;
  /** Documents that are stored: those, or one more. */
  readonly stored: number;
  readonly differences: string[];
  readonly integrity: unknown;
}

/** What there is before the first process. */
export const NOTHING: Pick<Left, "reported" | "stored"> = { reported: 0, stored: 0 };

/**
 * Starts a process on `path` that goes on where the one before was killed, kills it when it has reported `lines` of
 * them (0: as it begins to open the file), and looks.
 */
export async function killAfter(path: string, before: Pick<Left, "reported" | "stored">, lines: number): Promise<Left> {
  let { reported } = before;
  await run(function* () {
    const recorder = yield* spawnProcess(
      process.execPath,
      ["--conditions=rondo-source", program, path, String(before.stored)],
      {
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    let left = lines;
    // To the end, and not only to the kill: what it said before it died counts.
    for (const said = recorder.stdout.lines(); ;) {
      const line = yield* said.next();
      if (line === undefined) break;
      if (line !== "ready") reported = Number(line) + 1;
      if (left-- === 0) recorder.kill("SIGKILL");
    }
    yield* recorder.wait();
  });
  using store = NewsStore.open(path);
  const found = differences(store, reported);
  const database = new DatabaseSync(path, { readOnly: true });
  const integrity = database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  database.close();
  return { reported, stored: store.health()[0]?.fetches ?? 0, differences: found, integrity };
}
