/**
 * Whether something leaks: the heap after many cycles against the heap after some, both after a collection.
 *
 * Needs `--expose-gc`, which the configuration of the soak tests gives.
 */
import { setImmediate as turn } from "node:timers/promises";

/** The live heap, in bytes, as it is in this turn of the host. See `growth` about what weak references hold until its end. */
export function liveHeap(): number {
  if (globalThis.gc === undefined)
    throw new Error("the soak tests need node --expose-gc: run them with npm run test:soak");
  // Twice: what only a finaliser held goes with the second.
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/**
 * Runs `cycles(n)` for a tenth of `count` to warm up and then for the rest; gives the growth of the live heap over the
 * rest, in bytes a cycle. What leaks one object a cycle shows as at least 16.
 *
 * The host has a turn before each look. What a `WeakRef` was made of or asked for lives until the job that did it is over
 * (ECMA-262, 9.10: KeptAlive), with all its microtasks; Node's abort signals and event targets make such references. A run
 * whose wakes are all promises goes on for up to a thousand of them in one job, and ends anywhere among these: without the
 * turn, what the last hundreds of cycles made would count as left behind by all.
 */
export async function growth(count: number, cycles: (n: number) => Promise<unknown>): Promise<number> {
  const warm = Math.ceil(count / 10);
  await cycles(warm);
  await turn();
  const before = liveHeap();
  await cycles(count - warm);
  await turn();
  return (liveHeap() - before) / (count - warm);
}
