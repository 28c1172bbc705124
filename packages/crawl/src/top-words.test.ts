import * as fc from "fast-check";
import { expect, test } from "vitest";
import { own } from "./own.ts";
import { TopWords } from "./top-words.ts";

test("the commonest words come first, and equal ones by the alphabet", () => {
  const words = new TopWords();
  for (const [word, count] of [
    ["b", 2],
    ["a", 2],
    ["c", 9],
    ["b", 0],
  ] as const)
    words.add(word, count);
  expect(words.top(3)).toEqual([
    { word: "c", count: 9 },
    { word: "a", count: 2 },
    { word: "b", count: 2 },
  ]);
  expect(words.top(0)).toEqual([]);
});

test("the top is what sorting everything would give", () => {
  const count = fc.array(
    fc.tuple(fc.string({ unit: "grapheme-ascii", maxLength: 3 }), fc.integer({ min: 1, max: 9 })),
    { maxLength: 400 },
  );
  fc.assert(
    fc.property(count, fc.integer({ min: 0, max: 20 }), (said, n) => {
      const words = new TopWords();
      const all = new Map<string, number>();
      for (const [word, times] of said) {
        words.add(word, times);
        all.set(word, (all.get(word) ?? 0) + times);
      }
      const sorted = [...all].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, n);
      expect(words.top(n)).toEqual(sorted.map(([word, times]) => ({ word, count: times })));
    }),
  );
});

test("however many words come, no more than the limit are kept, and the common ones stay exact", () => {
  const words = new TopWords(100);
  for (let i = 0; i < 10_000; i++) {
    words.add(`rare${i}`, 1);
    if (i % 10 === 0) words.add("common", 1);
    expect(words.size).toBeLessThanOrEqual(100);
  }
  expect(words.top(1)).toEqual([{ word: "common", count: 1000 }]);
});

test("a text in memory of its own is the same text", () => {
  for (const text of ["short", "a rather long word", "ein längeres Wort — 東京 😀", "\uD83D half of a pair"])
    expect(own(text)).toBe(text);
});
