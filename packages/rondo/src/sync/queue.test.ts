/** The queue: in order, handed over, counted, and shut down without losing count. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { checkpoint, ClosedError, group, moveOnAfter, now, Queue, select, sleep } from "../index.ts";

/** Puts items in and takes them all out again. */
function* through<T>(queue: Queue<T>, items: readonly T[]) {
  for (const item of items) yield* queue.put(item);
  const out: T[] = [];
  while (queue.length > 0) out.push(yield* queue.get());
  return out;
}

describe("order", () => {
  test("first in first out, last in first out, least first", async () => {
    await virtually(function* () {
      expect(yield* through(new Queue<number>(), [3, 1, 2])).toEqual([3, 1, 2]);
      expect(yield* through(new Queue<number>({ order: "lifo" }), [3, 1, 2])).toEqual([2, 1, 3]);
      expect(yield* through(new Queue<number>({ order: "priority" }), [3, 1, 2])).toEqual([1, 2, 3]);
    });
  });

  test("by a comparison of one's own, and equal items oldest first", async () => {
    await virtually(function* () {
      const queue = new Queue<[number, string]>({ order: "priority", compare: ([a], [b]) => b - a });
      const out = yield* through(queue, [
        [1, "a"],
        [2, "b"],
        [1, "c"],
        [2, "d"],
        [1, "e"],
      ]);
      expect(out.map(([, name]) => name).join("")).toBe("bdace");
    });
  });
});

describe("waiting", () => {
  test("get waits for an item, and gets the very next one", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<string>();
      const getters = [1, 2].map(() => g.spawn(queue.get()));
      yield* sleep(1);
      expect(queue.statistics()).toMatchObject({ getters: 2, depth: 0 });
      queue.tryPut("a");
      queue.tryPut("b");
      expect(queue.tryGet()).toBe(undefined); // handed over already
      const got = [yield* getters[0] as (typeof getters)[0], yield* getters[1] as (typeof getters)[0]];
      expect(got.toSorted()).toEqual(["a", "b"]);
    }));

  test("put waits for room, and those who wait put in the order in which they came", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>({ capacity: 1 });
      yield* queue.put(0);
      for (let i = 1; i <= 3; i++) {
        g.spawn(queue.put(i));
        yield* sleep(1);
      }
      expect(queue.statistics()).toMatchObject({ depth: 1, putters: 3, unfinished: 1 });
      expect(queue.tryPut(9)).toBe(false);
      const got: number[] = [];
      for (let i = 0; i < 4; i++) got.push(yield* queue.get());
      expect(got).toEqual([0, 1, 2, 3]);
    }));

  test("room made by a get belongs to the putter that waits, not to a quicker one", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<string>({ capacity: 1 });
      yield* queue.put("a");
      g.spawn(queue.put("b"));
      yield* sleep(1);
      expect(yield* queue.get()).toBe("a");
      expect(queue.tryPut("c")).toBe(false);
      expect(yield* queue.get()).toBe("b");
    }));

  test("a task that only finds items, or room, lets the others run", async () => {
    let rounds = 0;
    await inGroup(function* (g) {
      const queue = new Queue<number>();
      let stop = false;
      g.spawn(function* () {
        yield* checkpoint();
        stop = true;
      });
      for (; !stop; rounds++) {
        yield* queue.put(rounds);
        yield* queue.get();
      }
    });
    expect(rounds).toBeLessThan(10_000);
  });

  test("undefined is an item like any other", async () => {
    await virtually(function* () {
      const queue = new Queue<undefined>();
      queue.tryPut(undefined);
      expect(queue.tryGet()).toEqual({ value: undefined });
      expect(queue.tryGet()).toBe(undefined);
    });
  });
});

describe("cancellation", () => {
  test("an item that was handed over when the getter was cancelled is delivered, not dropped", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<string>();
      const got: string[] = [];
      const getter = g.spawn(function* () {
        for (;;) got.push(yield* queue.get());
      });
      yield* sleep(1);
      queue.tryPut("a");
      getter.cancel();
      queue.tryPut("b");
      yield* getter.ended();
      expect(got).toEqual(["a"]);
      expect(queue.tryGet()).toEqual({ value: "b" });
    }));

  test("a getter that was cancelled gets nothing: the item goes to the next", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<string>();
      const gone = g.spawn(queue.get());
      yield* sleep(1);
      const stays = g.spawn(queue.get());
      yield* sleep(1);
      gone.cancel();
      queue.tryPut("a");
      expect(yield* stays).toBe("a");
    }));

  test("a putter that was cancelled has put nothing, and is not counted", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<string>({ capacity: 1 });
      yield* queue.put("a");
      const gone = g.spawn(queue.put("b"));
      yield* sleep(1);
      g.spawn(queue.put("c"));
      yield* sleep(1);
      gone.cancel();
      expect([yield* queue.get(), yield* queue.get()]).toEqual(["a", "c"]);
      expect(queue.statistics()).toMatchObject({ unfinished: 2, putters: 0 });
    }));

  test("a lost arm of a select takes no item and puts none", () =>
    onEverySchedule(function* (g) {
      const full = new Queue<string>({ capacity: 1 });
      const empty = new Queue<string>();
      yield* full.put("a");
      const chooser = g.spawn(select({ put: full.put("b"), get: empty.get(), late: sleep(2) }));
      yield* sleep(1);
      empty.tryPut("x");
      expect(yield* chooser).toEqual({ key: "get", value: "x" });
      expect(yield* full.get()).toBe("a");
      expect([full.length, empty.length]).toEqual([0, 0]);
    }));
});

describe("join", () => {
  test("waits until every item has been dealt with, not only taken", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>();
      for (let i = 0; i < 4; i++) yield* queue.put(i);
      for (let i = 0; i < 2; i++) {
        g.spawn(
          function* () {
            for (;;) {
              yield* queue.get();
              yield* sleep(10);
              queue.taskDone();
            }
          },
          { daemon: true },
        );
      }
      yield* queue.join();
      expect(now()).toBe(20);
      yield* queue.join(); // at once
      expect(now()).toBe(20);
    }));

  test("may be given up, and is waited for again when more is put in", async () => {
    await inGroup(function* (g) {
      const queue = new Queue<number>();
      yield* queue.join();
      queue.tryPut(1);
      expect((yield* moveOnAfter(5, queue.join())).timedOut).toBe(true);
      const joiners = [g.spawn(queue.join()), g.spawn(queue.join())];
      yield* sleep(1);
      expect(joiners.map((task) => task.waitingFor)).toEqual(["queue join", "queue join"]);
      queue.taskDone();
      for (const joiner of joiners) yield* joiner;
    });
  });

  test("taskDone more often than items were put is an error that names the queue", () => {
    const queue = new Queue<number>({ name: "jobs" });
    queue.tryPut(1);
    queue.taskDone();
    expect(() => queue.taskDone()).toThrow(
      'taskDone() of the queue "jobs" was called more often than items were put into it',
    );
  });
});

describe("shutdown", () => {
  test("getters take what is left and then get a ClosedError; putters get it at once", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>({ capacity: 2, name: "jobs" });
      yield* queue.put(1);
      yield* queue.put(2);
      const putter = g.spawn(() => thrownBy(() => queue.put(3)));
      yield* sleep(1);
      expect(queue.shutdown()).toEqual([]);
      expect(yield* putter).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => queue.put(4))).toBeInstanceOf(ClosedError);
      expect(() => queue.tryPut(4)).toThrow(/the queue "jobs" was shut down/);
      expect([yield* queue.get(), queue.tryGet()]).toEqual([1, { value: 2 }]);
      expect(yield* thrownBy(() => queue.get())).toBeInstanceOf(ClosedError);
      expect(() => queue.tryGet()).toThrow(ClosedError);
      expect(queue.statistics()).toMatchObject({ closed: true, unfinished: 2 });
    }));

  test("wakes every getter that waits", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>();
      const getters = [1, 2, 3].map(() => g.spawn(() => thrownBy(() => queue.get())));
      yield* sleep(1);
      queue.shutdown();
      for (const getter of getters) expect(yield* getter).toBeInstanceOf(ClosedError);
    }));

  test("leaves join waiting for what was taken and is not dealt with", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>();
      yield* queue.put(1);
      yield* queue.get();
      queue.shutdown();
      const joiner = g.spawn(queue.join());
      yield* sleep(5);
      expect(joiner.state).toBe("waiting");
      queue.taskDone();
      yield* joiner;
    }));

  test("at once drops what is left, gives it back in order, and counts it as dealt with", () =>
    onEverySchedule(function* (g) {
      for (const order of ["fifo", "lifo", "priority"] as const) {
        const queue = new Queue<number>({ order });
        for (const item of [2, 3, 1, 4]) yield* queue.put(item);
        yield* queue.get();
        const joiner = g.spawn(queue.join());
        yield* sleep(1);
        expect(queue.shutdown({ immediate: true })).toEqual(
          { fifo: [3, 1, 4], lifo: [1, 3, 2], priority: [2, 3, 4] }[order],
        );
        expect(yield* thrownBy(() => queue.get())).toBeInstanceOf(ClosedError);
        yield* sleep(1);
        expect(joiner.state).toBe("waiting"); // the one that was taken
        queue.taskDone();
        yield* joiner;
      }
    }));

  test("at once wakes join where nothing was taken", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<number>({ capacity: 1 });
      yield* queue.put(1);
      const putter = g.spawn(() => thrownBy(() => queue.put(2)));
      const joiner = g.spawn(queue.join());
      yield* sleep(1);
      queue.shutdown({ immediate: true });
      yield* joiner;
      expect(yield* putter).toBeInstanceOf(ClosedError);
      expect(queue.statistics()).toMatchObject({ unfinished: 0, depth: 0, putters: 0 });
    }));

  test("may be repeated, and made immediate the second time", async () => {
    await virtually(function* () {
      const queue = new Queue<number>();
      queue.tryPut(1);
      queue.shutdown();
      queue.shutdown();
      expect(queue.shutdown({ immediate: true })).toEqual([1]);
      yield* queue.join();
    });
  });
});

describe("an order that throws", () => {
  const compare = (a: unknown, b: unknown): number => {
    if (typeof a !== "number" || typeof b !== "number") throw new TypeError("no number");
    return a - b;
  };

  test("is the error of the one who puts, and leaves the queue as it was", async () => {
    await virtually(function* () {
      const queue = new Queue<unknown>({ order: "priority", compare });
      for (const item of [3, 1, 2]) yield* queue.put(item);
      expect(yield* thrownBy(() => queue.put("x"))).toBeInstanceOf(TypeError);
      expect(queue.statistics()).toMatchObject({ depth: 3, unfinished: 3 });
      expect([yield* queue.get(), yield* queue.get(), yield* queue.get()]).toEqual([1, 2, 3]);
    });
  });

  test("in line is told to its putter when room is made, and the next in line is let in", () =>
    onEverySchedule(function* (g) {
      const queue = new Queue<unknown>({ order: "priority", compare, capacity: 2 });
      yield* queue.put(2);
      yield* queue.put(3);
      const bad = g.spawn(() => thrownBy(() => queue.put("x")));
      yield* sleep(1);
      const good = g.spawn(queue.put(1));
      yield* sleep(1);
      expect(yield* queue.get()).toBe(2);
      expect(yield* bad).toBeInstanceOf(TypeError);
      yield* good;
      expect([yield* queue.get(), yield* queue.get()]).toEqual([1, 3]);
    }));
});

test("what is no queue is an error", () => {
  for (const capacity of [0, -1, 1.5, Number.NaN]) expect(() => new Queue({ capacity })).toThrow(RangeError);
  expect(() => new Queue({ compare: () => 0 })).toThrow(/compares items only with/);
  expect(() => new Queue({ order: "random" as "fifo" })).toThrow(/"fifo", "lifo" or "priority"/);
});

test("producers and workers pass everything on and end", () =>
  onEverySchedule(function* () {
    const queue = new Queue<number>({ capacity: 3 });
    let sum = 0;
    yield* group(function* (g) {
      for (let w = 0; w < 3; w++) {
        g.spawn(
          function* () {
            for (;;) {
              sum += yield* queue.get();
              yield* sleep(1);
              queue.taskDone();
            }
          },
          { daemon: true },
        );
      }
      for (let i = 1; i <= 50; i++) yield* queue.put(i);
      yield* queue.join();
    });
    expect(sum).toBe(1275);
  }));
