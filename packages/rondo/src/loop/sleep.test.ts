import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { ask, start, step } from "../coroutine/hand.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { moveOnAfter } from "../task/scope.ts";
import { checkpoint, now, sleep, sleepUntil } from "./sleep.ts";

describe("sleep", () => {
  test("waits for as many ms of the loop's clock", () =>
    onEverySchedule(function* () {
      const start = now();
      yield* sleep(12.5);
      expect(now() - start).toBe(12.5);
      yield* sleep(24 * 60 * 60 * 1000);
      expect(now() - start).toBe(86_400_012.5);
    }));

  test("equal sleepers wake in the order in which they lay down, first in first out", async () => {
    const order: number[] = [];
    await inGroup(function* (g) {
      for (let i = 0; i < 50; i++) {
        g.spawn(function* () {
          yield* sleep(10);
          order.push(i);
        });
      }
    });
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("of 0 lets the others run", () =>
    onEverySchedule(function* (g) {
      let ran = false;
      g.spawn(function* () {
        ran = true;
      });
      yield* sleep(0);
      yield* checkpoint();
      expect(ran).toBe(true);
      expect(now()).toBe(now());
    }));

  test("of Infinity waits to be cancelled", () =>
    onEverySchedule(function* () {
      expect(yield* moveOnAfter(10, sleep(Infinity))).toEqual({ timedOut: true, value: undefined });
    }));

  test.each([Number.NaN, -1, -0.001, -Infinity, "5", null, undefined, 5n, {}])(
    "of %s is a RangeError at once, with the value in it",
    (ms) => {
      expect(() => sleep(ms as number)).toThrow(RangeError);
      expect(() => sleep(ms as number)).toThrow(/sleep takes a time in ms that is 0 or more, not/);
    },
  );

  test("a hundred thousand of them wake together", async () => {
    let woken = 0;
    const host = new VirtualHost();
    await inGroup(function* (g) {
      function* sleeper(): Coroutine<void> {
        yield* sleep(1000);
        woken++;
      }
      for (let i = 0; i < 100_000; i++) g.spawn(sleeper());
    }, host);
    expect(woken).toBe(100_000);
    expect(host.now()).toBe(1000);
  });
});

describe("sleepUntil", () => {
  test("does not drift, and a time that has passed lets the others run once", () =>
    onEverySchedule(function* () {
      const begin = now();
      for (let i = 1; i <= 3; i++) {
        yield* sleepUntil(begin + i * 100);
        yield* sleep(7);
      }
      expect(now() - begin).toBe(307);
      yield* sleepUntil(begin);
      yield* sleepUntil(-Infinity);
      expect(now() - begin).toBe(307);
    }));

  test("NaN is refused", () => {
    expect(() => sleepUntil(Number.NaN)).toThrow("sleepUntil takes a time of now() in ms, not NaN");
    expect(() => sleepUntil("soon" as never)).toThrow('not "soon"');
  });
});

describe("checkpoint", () => {
  test("lets every other ready task run once, each time", async () => {
    const order: string[] = [];
    function* count(name: string): Coroutine<void> {
      for (let i = 1; i <= 3; i++) {
        order.push(`${name}${i}`);
        yield* checkpoint();
      }
    }
    await inGroup(function* (g) {
      for (const name of ["a", "b", "c"]) g.spawn(count(name));
    });
    expect(order).toEqual(["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]);
  });

  test("works at any depth, and in many tasks that stand at it at the same time", () =>
    onEverySchedule(function* (g) {
      function* deep(n: number): Coroutine<number> {
        if (n > 0) return 1 + (yield* deep(n - 1));
        for (let i = 0; i < 100; i++) yield* checkpoint();
        return 0;
      }
      const tasks = [0, 1, 5, 10].map((n) => g.spawn(deep(n)));
      for (const [i, n] of [0, 1, 5, 10].entries()) expect(yield* tasks[i] as (typeof tasks)[0]).toBe(n);
    }));

  test("a stray use outside a loop breaks it for nobody", async () => {
    expect(() => [...checkpoint()]).toThrow("begun outside a loop");
    expect(() => (checkpoint() as unknown as Iterator<unknown>).next()).toThrow("begun outside a loop");
    const order: string[] = [];
    await inGroup(function* (g) {
      for (const name of ["a", "b"]) {
        g.spawn(function* () {
          for (let i = 0; i < 2; i++) {
            order.push(name);
            yield* checkpoint();
          }
        });
      }
    });
    expect(order).toEqual(["a", "b", "a", "b"]);
  });

  test("a coroutine in hand that is stepped inside a task does not disturb that task's checkpoint", async () => {
    const order: string[] = [];
    await inGroup(function* (g) {
      g.spawn(function* () {
        yield* checkpoint();
        order.push("other");
      });
      yield* checkpoint();
      const coroutine = start(function* () {
        yield* checkpoint();
        yield* ask("x");
        yield* checkpoint();
      });
      step(coroutine);
      yield* checkpoint();
      step(coroutine);
      order.push("main");
      yield* checkpoint();
      order.push("main again");
    });
    expect(order).toEqual(["other", "main", "main again"]);
  });
});

describe("outside a task", () => {
  test("now() says so", () => {
    expect(() => now()).toThrow("now() was called outside a task: it works only inside run()");
  });

  test.each([
    ["spread", () => [...sleep(1)]],
    [
      "stepped by hand",
      () => {
        const wait = sleep(1) as unknown as Iterator<unknown>;
        wait.next();
        wait.next();
      },
    ],
  ])("a wait that is %s says that there is no loop", (_how, use) => {
    expect(use).toThrow('the wait "sleep" was begun outside a loop');
  });

  test("a sleep in a coroutine that is driven by hand fails at its line, with the name of what is missing", () => {
    const coroutine = start(function* () {
      try {
        yield* sleep(5);
      } catch (error) {
        return (error as Error).message;
      }
      return "slept";
    });
    expect(step(coroutine)).toMatchObject({ done: true, value: expect.stringMatching(/sleep.*loop/) });
  });
});

test("the error of a wait used twice names the wait", async () => {
  const error = await virtually(function* () {
    const wait = sleep(1);
    yield* wait;
    return yield* thrownBy(() => wait);
  });
  expect(String(error)).toBe(
    'Error: the wait "sleep" was used twice: a Wait is good for one `yield*`, make a new one each time',
  );
});
