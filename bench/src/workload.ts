// What a benchmark is made of: a workload, and the contestants that each do it in their own idiom.
//
// A contestant times itself, because only it knows where the set-up ends and the work begins; `busy()` is the one clock
// they all use. The harness knows nothing but names, amounts and results.

/** One runtime's way of doing a workload. */
export interface Contestant {
  /** Who does it: `Rondo`, `async/await`, `Effect`, ... */
  readonly name: string;
  /** The part of the workload's amount that is given to a contestant too slow for all of it; 1 when left out. */
  readonly share?: number;
  /** Not every machine has it. */
  readonly optional?: boolean;
  /** What a reader of its figures must know, printed under the table. */
  readonly note?: string;
  /**
   * Does `amount` units of the work.
   *
   * @returns the cost of all of them together, in the workload's unit; `undefined` where it is not there at all
   */
  run(amount: number): Promise<number | Cost | undefined>;
}

/** A cost, and how long one had to wait. */
export interface Cost {
  /** In the workload's unit, of all units together. */
  readonly cost: number;
  /** In how many ns 99 of 100 requests were answered. */
  readonly p99?: number | undefined;
}

/** One kind of work, done by every contestant in turn. */
export interface Workload {
  /** What `--only` takes. */
  readonly name: string;
  /** What the table shows. */
  readonly title: string;
  /** Which table it stands in: the one of the runtime itself when left out, or that of input and output. */
  readonly table?: "net";
  /** Measured only with `--full`, or by its name. */
  readonly extra?: boolean;
  /** `ns`: nanoseconds of processor time. `bytes`: heap held. Each result is divided by the amount. */
  readonly unit: "ns" | "bytes";
  /** How many units a round does. */
  readonly amount: number;
  /** Amounts are multiples of this; 1,000 when left out. */
  readonly step?: number;
  /** How many rounds each contestant does before it is measured, where that is not one. */
  readonly warmUp?: number;
  /**
   * In how many slices a round does its amount, each contestant's between those of the others; 1 when left out. The
   * more, the nearer in time is what is compared; but work whose amount is its point cannot be sliced.
   */
  readonly slices?: number;
  /** Whether each measurement needs a fresh process: heaps are compared, and `gc()` is forced. */
  readonly alone?: boolean;
  readonly contestants: readonly Contestant[];
  /** Whether bench.py does this work too, and the part of the amount it is given. */
  readonly python?: { readonly share: number };
}

/** How many units a contestant with this `share` does at this `scale` (1: all of it). */
export function amountFor(workload: Workload, share: number, scale: number): number {
  const step = workload.step ?? 1000;
  return Math.max(1, Math.round((workload.amount * share * scale) / step)) * step;
}

/**
 * Nanoseconds for which this thread has had a processor. Neither what the event loop slept counts, nor what other
 * processes took: on a shared machine the wall clock measures the neighbours.
 */
export function busy(): number {
  // Linux books a running thread's time only at its clock tick, 4 ms apart; a thread that goes to sleep is booked at once. A nap
  // may be over before it has begun, and then the clock stands where it stood.
  for (;;) {
    Atomics.wait(nap, 0, 0, 0.01);
    const { user, system } = process.threadCpuUsage();
    if (user + system > booked) return (booked = user + system) * 1e3;
  }
}

/** What the clock of this thread has said last, in microseconds. */
let booked = 0;

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Bytes of JavaScript heap in use after everything unreachable has been collected. Needs `--expose-gc`. */
export function heapInUse(): number {
  if (!globalThis.gc) throw new Error("heapInUse() needs node --expose-gc");
  // Twice: finalisers that ran in the first pass let go of more.
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** A time no benchmark reaches, in ms: what sleepers that are to be cancelled wait for. */
export const AN_HOUR = 3_600_000;
