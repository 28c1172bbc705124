/** Signals: who gets one, that none is lost, and what is left when nobody looks any more. What may end a process is tried in one of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy, virtually } from "../../tests/virtual.ts";
import { ClosedError, DeadlockError } from "../coroutine/errors.ts";
import { run } from "../index.ts";
import { checkpoint } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { scope } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { signals } from "./signals.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program in a process of its own; each line that it prints and that is in `answers` is answered by a signal. */
function program(text: string, answers: Readonly<Record<string, NodeJS.Signals>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const imports = `import { run, scope, sleep, group, suspend } from "rondo"; import { signals } from "rondo/os";
      const me = (name) => process.kill(process.pid, name);
      // A signal to oneself has been heard when another one that came after it has.
      const heard = () => suspend((wake) => {
        const awake = setTimeout(() => {}, 1e6);
        process.once("SIGWINCH", () => { clearTimeout(awake); wake(); });
        me("SIGWINCH");
      });`;
    const child = spawn(
      process.execPath,
      ["--conditions=rondo-source", "--input-type=module", "-e", `${imports}\n${text}`],
      { cwd: home, stdio: ["ignore", "pipe", "pipe"] },
    );
    let out = "";
    let err = "";
    let seen = 0;
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString();
      for (const line of out.slice(seen).split("\n").slice(0, -1)) {
        seen += line.length + 1;
        const answer = answers[line];
        if (answer !== undefined) child.kill(answer);
      }
    });
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}

/** A signal to oneself has been heard when another one that came after it has. */
const heard = (): Generator<any, void, any> =>
  (function* () {
    yield* suspend<void>((wake) => {
      process.once("SIGWINCH", () => wake());
      process.kill(process.pid, "SIGWINCH");
    });
  })();

describe("signals", () => {
  test("come in order, each name once as long as nobody has taken it", async () => {
    await leavesNothing(() =>
      run(function* () {
        const flow = signals("SIGUSR2", "SIGHUP");
        for (let i = 0; i < 5; i++) process.kill(process.pid, "SIGUSR2");
        yield* heard();
        process.kill(process.pid, "SIGHUP");
        process.kill(process.pid, "SIGUSR2");
        yield* heard();
        expect(yield* flow.next()).toBe("SIGUSR2");
        expect(yield* flow.next()).toBe("SIGHUP");
        yield* group(function* (g) {
          const next = g.spawn(flow.next());
          yield* checkpoint();
          process.kill(process.pid, "SIGUSR2");
          expect(yield* next).toBe("SIGUSR2");
        });
      }),
    );
  });

  test("a pull that is cancelled has taken nothing", async () => {
    await leavesNothing(() =>
      run(function* () {
        const flow = signals("SIGUSR2");
        for (let i = 0; i < 20; i++) {
          yield* group(function* (g) {
            const task = g.spawn(flow.next());
            yield* checkpoint();
            process.kill(process.pid, "SIGUSR2");
            if (i % 2 === 0) task.cancel();
            yield* task.ended();
            if (i % 2 === 0) expect(yield* flow.next()).toBe("SIGUSR2");
          });
        }
      }),
    );
  });

  test("the innermost gets it, and what it has not looked at goes to the next", async () => {
    await leavesNothing(() =>
      run(function* () {
        const outer = signals("SIGUSR2", "SIGHUP");
        yield* scope(function* () {
          const inner = signals("SIGUSR2");
          process.kill(process.pid, "SIGUSR2");
          process.kill(process.pid, "SIGHUP");
          expect(yield* inner.next()).toBe("SIGUSR2");
          expect(yield* outer.next()).toBe("SIGHUP");
          process.kill(process.pid, "SIGUSR2");
          yield* heard();
        });
        expect(yield* outer.next()).toBe("SIGUSR2");
        process.kill(process.pid, "SIGUSR2");
        expect(yield* outer.next()).toBe("SIGUSR2");
      }),
    );
  });

  test("ends with its scope, or when it is closed, also for whoever waits", async () => {
    await leavesNothing(() =>
      run(function* () {
        yield* group(function* (g) {
          const { value } = yield* scope(function* () {
            const flow = signals("SIGUSR2");
            const waiting = g.spawn(() => thrownBy(() => flow.next()));
            yield* checkpoint();
            yield* checkpoint();
            return waiting;
          });
          expect(yield* value as NonNullable<typeof value>).toBeInstanceOf(ClosedError);
        });
        const flow = signals("SIGUSR2");
        expect(process.listenerCount("SIGUSR2")).toBe(1);
        flow.close();
        expect(process.listenerCount("SIGUSR2")).toBe(0);
        expect(yield* thrownBy(() => flow.next())).toBeInstanceOf(ClosedError);
      }),
    );
  });

  test("what is no signal, or cannot be heard, is told at once", async () => {
    await leavesNothing(() =>
      run(function* () {
        for (const name of ["SIGKILL", "SIGSTOP", "SIGNONSENSE"])
          expect(() => signals(name as never)).toThrow(TypeError);
        expect(() => signals()).toThrow(TypeError);
        // The first of the two must not stay claimed.
        expect(() => signals("SIGUSR2", "SIGKILL")).toThrow(TypeError);
        expect(process.listenerCount("SIGUSR2")).toBe(0);
      }),
    );
    expect(() => signals("SIGUSR2")).toThrow("outside a task");
  });

  test("a world without signals has none, and knows it", async () => {
    await expect(virtually(() => scope(() => signals("SIGTERM").next()))).rejects.toThrow(DeadlockError);
  });
});

describe("in a process of its own", () => {
  test("somebody who waits for a signal keeps it alive, and it may end by itself", async () => {
    const ended = await program(
      `await run(function* () {
         const stop = signals("SIGTERM");
         console.log("ready");
         console.log(yield* stop.next());
       });
       console.log("bye");`,
      { ready: "SIGTERM" },
    );
    expect(ended).toEqual({ code: 0, signal: null, out: "ready\nSIGTERM\nbye\n", err: "" });
  });

  test("a signal that nobody looked at does what it does without us", async () => {
    const ended = await program(
      `await run(function* () {
         yield* scope(function* () {
           signals("SIGTERM");
           me("SIGTERM");
           yield* heard();
           console.log("not ended yet");
         });
         console.log("never");
         yield* sleep(60_000);
       });`,
    );
    expect(ended).toEqual({ code: null, signal: "SIGTERM", out: "not ended yet\n", err: "" });
  });

  test("SIGINT goes to signals() as long as that is open, and to run() before and after", async () => {
    const ended = await program(
      `try {
         await run(function* () {
           try {
             yield* scope(function* () {
               const stop = signals("SIGINT");
               for (let i = 0; i < 3; i++) { me("SIGINT"); console.log(yield* stop.next()); }
             });
             console.log("now");
             yield* sleep(60_000);
           } finally {
             console.log("cleanup");
           }
         });
       } catch (error) { console.log(error.name); }`,
      { now: "SIGINT" },
    );
    expect(ended).toEqual({
      code: 0,
      signal: null,
      out: "SIGINT\nSIGINT\nSIGINT\nnow\ncleanup\nCancelledError\n",
      err: "",
    });
  });

  test("a SIGINT that was not looked at cancels the run, and the next one ends the process", async () => {
    const ended = await program(
      `await run(function* () {
         try {
           yield* scope(function* () { signals("SIGINT"); me("SIGINT"); yield* heard(); });
           yield* sleep(60_000);
         } finally {
           console.log("cleanup");
           yield* sleep(60_000);
         }
       });`,
      { cleanup: "SIGINT" },
    );
    expect(ended).toMatchObject({ code: null, signal: "SIGINT", out: "cleanup\n" });
  });

  test("listeners of the program's own hear it once, and keep it from ending the process", async () => {
    const ended = await program(
      `process.on("SIGTERM", () => console.log("own"));
       await run(function* () {
         yield* scope(function* () { signals("SIGTERM"); me("SIGTERM"); yield* heard(); });
         yield* scope(function* () { const stop = signals("SIGTERM"); me("SIGTERM"); console.log(yield* stop.next()); });
       });
       console.log(process.listenerCount("SIGTERM"));`,
    );
    expect(ended).toEqual({ code: 0, signal: null, out: "own\nown\nSIGTERM\n1\n", err: "" });
  });

  test("a server stops softly at the first signal", async () => {
    const ended = await program(
      `import { isStopping } from "rondo";
       await run(() => group(function* (g) {
         const stop = signals("SIGTERM", "SIGINT");
         g.spawn(function* () {
           yield* stop.next();
           g.stop({ within: 10_000 });
         }, { daemon: true });
         console.log("serving");
         while (!isStopping()) yield* sleep(1);
         console.log("drained");
       }));`,
      { serving: "SIGTERM" },
    );
    expect(ended).toEqual({ code: 0, signal: null, out: "serving\ndrained\n", err: "" });
  });
});
