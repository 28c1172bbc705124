/** The deferred: settled once, for everyone who waits. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { Deferred, now, select, sleep, suspend, timeout, TimeoutError } from "../index.ts";

test("everyone who waits gets the value, and so does everyone who comes later", () =>
  onEverySchedule(function* (g) {
    const deferred = new Deferred<number>();
    const early = [1, 2, 3].map(() => g.spawn(deferred));
    yield* sleep(5);
    expect(deferred.statistics()).toEqual({ state: "pending", waiters: 3 });
    deferred.resolve(42);
    for (const task of early) expect(yield* task).toBe(42);
    expect(yield* deferred).toBe(42);
    expect(yield* deferred.wait()).toBe(42);
    expect(now()).toBe(5);
    expect(deferred.statistics()).toEqual({ state: "resolved", waiters: 0 });
  }));

test("everyone who waits is thrown the very error, and so is everyone who comes later", () =>
  onEverySchedule(function* (g) {
    const deferred = new Deferred<number>();
    const early = [1, 2].map(() => g.spawn(() => thrownBy(() => deferred)));
    yield* sleep(5);
    const error = new Error("no number");
    deferred.reject(error);
    for (const task of early) expect(yield* task).toBe(error);
    expect(yield* thrownBy(() => deferred)).toBe(error);
  }));

test("one who is cancelled is forgotten, and the others get the value", () =>
  onEverySchedule(function* (g) {
    const deferred = new Deferred<string>();
    const [gone, stays] = [g.spawn(deferred), g.spawn(deferred)];
    yield* sleep(1);
    gone.cancel();
    deferred.resolve("here");
    expect(yield* stays).toBe("here");
    yield* gone.ended();
    expect(gone.state).toBe("cancelled");
  }));

test("a value that came in the same turn as a cancellation is delivered", async () => {
  await inGroup(function* (g) {
    const deferred = new Deferred<string>();
    let got: string | undefined;
    const task = g.spawn(function* () {
      got = yield* deferred;
      yield* sleep(1);
      got = "went on";
    });
    yield* sleep(1);
    deferred.resolve("value");
    task.cancel();
    yield* task.ended();
    expect(got).toBe("value");
    expect(task.state).toBe("cancelled");
  });
});

test("undefined is a value like any other", async () => {
  await virtually(function* () {
    const deferred = new Deferred<undefined>();
    deferred.resolve(undefined);
    expect(deferred.settled).toBe(true);
    expect(yield* deferred).toBe(undefined);
  });
});

describe("settling twice", () => {
  test("is an error that names the deferred and says what it is", () => {
    const deferred = new Deferred<number>({ name: "port" });
    deferred.resolve(1);
    expect(() => deferred.resolve(2)).toThrow('the deferred "port" was resolved, but it is resolved already');
    expect(() => deferred.reject(new Error())).toThrow('the deferred "port" was rejected, but it is resolved already');
    expect(new Deferred().state).toBe("pending");
  });

  test("is told by the try forms, and changes nothing", async () => {
    await virtually(function* () {
      const deferred = new Deferred<number>();
      expect(deferred.tryResolve(1)).toBe(true);
      expect(deferred.tryResolve(2)).toBe(false);
      expect(deferred.tryReject(new Error())).toBe(false);
      expect(yield* deferred).toBe(1);
      const other = new Deferred<number>();
      expect(other.tryReject("why")).toBe(true);
      expect(yield* thrownBy(() => other)).toBe("why");
    });
  });
});

test("it can be settled from a callback of the world outside", async () => {
  await inGroup(function* (g) {
    const deferred = new Deferred<number>();
    const outside = g.spawn(
      suspend((wake) => {
        queueMicrotask(() => {
          deferred.resolve(7);
          wake();
        });
      }),
    );
    expect(yield* deferred).toBe(7);
    yield* outside;
  });
});

test("it is an arm of a select, and can be waited for with a timeout", async () => {
  await virtually(function* () {
    const deferred = new Deferred<number>();
    expect(yield* select({ value: deferred.wait(), late: sleep(3) })).toEqual({ key: "late", value: undefined });
    expect(yield* thrownBy(() => timeout(3, deferred))).toBeInstanceOf(TimeoutError);
    expect(deferred.statistics().waiters).toBe(0);
    deferred.resolve(1);
    expect(yield* select({ value: deferred.wait(), late: sleep(3) })).toEqual({ key: "value", value: 1 });
  });
});
