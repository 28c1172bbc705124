import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { backOff, httpDate, isPassing, retryAfter } from "./retry.ts";

test("the tamest draw waits half the limit, and the limit doubles up to half a minute", () => {
  const tame = [1, 2, 3, 4].map((tries) => backOff(tries, () => 0));
  expect(tame).toEqual([250, 500, 1000, 2000]);
  expect(backOff(50, () => 0)).toBe(15_000);
});

test("a wait is never nothing and never more than the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(), (tries, chance) => {
      const wait = backOff(tries, (n) => chance % n);
      expect(wait).toBeGreaterThanOrEqual(250);
      expect(wait).toBeLessThanOrEqual(30_000);
    }),
  );
});

test("Retry-After is seconds or an HTTP date, and nothing else", () => {
  const now = Date.UTC(2026, 0, 1);
  expect(retryAfter("0", now)).toBe(0);
  expect(retryAfter(" 30 ", now)).toBe(30_000);
  expect(retryAfter("Thu, 01 Jan 2026 00:02:00 GMT", now)).toBe(120_000);
  expect(retryAfter("Thursday, 01-Jan-26 00:00:10 GMT", now)).toBe(10_000);
  expect(retryAfter("Thu Jan  1 00:00:05 2026", now)).toBe(5_000);
  expect(retryAfter("Wed, 31 Dec 2025 23:59:00 GMT", now)).toBe(0);
  for (const nonsense of ["", "soon", "-1", "1.5", "2026-01-01", "99999999999999", null, undefined]) {
    expect(retryAfter(nonsense, now)).toBeUndefined();
  }
});

test("a date of a header is in the zone that it names, and in GMT where it names none, wherever this runs", () => {
  const ten = Date.UTC(2026, 10, 22, 10);
  const hour = 3_600_000;
  vi.stubEnv("TZ", "America/New_York");
  try {
    expect(new Date(ten).getHours()).toBe(5);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00 GMT")).toBe(ten);
    expect(httpDate(" sun, 22 nov 2026 10:00:00 gmt ")).toBe(ten);
    expect(httpDate("Sunday, 22-Nov-26 10:00:00 GMT")).toBe(ten);
    expect(httpDate("Sun Nov 22 10:00:00 2026")).toBe(ten);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00")).toBe(ten);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00 UTC")).toBe(ten);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00 +0100")).toBe(ten - hour);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00 -02:00")).toBe(ten + 2 * hour);
    expect(httpDate("Sun, 22 Nov 2026 10:00:00 EST")).toBe(ten + 5 * hour);
    for (const none of ["0", "-1", "2026", "2026-11-22", "", "sun", "Sun, 99 Nov 2026 10:00:00 GMT", null, undefined])
      expect(httpDate(none)).toBeUndefined();
  } finally {
    vi.unstubAllEnvs();
  }
});

test("only failures that pass by themselves are tried again", () => {
  expect([408, 425, 429, 500, 502, 503, 504].every(isPassing)).toBe(true);
  expect([200, 301, 400, 401, 403, 404, 410, 501].some(isPassing)).toBe(false);
});
