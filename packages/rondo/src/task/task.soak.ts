/**
 * A million cycles of each thing that tasks and scopes can do, inside one task, group and loop that live as long as the
 * program: a spawn, a cancel, a timeout that never fires, a cleanup that was cut must leave nothing behind.
 */
import { describe, expect, test } from "vitest";

import { growth, liveHeap } from "../../tests/heap.ts";
import { virtually } from "../../tests/virtual.ts";
import { call } from "../coroutine/call.ts";
import { ask, finish, start, step } from "../coroutine/hand.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { defer } from "./defer.ts";
import { group, type Group } from "./group.ts";
import { stopping } from "./here.ts";
import { TaskLocal } from "./local.ts";
import { run } from "./run.ts";
import { cleanup, moveOnAfter, scope, type Scope, shield, timeout } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Task } from "./task.ts";

const MILLION = 1_000_000;
/** Bytes for each cycle: half of the smallest object that could be left behind, for what the engine itself adds. */
const FLAT = 8;

/** One task does `body` so often, in one group. */
function repeat(body: (i: number, g: Group) => Coroutine<unknown>): (n: number) => Promise<void> {
  return (n) =>
    virtually(() =>
      group(function* (g) {
        for (let i = 0; i < n; i++) yield* body(i, g);
      }),
    );
}

// Declared and not written where they are used: each evaluation of a generator function costs the engine a hidden class,
// which is collected late and would look like a leak.
function* nothing(): Coroutine<void> {}
function* quick(): Coroutine<number> {
  yield* checkpoint();
  return 1;
}
function* sleeper(): Coroutine<void> {
  yield* sleep(1_000_000);
}
function* careful(): Coroutine<void> {
  try {
    yield* sleep(1_000_000);
  } finally {
    yield* checkpoint();
  }
}
function* stubborn(): Coroutine<void> {
  try {
    yield* sleep(1_000_000);
  } finally {
    yield* sleep(1_000_000);
  }
}
function* failing(): Coroutine<void> {
  yield* checkpoint();
  throw FAILURE;
}
function* everything(s: Scope): Coroutine<void> {
  defer(nothing);
  yield* shield(checkpoint());
  yield* call(quick);
  s.cancel();
  try {
    yield* sleep(1);
  } finally {
    yield* cleanup(checkpoint());
  }
}
function* quietGroup(g: Group): Coroutine<void> {
  g.spawn(sleeper, { daemon: true });
  g.spawn(quick);
  yield* checkpoint();
}
function* failingGroup(g: Group): Coroutine<void> {
  g.spawn(failing);
  yield* quietGroup(g);
}
function* cancelledGroup(g: Group): Coroutine<void> {
  g.cancel();
  yield* quietGroup(g);
}
function* asking(): Coroutine<void> {
  yield* ask("x");
}
function* starting(ready: (value: number) => void): Coroutine<void> {
  ready(1);
  yield* checkpoint();
}
const FAILURE = new Error("always the same");

describe("a million cycles are flat", () => {
  test.each<[string, number, (i: number, g: Group) => Coroutine<unknown>]>([
    [
      "spawn and join",
      MILLION,
      function* (_i, g) {
        yield* g.spawn(quick);
      },
    ],
    [
      "spawn, cancel and wait for the end",
      MILLION / 4,
      function* (i, g) {
        const task = g.spawn(i % 2 === 0 ? sleeper : careful);
        if (i % 3 > 0) yield* checkpoint();
        task.cancel(i);
        yield* task.ended();
      },
    ],
    [
      "a timeout that never fires",
      MILLION,
      function* () {
        yield* timeout(1_000_000, quick);
      },
    ],
    [
      "a timeout that fires",
      MILLION / 4,
      function* () {
        yield* moveOnAfter(1, careful);
      },
    ],
    [
      "scopes, shields, cleanups, calls and deferred work",
      MILLION / 4,
      function* () {
        yield* scope(everything);
      },
    ],
    [
      "groups whose tasks end, fail and are cancelled",
      MILLION / 10,
      function* (i) {
        try {
          yield* group([failingGroup, cancelledGroup, quietGroup][i % 3] as typeof quietGroup, {
            onFailure: i % 2 === 0 ? "keep" : "cancel",
          });
        } catch {
          // it failed, or was cancelled, as it should
        }
      },
    ],
    [
      "cleanups that are cut by their grace",
      MILLION / 50,
      function* () {
        try {
          yield* moveOnAfter(1, stubborn, { grace: 1 });
        } catch {
          // the GraceError
        }
      },
    ],
    [
      "the readiness handshake",
      MILLION / 4,
      function* (_i, g) {
        yield* g.start<number>(starting);
      },
    ],
    [
      "waits for a stop that never comes",
      MILLION / 4,
      function* () {
        yield* moveOnAfter(1, stopping());
      },
    ],
    [
      "task-local values",
      MILLION / 4,
      function* (i) {
        yield* LOCAL.run(i, quick);
      },
    ],
    [
      "suspended waits that are withdrawn, woken and failed",
      MILLION / 4,
      function* (i) {
        try {
          yield* moveOnAfter(1, () =>
            suspend<void>((wake, fail) => {
              if (i % 3 === 0) wake();
              else if (i % 3 === 1) fail(FAILURE);
            }),
          );
        } catch {
          // the failure
        }
      },
    ],
    [
      "probes of a waiting task",
      MILLION / 20,
      function* (i, g) {
        const task = (probed ??= g.spawn(sleeper, { daemon: true }));
        if (i === 0) yield* checkpoint();
        task.stack();
      },
    ],
  ])("%s", async (_what, n, body) => {
    probed = null;
    expect(await growth(n, repeat(body))).toBeLessThan(FLAT);
  });

  const LOCAL = new TaskLocal<number>();
  let probed: Task | null = null;
});

test("runs, with all that belongs to them", async () => {
  expect(
    await growth(20_000, async (n) => {
      for (let i = 0; i < n; i++) {
        await run(
          () =>
            group(function* (g) {
              g.spawn(quick);
              g.spawn(sleeper, { daemon: true });
            }),
          { host: new VirtualHost() },
        );
      }
    }),
  ).toBeLessThan(16);
});

test("coroutines in hand", async () => {
  expect(
    await growth(MILLION / 4, async (n) => {
      for (let i = 0; i < n; i++) {
        const coroutine = start(asking);
        step(coroutine);
        finish(coroutine);
      }
    }),
  ).toBeLessThan(FLAT);
});

test("a task that is kept keeps nothing but what it ended in", async () => {
  const kept: Task[] = [];
  await virtually(() =>
    group(function* (g) {
      function* heavy(): Coroutine<number> {
        const ballast = Array.from({ length: 10_000 }, (_, i) => i);
        yield* sleep(1);
        return ballast.length;
      }
      for (let i = 0; i < 1000; i++) kept.push(g.spawn(heavy));
      for (const task of kept) yield* task;
    }),
  );
  const before = liveHeap();
  expect(kept).toHaveLength(1000);
  expect(kept.every((task) => task.over)).toBe(true);
  kept.length = 0;
  // A thousand tasks whose frames were kept would be eighty megabytes.
  expect(before - liveHeap()).toBeLessThan(2_000_000);
});
