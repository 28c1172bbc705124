import { getEventListeners } from "node:events";

import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import { CancelledError, type Coroutine, now, sleep, toPromise, until, VirtualHost } from "../index.ts";

function* after<T>(ms: number, value: T): Coroutine<T> {
  yield* sleep(ms);
  return value;
}

describe("toPromise", () => {
  test("gives a promise for what an operation, or what a function gives, ends in", async () => {
    const host = new VirtualHost();
    expect(await toPromise(after(5, "value"), { host })).toBe("value");
    expect(await toPromise(() => after(5, "value"), { host })).toBe("value");
    const error = new RangeError("no");
    await expect(
      toPromise(
        function* () {
          throw error;
        },
        { host },
      ),
    ).rejects.toBe(error);
  });

  test("runs, called in a task, in the world of that task: virtual time is one", async () => {
    await virtually(function* () {
      expect(yield* until(toPromise(after(60_000, "inner")))).toBe("inner");
      expect(now()).toBe(60_000);
    });
  });

  test("is cancelled by its signal, and rejects with the signal's reason when the cleanup is done", async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const promise = toPromise(
      function* () {
        try {
          yield* until(new Promise(() => {}));
        } finally {
          yield* sleep(5);
          log.push("cleaned");
        }
      },
      { signal: controller.signal },
    );
    setImmediate(() => controller.abort("the caller left"));
    await expect(promise).rejects.toBe("the caller left");
    expect(log).toEqual(["cleaned"]);
  });

  test("with a signal that is aborted already takes its first step, and no more", async () => {
    const log: string[] = [];
    const promise = toPromise(
      function* () {
        log.push("first step");
        yield* sleep(1);
        log.push("WENT ON");
      },
      { signal: AbortSignal.abort("before"), host: new VirtualHost() },
    );
    await expect(promise).rejects.toBe("before");
    expect(log).toEqual(["first step"]);
  });

  test("leaves no listener on the signal, however it ends (nodejs/node#47449)", async () => {
    const { signal } = new AbortController();
    const host = new VirtualHost();
    for (let i = 0; i < 20; i++) {
      await toPromise(after(1, i), { signal, host });
      await toPromise(() => sleep(-1), { signal, host }).catch(() => undefined);
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("listens to no signal of the operating system", async () => {
    const before = process.listenerCount("SIGINT");
    const promise = toPromise(sleep(1));
    expect(process.listenerCount("SIGINT")).toBe(before);
    await promise;
  });

  test("refuses what is no operation", async () => {
    await expect(toPromise(5 as never, { host: new VirtualHost() })).rejects.toThrow("not an operation");
  });

  test("belongs to nobody: it goes on when the task that called it is cancelled", async () => {
    let inner: Promise<string> | undefined;
    const outcome = inGroup(function* (g) {
      const task = g.spawn(function* () {
        inner = toPromise(after(100, "went on"));
        yield* sleep(1000);
      });
      yield* sleep(1);
      task.cancel();
      yield* task;
    });
    await expect(outcome).rejects.toBeInstanceOf(CancelledError);
    expect(await inner).toBe("went on");
  });
});
