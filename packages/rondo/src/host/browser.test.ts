/** The browser's host, run on what Node has of the web platform. (Headless Chromium runs it in tests/browser.) */
import { afterEach, describe, expect, test, vi } from "vitest";

import { Loop } from "../loop/loop.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { run } from "../task/run.ts";
import { moveOnAfter } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { defaultHost } from "./browser.ts";

const { MessageChannel: Channel, console: theConsole } = globalThis;
const { error: complain } = theConsole;

afterEach(() => {
  globalThis.MessageChannel = Channel;
  globalThis.console.error = complain;
});

describe.each([
  ["with MessageChannel", true],
  ["without", false],
])("the browser's host %s", (_how, withChannel) => {
  const host = (): ReturnType<typeof defaultHost> => {
    if (!withChannel) Reflect.set(globalThis, "MessageChannel", undefined);
    return defaultHost();
  };

  test("sleeps, times out, and ends", async () => {
    const log: unknown[] = [];
    await run(
      () =>
        group(function* (g) {
          const start = now();
          g.spawn(function* () {
            yield* sleep(3);
            log.push("slept");
          });
          log.push((yield* moveOnAfter(1, sleep(60_000))).timedOut);
          expect(now() - start).toBeLessThan(1000);
        }),
      { host: host() },
    );
    expect(log).toEqual([true, "slept"]);
  });

  test("lets the page have its turn beside tasks that never stop", { tags: ["long"] }, async () => {
    const log: string[] = [];
    await run(
      () =>
        group(function* (g) {
          g.spawn(
            function* () {
              for (;;) yield* checkpoint();
            },
            { daemon: true },
          );
          yield* suspend<void>((wake) => {
            setTimeout(() => {
              log.push("the page's own timer");
              wake();
            }, 1);
          });
        }),
      { host: host() },
    );
    expect(log).toEqual(["the page's own timer"]);
  });

  test("two runs at once do not disturb each other", async () => {
    const results = await Promise.all(
      [1, 2, 3].map((n) =>
        run(
          function* () {
            for (let i = 0; i < 3; i++) yield* sleep(n);
            return n;
          },
          { host: host() },
        ),
      ),
    );
    expect(results).toEqual([1, 2, 3]);
  });

  test("a second run on the host of another one is served too", async () => {
    const one = host();
    expect(await run(() => sleep(1), { host: one })).toBeUndefined();
    let over = false;
    const value = await run(
      () =>
        group(function* (g) {
          g.spawn(function* () {
            while (!over) yield* checkpoint();
          });
          yield* sleep(3);
          over = true;
          return "again";
        }),
      { host: one },
    );
    expect(value).toBe("again");
  });
});

test("long waits are taken in stages of a day: the web's timers overflow like Node's", () => {
  const armed: number[] = [];
  const { setTimeout: original } = globalThis;
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    armed.push(ms);
    return original(work, ms);
  }) as typeof setTimeout;
  try {
    const loop = new Loop({ host: defaultHost() });
    loop.host.wakeAt(loop, loop.now() + 2 ** 40);
    loop.host.wakeAt(loop, Infinity);
  } finally {
    globalThis.setTimeout = original;
  }
  expect(armed).toEqual([24 * 60 * 60 * 1000]);
});

test("it reports to the console, and has the clock, the time of day and choices", () => {
  const told: unknown[] = [];
  globalThis.console.error = (...args: unknown[]) => told.push(args);
  const host = defaultHost();
  const error = new Error("x");
  host.report({ kind: "test", message: "hello" });
  host.report({ kind: "test", message: "hello", error });
  expect(told).toEqual([["rondo: hello"], ["rondo: hello", error]]);
  {
    using _clock = vi.spyOn(Date, "now").mockReturnValue(1_234_567);
    expect(host.wallClock()).toBe(1_234_567);
  }
  for (let i = 0; i < 100; i++) expect([0, 1, 2]).toContain(host.choose("x", 3));
  expect(host.another()).not.toBe(host);
});
