import { AsyncLocalStorage } from "node:async_hooks";

import { describe, expect, test, vi } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  Channel,
  checkpoint,
  type Coroutine,
  DeadlockError,
  Flow,
  group,
  moveOnAfter,
  run,
  scope,
  select,
  sleep,
  toAsyncIterable,
  until,
  VirtualHost,
} from "../index.ts";

/** Lets everything that is queued on the real side run. */
function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** Runs `body` and gives the rejections that nobody handled meanwhile. */
async function unhandledDuring(body: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (error: unknown): void => void seen.push(error);
  // vitest listens too, and would fail the run.
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", note);
  try {
    await body();
    await settled();
    await settled();
  } finally {
    process.off("unhandledRejection", note);
    for (const other of others) process.on("unhandledRejection", other);
  }
  return seen;
}

/** Something to be disposed of, that tells. */
function resource(log: string[], name = "resource"): Disposable {
  return { [Symbol.dispose]: () => void log.push(`${name} disposed of`) };
}

describe("until a promise", () => {
  test("gives what it is fulfilled with", async () => {
    expect(await virtually(() => until(Promise.resolve(42)))).toBe(42);
    expect(await virtually(() => until(settled().then(() => "later")))).toBe("later");
  });

  test("throws what it is rejected with, the very same", async () => {
    const error = new RangeError("no");
    const caught = await virtually(() => thrownBy(() => until(Promise.reject(error))));
    expect(caught).toBe(error);
  });

  test("says that it waits for a promise, and on which line", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await inGroup(function* (g) {
      const task = g.spawn(function* waiter() {
        yield* until(promise);
      });
      yield* sleep(1);
      expect([task.state, task.waitingFor, task.stack()[0]?.name]).toEqual(["waiting", "promise", "waiter"]);
      resolve();
    });
  });

  test("wakes all who wait for one promise", () =>
    onEverySchedule(function* (g) {
      const promise = settled().then(() => 7);
      const tasks = Array.from({ length: 5 }, () => g.spawn(until(promise)));
      for (const task of tasks) expect(yield* task).toBe(7);
    }));

  test("is good for one use, like every wait", async () => {
    const error = await virtually(function* () {
      const wait = until(Promise.resolve(1));
      yield* wait;
      return yield* thrownBy(() => wait);
    });
    expect(String(error)).toContain("used twice");
  });

  test("keeps a program alive: nothing is deadlocked while a promise may settle", async () => {
    expect(
      await virtually(() =>
        until(
          settled()
            .then(settled)
            .then(() => "came"),
        ),
      ),
    ).toBe("came");
  });

  test("no longer keeps it alive when it was cancelled", async () => {
    const never = new Promise<void>(() => {});
    const host = new VirtualHost();
    const outcome = virtually(function* () {
      yield* moveOnAfter(5, until(never));
      yield* new Channel<number>(0).receive();
    }, host);
    await expect(outcome).rejects.toBeInstanceOf(DeadlockError);
  });

  test("refuses what is no promise, and says what to do", async () => {
    expect(() => until(5 as never)).toThrow("until() was given 5 and not a promise");
    expect(() => until(undefined as never)).toThrow("until() was given undefined and not a promise");
    expect(() => until(sleep(1) as never)).toThrow("something to `yield*` by itself and not a promise");
    const late = await virtually(() => thrownBy(() => until((() => 5) as never)));
    expect(String(late)).toBe("TypeError: the function given to until() gave 5 and not a promise");
  });
});

test("a settled promise is no longer counted among what may wake from outside", async () => {
  await inGroup(function* (g) {
    const { loop } = g.spawn(sleep(0));
    yield* until(Promise.resolve());
    expect(loop.outside).toBe(0);
    yield* thrownBy(() => until(Promise.reject(new Error("no"))));
    expect(loop.outside).toBe(0);
  });
});

describe("until a thenable", () => {
  test("may be called back at once", async () => {
    const now: PromiseLike<string> = { then: (resolve) => void resolve?.("at once") as never };
    expect(await virtually(() => until(now))).toBe("at once");
  });

  test("is heard once: what it says after that is dropped", async () => {
    const chatty: PromiseLike<string> = {
      then: (resolve, reject) => {
        void resolve?.("first");
        void resolve?.("second");
        void reject?.(new Error("third"));
        throw new Error("fourth");
      },
    };
    expect(await virtually(() => until(chatty))).toBe("first");
  });

  test("that calls back in the middle of somebody's work does not run the task there", async () => {
    let answer: ((value: string) => void) | undefined;
    const slow = {
      then: (resolve: (value: string) => void) => void (answer = resolve) as never,
    } as PromiseLike<string>;
    const log: string[] = [];
    const done = virtually(function* () {
      log.push(yield* until(slow));
    });
    await settled();
    answer?.("task");
    log.push("caller");
    await done;
    expect(log).toEqual(["caller", "task"]);
  });

  test("that throws instead of answering is a failure, and leaves nothing waiting", async () => {
    const broken: PromiseLike<string> = {
      then: () => {
        throw new Error("no then today");
      },
    };
    const error = virtually(function* () {
      const caught = yield* thrownBy(() => until(broken));
      expect(String(caught)).toBe("Error: no then today");
      yield* new Channel<number>(0).receive();
    });
    await expect(error).rejects.toBeInstanceOf(DeadlockError);
  });
});

describe("until a function's promise", () => {
  test("calls the function when the wait begins, once", async () => {
    const get = vi.fn(() => Promise.resolve(1));
    await virtually(function* () {
      const wait = until(get);
      expect(get).toHaveBeenCalledTimes(0);
      yield* wait;
    });
    expect(get).toHaveBeenCalledTimes(1);
  });

  test("does not call it when the task is cancelled already", () =>
    onEverySchedule(function* () {
      const get = vi.fn(() => Promise.resolve(1));
      yield* moveOnAfter(0, function* () {
        yield* moveOnAfter(0, sleep(10));
        yield* until(get);
      });
      const outcome = yield* moveOnAfter(1, function* () {
        try {
          yield* sleep(10);
        } finally {
          expect(get).toHaveBeenCalledTimes(0);
        }
        yield* until(get);
      });
      expect(outcome.timedOut).toBe(true);
      expect(get).toHaveBeenCalledTimes(0);
    }));

  test("does not call it in a select of which another arm is ready", async () => {
    const get = vi.fn(() => Promise.resolve(1));
    await virtually(function* () {
      const channel = new Channel<string>(1);
      yield* channel.send("item");
      const taken = yield* select({ item: channel.receive(), promise: until(get) });
      expect(taken).toEqual({ key: "item", value: "item" });
    });
    expect(get).toHaveBeenCalledTimes(0);
  });

  test("fails with what it throws, at the line that waits", async () => {
    function* waiter() {
      yield* until(() => {
        throw new SyntaxError("at once");
      });
    }
    const error = await virtually(() => thrownBy(waiter));
    expect(String(error)).toBe("SyntaxError: at once");
  });

  test("makes a signal only for one that takes it", async () => {
    const Real = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends Real {
      constructor() {
        super();
        made++;
      }
    };
    try {
      await virtually(() => until(() => Promise.resolve(1)));
      expect(made).toBe(0);
      await virtually(() => until((signal) => Promise.resolve(signal.aborted)));
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = Real;
    }
  });

  test("aborts the signal when it is cancelled, and does not wait for the promise", async () => {
    const log: string[] = [];
    await virtually(function* () {
      yield* moveOnAfter(
        5,
        until((signal) => {
          signal.addEventListener("abort", () => log.push(`aborted: ${(signal.reason as Error).name}`));
          return new Promise<void>(() => {});
        }),
      );
      log.push("went on");
    });
    expect(log).toEqual(["aborted: AbortError", "went on"]);
  });

  test("leaves the signal alone when it is done", async () => {
    let given: AbortSignal | undefined;
    await virtually(function* () {
      yield* moveOnAfter(
        5,
        until((signal) => {
          given = signal;
          return Promise.resolve();
        }),
      );
      yield* sleep(10);
    });
    expect(given?.aborted).toBe(false);
  });
});

describe("what comes too late", () => {
  test("is swallowed where it is a rejection", async () => {
    const unhandled = await unhandledDuring(async () => {
      const { promise, reject } = Promise.withResolvers<void>();
      await virtually(() => moveOnAfter(5, until(promise)));
      reject(new Error("too late"));
    });
    expect(unhandled).toEqual([]);
  });

  test("is swallowed also where the wait never began", async () => {
    const unhandled = await unhandledDuring(async () => {
      const { promise, reject } = Promise.withResolvers<void>();
      await inGroup(function* (g) {
        const task = g.spawn(function* () {
          yield* until(promise);
        });
        task.cancel();
      });
      reject(new Error("too late"));
    });
    expect(unhandled).toEqual([]);
  });

  test("is disposed of where it is a resource", async () => {
    const log: string[] = [];
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    await virtually(() => moveOnAfter(5, until(promise)));
    resolve(resource(log));
    await settled();
    expect(log).toEqual(["resource disposed of"]);
  });

  test("is disposed of also where the wait never began", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const task = g.spawn(function* () {
        yield* until(Promise.resolve(resource(log)));
      });
      task.cancel();
    });
    await settled();
    expect(log).toEqual(["resource disposed of"]);
  });

  test("is disposed of by asyncDispose where it has that; a failure is reported", async () => {
    const host = new VirtualHost();
    const { promise, resolve } = Promise.withResolvers<AsyncDisposable>();
    await virtually(() => moveOnAfter(5, until(promise)), host);
    resolve({ [Symbol.asyncDispose]: () => Promise.reject(new Error("stuck")) });
    await settled();
    expect(host.reports.map(({ error }) => String(error))).toEqual(["Error: stuck"]);
  });

  test("goes to onLate where that is given, and is then nobody else's", async () => {
    const log: string[] = [];
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    await virtually(() =>
      moveOnAfter(
        5,
        until(() => promise, { onLate: () => void log.push("late") }),
      ),
    );
    resolve(resource(log));
    await settled();
    expect(log).toEqual(["late"]);
  });

  test("is reported where onLate throws", async () => {
    const host = new VirtualHost();
    const { promise, resolve } = Promise.withResolvers<number>();
    const onLate = (): never => {
      throw new Error("cannot");
    };
    await virtually(() => moveOnAfter(5, until(promise, { onLate })), host);
    resolve(1);
    await settled();
    expect(host.reports.map(({ error }) => String(error))).toEqual(["Error: cannot"]);
  });

  test("is not disposed of when somebody else has taken it", async () => {
    for (const leaver of ["first", "second"]) {
      const log: string[] = [];
      const { promise, resolve } = Promise.withResolvers<Disposable>();
      await inGroup(function* (g) {
        const early = function* () {
          yield* moveOnAfter(5, until(promise));
        };
        if (leaver === "first") g.spawn(early);
        const stayer = g.spawn(until(promise));
        if (leaver === "second") g.spawn(early);
        yield* sleep(10);
        resolve(resource(log));
        expect(yield* stayer).toBeDefined();
      });
      await settled();
      expect(log).toEqual([]);
    }
  });

  test("comes once, also from a thenable that says it twice", async () => {
    let answer: ((value: number) => void) | undefined;
    const chatty = {
      then: (resolve: (value: number) => void) => void (answer = resolve) as never,
    } as PromiseLike<number>;
    const late: number[] = [];
    await virtually(() => moveOnAfter(5, until(chatty, { onLate: (value) => void late.push(value) })));
    answer?.(1);
    answer?.(2);
    await settled();
    expect(late).toEqual([1]);
  });

  test("does not keep a promise from being waited for after it has settled", async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    await virtually(() => moveOnAfter(5, until(promise)));
    resolve(7);
    await settled();
    expect(await virtually(() => until(promise))).toBe(7);
  });

  test("does not concern whoever waits for the same promise again", async () => {
    const log: string[] = [];
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    const got = await virtually(function* () {
      for (let i = 0; i < 3; i++) expect((yield* moveOnAfter(5, until(promise))).timedOut).toBe(true);
      resolve(resource(log));
      return yield* until(promise);
    });
    await settled();
    expect(got).toBeDefined();
    expect(log).toEqual([]);
  });
});

describe("a promise that lives long", () => {
  test("gets one reaction, however often it is waited for in vain (nodejs/node#17469)", async () => {
    let reactions = 0;
    const never = { then: () => void reactions++ as never };
    await virtually(function* () {
      for (let i = 0; i < 100; i++) yield* moveOnAfter(1, until(never as PromiseLike<void>));
    });
    expect(reactions).toBe(1);
  });

  test("gets one reaction from any number of losing arms and cancelled tasks", async () => {
    let reactions = 0;
    const never = { then: () => void reactions++ as never } as PromiseLike<void>;
    await inGroup(function* (g) {
      yield* moveOnAfter(1, until(never));
      for (let i = 0; i < 50; i++) {
        yield* select({ never: until(never), late: sleep(1) });
        g.spawn(until(never)).cancel();
        g.spawn(function* () {
          yield* until(never);
        }).cancel();
      }
    });
    expect(reactions).toBe(1);
  });
});

describe("a result and a cancellation in the same turn", () => {
  test("deliver exactly one: the value, and the cancellation meets the next wait", () =>
    onEverySchedule(function* (g) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const log: string[] = [];
      // Waited for in vain once, so that the two below stand in one line and are woken together.
      yield* moveOnAfter(1, until(promise));
      setImmediate(() => resolve("value"));
      const waiter = g.spawn(function* () {
        log.push(yield* until(promise));
        yield* checkpoint();
        log.push("WENT ON");
      });
      const canceller = g.spawn(function* () {
        yield* until(promise);
        waiter.cancel();
        log.push("cancelled");
      });
      yield* canceller;
      yield* waiter.ended();
      // Either order may be drawn; where the waiter ran first there was nothing left to cancel but its checkpoint.
      expect(log.toSorted()).toEqual(["cancelled", "value"]);
    }));
});

describe("the context of whoever settles a promise", () => {
  test("does not leak into the task that waited, nor into those that run after it (edge 29)", async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const program = run(() =>
      group(function* (g) {
        const other = g.spawn(function* () {
          for (let i = 0; i < 3; i++) {
            yield* checkpoint();
            seen.push(request.getStore());
          }
        });
        yield* until(promise);
        seen.push(request.getStore());
        yield* until(new Promise<void>((done) => request.run("inner", () => setImmediate(done))));
        seen.push(request.getStore());
        yield* other;
      }),
    );
    request.run("outer", () => setImmediate(resolve));
    await program;
    expect(seen).toEqual(Array.from({ length: 5 }, () => undefined));
  });

  test("does not leak from one program into another that waits for the same promise", async () => {
    const request = new AsyncLocalStorage<string>();
    const { promise, resolve } = Promise.withResolvers<void>();
    const seen: (string | undefined)[] = [];
    function* waiter(): Coroutine<void> {
      yield* until(promise);
      seen.push(request.getStore());
    }
    // The first to wait, and to leave: its reaction serves the others.
    await request.run("first", () => run(() => moveOnAfter(1, waiter())));
    const second = request.run("second", () => run(waiter));
    const third = run(waiter);
    setImmediate(resolve);
    await Promise.all([second, third]);
    expect(seen).toEqual(["second", undefined]);
  });
});

describe("the host", () => {
  test("is served also beside a task that waits for one settled promise after the other", async () => {
    let served = false;
    setImmediate(() => {
      served = true;
    });
    const waits = await run(function* () {
      let count = 0;
      while (!served && count < 100_000) {
        yield* until(Promise.resolve());
        count++;
      }
      return count;
    });
    expect(waits).toBeLessThan(100_000);
  });

  test("has the loop go on before the promise's other reactions that came later", async () => {
    const log: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = run(function* () {
      yield* until(promise);
      log.push("task");
    });
    await settled();
    void promise.then(() => log.push("later reaction"));
    resolve();
    await done;
    expect(log).toEqual(["task", "later reaction"]);
  });
});

test("waits that are withdrawn, by whatever, leave no count behind", async () => {
  const never = new Promise<void>(() => {});
  await inGroup(function* (g) {
    const { loop } = g.spawn(sleep(0));
    for (let i = 0; i < 10; i++) {
      yield* scope(function* (s) {
        yield* group(function* (inner) {
          inner.spawn(until(never));
          inner.spawn(select({ never: until(never), other: until(() => never) }));
          yield* sleep(1);
          expect(loop.outside).toBe(3);
          s.cancel();
          yield* sleep(1);
        });
      });
      expect(loop.outside).toBe(0);
    }
  });
});

// Edge 15: what the platform holds until its own next turn piles up where that does not come.
test(
  "the host has its turn again and again while promises of flows that are left wake the loop",
  { tags: ["long"] },
  async () => {
    let rounds = 0;
    let turns = 0;
    let longest = 0;
    let last = 0;
    const turn = (): void => {
      turns++;
      longest = Math.max(longest, rounds - last);
      last = rounds;
      if (rounds < 20_000) setImmediate(turn);
    };
    setImmediate(turn);
    const leave = async (): Promise<void> => {
      for await (const n of toAsyncIterable(Flow.from([1, 2, 3]))) if (n === 2) break;
    };
    await run(function* () {
      for (; rounds < 20_000; rounds++) yield* until(leave());
    });
    expect(turns).toBeGreaterThan(5);
    expect(longest).toBeLessThan(3000);
  },
);
