/** The Node host: real timers, contexts, signals, and the end of the process. What ends a process is tried in one of its own. */
import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { describe, expect, test, vi } from "vitest";

import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { Loop } from "../loop/loop.ts";
import { group } from "../task/group.ts";
import { run } from "../task/run.ts";
import { moveOnAfter, timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { turn } from "../../tests/turn.ts";
import { defaultHost } from "./node.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program, given as the text of a module, in a process of its own, to its end. */
function program(text: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--conditions=rondo-source", "--input-type=module", "-e", `import * as rondo from "rondo";\n${text}`],
      { cwd: home, stdio: ["ignore", "pipe", "pipe"] },
    );
    let out = "";
    let err = "";
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}

describe("Node's host", () => {
  test("sleeps on real timers, and not for less than was asked", async () => {
    const slept = await run(
      function* () {
        const start = now();
        yield* sleep(5);
        return now() - start;
      },
      { host: defaultHost() },
    );
    expect(slept).toBeGreaterThanOrEqual(5);
  });

  test("has a monotonic clock, the time of day, and choices in range", () => {
    const host = defaultHost();
    expect(host.now()).toBeLessThanOrEqual(host.now());
    {
      using _clock = vi.spyOn(Date, "now").mockReturnValue(1_234_567);
      expect(host.wallClock()).toBe(1_234_567);
    }
    for (let i = 0; i < 100; i++) expect([0, 1, 2]).toContain(host.choose("x", 3));
    expect(host.another()).not.toBe(host);
    expect(host.service?.("no such thing")).toBeUndefined();
  });

  test("arms an earlier timer when one comes, and is not kept from it by a later one", async () => {
    const ends: string[] = [];
    await run(
      () =>
        group(function* (g) {
          for (const ms of [600_000, 1, 900_000]) {
            g.spawn(function* () {
              yield* sleep(ms);
              ends.push(`${ms} ms`);
              g.cancel();
            });
            // The host has armed what there is before the next one comes.
            yield* turn();
          }
        }),
      { host: defaultHost() },
    );
    expect(ends).toEqual(["1 ms"]);
  });

  test("arms one timer of Node's for thousands of Rondo's", async () => {
    let armed = 0;
    const { setTimeout: original } = globalThis;
    globalThis.setTimeout = ((work: () => void, ms: number) => {
      armed++;
      return original(work, ms);
    }) as typeof setTimeout;
    try {
      await run(
        () =>
          group(function* (g) {
            for (let i = 0; i < 5000; i++) g.spawn(() => moveOnAfter(60_000, sleep(2 + (i % 3))));
          }),
        { host: defaultHost() },
      );
    } finally {
      globalThis.setTimeout = original;
    }
    expect(armed).toBeLessThan(50);
  });

  // Edge 16: Node's timers overflow at 2^31 ms and then fire at once.
  test("takes a wait longer than Node's timers can hold in stages", async () => {
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

  // Edge 15: I/O and timers of the host are never starved, not even by tasks that never wait for anything.
  test("lets the host have its turn beside tasks that never stop", async () => {
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
          g.spawn(
            function* () {
              for (;;) yield* sleep(0);
            },
            { daemon: true },
          );
          yield* suspend<void>((wake) => {
            setImmediate(() =>
              setTimeout(() => {
                log.push("the host's own timer");
                wake();
              }, 1),
            );
          });
        }),
      { host: defaultHost() },
    );
    expect(log).toEqual(["the host's own timer"]);
  });

  test("two runs at once are two loops, and each ends by itself", async () => {
    const log: string[] = [];
    await Promise.all(
      ["a", "b"].map((name, i) =>
        run(
          function* () {
            for (let round = 0; round < 3; round++) {
              yield* sleep(1 + i);
              log.push(name);
            }
          },
          { host: defaultHost() },
        ),
      ),
    );
    expect(log.toSorted()).toEqual(["a", "a", "a", "b", "b", "b"]);
  });

  test("leaves no listener on the process", async () => {
    const count = (): number[] =>
      ["SIGINT", "SIGTERM", "beforeExit", "exit"].map((name) => process.listenerCount(name));
    const before = count();
    await run(() => sleep(1), { host: defaultHost(), signals: ["SIGINT", "SIGTERM"] });
    await run(
      function* () {
        throw new Error("x");
      },
      { host: defaultHost() },
    ).catch(() => undefined);
    expect(count()).toEqual(before);
  });
});

describe("AsyncLocalStorage", () => {
  test("tasks run in the context in which their loop began, whoever wakes them", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    let wake: (() => void) | undefined;
    const promise = storage.run("of the run", () =>
      run(
        function* () {
          seen.push(storage.getStore());
          yield* suspend<void>((go) => {
            wake = () => go();
          });
          seen.push(storage.getStore());
          yield* sleep(1);
          seen.push(storage.getStore());
          yield* checkpoint();
          seen.push(storage.getStore());
        },
        { host: defaultHost() },
      ),
    );
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    storage.run("of the one who wakes", () => wake?.());
    await promise;
    expect(seen).toEqual(["of the run", "of the run", "of the run", "of the run"]);
  });

  test("one request's context does not leak into another's task", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    let request: ((work: () => void) => void) | undefined;
    const server = run(
      () =>
        group(function* (g) {
          for (let i = 0; i < 2; i++) {
            const work = yield* suspend<() => void>((wake) => {
              request = (handle) => wake(handle);
            });
            g.spawn(function* () {
              yield* checkpoint();
              seen.push(storage.getStore());
              work();
            });
            yield* checkpoint();
          }
        }),
      { host: defaultHost() },
    );
    for (const name of ["first", "second"]) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      await new Promise<void>((resolve) => {
        storage.run(name, () => request?.(resolve));
      });
    }
    await server;
    expect(seen).toEqual([undefined, undefined]);
  });

  test("who awaits a run keeps a context of its own", async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run("mine", async () => {
      await run(() => sleep(1), { host: defaultHost() });
      expect(storage.getStore()).toBe("mine");
    });
  });
});

describe("Ctrl-C", () => {
  // Edge 23: signals.
  test("cancels main once, so that cleanup runs, and the run rejects", async () => {
    const { code, signal, out } = await program(`
      function* main() {
        try {
          process.kill(process.pid, "SIGINT");
          yield* rondo.sleep(60_000);
        } finally {
          yield* rondo.sleep(5);
          console.log("cleaned");
        }
      }
      await rondo.run(main).catch((error) => console.log(error.name + ": " + error.message));
    `);
    expect(out).toBe('cleaned\nCancelledError: the run "main" was cancelled: SIGINT\n');
    expect([code, signal]).toEqual([0, null]);
  });

  test("cancels every top-level run, and not the nested ones by themselves", async () => {
    const { out } = await program(`
      function* main(name) {
        try {
          yield* rondo.sleep(60_000);
        } finally {
          console.log("cleaned", name);
        }
      }
      const runs = ["a", "b"].map((name) => rondo.run(() => main(name)).catch((error) => console.log(name, error.name)));
      setTimeout(() => process.kill(process.pid, "SIGINT"), 5);
      await Promise.all(runs);
    `);
    expect(out.trim().split("\n").toSorted()).toEqual([
      "a CancelledError",
      "b CancelledError",
      "cleaned a",
      "cleaned b",
    ]);
  });

  test("the second one ends the process as if nobody listened", async () => {
    const { signal, out } = await program(`
      function* main() {
        try {
          process.kill(process.pid, "SIGINT");
          yield* rondo.sleep(60_000);
        } finally {
          console.log("cleaning");
          process.kill(process.pid, "SIGINT");
          yield* rondo.sleep(60_000);
          console.log("NEVER");
        }
      }
      await rondo.run(main);
    `);
    expect(out).toBe("cleaning\n");
    expect(signal).toBe("SIGINT");
  });

  // Edge 23 (bpo-39622): a main that handles it and returns normally, returns normally.
  test("a main that ends by itself although it was interrupted resolves", async () => {
    const { out, code } = await program(`
      const value = await rondo.run(function* () {
        const result = yield* rondo.scope(function* (s) {
          process.once("SIGUSR2", () => s.cancel("asked to"));
          process.kill(process.pid, "SIGUSR2");
          yield* rondo.sleep(60_000);
        });
        return result.cancelled ? "stopped cleanly" : "not stopped";
      });
      console.log(value);
    `);
    expect(out).toBe("stopped cleanly\n");
    expect(code).toBe(0);
  });

  test("is the program's own business where it has a listener", async () => {
    const { out } = await program(`
      process.on("SIGINT", () => console.log("my own listener"));
      console.log(await rondo.run(function* () {
        process.kill(process.pid, "SIGINT");
        yield* rondo.sleep(20);
        return "whole";
      }));
    `);
    expect(out).toBe("my own listener\nwhole\n");
  });

  test("is left alone with signals: false, and other signals can be named", async () => {
    const left = await program(`
      await rondo.run(function* () {
        process.kill(process.pid, "SIGINT");
        yield* rondo.sleep(60_000);
      }, { signals: false });
    `);
    expect(left.signal).toBe("SIGINT");
    const named = await program(`
      await rondo.run(function* () {
        process.kill(process.pid, "SIGTERM");
        yield* rondo.sleep(60_000);
      }, { signals: ["SIGTERM"] }).catch((error) => console.log(error.reason));
    `);
    expect(named.out).toBe("SIGTERM\n");
  });

  test("after a run has ended Ctrl-C is Node's again", async () => {
    const { signal, out } = await program(`
      await rondo.run(() => rondo.sleep(1));
      console.log("ended");
      process.kill(process.pid, "SIGINT");
      setTimeout(() => console.log("NEVER"), 1000);
    `);
    expect(out).toBe("ended\n");
    expect(signal).toBe("SIGINT");
  });
});

describe("the end of the process", () => {
  test("when nothing keeps it alive a program that waits for what cannot come is deadlocked, and cleans up", async () => {
    const { out, code } = await program(`
      await rondo.run(function* () {
        try {
          yield* rondo.suspend(() => () => true, "godot");
        } finally {
          console.log("cleaned");
        }
      }).catch((error) => console.log(error.name + " " + /waits for godot/.test(error.message)));
    `);
    expect(out).toBe("cleaned\nDeadlockError true\n");
    expect(code).toBe(0);
  });

  test("with tasks unfinished says which, and where they wait", async () => {
    const { err, code } = await program(`
      function* worker() {
        yield* rondo.sleep(60_000);
      }
      rondo.run(() => rondo.group(function* (g) {
        g.spawn(worker(), { name: "left behind" });
        yield* rondo.checkpoint();
        yield* rondo.checkpoint();
        process.exit(3);
      }));
    `);
    expect(code).toBe(3);
    expect(err).toContain("the process ends with tasks unfinished");
    expect(err).toMatch(/"left behind" waits for sleep, at worker/);
  });

  test("with nothing unfinished says nothing", async () => {
    const { err, out, code } = await program(`
      console.log(await rondo.run(function* () { return 1; }));
    `);
    expect([err, out, code]).toEqual(["", "1\n", 0]);
  });

  test("a finished run keeps the process alive no longer, though it had armed long timers", async () => {
    const { out, code } = await program(`
      await rondo.run(() => rondo.timeout(3_600_000, rondo.sleep(1)));
      console.log("done");
    `);
    expect([out, code]).toEqual(["done\n", 0]);
  });

  test("a task that throws what nobody catches rejects the promise: Node says it, with the line", async () => {
    const { err, code } = await program(`
      function* faulty() {
        yield* rondo.sleep(1);
        throw new Error("unheard");
      }
      await rondo.run(() => rondo.group(function* (g) {
        g.spawn(faulty());
      }));
    `);
    expect(code).not.toBe(0);
    expect(err).toContain("unheard");
    expect(err).toMatch(/at faulty/);
  });
});

test("importing the runtime starts nothing: no timer, no listener, no handle", async () => {
  const { out, code } = await program(`
    const { getActiveResourcesInfo } = await import("node:process");
    console.log(JSON.stringify([getActiveResourcesInfo().filter((one) => one !== "PipeWrap" && !one.startsWith("FS")), process.listenerCount("SIGINT")]));
  `);
  expect(JSON.parse(out)).toEqual([[], 0]);
  expect(code).toBe(0);
});

test("a timeout whose body never yields to the host still ends in time", async () => {
  const log: string[] = [];
  await run(
    function* () {
      try {
        yield* timeout(5, function* () {
          for (;;) yield* checkpoint();
        });
      } catch (error) {
        log.push((error as Error).name);
      }
    },
    { host: defaultHost() },
  );
  expect(log).toEqual(["TimeoutError"]);
});
