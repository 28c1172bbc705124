import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { Lock } from "../sync/lock.ts";
import { group } from "./group.ts";
import { scope } from "./scope.ts";
import type { Task } from "./task.ts";
import { blockersOf, describeTask, describeTree, findCycle, groupsOf, tasksUnder } from "./tree.ts";

describe("the tree of tasks", () => {
  test("holds every unfinished task, parents first, through groups inside groups and scopes", async () => {
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const parent = g.spawn(
        () =>
          scope(() =>
            group(function* (outer) {
              outer.spawn(() => queue.park(), { name: "a" });
              yield* group(function* (inner) {
                inner.spawn(() => queue.park(), { name: "b" });
                inner.spawn(
                  () =>
                    group(function* (deep) {
                      deep.spawn(() => queue.park(), { name: "c" });
                    }),
                  { name: "d" },
                );
              });
            }),
          ),
        { name: "parent" },
      );
      yield* sleep(1);
      expect(tasksUnder(parent).map((task) => task.name)).toEqual(["parent", "a", "b", "d", "c"]);
      expect(groupsOf(parent)).toHaveLength(2);
      expect(describeTree(parent).split("\n")).toHaveLength(5);
      queue.unpark(3);
      yield* parent;
      expect(describeTree(parent)).toBe("");
    });
  });

  test("one line says what a task waits for, who holds it, and where", async () => {
    await inGroup(function* (g) {
      const lock = new Lock();
      function* needy(): Coroutine<void> {
        yield* lock.acquire();
        lock.release();
      }
      const holder = g.spawn(
        function* () {
          yield* lock.acquire();
          yield* sleep(10);
          lock.release();
        },
        { name: "holder" },
      );
      const waiter = g.spawn(needy(), { name: "waiter" });
      const joiner = g.spawn(() => waiter, { name: "joiner" });
      const fresh = g.spawn(() => sleep(1), { name: "fresh" });
      expect(describeTask(fresh)).toBe('"fresh" is ready');
      yield* sleep(1);
      expect(describeTask(waiter)).toMatch(
        /^"waiter" waits for lock, held by "holder", at needy \(.*tree\.test\.ts:\d+:\d+\)$/,
      );
      expect(describeTask(joiner)).toMatch(/^"joiner" waits for task waiter/);
      expect(describeTask(holder)).toMatch(/^"holder" waits for sleep, at /);
      const names = (tasks: Task[]): string[] => tasks.map((task) => task.name);
      expect(names(blockersOf(waiter))).toEqual(["holder"]);
      expect(names(blockersOf(joiner))).toEqual(["waiter"]);
      expect(names(blockersOf(holder))).toEqual([]);
      expect(findCycle([holder, waiter, joiner])).toBeUndefined();
    });
  });

  test("a task that waits for the tasks of its group is blocked by all of them", async () => {
    await inGroup(function* (g) {
      let children: Task[] = [];
      const parent = g.spawn(() =>
        group(function* (inner) {
          children = [inner.spawn(sleep(5)), inner.spawn(sleep(6))];
        }),
      );
      yield* sleep(1);
      expect(blockersOf(parent).map((task) => task.id)).toEqual(children.map((task) => task.id));
    });
  });

  test("a circle is found also when it is entered from outside, and among many tasks that are in none", async () => {
    const found = await virtually(() =>
      group(function* (g) {
        const tasks: Task[] = [];
        for (let i = 0; i < 6; i++) {
          tasks.push(
            g.spawn(
              function* () {
                yield* checkpoint();
                // 0 → 1 → 2 → 3 → 4 → 2, and 5 sleeps
                if (i === 5) yield* sleep(5);
                else yield* tasks[i === 4 ? 2 : i + 1] as Task;
              },
              { name: String(i) },
            ),
          );
        }
        yield* sleep(1);
        const cycle = findCycle(tasks)?.map((task) => task.name);
        g.cancel();
        return cycle;
      }),
    );
    expect(found).toEqual(["2", "3", "4"]);
  });
});
