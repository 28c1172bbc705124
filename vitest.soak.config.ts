// The soak tests: a million cycles of one thing, then the heap must be as flat as before.
// They run apart from the others, one file at a time in a process of its own, where the collector can be called.
import { defineConfig } from "vitest/config";

import { source } from "./vitest.config.ts";

export default defineConfig({
  ...source,
  test: {
    name: "soak",
    include: ["packages/*/{src,tests}/**/*.soak.ts", "examples/**/*.soak.ts"],
    pool: "forks",
    execArgv: ["--expose-gc"],
    fileParallelism: false,
    testTimeout: 600_000,
  },
});
