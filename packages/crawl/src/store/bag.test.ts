import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BagReader, type Entry, pack } from "./bag.ts";

function unpack(bytes: Uint8Array): Entry[] {
  const reader = new BagReader();
  reader.open(bytes);
  const entries: Entry[] = [];
  while (reader.next()) entries.push({ word: reader.word, count: reader.count, telling: reader.telling });
  return entries;
}

const entry = fc.record({
  word: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 40 })),
  count: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 2 ** 33 })),
  telling: fc.boolean(),
});

test("what was packed is unpacked, in the order of the words", () => {
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ word }) => word, maxLength: 200 }), (entries) => {
      const sorted = entries.toSorted((a, b) => a.word - b.word);
      expect(unpack(pack(entries))).toEqual(sorted);
    }),
  );
});

test("a usual word takes two or three bytes", () => {
  const entries = Array.from({ length: 60 }, (_, i) => ({ word: 1 + i * 50, count: 2, telling: true }));
  expect(pack(entries).length).toBe(120);
});

test("a reader that is opened again begins at the beginning", () => {
  const reader = new BagReader();
  reader.open(
    pack([
      { word: 5, count: 1, telling: false },
      { word: 9, count: 3, telling: true },
    ]),
  );
  reader.next();
  reader.next();
  expect(reader.next()).toBe(false);
  reader.open(pack([{ word: 2, count: 7, telling: true }]));
  expect([reader.next(), reader.word, reader.count, reader.telling]).toEqual([true, 2, 7, true]);
});
