import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BrokenError,
  BusyError,
  Channel,
  checkpoint,
  ClosedError,
  type Coroutine,
  Flow,
  moveOnAfter,
  race,
  sleep,
} from "../index.ts";

/** Numbers from 1, and how many were taken and whether it was closed. */
class Numbers implements Iterable<number> {
  taken = 0;
  closed = 0;
  readonly limit: number;
  constructor(limit = Infinity) {
    this.limit = limit;
  }
  [Symbol.iterator](): Iterator<number> {
    return {
      next: () => (this.taken < this.limit ? { done: false, value: ++this.taken } : { done: true, value: undefined }),
      return: () => {
        this.closed++;
        return { done: true, value: undefined };
      },
    };
  }
}

describe("a flow", () => {
  test("gives one item after the other, and undefined for ever after the last", async () => {
    await virtually(function* () {
      const flow = Flow.from(["a", "b"]);
      expect([yield* flow.next(), yield* flow.next(), yield* flow.next(), yield* flow.next()]).toEqual([
        "a",
        "b",
        undefined,
        undefined,
      ]);
    });
  });

  test("does nothing before somebody pulls, and then no more than was asked for", async () => {
    const numbers = new Numbers();
    const flow = Flow.from(numbers)
      .map((n) => n * 10)
      .filter((n) => n % 20 === 0);
    expect(numbers.taken).toBe(0);
    await virtually(function* () {
      expect(yield* flow.next()).toBe(20);
      expect(numbers.taken).toBe(2);
      expect(yield* flow.next()).toBe(40);
      expect(numbers.taken).toBe(4);
    });
  });

  test("is made of a flow as it is", () => {
    const flow = Flow.from([1]);
    expect(Flow.from(flow)).toBe(flow);
  });

  test("knows the types of its items", () => {
    const flow = Flow.from([1, 2]);
    expectTypeOf(flow).toEqualTypeOf<Flow<number>>();
    expectTypeOf(flow.map(String)).toEqualTypeOf<Flow<string>>();
    expectTypeOf(Flow.from([1, null]).filter((n) => n !== null)).toEqualTypeOf<Flow<number>>();
    expectTypeOf(flow.merge(Flow.from(["a"]))).toEqualTypeOf<Flow<number | string>>();
    expectTypeOf(Flow.from(new Channel<string>(0))).toEqualTypeOf<Flow<string>>();
    expectTypeOf(flow.mapConcurrent(2, (n) => sleep(n))).toEqualTypeOf<Flow<void>>();
  });

  test("gives what it can without waiting as a batch, at most so much, and undefined at the end", async () => {
    await inGroup(function* (g) {
      const flow = Flow.from([1, 2, 3, 4, 5]);
      expect(yield* flow.batch(2)).toEqual([1, 2]);
      expect(yield* flow.batch()).toEqual([3, 4, 5]);
      expect(yield* flow.batch()).toBeUndefined();
      expect(String(yield* thrownBy(() => flow.batch(0)))).toContain("1 or more, not 0");
      expect(String(yield* thrownBy(() => flow.batch(2.5)))).toContain("1 or more, not 2.5");

      const channel = new Channel<number>(10);
      const received = Flow.from(channel);
      const waiting = g.spawn(received.batch());
      yield* sleep(1);
      for (const n of [1, 2, 3]) yield* channel.send(n);
      expect(yield* waiting).toEqual([1, 2, 3]);
    });
  });

  test("gives a batch of what came before an error, and then the error", async () => {
    await virtually(function* () {
      const flow = Flow.from([1, 2, 3]).map((n) => {
        if (n === 3) throw new Error("three");
        return n;
      });
      expect(yield* flow.batch()).toEqual([1, 2]);
      expect(String(yield* thrownBy(() => flow.batch()))).toBe("Error: three");
    });
  });

  test("can be used up one by one, as a list, as a sum", async () => {
    await virtually(function* () {
      const seen: string[] = [];
      yield* Flow.from(["a", "b"]).forEach((item, index) => void seen.push(`${index}${item}`));
      yield* Flow.from(["c"]).forEach(function* (item) {
        yield* sleep(5);
        seen.push(item);
      });
      expect(seen).toEqual(["0a", "1b", "c"]);
      expect(yield* Flow.from([1, 2, 3]).toArray()).toEqual([1, 2, 3]);
      expect(yield* Flow.from([1, 2, 3]).reduce((sum, n, index) => sum + n * index, 100)).toBe(108);
    });
  });

  test("lets the others run beside one who never has to wait", async () => {
    await inGroup(function* (g) {
      let turns = 0;
      g.spawn(
        function* () {
          for (;;) {
            turns++;
            yield* checkpoint();
          }
        },
        { daemon: true },
      );
      yield* Flow.from(new Numbers(10_000)).forEach(() => {});
      expect(turns).toBeGreaterThan(50);
      // Also where a stage refuses everything.
      turns = 0;
      yield* Flow.from(new Numbers(100_000))
        .filter(() => false)
        .toArray();
      expect(turns).toBeGreaterThan(50);
      turns = 0;
      yield* Flow.from(new Numbers(100_000)).drop(100_000).next();
      expect(turns).toBeGreaterThan(50);
    });
  });

  test("can be cancelled where a stage refuses everything there is", async () => {
    const flow = Flow.from(new Numbers()).filter(() => false);
    function* soon(): Coroutine<string> {
      for (let turn = 0; turn < 5; turn++) yield* checkpoint();
      return "enough";
    }
    expect(await virtually(() => race([flow.next(), soon()]))).toBe("enough");
  });
});

describe("stages", () => {
  test("see the place of each item", async () => {
    await virtually(function* () {
      expect(
        yield* Flow.from(["a", "b", "c"])
          .map((item, index) => `${item}${index}`)
          .toArray(),
      ).toEqual(["a0", "b1", "c2"]);
      expect(
        yield* Flow.from(["a", "b", "c"])
          .filter((_, index) => index !== 1)
          .toArray(),
      ).toEqual(["a", "c"]);
    });
  });

  test("take closes what it takes from with the last item, and not later", async () => {
    await virtually(function* () {
      const numbers = new Numbers();
      const flow = Flow.from(numbers).take(2);
      yield* flow.next();
      expect([numbers.taken, numbers.closed]).toEqual([1, 0]);
      yield* flow.next();
      expect([numbers.taken, numbers.closed]).toEqual([2, 1]);
      expect(yield* flow.next()).toBeUndefined();
      expect([numbers.taken, numbers.closed]).toEqual([2, 1]);
    });
  });

  test("take nothing takes nothing; take more than there is ends with what there is", async () => {
    await virtually(function* () {
      const numbers = new Numbers(3);
      expect(yield* Flow.from(numbers).take(0).toArray()).toEqual([]);
      expect([numbers.taken, numbers.closed]).toEqual([0, 1]);
      expect(yield* Flow.from(new Numbers(3)).take(9).toArray()).toEqual([1, 2, 3]);
    });
  });

  test("drop leaves out the first, and only those", async () => {
    await virtually(function* () {
      expect(yield* Flow.from([1, 2, 3]).drop(2).toArray()).toEqual([3]);
      expect(yield* Flow.from([1, 2, 3]).drop(0).toArray()).toEqual([1, 2, 3]);
      expect(yield* Flow.from([1, 2, 3]).drop(5).toArray()).toEqual([]);
      expect(yield* Flow.from(new Numbers(5000)).drop(3000).take(1).toArray()).toEqual([3001]);
    });
  });

  test("pass an error to whoever pulls, then and ever after, and close what they are made of", async () => {
    await virtually(function* () {
      const numbers = new Numbers();
      const error = new RangeError("two");
      const flow = Flow.from(numbers)
        .map((n) => {
          if (n === 2) throw error;
          return n;
        })
        .filter(() => true);
      expect(yield* flow.next()).toBe(1);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      expect([numbers.taken, numbers.closed]).toEqual([2, 1]);
    });
  });

  test("pass on what the items throw, and do not close items that threw", async () => {
    await virtually(function* () {
      let closed = 0;
      const broken: Iterable<number> = {
        [Symbol.iterator]: () => ({
          next: () => {
            throw new Error("broken");
          },
          return: () => {
            closed++;
            return { done: true, value: undefined };
          },
        }),
      };
      expect(String(yield* thrownBy(() => Flow.from(broken).next()))).toBe("Error: broken");
      expect(closed).toBe(0);
    });
  });

  test("cut a text into lines, however it comes", async () => {
    const lines = (pieces: string | string[]): Promise<string[]> => virtually(() => Flow.lines(pieces).toArray());
    expect(await lines("a\nb\r\nc")).toEqual(["a", "b", "c"]);
    expect(await lines(["a", "b\n", "", "\n\nc\r", "\nd", "\n"])).toEqual(["ab", "", "", "c", "d"]);
    expect(await lines("")).toEqual([]);
    expect(await lines("\n")).toEqual([""]);
    expect(await lines(["no end", " at all"])).toEqual(["no end at all"]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "b", "\n", "\r\n", ""), { maxLength: 40 }),
        fc.nat(5),
        async (parts, size) => {
          const text = parts.join("");
          const expected = text.split(/\r?\n/);
          if (expected.at(-1) === "") expected.pop();
          const pieces: string[] = [];
          for (let i = 0; i < text.length; i += size + 1) pieces.push(text.slice(i, i + size + 1));
          expect(await lines(pieces)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("give what the same on an array would give", async () => {
    const stage = fc.oneof(
      fc.constant({ name: "map" as const, n: 0 }),
      fc.record({ name: fc.constant("filter" as const), n: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ name: fc.constant("take" as const), n: fc.nat(12) }),
      fc.record({ name: fc.constant("drop" as const), n: fc.nat(12) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(100), { maxLength: 20 }),
        fc.array(stage, { maxLength: 6 }),
        async (items, stages) => {
          let flow = Flow.from(items);
          let expected = items;
          for (const { name, n } of stages) {
            if (name === "map") {
              flow = flow.map((item, index) => item + index);
              expected = expected.map((item, index) => item + index);
            } else if (name === "filter") {
              flow = flow.filter((item) => item % n === 0);
              expected = expected.filter((item) => item % n === 0);
            } else if (name === "take") {
              flow = flow.take(n);
              expected = expected.slice(0, n);
            } else {
              flow = flow.drop(n);
              expected = expected.slice(n);
            }
          }
          expect(await virtually(() => flow.toArray())).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("pulling", () => {
  test("by two tasks at once is an error for the second, and the first gets its item", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      const flow = Flow.from(channel, { name: "numbers" });
      const first = g.spawn(flow.next());
      yield* sleep(1);
      const error = yield* thrownBy(() => flow.next());
      expect(error).toBeInstanceOf(BusyError);
      expect(String(error)).toContain('"numbers"');
      yield* channel.send(1);
      expect(yield* first).toBe(1);
      const again = g.spawn(flow.next());
      yield* sleep(1);
      yield* channel.send(2);
      expect(yield* again).toBe(2);
    }));

  test("by two flows that are made of one is an error for the second too", async () => {
    await inGroup(function* (g) {
      const flow = Flow.from(new Channel<number>(0));
      g.spawn(flow.map((n) => n).next(), { daemon: true });
      yield* sleep(1);
      expect(yield* thrownBy(() => flow.filter(() => true).next())).toBeInstanceOf(BusyError);
    });
  });

  test("and being cancelled takes nothing", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      const flow = Flow.from(channel).map((n) => n);
      const got: number[] = [];
      g.spawn(function* () {
        for (let i = 0; i < 30; i++) {
          yield* channel.send(i);
          yield* sleep(i % 4);
        }
        channel.close();
      });
      for (;;) {
        const outcome = yield* moveOnAfter(1, flow.next());
        if (outcome.timedOut) continue;
        if (outcome.value === undefined) break;
        got.push(outcome.value);
      }
      expect(got).toEqual(Array.from({ length: 30 }, (_, i) => i));
    }));

  test("works again after it was cancelled: nothing is left busy", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(1);
      const flow = Flow.from(channel);
      expect((yield* moveOnAfter(1, flow.next())).timedOut).toBe(true);
      expect((yield* moveOnAfter(1, flow.batch())).timedOut).toBe(true);
      yield* channel.send(1);
      expect(yield* flow.next()).toBe(1);
    });
  });
});

describe("closing", () => {
  test("goes up to where the items come from, and what is pulled after that is an error", async () => {
    await virtually(function* () {
      const numbers = new Numbers();
      const flow = Flow.from(numbers, { name: "numbers" }).map((n) => n);
      yield* flow.next();
      flow.close();
      expect(numbers.closed).toBe(1);
      const error = yield* thrownBy(() => flow.next());
      expect(error).toBeInstanceOf(ClosedError);
      expect(String(error)).toContain('the flow "numbers.map" is closed');
    });
  });

  test("a second time is an error; after the end it is none", async () => {
    await virtually(function* () {
      const flow = Flow.from([1], { name: "one" });
      yield* flow.toArray();
      flow.close();
      expect(() => flow.close()).toThrow('the flow "one" was closed twice');
      expect(() => flow.close()).toThrow(ClosedError);
    });
  });

  test("by `using` does it once", async () => {
    const numbers = new Numbers();
    await virtually(function* () {
      using flow = Flow.from(numbers);
      expect(yield* flow.next()).toBe(1);
      flow.close();
    });
    await virtually(function* () {
      using flow = Flow.from(numbers);
      expect(yield* flow.next()).toBe(2);
    });
    expect(numbers.closed).toBe(2);
  });

  test("wakes whoever pulls with a ClosedError", () =>
    onEverySchedule(function* (g) {
      const flow = Flow.from(new Channel<number>(0));
      const pulling = g.spawn(() => thrownBy(() => flow.next()));
      yield* sleep(1);
      flow.close();
      expect(yield* pulling).toBeInstanceOf(ClosedError);
    }));

  test("tells the senders of a channel that nobody listens", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(0);
      Flow.from(channel).close();
      expect(yield* thrownBy(() => channel.send(1))).toBeInstanceOf(BrokenError);

      const shared = new Channel<number>(1);
      const flow = Flow.from(shared.cloneReceiver());
      flow.close();
      yield* shared.send(1);
      expect(yield* shared.receive()).toBe(1);
    });
  });

  test("happens by itself when forEach is left early, by an error or a cancellation", async () => {
    await virtually(function* () {
      for (const leave of ["error", "cancellation", "end"]) {
        const numbers = new Numbers(leave === "end" ? 3 : Infinity);
        function* handle(n: number): Coroutine<void> {
          if (n === 2 && leave === "error") throw new Error("two");
          yield* sleep(1);
        }
        yield* thrownBy(() => moveOnAfter(10, Flow.from(numbers).forEach(handle)));
        expect([leave, numbers.closed]).toEqual([leave, leave === "end" ? 0 : 1]);
      }
    });
  });
});

describe("bad use of a flow", () => {
  test("is told at once where that is possible", () => {
    expect(() => Flow.from(5 as never)).toThrow(
      "Flow.from() takes something iterable, a channel, or a function* (emit) {…}, not 5",
    );
    const flow = Flow.from([1]);
    expect(() => flow.take(-1)).toThrow("take() takes a whole number of 0 or more, not -1");
    expect(() => flow.drop(NaN)).toThrow("drop() takes a whole number of 0 or more, not NaN");
    expect(() => flow.map(5 as never)).toThrow("map() of a flow takes a function, not 5");
    expect(() => flow.filter(undefined as never)).toThrow("filter() of a flow takes a function, not undefined");
    expect(() => flow.mapConcurrent(0, () => sleep(1))).toThrow("the concurrency of mapConcurrent()");
    expect(() => flow.mapConcurrent(1, 5 as never)).toThrow("mapConcurrent() takes a function* (item) {…}, not 5");
  });

  test("is told to whoever pulls where only that shows it", async () => {
    function* operation(): Coroutine<number> {
      yield* sleep(1);
      return 1;
    }
    const message = async (flow: Flow<unknown>): Promise<string> =>
      String(await virtually(() => thrownBy(() => flow.next())));
    expect(await message(Flow.from([undefined]))).toContain(
      "gave undefined as an item of a flow, where it means the end",
    );
    expect(await message(Flow.from([1]).map(() => undefined))).toContain("the function given to map() gave undefined");
    expect(await message(Flow.from([1]).map(operation))).toContain("use mapConcurrent(1, fn)");
    expect(await message(Flow.from(operation() as Iterable<unknown>))).toContain("a flow was made of a coroutine");
    const promised = await virtually(() => thrownBy(() => Flow.from([1]).forEach((async () => {}) as never)));
    expect(String(promised)).toContain("gave a promise: write function*");
  });
});
