import { describe, expect, test } from "vitest";

import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { Lock } from "../sync/lock.ts";
import { group } from "../task/group.ts";
import { exhaust, type Exhausted, explore } from "./exhaust.ts";
import { type Run, simulate } from "./simulate.ts";

interface Explored extends Exhausted {
  readonly runs: readonly Run[];
}

function all(preemptions: number, body: () => Coroutine<unknown>, schedules?: number): Explored {
  const runs: Run[] = [];
  const exhausted = explore(exhaust({ preemptions, schedules }), (policy) => {
    runs.push(simulate({ policy }, body));
    return true;
  });
  return { ...exhausted, runs };
}

/** Each of so many tasks adds its letter so many times, with a wait that completes at once after each. */
function letters(tasks: number, times: number): () => Coroutine<string> {
  return function* () {
    let order = "";
    yield* group(function* (g) {
      for (let i = 0; i < tasks; i++) {
        const lock = new Lock();
        g.spawn(function* () {
          for (let j = 0; j < times; j++) {
            order += "abc"[i];
            yield* lock.acquire();
            lock.release();
          }
        });
      }
    });
    return order;
  };
}

/** All orders of `a` and `b`, so many of each. */
function interleavings(a: string, b: string): string[] {
  if (a === "" || b === "") return [a + b];
  return [
    ...interleavings(a.slice(1), b).map((rest) => a[0] + rest),
    ...interleavings(a, b.slice(1)).map((rest) => b[0] + rest),
  ];
}

describe("exhaust", () => {
  test("with no preemption there is one schedule, which is that of the real loop", () => {
    const { schedules, complete, runs } = all(0, letters(2, 3));
    expect([schedules, complete]).toEqual([1, true]);
    expect(runs[0]?.value).toBe(simulate({}, letters(2, 3)).value);
    expect(runs[0]?.value).toBe("aaabbb");
  });

  test("with enough preemptions every order comes about, and no run is made twice", () => {
    const { complete, runs } = all(8, letters(2, 3));
    expect(complete).toBe(true);
    expect(new Set(runs.map(({ value }) => value))).toEqual(new Set(interleavings("aaa", "bbb")));
    expect(new Set(runs.map(({ choices }) => JSON.stringify([...choices]))).size).toBe(runs.length);
  });

  test("those with fewer preemptions come first", () => {
    const one = all(1, letters(2, 3)).runs.map(({ value }) => value);
    const two = all(2, letters(2, 3)).runs.map(({ value }) => value);
    expect(two.length).toBeGreaterThan(one.length);
    expect(two.slice(0, one.length)).toEqual(one);
    // One switch before its time, and everything else as it was.
    expect(new Set(one)).toEqual(
      new Set(["aaabbb", "abbbaa", "aabbba", "bbbaaa", "baaabb", "bbaaab"].filter((order) => one.includes(order))),
    );
    expect(one).toContain("abbbaa");
    expect(one).not.toContain("ababab");
  });

  test("a checkpoint is a switch by itself, and no preemption", () => {
    const { runs } = all(0, function* () {
      let order = "";
      yield* group(function* (g) {
        for (const name of ["a", "b"]) {
          g.spawn(function* () {
            order += name;
            yield* checkpoint();
            order += name;
          });
        }
      });
      return order;
    });
    expect(runs.map(({ value }) => value)).toEqual(["abab"]);
  });

  test("what is not decided by the schedule has no schedules", () => {
    const { schedules, complete } = all(3, function* () {
      for (let i = 0; i < 10; i++) yield* sleep(1);
    });
    expect([schedules, complete]).toEqual([1, true]);
  });

  test("stops at its budget, and remembers no more than it could run", () => {
    const { schedules, complete, runs } = all(3, letters(3, 4), 100);
    expect([schedules, complete, runs.length]).toEqual([100, false, 100]);
  });

  test("a budget that is just enough is enough", () => {
    const { schedules } = all(2, letters(2, 2));
    expect(all(2, letters(2, 2), schedules)).toMatchObject({ schedules, complete: true });
    expect(all(2, letters(2, 2), schedules - 1)).toMatchObject({ schedules: schedules - 1, complete: false });
  });

  test("ends with the first run that is not to be gone on from", () => {
    let runs = 0;
    const { schedules, complete } = explore(exhaust(), (policy) => {
      simulate({ policy }, letters(2, 2));
      return ++runs < 4;
    });
    expect([schedules, complete]).toEqual([4, false]);
  });

  test("every schedule is replayed by its recording", () => {
    for (const run of all(2, letters(2, 2)).runs) {
      expect(simulate({ replay: run.choices }, letters(2, 2)).hash).toBe(run.hash);
    }
  });

  test("numbers that are none are refused", () => {
    expect(() => exhaust({ preemptions: -1 })).toThrow(
      "the preemptions of exhaust() are a whole number from 0, not -1",
    );
    expect(() => exhaust({ schedules: 0 })).toThrow("the schedules of exhaust() are a whole number from 1, not 0");
  });
});
