/**
 * Whether something leaks: the heap after many cycles against the heap after some, both after a collection.
 *
 * Needs `--expose-gc`, which the configuration of the soak tests gives.
 */

/** The live heap, in bytes. */
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
 */
export async function growth(count: number, cycles: (n: number) => Promise<unknown>): Promise<number> {
  const warm = Math.ceil(count / 10);
  await cycles(warm);
  const before = liveHeap();
  await cycles(count - warm);
  return (liveHeap() - before) / (count - warm);
}
