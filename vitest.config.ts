// How the tests run: from source, through the condition "rondo-source", so that nothing has to be built first.
// One project for each kind of test, so that a person can run one kind alone: unit, alone, docs, examples, browser;
// and, only when they are asked for, pages, peers and drivers, which have programs of others at the other end or beside them.
// The soak tests have a configuration of their own (vitest.soak.config.ts), since they take minutes.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

// Without "module", which Node does not know: some packages mean files by it that only bundlers can read.
// Tests compare what programs print, and a wish for colours (as continuous integration often has it) is none of theirs.
delete process.env["FORCE_COLOR"];

// Hundreds of processes and threads are begun, each of which would strip the types of the same sources: half of its time.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url));

const conditions = ["rondo-source", "node", "import", "default"];
export const source = { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };

/**
 * Tests that ask what a process is like in which nothing else has run (what is loaded in it, what it has started), that load
 * modules anew, and those that leave loops behind which never end.
 */
const alone = [
  "packages/http/src/without-buffer.test.ts",
  "packages/rondo/src/coroutine/kernel.test.ts",
  "packages/rondo/src/coroutine/shortcut.test.ts",
  "packages/rondo/src/loop/loop.test.ts",
  "packages/rondo/src/net/node/room.test.ts",
  "packages/rondo/src/os/process.test.ts",
  "packages/rondo/src/task/run.test.ts",
  "packages/rondo/src/task/watch.test.ts",
];

/** Whether each benchmark runs, with everyone who is compared in it. */
const peers = ["bench/src/work/work.test.ts"];

export default defineConfig({
  ...source,
  test: {
    // By itself vitest leaves one core to whoever looks on, which of two is half.
    maxWorkers: availableParallelism(),
    tags: [
      {
        name: "long",
        description:
          "Takes most of a second or more by its nature: programs on terminals, the death of processes, millions of things, campaigns.",
        timeout: 120_000,
      },
    ],
    projects: [
      {
        ...source,
        test: {
          name: "unit",
          // Nothing asserts how long it takes, and the machine may be busy: the limit is only for what hangs.
          testTimeout: 30_000,
          include: ["packages/*/src/**/*.test.ts", "packages/*/tests/**/*.test.ts"],
          exclude: alone,
          // A worker for each file would load the same hundreds of modules again: a third of the time.
          isolate: false,
          setupFiles: ["./packages/rondo/tests/no-loop-left.ts"],
        },
      },
      {
        ...source,
        test: {
          name: "alone",
          testTimeout: 30_000,
          include: [...alone, "bench/**/*.test.ts", "examples/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: peers,
        },
      },
      { ...source, test: { name: "docs", include: ["tests/docs/**/*.test.ts"] } },
      { ...source, test: { name: "examples", include: ["tests/examples/**/*.test.ts"] } },
      { ...source, test: { name: "browser", include: ["tests/browser/**/*.test.ts"] } },
      { ...source, test: { name: "pages", include: ["tests/pages/**/*.test.ts"] } },
      { ...source, test: { name: "peers", testTimeout: 30_000, include: peers } },
      {
        extends: false,
        // Node gets them as its own, for the drivers too: with "import" among them what those require would be a module.
        resolve: { conditions: ["rondo-source", "node"] },
        ssr: { resolve: { conditions: ["rondo-source", "node"], externalConditions: ["rondo-source"] } },
        test: { name: "drivers", include: ["tests/drivers/**/*.test.ts"] },
      },
    ],
  },
});
