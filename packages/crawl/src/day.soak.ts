// Many days, each with other sources; see day.test.ts.

import { expect, test } from "vitest";
import { type Day, day, wrongs } from "../tests/day.ts";

test.each(Array.from({ length: 20 }, (_, at) => 100 + at))("a day like no other (seed %i)", (seed) => {
  const { ok, error, value } = day(seed, { restarts: 1 + (seed % 5), concurrency: 1 + (seed % 7), look: 10_000 });
  if (!ok) throw error;
  const { sources } = value as Day;
  expect(sources.flatMap((source) => wrongs(source, value as Day))).toEqual([]);
});
