import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkUtf8, Utf8Checker } from "./utf8.ts";

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (two) => parseInt(two, 16));

/** At which byte it is known that this is no text; its length where it is cut at its end, -1 where it is text. */
function refusedAt(bytes: Uint8Array): number {
  const checker = new Utf8Checker();
  for (let i = 0; i < bytes.length; i++) if (!checker.push(bytes.subarray(i, i + 1))) return i;
  return checker.whole ? -1 : bytes.length;
}

/** As Node sees it. */
const isText = (bytes: Uint8Array): boolean => isUtf8(bytes);

test.each([
  ["the first character of each length", "00 c2 80 e0 a0 80 f0 90 80 80"],
  ["the last character of each length", "7f df bf ef bf bf f4 8f bf bf"],
  ["around the surrogates", "ed 9f bf ee 80 80"],
  ["characters that are none, and a mark of order", "ef bf bd ef bf be ef bb bf ef b7 90"],
  ["Greek", "ce ba e1 bd b9 cf 83 ce bc ce b5"],
])("text: %s", (_what, bytes) => {
  expect(refusedAt(hex(bytes))).toBe(-1);
  expect(isText(hex(bytes))).toBe(true);
});

// Of each the byte is named at which it is known, counted from 0.
test.each([
  ["a continuation first", "80", 0],
  ["the last continuation first", "bf", 0],
  ["a continuation after a whole character", "c2 80 80", 2],
  ["a slash in two bytes", "c0 af", 0],
  ["a slash in three bytes", "e0 80 af", 1],
  ["a slash in four bytes", "f0 80 80 af", 1],
  ["a slash in five bytes", "f8 80 80 80 af", 0],
  ["a slash in six bytes", "fc 80 80 80 80 af", 0],
  ["the largest overlong of two bytes", "c1 bf", 0],
  ["the largest overlong of three bytes", "e0 9f bf", 1],
  ["the largest overlong of four bytes", "f0 8f bf bf", 1],
  ["the first surrogate", "ed a0 80", 1],
  ["the last surrogate", "ed bf bf", 1],
  ["a pair of surrogates", "ed a0 80 ed b0 80", 1],
  ["beyond the last character", "f4 90 80 80", 1],
  ["far beyond it", "f5 80 80 80", 0],
  ["fe", "fe", 0],
  ["ff", "ff", 0],
  ["text, and a surrogate in it", "ce ba e1 bd b9 ed a0 80 65", 6],
  ["ASCII where a continuation is due", "c2 20", 1],
  ["ASCII in the middle of three", "e1 80 20", 2],
  ["a new character in the middle of four", "f1 80 80 c2 80", 3],
  ["cut after the first of two", "c2", 1],
  ["cut in three", "e1 80", 2],
  ["cut in four", "f1 80 80", 3],
  ["behind long ASCII", `${"61".repeat(50)} ff`, 50],
])("no text: %s", (_what, bytes, at) => {
  expect(refusedAt(hex(bytes))).toBe(at);
  expect(checkUtf8(hex(bytes))).toBe(false);
  expect(isText(hex(bytes))).toBe(false);
});

test("every sequence of three bytes is judged as Node judges it", () => {
  const bytes = new Uint8Array(4);
  // The second byte decides most: all of them, with every first that may begin a character, and a third of each sort.
  const firsts = Array.from({ length: 256 }, (_, i) => i).filter((i) => i === 0x41 || i === 0x80 || i > 0xbe);
  for (const first of firsts)
    for (let second = 0; second < 256; second++)
      for (const third of [0x7f, 0x80, 0xbf, 0xc0]) {
        bytes.set([first, second, third, 0x41]);
        for (let length = 1; length <= 3; length++) {
          const part = bytes.subarray(0, length);
          if (checkUtf8(part) !== isText(part)) throw new Error(`differs at ${[...part].join(" ")}`);
        }
      }
});

test("text that is cut anywhere is text, and bytes are judged alike however they come", () => {
  const codes = fc.array(fc.oneof(fc.nat(0x7ff), fc.nat(0xffff), fc.nat(0x10ffff)), { maxLength: 20 });
  const text = codes.map((all) => new TextEncoder().encode(String.fromCodePoint(...all).toWellFormed()));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), text), fc.nat(40), (bytes, cut) => {
      const checker = new Utf8Checker();
      const good = checker.push(bytes.subarray(0, cut)) && checker.push(bytes.subarray(cut)) && checker.whole;
      expect(good).toBe(isText(bytes));
    }),
    { numRuns: 150 },
  );
});

test("long text, which the platform looks at, is judged as short text is, wherever it is cut and wherever it is wrong", () => {
  const pieces = fc.array(fc.constantFrom("a".repeat(40), "é", "€", "😀", "x".repeat(7), "ж".repeat(30)), {
    minLength: 4,
    maxLength: 20,
  });
  const flaw = fc.option(
    fc.tuple(fc.nat(1000), fc.constantFrom("80", "ff", "c0 80", "ed a0 80", "f4 90", "e2 82", "f0 9f 98")),
    { nil: undefined },
  );
  fc.assert(
    fc.property(pieces, flaw, fc.array(fc.nat(1000), { maxLength: 3 }), (texts, wrong, cuts) => {
      let bytes: Uint8Array = new TextEncoder().encode(texts.join(""));
      if (wrong !== undefined) {
        const at = wrong[0] % (bytes.length + 1);
        bytes = Buffer.concat([bytes.subarray(0, at), hex(wrong[1]), bytes.subarray(at)]);
      }
      const checker = new Utf8Checker();
      let good = true;
      let from = 0;
      for (const end of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)) {
        good &&= checker.push(bytes.subarray(from, end));
        from = end;
      }
      expect(good && checker.whole).toBe(isText(bytes));
    }),
    { numRuns: 200 },
  );
});
