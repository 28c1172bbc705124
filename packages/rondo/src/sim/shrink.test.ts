import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Recording } from "./choices.ts";
import { type Attempt, shrink } from "./shrink.ts";

const streams = fc.constantFrom("schedule", "data", "link a>b");
const values = fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(1_000_000)), { maxLength: 30 });
const recordings = fc.array(fc.tuple(streams, values), { maxLength: 4 }).map((all): Recording => new Map(all));

/** An attempt of a failure that is told by looking at the recording. */
function failing(holds: (of: (stream: string) => readonly number[]) => boolean): Attempt {
  return (candidate) => (holds((stream) => candidate.get(stream) ?? []) ? candidate : null);
}

/** Shrinks a recording that fails, to the end, and says what is left. */
function minimum(recording: Recording, attempt: Attempt): Record<string, readonly number[]> {
  expect(attempt(recording)).not.toBeNull();
  const { recording: least, stopped } = shrink(recording, attempt, { runs: 100_000 });
  expect(stopped).toBe("minimum");
  expect(attempt(least)).not.toBeNull();
  return Object.fromEntries(least);
}

describe("the shrinker", () => {
  test("finds that a failure needs no choice at all", () => {
    const { recording, runs, stopped } = shrink(new Map([["data", [3, 1, 4, 1, 5]]]), (candidate) => candidate);
    expect([recording, runs, stopped]).toEqual([new Map(), 1, "minimum"]);
  });

  test("leaves nothing of streams that the failure does not need", () => {
    fc.assert(
      fc.property(recordings, fc.nat(1_000_000), (recording, needed) => {
        const all = new Map(recording).set("data", [needed + 1, 5, 0, 7]);
        expect(
          minimum(
            all,
            failing((of) => of("data").some((value) => value > needed)),
          ),
        ).toEqual({
          data: [needed + 1],
        });
      }),
      { numRuns: 150 },
    );
  });

  test("keeps the numbers at the places that matter, and brings them down", () => {
    fc.assert(
      fc.property(
        recordings,
        fc.uniqueArray(fc.nat(29), { minLength: 1, maxLength: 4 }),
        fc.nat(20),
        (noise, at, n) => {
          const given = Array.from({ length: 30 }, (_, i) => (at.includes(i) ? 50 + i : (i * 7) % 3));
          const needed = Array.from({ length: Math.max(...at) + 1 }, (_, i) => (at.includes(i) ? n + 1 : 0));
          const holds = failing((of) => at.every((i) => (of("schedule")[i] ?? 0) > n));
          expect(minimum(new Map(noise).set("schedule", given), holds)).toEqual({ schedule: needed });
        },
      ),
      { numRuns: 150 },
    );
  });

  test("takes items out of the middle, so that the ones that matter come together", () => {
    fc.assert(
      fc.property(values, values, values, (before, between, after) => {
        const given = new Map([["data", [...before, 7, ...between, 9, ...after]]]);
        // A 7 somewhere, and a 9 somewhere after it.
        const holds = failing((of) => of("data").indexOf(7) >= 0 && of("data").lastIndexOf(9) > of("data").indexOf(7));
        expect(minimum(given, holds)).toEqual({ data: [7, 9] });
      }),
      { numRuns: 150 },
    );
  });

  test("takes items out that could not be nothing", () => {
    const given = new Map([["data", [3, 5, 9, 2, 4]]]);
    const holds = failing((of) => of("data").every((value) => value > 0) && of("data").includes(9));
    expect(minimum(given, holds)).toEqual({ data: [9] });
  });

  test("closes the gap before a step that must come no earlier than it must", () => {
    const given = new Map([["schedule", [...zeros(36), 1, ...zeros(500), 2]]]);
    // The first at step 20 or later, the second at least 5 after it.
    const holds = failing((of) => {
      const [first, second] = of("schedule").flatMap((value, index) => (value === 0 ? [] : [index]));
      return first !== undefined && second !== undefined && first >= 20 && second - first >= 5;
    });
    expect(minimum(given, holds)).toEqual({ schedule: [...zeros(20), 1, ...zeros(4), 1] });
  });

  test("works across streams: what one needs of the other stays, and goes down with it", () => {
    const given = new Map([
      ["schedule", [0, 4, 1, 4]],
      ["data", [12, 900, 3]],
      ["link a>b", [1, 1, 1]],
    ]);
    // The same number in both.
    const holds = failing((of) => of("schedule").some((value) => value > 2 && of("link a>b").length > value - 3));
    expect(minimum(given, holds)).toEqual({ schedule: [3], "link a>b": [1] });
  });

  test("numbers that must stay equal go down together", () => {
    const given = new Map([
      ["data", [800, 5, 3]],
      ["net", [2, 800]],
    ]);
    const holds = failing((of) => (of("data")[0] ?? 0) >= 17 && of("data")[0] === of("net")[1]);
    expect(minimum(given, holds)).toEqual({ data: [17], net: [0, 17] });
  });

  test("numbers that must stay so far apart go down together", () => {
    const given = new Map([["data", [800, 805]]]);
    const holds = failing((of) => (of("data")[0] ?? 0) >= 3 && (of("data")[1] ?? 0) - (of("data")[0] ?? 0) === 5);
    expect(minimum(given, holds)).toEqual({ data: [3, 8] });
  });

  test("a list behind its length becomes shorter together with it", () => {
    const given = new Map([["data", [6, 9, 9, 40, 9, 77, 9]]]);
    // A length, so many items, and among them two that are more than 30.
    const holds = failing((of) => {
      const [length = 0, ...items] = of("data");
      return length === items.length && items.filter((item) => item > 30).length >= 2;
    });
    expect(minimum(given, holds)).toEqual({ data: [2, 31, 31] });
  });

  test("what a replay did not read any more is gone, and what was too large is what it was taken for", () => {
    const drawn: Recording[] = [];
    const { recording } = shrink(new Map([["data", [9, 9, 9, 9]]]), (candidate) => {
      drawn.push(candidate);
      const [first = 0] = candidate.get("data") ?? [];
      // Reads the first number, modulo 4, and nothing else.
      return first % 4 === 1 ? new Map([["data", [1]]]) : null;
    });
    expect(recording).toEqual(new Map([["data", [1]]]));
    expect(drawn.length).toBeLessThan(6);
  });

  test("the result is never larger than what was given, and always fails", () => {
    fc.assert(
      fc.property(recordings, fc.nat(1000), fc.nat(60), (recording, salt, runs) => {
        const flaky: Attempt = (candidate) => {
          let hash = salt;
          for (const [name, list] of candidate) {
            for (const value of list) hash = (Math.imul(hash, 31) + value + name.length) | 0;
          }
          return hash % 3 === 0 ? candidate : null;
        };
        fc.pre(flaky(recording) !== null);
        const { recording: least } = shrink(recording, flaky, { runs });
        const count = (of: Recording): number => [...of.values()].flat().filter((value) => value !== 0).length;
        expect(count(least)).toBeLessThanOrEqual(count(recording));
        // What was given is held as it is where nothing smaller fails; only zeros at ends are left out of it.
        if (runs > 0 && count(least) < count(recording)) expect(flaky(least)).not.toBeNull();
      }),
      { numRuns: 200 },
    );
  });

  test("no recording is tried twice", () => {
    const seen = new Set<string>();
    shrink(
      new Map([
        ["data", [5, 0, 3, 0, 0, 8, 1, 1]],
        ["schedule", [1, 1, 0, 1]],
      ]),
      (candidate) => {
        const text = JSON.stringify([...candidate].toSorted());
        expect(seen).not.toContain(text);
        seen.add(text);
        return (candidate.get("data") ?? []).filter((value) => value > 1).length >= 2 ? candidate : null;
      },
    );
    expect(seen.size).toBeGreaterThan(5);
  });

  test("stops when its replays are used up, with the best it has, and says so", () => {
    const given = new Map([["data", Array.from({ length: 100 }, () => 3)]]);
    const holds = failing((of) => of("data").filter((value) => value === 3).length >= 37);
    const { recording, runs, stopped } = shrink(given, holds, { runs: 10 });
    expect([runs, stopped]).toEqual([10, "runs"]);
    expect(holds(recording)).not.toBeNull();
    expect((recording.get("data") as number[]).filter((value) => value !== 0).length).toBeLessThan(100);
  });

  test("stops when its time is over, by the clock that it was given", () => {
    let time = 0;
    const { runs, stopped } = shrink(
      new Map([["data", [1, 2, 3, 4, 5, 6, 7, 8]]]),
      (candidate) => {
        time += 10;
        return (candidate.get("data") ?? []).length === 8 ? candidate : null;
      },
      { ms: 35, now: () => time },
    );
    expect([runs, stopped]).toEqual([4, "ms"]);
  });

  test("a walk of ten thousand steps of which two matter is done in a few hundred replays", () => {
    let state = 7;
    const walk = Array.from({ length: 10_000 }, () => (state = (state * 48_271) % 2_147_483_647) % 3);
    walk[4000] = 2;
    walk[8000] = 2;
    const holds = failing((of) => of("schedule")[4000] === 2 && (of("schedule")[8000] ?? 0) > 0);
    const { recording, runs, stopped } = shrink(new Map([["schedule", walk]]), holds);
    expect(stopped).toBe("minimum");
    expect(recording.get("schedule")?.flatMap((value, index) => (value === 0 ? [] : [[index, value]]))).toEqual([
      [4000, 2],
      [8000, 1],
    ]);
    expect(runs).toBeLessThan(300);
  });

  test("what the attempt throws comes through", () => {
    expect(() =>
      shrink(new Map([["data", [1]]]), () => {
        throw new Error("no replay");
      }),
    ).toThrow("no replay");
  });
});

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}
