// Documents that are made to be expensive cost their length, and not the square of it. Told by the ratio of the time that two
// sizes take, in the time of this process alone, so what else the machine does matters little.

import { expect, test } from "vitest";
import { EXPENSIVE } from "../tests/hostile.ts";
import { findFeeds, readDocument, SourceError } from "./index.ts";

const SIZE = 200_000;
const TIMES = 4;

function cost(text: string): number {
  const bytes = Buffer.from(text);
  let least = Infinity;
  for (let tries = 0; tries < 2; tries++) {
    const begun = process.cpuUsage();
    try {
      readDocument(bytes, { url: "https://a.example/feed" }).links();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
    }
    findFeeds(text, "https://a.example/");
    const { user, system } = process.cpuUsage(begun);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

test.each(Object.keys(EXPENSIVE))("%s", (name) => {
  const make = EXPENSIVE[name] as (size: number) => string;
  cost(make(SIZE));
  const small = cost(make(SIZE));
  const large = cost(make(SIZE * TIMES));
  // A square would be 16 times; what takes no time at all cannot be compared.
  expect(large / Math.max(small, 10)).toBeLessThan(TIMES * 2.5);
});
