import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TermCounter } from "./terms.ts";
import { eachWord, fold } from "./words.ts";

const count = (text: string, ...terms: string[]): number[] => new TermCounter(terms).count(fold(text));

test("a term is counted whatever its case, and only as a whole word", () => {
  expect(count("Rome, ROME and rome; Romeo, Jerome", "rome")).toEqual([3]);
});

test("a term of several words is counted across spaces and hyphens, and not across a full stop or a comma", () => {
  expect(count("climate change, Climate-Change\nand climate \t change", "climate change")).toEqual([3]);
  expect(count("the climate. Change, climate, change; climate and change", "climate change")).toEqual([0]);
});

test("possessives and elided articles do not hide a term", () => {
  expect(count("Turing's test, prix de l'énergie", "turing test", "prix de énergie", "Turing")).toEqual([1, 1, 1]);
});

test("one occurrence is never counted for two, and terms that overlap are each counted", () => {
  expect(count("ha ha ha ha ha", "ha ha")).toEqual([2]);
  expect(count("new york times", "new york", "york times", "york")).toEqual([1, 1, 1]);
  expect(count("the the cat", "the cat")).toEqual([1]);
});

test("a term in a script without spaces is found wherever it stands", () => {
  expect(count("東京都知事は東京で、東京タワー", "東京")).toEqual([3]);
  expect(count("ประเทศไทยและไทย", "ไทย")).toEqual([2]);
});

test("the same term given twice is counted for both", () => {
  expect(count("storm", "storm", "Storm")).toEqual([1, 1]);
});

test("what one text ends with and the next begins with is no mention", () => {
  const terms = new TermCounter(["climate change"]);
  expect(terms.count(fold("the climate"))).toEqual([0]);
  expect(terms.count(fold("change is near"))).toEqual([0]);
});

test("a term without a letter or a digit is refused", () => {
  expect(() => new TermCounter(["—"])).toThrow(/no letter and no digit/);
});

test("counting agrees with comparing at every place", () => {
  const word = fc.constantFrom("a", "b", "c");
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 40 }),
      fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
      (text, terms) => {
        const slow = terms.map((term) => {
          let found = 0;
          for (let at = 0; at + term.length <= text.length;) {
            const here = term.every((w, i) => text[at + i] === w);
            found += here ? 1 : 0;
            at += here ? term.length : 1;
          }
          return found;
        });
        const counter = new TermCounter(terms.map((term) => term.join(" ")));
        expect(counter.count(text.join(" "))).toEqual(slow);
        const seen: string[] = [];
        eachWord(text.join(" "), { word: (w) => seen.push(w) });
        expect(seen).toEqual(text);
      },
    ),
  );
});
