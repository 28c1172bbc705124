import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";

import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  all,
  Channel,
  checkpoint,
  type Coroutine,
  type Emit,
  events,
  Flow,
  group,
  inContext,
  Lock,
  moveOnAfter,
  type Operation,
  run,
  scope,
  sleep,
  suspend,
  TaskLocal,
  timeout,
  TimeoutError,
  until,
} from "../index.ts";

const storage = new AsyncLocalStorage<string>();

/** An operation in a context of its own. */
function within<T>(value: string, body: () => Operation<T>): Operation<T> {
  return storage.run(value, () => inContext(body));
}

const seen = (): string | undefined => storage.getStore();

/** What it sees at every kind of pause. */
function* lookAround(): Coroutine<(string | undefined)[]> {
  const found = [seen()];
  yield* sleep(1);
  found.push(seen());
  yield* checkpoint();
  found.push(seen());
  yield* until(Promise.resolve());
  found.push(seen());
  yield* until(new Promise((resolve) => setTimeout(resolve, 1)));
  found.push(seen());
  yield* suspend((wake) => void setImmediate(wake));
  found.push(seen());
  yield* timeout(1000, sleep(1));
  found.push(seen());
  yield* group(function* () {
    yield* sleep(1);
    found.push(seen());
  });
  return found;
}

const always = (value: string | undefined): (string | undefined)[] => Array.from({ length: 8 }, () => value);

describe("inContext", () => {
  test("runs every step where it was called", async () => {
    expect(await run(() => within("a", lookAround))).toEqual(always("a"));
  });

  test("takes nothing from others and gives nothing to them", async () => {
    function* both(): Coroutine<unknown> {
      return yield* all([
        within("a", lookAround),
        lookAround(),
        within("b", lookAround),
        lookAround(),
        within("a", () => within("c", lookAround)),
      ]);
    }
    const expected = [always("a"), always(undefined), always("b"), always(undefined), always("c")];
    expect(await run(both)).toEqual(expected);
    expect(await storage.run("outside", () => run(both))).toEqual([
      always("a"),
      always("outside"),
      always("b"),
      always("outside"),
      always("c"),
    ]);
  });

  test("does so on every schedule", () =>
    onEverySchedule(function* (g) {
      const tasks = ["a", "b", undefined, "c"].map((value) => {
        function* look(): Coroutine<unknown> {
          const found: unknown[] = [];
          for (let i = 0; i < 5; i++) {
            yield* i % 2 === 0 ? sleep(i) : checkpoint();
            found.push(seen());
          }
          return found;
        }
        return g.spawn(function* (): Coroutine<void> {
          const found = yield* value === undefined ? look() : within(value, look);
          expect(found).toEqual(Array.from({ length: 5 }, () => value));
          expect(seen()).toBe(undefined);
        });
      });
      for (const task of tasks) yield* task;
    }));

  test("holds for the tasks that are spawned inside, for flows that begin there, and for combinators", () =>
    run(function* () {
      yield* within("a", function* () {
        function* look(): Coroutine<string | undefined> {
          yield* sleep(1);
          return seen();
        }
        expect(yield* all([look(), look(), group((g) => g.spawn(look()))])).toEqual(["a", "a", "a"]);
        function* give(emit: Emit<string>): Coroutine<void> {
          yield* emit(String(seen()));
          yield* sleep(1);
          yield* emit(String(seen()));
        }
        expect(yield* Flow.from(give).toArray()).toEqual(["a", "a"]);
      });
      expect(seen()).toBe(undefined);
    }));

  test("is left by whoever waits for it", () =>
    run(function* () {
      yield* within("a", () => sleep(1));
      expect(seen()).toBe(undefined);
      yield* until(Promise.resolve());
      expect(seen()).toBe(undefined);
    }));

  test("holds in cleanup", () =>
    inGroup(function* (g) {
      const found: unknown[] = [];
      function* body(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          found.push(seen());
          yield* sleep(1);
          found.push(seen());
        }
      }
      const task = g.spawn(within("a", body));
      yield* sleep(1);
      task.cancel();
      yield* task.ended();
      expect(found).toEqual(["a", "a"]);
      expect(task.state).toBe("cancelled");
    }));

  test("lets results, errors and timeouts through as they are", () =>
    run(function* () {
      expect(yield* within("a", () => sleep(1))).toBe(undefined);
      function* fails(): Coroutine<never> {
        yield* sleep(1);
        throw new RangeError("no");
      }
      expect(yield* thrownBy(() => within("a", fails))).toBeInstanceOf(RangeError);
      expect(
        yield* thrownBy(() =>
          timeout(
            1,
            within("a", () => sleep(1000)),
          ),
        ),
      ).toBeInstanceOf(TimeoutError);
      expect(
        yield* scope((s) =>
          within("a", function* () {
            s.cancel();
            yield* sleep(1);
          }),
        ),
      ).toMatchObject({ cancelled: true });
    }));

  test("does not follow what was woken, nor who wakes", () =>
    run(() =>
      group(function* (g) {
        const channel = new Channel<string>(0);
        const lock = new Lock();
        const emitter = new EventEmitter();
        g.spawn(
          within("a", function* () {
            // What settles a promise here runs the loop here: whoever is woken by that must not.
            yield* until(Promise.resolve());
            yield* channel.send("item");
            yield* lock.acquire();
            expect(seen()).toBe("a");
            emitter.emit("event", 1);
            yield* sleep(1);
            lock.release();
          }),
        );
        const flow = events(emitter, "event");
        yield* channel.receive();
        expect(seen()).toBe(undefined);
        yield* flow.next();
        expect(seen()).toBe(undefined);
        yield* lock.acquire();
        expect(seen()).toBe(undefined);
        lock.release();
      }),
    ));

  test("keeps task locals, which have nothing to do with it", () =>
    run(function* () {
      const local = new TaskLocal<number>();
      yield* local.run(1, () =>
        within("a", function* () {
          expect([local.get(), seen()]).toEqual([1, "a"]);
          yield* local.run(2, function* () {
            yield* sleep(1);
            expect([local.get(), seen()]).toEqual([2, "a"]);
            yield* group((g) =>
              g.spawn(function* () {
                expect([local.get(), seen()]).toEqual([2, "a"]);
              }),
            );
          });
        }),
      );
    }));

  test("takes nothing from others in virtual time either", async () => {
    function* both(): Coroutine<unknown> {
      return yield* all([within("a", lookAround), lookAround(), within("b", lookAround), lookAround()]);
    }
    expect(await virtually(both)).toEqual([always("a"), always(undefined), always("b"), always(undefined)]);
  });

  test("takes an operation that is none of a function's, and can be called outside of tasks", async () => {
    const operation = storage.run("a", () => inContext(lookAround()));
    expect(await run(() => operation)).toEqual(always("a"));
    expect(await run(() => inContext(sleep(0)))).toBe(undefined);
  });

  test("a wait that is cancelled again and again stays where it is", () =>
    run(() =>
      within("a", function* () {
        for (let i = 0; i < 5; i++) {
          yield* moveOnAfter(0, sleep(1000));
          expect(seen()).toBe("a");
        }
      }),
    ));
});
