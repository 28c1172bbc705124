import * as fc from "fast-check";
import { expect, test } from "vitest";

import { type ExponentialOptions, exponential, type FailedTry } from "./backoff.ts";

const failed = (attempt: number, draw: (n: number) => number, previous = 0): FailedTry => ({
  attempt,
  error: new Error("no"),
  previous,
  draw,
});
const least = (): number => 0;
const most = (n: number): number => n - 1;

test("without chance a pause doubles from try to try, up to the cap", () => {
  const pause = exponential({ base: 100, cap: 1000, jitter: "none" });
  expect([1, 2, 3, 4, 5, 1000].map((attempt) => pause(failed(attempt, most)))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ]);
});

test("full jitter draws from above 0 to the bound", () => {
  const pause = exponential({ base: 1000, cap: 4000 });
  expect([1, 2, 3, 4].map((attempt) => pause(failed(attempt, most)))).toEqual([1000, 2000, 4000, 4000]);
  expect([1, 2, 3, 4].map((attempt) => pause(failed(attempt, least)))).toEqual([1, 2, 4, 4]);
});

test("equal jitter draws the upper half of the bound", () => {
  const pause = exponential({ base: 1000, jitter: "equal" });
  expect(pause(failed(1, least))).toBeCloseTo(500.5);
  expect(pause(failed(1, most))).toBe(1000);
});

test("decorrelated jitter draws between the base and three times the pause before", () => {
  const pause = exponential({ base: 100, cap: 2000, jitter: "decorrelated" });
  expect(pause(failed(1, most))).toBe(300);
  expect(pause(failed(9, most, 300))).toBe(900);
  expect(pause(failed(9, least, 300))).toBeCloseTo(100.8);
  expect(pause(failed(9, most, 2000))).toBe(2000);
});

test("whatever the chance, a pause is above 0 and not above the cap", () => {
  const jitters = fc.constantFrom<ExponentialOptions["jitter"]>("full", "equal", "decorrelated");
  fc.assert(
    fc.property(jitters, fc.nat(), fc.integer({ min: 1, max: 5000 }), (jitter, chance, attempt) => {
      const pause = exponential({ base: 7, cap: 900, jitter })(failed(attempt, (n) => chance % n, 50));
      expect(pause).toBeGreaterThan(0);
      expect(pause).toBeLessThanOrEqual(900);
    }),
  );
});

test("numbers that make no sense are refused at once", () => {
  expect(() => exponential({ base: -1 })).toThrow("the base of a back-off takes a time in ms");
  expect(() => exponential({ cap: Number.NaN })).toThrow("the cap of a back-off takes a time in ms");
  expect(() => exponential({ factor: 0.5 })).toThrow("grows by a factor of 1 or more");
});
