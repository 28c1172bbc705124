// Edge 27: whoever watches must not be able to hurt what is watched.
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { moveOnAfter } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { setTap, type Tap } from "./tap.ts";
import { WaitQueue } from "./wait-queue.ts";

/** What the console was told of. */
const complaints: unknown[] = [];
const { error: complain } = globalThis.console;

beforeEach(() => {
  complaints.length = 0;
  globalThis.console.error = (_what: unknown, error: unknown) => complaints.push(error);
});
afterEach(() => {
  setTap(null);
  globalThis.console.error = complain;
});

const nameOf = (task: object | null): string => (task as Task | null)?.name ?? "nobody";

describe("a tap", () => {
  test("hears of a task's whole life, in order", async () => {
    const log: string[] = [];
    setTap({
      spawn: (task, parent) => log.push(`spawn ${nameOf(task)} by ${nameOf(parent)}`),
      ready: (task, by) => log.push(`ready ${nameOf(task)} by ${nameOf(by)}`),
      stepBegin: (task) => log.push(`begin ${nameOf(task)}`),
      stepEnd: (task) => log.push(`end ${nameOf(task)}`),
      waiting: (task, label) => log.push(`${nameOf(task)} waits for ${label}`),
      exit: (task, outcome) => log.push(`exit ${nameOf(task)} ${outcome}`),
    });
    await virtually(() =>
      group(function* (g) {
        g.spawn(sleep(1), { name: "child" });
      }),
    );
    expect(log.map((line) => line.replace(/task \d+/g, "main"))).toEqual([
      "spawn main by nobody",
      "ready main by nobody",
      "begin main",
      "spawn child by main",
      "ready child by main",
      "end main",
      "begin child",
      "child waits for sleep",
      "end child",
      "ready child by nobody",
      "begin child",
      "exit child done",
      "ready main by child",
      "end child",
      "begin main",
      "exit main done",
      "end main",
    ]);
  });

  test("hears of cancellations, timers, and of the loop handing over", async () => {
    const seen = new Set<string>();
    const site = (name: string) => () => void seen.add(name);
    setTap({
      cancelRequested: site("cancelRequested"),
      cancelDelivered: site("cancelDelivered"),
      timerSet: site("timerSet"),
      timerFired: site("timerFired"),
      pollBegin: site("pollBegin"),
      pollEnd: site("pollEnd"),
    });
    await virtually(() => moveOnAfter(5, sleep(10)));
    expect([...seen].toSorted()).toEqual([
      "cancelDelivered",
      "cancelRequested",
      "pollBegin",
      "pollEnd",
      "timerFired",
      "timerSet",
    ]);
  });

  test("hears who is cancelled and why", async () => {
    const log: unknown[] = [];
    setTap({
      cancelRequested: (scope, reason) => log.push((scope as { name: string }).name, reason),
      cancelDelivered: (task) => log.push(nameOf(task)),
      exit: (task, outcome) => log.push(`${nameOf(task)} ${outcome}`),
    });
    await inGroup(function* (g) {
      const task = g.spawn(sleep(1000), { name: "victim" });
      yield* sleep(1);
      task.cancel("why");
      yield* task.ended();
    });
    expect(log.slice(0, 4)).toEqual(["victim", "why", "victim", "victim cancelled"]);
  });

  const sites: (keyof Tap)[] = [
    "spawn",
    "ready",
    "stepBegin",
    "stepEnd",
    "exit",
    "cancelRequested",
    "cancelDelivered",
    "waiting",
    "timerSet",
    "timerFired",
    "pollBegin",
    "pollEnd",
  ];
  test.each(sites)("that throws in %s is taken off and reported, and loses no task", async (site) => {
    const error = new Error(`broken ${site}`);
    setTap({
      [site]: () => {
        throw error;
      },
    });
    const log: string[] = [];
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      g.spawn(function* () {
        yield* queue.park();
        log.push("woken");
      });
      const victim = g.spawn(function* () {
        try {
          yield* sleep(1000);
        } finally {
          log.push("cleaned");
        }
      });
      yield* moveOnAfter(1, sleep(1000));
      yield* checkpoint();
      queue.unpark();
      victim.cancel();
      yield* victim.ended();
      log.push("main");
    });
    expect(log.toSorted()).toEqual(["cleaned", "main", "woken"]);
    expect(complaints).toEqual([error]);
    expect(setTap(null)).toBeNull();
  });

  test("may be replaced and taken off from inside a tap; a failing one takes off only itself", async () => {
    const log: string[] = [];
    const second: Tap = { exit: () => log.push("second") };
    setTap({
      spawn: () => {
        setTap(second);
        throw new Error("the first one fails after it has set another");
      },
      exit: () => log.push("first"),
    });
    await virtually(() => sleep(1));
    expect(log).toEqual(["second"]);
    expect(complaints).toHaveLength(1);
    expect(setTap(null)).toBe(second);
  });

  test("set and taken off in the middle of a run changes nothing for the tasks", async () => {
    const host = new VirtualHost();
    const log: number[] = [];
    await inGroup(function* (g) {
      for (let i = 0; i < 3; i++) {
        g.spawn(function* () {
          for (let round = 0; round < 4; round++) {
            setTap(round % 2 === 0 ? { stepBegin: () => undefined } : null);
            yield* i === 0 ? sleep(1) : checkpoint();
            log.push(i);
          }
        });
      }
    }, host);
    expect(log.toSorted()).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  test("may call for stacks of suspended tasks", async () => {
    const depths: number[] = [];
    const tasks: Task[] = [];
    setTap({
      spawn: (task) => tasks.push(task as Task),
      stepEnd: () => depths.push(...tasks.map((task) => task.stack().length)),
    });
    await inGroup(function* (g) {
      g.spawn(function* outer() {
        yield* (function* inner() {
          yield* sleep(5);
        })();
      });
      yield* sleep(10);
    });
    expect(Math.max(...depths)).toBeGreaterThanOrEqual(2);
    expect(complaints).toEqual([]);
  });
});
