/** The broadcast: everyone gets everything, and what happens to the slow is what was stated. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { Broadcast, BrokenError, ClosedError, moveOnAfter, now, select, sleep, type Subscription } from "../index.ts";

/** Receives until the end. */
function* drain<T>(subscription: Subscription<T>, ms = 0) {
  const got: T[] = [];
  for (;;) {
    const item = yield* subscription.receive();
    if (item === undefined) return got;
    got.push(item);
    if (ms > 0) yield* sleep(ms);
  }
}

test("every subscriber gets every item, in order, whatever the schedule", () =>
  onEverySchedule(function* (g) {
    const news = new Broadcast<number>(2);
    const subscribers = [0, 1, 5].map((ms) => g.spawn(drain(news.subscribe(), ms)));
    for (let i = 1; i <= 10; i++) yield* news.send(i);
    news.close();
    for (const subscriber of subscribers) expect(yield* subscriber).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }));

test("one who comes later gets what is sent from then on", async () => {
  await virtually(function* () {
    const news = new Broadcast<number>(4);
    yield* news.send(0); // to nobody
    const first = news.subscribe();
    yield* news.send(1);
    const second = news.subscribe();
    yield* news.send(2);
    news.close();
    expect([yield* drain(first), yield* drain(second)]).toEqual([[1, 2], [2]]);
    expect(yield* drain(news.subscribe())).toEqual([]); // after the end
  });
});

describe("a subscriber that falls behind", () => {
  test("holds the sender back with overflow wait, which is the default", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(2);
      const slow = news.subscribe();
      g.spawn(drain(news.subscribe()));
      yield* news.send(1);
      yield* news.send(2);
      expect(news.trySend(3)).toBe(false);
      const sender = g.spawn(function* () {
        yield* news.send(3);
        return now();
      });
      yield* sleep(7);
      expect(news.statistics()).toEqual({
        capacity: 2,
        overflow: "wait",
        senders: 1,
        subscribers: 2,
        sending: 1,
        depth: 2,
      });
      expect(yield* slow.receive()).toBe(1);
      expect(yield* sender).toBe(7);
      expect(slow.statistics()).toEqual({ depth: 2, missed: 0, receiving: 0 });
      news.close();
    }));

  test("lets the sender go on when it is closed", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(1);
      const slow = news.subscribe();
      yield* news.send(1);
      const sender = g.spawn(news.send(2));
      yield* sleep(1);
      slow.close();
      yield* sender;
    }));

  test("that is closed lets everyone go who waited for it alone", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(2);
      const slow = news.subscribe();
      const quick = g.spawn(drain(news.subscribe()));
      for (const item of [1, 2]) yield* news.send(item);
      const senders = [3, 4, 5].map((item) => g.spawn(news.send(item)));
      yield* sleep(1);
      slow.close();
      for (const sender of senders) yield* sender;
      expect(now()).toBe(1);
      news.close();
      expect((yield* quick).toSorted()).toEqual([1, 2, 3, 4, 5]);
    }));

  test("loses its oldest items with drop-oldest, and can tell how many", async () => {
    await virtually(function* () {
      const news = new Broadcast<number>(2, { overflow: "drop-oldest" });
      const slow = news.subscribe();
      for (let i = 1; i <= 5; i++) yield* news.send(i);
      expect(slow.statistics()).toEqual({ depth: 2, missed: 3, receiving: 0 });
      news.close();
      expect(yield* drain(slow)).toEqual([4, 5]);
    });
  });

  test("is told once how many it has lost with overflow error, and goes on with the oldest that is left", async () => {
    await virtually(function* () {
      const news = new Broadcast<number>(2, { overflow: "error", name: "prices" });
      const slow = news.subscribe();
      for (let i = 1; i <= 5; i++) expect(news.trySend(i)).toBe(true);
      const error = yield* thrownBy(() => slow.receive());
      expect(error).toBeInstanceOf(BrokenError);
      expect(String(error)).toContain('a subscription of the broadcast "prices" fell behind and has lost 3 items');
      expect([yield* slow.receive(), yield* slow.receive(), slow.tryReceive()]).toEqual([4, 5, undefined]);
      expect(slow.missed).toBe(3);
      for (let i = 1; i <= 3; i++) news.trySend(i);
      const clone = slow.clone(); // has lost as much, and has to be told as well
      expect(yield* thrownBy(() => slow.receive())).toBeInstanceOf(BrokenError);
      expect(yield* thrownBy(() => clone.receive())).toBeInstanceOf(BrokenError);
    });
  });

  test("takes nothing from the others", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(1, { overflow: "drop-oldest" });
      const slow = news.subscribe();
      const quick = g.spawn(drain(news.subscribe()));
      for (let i = 1; i <= 5; i++) {
        yield* news.send(i);
        yield* sleep(1);
      }
      news.close();
      expect(yield* quick).toEqual([1, 2, 3, 4, 5]);
      expect(yield* drain(slow)).toEqual([5]);
    }));
});

describe("the line of senders", () => {
  test("sends in the order in which they came, and nobody gets in between", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<string>(1);
      const slow = news.subscribe();
      yield* news.send("a");
      for (const item of ["b", "c"]) {
        g.spawn(news.send(item));
        yield* sleep(1);
      }
      expect(yield* slow.receive()).toBe("a");
      expect(news.trySend("x")).toBe(false);
      expect([yield* slow.receive(), yield* slow.receive()]).toEqual(["b", "c"]);
    }));

  test("forgets one that is cancelled or lost: its item is sent to nobody", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<string>(1);
      const slow = news.subscribe();
      yield* news.send("a");
      const gone = g.spawn(news.send("b"));
      yield* sleep(1);
      g.spawn(news.send("c"));
      yield* sleep(1);
      gone.cancel();
      expect((yield* select({ sent: news.send("d"), late: sleep(1) })).key).toBe("late");
      expect([yield* slow.receive(), yield* slow.receive(), slow.tryReceive()]).toEqual(["a", "c", undefined]);
    }));
});

describe("cancelling a receiver", () => {
  test("loses no item: it stays for the next receive of that subscription", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<string>(4);
      const subscription = news.subscribe();
      const got: (string | undefined)[] = [];
      const task = g.spawn(function* () {
        for (;;) got.push(yield* subscription.receive());
      });
      yield* sleep(1);
      news.trySend("a");
      task.cancel();
      news.trySend("b");
      yield* task.ended();
      expect(got).toEqual(["a"]);
      expect((yield* moveOnAfter(1, subscription.receive())).value).toBe("b");
      expect((yield* moveOnAfter(1, subscription.receive())).timedOut).toBe(true);
      expect(subscription.statistics().receiving).toBe(0);
    }));

  test("two tasks that share a subscription get each item once between them", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(2);
      const subscription = news.subscribe();
      const tasks = [g.spawn(drain(subscription)), g.spawn(drain(subscription))];
      for (let i = 0; i < 10; i++) yield* news.send(i);
      news.close();
      const got: number[] = [];
      for (const task of tasks) got.push(...(yield* task));
      expect(got.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }));

  test("one select over two subscriptions of one broadcast takes one item of one of them", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(2);
      const [a, b] = [news.subscribe(), news.subscribe()];
      const chooser = g.spawn(select({ a: a.receive(), b: b.receive() }));
      yield* sleep(1);
      news.trySend(7);
      expect(yield* chooser).toEqual({ key: "a", value: 7 });
      expect([a.tryReceive(), b.tryReceive()]).toEqual([undefined, { value: 7 }]);
    }));
});

describe("ends", () => {
  test("the stream ends with the last sender, after what was sent", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(4);
      const second = news.cloneSender();
      const waiting = g.spawn(drain(news.subscribe()));
      yield* news.send(1);
      yield* sleep(1);
      expect(waiting.state).toBe("waiting");
      news.close();
      yield* sleep(1);
      expect(waiting.state).toBe("waiting");
      yield* second.send(2);
      using third = second.clone();
      second.close();
      yield* third.send(3);
      third.close();
      expect(yield* waiting).toEqual([1, 2, 3]);
      expect(news.statistics().senders).toBe(0);
    }));

  test("a clone of a subscription stands where the original stands", async () => {
    await virtually(function* () {
      const news = new Broadcast<number>(4);
      const original = news.subscribe();
      for (const item of [1, 2, 3]) yield* news.send(item);
      yield* original.receive();
      const clone = original.clone();
      news.close();
      expect([yield* drain(original), yield* drain(clone)]).toEqual([
        [2, 3],
        [2, 3],
      ]);
    });
  });

  test("closing one end tells the tasks that wait on that end, and no others", () =>
    onEverySchedule(function* (g) {
      const news = new Broadcast<number>(1);
      const slow = news.subscribe();
      const other = news.cloneSender();
      yield* news.send(1);
      const told = g.spawn(() => thrownBy(() => news.send(2)));
      const double = g.spawn(() => thrownBy(() => select({ a: news.send(3), b: news.send(4) })));
      yield* sleep(1);
      const last = g.spawn(() => thrownBy(() => news.send(5)));
      const stays = g.spawn(other.send(6));
      yield* sleep(1);
      news.close();
      for (const task of [told, double, last]) expect(yield* task).toBeInstanceOf(ClosedError);
      expect([yield* slow.receive(), yield* slow.receive()]).toEqual([1, 6]);
      yield* stays;
      const receiver = g.spawn(() => thrownBy(() => slow.receive()));
      yield* sleep(1);
      slow.close();
      expect(yield* receiver).toBeInstanceOf(ClosedError);
    }));

  test("using a closed end, and closing it twice, are errors that name the broadcast", async () => {
    await virtually(function* () {
      const news = new Broadcast<number>(1, { name: "news" });
      const subscription = news.subscribe();
      const sender = news.cloneSender();
      news.close();
      expect(() => news.close()).toThrow('a sender of the broadcast "news" was closed twice');
      expect(yield* thrownBy(() => news.send(1))).toBeInstanceOf(ClosedError);
      expect(() => news.trySend(1)).toThrow(ClosedError);
      expect(() => news.cloneSender()).toThrow(ClosedError);
      sender[Symbol.dispose]();
      sender[Symbol.dispose]();
      subscription.close();
      expect(() => subscription.close()).toThrow('a subscription of the broadcast "news" was closed twice');
      expect(yield* thrownBy(() => subscription.receive())).toBeInstanceOf(ClosedError);
      expect(() => subscription.tryReceive()).toThrow(ClosedError);
      expect(() => subscription.clone()).toThrow(ClosedError);
      subscription[Symbol.dispose]();
    });
  });
});

test("what is no broadcast is an error, and undefined cannot be sent", async () => {
  for (const capacity of [0, -1, 1.5, Number.NaN]) expect(() => new Broadcast(capacity)).toThrow(RangeError);
  expect(() => new Broadcast(1, { overflow: "explode" as "wait" })).toThrow(/the overflow of a broadcast/);
  expect(() => new Broadcast<undefined>(1).trySend(undefined)).toThrow(TypeError);
  await inGroup(function* () {
    expect(() => new Broadcast<undefined>(1).send(undefined)).toThrow(/undefined cannot be sent/);
  });
});
