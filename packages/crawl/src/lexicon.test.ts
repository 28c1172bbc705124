import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Lexicon, START, step } from "./lexicon.ts";

function hashOf(word: string): number {
  let hash = START;
  for (let at = 0; at < word.length; at++) hash = step(hash, word.charCodeAt(at));
  return hash;
}

test("a word has the same number wherever it stands, and different words have different ones", () => {
  const lexicon = new Lexicon();
  const text = "storm warm storm";
  expect(lexicon.numberAt(text, 0, 5, hashOf("storm"))).toBe(0);
  expect(lexicon.numberAt(text, 6, 10, hashOf("warm"))).toBe(1);
  expect(lexicon.numberAt(text, 11, 16, hashOf("storm"))).toBe(0);
  expect(lexicon.numberOf("warm")).toBe(1);
  expect(lexicon.words).toEqual(["storm", "warm"]);
});

test("words whose hashes are equal are told apart", () => {
  const lexicon = new Lexicon();
  expect(lexicon.numberAt("storm", 0, 5, 7)).toBe(0);
  expect(lexicon.numberAt("still", 0, 5, 7)).toBe(1);
  expect(lexicon.numberAt("stormy", 0, 6, 7)).toBe(2);
  expect(lexicon.numberAt("storm", 0, 5, 7)).toBe(0);
});

test("a lexicon of many words is a Map of them", { tags: ["long"] }, () => {
  const word = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "b", "é", "東", "\u{1F600}") });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4000, size: "max" }), (words) => {
      const lexicon = new Lexicon();
      const map = new Map<string, number>();
      for (const each of words) {
        if (!map.has(each)) map.set(each, map.size);
        expect(lexicon.numberOf(each)).toBe(map.get(each));
      }
      expect(lexicon.words).toEqual([...map.keys()]);
    }),
    { numRuns: 20 },
  );
});

/** How many characters are looked at. What a hostile text costs is told by that, and not by a clock. */
function looksOf(work: () => void): number {
  using looks = vi.spyOn(String.prototype, "charCodeAt");
  work();
  return looks.mock.calls.length;
}

test("words that were made to have the same hash cost no more than their number, and have numbers of their own", () => {
  const words = Array.from({ length: 4000 }, (_, at) => String.fromCharCode(0xac00 + at));
  const lexicon = new Lexicon();
  const numbers = (): number[] => words.map((word) => lexicon.numberAt(word, 0, 1, 7));
  let first: number[] = [];
  const looks = looksOf(() => (first = numbers()));
  expect(looks / words.length).toBeLessThan(200);
  expect(first).toEqual(words.map((_, at) => at));
  expect(numbers()).toEqual(first);
  expect(lexicon.words).toEqual(words);
});

test("words without room near where they belong are found again when others have made the lexicon grow", () => {
  const crowd = Array.from({ length: 300 }, (_, at) => String.fromCharCode(0xac00 + at));
  const lexicon = new Lexicon();
  const numbers = (): number[] => crowd.map((word) => lexicon.numberAt(word, 0, 1, 7));
  const before = numbers();
  for (let at = 0; at < 5000; at++) {
    const word = `w${at}`;
    lexicon.numberAt(word, 0, word.length, hashOf(word));
    if (at % 700 === 0) expect(numbers()).toEqual(before);
  }
  expect(numbers()).toEqual(before);
  expect(lexicon.size).toBe(5300);
});
