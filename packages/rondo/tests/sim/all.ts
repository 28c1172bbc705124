/** Every program that is simulated, for the nightly runs. */
import type { Program } from "./campaign.ts";
import { dialing } from "./dialing.ts";
import { lines } from "./lines.ts";
import { locks } from "./locks.ts";
import { pools } from "./pools.ts";
import { serving } from "./serving.ts";
import { signals } from "./signals.ts";
import { streams } from "./streams.ts";
import { tasks } from "./tasks.ts";

export const all: ReadonlyMap<string, Program> = new Map(
  [locks, signals, lines, tasks, streams, serving, pools, dialing].flatMap((programs) => Object.entries(programs)),
);
