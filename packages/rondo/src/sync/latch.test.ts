/** The latch: counts down once, and stays open. */
import { expect, test } from "vitest";

import { onEverySchedule, virtually } from "../../tests/virtual.ts";
import { Latch, moveOnAfter, now, sleep } from "../index.ts";

test("it opens when the count is 0, for those who wait and those who come", () =>
  onEverySchedule(function* (g) {
    const latch = new Latch(3, { name: "warm" });
    const waiters = [1, 2].map(() => g.spawn(latch.wait()));
    for (const ms of [30, 10, 20]) {
      g.spawn(function* () {
        yield* sleep(ms);
        latch.countDown();
      });
    }
    yield* sleep(25);
    expect(latch.statistics()).toEqual({ count: 1, waiters: 2 });
    expect(latch.isOpen).toBe(false);
    for (const waiter of waiters) yield* waiter;
    expect(now()).toBe(30);
    yield* latch.wait();
    expect(latch.isOpen).toBe(true);
  }));

test("a latch of 0 is open from the start", async () => {
  await virtually(() => new Latch(0).wait());
});

test("a waiter that gives up leaves no trace", async () => {
  await virtually(function* () {
    const latch = new Latch(2);
    expect((yield* moveOnAfter(1, latch.wait())).timedOut).toBe(true);
    expect(latch.statistics()).toEqual({ count: 2, waiters: 0 });
    latch.countDown(2);
    yield* latch.wait();
  });
});

test("counting below 0, or by what is no count, is an error that names the latch", () => {
  const latch = new Latch(2, { name: "warm" });
  expect(() => latch.countDown(3)).toThrow('the latch "warm" was counted down below 0: by 3, and only 2 were left');
  for (const by of [0, -1, 0.5, Number.NaN]) expect(() => latch.countDown(by)).toThrow(RangeError);
  expect(latch.count).toBe(2);
  for (const count of [-1, 1.5, Number.NaN, Infinity]) expect(() => new Latch(count)).toThrow(RangeError);
});
