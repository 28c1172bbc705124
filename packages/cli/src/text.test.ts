import * as fc from "fast-check";
import { expect, test } from "vitest";
import { clean, count, counted, fit, pad, size, time, width } from "./text.ts";

test("control characters, escapes and direction overrides are never printed", () => {
  expect(clean("a\u001B[31mred\u0007\r\nb\u202Ec\u0000")).toBe("a [31mred bc");
  expect(clean("  two \u2028 lines\t")).toBe("two lines");
  expect(clean("می‌خواهم")).toBe("می‌خواهم");
});

test("a text is cut to the columns it may take, whatever its characters are", () => {
  expect(fit("short", 10)).toBe("short");
  expect(fit("a longer text", 8)).toBe("a longe…");
  expect(fit("東京都知事", 6)).toBe("東京…");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (text, columns) => {
      expect(width(fit(clean(text), columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test("cells are as wide as they look", () => {
  expect(pad("東", 4)).toBe("東  ");
  expect(pad("7", 3, "right")).toBe("  7");
  expect(pad("long", 2)).toBe("long");
});

test("numbers, sizes and times are those people read", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect([counted(1, "source"), counted(2, "source"), counted(0, "entry", "entries")]).toEqual([
    "1 source",
    "2 sources",
    "0 entries",
  ]);
  expect([0, 999, 1000, 12_345, 999_499, 999_500, 5_242_880, 1e13].map(size)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "12 kB",
    "999 kB",
    "1.0 MB",
    "5.2 MB",
    "10 TB",
  ]);
  expect([0, 340.4, 999.6, 1234, 9949, 64_000, 119_400, 120_000, 185_000].map(time)).toEqual([
    "0 ms",
    "340 ms",
    "1.0 s",
    "1.2 s",
    "9.9 s",
    "64 s",
    "119 s",
    "2 min",
    "3 min 5 s",
  ]);
});
