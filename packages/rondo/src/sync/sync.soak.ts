/**
 * Up to a million cycles of each thing that can be waited for, on resources that live as long as the program: whoever
 * has been served, has given up or was cancelled must leave nothing behind. (The kind of leak of nodejs/node#17469 and
 * #35990: a long-lived promise, or signal, that keeps everyone who ever waited for it.)
 */
import { describe, expect, test } from "vitest";

import { growth, liveHeap } from "../../tests/heap.ts";
import { virtually } from "../../tests/virtual.ts";
import {
  Barrier,
  Broadcast,
  Channel,
  checkpoint,
  Condition,
  type Coroutine,
  Deferred,
  Gate,
  group,
  Latch,
  Limiter,
  Lock,
  moveOnAfter,
  Queue,
  RateLimiter,
  RWLock,
  select,
  Semaphore,
  sleep,
  type Wait,
} from "../index.ts";
import { Ring } from "./ring.ts";

const MILLION = 1_000_000;
/** Less than the smallest object that could be left behind by each cycle. */
const FLAT = 4;

/** One task does `body` so often. */
function repeat(body: (i: number) => Coroutine<unknown>): (n: number) => Promise<void> {
  return (n) =>
    virtually(function* () {
      for (let i = 0; i < n; i++) yield* body(i);
    });
}

describe("a quarter of a million waits that give up leave nothing", () => {
  const gate = new Gate();
  const latch = new Latch(1);
  const deferred = new Deferred<number>();
  const queue = new Queue<number>();
  const pending = new Queue<number>();
  pending.tryPut(1);
  const full = new Queue<number>({ capacity: 1 });
  full.tryPut(1);
  const channel = new Channel<number>(0);
  const limiter = new Limiter(0);
  const broadcast = new Broadcast<number>(1);
  const subscription = broadcast.subscribe();
  broadcast.trySend(1);
  const idle = new Broadcast<number>(1).subscribe();

  const waits: Record<string, () => Wait<unknown>> = {
    "Gate.wait": () => gate.wait(),
    "Latch.wait": () => latch.wait(),
    "Deferred.wait": () => deferred.wait(),
    "Queue.get": () => queue.get(),
    "Queue.put": () => full.put(2),
    "Queue.join": () => pending.join(),
    "Channel.receive": () => channel.receive(),
    "Channel.send": () => channel.send(1),
    "Limiter.acquire": () => limiter.acquire(),
    "Broadcast.send": () => broadcast.send(2),
    "Subscription.receive": () => idle.receive(),
  };
  for (const [name, wait] of Object.entries(waits)) {
    test(`${name}, as an arm that is lost`, async () => {
      const arm = (): Wait<unknown> => select({ it: wait(), turn: checkpoint() });
      function* lose() {
        yield* arm();
      }
      expect(await growth(MILLION / 4, repeat(lose))).toBeLessThan(FLAT);
    });

    test(`${name}, by a timeout`, async () => {
      function* giveUp() {
        yield* moveOnAfter(1, wait());
      }
      expect(await growth(MILLION / 4, repeat(giveUp))).toBeLessThan(FLAT);
    });
  }

  test("and the resources are as they were", () => {
    expect(gate.statistics().waiters).toBe(0);
    expect(latch.statistics().waiters).toBe(0);
    expect(deferred.statistics().waiters).toBe(0);
    expect(queue.statistics()).toMatchObject({ getters: 0, putters: 0, depth: 0 });
    expect(full.statistics()).toMatchObject({ getters: 0, putters: 0, depth: 1 });
    expect(channel.statistics()).toMatchObject({ sending: 0, receiving: 0 });
    expect(limiter.statistics()).toMatchObject({ waiters: 0, borrowed: 0 });
    expect(broadcast.statistics()).toMatchObject({ sending: 0, depth: 1 });
    expect(subscription.statistics().receiving).toBe(0);
  });
});

describe("half a million turns of what is taken and given back leave nothing", () => {
  /** Two tasks take turns, so that every second acquisition waits. */
  function contended(take: () => Coroutine<unknown>): (n: number) => Promise<void> {
    function* loop(n: number) {
      for (let i = 0; i < n; i++) yield* take();
    }
    return (n) =>
      virtually(() =>
        group(function* (g) {
          g.spawn(loop(n / 2));
          yield* loop(n / 2);
        }),
      );
  }

  const lock = new Lock();
  const semaphore = new Semaphore(1);
  const limiter = new Limiter(1);
  const rw = new RWLock();
  const condition = new Condition();
  const takes: Record<string, () => Coroutine<unknown>> = {
    Lock: () => lock.with(checkpoint()),
    Semaphore: () => semaphore.with(checkpoint()),
    Limiter: () => limiter.with(checkpoint()),
    "RWLock, writing": () => rw.withWrite(checkpoint()),
    "RWLock, reading": () => rw.withRead(checkpoint()),
    *Condition() {
      yield* condition.acquire();
      condition.notify();
      yield* moveOnAfter(1, condition.wait());
      condition.release();
    },
  };
  for (const [name, take] of Object.entries(takes)) {
    test(name, async () => {
      expect(await growth(MILLION / 2, contended(take))).toBeLessThan(FLAT);
    });
  }

  test("Barrier", async () => {
    const barrier = new Barrier(2);
    function* meet() {
      yield* barrier.wait();
    }
    expect(await growth(MILLION / 2, contended(meet))).toBeLessThan(FLAT);
  });

  test("RateLimiter", async () => {
    const limiter = new RateLimiter(1, 1);
    function* go() {
      yield* limiter.acquire();
    }
    expect(await growth(MILLION / 2, contended(go))).toBeLessThan(FLAT);
  });
});

describe("up to a million items leave nothing", () => {
  function* produce(send: (item: object) => Wait<void>, n: number) {
    for (let i = 0; i < n; i++) yield* send({ i });
  }
  function* consume(receive: () => Wait<unknown>, n: number) {
    for (let i = 0; i < n; i++) yield* receive();
  }
  function passing(send: (item: object) => Wait<void>, receive: () => Wait<unknown>): (n: number) => Promise<void> {
    return (n) =>
      virtually(() =>
        group(function* (g) {
          g.spawn(produce(send, n));
          yield* consume(receive, n);
        }),
      );
  }

  for (const capacity of [0, 1, 100]) {
    test(`through a channel of capacity ${capacity}`, async () => {
      const channel = new Channel<object>(capacity);
      const send = (item: object): Wait<void> => channel.send(item);
      expect(
        await growth(
          MILLION,
          passing(send, () => channel.receive()),
        ),
      ).toBeLessThan(FLAT);
    });
  }

  for (const order of ["fifo", "lifo", "priority"] as const) {
    test(`through a queue, ${order}`, async () => {
      const compare =
        order === "priority" ? (a: object, b: object) => Object.keys(a).length - Object.keys(b).length : undefined;
      const queue = new Queue<object>({ capacity: 100, order, compare });
      const put = (item: object): Wait<void> => queue.put(item);
      expect(
        await growth(
          MILLION / 2,
          passing(put, () => queue.get()),
        ),
      ).toBeLessThan(FLAT);
    });
  }

  test("through a broadcast whose subscribers come and go", async () => {
    const broadcast = new Broadcast<object>(10, { overflow: "drop-oldest" });
    const slow = broadcast.subscribe();
    function* cycle(i: number) {
      using short = broadcast.subscribe();
      yield* broadcast.send({ i });
      yield* short.receive();
      if (i % 64 === 0) yield* sleep(1);
    }
    expect(await growth(MILLION / 2, repeat(cycle))).toBeLessThan(FLAT);
    expect(slow.statistics().depth).toBe(10);
  });
});

test("an item that was taken out of a ring is not kept alive by it", async () => {
  const ring = new Ring<object>();
  // Of a size that shows: the room for 8 items is kept, 100 MB of them must not be.
  const before = liveHeap();
  for (let i = 0; i < 8; i++) ring.push(Array.from({ length: 1_500_000 }, () => 1.5));
  for (let i = 0; i < 8; i++) ring.shift();
  await Promise.resolve();
  expect(liveHeap() - before).toBeLessThan(1_000_000);
  expect(ring.length).toBe(0);
});
