import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";

import { describe, expect, test } from "vitest";

import { inGroup, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  checkpoint,
  ClosedError,
  type Coroutine,
  events,
  type Flow,
  group,
  moveOnAfter,
  run,
  scope,
  sleep,
  timeout,
} from "../index.ts";

describe("events", () => {
  test("gives what was emitted before and while somebody pulls", () =>
    inGroup(function* (g) {
      const emitter = new EventEmitter();
      const flow = events<number>(emitter, "n");
      emitter.emit("n", 1);
      expect(yield* flow.next()).toBe(1);
      g.spawn(function* () {
        yield* sleep(5);
        emitter.emit("n", 2);
        emitter.emit("n", 3);
      });
      expect(yield* flow.next()).toBe(2);
      expect(yield* flow.batch()).toEqual([3]);
      flow.close();
    }));

  test("wakes who pulls from outside of the loop, after the emitter has finished", async () => {
    const emitter = new EventEmitter();
    const order: string[] = [];
    setImmediate(() => {
      emitter.emit("n", 1);
      order.push("emitted");
    });
    await run(function* () {
      order.push(`pulled ${String(yield* events(emitter, "n").next())}`);
    });
    expect(order).toEqual(["emitted", "pulled 1"]);
  });

  test("gives the first argument, null for none, or what `map` makes of all", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const firsts = events(emitter, "e");
      const pairs = events(emitter, "e", { map: (...args: unknown[]) => args });
      emitter.emit("e", 1, 2);
      emitter.emit("e");
      emitter.emit("e", undefined);
      expect(yield* firsts.batch()).toEqual([1, null, null]);
      expect(yield* pairs.batch()).toEqual([[1, 2], [], [undefined]]);
    }));

  test("ends with the error of an event `error`, after what came before", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const flow = events<number>(emitter, "n");
      emitter.emit("n", 1);
      const error = new RangeError("broken");
      emitter.emit("error", error);
      expect(emitter.eventNames()).toEqual([]);
      expect(yield* flow.next()).toBe(1);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
    }));

  test("can be of the errors themselves", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const errors = events<Error>(emitter, "error");
      emitter.emit("error", new Error("one"));
      expect((yield* errors.next())?.message).toBe("one");
    }));

  test("ends well with the events that say so, and wakes who pulls", () =>
    inGroup(function* (g) {
      const emitter = new EventEmitter();
      const flow = events<number>(emitter, "n", { end: ["close", "end"] });
      const all = g.spawn(flow.toArray());
      yield* sleep(1);
      emitter.emit("n", 1);
      emitter.emit("end");
      emitter.emit("n", 2);
      expect(yield* all).toEqual([1]);
      expect(emitter.eventNames()).toEqual([]);
    }));

  test("is told as its own failure what `map` throws, and not the emitter", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const flow = events(emitter, "n", {
        map: () => {
          throw new TypeError("no");
        },
      });
      emitter.emit("n", 1);
      expect(yield* thrownBy(() => flow.next())).toMatchObject({ message: "no" });
      const nothing = events(emitter, "n", { map: () => undefined });
      emitter.emit("n", 1);
      expect(String(yield* thrownBy(() => nothing.next()))).toMatch(/gave undefined as an item/);
    }));

  test("works with an EventTarget, whose error events carry the error or not", () =>
    virtually(function* () {
      const target = new EventTarget();
      const flow = events<Event>(target, "go");
      const bare = events<Event>(target, "go");
      const event = new Event("go");
      target.dispatchEvent(event);
      expect(yield* flow.next()).toBe(event);
      yield* bare.next();
      const error = new Error("inside");
      target.dispatchEvent(Object.assign(new Event("error"), { error }));
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      const other = events<Event>(target, "go");
      target.dispatchEvent(Object.assign(new Event("error"), { message: "in words" }));
      expect(yield* thrownBy(() => other.next())).toMatchObject({ message: "in words" });
      const signal = new AbortController();
      const aborted = events<Event>(signal.signal, "abort");
      signal.abort();
      expect((yield* aborted.next())?.type).toBe("abort");
    }));

  test("says what it takes", () => {
    expect(() => events({} as never, "x")).toThrow(/an EventEmitter or an EventTarget/);
    expect(() => events(null as never, "x")).toThrow(TypeError);
    expect(() => events(new EventEmitter(), "x", { max: 0 })).toThrow(RangeError);
    expect(() => events(new EventEmitter(), "x", { overflow: "wait" as never })).toThrow(/not "wait"/);
  });
});

describe("events that nobody pulls", () => {
  function flood(emitter: EventEmitter): void {
    for (let n = 1; n <= 5; n++) emitter.emit("n", n);
  }

  test("are kept up to `max`; one more ends the flow, after those that were kept", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const flow = events<number>(emitter, "n", { max: 3 });
      flood(emitter);
      expect(emitter.eventNames()).toEqual([]);
      expect(yield* flow.batch()).toEqual([1, 2, 3]);
      expect(String(yield* thrownBy(() => flow.next()))).toMatch(/RangeError: 3 events "n" were not pulled in time/);
    }));

  test("lose the oldest, or the newest, where that was asked for", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const oldest = events<number>(emitter, "n", { max: 3, overflow: "drop-oldest" });
      const newest = events<number>(emitter, "n", { max: 3, overflow: "drop-newest" });
      flood(emitter);
      expect(yield* oldest.batch()).toEqual([3, 4, 5]);
      expect(yield* newest.batch()).toEqual([1, 2, 3]);
      emitter.emit("n", 6);
      expect(yield* oldest.next()).toBe(6);
      expect(yield* newest.next()).toBe(6);
    }));
});

describe("a flow of events stops to listen", () => {
  const listening = (emitter: EventEmitter): number => emitter.listenerCount("n") + emitter.listenerCount("error");

  test("when it is closed, and wakes who pulls", () =>
    inGroup(function* (g) {
      const emitter = new EventEmitter();
      const flow = events(emitter, "n");
      const pull = g.spawn(() => thrownBy(() => flow.next()));
      yield* sleep(1);
      flow.close();
      expect(listening(emitter)).toBe(0);
      expect(yield* pull).toBeInstanceOf(ClosedError);
    }));

  test("when the task that made it is cancelled, or ends, or fails", () =>
    inGroup(function* (g) {
      const emitter = new EventEmitter();
      function* forEver(): Coroutine<void> {
        yield* events(emitter, "n").next();
      }
      const waiting = g.spawn(forEver());
      yield* sleep(1);
      expect(listening(emitter)).toBe(2);
      waiting.cancel();
      yield* waiting.ended();
      expect(listening(emitter)).toBe(0);
      function* made(): Coroutine<Flow<unknown>> {
        return events(emitter, "n");
      }
      const flow = yield* g.spawn(made());
      expect(listening(emitter)).toBe(0);
      expect(yield* thrownBy(() => flow.next())).toBeInstanceOf(ClosedError);
    }));

  test("when the scope ends in which it was made", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      yield* scope(function* () {
        events(emitter, "n");
        events(emitter, "n");
        yield* checkpoint();
        expect(listening(emitter)).toBe(4);
      });
      expect(listening(emitter)).toBe(0);
      yield* thrownBy(() =>
        timeout(5, function* () {
          yield* events(emitter, "n").next();
        }),
      );
      expect(listening(emitter)).toBe(0);
    }));

  test("after as many items as are taken", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      const two = events<number>(emitter, "n").take(2);
      for (let n = 1; n <= 3; n++) emitter.emit("n", n);
      expect(yield* two.toArray()).toEqual([1, 2]);
      expect(listening(emitter)).toBe(0);
    }));

  test("only by hand where it was made outside of tasks", async () => {
    const emitter = new EventEmitter();
    const flow = events<number>(emitter, "n");
    emitter.emit("n", 1);
    expect(await virtually(() => flow.next())).toBe(1);
    expect(listening(emitter)).toBe(2);
    flow.close();
    expect(listening(emitter)).toBe(0);
  });

  test("although the same task makes one after the other", () =>
    virtually(function* () {
      const emitter = new EventEmitter();
      for (let i = 0; i < 100; i++) {
        const flow = events(emitter, "n");
        expect(listening(emitter)).toBe(2);
        flow.close();
      }
      events(emitter, "n");
      yield* group(function* () {
        events(emitter, "n");
        yield* checkpoint();
      });
      expect(listening(emitter)).toBe(2);
    }));
});

test("a pull that is cancelled takes nothing", () =>
  virtually(function* () {
    const emitter = new EventEmitter();
    const flow = events<number>(emitter, "n");
    expect((yield* moveOnAfter(5, flow.next())).timedOut).toBe(true);
    emitter.emit("n", 1);
    expect(yield* flow.next()).toBe(1);
    // Both at once: the event has come, and the task is cancelled in the same moment.
    yield* scope(function* (s) {
      emitter.emit("n", 2);
      s.cancel();
      yield* flow.next();
    });
    expect(yield* flow.next()).toBe(2);
  }));

test("an event that was kept and a cancellation in the same moment lose nothing", () =>
  inGroup(function* (g) {
    const emitter = new EventEmitter();
    const flow = events<number>(emitter, "n");
    const pull = g.spawn(flow.next());
    yield* sleep(1);
    emitter.emit("n", 1);
    pull.cancel();
    yield* pull.ended();
    const taken = pull.state === "done" ? [yield* pull] : [];
    emitter.emit("n", 2);
    expect([...taken, ...((yield* flow.batch()) ?? [])]).toEqual([1, 2]);
  }));

test("who waits for an event is not deadlocked", async () => {
  const emitter = new EventEmitter();
  setImmediate(() => emitter.emit("n", 1));
  expect(await run(() => events<number>(emitter, "n").next())).toBe(1);
});

test("the context of whoever emits stays his", async () => {
  const storage = new AsyncLocalStorage<string>();
  const emitter = new EventEmitter();
  setImmediate(() => storage.run("emitter", () => emitter.emit("n", 1)));
  const seen = await storage.run("program", () =>
    run(function* () {
      yield* events(emitter, "n").next();
      return storage.getStore();
    }),
  );
  expect(seen).toBe("program");
});
