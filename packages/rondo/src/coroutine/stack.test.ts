/** Probing: on which lines a suspended task waits. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import { VirtualHost } from "../host/virtual.ts";
import { Loop } from "../loop/loop.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { defer } from "../task/defer.ts";
import { group } from "../task/group.ts";
import { TaskLocal } from "../task/local.ts";
import { launch } from "../task/run.ts";
import { cleanup, moveOnAfter, scope, shield, timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import type { Task } from "../task/task.ts";
import { call } from "./call.ts";
import { captureText, formatFrame, formatFrames, parseStack, type StackFrame } from "./stack.ts";
import type { Coroutine, Operation } from "./wait.ts";

const names = (task: Task): string[] => task.stack().map((frame) => frame.name);

/** The line of this file on which `text` stands. */
function lineOf(frame: StackFrame | undefined): number {
  expect(frame?.file).toContain("stack.test.ts");
  return frame?.line ?? -1;
}

function* innermost(): Coroutine<void> {
  yield* sleep(10);
}
function* middle(): Coroutine<void> {
  yield* innermost();
}
function* outermost(): Coroutine<void> {
  yield* middle();
}

describe("task.stack()", () => {
  test("gives every level of a suspended task with its file, line and column, innermost first", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(outermost);
      yield* sleep(1);
      const frames = task.stack();
      expect(frames.map((frame) => frame.name)).toEqual(["innermost", "middle", "outermost"]);
      const [a, b, c] = frames.map(lineOf) as [number, number, number];
      expect([b - a, c - b]).toEqual([3, 3]);
      for (const frame of frames) expect(frame.column).toBeGreaterThan(0);
    }));

  test("changes nothing: a task that is probed at every moment does the same", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const task = g.spawn(function* () {
        for (let i = 0; i < 10; i++) {
          try {
            yield* i % 2 === 0 ? checkpoint() : sleep(1);
            log.push(String(i));
          } finally {
            log.push("finally");
          }
        }
        return log.length;
      });
      while (!task.over) {
        task.stack();
        task.stack();
        yield* checkpoint();
        task.stack();
        yield* sleep(0.5);
      }
      expect(yield* task).toBe(20);
    }));

  test("goes through every sort of boundary", () =>
    onEverySchedule(function* (g) {
      const local = new TaskLocal<number>();
      function* bottom(): Coroutine<void> {
        yield* sleep(10);
      }
      const wrappers: ((inner: () => Operation<unknown>) => Operation<unknown>)[] = [
        (inner) => scope(inner),
        (inner) => timeout(100, inner),
        (inner) => moveOnAfter(100, inner),
        (inner) => shield(inner),
        (inner) => cleanup(inner),
        (inner) => call(inner),
        (inner) => local.run(1, inner),
        (inner) => group(inner),
      ];
      for (const wrap of wrappers) {
        const task = g.spawn(function* top() {
          yield* wrap(function* between() {
            yield* wrap(bottom);
          });
        });
        yield* checkpoint();
        yield* checkpoint();
        expect(names(task)).toEqual(["bottom", "between", "top"]);
        task.cancel();
        yield* task.ended();
      }
    }));

  test("of a deep recursion of calls shows it all", { tags: ["long"] }, () =>
    onEverySchedule(function* (g) {
      function* recurse(n: number): Coroutine<void> {
        if (n === 0) yield* sleep(10);
        else yield* call(() => recurse(n - 1));
      }
      const task = g.spawn(() => recurse(100));
      yield* sleep(1);
      expect(names(task).filter((name) => name === "recurse")).toHaveLength(101);
    }),
  );

  test("of a task that waits for the tasks of its group shows where the group stands", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(function* parent() {
        yield* group(function* (inner) {
          inner.spawn(sleep(10));
        });
      });
      yield* sleep(1);
      expect(names(task)).toEqual(["parent"]);
      expect(task.waitingFor).toBe("tasks of group");
    }));

  test("of a cleanup shows the line of the cleanup", () =>
    onEverySchedule(function* (g) {
      const seen: string[][] = [];
      const watch = function* (task: Task): Coroutine<void> {
        task.cancel();
        yield* checkpoint();
        yield* checkpoint();
        seen.push(names(task));
        yield* task.ended();
      };
      function* cleaner(): Coroutine<void> {
        yield* sleep(5);
      }
      const first = g.spawn(function* worker() {
        try {
          yield* sleep(1000);
        } finally {
          yield* cleaner();
        }
      });
      const second = g.spawn(function* worker() {
        defer(cleaner);
        yield* sleep(1000);
      });
      yield* sleep(1);
      yield* watch(first);
      yield* watch(second);
      expect(seen[0]).toEqual(["cleaner", "worker"]);
      expect(seen[1]?.[0]).toBe("cleaner");
    }));

  test("of one that is at a checkpoint, or woken and not yet stepped, is where it stands", () =>
    onEverySchedule(function* (g) {
      const spinner = g.spawn(
        function* spinner() {
          for (;;) yield* checkpoint();
        },
        { daemon: true },
      );
      let wake: (() => void) | undefined;
      const woken = g.spawn(function* woken() {
        yield* suspend<void>((go) => {
          wake = () => go();
        });
      });
      yield* checkpoint();
      yield* checkpoint();
      expect(spinner.state).toBe("ready");
      expect(names(spinner)).toEqual(["spinner"]);
      wake?.();
      expect(woken.state).toBe("ready");
      expect(names(woken)).toEqual(["woken"]);
      yield* woken;
    }));

  test("of one that was cancelled and not yet stepped is where it stood", () =>
    onEverySchedule(function* (g) {
      const task = g.spawn(outermost);
      yield* sleep(1);
      task.cancel();
      expect(names(task)).toEqual(["innermost", "middle", "outermost"]);
    }));

  test("of one that failed its wait and was not yet stepped is where it stood, and the error still comes", () =>
    onEverySchedule(function* () {
      yield* group(
        function* (g) {
          let fail: ((error: unknown) => void) | undefined;
          const task = g.spawn(function* failing() {
            yield* suspend<void>((_wake, refuse) => {
              fail = refuse;
            });
          });
          yield* sleep(1);
          fail?.(new Error("failed"));
          expect(names(task)).toEqual(["failing"]);
          expect(String(yield* thrownBy(() => task))).toBe("Error: failed");
        },
        { onFailure: "keep" },
      );
    }));

  test("of the running one is its own, of one that has not begun its function, of an ended one nothing", async () => {
    await inGroup(function* (g) {
      const self: Task = g.spawn(function* selfish() {
        return self.stack().map((frame) => frame.name);
      });
      const fresh = g.spawn(function* unbegun() {
        yield* sleep(1);
      });
      expect(fresh.stack()).toEqual([{ name: "unbegun", file: undefined, line: undefined, column: undefined }]);
      expect((yield* self).some((name: string) => name.includes("selfish"))).toBe(true);
      expect(self.stack()).toEqual([]);
    });
  });

  test("of a task that is a bare wait, or a group, has no frame of its own", async () => {
    const loop = new Loop({ host: new VirtualHost() });
    const task = launch(loop, () => sleep(5));
    loop.turn();
    expect(task.stack().every((frame) => frame.file === undefined || !frame.file.includes("stack.test.ts"))).toBe(true);
    loop.drain();
  });

  test("of endless depth is cut, and does not overflow", { tags: ["long"] }, () =>
    onEverySchedule(function* (g) {
      function* deep(n: number): Coroutine<void> {
        if (n > 0) yield* deep(n - 1);
        else yield* sleep(10);
      }
      const task = g.spawn(() => deep(2000));
      yield* sleep(1);
      expect(names(task).filter((name) => name === "deep")).toHaveLength(2001);
    }),
  );
});

describe("reading stacks", () => {
  test("V8's lines", () => {
    const text = [
      "Error: text",
      "    at inner (file:///app/a.ts:10:5)",
      "    at inner.next (<anonymous>)",
      "    at Generator.outer [as next] (/app/b.ts:20:6)",
      "    at async last (/app/c.ts:30:7)",
      "    at new Thing (/app/e.ts:5:6)",
      "    at /app/d.ts:1:2",
    ].join("\n");
    expect(parseStack(text).map(({ name, file, line, column }) => [name, file, line, column])).toEqual([
      ["inner", "file:///app/a.ts", 10, 5],
      ["inner", "<anonymous>", undefined, undefined],
      ["outer", "/app/b.ts", 20, 6],
      ["last", "/app/c.ts", 30, 7],
      ["Thing", "/app/e.ts", 5, 6],
      ["", "/app/d.ts", 1, 2],
    ]);
  });

  test("JavaScriptCore's lines", () => {
    const text = ["inner@file:///app/a.js:10:5", "next@[native code]", "@/app/b.js:1:2"].join("\n");
    expect(parseStack(text).map(({ name, file, line }) => [name, file, line])).toEqual([
      ["inner", "file:///app/a.js", 10],
      ["next", "[native code]", undefined],
      ["", "/app/b.js", 1],
    ]);
  });

  test("frames are written as engines write them", () => {
    const frame = { name: "f", file: "/a.ts", line: 1, column: 2 };
    expect(formatFrame(frame)).toBe("f (/a.ts:1:2)");
    expect(formatFrame({ ...frame, name: "" })).toBe("/a.ts:1:2");
    expect(formatFrame({ ...frame, file: undefined })).toBe("f");
    expect(formatFrames([frame, frame], "> ")).toBe("> at f (/a.ts:1:2)\n> at f (/a.ts:1:2)");
  });

  test("the engine's limit is raised for the call and put back", () => {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 3;
    try {
      function recurse(n: number): string {
        return n === 0 ? captureText(recurse, 5) : recurse(n - 1);
      }
      expect(recurse(100).length).toBeGreaterThan(0);
      expect(Error.stackTraceLimit).toBe(3);
      function deep(n: number): string {
        return n === 0 ? captureText(captureText) : deep(n - 1);
      }
      expect(deep(50).split("deep").length).toBeGreaterThan(50);
    } finally {
      Error.stackTraceLimit = before;
    }
  });

  test("a limit that cannot be raised is lived with", () => {
    const descriptor = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit") as PropertyDescriptor;
    Object.defineProperty(Error, "stackTraceLimit", { ...descriptor, writable: false });
    try {
      expect(captureText(captureText)).toContain("stack.test.ts");
    } finally {
      Object.defineProperty(Error, "stackTraceLimit", descriptor);
    }
  });
});
