// The two figures the benchmark reports.
//
// A machine may change its speed in the middle of a run (shared ones do, by more than half). A median survives that, and
// a ratio does if it is taken between two measurements that lie beside each other: so ratios are made round by round,
// and the median of those is reported, not the ratio of two medians.

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error("there is no median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** How many times `costs` the costs in `unit` are, round by round: the median of the quotients. */
export function pairedRatio(costs: readonly number[], unit: readonly number[]): number {
  const rounds = Math.min(costs.length, unit.length);
  return median(Array.from({ length: rounds }, (_, i) => (costs[i] as number) / (unit[i] as number)));
}
