import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dayName, dayRange, niceTop } from "./scale.ts";

test("an axis ends at a number people count in, not far above the largest value", () => {
  expect([0, 0.2, 1, 2, 7, 9, 11, 35, 66, 99, 101, 4321].map(niceTop)).toEqual([
    1, 1, 1, 2, 8, 10, 20, 40, 80, 100, 200, 5000,
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (most) => {
      const top = niceTop(most);
      expect(top).toBeGreaterThanOrEqual(most);
      expect(top).toBeLessThanOrEqual(2 * most);
    }),
  );
});

test("days have short names, and years only where there are two of them", () => {
  expect(dayName("2026-01-09")).toBe("9 Jan");
  expect(dayRange(["2026-10-24", "2026-10-25", "2026-11-22"])).toBe("24 Oct to 22 Nov");
  expect(dayRange(["2025-12-31", "2026-01-01"])).toBe("31 Dec 2025 to 1 Jan 2026");
  expect(dayRange(["2026-11-22"])).toBe("22 Nov");
  expect(dayRange([])).toBe("");
});
