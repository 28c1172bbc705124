import { describe, expect, test } from "vitest";

import { onEverySchedule, virtually } from "../../tests/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { select } from "../sync/select.ts";
import { group } from "./group.ts";
import { cancelReason, currentGroup, effectiveDeadline, isStopping, stopping } from "./here.ts";
import { moveOnAfter } from "./scope.ts";

describe("what a task can ask about where it stands", () => {
  test.each([
    ["effectiveDeadline()", effectiveDeadline],
    ["cancelReason()", cancelReason],
    ["isStopping()", isStopping],
    ["currentGroup()", currentGroup],
  ])("%s outside a task says that it works only inside", (name, ask) => {
    expect(() => ask()).toThrow(`${name} was called outside a task`);
  });

  test("currentGroup() is the innermost group around, and what is spawned on it is waited for there", () =>
    onEverySchedule(function* (g) {
      expect(currentGroup()).toBe(g);
      let ended = false;
      yield* group(function* (inner) {
        expect(currentGroup()).toBe(inner);
        currentGroup().spawn(function* () {
          expect(currentGroup()).toBe(inner);
          yield* sleep(10);
          ended = true;
        });
      });
      expect(ended).toBe(true);
      expect(currentGroup()).toBe(g);
    }));

  test("a task in no group is never asked to stop: stopping() waits", async () => {
    await virtually(function* () {
      expect(isStopping()).toBe(false);
      expect(yield* moveOnAfter(10, stopping())).toEqual({ timedOut: true, value: undefined });
    });
  });

  test("stopping() in a select ends a loop between two items", () =>
    onEverySchedule(function* () {
      const items: number[] = [];
      yield* group(function* (g) {
        g.spawn(function* () {
          for (let i = 0; ; i++) {
            const next = yield* select({ stop: stopping(), item: sleep(10) });
            if (next.key === "stop") return;
            items.push(i);
          }
        });
        yield* sleep(35);
        g.stop();
      });
      expect(items).toEqual([0, 1, 2]);
    }));

  test("stopping() that is stopping already gives at once", () =>
    onEverySchedule(function* () {
      let other = false;
      yield* group(function* (g) {
        g.stop();
        g.spawn(function* () {
          other = true;
        });
        yield* stopping();
        expect(other).toBe(false);
        yield* checkpoint();
      });
    }));

  test("a stopping() that is cancelled leaves no waiter behind", () =>
    onEverySchedule(function* () {
      yield* group(function* (g) {
        for (let i = 0; i < 10; i++) yield* moveOnAfter(1, stopping());
        const waiter = g.spawn(() => stopping());
        yield* checkpoint();
        g.stop();
        yield* waiter;
      });
    }));
});
