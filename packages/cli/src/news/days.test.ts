import { expect, test } from "vitest";
import { UsageError } from "../usage.ts";
import { dayOf, since } from "./days.ts";

const TODAY = Date.parse("2026-11-22T15:04:05Z");

test.each([
  ["1d", "2026-11-22"],
  ["7d", "2026-11-16"],
  ["7 days", "2026-11-16"],
  ["2w", "2026-11-09"],
  ["1week", "2026-11-16"],
  ["TODAY", "2026-11-22"],
  ["yesterday", "2026-11-21"],
  ["2026-11-22", "2026-11-22"],
  ["2024-02-29", "2024-02-29"],
])("--since %s begins on %s", (value, from) => {
  expect(since(value, TODAY)).toEqual({ from });
});

test("without --since there is no range", () => {
  expect(since(undefined, TODAY)).toBeUndefined();
  expect(dayOf(TODAY)).toBe("2026-11-22");
});

test.each([
  ["soon", "a number of days or a date"],
  ["", "a number of days or a date"],
  ["7", "a number of days or a date"],
  ["-7d", "a number of days or a date"],
  ["0d", "a number of days or a date"],
  ["99999d", "a number of days or a date"],
  ["7y", "a number of days or a date"],
  ["22.11.2026", "a number of days or a date"],
  ["2026-11-22T10:00", "a number of days or a date"],
  ["24h", "kept by day"],
  ["15 min", "kept by day"],
  ["2026-02-30", "there is no such day"],
  ["2026-13-01", "there is no such day"],
  ["2027-01-01", "lies ahead: today is 2026-11-22"],
])("--since %j is refused: %s", (value, why) => {
  expect(() => since(value, TODAY)).toThrow(UsageError);
  expect(() => since(value, TODAY)).toThrow(why);
});
