import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import { CancelledError, DeadlockError, GraceError, suppressed } from "../coroutine/errors.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { Loop, loops } from "../loop/loop.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { defer } from "./defer.ts";
import { group } from "./group.ts";
import { launch, run } from "./run.ts";
import { moveOnAfter, shield } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Task } from "./task.ts";

/** Lets everything that is on its way in the real world's queues come. */
const idle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe("run", () => {
  test("gives a promise for what main ends in", async () => {
    await expect(
      virtually(function* () {
        yield* sleep(10);
        return 42;
      }),
    ).resolves.toBe(42);
    const error = new Error("main failed");
    await expect(
      virtually(function* () {
        yield* sleep(10);
        throw error;
      }),
    ).rejects.toBe(error);
  });

  test("runs nothing of main before it returns", async () => {
    const log: string[] = [];
    const promise = virtually(function* () {
      log.push("main");
    });
    log.push("run() has returned");
    await promise;
    expect(log).toEqual(["run() has returned", "main"]);
  });

  test("takes any operation that main gives: a wait, a task, a group", async () => {
    const host = new VirtualHost();
    await run(() => sleep(10), { host });
    await expect(
      run(
        () =>
          group(function* () {
            return "group";
          }),
        { host },
      ),
    ).resolves.toBe("group");
    expect(host.now()).toBe(10);
  });

  test("what main gives that is no operation rejects, and so does main that is no function", async () => {
    await expect(virtually((() => 5) as never)).rejects.toThrow("the function given gave 5 and not an operation");
    await expect(virtually((async () => 5) as never)).rejects.toThrow("a promise, not an operation");
    await expect(run(sleep(1) as never)).rejects.toThrow("run() takes a function that gives an operation");
    await expect(run(function* () {}, { grace: -1 })).rejects.toThrow("the grace of run()");
    await expect(
      virtually(() => {
        throw new Error("before the first step");
      }),
    ).rejects.toThrow("before the first step");
  });

  test("a nested run is a loop of its own: it goes on beside, and its end is a promise like any other", async () => {
    const log: string[] = [];
    let nested: Promise<unknown> | undefined;
    await inGroup(function* () {
      nested = run(
        function* () {
          yield* sleep(1000);
          log.push("nested");
        },
        { host: new VirtualHost() },
      );
      log.push("outer goes on");
      yield* checkpoint();
    });
    log.push("outer has ended");
    await nested;
    expect(log[0]).toBe("outer goes on");
    expect(log.toSorted()).toEqual(["nested", "outer goes on", "outer has ended"]);
  });

  test("leaves no loop behind, whichever way it ends", async () => {
    const before = loops.size;
    await virtually(() => sleep(1));
    await virtually(function* () {
      throw new Error("x");
    }).catch(() => undefined);
    expect(loops.size).toBe(before);
  });

  test("tasks that are left in main's groups are waited for: nothing is running when the promise is settled", async () => {
    let task: Task | undefined;
    await virtually(() =>
      group(function* (g) {
        task = g.spawn(sleep(1000));
      }),
    );
    expect(task?.state).toBe("done");
  });
});

describe("run({ signal })", () => {
  test("an abort cancels main, waits for its cleanup, and rejects with signal.reason", async () => {
    const controller = new AbortController();
    const log: string[] = [];
    const host = new VirtualHost();
    const promise = run(
      function* () {
        try {
          yield* suspend<void>(() => {}, "for ever");
        } finally {
          yield* sleep(50);
          log.push(`cleaned at ${now()}`);
        }
      },
      { host, signal: controller.signal },
    );
    await idle();
    const reason = new Error("user left");
    controller.abort(reason);
    await expect(promise).rejects.toBe(reason);
    expect(log).toEqual(["cleaned at 50"]);
  });

  test("one that is aborted already lets main take its first step", async () => {
    const log: string[] = [];
    await expect(
      run(
        function* () {
          log.push("first step");
          yield* sleep(1);
          log.push("NEVER");
        },
        { host: new VirtualHost(), signal: AbortSignal.abort("no") },
      ),
    ).rejects.toBe("no");
    expect(log).toEqual(["first step"]);
  });

  test("a main that ends by itself although it was aborted keeps its outcome", async () => {
    await expect(
      run(
        function* () {
          return "whole";
        },
        { host: new VirtualHost(), signal: AbortSignal.abort() },
      ),
    ).resolves.toBe("whole");
    await expect(
      run(
        function* () {
          throw new Error("own error");
        },
        { host: new VirtualHost(), signal: AbortSignal.abort() },
      ),
    ).rejects.toThrow("own error");
  });

  test("an error of the cleanup is what the promise rejects with", async () => {
    await expect(
      run(
        function* () {
          try {
            yield* sleep(1);
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
            throw new Error("cleanup");
          }
        },
        { host: new VirtualHost(), signal: AbortSignal.abort("no") },
      ),
    ).rejects.toThrow("cleanup");
  });

  test("is no deadlock while it may be aborted, and one again in a cleanup after that", async () => {
    const controller = new AbortController();
    const running = run(() => sleep(Infinity), { host: new VirtualHost(), signal: controller.signal });
    await idle();
    controller.abort("enough");
    await expect(running).rejects.toBe("enough");
    const second = new AbortController();
    const stuck = run(
      function* () {
        try {
          yield* sleep(Infinity);
        } finally {
          yield* new WaitQueue().park("nobody");
        }
      },
      { host: new VirtualHost(), signal: second.signal },
    );
    await idle();
    second.abort("enough");
    await expect(stuck).rejects.toBeInstanceOf(DeadlockError);
  });

  test("leaves no listener on the signal when the run is over", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof remove;
    await run(() => sleep(1), { host: new VirtualHost(), signal });
    await run(
      function* () {
        throw new Error("x");
      },
      { host: new VirtualHost(), signal },
    ).catch(() => undefined);
    expect(listeners).toBe(0);
    controller.abort();
  });
});

describe("run({ grace, name })", () => {
  test("the grace bounds the cleanup of everything in it", async () => {
    const host = new VirtualHost();
    const error = await run(
      () =>
        moveOnAfter(10, function* () {
          try {
            yield* sleep(1000);
          } finally {
            yield* sleep(1000);
          }
        }),
      { host, grace: 20 },
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GraceError);
    expect(host.now()).toBe(30);
  });

  test("the name is that of the main task; without one it is its function's", async () => {
    const names: string[] = [];
    const say = function* server(): Coroutine<void> {
      try {
        yield* sleep(1);
      } finally {
        yield* sleep(2000);
      }
    };
    for (const name of ["given", undefined]) {
      const host = new VirtualHost({ onReport: (report) => names.push(report.message) });
      await run(say, { host, signal: AbortSignal.abort(), ...(name === undefined ? {} : { name }) }).catch(
        () => undefined,
      );
    }
    expect(names).toEqual([expect.stringContaining('"given"'), expect.stringContaining('"server"')]);
  });

  test("a main task that is cancelled by itself rejects with a CancelledError", async () => {
    const loop = new Loop({ host: new VirtualHost() });
    const task = launch(loop, () => sleep(1000), { name: "main" });
    loop.turn();
    task.cancel("why");
    loop.drain();
    expect(task.state).toBe("cancelled");
    expect(() => task.resultOrThrow()).toThrow(CancelledError);
    expect(() => task.resultOrThrow()).toThrow('the task "main" was cancelled: why');
  });

  test("the result of a task that has not ended is refused", () => {
    const loop = new Loop({ host: new VirtualHost() });
    const task = launch(loop, () => sleep(5));
    expect(() => task.resultOrThrow()).toThrow("has not ended");
    loop.drain();
    expect(task.resultOrThrow()).toBeUndefined();
  });
});

describe("a deadlock", () => {
  test("cancels main, runs its cleanup, and rejects with an error that lists each task with its line", async () => {
    const log: string[] = [];
    const queue = new WaitQueue();
    function* waiter(): Coroutine<void> {
      try {
        yield* queue.park("godot");
      } finally {
        yield* sleep(5);
        log.push("cleaned");
      }
    }
    const host = new VirtualHost();
    const error = await virtually(
      () =>
        group(function* (g) {
          g.spawn(waiter(), { name: "vladimir" });
          g.spawn(waiter(), { name: "estragon" });
        }),
      host,
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(log).toEqual(["cleaned", "cleaned"]);
    const { message } = error as Error;
    expect(message).toMatch(/"vladimir" waits for godot, at waiter \(.*run\.test\.ts:\d+:\d+\)/);
    expect(message).toMatch(/"estragon" waits for godot/);
    expect(message).toMatch(/"main" waits for tasks of group/);
    expect(host.now()).toBe(5);
  });

  test("names the circle of who waits for whom", async () => {
    const error = await inGroup(function* (g) {
      const tasks: Task[] = [];
      for (const [i, name] of ["a", "b", "c"].entries()) {
        tasks.push(
          g.spawn(
            function* () {
              yield* checkpoint();
              yield* tasks[(i + 1) % 3] as Task;
            },
            { name },
          ),
        );
      }
    }).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/in a circle: ("[abc]" waits for ){3}"[abc]"/);
  });

  test("is found only when nothing could wake anybody: a timer, an outside wait, a ready task", async () => {
    const queue = new WaitQueue();
    await expect(
      virtually(() =>
        group(function* (g) {
          g.spawn(() => queue.park());
          yield* sleep(1000);
          queue.unpark();
        }),
      ),
    ).resolves.toBeUndefined();
    await expect(
      virtually(() =>
        group(function* (g) {
          g.spawn(() => queue.park());
          yield* suspend<void>((wake) => void setImmediate(wake));
          queue.unpark();
        }),
      ),
    ).resolves.toBeUndefined();
  });

  test("a main that ends by itself when it is cancelled resolves", async () => {
    const queue = new WaitQueue();
    const main = virtually(function* () {
      yield* moveOnAfter(Infinity, () => queue.park());
      return "never here";
    });
    await expect(main).rejects.toBeInstanceOf(DeadlockError);
    await expect(
      virtually(() =>
        group(function* (g) {
          const task = g.spawn(() => queue.park());
          yield* shield(() => task.ended());
          return "came through";
        }),
      ),
    ).resolves.toBe("came through");
  });

  test("an error of the cleanup is kept on it", async () => {
    const queue = new WaitQueue();
    const error = await virtually(function* () {
      defer(() => {
        throw new Error("cleanup");
      });
      yield* queue.park();
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(suppressed(error).map(String)).toContainEqual("Error: cleanup");
  });

  // TRIAL: a second deadlock gives up.
  test("a cleanup that is deadlocked too is given up: the promise rejects and does not hang", async () => {
    const queue = new WaitQueue();
    const error = await virtually(function* () {
      try {
        yield* queue.park("first");
      } finally {
        yield* queue.park("second");
      }
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(suppressed(error).map(String)).toEqual([expect.stringContaining("waits for second")]);
  });

  test("a main that cannot be cancelled, because it is shielded, is given up as well", async () => {
    const queue = new WaitQueue();
    await expect(virtually(() => shield(() => queue.park()))).rejects.toBeInstanceOf(DeadlockError);
  });

  test("everybody sleeping for ever is one", async () => {
    await expect(virtually(() => sleep(Infinity))).rejects.toBeInstanceOf(DeadlockError);
  });

  test("a program that is deadlocked while its group waits says which task it waits for", async () => {
    const queue = new WaitQueue();
    const error = await virtually(() =>
      group(
        function* (g) {
          g.spawn(() => queue.park("nothing"), { name: "child" });
        },
        { name: "family" },
      ),
    ).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain("waits for tasks of family");
    expect((error as Error).message).toContain('"child" waits for nothing');
  });
});
