import { describe, expect, test } from "vitest";

import { inGroup, thrownBy, virtually } from "../../tests/virtual.ts";
import { VirtualHost } from "../host/virtual.ts";
import { sleep } from "../loop/sleep.ts";
import { group } from "./group.ts";
import { moveOnAfter } from "./scope.ts";
import { suspend } from "./suspend.ts";

/** A promise-free nap of the real world, for foreign callbacks. */
const soon = (work: () => void): void => void setImmediate(work);

describe("suspend", () => {
  test("waits until somebody wakes it, or fails it", async () => {
    await virtually(function* () {
      expect(yield* suspend<string>((wake) => soon(() => wake("value")))).toBe("value");
      const error = new Error("failed");
      expect(yield* thrownBy(() => suspend((_wake, fail) => soon(() => fail(error))))).toBe(error);
    });
  });

  test("may be woken inside the function that begins it", async () => {
    await virtually(function* () {
      expect(yield* suspend<number>((wake) => wake(1))).toBe(1);
      expect(String(yield* thrownBy(() => suspend((_wake, fail) => fail(new Error("at once")))))).toBe(
        "Error: at once",
      );
    });
  });

  test("the first call counts, the later ones are dropped", async () => {
    const value = await virtually(() =>
      suspend<string>((wake, fail) =>
        soon(() => {
          wake("first");
          wake("second");
          fail(new Error("third"));
          soon(() => wake("fourth"));
        }),
      ),
    );
    expect(value).toBe("first");
  });

  test("calls abort once when it is withdrawn, and a late wake is dropped", async () => {
    let aborts = 0;
    let late: (() => void) | undefined;
    await inGroup(function* () {
      yield* moveOnAfter(10, () =>
        suspend<void>((wake) => {
          late = () => wake();
          return () => {
            aborts++;
            return true;
          };
        }),
      );
      late?.();
      yield* sleep(5);
    });
    expect(aborts).toBe(1);
  });

  test("without an abort it is left when it is withdrawn", async () => {
    const result = await virtually(() => moveOnAfter(10, () => suspend<void>(() => {})));
    expect(result).toEqual({ timedOut: true, value: undefined });
  });

  test("an abort that answers nothing has withdrawn", async () => {
    const result = await virtually(() => moveOnAfter(10, () => suspend<void>(() => () => {})));
    expect(result.timedOut).toBe(true);
  });

  test("an abort that wakes its task while it withdraws: the result stands", async () => {
    const log: unknown[] = [];
    const result = await virtually(() =>
      moveOnAfter(10, function* () {
        log.push(
          yield* suspend<string>((wake) => () => {
            wake("just in time");
            return true;
          }),
        );
        yield* sleep(1);
        log.push("NEVER");
      }),
    );
    expect(log).toEqual(["just in time"]);
    expect(result.timedOut).toBe(true);
  });

  test("an abort that throws is reported, and the wait is taken as withdrawn", async () => {
    const host = new VirtualHost();
    const result = await virtually(
      () =>
        moveOnAfter(10, () =>
          suspend<void>(
            () => () => {
              throw new Error("abort failed");
            },
            "socket",
          ),
        ),
      host,
    );
    expect(result.timedOut).toBe(true);
    expect(host.reports).toMatchObject([
      { message: expect.stringContaining('withdrawing the wait "socket" threw'), error: { message: "abort failed" } },
    ]);
  });

  test("a begin that throws fails the wait at its line", async () => {
    const error = await virtually(function* whoWaits() {
      return yield* thrownBy(() =>
        suspend(() => {
          throw new Error("cannot begin");
        }),
      );
    });
    expect(String(error)).toBe("Error: cannot begin");
  });

  test("a begin that wakes its task and then throws is reported; the result stands", async () => {
    const host = new VirtualHost();
    const value = await virtually(
      () =>
        suspend<string>((wake) => {
          wake("value");
          throw new Error("afterwards");
        }, "socket"),
      host,
    );
    expect(value).toBe("value");
    expect(host.reports).toMatchObject([{ message: expect.stringContaining('suspend("socket") threw') }]);
  });

  test("its label is what the task waits for", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() => suspend<void>(() => {}, "doorbell"));
      const other = g.spawn(() => suspend<void>(() => {}));
      yield* sleep(1);
      expect([task.waitingFor, other.waitingFor, task.state]).toEqual(["doorbell", "suspend", "waiting"]);
      task.cancel();
      other.cancel();
    });
  });

  test("keeps a program from being called deadlocked while it is pending, and no longer", async () => {
    const error = await virtually(() =>
      group(function* (g) {
        const bell = g.spawn(() => suspend<void>((wake) => soon(wake)));
        g.spawn(() => bell);
        yield* bell;
        yield* sleep(Infinity);
      }),
    ).catch((thrown: unknown) => thrown);
    expect((error as Error).name).toBe("DeadlockError");
  });

  test("counts nothing twice: withdrawn, failed to begin, woken in abort", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(function* () {
        yield* moveOnAfter(1, () => suspend<void>(() => () => true));
        yield* moveOnAfter(1, () => suspend<void>((wake) => () => wake()));
        yield* moveOnAfter(1, () =>
          suspend<void>(() => () => {
            throw new Error("abort failed");
          }),
        );
        yield* thrownBy(() =>
          suspend(() => {
            throw new Error("cannot begin");
          }),
        );
        yield* suspend<void>((wake) => wake());
      });
      yield* task;
      expect(task.loop.outside).toBe(0);
    });
  });

  test("what is no function is refused at once", () => {
    expect(() => suspend(undefined as never)).toThrow("suspend() takes a function");
  });
});
