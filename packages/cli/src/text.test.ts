import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cell, clean, count, counted, fit, pad, size, span, time, toAscii, width } from "./text.ts";

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

test("a text from right to left is isolated, also after it was cut, and takes no more columns for it", () => {
  expect(cell("plain")).toBe("plain");
  expect(cell("חדשות")).toBe("\u2068חדשות\u2069");
  expect(cell("أخبار العالم", 8)).toBe("\u2068أخبار ا…\u2069");
  expect(width(cell("أخبار العالم", 8))).toBe(8);
  expect(cell("\u2067a\u2069 ב")).toBe("\u2068a ב\u2069");
});

test("our own signs have one letter of ASCII each, and everything else stays", () => {
  expect(toAscii("── ✗ a…b · █▌ │ 3 × G² \u2068ש\u2069 é")).toBe("-- x a~b - ## | 3 x G2 ש é");
});

test("how long ago something was is said in one unit", () => {
  expect([0, 29_000, 61_000, 99 * 60_000, 100 * 60_000, 48 * 3_600_000, 50 * 3_600_000, -3_600_000].map(span)).toEqual([
    "0 s",
    "29 s",
    "1 min",
    "99 min",
    "2 h",
    "48 h",
    "2 d",
    "60 min",
  ]);
});
