import { describe, expect, test } from "vitest";

import { inGroup, thrownBy, virtually } from "../../tests/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import type { Task } from "../task/task.ts";
import { ask } from "./hand.ts";
import { kernel } from "./kernel.ts";
import { WaitQueue } from "./wait-queue.ts";
import {
  defineKind,
  describeWait,
  FRESH,
  GRANTED,
  OFFERED,
  PARKED,
  sharedWait,
  USED,
  Wait,
  WITHDRAWN,
} from "./wait.ts";

/** A kind that completes at once as often as it is told to. */
function tokens(count: number): { kind: ReturnType<typeof defineKind>; calls: string[] } {
  const calls: string[] = [];
  const kind = defineKind({
    label: "token",
    poll(wait) {
      calls.push("poll");
      if (count === 0) return false;
      wait.value = `token ${count--}`;
      return true;
    },
    begin() {
      calls.push("begin");
    },
  });
  return { kind, calls };
}

describe("the life of a Wait", () => {
  test("one that can complete at once is never begun", async () => {
    const { kind, calls } = tokens(3);
    const values = await virtually(function* () {
      return [yield* new Wait(kind, null, null), yield* new Wait(kind, null, null)];
    });
    expect(values).toEqual(["token 3", "token 2"]);
    expect(calls).toEqual(["poll", "poll"]);
  });

  test("is its own iterator and its own result", async () => {
    const { kind } = tokens(1);
    await virtually(function* () {
      const wait = new Wait<string>(kind, null, null);
      expect(wait.state).toBe(FRESH);
      expect(wait[Symbol.iterator]()).toBe(wait);
      const value = yield* wait;
      expect(value).toBe("token 1");
      expect([wait.state, wait.done]).toEqual([USED, true]);
    });
  });

  test("parks, is granted, and is used up", async () => {
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const wait = queue.park<string>("item");
      const task = g.spawn(() => wait);
      yield* sleep(1);
      expect([wait.state, wait.label, wait.waiter === task]).toEqual([PARKED, "item", true]);
      queue.unpark(1, "value");
      expect(wait.state).toBe(GRANTED);
      expect(yield* task).toBe("value");
      expect(wait.state).toBe(USED);
    });
  });

  test("is withdrawn by a cancel, and did not happen", async () => {
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const wait = queue.park("item");
      const task = g.spawn(() => wait);
      yield* sleep(1);
      task.cancel();
      expect([wait.state, queue.length]).toEqual([WITHDRAWN, 0]);
      yield* task.ended();
    });
  });

  test("used twice says so, whatever became of it the first time", async () => {
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      const refused = queue.park("refused");
      const first = g.spawn(() => thrownBy(() => refused));
      yield* sleep(1);
      queue.break();
      yield* first;
      const withdrawn = queue.park("withdrawn");
      const second = g.spawn(() => withdrawn);
      yield* sleep(1);
      second.cancel();
      yield* second.ended();
      const done = tokens(1);
      const atOnce = new Wait(done.kind, null, null);
      yield* atOnce;
      for (const wait of [refused, withdrawn, atOnce]) {
        expect(String(yield* thrownBy(() => wait))).toMatch(
          /the wait "(refused|withdrawn|token)" was used twice: a Wait is good for one `yield\*`/,
        );
      }
    });
  });

  test("outside a loop it does not complete, and stepping it again says so", () => {
    const { kind, calls } = tokens(1);
    const wait = new Wait(kind, null, null);
    expect(kernel.fuel).toBe(0);
    wait.next();
    expect(wait.state).toBe(OFFERED);
    expect(calls).toEqual([]);
    expect(() => wait.next()).toThrow('the wait "token" was begun outside a loop, or stepped by hand');
  });

  test("a poll that throws fails the wait at its line, in a cancelled task's shield too", async () => {
    const kind = defineKind({
      label: "bad",
      poll() {
        throw new Error("poll failed");
      },
    });
    await inGroup(function* (g) {
      expect(String(yield* thrownBy(() => new Wait(kind, null, null)))).toBe("Error: poll failed");
      const self: Task = g.spawn(function* () {
        try {
          self.cancel();
          yield* sleep(1);
        } finally {
          expect(String(yield* thrownBy(() => new Wait(kind, null, null)))).toBe("Error: poll failed");
        }
      });
      yield* self.ended();
      expect(self.state).toBe("cancelled");
    });
  });

  test("in a cleanup a wait that can complete at once still does", async () => {
    const { kind, calls } = tokens(2);
    const values: unknown[] = [];
    await inGroup(function* (g) {
      const task = g.spawn(function* () {
        try {
          yield* sleep(1000);
        } finally {
          values.push(yield* new Wait(kind, null, null));
        }
      });
      yield* sleep(1);
      task.cancel();
    });
    expect(values).toEqual(["token 2"]);
    expect(calls).toEqual(["poll"]);
  });
});

describe("a shared wait", () => {
  test("is handed out as often as wanted, by many tasks at once", async () => {
    let free = 2;
    const made: Wait[] = [];
    const kind = defineKind({
      label: "slot",
      poll() {
        if (free === 0) return false;
        free--;
        return true;
      },
      begin(wait) {
        made.push(wait);
      },
    });
    const slot = sharedWait<void>(kind, null);
    await inGroup(function* (g) {
      for (let i = 0; i < 4; i++) g.spawn(() => slot);
      yield* sleep(1);
      expect([free, made.length]).toEqual([0, 2]);
      for (const wait of made) {
        expect(wait === slot).toBe(false);
        wait.state = GRANTED;
        wait.waiter?.wake(wait);
      }
    });
  });
});

describe("the words", () => {
  test("a wait is described by its label and by the name of what it is on", () => {
    expect(describeWait(sleep(1))).toBe('the wait "sleep"');
    expect(describeWait(new Wait(defineKind({ label: "lock" }), { name: "door" }, null))).toBe(
      'the wait "lock" on "door"',
    );
    expect(describeWait(ask("question"))).toBe('the wait "question"');
    expect(checkpoint().label).toBe("checkpoint");
  });

  test("what a task waits for is undefined where it does not wait", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() =>
        group(function* () {
          yield* sleep(5);
        }),
      );
      expect([task.state, task.waitingFor, task.waitingSince]).toEqual(["ready", undefined, undefined]);
      yield* sleep(1);
      expect([task.state, task.waitingFor, task.waitingSince]).toEqual(["waiting", "sleep", 0]);
      yield* task;
      expect([task.state, task.waitingFor]).toEqual(["done", undefined]);
    });
  });
});
