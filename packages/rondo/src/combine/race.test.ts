import { describe, expect, expectTypeOf, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  all,
  Channel,
  type Coroutine,
  moveOnAfter,
  now,
  type Operation,
  race,
  sleep,
  suppressed,
  timeout,
} from "../index.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

function* failing(ms: number, error: unknown): Coroutine<never> {
  yield* sleep(ms);
  throw error;
}

/** Gives a connection after `ms`, as a socket would; notes what was opened and closed. */
class Sockets {
  readonly log: string[] = [];
  open = 0;

  *connect(ms: number, name: string): Coroutine<Disposable & { readonly name: string }> {
    yield* sleep(ms);
    this.open++;
    return {
      name,
      [Symbol.dispose]: () => {
        this.open--;
        this.log.push(`${name} closed`);
      },
    };
  }
}

describe("race", () => {
  test("gives the result of the first to end", () =>
    onEverySchedule(function* () {
      expect(yield* race([after(30, "slow"), after(10, "fast"), () => after(20, "middle")])).toBe("fast");
      expect(yield* race({ a: after(30, 1), b: after(10, 2) })).toBe(2);
    }));

  test("throws the failure of the first to end, as it is", () =>
    onEverySchedule(function* () {
      const error = new RangeError("no");
      expect(yield* thrownBy(() => race([after(30, "slow"), failing(10, error)]))).toBe(error);
    }));

  test("cancels the losers and waits for their cleanup", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      function* loser(): Coroutine<void> {
        try {
          yield* sleep(1000);
          log.push("WENT ON");
        } finally {
          yield* sleep(20);
          log.push(`cleaned at ${now() - start}`);
        }
      }
      expect(yield* race([loser(), after(10, "won"), loser()])).toBe("won");
      expect([now() - start, ...log]).toEqual([30, "cleaned at 30", "cleaned at 30"]);
    }));

  test("of nothing is an error, at once", () => {
    expect(() => race([])).toThrow("race() of no operations would wait for ever");
    expect(() => race({})).toThrow("race() of no operations would wait for ever");
  });

  test("of one is that one", async () => {
    expect(await virtually(() => race([after(5, "only")]))).toBe("only");
  });

  test("knows the type of what it may give", () => {
    expectTypeOf(race([after(1, "a"), after(1, 2)])).toExtend<Operation<string | number>>();
  });

  test("disposes of the second result when two end in the same turn, and of just that", () =>
    onEverySchedule(function* () {
      const sockets = new Sockets();
      const winner = yield* race([sockets.connect(10, "a"), sockets.connect(10, "b"), sockets.connect(10, "c")]);
      expect(sockets.open).toBe(1);
      expect(sockets.log).toHaveLength(2);
      expect(sockets.log).not.toContain(`${winner.name} closed`);
    }));

  test("drops a failure that came in the same turn as the first result", () =>
    onEverySchedule(function* () {
      const outcome = yield* thrownBy(function* () {
        expect(
          yield* race([after(10, "won"), failing(10, new Error("late")), failing(10, new Error("late too"))]),
        ).toBe("won");
      });
      // Whichever ended first counts, and only that.
      if (outcome !== undefined) expect(suppressed(outcome)).toEqual([]);
    }));

  test("throws the error of a loser's cleanup, and disposes of the result that it replaces", () =>
    onEverySchedule(function* () {
      const sockets = new Sockets();
      const error = new Error("cleanup");
      function* loser(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(1);
          throw error;
        }
      }
      expect(yield* thrownBy(() => race([loser(), sockets.connect(10, "a")]))).toBe(error);
      expect(sockets).toMatchObject({ open: 0, log: ["a closed"] });
    }));

  test("keeps no result that was there when it was cancelled from outside", () =>
    onEverySchedule(function* () {
      const sockets = new Sockets();
      function* slowToGo(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(50);
        }
      }
      // The winner is there at 10; the losers still clean up at 20, when the whole is cancelled.
      const outcome = yield* moveOnAfter(20, race([sockets.connect(10, "a"), slowToGo()]));
      expect([outcome.timedOut, sockets.open]).toEqual([true, 0]);
    }));

  test("closes a connection that was delivered while the timeout fired", () =>
    onEverySchedule(function* () {
      const sockets = new Sockets();
      const outcome = yield* moveOnAfter(10, race([sockets.connect(10, "a"), sockets.connect(10, "b")]));
      expect(sockets.open).toBe(outcome.timedOut ? 0 : 1);
    }));

  test("throws the errors of cleanup also when it is cancelled from outside", () =>
    onEverySchedule(function* () {
      const error = new Error("cleanup");
      function* loser(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- that is the point
          throw error;
        }
      }
      expect(yield* thrownBy(() => timeout(5, race([loser(), sleep(1000)])))).toBe(error);
    }));

  test("inside a race, a loser takes its own losers with it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      function* quiet(name: string): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          log.push(name);
        }
      }
      yield* race([race([quiet("a"), quiet("b")]), all([quiet("c"), quiet("d")]), sleep(5)]);
      expect(log.toSorted()).toEqual(["a", "b", "c", "d"]);
    }));

  test("leaves an item where it was when the receiver was slower, and loses none to the schedule", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(0);
      const got: number[] = [];
      g.spawn(function* () {
        for (let i = 0; i < 20; i++) {
          yield* channel.send(i);
          yield* sleep(i % 3);
        }
        channel.close();
      });
      for (;;) {
        const item = yield* race([
          function* () {
            const received = yield* channel.receive();
            if (received !== undefined) got.push(received);
            return received;
          },
          after(1, -1),
        ]);
        if (item === undefined) break;
      }
      expect(got).toEqual(Array.from({ length: 20 }, (_, i) => i));
    }));

  test("does not let a loser go on after a wait that was granted in the same turn", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      const log: string[] = [];
      g.spawn(function* () {
        yield* sleep(10);
        yield* channel.send("item");
      });
      function* loser(): Coroutine<string | undefined> {
        const item = yield* channel.receive();
        log.push(`got ${item}`);
        yield* sleep(1);
        log.push("WENT ON");
        return item;
      }
      yield* race([loser(), after(10, "timer")]);
      expect(log).not.toContain("WENT ON");
      // What was not received must still be there for somebody.
      if (log.length === 0) expect(yield* channel.receive()).toBe("item");
    }));

  test("is the business of the group around it: its tasks are gone when it is over", async () => {
    await inGroup(function* (g) {
      const { loop } = g.spawn(sleep(0));
      yield* sleep(1);
      const before = loop.live;
      yield* race([after(5, 1), after(10, 2), after(15, 3)]);
      expect(loop.live).toBe(before);
    });
  });
});
