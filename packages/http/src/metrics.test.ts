/** The histogram: what it says of times is never below them, and never far above. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Histogram, quantile } from "./metrics.ts";

describe("a histogram of times", () => {
  test("counts, adds up and keeps the largest", () => {
    const histogram = new Histogram();
    for (const ms of [0, 0.0015, 3, 250, 1e9]) histogram.add(ms);
    const { count, sum, max, buckets } = histogram.data();
    expect([count, sum, max]).toEqual([5, 1_000_000_253.0015, 1e9]);
    expect(buckets.reduce((all, bucket) => all + bucket.count, 0)).toBe(5);
    expect(new Histogram().data()).toEqual({ count: 0, sum: 0, max: 0, buckets: [] });
    expect(quantile(new Histogram().data(), 0.5)).toBe(0);
  });

  test("a quantile is never below the real one, and at most a quarter and a µs above", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2_000_000_000 }), { minLength: 1, maxLength: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (times, share) => {
          const histogram = new Histogram();
          for (const us of times) histogram.add(us / 1000);
          const sorted = times.toSorted((a, b) => a - b);
          const real = (sorted[Math.max(1, Math.ceil(times.length * share)) - 1] as number) / 1000;
          const said = quantile(histogram.data(), share);
          expect(said).toBeGreaterThanOrEqual(real - 1e-9);
          expect(said).toBeLessThanOrEqual(real * 1.25 + 0.001 + 1e-9);
        },
      ),
    );
  });

  test("buckets follow each other without a gap", () => {
    const histogram = new Histogram();
    for (let us = 0; us < 5000; us++) histogram.add(us / 1000);
    let below = 0;
    for (const { le, count } of histogram.data().buckets) {
      const to = Math.min(5000, Math.round(le * 1000));
      expect(count).toBe(to - below);
      below = to;
    }
  });
});
