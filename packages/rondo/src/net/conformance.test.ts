/**
 * Every stream of Rondo through the exported suites. A maker more is a line more.
 */
import { describe, test } from "vitest";
import { type Operation, run, VirtualHost } from "../index.ts";
import { seeds } from "../../tests/virtual.ts";
import { halfCloseableChecks, type MakePair, type StreamCheckOptions, streamChecks } from "../testing/index.ts";
import { memoryPair, type MemoryPairOptions } from "./index.ts";

/** How the cases of one maker are run: on the real host, or in virtual time on some schedules. */
type Runner = (body: () => Operation<void>) => Promise<void>;

interface Maker {
  readonly name: string;
  readonly make: MakePair;
  readonly options?: StreamCheckOptions;
  /** Whether one direction can end before the other. */
  readonly halfCloses: boolean;
  readonly runner: Runner;
}

/** In virtual time, on every schedule. */
const onSchedules =
  (chosen: readonly (number | undefined)[]): Runner =>
  async (body) => {
    for (const seed of chosen) {
      try {
        await run(body, { host: new VirtualHost({ seed }) });
      } catch (error) {
        if (error instanceof Error) error.message += ` (seed ${seed ?? "none"})`;
        throw error;
      }
    }
  };

function memory(options: MemoryPairOptions): MakePair {
  return function* () {
    return memoryPair(options);
  };
}

const makers: readonly Maker[] = [
  {
    name: "memory",
    make: memory({}),
    options: { clog: 300_000, payload: 20_000 },
    halfCloses: true,
    runner: onSchedules(seeds),
  },
  {
    name: "memory with a window of 100 bytes",
    make: memory({ window: 100 }),
    options: { clog: 3000, payload: 5000 },
    halfCloses: true,
    runner: onSchedules(seeds),
  },
  {
    name: "memory with a window of one byte",
    make: memory({ window: 1 }),
    options: { clog: 500, payload: 1000 },
    halfCloses: true,
    runner: onSchedules(seeds.slice(0, 6)),
  },
];

for (const { name, make, options, halfCloses, runner } of makers) {
  describe(name, () => {
    const checks = [...streamChecks(make, options), ...(halfCloses ? halfCloseableChecks(make, options) : [])];
    test.each(checks)("$name", (check) => runner(() => check.run()));
  });
}
