/**
 * Grace: how long a cleanup may go on waiting once it runs because of a cancellation, and what is said about one that
 * waits for long. DESIGN, section 6, rule 3.
 */
import { describe, expect, test } from "vitest";

import { cancelledAt, witness } from "../../tests/cancelled.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { type CancelledError, GraceError, suppressed, TimeoutError } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { defer } from "./defer.ts";
import { group } from "./group.ts";
import { run } from "./run.ts";
import { cleanup, moveOnAfter, scope, shield, timeout } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Task } from "./task.ts";

function* stubborn(log: string[], ms = 1000): Coroutine<void> {
  try {
    yield* sleep(100_000);
  } finally {
    log.push("cleans");
    yield* sleep(ms);
    log.push("clean");
  }
}

describe("grace", () => {
  test("bounds a cleanup from the moment of the cancel; the rest of it is left out and a GraceError says so", async () => {
    const log: string[] = [];
    const { error, state, at } = await cancelledAt(5, () => stubborn(log), { grace: 50 });
    expect(log).toEqual(["cleans"]);
    expect(at).toBe(55);
    expect(state).toBe("failed");
    expect(error).toBeInstanceOf(GraceError);
    expect((error as Error).message).toBe(
      'a cleanup of "victim" was still waiting for "sleep" after its grace of 50 ms',
    );
    expect((error as Error).stack).toContain("stubborn");
    expect((error as Error).stack).toContain("watch.test.ts");
    expect(suppressed(error).map((one) => (one as Error).name)).toEqual(["CancelledError"]);
  });

  test("leaves a cleanup alone that is quick enough", async () => {
    const log: string[] = [];
    const { error, state, at } = await cancelledAt(5, () => stubborn(log, 49), { grace: 50 });
    expect(log).toEqual(["cleans", "clean"]);
    expect([error, state, at]).toEqual([undefined, "cancelled", 54]);
  });

  test("without one a cleanup may take for ever", async () => {
    const log: string[] = [];
    const { error, at } = await cancelledAt(5, () => stubborn(log, 1_000_000));
    expect(log).toEqual(["cleans", "clean"]);
    expect([error, at]).toEqual([undefined, 1_000_005]);
  });

  test("the frames outside the one that was cut still get their cleanup, within what is left: nothing", async () => {
    const log: string[] = [];
    const { error, at } = await cancelledAt(5, () => witness(log, "outer", () => stubborn(log), 10), { grace: 50 });
    expect(log).toEqual(["outer in", "cleans", "outer cleans"]);
    expect(error).toBeInstanceOf(GraceError);
    expect(at).toBe(55);
  });

  test("cleanups that do not wait run in full after the grace is over", async () => {
    const log: string[] = [];
    await cancelledAt(5, () => witness(log, "outer", () => stubborn(log), 0), { grace: 50 });
    expect(log).toEqual(["outer in", "cleans", "outer cleans", "outer clean"]);
  });

  test("a finally inside the cleanup that was cut runs too", async () => {
    const log: string[] = [];
    await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          try {
            yield* sleep(1000);
          } finally {
            log.push("inside the cleanup");
          }
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual(["inside the cleanup"]);
  });

  test("comes from the nearest region that has one: scope, group, run", async () => {
    const log: string[] = [];
    const times = async (options: { scope?: number; group?: number; run?: number }): Promise<number> => {
      const host = new VirtualHost();
      await run(
        () =>
          group(
            function* (g) {
              const task = g.spawn(() =>
                scope(() => stubborn(log), options.scope === undefined ? {} : { grace: options.scope }),
              );
              yield* sleep(5);
              task.cancel();
            },
            options.group === undefined ? {} : { grace: options.group },
          ),
        { host, ...(options.run === undefined ? {} : { grace: options.run }) },
      ).catch(() => undefined);
      return host.now();
    };
    expect(await times({ scope: 10, group: 20, run: 30 })).toBe(15);
    expect(await times({ group: 20, run: 30 })).toBe(25);
    expect(await times({ run: 30 })).toBe(35);
    expect(await times({})).toBe(1005);
  });

  test("of 0 lets a cleanup take its steps, but not wait", async () => {
    const log: string[] = [];
    const { at, error } = await cancelledAt(5, () => stubborn(log), { grace: 0 });
    expect(log).toEqual(["cleans"]);
    expect(at).toBe(5);
    expect(error).toBeInstanceOf(GraceError);
  });

  test("is one for all cleanups of a region, not one for each", async () => {
    const log: string[] = [];
    const { at } = await cancelledAt(
      5,
      () => witness(log, "a", () => witness(log, "b", () => witness(log, "c", undefined, 30), 30), 30),
      { grace: 50 },
    );
    expect(log).toEqual(["a in", "b in", "c in", "c cleans", "c clean", "b cleans", "a cleans"]);
    expect(at).toBe(55);
  });

  test("runs from the cancel, also for a cleanup that began before it", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            const task = g.spawn(function* () {
              try {
                log.push("work");
              } finally {
                yield* cleanup(sleep(1000));
                log.push("NEVER");
              }
            });
            yield* sleep(30);
            task.cancel();
          },
          { grace: 20 },
        ),
      );
      expect(now() - start).toBe(50);
      expect(log).toEqual(["work"]);
      expect(error).toBeInstanceOf(GraceError);
    }));

  test("a cut cleanup() gives way, and the rest of its finally is left out with it", async () => {
    const log: string[] = [];
    const { error } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* cleanup(sleep(1000));
          log.push("NEVER");
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual([]);
    expect(error).toBeInstanceOf(GraceError);
  });

  // TRIAL: a shield inside a cleanup is not cut.
  test("does not cut a shield inside a cleanup; what follows it is cut", async () => {
    const log: string[] = [];
    const { at, error } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* shield(sleep(200));
          log.push(`letter sent at ${now()}`);
          yield* sleep(200);
          log.push("NEVER");
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual(["letter sent at 205"]);
    expect(at).toBe(205);
    expect(error).toBeInstanceOf(GraceError);
  });

  test("does not cut a shield that a waiting cleanup entered later", async () => {
    const log: string[] = [];
    const { at } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(10);
          yield* shield(sleep(200));
          log.push("letter sent");
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual(["letter sent"]);
    expect(at).toBe(215);
  });

  test("of a cancellation outside does not bound a cleanup() behind a shield", async () => {
    const log: string[] = [];
    const { at, error, state } = await cancelledAt(
      5,
      () =>
        shield(function* () {
          try {
            yield* sleep(20);
          } finally {
            yield* cleanup(sleep(200));
            log.push("closed");
          }
          return "done";
        }),
      { grace: 50 },
    );
    expect(log).toEqual(["closed"]);
    expect([at, error, state]).toEqual([220, undefined, "done"]);
  });

  test("ends the group that a cleanup opened, and its tasks", async () => {
    const log: string[] = [];
    const { at, error } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* group(function* (g) {
            g.spawn(function* () {
              try {
                yield* sleep(100_000);
              } finally {
                log.push(`task at ${now()}`);
              }
            });
          });
          log.push("NEVER");
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual(["task at 55"]);
    expect(at).toBe(55);
    expect(error).toBeInstanceOf(GraceError);
  });

  test("ends the group that a cleanup opened while its body waits, and its tasks", async () => {
    const log: string[] = [];
    const { at } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* group(function* (g) {
            g.spawn(() => witness(log, "task", undefined, 0));
            yield* sleep(1000);
          });
          log.push("NEVER");
        }
      },
      { grace: 50 },
    );
    expect(log).toEqual(["task in", "task cleans", "task clean"]);
    expect(at).toBe(55);
  });

  test("a cleanup that waits for a task of its own group is cut, and that task goes on to its own end", async () => {
    const log: string[] = [];
    const { at } = await cancelledAt(
      5,
      () =>
        group(function* (g) {
          const helper: Task = g.spawn(() => shield(sleep(100)));
          try {
            yield* sleep(1000);
          } finally {
            yield* helper;
            log.push("NEVER");
          }
        }),
      { grace: 50 },
    );
    expect(log).toEqual([]);
    expect(at).toBe(100);
  });

  test("a cleanup that spins at checkpoints is ended by its grace as well", async () => {
    const host = new VirtualHost();
    let rounds = 0;
    const { error } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          for (;;) {
            if (++rounds % 10 === 0) host.advance(1);
            if (rounds > 100_000) throw new Error("nobody ended it");
            yield* checkpoint();
          }
        }
      },
      { grace: 50 },
      host,
    );
    expect(error).toBeInstanceOf(GraceError);
    expect(rounds).toBeLessThan(1000);
  });

  test("a task cancelled on its own inherits the grace of its group, and the group goes on", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            const task = g.spawn(() => stubborn(log));
            yield* sleep(5);
            task.cancel();
            yield* task.ended();
            log.push(`${task.state} at ${now() - start}`);
          },
          { grace: 20, onFailure: "keep" },
        ),
      );
      expect(log).toEqual(["cleans", "failed at 25"]);
      expect(error).toBeInstanceOf(GraceError);
    }));

  test("each task of a group has it", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const error = yield* thrownBy(() =>
        group(
          function* (g) {
            for (let i = 0; i < 3; i++) g.spawn(() => stubborn(log));
            yield* sleep(5);
            g.cancel();
            yield* sleep(1);
          },
          { grace: 20 },
        ),
      );
      expect(now() - start).toBe(25);
      expect(error).toBeInstanceOf(GraceError);
      expect(suppressed(error).filter((one) => one instanceof GraceError)).toHaveLength(2);
    }));

  test("a timeout whose cleanup was cut throws the GraceError, with its TimeoutError suppressed", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() => timeout(10, () => stubborn(log), { grace: 5, name: "fetch" }));
      expect(error).toBeInstanceOf(GraceError);
      expect(suppressed(error)).toHaveLength(1);
      expect(suppressed(error)[0]).toBeInstanceOf(TimeoutError);
      expect(now() % 15).toBe(0);
    }));

  test("deferred functions are within it too: the one that waits is cut, the ones after it run", async () => {
    const log: string[] = [];
    const { at, error } = await cancelledAt(
      5,
      function* () {
        defer(() => void log.push("last"));
        defer(() => sleep(1000));
        defer(() => void log.push("first"));
        yield* sleep(1000);
      },
      { grace: 50 },
    );
    expect(log).toEqual(["first", "last"]);
    expect(at).toBe(55);
    expect(error).toBeInstanceOf(GraceError);
  });

  test("a wait that cannot be withdrawn is waited for", async () => {
    const log: string[] = [];
    const { at } = await cancelledAt(
      5,
      function* () {
        try {
          yield* sleep(1000);
        } finally {
          yield* suspend<void>((wake) => {
            setImmediate(() => wake());
            return () => false;
          }, "write");
          log.push("written");
        }
      },
      { grace: 0 },
    );
    expect(log).toEqual(["written"]);
    expect(at).toBe(5);
  });

  test("a moveOnAfter around it all still says that its time was over", () =>
    onEverySchedule(function* () {
      const result = yield* moveOnAfter(
        10,
        function* () {
          try {
            yield* sleep(1000);
          } finally {
            yield* moveOnAfter(5, sleep(1000));
          }
        },
        { grace: 100 },
      );
      expect(result).toEqual({ timedOut: true, value: undefined });
    }));
});

describe("a cleanup that waits for long", () => {
  test("is reported after a second, once, with its line", async () => {
    const log: string[] = [];
    const { reports } = await cancelledAt(5, () => stubborn(log, 5000));
    expect(reports).toHaveLength(1);
    expect(reports[0]?.kind).toBe("cleanup");
    expect(reports[0]?.message).toMatch(
      /^a cleanup of "victim" has been waiting for "sleep" for 1 s after its cancellation, at stubborn \(.*watch\.test\.ts:\d+:\d+\)$/,
    );
  });

  test("is not reported when it is done before", async () => {
    const log: string[] = [];
    expect((await cancelledAt(5, () => stubborn(log, 999))).reports).toEqual([]);
  });

  test("is reported and then cut where the grace is longer than a second", async () => {
    const log: string[] = [];
    const { reports, error, at } = await cancelledAt(5, () => stubborn(log, 5000), { grace: 2000 });
    expect(reports).toHaveLength(1);
    expect(error).toBeInstanceOf(GraceError);
    expect(at).toBe(2005);
  });

  test("does not keep a deadlocked program alive with its report", async () => {
    const host = new VirtualHost();
    const error = await virtually(
      () =>
        group(function* (g) {
          const self: Task = g.spawn(function* () {
            try {
              yield* sleep(1000);
            } finally {
              yield* other;
            }
          });
          const other: Task = g.spawn(() => shield(self));
          yield* sleep(1);
          self.cancel();
        }),
      host,
    ).catch((thrown: unknown) => thrown);
    expect((error as Error).name).toBe("DeadlockError");
    expect(host.now()).toBe(1);
  });

  test("leaves no timer behind", async () => {
    const host = new VirtualHost();
    await virtually(
      () =>
        group(function* (g) {
          for (let i = 0; i < 10; i++) g.spawn(() => witness([], "x", undefined, 5));
          yield* sleep(1);
          g.cancel("over" as CancelledError["reason"]);
          yield* sleep(1);
        }),
      host,
    ).catch(() => undefined);
    expect(host.now()).toBe(6);
    expect(host.reports).toEqual([]);
  });

  test("a cleanup of a normal end is nobody's hurry: neither reported nor cut", async () => {
    const host = new VirtualHost();
    await run(
      () =>
        group(
          function* () {
            try {
              yield* sleep(1);
            } finally {
              yield* sleep(10_000);
            }
          },
          { grace: 5 },
        ),
      { host, grace: 5 },
    );
    expect(host.now()).toBe(10_001);
    expect(host.reports).toEqual([]);
  });
});

test("cleanups after a cancel in one task do not disturb the watch of another", async () => {
  const log: string[] = [];
  await inGroup(function* (g) {
    const a = g.spawn(() => scope(() => witness(log, "a", undefined, 30), { grace: 50 }));
    const b = g.spawn(() => scope(() => witness(log, "b", undefined, 30), { grace: 50 }));
    yield* sleep(5);
    a.cancel();
    yield* sleep(5);
    b.cancel();
  });
  expect(log).toEqual(["a in", "b in", "a cleans", "b cleans", "a clean", "b clean"]);
});
