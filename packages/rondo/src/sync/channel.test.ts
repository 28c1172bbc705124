/** The channel: each item to exactly one receiver, and both ends know when the other is gone. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BrokenError,
  Channel,
  checkpoint,
  ClosedError,
  group,
  moveOnAfter,
  now,
  type Receiver,
  select,
  sleep,
} from "../index.ts";

/** Receives until the end. */
function* drain<T>(from: Receiver<T> | Channel<T>) {
  const got: T[] = [];
  for (;;) {
    const item = yield* from.receive();
    if (item === undefined) return got;
    got.push(item);
  }
}

for (const capacity of [0, 1, 3, Infinity]) {
  describe(`a channel of capacity ${capacity}`, () => {
    test("passes items on in order, each once, and ends", () =>
      onEverySchedule(function* (g) {
        const channel = new Channel<number>(capacity);
        const receiver = g.spawn(drain(channel));
        for (let i = 0; i < 10; i++) yield* channel.send(i);
        channel.close();
        expect(yield* receiver).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }));

    test("gives each item to one of several receivers, and tells them all of the end", () =>
      onEverySchedule(function* (g) {
        const channel = new Channel<number>(capacity);
        const receivers = [1, 2, 3].map(() => g.spawn(drain(channel)));
        const senders = [0, 10, 20].map((from) => {
          const sender = channel.cloneSender();
          return g.spawn(function* () {
            using _end = sender;
            for (let i = 0; i < 10; i++) yield* sender.send(from + i);
          });
        });
        channel.close();
        for (const sender of senders) yield* sender;
        const got: number[] = [];
        for (const receiver of receivers) got.push(...(yield* receiver));
        expect(got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
      }));

    test("an item handed over when its receiver was cancelled is delivered, and the next one is not", () =>
      onEverySchedule(function* (g) {
        const channel = new Channel<string>(capacity);
        const got: (string | undefined)[] = [];
        const receiver = g.spawn(function* () {
          for (;;) got.push(yield* channel.receive());
        });
        yield* sleep(1);
        expect(channel.trySend("a")).toBe(true);
        receiver.cancel();
        expect(channel.trySend("b")).toBe(capacity > 0);
        yield* receiver.ended();
        expect(got).toEqual(["a"]);
      }));
  });
}

test("with capacity 0 a send waits until the item is taken", () =>
  onEverySchedule(function* (g) {
    const channel = new Channel<string>(0);
    expect(channel.trySend("x")).toBe(false);
    const sender = g.spawn(function* () {
      yield* channel.send("a");
      return now();
    });
    yield* sleep(5);
    expect(yield* channel.receive()).toBe("a");
    expect(yield* sender).toBe(5);
  }));

test("with room a send does not wait, without room it does, and room goes to who waits", () =>
  onEverySchedule(function* (g) {
    const channel = new Channel<number>(2);
    yield* channel.send(1);
    yield* channel.send(2);
    expect(channel.trySend(3)).toBe(false);
    const sender = g.spawn(channel.send(4));
    yield* sleep(1);
    expect(channel.statistics()).toEqual({ depth: 2, capacity: 2, senders: 1, receivers: 1, sending: 1, receiving: 0 });
    expect(channel.tryReceive()).toEqual({ value: 1 });
    expect(channel.trySend(5)).toBe(false);
    yield* sender;
    expect([channel.tryReceive(), channel.tryReceive(), channel.tryReceive()]).toEqual([
      { value: 2 },
      { value: 4 },
      undefined,
    ]);
  }));

test("those who wait to receive are served in the order in which they came", async () => {
  await inGroup(function* (g) {
    const channel = new Channel<number>(0);
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) {
      g.spawn(function* () {
        order.push(`${name}${yield* channel.receive()}`);
      });
    }
    yield* sleep(1);
    for (let i = 0; i < 3; i++) yield* channel.send(i);
    yield* sleep(1);
    expect(order).toEqual(["a0", "b1", "c2"]);
  });
});

test("a ping-pong that never has to wait lets the others run", async () => {
  let rounds = 0;
  await inGroup(function* (g) {
    const channel = new Channel<number>(1);
    let stop = false;
    g.spawn(function* () {
      yield* checkpoint();
      stop = true;
    });
    for (; !stop; rounds++) {
      yield* channel.send(rounds);
      yield* channel.receive();
    }
  });
  expect(rounds).toBeLessThan(10_000);
});

describe("cancellation", () => {
  test("a sender that was cancelled has sent nothing", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      const gone = g.spawn(channel.send("a"));
      yield* sleep(1);
      const stays = g.spawn(channel.send("b"));
      yield* sleep(1);
      gone.cancel();
      expect(yield* channel.receive()).toBe("b");
      yield* stays;
      expect(channel.tryReceive()).toBe(undefined);
    }));

  test("a sender whose item was taken in the turn of its cancellation has sent it", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      let sent = false;
      const sender = g.spawn(function* () {
        yield* channel.send("a");
        sent = true;
        yield* sleep(1);
      });
      yield* sleep(1);
      expect(channel.tryReceive()).toEqual({ value: "a" });
      sender.cancel();
      yield* sender.ended();
      expect(sent).toBe(true);
    }));

  test("a receiver that gave up gets nothing: the item goes to the next", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      const gone = g.spawn(() => moveOnAfter(1, channel.receive()));
      const stays = g.spawn(function* () {
        yield* sleep(0.5);
        return yield* channel.receive();
      });
      expect((yield* gone).timedOut).toBe(true);
      expect(channel.trySend("a")).toBe(true);
      expect(yield* stays).toBe("a");
      expect(channel.statistics()).toMatchObject({ receiving: 0, sending: 0 });
    }));
});

describe("ends", () => {
  test("after the last sender is closed what is in the buffer is still to be had", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(2);
      yield* channel.send(1);
      yield* channel.send(2);
      channel.close();
      expect(yield* drain(channel)).toEqual([1, 2]);
      expect(yield* channel.receive()).toBe(undefined);
      expect(channel.tryReceive()).toBe(undefined);
    });
  });

  test("one producer's close ends nothing for the others", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      const second = channel.cloneSender();
      channel.close();
      const receiver = g.spawn(drain(channel));
      yield* second.send(1);
      expect(receiver.state).not.toBe("done");
      second.close();
      expect(yield* receiver).toEqual([1]);
    }));

  test("closing the last receiver breaks those who send and those who come, and drops what is left", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(1);
      const second = channel.cloneReceiver();
      yield* channel.send(1);
      const sender = g.spawn(() => thrownBy(() => channel.send(2)));
      yield* sleep(1);
      channel.receiver.close();
      expect(sender.state).toBe("waiting");
      second.close();
      expect(yield* sender).toBeInstanceOf(BrokenError);
      expect(yield* thrownBy(() => channel.send(3))).toBeInstanceOf(BrokenError);
      expect(() => channel.trySend(3)).toThrow(BrokenError);
      expect(channel.statistics().depth).toBe(0);
    }));

  test("closing an end tells the tasks that wait on that end", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      const [sender, receiver] = [channel.cloneSender(), channel.cloneReceiver()];
      const receiving = g.spawn(() => thrownBy(() => receiver.receive()));
      yield* sleep(1);
      receiver.close();
      expect(yield* receiving).toBeInstanceOf(ClosedError);
      const sending = g.spawn(() => thrownBy(() => sender.send(1)));
      yield* sleep(1);
      sender.close();
      expect(yield* sending).toBeInstanceOf(ClosedError);
      expect(channel.statistics()).toMatchObject({ senders: 1, receivers: 1, sending: 0, receiving: 0 });
    }));

  test("using a closed end, and closing it twice, are errors that name the channel", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(1, { name: "jobs" });
      channel.close();
      expect(() => channel.close()).toThrow('a sender of the channel "jobs" was closed twice');
      expect(yield* thrownBy(() => channel.send(1))).toBeInstanceOf(ClosedError);
      expect(() => channel.trySend(1)).toThrow(ClosedError);
      expect(() => channel.cloneSender()).toThrow(ClosedError);
      channel.receiver.close();
      expect(() => channel.receiver.close()).toThrow('a receiver of the channel "jobs" was closed twice');
      expect(yield* thrownBy(() => channel.receive())).toBeInstanceOf(ClosedError);
      expect(() => channel.tryReceive()).toThrow(ClosedError);
      expect(() => channel.cloneReceiver()).toThrow(ClosedError);
      channel.sender[Symbol.dispose]();
      channel.receiver[Symbol.dispose]();
    });
  });

  test("`using` closes an end once", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(1);
      {
        using sender = channel.cloneSender();
        yield* sender.send(1);
        using receiver = channel.cloneReceiver();
        expect(yield* receiver.receive()).toBe(1);
        receiver.close();
      }
      expect(channel.statistics()).toMatchObject({ senders: 1, receivers: 1 });
    });
  });
});

test("undefined cannot be sent, and a capacity is a whole number or Infinity", () => {
  const channel = new Channel<number | undefined>(1);
  expect(() => channel.send(undefined)).toThrow(/undefined cannot be sent/);
  expect(() => channel.trySend(undefined)).toThrow(TypeError);
  for (const capacity of [-1, 1.5, Number.NaN, undefined as unknown as number]) {
    expect(() => new Channel(capacity)).toThrow(RangeError);
  }
});

test("a pipeline with a slow end is slowed down to its pace", async () => {
  const [raw, cooked] = [new Channel<number>(1), new Channel<number>(1)];
  let made = 0;
  let used = 0;
  let ahead = 0;
  await virtually(() =>
    group(function* (g) {
      g.spawn(function* () {
        using end = raw.sender;
        for (let i = 0; i < 20; i++) {
          yield* end.send(i);
          ahead = Math.max(ahead, ++made - used);
        }
      });
      g.spawn(function* () {
        using end = cooked.sender;
        for (;;) {
          const item = yield* raw.receive();
          if (item === undefined) return;
          yield* end.send(item);
        }
      });
      for (;;) {
        const item = yield* cooked.receive();
        if (item === undefined) return;
        used++;
        yield* sleep(10);
      }
    }),
  );
  expect(used).toBe(20);
  expect(ahead).toBeLessThanOrEqual(5);
});

test("closing an end tells everyone who sends on it, also beside a select that sends on it twice", () =>
  onEverySchedule(function* (g) {
    const channel = new Channel<number>(0);
    const end = channel.cloneSender();
    const select1 = g.spawn(() => thrownBy(() => select({ a: end.send(1), b: end.send(2) })));
    const plain = g.spawn(() => thrownBy(() => end.send(3)));
    yield* sleep(1);
    end.close();
    expect(yield* select1).toBeInstanceOf(ClosedError);
    expect(yield* plain).toBeInstanceOf(ClosedError);
    expect(channel.statistics().sending).toBe(0);
  }));
