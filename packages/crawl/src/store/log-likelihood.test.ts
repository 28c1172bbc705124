import * as fc from "fast-check";
import { expect, test } from "vitest";
import { logLikelihood } from "./log-likelihood.ts";

// From table 1 of Dunning's paper: A and B, A without B, B without A, neither, and what he gives for them.
test.each([
  [110, 2442, 111, 29_114, 270.72],
  [29, 13, 123, 31_612, 263.9],
  [31, 23, 139, 31_584, 256.84],
  [10, 0, 3, 31_764, 167.23],
])("of %d, %d, %d and %d is what the paper says", (a, rest, b, others, given) => {
  expect(logLikelihood(a, a + rest, b, b + others)).toBeCloseTo(given, 1);
});

test("of a word worked out by hand", () => {
  // Expected: 5 of 15 here, 10 of 15 there; 995 and 1,990 of the others.
  const sum = 10 * Math.log(2) + 5 * Math.log(0.5) + 990 * Math.log(990 / 995) + 1995 * Math.log(1995 / 1990);
  expect(logLikelihood(10, 1000, 5, 2000)).toBeCloseTo(2 * sum, 10);
  expect(logLikelihood(10, 1000, 5, 2000)).toBeCloseTo(6.969, 3);
});

test("of equal shares is nothing, and of a word that was never said before a number", () => {
  expect(logLikelihood(5, 100, 50, 1000)).toBeCloseTo(0, 10);
  expect(logLikelihood(4, 100, 0, 300)).toBeCloseTo(
    2 * (4 * Math.log(4) + 96 * Math.log(96 / 99) + 300 * Math.log(300 / 297)),
    10,
  );
  expect(logLikelihood(100, 100, 0, 300)).toBeGreaterThan(0);
});

test("is never negative, and does not care which side is which", () => {
  const counts = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([a, more]) => [a, a + more + 1] as const);
  fc.assert(
    fc.property(counts, counts, ([a, c], [b, d]) => {
      const there = logLikelihood(a, c, b, d);
      expect(there).toBeGreaterThanOrEqual(0);
      expect(logLikelihood(b, d, a, c)).toBeCloseTo(there, 6);
    }),
  );
});
