import { expect, test } from "vitest";
import { latencies } from "./latency.ts";
import { pageFiles } from "./pages.ts";

test("the latencies are the same every time, most of them short and a few long", () => {
  const drawn = latencies(258);
  expect(drawn).toEqual(latencies(258));
  const sum = drawn.reduce((total, each) => total + each, 0);
  expect(sum).toBeGreaterThan(55_000);
  expect(sum).toBeLessThan(75_000);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(1000);
  expect(Math.min(...drawn)).toBeGreaterThan(0);
});

test("there are 258 pages to serve", () => {
  expect(pageFiles()).toHaveLength(258);
});
