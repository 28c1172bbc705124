/**
 * What a server counts: as data, for whoever wants to show it. A request costs two additions and a place in a histogram.
 *
 * The histogram has buckets whose bounds grow by an eighth to a quarter each (four to a doubling), as in Gil Tene's
 * HdrHistogram: an error of a few per cent at any size, in a fixed amount of memory.
 */

/** Times, sorted into buckets. */
export interface HistogramData {
  /** How many there were. */
  readonly count: number;
  /** All of them together, in ms. */
  readonly sum: number;
  /** The largest, in ms. */
  readonly max: number;
  /** Those buckets in which there is something: up to how many ms (inclusive), and how many, smallest first. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** What a server tells about itself. */
export interface ServerMetrics {
  /** Connections that are open. */
  readonly connections: number;
  /** Of those, the ones between two requests. */
  readonly idle: number;
  /** Connections there were, in all. */
  readonly accepted: number;
  /** Requests that were begun, in all. */
  readonly requests: number;
  /** Requests whose handlers or answers are under way. */
  readonly inFlight: number;
  /** Answers by the first digit of their status: `[0, 1xx, 2xx, 3xx, 4xx, 5xx]`. */
  readonly responses: readonly number[];
  /** Requests whose client left before the answer was whole. */
  readonly abandoned: number;
  /** Heads that were refused by the parser. */
  readonly malformed: number;
  /** What ran out of time, by what it was. */
  readonly timedOut: { readonly [K in "head" | "body" | "idle" | "handler" | "write"]: number };
  /** From the head of a request to the end of its answer. */
  readonly latency: HistogramData;
}

/** Two bits behind the first one: four buckets to a doubling. */
const SUB = 4;
const BUCKETS = 31 * SUB;

/** A histogram of times, in whole µs. */
export class Histogram {
  declare private readonly counts: Float64Array;
  declare private count: number;
  declare private sum: number;
  declare private max: number;

  constructor() {
    this.counts = new Float64Array(BUCKETS);
    this.count = 0;
    this.sum = 0;
    this.max = 0;
  }

  /** Adds a time in ms. */
  add(ms: number): void {
    this.count++;
    this.sum += ms;
    if (ms > this.max) this.max = ms;
    const at = bucketOf(ms * 1000);
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  data(): HistogramData {
    const { count, sum, max, counts } = this;
    const buckets: { le: number; count: number }[] = [];
    for (let i = 0; i < BUCKETS; i++)
      if ((counts[i] as number) > 0) buckets.push({ le: upperBound(i) / 1000, count: counts[i] as number });
    return { count, sum, max, buckets };
  }
}

/** Below 4 each whole number has a bucket; from there on four to a doubling. */
function bucketOf(us: number): number {
  const whole = us >= 0x7fff_ffff ? 0x7fff_ffff : us | 0;
  if (whole < SUB) return whole;
  const power = 31 - Math.clz32(whole);
  return (power - 1) * SUB + ((whole >> (power - 2)) & (SUB - 1));
}

/** The first whole number behind a bucket. */
function upperBound(bucket: number): number {
  if (bucket < SUB) return bucket + 1;
  const power = Math.floor(bucket / SUB) + 1;
  return (SUB + (bucket % SUB) + 1) * 2 ** (power - 2);
}

/**
 * The time below which a share of those in a histogram lie: `quantile(metrics.latency, 0.99)`, in ms. 0 where there are
 * none. Never below the real one, and at most a quarter above.
 *
 * @example
 * ```ts
 * import { quantile } from "@rondo/http";
 *
 * const buckets = [
 *   { le: 1, count: 98 },
 *   { le: 50, count: 2 },
 * ];
 * console.log(quantile({ count: 100, sum: 150, max: 40, buckets }, 0.99)); // prints: 40
 * ```
 */
export function quantile(histogram: HistogramData, share: number): number {
  let left = Math.max(1, Math.ceil(histogram.count * share));
  for (const { le, count } of histogram.buckets) {
    left -= count;
    if (left <= 0) return Math.min(le, histogram.max);
  }
  return histogram.max;
}
