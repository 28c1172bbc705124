/** What a step does with what comes out of a coroutine: waits, ends, and everything that should not come out of one. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { VirtualHost } from "../host/virtual.ts";
import { Loop } from "../loop/loop.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { launch } from "../task/run.ts";
import { moveOnAfter, scope } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { iteratorOf } from "./body.ts";
import { WaitQueue } from "./wait-queue.ts";
import type { Wait } from "./wait.ts";
import { type Coroutine, type Operation } from "./wait.ts";

/** A generator that yields what it should not. */
function* raw(value: unknown): Generator<any, string, any> {
  try {
    yield value;
    return "went on";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

describe("a raw yield", () => {
  test.each<[string, unknown, string]>([
    ["a number", 5, "a coroutine pauses only at `yield*`: it yielded 5 instead"],
    ["a string", "abc", 'it yielded "abc" instead'],
    ["undefined", undefined, "it yielded undefined instead"],
    ["null", null, "it yielded null instead"],
    ["a promise", Promise.resolve(), "it yielded [object Promise] instead"],
    ["a wait without its star", sleep(1), "the star is missing in `yield operation`"],
    ["a generator without its star", raw(1), "the star is missing in `yield operation`"],
  ])("of %s is thrown back in at its line", async (_what, value, message) => {
    const error = await virtually(() => raw(value));
    expect(error).toContain("TypeError: ");
    expect(error).toContain(message);
  });

  test("deep inside shows on its stack who called the function that did it", async () => {
    function* innermost(): Generator<any, void, any> {
      yield 5;
    }
    function* caller(): Coroutine<void> {
      yield* innermost();
    }
    function* outermost(): Coroutine<void> {
      yield* caller();
    }
    const error = (await virtually(() => thrownBy(outermost))) as Error;
    const lines = (error.stack ?? "").split("\n");
    expect(lines[0]).toBe("TypeError: a coroutine pauses only at `yield*`: it yielded 5 instead");
    expect(lines[1]).toMatch(/at caller \(.*fiber\.test\.ts/);
    expect(lines[2]).toMatch(/at outermost \(.*fiber\.test\.ts/);
    expect(error.stack).not.toContain("rondoThrow");
  });

  test("that is caught by the coroutine leaves it running", async () => {
    const value = await virtually(function* () {
      const first = yield* raw(1);
      yield* sleep(1);
      return first;
    });
    expect(value).toContain("TypeError");
  });

  test("in a cleanup is an error of that cleanup", async () => {
    const error = await inGroup(function* (g) {
      const task = g.spawn(function* (): Generator<any, void, any> {
        try {
          yield* sleep(1000);
        } finally {
          yield 5;
        }
      });
      yield* sleep(1);
      task.cancel();
    }).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("it yielded 5 instead");
  });

  test("after a hundred waits at depth ten, where the kernel has taken a shortcut, is found just the same", async () => {
    function* deep(n: number): Generator<any, string, any> {
      if (n > 0) return yield* deep(n - 1);
      for (let i = 0; i < 100; i++) yield* checkpoint();
      return yield* raw(5);
    }
    expect(await virtually(() => deep(10))).toContain("it yielded 5 instead");
  });

  test("of what looks like a wait of another copy says that there are two copies", async () => {
    // As the other copy's waits look from here: of a class that is called Wait, and is not ours.
    const foreign = Object.create({ constructor: { name: "Wait" } }) as object;
    expect(await virtually(() => raw(foreign))).toContain("a wait of another copy of rondo");
  });
});

describe("a wait", () => {
  test("that two tasks wait for at once is an error in the second, and the first goes on", () =>
    onEverySchedule(function* (g) {
      const shared = sleep(10);
      const tasks = [0, 1].map(() => g.spawn(() => thrownBy(() => shared)));
      const results = [yield* tasks[0] as Task, yield* tasks[1] as Task];
      const errors = results.filter((result) => result !== undefined);
      expect(errors).toHaveLength(1);
      expect(String(errors[0])).toMatch(/the wait "sleep" was used twice \(another coroutine is waiting on it\)/);
      expect((errors[0] as Error).stack).toMatch(/thrownBy/);
    }));

  test("used twice shows the line that used it again", async () => {
    const error = await virtually(function* caller(): Coroutine<unknown> {
      const wait = sleep(1);
      function* first(): Coroutine<void> {
        yield* wait;
      }
      function* second(): Coroutine<void> {
        yield* wait;
      }
      yield* first();
      return yield* thrownBy(second);
    });
    expect((error as Error).stack).toMatch(/second/);
  });

  test("whose kind throws in begin fails at its line", async () => {
    const error = await virtually(function* caller(): Coroutine<unknown> {
      const bad = new WaitQueue();
      bad.push = () => {
        throw new Error("no room");
      };
      return yield* thrownBy(() => bad.park());
    });
    expect(String(error)).toBe("Error: no room");
  });
});

describe("a body", () => {
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "this is undefined and not an operation"],
    ["a number", 5, "this is 5 and not an operation"],
    ["a string", "abc", "this is abc and not an operation"],
    ["an object", {}, "this is an object and not an operation"],
    ["an array", [], "this is an array and not an operation"],
    ["a promise", Promise.resolve(), "this is a promise, not an operation: wait for it with until(promise)"],
    ["a function that gives nothing", function forgot() {}, 'the function "forgot" gave undefined'],
    ["a function that gives a promise", async function remote() {}, 'the function "remote" gave a promise'],
    ["a function without a name", () => 5, "the function given gave 5"],
  ])("that is %s is no operation, and the error says what it is", (_what, body, message) => {
    expect(() => iteratorOf(body)).toThrow(TypeError);
    expect(() => iteratorOf(body)).toThrow(message);
  });

  test("may be a generator, a Wait, a Task, an object with an iterator, or a function that gives one", async () => {
    const values = await inGroup(function* (g) {
      const generator = (function* () {
        return "generator";
      })();
      const task = g.spawn(generator);
      const object: Operation<string> = {
        *[Symbol.iterator]() {
          yield* checkpoint();
          return "object";
        },
      };
      const tasks = [
        task,
        g.spawn(object),
        g.spawn(() => object),
        g.spawn(task),
        g.spawn(checkpoint()),
        g.spawn(sleep(1)),
      ];
      const seen: unknown[] = [];
      for (const one of tasks) seen.push(yield* one);
      return seen;
    });
    expect(values).toEqual(["generator", "object", "object", "generator", undefined, undefined]);
  });

  test("whose iterator is made by hand runs, also without return and throw, and after many waits", () =>
    onEverySchedule(function* (g) {
      const byHand = (rounds: number): Operation<string> => ({
        [Symbol.iterator]() {
          let i = 0;
          let wait: Iterator<Wait, void, any> = checkpoint()[Symbol.iterator]();
          return {
            next() {
              for (;;) {
                const result = wait.next();
                if (result.done !== true) return result;
                if (++i === rounds) return { done: true as const, value: `after ${i}` };
                wait = sleep(1)[Symbol.iterator]();
              }
            },
          };
        },
      });
      // As the whole task, and inside other frames; far more resumes than the kernel needs to think of a shortcut.
      function* around(n: number): Coroutine<string> {
        return n === 0 ? yield* byHand(200) : yield* around(n - 1);
      }
      const tasks = [g.spawn(byHand(200)), g.spawn(around(1)), g.spawn(around(6))];
      for (const task of tasks) expect(yield* task).toBe("after 200");
    }));
});

describe("a step", () => {
  test("of an ended task does nothing", () => {
    const loop = new Loop({ host: new VirtualHost() });
    const task = launch(loop, function* () {
      return 1;
    });
    loop.drain();
    task.step();
    expect(task.resultOrThrow()).toBe(1);
  });

  test("a value handed to the promise of a run is not looked into: a thenable is the caller's business", async () => {
    const value = await virtually(function* () {
      return { answer: 42 };
    });
    expect(value).toEqual({ answer: 42 });
  });

  test("thrown values of any kind pass through every boundary as they are", () =>
    onEverySchedule(function* () {
      for (const value of [undefined, null, 0, "text", Symbol.for("x"), { custom: true }]) {
        let caught: unknown = "nothing";
        try {
          yield* scope(() =>
            moveOnAfter(100, () =>
              group(function* () {
                yield* checkpoint();
                throw value;
              }),
            ),
          );
        } catch (error) {
          caught = error;
        }
        expect(caught).toBe(value);
      }
    }));

  test("a task that is joined by a hundred wakes them all in order", async () => {
    const order: number[] = [];
    await inGroup(function* (g) {
      const task = g.spawn(sleep(5));
      for (let i = 0; i < 100; i++) {
        g.spawn(function* () {
          yield* task;
          order.push(i);
        });
      }
    });
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});
