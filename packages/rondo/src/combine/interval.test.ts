import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { BusyError, ClosedError, interval, moveOnAfter, now, race, sleep, VirtualHost } from "../index.ts";

describe("interval", () => {
  test("ticks first after its time, counting from the first pull", async () => {
    await virtually(function* () {
      const ticks = interval(100);
      yield* sleep(30);
      expect(yield* ticks.next()).toBe(1);
      expect(now()).toBe(130);
      expect(yield* ticks.next()).toBe(2);
      expect(now()).toBe(230);
    });
  });

  test("does not drift, however late it is pulled", async () => {
    await virtually(function* () {
      const ticks = interval(100);
      for (let n = 1; n <= 5; n++) {
        expect(yield* ticks.next()).toBe(n);
        expect(now()).toBe(n * 100);
        yield* sleep(37);
      }
    });
  });

  test("does not drift where its time is no whole number", async () => {
    await virtually(function* () {
      const ticks = interval(0.1);
      for (let n = 1; n <= 1000; n++) expect(yield* ticks.next()).toBe(n);
      expect(now()).toBeCloseTo(100, 9);
    });
  });

  test("skips the ticks that nobody was there for, but gives the last one at once", async () => {
    await virtually(function* () {
      const ticks = interval(100);
      expect(yield* ticks.next()).toBe(1);
      yield* sleep(350);
      expect([yield* ticks.next(), now()]).toEqual([4, 450]);
      expect([yield* ticks.next(), now()]).toEqual([5, 500]);
    });
  });

  test("loses no tick to a cancelled pull", () =>
    onEverySchedule(function* () {
      const ticks = interval(10);
      const start = now();
      expect(yield* race([ticks.next(), sleep(4)])).toBeUndefined();
      expect((yield* moveOnAfter(4, ticks.next())).timedOut).toBe(true);
      expect([yield* ticks.next(), now() - start]).toEqual([1, 10]);
    }));

  test("wakes whoever waits for a tick when it is closed, and leaves no timer behind", () =>
    onEverySchedule(function* (g) {
      const ticks = interval(1000);
      const waiting = g.spawn(() => thrownBy(() => ticks.next()));
      yield* sleep(1);
      expect(waiting.waitingFor).toBe("interval");
      const { loop } = waiting;
      expect(loop.timers.size).toBe(1);
      ticks.close();
      expect(loop.timers.size).toBe(0);
      expect(yield* waiting).toBeInstanceOf(ClosedError);
    }));

  test("gives the tick that had come when it is closed in the same turn, or the ClosedError", () =>
    onEverySchedule(function* (g) {
      const ticks = interval(10);
      const start = now();
      const waiting = g.spawn(function* () {
        const error = yield* thrownBy(function* () {
          expect(yield* ticks.next()).toBe(1);
        });
        yield* sleep(100);
        expect(now() - start).toBe(110); // woken once, and not twice
        return error;
      });
      yield* sleep(10);
      ticks.close();
      const error = yield* waiting;
      expect(error === undefined || error instanceof ClosedError).toBe(true);
    }));

  test("is pulled by one at a time", async () => {
    await inGroup(function* (g) {
      const ticks = interval(10);
      g.spawn(ticks.next());
      yield* sleep(1);
      expect(yield* thrownBy(() => ticks.next())).toBeInstanceOf(BusyError);
    });
  });

  test("takes a time above 0, and no other", () => {
    for (const ms of [0, -1, NaN, Infinity, "10" as never]) expect(() => interval(ms)).toThrow(RangeError);
  });

  test("outside of a task says that it needs one", () => {
    expect(() => interval(10)._take()).toThrow("interval() was called outside a task");
    expect(new VirtualHost().now()).toBe(0);
  });
});
