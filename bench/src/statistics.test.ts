import { describe, expect, it } from "vitest";
import { median, pairedRatio } from "./statistics.ts";

describe("median", () => {
  it("is the middle value, whatever the order", () => {
    expect(median([5, 1, 3])).toBe(3);
  });

  it("of an even number is the mean of the two in the middle", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it("of nothing is an error", () => {
    expect(() => median([])).toThrow("no median of nothing");
  });
});

describe("pairedRatio", () => {
  it("is not moved by a machine that changes its speed between rounds", () => {
    expect(pairedRatio([200, 200, 100, 100, 100], [100, 100, 50, 50, 50])).toBe(2);
  });

  it("compares only rounds that both have done", () => {
    expect(pairedRatio([10, 20, 1000], [10, 10])).toBe(1.5);
  });
});
