import { expect, test } from "vitest";

import { inGroup, onEverySchedule, virtually } from "../../tests/virtual.ts";
import { all, type Coroutine, now, sleep } from "../index.ts";
import { rateLimit } from "./rate-limit.ts";

function* time(_key?: string): Coroutine<number> {
  return now();
}

test("calls go at the rate that was given, in the order of coming", async () => {
  await onEverySchedule(function* () {
    const polite = rateLimit(time, { count: 2, per: 1000, burst: 1 });
    const calls = [polite(), polite(), polite(), polite()];
    expect((yield* all(calls)).toSorted((a, b) => a - b)).toEqual([0, 500, 1000, 1500]);
  });
});

test("after a time of rest so many go at once as the burst allows", async () => {
  await virtually(function* () {
    const polite = rateLimit(time, { per: 100, burst: 3 });
    yield* sleep(10_000);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push((yield* polite()) - 10_000);
    expect(times).toEqual([0, 0, 0, 100, 200]);
  });
});

test("each key is counted by itself, and arguments and result are passed on", async () => {
  await virtually(function* () {
    const polite = rateLimit(
      function* (key: string, n: number) {
        return `${key}${n} ${now()}`;
      },
      { per: 1000, key: (key) => key },
    );
    const got = yield* all([polite("a", 1), polite("a", 2), polite("b", 3)]);
    expect(got).toEqual(["a1 0", "a2 1000", "b3 0"]);
  });
});

test("a call may cost more than one token", async () => {
  await virtually(function* () {
    const polite = rateLimit(
      function* (_bytes: number) {
        return now();
      },
      { count: 100, per: 1000, cost: (bytes) => bytes },
    );
    expect(polite.isFree(100)).toBe(true);
    expect(yield* polite(100)).toBe(0);
    expect(polite.isFree(1)).toBe(false);
    expect(yield* polite(50)).toBe(500);
  });
});

test("a call that is cancelled in line has used nothing up", async () => {
  await inGroup(function* (g) {
    const polite = rateLimit(time, { per: 1000 });
    yield* polite();
    const task = g.spawn(() => polite());
    const next = g.spawn(() => polite());
    yield* sleep(500);
    expect(polite.statistics()).toEqual({ keys: 1, waiters: 2 });
    task.cancel();
    expect(yield* next).toBe(1000);
  });
});

test("a bucket that is full again is forgotten, one that is in use is not", async () => {
  await inGroup(function* (g) {
    const polite = rateLimit(time, { per: 1000, key: (key) => key });
    yield* polite("busy");
    for (let i = 0; i < 5; i++) g.spawn(() => polite("busy"));
    let most = 0;
    for (let i = 0; i < 5000; i++) {
      yield* polite(`key ${i}`);
      yield* sleep(1);
      most = Math.max(most, polite.statistics().keys);
    }
    // A thousand keys come in the second that a bucket takes to fill; twice that are looked through.
    expect(most).toBeLessThanOrEqual(2 * 1002);
    expect(polite.isFree("busy")).toBe(false);
    yield* sleep(100_000);
    expect(polite.isFree("busy")).toBe(true);
    const calls = Array.from({ length: 2 * 1002 }, (_, i) => polite(`later ${i}`));
    yield* all(calls);
    expect(polite.statistics().keys).toBeLessThanOrEqual(2 * 1002);
  });
});

test("no key is let through faster while others are forgotten around it", async () => {
  await onEverySchedule(function* (g) {
    const polite = rateLimit(time, { per: 10, key: (key) => key });
    const times: number[] = [];
    const regular = g.spawn(function* () {
      for (let i = 0; i < 50; i++) times.push(yield* polite("regular"));
    });
    const others = g.spawn(function* () {
      for (let i = 0; i < 2000; i++) {
        yield* polite(`other ${i}`);
        if (i % 8 === 0) yield* sleep(1);
      }
    });
    yield* regular;
    yield* others;
    expect(times).toEqual(Array.from({ length: 50 }, (_, i) => i * 10));
  });
});

test("a bucket that is not full again is kept while others are forgotten", async () => {
  await virtually(function* () {
    const polite = rateLimit(time, { per: 1000, key: (key) => key });
    yield* polite("ours");
    for (let i = 0; i < 500; i++) {
      yield* polite(`other ${i}`);
      yield* sleep(1);
    }
    expect(yield* polite("ours")).toBe(1000);
  });
});

test("numbers that make no sense are refused when the function is made", () => {
  expect(() => rateLimit(time, { per: 0 })).toThrow(RangeError);
  expect(() => rateLimit(time, { per: 1000, count: 0 })).toThrow(RangeError);
  expect(() => rateLimit(time, { per: 1000, burst: 0.5 })).toThrow(RangeError);
  expect(() => rateLimit(undefined as never, { per: 1000 })).toThrow(TypeError);
});
