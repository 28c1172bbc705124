/** The barrier: all or none, generation by generation. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { Barrier, BrokenError, now, run, select, sleep, VirtualHost } from "../index.ts";

test("nobody goes on before all have come, and each gets the order of its coming", () =>
  onEverySchedule(function* (g) {
    const barrier = new Barrier(3);
    const tasks = [20, 30, 10].map((ms) =>
      g.spawn(function* () {
        yield* sleep(ms);
        const place = yield* barrier.wait();
        expect(now()).toBe(30);
        return place;
      }),
    );
    const places: number[] = [];
    for (const task of tasks) places.push(yield* task);
    expect(places).toEqual([1, 2, 0]);
  }));

test("it is used again and again, and generations do not mix", () =>
  onEverySchedule(function* (g) {
    const barrier = new Barrier(4);
    const rounds = [0, 0, 0, 0];
    const tasks = rounds.map((_, i) =>
      g.spawn(function* () {
        for (let round = 0; round < 5; round++) {
          yield* barrier.wait();
          rounds[i] = round + 1;
          // Nobody is a round ahead of one that has still to come.
          expect(Math.max(...rounds) - Math.min(...rounds)).toBeLessThanOrEqual(1);
        }
      }),
    );
    for (const task of tasks) yield* task;
    expect(barrier.statistics()).toEqual({ parties: 4, waiters: 0, broken: false, generation: 5 });
  }));

test("a barrier of one never waits", async () => {
  await virtually(function* () {
    const barrier = new Barrier(1);
    expect(yield* barrier.wait()).toBe(0);
    expect(yield* barrier.wait()).toBe(0);
  });
});

describe("a barrier of which a party is cancelled", () => {
  test("breaks: the others get a BrokenError, and so does who comes later", () =>
    onEverySchedule(function* (g) {
      const barrier = new Barrier(3, { name: "round" });
      const gone = g.spawn(barrier.wait());
      const other = g.spawn(() => thrownBy(() => barrier.wait()));
      yield* sleep(1);
      gone.cancel();
      const error = yield* other;
      expect(error).toBeInstanceOf(BrokenError);
      expect(String(error)).toContain('the barrier "round" is broken: one of its parties was cancelled');
      expect(barrier.broken).toBe(true);
      expect(yield* thrownBy(() => barrier.wait())).toBeInstanceOf(BrokenError);
    }));

  test("is whole again after reset()", async () => {
    await inGroup(function* (g) {
      const barrier = new Barrier(2);
      const gone = g.spawn(barrier.wait());
      yield* sleep(1);
      gone.cancel();
      barrier.reset();
      const other = g.spawn(barrier.wait());
      expect(yield* barrier.wait()).toBe(0);
      expect(yield* other).toBe(1);
    });
  });

  test("keeps its generation when all had come before the cancellation", () =>
    onEverySchedule(function* (g) {
      const barrier = new Barrier(2);
      let passed = false;
      const first = g.spawn(function* () {
        yield* barrier.wait();
        passed = true;
        yield* sleep(1);
      });
      yield* sleep(1);
      yield* barrier.wait();
      first.cancel();
      yield* first.ended();
      expect(passed).toBe(true);
      expect(barrier.broken).toBe(false);
    }));

  test("breaks too when a select gives up waiting for it", async () => {
    await virtually(function* () {
      const barrier = new Barrier(2);
      expect((yield* select({ all: barrier.wait(), late: sleep(1) })).key).toBe("late");
      expect(barrier.broken).toBe(true);
    });
  });
});

test("abort() breaks it with a reason of one's own, reset() lets those who wait go with an error", () =>
  onEverySchedule(function* (g) {
    const barrier = new Barrier(3);
    const waiting = g.spawn(() => thrownBy(() => barrier.wait()));
    yield* sleep(1);
    barrier.abort("the game is over");
    barrier.abort("too late");
    expect(String(yield* waiting)).toContain("is broken: the game is over");
    barrier.reset();
    const again = g.spawn(() => thrownBy(() => barrier.wait()));
    yield* sleep(1);
    barrier.reset();
    expect(String(yield* again)).toContain("was reset while this party waited");
    expect(barrier.broken).toBe(false);
  }));

test("two arms of one select count as two parties, and completing them breaks nothing", async () => {
  await inGroup(function* (g) {
    const barrier = new Barrier(3);
    const double = g.spawn(select({ a: barrier.wait(), b: barrier.wait() }));
    yield* sleep(1);
    expect(yield* barrier.wait()).toBe(2);
    expect(yield* double).toEqual({ key: "a", value: 0 });
    expect(barrier.broken).toBe(false);
  });
});

test("two arms of one select that are the last two parties complete it", async () => {
  await inGroup(function* (g) {
    const barrier = new Barrier(3);
    const other = g.spawn(barrier.wait());
    yield* sleep(1);
    // Neither arm can complete at once, and both stand in the line then: nobody else need come.
    expect(yield* select({ a: barrier.wait(), b: barrier.wait() })).toEqual({ key: "a", value: 1 });
    expect(yield* other).toBe(0);
    expect(barrier.statistics()).toEqual({ parties: 3, waiters: 0, broken: false, generation: 1 });
  });
});

test("parties must be a whole number of 1 or more", () => {
  for (const parties of [0, -1, 1.5, Number.NaN, Infinity]) expect(() => new Barrier(parties)).toThrow(RangeError);
});

test("those who wait for a party that never comes are told of the deadlock", async () => {
  await expect(run(() => new Barrier(2, { name: "round" }).wait(), { host: new VirtualHost() })).rejects.toThrow(
    /waits for barrier "round"/,
  );
});
