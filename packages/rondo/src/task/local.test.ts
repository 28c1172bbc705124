import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import { start, step } from "../coroutine/hand.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "./group.ts";
import { TaskLocal } from "./local.ts";
import { run } from "./run.ts";
import { moveOnAfter } from "./scope.ts";
import { VirtualHost } from "../host/virtual.ts";

describe("TaskLocal", () => {
  test("has its value inside run() and not around it, at any depth and after any wait", () =>
    onEverySchedule(function* () {
      const local = new TaskLocal<string>({ name: "user", defaultValue: "nobody" });
      function* read(): Coroutine<string | undefined> {
        yield* sleep(1);
        return local.get();
      }
      expect(local.get()).toBe("nobody");
      const seen = yield* local.run("ada", function* () {
        const before = yield* read();
        const inner = yield* local.run("bob", read);
        return [before, inner, local.get()];
      });
      expect(seen).toEqual(["ada", "bob", "ada"]);
      expect(local.get()).toBe("nobody");
    }));

  test("is copied from the spawner: tasks spawned before keep what they saw", () =>
    onEverySchedule(function* () {
      const local = new TaskLocal<number>({ defaultValue: 0 });
      const seen: (number | undefined)[] = [];
      function* look(): Coroutine<void> {
        yield* sleep(10);
        seen.push(local.get());
      }
      yield* group(function* (g) {
        g.spawn(look);
        yield* local.run(1, function* () {
          yield* g.spawn(look);
        });
        g.spawn(look);
      });
      expect(seen.toSorted()).toEqual([0, 0, 1]);
    }));

  test("two tasks that set the same one do not see each other", () =>
    onEverySchedule(function* (g) {
      const local = new TaskLocal<number>();
      const tasks = [1, 2, 3].map((n) =>
        g.spawn(() =>
          local.run(n, function* () {
            const seen: unknown[] = [];
            for (let i = 0; i < 5; i++) {
              yield* checkpoint();
              seen.push(local.get());
            }
            return seen;
          }),
        ),
      );
      for (const [i, task] of tasks.entries()) expect(yield* task).toEqual(Array(5).fill(i + 1));
    }));

  test("is put back when its operation throws, and when it is cancelled; its cleanup still sees it", () =>
    onEverySchedule(function* () {
      const local = new TaskLocal<string>({ defaultValue: "outside" });
      const seen: unknown[] = [];
      yield* thrownBy(() =>
        local.run("inside", function* () {
          yield* checkpoint();
          throw new Error("x");
        }),
      );
      seen.push(local.get());
      yield* moveOnAfter(5, () =>
        local.run("inside", function* () {
          try {
            yield* sleep(1000);
          } finally {
            yield* sleep(1);
            seen.push(local.get());
          }
        }),
      );
      seen.push(local.get());
      expect(seen).toEqual(["outside", "inside", "outside"]);
    }));

  test("undefined is a value like any other", () =>
    onEverySchedule(function* () {
      const local = new TaskLocal<string | undefined>({ defaultValue: "default" });
      yield* local.run(undefined, function* () {
        yield* checkpoint();
        expect(local.get()).toBeUndefined();
      });
    }));

  // Edge 29: what runs by itself must not inherit whoever happened to be there.
  test("a nested run and a coroutine in hand do not inherit from the task that starts them", async () => {
    const local = new TaskLocal<string>({ defaultValue: "default" });
    const seen: unknown[] = [];
    let nested: Promise<unknown> | undefined;
    await inGroup(function* () {
      yield* local.run("task", function* () {
        nested = run(
          function* () {
            seen.push(local.get());
          },
          { host: new VirtualHost() },
        );
        step(
          start(function* () {
            seen.push(local.get());
          }),
        );
        yield* checkpoint();
      });
    });
    await nested;
    expect(seen).toEqual(["default", "default"]);
  });

  test("outside of tasks gives the default", () => {
    expect(new TaskLocal({ defaultValue: 5 }).get()).toBe(5);
    expect(new TaskLocal().get()).toBeUndefined();
    expect(new TaskLocal({ name: "user" }).name).toBe("user");
  });
});
