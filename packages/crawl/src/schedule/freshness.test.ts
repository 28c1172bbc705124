import { expect, test } from "vitest";
import { freshFor } from "./freshness.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const at = (ms: number): string => new Date(NOW + ms).toUTCString();
const fresh = (fields: Record<string, string>): number => freshFor(new Map(Object.entries(fields)), NOW) / 1000;

test("an answer that says nothing is not fresh", () => {
  expect(fresh({})).toBe(0);
  expect(fresh({ "cache-control": "public" })).toBe(0);
});

test.each([
  ["max-age=60", 60],
  ["public, max-age=60, must-revalidate", 60],
  ["MAX-AGE=60", 60],
  ['max-age="60"', 60],
  ["max-age = 60", 60],
  ["max-age=60, max-age=600", 60],
  ["s-maxage=600, max-age=60", 60],
  ["s-maxage=600", 0],
  ["x-max-age=60", 0],
  ["max-age=0", 0],
  ["max-age=-1", 0],
  ["max-age=1.5", 0],
  ["max-age=soon", 0],
  ["max-age", 0],
  ["max-age=60, no-cache", 0],
  ["no-store, max-age=60", 0],
  ['no-cache="set-cookie, max-age=5", max-age=60', 60],
  ["max-age=99999999999999", 2 ** 31],
])("Cache-Control: %s is fresh for %d s", (field, expected) => {
  expect(fresh({ "cache-control": field })).toBe(expected);
});

test("what the answer spent on its way is taken off", () => {
  expect(fresh({ "cache-control": "max-age=60", age: "20" })).toBe(40);
  expect(fresh({ "cache-control": "max-age=60", age: "100" })).toBe(0);
  expect(fresh({ "cache-control": "max-age=60", date: at(-15_000) })).toBe(45);
  expect(fresh({ "cache-control": "max-age=60", date: at(-15_000), age: "20" })).toBe(40);
  expect(fresh({ "cache-control": "max-age=60", age: "old" })).toBe(60);
});

test("a server whose clock is ahead does not make its answers fresher", () => {
  expect(fresh({ "cache-control": "max-age=60", date: at(3_600_000) })).toBe(60);
});

test("Expires counts from Date, and only where there is no max-age", () => {
  expect(fresh({ expires: at(90_000) })).toBe(90);
  expect(fresh({ expires: at(90_000), "cache-control": "max-age=60" })).toBe(60);
  expect(fresh({ expires: at(90_000), "cache-control": "max-age=nonsense" })).toBe(0);
  // Both are of a clock an hour ahead.
  expect(fresh({ expires: at(3_690_000), date: at(3_600_000) })).toBe(90);
  expect(fresh({ expires: at(-1) })).toBe(0);
});

test.each(["0", "-1", "never", "", "2026"])("Expires: %s means that it has expired", (expires) => {
  expect(fresh({ expires })).toBe(0);
});
