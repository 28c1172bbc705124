import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import { sleep } from "../loop/sleep.ts";
import { moveOnAfter } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { BrokenError } from "./errors.ts";
import { WaitQueue } from "./wait-queue.ts";
import { defineKind, Wait } from "./wait.ts";

const KIND = defineKind({ label: "test" });
const makeWait = (name: string): Wait => new Wait(KIND, null, name);
const names = (queue: WaitQueue): string[] => [...queue.waits()].map((wait) => String(wait.arg));

describe("a wait queue", () => {
  test("lets waiters go first in, first out, with a value", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      for (const name of ["a", "b", "c"]) {
        g.spawn(function* () {
          log.push(`${name} ${yield* queue.park<string>("turn")}`);
        });
      }
      yield* sleep(1);
      expect(queue.length).toBe(3);
      expect(queue.unpark(2, "first")).toBe(2);
      yield* sleep(1);
      expect(queue.unpark(10, "second")).toBe(1);
      expect(queue.unpark()).toBe(0);
    });
    expect(log).toEqual(["a first", "b first", "c second"]);
  });

  test("shows its label in what a task waits for", async () => {
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const task = g.spawn(() => queue.park("my turn"));
      const plain = g.spawn(() => queue.park());
      yield* sleep(1);
      expect([task.waitingFor, plain.waitingFor]).toEqual(["my turn", "queue"]);
      queue.unpark(2);
    });
  });

  test("fails everyone with an error", () =>
    onEverySchedule(function* (g) {
      const queue = new WaitQueue();
      const tasks = [1, 2, 3].map(() => g.spawn(() => thrownBy(() => queue.park())));
      yield* sleep(1);
      expect(queue.break(new Error("gone"))).toBe(3);
      for (const task of tasks) expect(String(yield* task)).toBe("Error: gone");
      const last = g.spawn(() => thrownBy(() => queue.park()));
      yield* sleep(1);
      queue.break();
      expect(yield* last).toBeInstanceOf(BrokenError);
    }));

  test("moves waiters to another line without waking them, also onto itself", () =>
    onEverySchedule(function* (g) {
      const [from, to] = [new WaitQueue(), new WaitQueue()];
      const woken: number[] = [];
      const tasks: Task[] = [];
      for (let i = 0; i < 4; i++) {
        tasks.push(
          g.spawn(function* () {
            yield* sleep(i);
            yield* from.park();
            woken.push(i);
          }),
        );
      }
      yield* sleep(10);
      expect(from.repark(to, 2)).toBe(2);
      expect([from.length, to.length]).toEqual([2, 2]);
      expect(woken).toEqual([]);
      expect(from.repark(from, 5)).toBe(2);
      from.unpark(1);
      yield* sleep(1);
      to.unpark(10);
      yield* sleep(1);
      from.unpark(10);
      for (const task of tasks) yield* task;
      expect(woken[0]).toBe(2);
      expect(woken.slice(1, 3).toSorted()).toEqual([0, 1]);
    }));

  // Edge 5: a waiter that is cancelled after it was moved leaves the line it stands in now.
  test("a waiter that was moved is withdrawn from where it stands", () =>
    onEverySchedule(function* (g) {
      const [from, to] = [new WaitQueue(), new WaitQueue()];
      const task = g.spawn(() => from.park());
      yield* sleep(1);
      from.repark(to);
      task.cancel();
      expect([from.length, to.length]).toEqual([0, 0]);
      yield* task.ended();
    }));

  test("a waiter that gives up leaves the middle of the line", () =>
    onEverySchedule(function* (g) {
      const queue = new WaitQueue();
      const results: unknown[] = [];
      for (let i = 0; i < 5; i++) {
        g.spawn(function* () {
          const result = yield* moveOnAfter(i % 2 === 0 ? 100 : 5, () => queue.park<string>());
          results.push(result.value);
        });
      }
      yield* sleep(10);
      expect(queue.length).toBe(3);
      queue.unpark(3, "granted");
      yield* sleep(1);
      expect(results).toEqual([undefined, undefined, "granted", "granted", "granted"]);
    }));

  test("nobody who stands in no line, or in another, is taken out", () => {
    const [queue, other] = [new WaitQueue(), new WaitQueue()];
    const wait = makeWait("w");
    queue.remove(wait);
    other.push(wait);
    queue.remove(wait);
    expect([queue.length, other.length]).toEqual([0, 1]);
    other.remove(wait);
    other.remove(wait);
    expect(other.length).toBe(0);
    expect(other.shift()).toBeNull();
  });

  test("is walked while it changes", () => {
    const queue = new WaitQueue();
    const waits = ["a", "b", "c", "d"].map(makeWait);
    for (const wait of waits) queue.push(wait);
    const seen: string[] = [];
    for (const wait of queue.waits()) {
      seen.push(String(wait.arg));
      queue.remove(wait);
    }
    expect(seen).toEqual(["a", "b", "c", "d"]);
    expect(queue.length).toBe(0);
  });

  test("agrees with arrays under any sequence of push, shift, remove and repark", () => {
    const op = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), queue: fc.nat(1), wait: fc.nat(9) }),
      fc.record({ kind: fc.constant("remove" as const), queue: fc.nat(1), wait: fc.nat(9) }),
      fc.record({ kind: fc.constant("shift" as const), queue: fc.nat(1) }),
      fc.record({ kind: fc.constant("repark" as const), queue: fc.nat(1), to: fc.nat(1), count: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const queues = [new WaitQueue(), new WaitQueue()] as const;
        const models: [string[], string[]] = [[], []];
        const waits = Array.from({ length: 10 }, (_, i) => makeWait(String(i)));
        for (const step of ops) {
          const queue = queues[step.queue as 0 | 1];
          const model = models[step.queue as 0 | 1];
          if (step.kind === "push") {
            const wait = waits[step.wait] as Wait;
            if (wait.queue !== null) continue;
            queue.push(wait);
            model.push(String(wait.arg));
          } else if (step.kind === "remove") {
            const wait = waits[step.wait] as Wait;
            queue.remove(wait);
            const at = model.indexOf(String(wait.arg));
            if (at >= 0) model.splice(at, 1);
          } else if (step.kind === "shift") {
            expect(queue.shift()?.arg).toBe(model.shift());
          } else {
            const moved = queue.repark(queues[step.to as 0 | 1], step.count);
            const taken = model.splice(0, Math.min(step.count, model.length));
            expect(moved).toBe(taken.length);
            models[step.to as 0 | 1].push(...taken);
          }
          for (const i of [0, 1] as const) {
            expect(names(queues[i])).toEqual(models[i]);
            expect(queues[i].length).toBe(models[i].length);
          }
        }
      }),
    );
  });
});
