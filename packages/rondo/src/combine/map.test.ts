import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";

import { onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { type Coroutine, map, moveOnAfter, now, type Operation, sleep, VirtualHost } from "../index.ts";

function* square(n: number): Coroutine<number> {
  yield* sleep(10);
  return n * n;
}

describe("map", () => {
  test("gives the results in the order of the items, whoever is done first", () =>
    onEverySchedule(function* () {
      function* slowest(n: number, index: number): Coroutine<string> {
        yield* sleep(100 - n);
        return `${index}:${n}`;
      }
      expect(yield* map([10, 50, 30], slowest)).toEqual(["0:10", "1:50", "2:30"]);
    }));

  test("runs all at once where nothing is said, and no more than `concurrency` where it is", () =>
    onEverySchedule(function* () {
      for (const [concurrency, time] of [
        [undefined, 10],
        [1, 50],
        [2, 30],
        [5, 10],
        [100, 10],
        [Infinity, 10],
      ] as const) {
        const start = now();
        yield* map([1, 2, 3, 4, 5], square, { concurrency });
        expect(now() - start).toBe(time);
      }
    }));

  test("takes an item only when its turn has come", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      function* items(): Generator<number> {
        for (let i = 1; i <= 4; i++) {
          log.push(`take ${i} at ${now() - start}`);
          yield i;
        }
      }
      const start = now();
      yield* map(items(), square, { concurrency: 2 });
      expect(log).toEqual(["take 1 at 0", "take 2 at 0", "take 3 at 10", "take 4 at 10"]);
    }));

  test("may be given items without end, if something ends it", async () => {
    function* naturals(): Generator<number> {
      for (let n = 0; ; n++) yield n;
    }
    const seen: number[] = [];
    const outcome = await virtually(() =>
      moveOnAfter(
        35,
        map(
          naturals(),
          function* (n) {
            yield* sleep(10);
            seen.push(n);
          },
          { concurrency: 2 },
        ),
      ),
    );
    expect([outcome.timedOut, seen]).toEqual([true, [0, 1, 2, 3, 4, 5]]);
  });

  test("closes the items when it fails or is cancelled, once, and not when they have ended", () =>
    onEverySchedule(function* () {
      let closed = 0;
      class Items implements Iterable<number> {
        n = 0;
        [Symbol.iterator](): Iterator<number> {
          return {
            next: () => ({ done: this.n >= 3, value: this.n++ }) as IteratorResult<number>,
            return: () => {
              closed++;
              return { done: true, value: undefined };
            },
          };
        }
      }
      function* failOn1(n: number): Coroutine<void> {
        yield* sleep(n);
        if (n === 1) throw new Error("no");
      }
      yield* thrownBy(() => map(new Items(), failOn1, { concurrency: 2 }));
      expect(closed).toBe(1);
      yield* moveOnAfter(5, map(new Items(), square, { concurrency: 1 }));
      expect(closed).toBe(2);
      yield* map(new Items(), square, { concurrency: 1 });
      expect(closed).toBe(2);
    }));

  test("takes no further item once one has failed, though others still clean up", () =>
    onEverySchedule(function* () {
      const taken: number[] = [];
      function* items(): Generator<number> {
        for (let i = 0; i < 10; i++) {
          taken.push(i);
          yield i;
        }
      }
      function* work(n: number): Coroutine<void> {
        if (n === 1) {
          yield* sleep(1);
          throw new Error("no");
        }
        try {
          yield* sleep(100);
        } finally {
          yield* sleep(50);
        }
      }
      yield* thrownBy(() => map(items(), work, { concurrency: 3 }));
      expect(taken).toEqual([0, 1, 2]);
    }));

  test("throws what its function throws, as it is, and disposes of the results so far", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = new RangeError("third");
      function* open(n: number): Coroutine<Disposable> {
        yield* sleep(n);
        if (n === 3) throw error;
        return { [Symbol.dispose]: () => void log.push(`close ${n}`) };
      }
      expect(yield* thrownBy(() => map([1, 2, 3, 4], open))).toBe(error);
      expect(log).toEqual(["close 1", "close 2"]);
    }));

  test("disposes of nothing that it has given away", async () => {
    const log: string[] = [];
    const results = await virtually(() =>
      map([1, 2], function* (n): Coroutine<Disposable> {
        yield* sleep(n);
        return { [Symbol.dispose]: () => void log.push(`close ${n}`) };
      }),
    );
    expect([results.length, log]).toEqual([2, []]);
  });

  test("throws what the items throw, and does not ask or close them again", async () => {
    let closed = 0;
    const items: Iterable<number> = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new Error("broken items");
        },
        return: () => {
          closed++;
          return { done: true, value: undefined };
        },
      }),
    };
    expect(String(await virtually(() => thrownBy(() => map(items, square))))).toBe("Error: broken items");
    expect(closed).toBe(0);
  });

  test("of nothing is nothing", async () => {
    expect(await virtually(() => map([], square))).toEqual([]);
  });

  test("says what it takes, where it is given something else", async () => {
    expect(() => map(5 as never, square)).toThrow("map() takes something iterable, not 5");
    expect(() => map([1], 5 as never)).toThrow("map() takes a function* (item, index) {…}, not 5");
    for (const concurrency of [0, -1, 1.5, NaN, "2" as never]) {
      expect(() => map([1], square, { concurrency })).toThrow(
        "the concurrency of map() is a whole number of 1 or more",
      );
    }
    const promised = await virtually(() => thrownBy(() => map([1], (async () => 1) as never)));
    expect(String(promised)).toContain("gave a promise and not an operation: write function*");
    const nothing = await virtually(() => thrownBy(() => map([1], (() => undefined) as never)));
    expect(String(nothing)).toContain("gave undefined and not an operation");
  });

  test("knows the type of the results", () => {
    expectTypeOf(map(["a"], (text) => sleep(text.length))).toExtend<Operation<void[]>>();
    expectTypeOf(map(new Set([1]), square)).toExtend<Operation<number[]>>();
  });

  test("gives for any times, numbers and schedules what a plain map gives, with never too many at work", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(20), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.nat(1000),
        async (times, concurrency, seed) => {
          let working = 0;
          let most = 0;
          function* work(ms: number, index: number): Coroutine<number> {
            working++;
            most = Math.max(most, working);
            yield* sleep(ms);
            working--;
            return index;
          }
          const results = await virtually(() => map(times, work, { concurrency }), new VirtualHost({ seed }));
          expect(results).toEqual(times.map((_, index) => index));
          expect(most).toBe(Math.min(concurrency, times.length));
        },
      ),
      { numRuns: 200 },
    );
  });
});
