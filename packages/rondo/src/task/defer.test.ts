import { describe, expect, test } from "vitest";

import { cancelledAt } from "../../tests/cancelled.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { call } from "../coroutine/call.ts";
import { suppressed } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { defer, use } from "./defer.ts";
import { group } from "./group.ts";
import { TaskLocal } from "./local.ts";
import { moveOnAfter, scope, shield, timeout } from "./scope.ts";

describe("defer", () => {
  test("what was deferred can be taken back, and is forgotten", async () => {
    const log: string[] = [];
    await virtually(function* () {
      defer(() => void log.push("first"));
      const takeBack = defer(() => void log.push("second"));
      defer(() => void log.push("third"));
      takeBack();
      takeBack(); // a second time does nothing
      yield* sleep(1);
    });
    expect(log).toEqual(["third", "first"]);
  });

  test("runs at the end of the scope, last first, and may wait", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const result = yield* scope(function* () {
        defer(() => void log.push("first"));
        defer(function* () {
          yield* sleep(5);
          log.push("second");
        });
        defer(() => sleep(5));
        log.push("body");
        return "value";
      });
      expect(result.value).toBe("value");
      expect(log).toEqual(["body", "second", "first"]);
      expect(now() - start).toBe(10);
    }));

  test("belongs to the innermost scope: scope, group, timeout, shield, task", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const say = (what: string) => () => void log.push(what);
      const task = g.spawn(function* () {
        defer(say("task"));
        yield* scope(function* () {
          defer(say("scope"));
          yield* group(function* () {
            defer(say("group"));
            yield* timeout(100, function* () {
              defer(say("timeout"));
              yield* shield(function* () {
                defer(say("shield"));
                yield* checkpoint();
              });
            });
          });
        });
        log.push("end of the body");
      });
      yield* task;
      expect(log).toEqual(["shield", "timeout", "group", "scope", "end of the body", "task"]);
    }));

  test("a trampolined call and a TaskLocal are no scopes", () =>
    onEverySchedule(function* (g) {
      const log: string[] = [];
      const local = new TaskLocal<number>();
      const task = g.spawn(function* () {
        yield* call(function* () {
          yield* local.run(1, function* () {
            defer(() => void log.push("deferred"));
            yield* checkpoint();
          });
          log.push("local over");
        });
        log.push("call over");
      });
      yield* task;
      expect(log).toEqual(["local over", "call over", "deferred"]);
    }));

  test("in main runs before the promise is settled", async () => {
    const log: string[] = [];
    await virtually(function* () {
      defer(function* () {
        yield* sleep(10);
        log.push("deferred");
      });
      yield* checkpoint();
      log.push("main");
    });
    log.push("settled");
    expect(log).toEqual(["main", "deferred", "settled"]);
  });

  test("runs after the frames were unwound, and protected from the cancellation", async () => {
    const log: string[] = [];
    const { state, at } = await cancelledAt(5, function* () {
      defer(function* () {
        yield* sleep(10);
        yield* checkpoint();
        log.push("deferred");
      });
      try {
        yield* sleep(1000);
      } finally {
        yield* sleep(10);
        log.push("finally");
      }
    });
    expect(log).toEqual(["finally", "deferred"]);
    expect([state, at]).toEqual(["cancelled", 25]);
  });

  test("at a normal end it is protected too: a cancel that comes waits for it", async () => {
    const log: string[] = [];
    const { state, at } = await cancelledAt(5, function* () {
      yield* scope(function* () {
        defer(function* () {
          yield* sleep(20);
          log.push("deferred");
        });
      });
      yield* sleep(1);
      log.push("NEVER");
    });
    expect(log).toEqual(["deferred"]);
    expect([state, at]).toEqual(["cancelled", 20]);
  });

  test("one that throws does not stop the others; its error is thrown at the boundary", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const error = yield* thrownBy(() =>
        scope(function* () {
          defer(() => void log.push("ran"));
          defer(() => {
            throw new Error("second");
          });
          defer(function* () {
            yield* sleep(1);
            throw new Error("first");
          });
          return "value";
        }),
      );
      expect(String(error)).toBe("Error: first");
      expect(suppressed(error).map(String)).toEqual(["Error: second"]);
      expect(log).toEqual(["ran"]);
    }));

  test("an error of the body comes before those of what was deferred", () =>
    onEverySchedule(function* (g) {
      for (const body of [
        (inner: () => Coroutine<void>) => scope(inner),
        (inner: () => Coroutine<void>) => group(inner),
        (inner: () => Coroutine<void>) => timeout(100, inner),
      ]) {
        const error = yield* thrownBy(() =>
          body(function* () {
            defer(() => {
              throw new Error("deferred");
            });
            yield* checkpoint();
            throw new Error("body");
          }),
        );
        expect(String(error)).toBe("Error: body");
        expect(suppressed(error).map(String)).toEqual(["Error: deferred"]);
      }
      const task = g.spawn(() =>
        thrownBy(() =>
          group(function* (inner) {
            inner.spawn(function* () {
              defer(() => {
                throw new Error("deferred");
              });
              yield* checkpoint();
              throw new Error("body of a task");
            });
          }),
        ),
      );
      const error = yield* task;
      expect(String(error)).toBe("Error: body of a task");
      expect(suppressed(error).map(String)).toEqual(["Error: deferred"]);
    }));

  test("one that throws while the scope is unwound: its error is thrown, with the cancellation suppressed", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        moveOnAfter(10, function* () {
          defer(() => {
            throw new Error("deferred");
          });
          yield* sleep(1000);
        }),
      );
      expect(String(error)).toBe("Error: deferred");
      expect(suppressed(error).map((one) => (one as Error).name)).toEqual(["CancelledError"]);
    }));

  test("a scope of a cleanup has its own", async () => {
    const log: string[] = [];
    await cancelledAt(5, function* () {
      try {
        yield* sleep(1000);
      } finally {
        yield* scope(function* () {
          defer(() => void log.push("of the cleanup's scope"));
          yield* sleep(1);
        });
        log.push("cleanup over");
      }
    });
    expect(log).toEqual(["of the cleanup's scope", "cleanup over"]);
  });

  test("what is deferred in a cleanup, or by what is deferred, runs too", async () => {
    const log: string[] = [];
    await cancelledAt(5, function* () {
      defer(() => {
        log.push("deferred");
        defer(() => void log.push("by the deferred"));
      });
      try {
        yield* sleep(1000);
      } finally {
        defer(() => void log.push("in the cleanup"));
      }
    });
    expect(log).toEqual(["in the cleanup", "deferred", "by the deferred"]);
  });

  test("outside a task it is an error", () => {
    expect(() => defer(() => {})).toThrow("defer() was called outside a task");
  });
});

describe("use", () => {
  test("disposes at the end of the scope, last first, by either symbol; asyncDispose is awaited", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      yield* scope(function* () {
        const file = use({ name: "file", [Symbol.dispose]: () => log.push("file closed") });
        use({
          [Symbol.asyncDispose]: async () => {
            await Promise.resolve();
            log.push("socket closed");
          },
        });
        expect(file.name).toBe("file");
        yield* checkpoint();
        log.push("body");
      });
      expect(log).toEqual(["body", "socket closed", "file closed"]);
    }));

  test("a disposal that fails is thrown at the boundary, sync or not", () =>
    onEverySchedule(function* () {
      const error = yield* thrownBy(() =>
        scope(function* () {
          use({
            [Symbol.dispose]: () => {
              throw new Error("sync");
            },
          });
          use({ [Symbol.asyncDispose]: () => Promise.reject(new Error("async")) });
          yield* checkpoint();
        }),
      );
      expect(String(error)).toBe("Error: async");
      expect(suppressed(error).map(String)).toEqual(["Error: sync"]);
    }));

  test("what cannot be disposed of is refused at once", async () => {
    await inGroup(function* () {
      for (const bad of [undefined, null, 5, {}, { [Symbol.dispose]: 1 }]) {
        expect(() => use(bad as never)).toThrow("use() takes something with Symbol.dispose");
      }
    });
  });
});
