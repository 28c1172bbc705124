import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { now, sleep } from "../loop/sleep.ts";
import { select } from "../sync/select.ts";
import { defer } from "./defer.ts";
import { group } from "./group.ts";
import { run } from "./run.ts";
import type { Task } from "./task.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

/** Sleeps for ever; says when it is cleaned, after a cleanup that takes `ms`. */
function* endless(log: string[], name: string, ms = 0): Coroutine<void> {
  try {
    yield* sleep(1_000_000);
    log.push(`${name} WENT ON`);
  } finally {
    if (ms > 0) yield* sleep(ms);
    log.push(`${name} at ${now()}`);
  }
}

describe("bad use of tasks", () => {
  const bad: [string, () => Operation<unknown>, string | RegExp][] = [
    [
      "a task that awaits itself",
      () =>
        group(function* (g) {
          const self: Task = g.spawn(
            function* () {
              yield* self;
            },
            { name: "me" },
          );
        }),
      'the task "me" awaits itself',
    ],
    [
      "a task that awaits itself in a select",
      () =>
        group(function* (g) {
          const self: Task = g.spawn(
            function* () {
              yield* select({ other: sleep(1), self });
            },
            { name: "me" },
          );
        }),
      'the task "me" awaits itself',
    ],
    [
      "a task that waits for its own end",
      () =>
        group(function* (g) {
          const self: Task = g.spawn(
            function* () {
              yield* self.ended();
            },
            { name: "me" },
          );
        }),
      '"me"',
    ],
    [
      "a spawn of nothing",
      () =>
        group(function* (g) {
          g.spawn(undefined as never);
        }),
      "not an operation",
    ],
    [
      "a spawn of a promise",
      () =>
        group(function* (g) {
          g.spawn(Promise.resolve(1) as never);
        }),
      "a promise, not an operation",
    ],
    [
      "a spawn of an async function",
      () =>
        group(function* (g) {
          g.spawn((async () => 1) as never);
        }),
      "a promise, not an operation",
    ],
    [
      "a spawn of a string",
      () =>
        group(function* (g) {
          g.spawn("abc" as never);
        }),
      "not an operation",
    ],
    [
      "a spawn of an array",
      () =>
        group(function* (g) {
          g.spawn([1, 2] as never);
        }),
      "an array and not an operation",
    ],
  ];
  test.each(bad)("%s is a clear error", async (_name, body, message) => {
    await expect(virtually(body)).rejects.toThrow(message);
  });

  test("one generator spawned twice in a row is refused at the spawn", async () => {
    await inGroup(function* (g) {
      const generator = after(1, 0);
      g.spawn(generator);
      expect(() => g.spawn(generator)).toThrow("one generator was spawned twice");
    });
  });

  test("one generator that two tasks step at once is an error in the second", async () => {
    await expect(
      inGroup(function* (g) {
        const generator = after(50, 0);
        g.spawn(generator);
        g.spawn(sleep(1));
        g.spawn(generator);
      }),
    ).rejects.toThrow("was used twice");
  });

  test("a generator spawned again after it has ended is an error and not a silent undefined", async () => {
    for (const body of [
      function* (): Coroutine<void> {
        yield* sleep(1);
      },
      function* (): Coroutine<void> {},
    ]) {
      await expect(
        inGroup(function* (g) {
          const generator = body();
          yield* g.spawn(generator);
          yield* g.spawn(sleep(1));
          yield* g.spawn(generator);
        }),
      ).rejects.toThrow("one generator was spawned twice");
    }
  });

  test("one Task may be spawned as an operation of others: it is joined", async () => {
    const values = await inGroup(function* (g) {
      const task = g.spawn(after(5, "value"));
      const others = [g.spawn(task), g.spawn(task), g.spawn(task)];
      return [yield* others[0] as Task, yield* others[1] as Task, yield* others[2] as Task];
    });
    expect(values).toEqual(["value", "value", "value"]);
  });
});

describe("names", () => {
  test("a task is named by its option, its function, or its number", async () => {
    await inGroup(function* (g) {
      expect(g.spawn(sleep(1), { name: "given" }).name).toBe("given");
      expect(g.spawn(function* named() {}).name).toBe("named");
      const task = g.spawn(sleep(1));
      expect(task.name).toBe(`task ${task.id}`);
      const next = g.spawn(sleep(1));
      expect(next.id).toBe(task.id + 1);
    });
  });

  test("deferred functions of a group run after its tasks have ended", async () => {
    const log: string[] = [];
    await run(
      () =>
        group(function* (g) {
          defer(() => void log.push("deferred"));
          g.spawn(endless(log, "daemon"), { daemon: true });
          g.spawn(function* () {
            yield* sleep(5);
            log.push("task");
          });
        }),
      { host: new VirtualHost() },
    );
    expect(log).toEqual(["task", "daemon at 5", "deferred"]);
  });
});

test("an iterator of a task that ended before it was used gives what the task ended in", async () => {
  const ends = await inGroup(function* (g) {
    const one = g.spawn(after(1, "one"));
    const two = g.spawn(endless([], "two"));
    const [first, second] = [one, two].map((task) => task[Symbol.iterator]());
    yield* one.ended();
    two.cancel("enough");
    yield* two.ended();
    const value = yield* { [Symbol.iterator]: () => first } as Operation<string>;
    try {
      yield* { [Symbol.iterator]: () => second } as Operation<void>;
    } catch (error) {
      return [value, String(error)];
    }
    return [value];
  });
  expect(ends).toEqual(["one", expect.stringContaining("CancelledError")]);
});
