// Runs every program in examples/ as a person would, and looks at what it printed.
//
// A program is examples/NAME.ts or examples/NAME/main.ts. It must end by itself with status 0 within a minute, and print
// every line that it says it prints (`// prints: TEXT`), in that order; it may print more in between.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { printsOf } from "../../scripts/doc-examples.ts";
import { root, shown } from "../../scripts/repo.ts";

const folder = join(root, "examples");
const programs = readdirSync(folder, { withFileTypes: true })
  .map((entry) => join(folder, entry.name, ...(entry.isDirectory() ? ["main.ts"] : [])))
  .filter((file) => /(?<!\.test)\.ts$/.test(file) && existsSync(file));

/** Those that are done at once: the others serve, start processes, or download. */
const quick = /examples.(just-coroutines|handwritten-loop|groups-and-cancel|pipelines)\b/;

interface Ended {
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function runProgram(file: string): Promise<Ended> {
  const args = ["--conditions=rondo-source", file];
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: root, timeout: 60_000 }, (error, stdout, stderr) =>
      done({ status: error === null ? 0 : (error.code ?? error.signal), stdout, stderr }),
    );
  });
}

/** The first of `wanted` that `lines` lack, given that they must come in this order. */
function firstMissing(lines: readonly string[], wanted: readonly string[]): string | undefined {
  let at = -1;
  for (const line of wanted) {
    at = lines.indexOf(line, at + 1);
    if (at === -1) return line;
  }
  return undefined;
}

for (const file of programs) {
  test(
    `${shown(file)} ends well and prints what it says`,
    { timeout: 70_000, tags: quick.test(shown(file)) ? [] : ["long"] },
    async () => {
      const { status, stdout, stderr } = await runProgram(file);
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      const lines = stdout.split("\n").map((line) => line.trim());
      expect(lines.filter(Boolean).length, "lines printed").toBeGreaterThan(0);
      expect(firstMissing(lines, printsOf(readFileSync(file, "utf8"))), stdout).toBeUndefined();
    },
  );
}
