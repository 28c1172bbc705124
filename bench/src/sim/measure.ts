// What the checks of the simulator share: a rate is the best of a few rounds, by processor time, and a floor has 5 % tolerance.
import { busy } from "../workload.ts";

const TOLERANCE = 0.05;

/** A promise: `least` of something, or no more than `most`. */
export interface Floor {
  readonly least?: number;
  readonly most?: number;
}

export const floor = (least: number): Floor => ({ least });
export const ceiling = (most: number): Floor => ({ most });

/** So many a second of processor time: `work` does some and says how many. The first rounds only teach the engine. */
export function best(rounds: number, work: () => number): number {
  let most = 0;
  for (let round = 0; round < rounds; round++) {
    const started = busy();
    const done = work();
    most = Math.max(most, done / ((busy() - started) / 1e9));
  }
  return most;
}

/** Prints a line, and says with the exit status whether the promise was kept. */
export function judge(what: string, measured: number, promise?: Floor): void {
  const { least, most } = promise ?? {};
  const held =
    (least === undefined || measured >= least * (1 - TOLERANCE)) &&
    (most === undefined || measured <= most * (1 + TOLERANCE));
  const figure = measured.toLocaleString("en", { maximumFractionDigits: measured < 100 ? 1 : 0 });
  const limit =
    least !== undefined
      ? `, at least ${least.toLocaleString("en")}`
      : most !== undefined
        ? `, at most ${most.toLocaleString("en")}`
        : "";
  process.stdout.write(`${what}: ${figure}${limit}${promise === undefined ? "" : held ? ": held" : ": LOST"}\n`);
  if (!held) process.exitCode = 1;
}
