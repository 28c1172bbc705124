// @module-tag long
// Twenty-four hours of watching, simulated: no source is asked for what it gave already, none before it is due, none never.

import { expect, test } from "vitest";
import { type Day, day, wrongs } from "../tests/day.ts";

// A day takes some seconds, on a busy machine more.
const PATIENCE = 120_000;

test.each([1, 2, 3])(
  "a day of watching asks everybody in time and nobody in vain (seed %i)",
  { timeout: PATIENCE },
  (seed) => {
    const { ok, error, value } = day(seed, { sources: 30 });
    if (!ok) throw error;
    const { sources } = value as Day;
    expect(sources.flatMap((source) => wrongs(source, value as Day))).toEqual([]);
    const seen = sources.flatMap((source) => source.seen);
    expect(seen.length).toBeGreaterThan(400);
    // It was a day of all sorts, or nothing was shown by it.
    for (const status of [200, 304]) expect(seen.some(({ said }) => said.status === status)).toBe(true);
    expect(seen.some(({ said }) => !said.whole)).toBe(true);
  },
);
