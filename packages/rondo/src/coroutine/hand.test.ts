import { describe, expect, test } from "vitest";

import { inGroup } from "../../tests/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { scope, timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import type { Task } from "../task/task.ts";
import { ask, fail, finish, start, step } from "./hand.ts";
import type { Coroutine } from "./wait.ts";

function* adder(): Coroutine<number> {
  return (yield* ask<number>("first")) + (yield* ask<number>("second"));
}

describe("a coroutine in hand", () => {
  test("runs nothing until it is stepped, and then up to its next wait", () => {
    const log: string[] = [];
    const coroutine = start(function* () {
      log.push("begun");
      yield* ask("one");
      log.push("after one");
      yield* ask("two");
    });
    expect(log).toEqual([]);
    const first = step(coroutine);
    expect(first.done ? undefined : first.wait.label).toBe("one");
    expect(log).toEqual(["begun"]);
    const second = step(coroutine);
    expect(second.done ? undefined : second.wait.label).toBe("two");
    expect(step(coroutine)).toEqual({ done: true, value: undefined, finished: false });
    expect(log).toEqual(["begun", "after one"]);
  });

  test("gets the answers that it asks for", () => {
    const coroutine = start(adder);
    step(coroutine);
    step(coroutine, 40);
    expect(step(coroutine, 2)).toEqual({ done: true, value: 42, finished: false });
  });

  test("passes checkpoints without stopping: there is nobody to let run", () => {
    const coroutine = start(function* () {
      for (let i = 0; i < 1000; i++) yield* checkpoint();
      return "through";
    });
    expect(step(coroutine)).toMatchObject({ done: true, value: "through" });
  });

  test("throws what it throws, and cannot be stepped again", () => {
    const coroutine = start(function* () {
      yield* ask("x");
      throw new Error("mine");
    }, "named");
    step(coroutine);
    expect(() => step(coroutine)).toThrow("mine");
    expect(() => step(coroutine)).toThrow('the coroutine "named" has ended: it cannot be stepped again');
    expect(() => fail(coroutine, new Error("x"))).toThrow("stands at no wait that could fail");
  });

  test("finish() of one that has ended by itself gives what it ended in, and of one that failed throws it", () => {
    const ended = start(function* () {
      return 5;
    });
    step(ended);
    expect(finish(ended)).toEqual({ done: true, value: 5, finished: false });
    const failed = start(function* () {
      throw new Error("mine");
    });
    expect(() => step(failed)).toThrow("mine");
    expect(() => finish(failed)).toThrow("mine");
  });

  test("finish() of one that has not begun lets it take its first step, and no more", () => {
    const log: string[] = [];
    const coroutine = start(function* () {
      try {
        log.push("first step");
        yield* ask("x");
        log.push("NEVER");
      } finally {
        log.push("cleaned");
      }
    });
    expect(finish(coroutine)).toEqual({ done: true, value: undefined, finished: true });
    expect(log).toEqual(["first step", "cleaned"]);
  });

  test("finish() twice is an error while the cleanup goes on", () => {
    const coroutine = start(function* () {
      try {
        yield* ask("x");
      } finally {
        yield* ask("cleanup");
      }
    }, "busy");
    step(coroutine);
    finish(coroutine);
    expect(() => finish(coroutine)).toThrow('the coroutine "busy" is finishing already');
    expect(step(coroutine)).toEqual({ done: true, value: undefined, finished: true });
  });

  test("a value returned in a finally while it is finished is ignored, with a warning", () => {
    const warnings: unknown[] = [];
    const { warn } = globalThis.console;
    globalThis.console.warn = (text: unknown) => warnings.push(text);
    try {
      const coroutine = start(function* () {
        try {
          yield* ask("x");
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- that is what is tried
          return "swallowed";
        }
      });
      step(coroutine);
      expect(finish(coroutine)).toEqual({ done: true, value: undefined, finished: true });
    } finally {
      globalThis.console.warn = warn;
    }
    expect(warnings).toEqual([expect.stringContaining("the value was ignored")]);
  });

  test("a coroutine that steps itself is told so", () => {
    const coroutine = start(function* (): Coroutine<void> {
      yield* ask("x");
      step(coroutine);
    }, "ouroboros");
    step(coroutine);
    expect(() => step(coroutine)).toThrow('the coroutine "ouroboros" is running: it cannot step itself');
  });

  test("one coroutine steps another, also inside a task, and the task goes on", async () => {
    const log: unknown[] = [];
    await inGroup(function* (g) {
      const inner = start(adder);
      const outer = start(function* () {
        step(inner);
        yield* ask("outer");
        step(inner, 1);
        return step(inner, 2);
      });
      step(outer);
      yield* sleep(1);
      log.push(step(outer));
      log.push(now());
      const self: Task = g.spawn(function* () {
        const coroutine = start(adder);
        step(coroutine);
        yield* sleep(1);
        step(coroutine, 1);
        return [self.state, now()];
      });
      log.push(yield* self);
    });
    expect(log).toEqual([
      { done: true, value: { done: true, value: 3, finished: false }, finished: false },
      1,
      ["running", 2],
    ]);
  });

  test("a task that is cancelled by a coroutine it steps meets that at its next wait", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const done = g.spawn(function* () {});
      yield* sleep(1);
      const self: Task = g.spawn(function* () {
        step(
          start(function* () {
            self.cancel();
          }),
        );
        log.push("still here");
        yield* done.ended(); // could complete at once
        log.push("NEVER");
      });
      yield* self.ended();
      log.push(self.state);
    });
    expect(log).toEqual(["still here", "cancelled"]);
  });

  test.each([
    ["sleep", () => sleep(1), 'the wait "sleep" needs a loop'],
    ["suspend", () => suspend(() => {}, "bell"), 'the wait "bell" needs a loop'],
    ["timeout", () => timeout(1, ask("x")), 'the wait "timeout" needs a loop'],
    ["scope", () => scope(() => ask("x")), 'the wait "scope" needs a loop'],
    ["group", () => group(() => ask("x")), 'the wait "group" needs a loop'],
  ])("%s says that it needs a loop, at its line", (_name, make, message) => {
    let caught: unknown;
    const coroutine = start(function* () {
      try {
        yield* make();
      } catch (error) {
        caught = error;
      }
      return "after";
    });
    expect(step(coroutine)).toMatchObject({ done: true, value: "after" });
    expect(String(caught)).toContain(message);
  });

  test("an operation may be started as it is", () => {
    const coroutine = start(ask<string>("what"));
    step(coroutine);
    expect(step(coroutine, "this")).toEqual({ done: true, value: "this", finished: false });
    expect(() => step(start(5 as never))).toThrow("not an operation");
  });
});

describe("unwinding by hand", () => {
  test("finish() drives waiting cleanups at three depths, and step() goes on with them", () => {
    const log: string[] = [];
    function* level(n: number): Coroutine<void> {
      try {
        if (n > 0) yield* level(n - 1);
        else yield* ask("work");
        log.push(`${n} WENT ON`);
      } finally {
        log.push(`${n} ${String(yield* ask(`cleanup ${n}`))}`);
      }
    }
    const coroutine = start(() => level(2));
    step(coroutine);
    const labels: string[] = [];
    let stepped = finish(coroutine);
    while (!stepped.done) {
      labels.push(stepped.wait.label);
      stepped = step(coroutine, "answer");
    }
    expect(labels).toEqual(["cleanup 0", "cleanup 1", "cleanup 2"]);
    expect(log).toEqual(["0 answer", "1 answer", "2 answer"]);
    expect(stepped).toEqual({ done: true, value: undefined, finished: true });
  });

  test("a cleanup whose wait fails is collected, and the outer frames are still returned", () => {
    const log: string[] = [];
    function* inner(): Coroutine<void> {
      try {
        yield* ask("work");
      } finally {
        yield* ask("flush");
        log.push("NEVER");
      }
    }
    function* outer(): Coroutine<void> {
      try {
        yield* inner();
      } catch {
        log.push("CAUGHT");
      } finally {
        log.push("outer");
      }
    }
    const coroutine = start(outer);
    step(coroutine);
    finish(coroutine);
    expect(() => fail(coroutine, new Error("disk full"))).toThrow("disk full");
    expect(log).toEqual(["outer"]);
  });
});
