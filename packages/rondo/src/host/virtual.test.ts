import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { now, sleep, checkpoint } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { run } from "../task/run.ts";
import { moveOnAfter } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { VirtualHost } from "./virtual.ts";

/** A program whose order of events depends on the schedule. */
async function events(host: VirtualHost): Promise<string> {
  const log: string[] = [];
  await inGroup(function* (g) {
    function* worker(name: string, rounds: number): Coroutine<void> {
      for (let i = 0; i < rounds; i++) {
        log.push(`${name}${i}@${now()}`);
        if (i % 2 === 0) yield* checkpoint();
        else yield* sleep((name.charCodeAt(0) * 7 + i) % 5);
      }
    }
    for (const name of ["a", "b", "c", "d", "e"]) g.spawn(worker(name, 8));
  }, host);
  return log.join(" ");
}

describe("virtual time", () => {
  test("stands still while anything is ready and jumps to the next timer when nothing is", async () => {
    const host = new VirtualHost({ start: 100, wallClock: 5_000 });
    const seen: number[] = [];
    await inGroup(function* (g) {
      g.spawn(function* () {
        for (let i = 0; i < 1000; i++) yield* checkpoint();
        seen.push(now());
      });
      yield* sleep(86_400_000);
      seen.push(now());
    }, host);
    expect(seen).toEqual([100, 86_400_100]);
    expect(host.wallClock()).toBe(86_405_000);
  });

  test("never goes back, whatever deadline is asked for", async () => {
    const host = new VirtualHost({ start: 1000 });
    await virtually(function* () {
      yield* moveOnAfter(0, sleep(0));
      yield* sleep(0);
      expect(now()).toBe(1000);
    }, host);
  });

  test("without a seed is first in, first out, every time", async () => {
    const first = await events(new VirtualHost());
    expect(await events(new VirtualHost())).toBe(first);
    expect(first.startsWith("a0@0 b0@0 c0@0 d0@0 e0@0 a1@0")).toBe(true);
  });

  test("the same seed gives the same schedule, and different seeds give many", async () => {
    const runs = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const one = await events(new VirtualHost({ seed }));
      expect(await events(new VirtualHost({ seed }))).toBe(one);
      runs.add(one);
    }
    expect(runs.size).toBeGreaterThan(15);
  });

  test("choose() gives whole numbers from 0 to n - 1, all of them, and 0 without a seed", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), (seed, n) => {
        const host = new VirtualHost({ seed });
        const choice = host.choose("stream", n);
        expect(Number.isInteger(choice) && choice >= 0 && choice < n).toBe(true);
        expect(new VirtualHost().choose("stream", n)).toBe(0);
      }),
    );
    const host = new VirtualHost({ seed: 7 });
    const seen = new Set(Array.from({ length: 200 }, () => host.choose("stream", 6)));
    expect(seen).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });

  test("advance() moves the clock by hand; what is due fires when the loop is driven next", async () => {
    const host = new VirtualHost();
    const log: string[] = [];
    const promise = run(
      function* () {
        yield* suspend<void>((wake) => {
          setImmediate(() => {
            host.advance(500);
            wake();
          });
        });
        log.push(`advanced to ${now()}`);
        yield* sleep(10);
        log.push(`slept to ${now()}`);
      },
      { host },
    );
    await promise;
    expect(log).toEqual(["advanced to 500", "slept to 510"]);
  });

  test("beside a pending promise the real world comes first, and virtual time when that is quiet", async () => {
    const log: string[] = [];
    const host = new VirtualHost();
    await inGroup(function* (g) {
      g.spawn(function* () {
        yield* suspend<void>((wake) => void Promise.resolve().then(wake));
        log.push(`promise at ${now()}`);
      });
      g.spawn(function* () {
        yield* sleep(1000);
        log.push(`timer at ${now()}`);
      });
      const never = g.spawn(() => suspend<void>(() => () => true));
      yield* sleep(2000);
      never.cancel();
    }, host);
    expect(log).toEqual(["promise at 0", "timer at 1000"]);
    expect(host.now()).toBe(2000);
  });

  test("reports are kept to be looked at, or handed on", async () => {
    const handed: string[] = [];
    for (const host of [new VirtualHost(), new VirtualHost({ onReport: (report) => handed.push(report.kind) })]) {
      host.report({ kind: "test", message: "hello" });
      expect(host.reports).toHaveLength(handed.length === 0 ? 1 : 0);
    }
    expect(handed).toEqual(["test"]);
  });

  test("two runs on one host share its clock, one after the other", async () => {
    const host = new VirtualHost();
    await run(() => sleep(10), { host });
    await run(() => sleep(10), { host });
    expect(host.now()).toBe(20);
  });

  test("a thousand years pass in no time", async () => {
    const host = new VirtualHost();
    await virtually(
      () =>
        group(function* () {
          for (let i = 0; i < 1000; i++) yield* sleep(365.25 * 24 * 3600 * 1000);
        }),
      host,
    );
    expect(host.now()).toBe(1000 * 365.25 * 24 * 3600 * 1000);
  });
});
