/**
 * A million cycles of each combinator, and the heap is as flat as before. Everything here has leaked in some runtime:
 * `Promise.race` with a long-lived promise (nodejs/node#17469, #51452), abort listeners (nodejs/node#47449), signals
 * (nodejs/node#54614), permits and tasks that were never let go of.
 */
import { EventEmitter } from "node:events";

import { describe, expect, test } from "vitest";

import { growth } from "../../tests/heap.ts";
import { virtually } from "../../tests/virtual.ts";
import {
  all,
  any,
  Channel,
  checkpoint,
  type Coroutine,
  type Emit,
  events,
  Flow,
  fromAsyncIterable,
  type Group,
  group,
  interval,
  map,
  moveOnAfter,
  type Operation,
  race,
  scope,
  select,
  sleep,
  toAsyncIterable,
  toPromise,
  until,
} from "../index.ts";

const MILLION = 1_000_000;
/** Less than the smallest object that could be left behind by each cycle. */
const FLAT = 4;

/** By how many bytes a cycle the heap grows, when one task does `cycle` so often. */
function growthOf(count: number, cycle: (i: number) => Operation<unknown>): Promise<number> {
  return growth(count, (n) =>
    virtually(function* () {
      for (let i = 0; i < n; i++) yield* cycle(i);
    }),
  );
}

function* give(value: number): Coroutine<number> {
  yield* checkpoint();
  return value;
}

function* fail(): Coroutine<never> {
  throw new Error("no");
}

const never = new Promise<void>(() => {});
const abortable = (signal: AbortSignal): Promise<void> => {
  // Listens as fetch does; what is left of it is the signal's own, and goes with it.
  signal.addEventListener("abort", () => {}, { once: true });
  return never;
};

// Declared and not written in place: each evaluation of a `function*` expression makes a map that lives for a while.
function* spawnAndCancel(g: Group): Coroutine<void> {
  const task = g.spawn(until(never));
  yield* checkpoint();
  task.cancel();
}

function* spawnAbortableAndCancel(g: Group): Coroutine<void> {
  const task = g.spawn(until((signal) => abortable(signal)));
  yield* checkpoint();
  task.cancel();
}

describe("the heap stays flat over a million cycles of", () => {
  test("race", async () => {
    expect(await growthOf(MILLION, () => race([give(1), sleep(10)]))).toBeLessThan(FLAT);
  });

  test("race with a promise that never settles", async () => {
    expect(await growthOf(MILLION, () => race([give(1), until(never)]))).toBeLessThan(FLAT);
  });

  test("until a promise that settles", async () => {
    expect(await growthOf(MILLION, () => until(Promise.resolve(1)))).toBeLessThan(FLAT);
  });

  test("until a promise that never settles, cancelled by a timeout", async () => {
    expect(await growthOf(MILLION, () => moveOnAfter(1, until(never)))).toBeLessThan(FLAT);
  });

  test("select with an arm that waits for a promise that never settles", async () => {
    const channel = new Channel<number>(1);
    function* cycle(i: number): Coroutine<void> {
      if (i % 2 === 0) channel.trySend(i);
      yield* select({ item: channel.receive(), never: until(never), late: sleep(1) });
    }
    expect(await growthOf(MILLION, cycle)).toBeLessThan(FLAT);
  });

  test("an interval", async () => {
    const ticks = interval(1);
    expect(await growthOf(MILLION, () => ticks.next())).toBeLessThan(FLAT);
  });

  test("all, any and map", async () => {
    function* cycle(i: number): Coroutine<void> {
      if (i % 3 === 0) yield* all([give(1), give(2)]);
      else if (i % 3 === 1) yield* any([give(1), sleep(1)]);
      else yield* map([1, 2], give, { concurrency: 1 });
    }
    expect(await growthOf(MILLION, cycle)).toBeLessThan(FLAT);
  });
});

describe("the heap stays flat over fewer cycles, because each costs more, of", () => {
  test("until a promise that never settles, cancelled with its task", async () => {
    expect(await growthOf(50_000, () => group(spawnAndCancel))).toBeLessThan(FLAT);
  });

  test("until a function that listens to its signal, cancelled", async () => {
    expect(await growthOf(50_000, () => group(spawnAbortableAndCancel))).toBeLessThan(FLAT);
  });

  test("any of which one fails", async () => {
    expect(await growthOf(100_000, () => any([fail(), give(1)]))).toBeLessThan(FLAT);
  });

  test("toPromise with one signal for all", async () => {
    const { signal } = new AbortController();
    expect(await growthOf(100_000, () => until(toPromise(give(1), { signal })))).toBeLessThan(FLAT);
  });

  test("flows with tasks of their own, closed early", async () => {
    function* numbers(emit: Emit<number>): Coroutine<void> {
      for (let n = 0; ; n++) yield* emit(n);
    }
    expect(await growthOf(100_000, () => Flow.from(numbers).mapConcurrent(2, give).take(2).toArray())).toBeLessThan(
      FLAT,
    );
  });

  test("flows of events, some closed and some left to their scope", async () => {
    const emitter = new EventEmitter();
    function* cycle(i: number): Coroutine<void> {
      const flow = events<number>(emitter, "n");
      emitter.emit("n", i);
      yield* flow.next();
      if (i % 2 === 0) flow.close();
    }
    expect(await growthOf(200_000, (i) => scope(() => cycle(i)))).toBeLessThan(FLAT);
    expect(emitter.eventNames()).toEqual([]);
  });

  test("flows of events that one long scope makes and closes", async () => {
    const emitter = new EventEmitter();
    function* cycle(): Coroutine<void> {
      const flow = events<number>(emitter, "n");
      yield* moveOnAfter(1, flow.next());
      flow.close();
    }
    expect(await growthOf(50_000, cycle)).toBeLessThan(FLAT);
  });

  test("async iterables to flows, left early", async () => {
    async function* numbers(): AsyncGenerator<number> {
      for (let n = 0; ; n++) yield n;
    }
    expect(await growthOf(100_000, () => fromAsyncIterable(numbers()).take(2).toArray())).toBeLessThan(FLAT);
  });

  test("flows to async iterables, left early", async () => {
    const leave = async (): Promise<void> => {
      for await (const n of toAsyncIterable(Flow.from([1, 2, 3]))) if (n === 2) break;
    };
    expect(await growthOf(100_000, () => until(leave()))).toBeLessThan(FLAT);
  });

  test("one flow that is pulled and cancelled again and again", async () => {
    const channel = new Channel<number>(0);
    const flow = Flow.from(channel).map((n) => n);
    expect(await growthOf(200_000, () => moveOnAfter(1, flow.next()))).toBeLessThan(FLAT);
  });
});
