import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  CancelledError,
  Channel,
  cleanup,
  type Coroutine,
  type Emit,
  Flow,
  group,
  moveOnAfter,
  now,
  type Operation,
  sleep,
  VirtualHost,
} from "../index.ts";

/** Gives `items`, each after `ms`. */
function every<T>(ms: number, items: readonly T[], closed: string[] = [], name = "source"): Flow<T> {
  return Flow.from(
    function* (emit: Emit<T>) {
      try {
        for (const item of items) {
          yield* sleep(ms);
          yield* emit(item);
        }
      } finally {
        closed.push(name);
      }
    },
    { name },
  );
}

describe("merge", () => {
  test("gives the items of all, as they come", () =>
    onEverySchedule(function* () {
      const merged = every(10, ["a", "b"]).merge(every(7, ["x", "y", "z"]), Flow.from(["now"]));
      expect(yield* merged.toArray()).toEqual(["now", "x", "a", "y", "b", "z"].toSorted(byTime));
    }));

  /** The order of their times: now 0, x 7, a 10, y 14, b 20, z 21. */
  function byTime(left: string, right: string): number {
    const times: Record<string, number> = { now: 0, x: 7, a: 10, y: 14, b: 20, z: 21 };
    return (times[left] as number) - (times[right] as number);
  }

  test("ends when all have ended", async () => {
    expect(await virtually(() => Flow.from([1]).merge().toArray())).toEqual([1]);
    expect(await virtually(() => Flow.from([]).merge(Flow.from([]), every(5, [])).toArray())).toEqual([]);
  });

  test("fails when one fails, and closes the others", () =>
    onEverySchedule(function* () {
      const closed: string[] = [];
      const error = new Error("no");
      const broken = every(15, [1]).map(() => {
        throw error;
      });
      const merged = every(10, [1, 2, 3], closed).merge(broken);
      expect(yield* merged.next()).toBe(1);
      expect(yield* thrownBy(() => merged.next())).toBe(error);
      expect(yield* thrownBy(() => merged.next())).toBe(error);
      yield* sleep(1);
      expect(closed).toEqual(["source"]);
    }));

  test("closes all when it is closed, and waits for them when it is used up early", () =>
    onEverySchedule(function* () {
      const closed: string[] = [];
      const items = yield* every(10, [1, 2, 3], closed, "a")
        .merge(every(25, [4, 5], closed, "b"))
        .take(2)
        .toArray();
      expect(items).toEqual([1, 2]);
      expect(closed.toSorted()).toEqual(["a", "b"]);
    }));

  test("that was never pulled closes what it was to be made of, and throws what that throws", async () => {
    await inGroup(function* () {
      const closed: string[] = [];
      const broken: Iterable<number> = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: 1 }),
          return: () => {
            closed.push("broken");
            throw new Error("cannot close");
          },
        }),
      };
      const whole: Iterable<number> = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: 1 }),
          return: () => {
            closed.push("whole");
            return { done: true, value: undefined };
          },
        }),
      };
      const merged = Flow.from(broken).merge(Flow.from(whole));
      expect(() => merged.close()).toThrow("cannot close");
      expect(closed).toEqual(["broken", "whole"]);
    });
  });

  test("lets no source run further ahead than one item", () =>
    onEverySchedule(function* () {
      const given: number[] = [];
      const source = Flow.from(function* (emit: Emit<number>) {
        for (let n = 1; ; n++) {
          given.push(n);
          yield* emit(n);
        }
      });
      const merged = source.merge(Flow.from([]));
      yield* merged.next();
      yield* sleep(100);
      expect(given.length).toBeLessThanOrEqual(2);
      merged.close();
    }));
});

describe("mapConcurrent", () => {
  function* tenfold(n: number): Coroutine<number> {
    yield* sleep(10);
    return n * 10;
  }

  test("gives the results in the order of the items, with so many at work", () =>
    onEverySchedule(function* () {
      const start = now();
      function* slowest(n: number): Coroutine<number> {
        yield* sleep(50 - 10 * n);
        return n;
      }
      expect(yield* Flow.from([1, 2, 3, 4]).mapConcurrent(4, slowest).toArray()).toEqual([1, 2, 3, 4]);
      expect(now() - start).toBe(40);
      expect(yield* Flow.from([1, 2, 3, 4]).mapConcurrent(2, tenfold).toArray()).toEqual([10, 20, 30, 40]);
      expect(now() - start).toBe(60);
    }));

  test("gives them as they are had, if that is wanted", () =>
    onEverySchedule(function* () {
      function* slowest(n: number): Coroutine<number> {
        yield* sleep(50 - 10 * n);
        return n;
      }
      const flow = Flow.from([1, 2, 3, 4]).mapConcurrent(4, slowest, { ordered: false });
      expect(yield* flow.toArray()).toEqual([4, 3, 2, 1]);
    }));

  test("gives a result as soon as it is due, though the source has no further item yet", () =>
    onEverySchedule(function* () {
      const start = now();
      const flow = every(100, [1, 2]).mapConcurrent(5, tenfold);
      expect(yield* flow.next()).toBe(10);
      expect(now() - start).toBe(110);
      flow.close();
    }));

  test("counts results that nobody has taken among those at work", () =>
    onEverySchedule(function* () {
      let begun = 0;
      const source = Flow.from(
        (function* (): Generator<number> {
          for (let n = 1; ; n++) yield n;
        })(),
      );
      const flow = source.mapConcurrent(3, function* (n) {
        begun++;
        yield* sleep(1);
        return n;
      });
      expect(yield* flow.next()).toBe(1);
      yield* sleep(100);
      // One was taken, so a fourth may have begun; the three after it wait to be taken.
      expect(begun).toBe(4);
      flow.close();
    }));

  test("fails with the failure of one, cancels the others, closes the source, and disposes of what was not taken", () =>
    onEverySchedule(function* () {
      const closed: string[] = [];
      const error = new RangeError("third");
      function* open(n: number): Coroutine<Disposable> {
        try {
          yield* sleep(n === 1 ? 30 : n);
          if (n === 3) throw error;
          return { [Symbol.dispose]: () => void closed.push(`result ${n}`) };
        } finally {
          if (n > 3) closed.push(`work ${n}`);
        }
      }
      const flow = every(1, [1, 2, 3, 4, 5, 6], closed).mapConcurrent(4, open);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      yield* sleep(1);
      expect(closed.toSorted()).toEqual(["result 2", "source", "work 4"]);
    }));

  test("disposes of what was not taken when it is closed", () =>
    onEverySchedule(function* () {
      const closed: number[] = [];
      const flow = Flow.from([1, 2, 3, 4]).mapConcurrent(3, function* (n) {
        yield* sleep(n);
        return { n, [Symbol.dispose]: () => void closed.push(n) };
      });
      expect((yield* flow.next())?.n).toBe(1);
      yield* sleep(50);
      flow.close();
      yield* sleep(1);
      expect(closed.toSorted()).toEqual([2, 3, 4]);
    }));

  test("says what is wrong with its function", async () => {
    const error = await virtually(() =>
      thrownBy(() =>
        Flow.from([1])
          .mapConcurrent(1, (async () => 1) as never)
          .next(),
      ),
    );
    expect(String(error)).toContain("the function given to mapConcurrent() gave a promise");
    const nothing = await virtually(() =>
      thrownBy(() =>
        Flow.from([1])
          .mapConcurrent(1, (() => sleep(1)) as (n: number) => Operation<unknown>)
          .next(),
      ),
    );
    expect(String(nothing)).toContain("gave undefined as an item of a flow");
  });

  test("works for a source that is a channel, with nothing lost when it is closed in between", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      g.spawn(function* () {
        for (let n = 1; n <= 6; n++) yield* channel.send(n);
        channel.close();
      });
      const receiver = channel.cloneReceiver();
      const flow = Flow.from(receiver).mapConcurrent(2, tenfold);
      const got = [yield* flow.next(), yield* flow.next()];
      flow.close();
      yield* sleep(50);
      // What had not been taken from the channel is still there for others; at most two were at work.
      const rest: number[] = [];
      for (let n = yield* channel.receive(); n !== undefined; n = yield* channel.receive()) rest.push(n * 10);
      expect(got).toEqual([10, 20]);
      expect(rest).toEqual([10, 20, 30, 40, 50, 60].slice(6 - rest.length));
      expect(rest.length).toBeGreaterThanOrEqual(2);
    }));

  test("gives for any times, numbers and schedules what a plain map gives, with never too many at work", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ before: fc.nat(3), work: fc.nat(10) }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        fc.nat(10_000),
        async (items, concurrency, ordered, seed) => {
          let working = 0;
          const results = await inGroup(function* () {
            const source = Flow.from(function* (emit: Emit<{ work: number; index: number }>) {
              for (const [index, { before, work }] of items.entries()) {
                if (before > 0) yield* sleep(before);
                yield* emit({ work, index });
              }
            });
            const flow = source.mapConcurrent(
              concurrency,
              function* ({ work, index }) {
                expect(++working).toBeLessThanOrEqual(concurrency);
                yield* sleep(work);
                working--;
                return index;
              },
              { ordered },
            );
            return yield* flow.toArray();
          }, new VirtualHost({ seed }));
          expect(ordered ? results : results.toSorted((a, b) => a - b)).toEqual(items.map((_, index) => index));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("used up early, has cleaned up from end to end", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      function* source(emit: Emit<number>): Coroutine<void> {
        try {
          for (let n = 1; ; n++) yield* emit(n);
        } finally {
          yield* sleep(50);
          log.push("source closed");
        }
      }
      yield* Flow.from(source).mapConcurrent(2, tenfold).take(1).toArray();
      expect(log).toEqual(["source closed"]);
      yield* Flow.from(source).merge(Flow.from([])).take(1).toArray();
      expect(log).toHaveLength(2);
    }));

  test("leaves nothing running when whoever pulls is cancelled with the group", () =>
    onEverySchedule(function* () {
      let open = 0;
      yield* moveOnAfter(15, function* () {
        yield* group(function* () {
          yield* every(1, [1, 2, 3, 4])
            .mapConcurrent(2, function* (n) {
              open++;
              try {
                yield* sleep(100);
                return n;
              } finally {
                open--;
              }
            })
            .toArray();
        });
      });
      expect(open).toBe(0);
    }));
});

describe("a pipeline, however it is built and left", () => {
  /** Counts what is open, and gives numbers from 1, each after a while. */
  class World {
    open = 0;

    source(ms: number, limit: number): Flow<number> {
      const world = this;
      return Flow.from(function* source(emit: Emit<number>) {
        world.open++;
        try {
          for (let n = 1; n <= limit; n++) {
            if (ms > 0) yield* sleep(ms);
            yield* emit(n);
          }
        } finally {
          // Entered by a normal end too, where a cancellation that comes meanwhile would cut it short.
          yield* cleanup(sleep(1));
          world.open--;
        }
      });
    }

    *work(n: number): Coroutine<number> {
      this.open++;
      try {
        yield* sleep(n % 3);
        return n;
      } finally {
        this.open--;
      }
    }
  }

  const stage = fc.oneof(
    fc.record({ name: fc.constantFrom("map", "lines"), n: fc.constant(0) }),
    fc.record({ name: fc.constantFrom("ordered", "unordered", "take", "merge"), n: fc.integer({ min: 1, max: 5 }) }),
  );

  test("leaves nothing open behind, fails nobody, and never blocks", { tags: ["long"] }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stage, { maxLength: 5 }),
        fc.nat(3),
        fc.constantFrom("end", "take", "close", "cancel", "error", "group"),
        fc.nat(8),
        fc.nat(100_000),
        async (stages, ms, leave, count, seed) => {
          const world = new World();
          const error = new Error("enough");
          const outcome = await inGroup(function* () {
            return yield* thrownBy(() =>
              group(function* (g) {
                let flow = world.source(ms, leave === "end" ? 6 : 50);
                for (const { name, n } of stages) {
                  if (name === "map") flow = flow.map((item) => item);
                  else if (name === "lines") flow = Flow.lines(flow.map((item) => `${item}\n`)).map(Number);
                  else if (name === "take") flow = flow.take(n * 10);
                  else if (name === "merge") flow = flow.merge(world.source(n, leave === "end" ? 3 : 50));
                  else flow = flow.mapConcurrent(n, (item) => world.work(item), { ordered: name === "ordered" });
                }
                if (leave === "take") yield* flow.take(count).toArray();
                else if (leave === "cancel") yield* moveOnAfter(count, flow.toArray());
                else if (leave === "close") {
                  for (let i = 0; i < count; i++) yield* flow.next();
                  flow.close();
                } else if (leave === "group") {
                  g.spawn(flow.toArray());
                  yield* sleep(count);
                  g.cancel();
                  yield* sleep(1);
                } else if (leave === "error") {
                  yield* flow.forEach((_, index) => {
                    if (index === count) throw error;
                  });
                } else yield* flow.toArray();
                // A terminal operation, and the end of the group, leave nothing; a plain close() leaves it to the group.
                if (leave !== "close") expect(world.open).toBe(0);
              }),
            );
          }, new VirtualHost({ seed }));
          expect(world.open).toBe(0);
          if (leave === "group") expect(outcome).toBeInstanceOf(CancelledError);
          else expect(outcome === error ? undefined : outcome).toBeUndefined();
        },
      ),
      { numRuns: 1000 },
    );
  });
});
