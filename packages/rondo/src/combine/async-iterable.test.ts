import { EventEmitter, on } from "node:events";
import { Readable } from "node:stream";

import { describe, expect, test } from "vitest";

import { inGroup, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  checkpoint,
  ClosedError,
  type Coroutine,
  type Emit,
  Flow,
  fromAsyncIterable,
  group,
  moveOnAfter,
  run,
  scope,
  sleep,
  suppressed,
  toAsyncIterable,
  until,
  VirtualHost,
} from "../index.ts";

/** An async generator that says when it begins and ends. */
async function* numbers(log: string[], last: number = Infinity): AsyncGenerator<number> {
  log.push("begin");
  try {
    for (let n = 1; n <= last; n++) {
      await Promise.resolve();
      yield n;
    }
  } finally {
    await Promise.resolve();
    log.push("end");
  }
}

describe("fromAsyncIterable", () => {
  test("gives the items, and begins with the first pull", () =>
    virtually(function* () {
      const log: string[] = [];
      const flow = fromAsyncIterable(numbers(log, 3));
      yield* checkpoint();
      expect(log).toEqual([]);
      expect(yield* flow.toArray()).toEqual([1, 2, 3]);
      expect(log).toEqual(["begin", "end"]);
    }));

  test("asks for an item only when one is pulled", () =>
    run(function* () {
      let asked = 0;
      const iterable: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: ++asked }) }),
      };
      const flow = fromAsyncIterable(iterable);
      expect(yield* flow.next()).toBe(1);
      expect(yield* flow.next()).toBe(2);
      for (let i = 0; i < 10; i++) yield* sleep(0);
      expect(asked).toBe(2);
      flow.close();
    }));

  test("throws what the iterator throws, and does not close one that has thrown or ended", () =>
    virtually(function* () {
      let closed = 0;
      const throwing = (fails: boolean): AsyncIterable<number> => ({
        [Symbol.asyncIterator]: () => ({
          next: () => (fails ? Promise.reject(new RangeError("no more")) : Promise.resolve({ done: true, value: 0 })),
          return: async () => ({ done: true, value: ++closed }),
        }),
      });
      expect(yield* thrownBy(() => fromAsyncIterable(throwing(true)).next())).toMatchObject({ message: "no more" });
      expect(yield* fromAsyncIterable(throwing(false)).toArray()).toEqual([]);
      expect(closed).toBe(0);
    }));

  test("calls return() when it is closed, and its end is waited for", () =>
    virtually(function* () {
      const log: string[] = [];
      expect(yield* fromAsyncIterable(numbers(log)).take(2).toArray()).toEqual([1, 2]);
      expect(log).toEqual(["begin", "end"]);
    }));

  test("calls return() when its group is cancelled, and the group waits for it", () =>
    virtually(function* () {
      const log: string[] = [];
      yield* scope(function* (s) {
        yield* group(function* () {
          const flow = fromAsyncIterable(numbers(log));
          yield* flow.next();
          s.cancel();
          yield* flow.next();
        });
      });
      expect(log).toEqual(["begin", "end"]);
    }));

  test("calls return() although an item is waited for; the item that comes after that is disposed of", () =>
    inGroup(function* (g) {
      const log: string[] = [];
      let give: (result: IteratorResult<Disposable>) => void = () => {};
      const iterable: AsyncIterable<Disposable> = {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise((resolve) => (give = resolve)),
          async return() {
            log.push("return");
            give({ done: false, value: { [Symbol.dispose]: () => void log.push("disposed") } });
            return { done: true, value: undefined };
          },
        }),
      };
      const flow = fromAsyncIterable(iterable);
      const pull = g.spawn(() => thrownBy(() => flow.next()));
      yield* sleep(1);
      flow.close();
      expect(yield* pull).toBeInstanceOf(ClosedError);
      yield* flow._ended();
      yield* until(new Promise((resolve) => setImmediate(resolve)));
      expect(log).toEqual(["return", "disposed"]);
    }));

  test("lets a cancelled pull take nothing: the item it asked for is there for the next one", () =>
    run(function* () {
      const gate = Promise.withResolvers<void>();
      async function* slow(): AsyncGenerator<number> {
        await gate.promise;
        yield 1;
        yield 2;
      }
      const flow = fromAsyncIterable(slow());
      expect((yield* moveOnAfter(1, flow.next())).timedOut).toBe(true);
      gate.resolve();
      expect(yield* flow.toArray()).toEqual([1, 2]);
    }));

  test("throws what return() throws with the end of its task", async () => {
    const iterable: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 1 }),
        return: () => Promise.reject(new Error("cannot close")),
      }),
    };
    const error = await run(() => thrownBy(() => group(() => fromAsyncIterable(iterable).take(1).toArray())));
    expect([error, ...suppressed(error)].map(String)).toContain("Error: cannot close");
  });

  test("reads Node's streams and the web's", () =>
    run(function* () {
      expect(yield* fromAsyncIterable<string>(Readable.from(["a", "b"])).toArray()).toEqual(["a", "b"]);
      const web = new ReadableStream<number>({
        start(controller) {
          controller.enqueue(1);
          controller.enqueue(2);
          controller.close();
        },
      });
      expect(yield* fromAsyncIterable(web).toArray()).toEqual([1, 2]);
    }));

  test("leaves no listener on an emitter that it reads by events.on()", () =>
    run(function* () {
      const emitter = new EventEmitter();
      const flow = fromAsyncIterable(on(emitter, "n"));
      emitter.emit("n", 1);
      expect(yield* flow.next()).toEqual([1]);
      expect((yield* moveOnAfter(1, flow.next())).timedOut).toBe(true);
      flow.close();
      yield* flow._ended();
      expect(emitter.eventNames()).toEqual([]);
    }));

  test("says what is wrong with what it was given", () =>
    virtually(function* () {
      expect(() => fromAsyncIterable([1] as never)).toThrow(/something to `for await` over/);
      const odd = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(3) }) } as never;
      expect(String(yield* thrownBy(() => fromAsyncIterable(odd).next()))).toMatch(
        /answered 3 where an iterator result/,
      );
      const throws = {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw new Error("at once");
          },
        }),
      };
      expect(yield* thrownBy(() => fromAsyncIterable(throws).next())).toMatchObject({ message: "at once" });
    }));
});

describe("toAsyncIterable", () => {
  /** A flow that says when it begins and ends, and whose cleanup takes its time. */
  function counting(log: string[]): () => Flow<number> {
    function* count(emit: Emit<number>): Coroutine<void> {
      log.push("begin");
      try {
        for (let n = 1; ; n++) {
          yield* sleep(1);
          yield* emit(n);
        }
      } finally {
        yield* sleep(5);
        log.push("end");
      }
    }
    return () => Flow.from(count);
  }

  /** Takes what comes, up to `count` items. */
  async function take<T>(iterable: AsyncIterable<T>, count: number = Infinity): Promise<T[]> {
    const items: T[] = [];
    for await (const item of iterable) {
      items.push(item);
      if (items.length === count) break;
    }
    return items;
  }

  test("gives the items of a flow to `for await`", async () => {
    expect(await take(toAsyncIterable(Flow.from([1, 2, 3])))).toEqual([1, 2, 3]);
    expect(await take(toAsyncIterable(() => Flow.from([1, 2, 3]).map((n) => n * 2)))).toEqual([2, 4, 6]);
  });

  test("does nothing before the first item is asked for", async () => {
    const log: string[] = [];
    const iterator = toAsyncIterable(counting(log))[Symbol.asyncIterator]();
    await Promise.resolve();
    expect(log).toEqual([]);
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(log).toEqual([]);
  });

  test("cancels what the flow does when the loop is left, and waits for its cleanup", async () => {
    const log: string[] = [];
    expect(await take(toAsyncIterable(counting(log), { host: new VirtualHost() }), 2)).toEqual([1, 2]);
    expect(log).toEqual(["begin", "end"]);
  });

  test("makes a flow for each iteration where it was given a function, also a coroutine", async () => {
    const log: string[] = [];
    const host = new VirtualHost();
    const make = counting(log);
    function* slowly(): Coroutine<Flow<number>> {
      yield* sleep(1);
      return make();
    }
    const iterable = toAsyncIterable(slowly, { host });
    expect(await take(iterable, 1)).toEqual([1]);
    expect(await take(iterable, 2)).toEqual([1, 2]);
    expect(log).toEqual(["begin", "end", "begin", "end"]);
  });

  test("throws what the flow throws, once its cleanup has run, and has ended then", async () => {
    const log: string[] = [];
    function* fails(emit: Emit<number>): Coroutine<void> {
      try {
        yield* emit(1);
        throw new RangeError("no more");
      } finally {
        yield* sleep(1);
        log.push("end");
      }
    }
    const iterator = toAsyncIterable(() => Flow.from(fails))[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await expect(iterator.next()).rejects.toThrow("no more");
    expect(log).toEqual(["end"]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test("throws to whoever leaves what the cleanup throws", async () => {
    function* fails(emit: Emit<number>): Coroutine<void> {
      try {
        yield* emit(1);
        yield* emit(2);
      } finally {
        // oxlint-disable-next-line no-unsafe-finally
        throw new Error("cannot clean up");
      }
    }
    await expect(
      take(
        toAsyncIterable(() => Flow.from(fails)),
        1,
      ),
    ).rejects.toThrow("cannot clean up");
  });

  test("answers questions in order, also those asked before the one before was answered", async () => {
    const iterator = toAsyncIterable(Flow.from(["a", "b"]))[Symbol.asyncIterator]();
    const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(answers.map(({ value }) => value)).toEqual(["a", "b", undefined, undefined]);
  });

  test("answers those who still ask when it is left with the end", async () => {
    const log: string[] = [];
    const iterator = toAsyncIterable(counting(log))[Symbol.asyncIterator]();
    const asked = [iterator.next(), iterator.next()];
    await asked[0];
    await Promise.all([iterator.return?.(), iterator.return?.()]);
    expect(await asked[1]).toEqual({ done: true, value: undefined });
    expect(log).toEqual(["begin", "end"]);
  });

  test("is left by `await using` too", async () => {
    const log: string[] = [];
    {
      await using iterator = toAsyncIterable(counting(log))[Symbol.asyncIterator]() as AsyncIterator<number> &
        AsyncDisposable;
      await iterator.next();
    }
    expect(log).toEqual(["begin", "end"]);
  });

  test("goes on as long as its reader wants: a slow one is no deadlock", async () => {
    const items: number[] = [];
    for await (const item of toAsyncIterable(Flow.from([1, 2, 3]))) {
      await new Promise((resolve) => setImmediate(resolve));
      items.push(item);
    }
    expect(items).toEqual([1, 2, 3]);
  });

  test("used up once, is closed for a second iteration that comes after a break", async () => {
    const flow = Flow.from([1, 2, 3]);
    expect(await take(toAsyncIterable(flow), 1)).toEqual([1]);
    await expect(take(toAsyncIterable(flow))).rejects.toBeInstanceOf(ClosedError);
  });

  test("and back: a flow of an async iterable of a flow", async () => {
    const log: string[] = [];
    const there = toAsyncIterable(counting(log));
    const back = await run(() => fromAsyncIterable(there).take(3).toArray());
    expect(back).toEqual([1, 2, 3]);
    expect(log).toEqual(["begin", "end"]);
  });

  test("is what a web stream can be made of", async () => {
    const stream = ReadableStream.from(toAsyncIterable(Flow.from([1, 2])));
    expect(await take(stream as AsyncIterable<number>)).toEqual([1, 2]);
  });

  test("says what is wrong with what it was given", async () => {
    expect(() => toAsyncIterable([1] as never)).toThrow(/takes a flow, or a function that gives one/);
    await expect(take(toAsyncIterable((() => [1]) as never))).rejects.toThrow(/gave 1, and not a flow/);
  });

  test("leaves no listener on the process, and no timer", async () => {
    const listeners = (): unknown[] => process.eventNames().map((name) => [name, process.listenerCount(name)]);
    const before = listeners();
    const log: string[] = [];
    await take(toAsyncIterable(counting(log)), 1);
    expect(listeners()).toEqual(before);
  });
});
