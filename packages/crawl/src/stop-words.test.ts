import { expect, test } from "vitest";
import { stopWords } from "./stop-words.ts";
import { eachWord, fold } from "./words.ts";

function counts(text: string): Map<string, number> {
  const found = new Map<string, number>();
  eachWord(fold(text), { word: (word) => found.set(word, (found.get(word) ?? 0) + 1) });
  return found;
}

test.each([
  ["en-GB", "the"],
  ["EN_us", "the"],
  ["de", "und"],
  ["fr-FR", "avec"],
  ["ru", "что"],
  ["nb-NO", "og"],
  ["pt-BR", "não"],
  ["zh-Hans-CN", "的"],
  ["ja", "の"],
  ["iw", "של"],
])("a document that says %s has %s among its stop words", (tag, word) => {
  expect(stopWords(tag, new Map()).has(word)).toBe(true);
});

test.each([
  ["the", "The minister said that it would not be the end of the matter, and that they had been told so before"],
  ["und", "Der Minister sagte, dass das nicht das Ende der Sache sei und dass man es ihm schon vorher gesagt habe"],
  ["les", "Le ministre a dit que ce ne serait pas la fin de cette affaire et que cela lui avait été dit dans le passé"],
  [
    "los",
    "El ministro dijo que no sería el fin de este asunto y que ya se lo habían dicho antes, pero no lo recordaba",
  ],
  ["och", "Ministern sade att det inte skulle vara slutet på saken och att han hade fått veta det av dem som var där"],
  ["что", "Министр сказал, что это не будет концом дела и что ему об этом уже говорили до того, как он пришёл"],
  ["の", "大臣はこれが問題の終わりではないと述べ、以前にもそのように言われたことがあるとした"],
])("a document that names no language is guessed: %s", (word, text) => {
  expect(stopWords(undefined, counts(text)).has(word)).toBe(true);
  expect(stopWords("x-none", counts(text)).has(word)).toBe(true);
});

test("of no words no language is guessed", () => {
  expect(stopWords(undefined, new Map()).size).toBe(0);
});
