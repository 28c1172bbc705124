/** Child processes: real ones, some of them stubborn. Nothing may be left of any: no process, no zombie, no descriptor. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { Flow } from "../combine/flow.ts";
import { BrokenError, TimeoutError } from "../coroutine/errors.ts";
import type { Operation } from "../coroutine/wait.ts";
import { run } from "../index.ts";
import { sleep } from "../loop/sleep.ts";
import { LimitError } from "../net/errors.ts";
import { group } from "../task/group.ts";
import { moveOnAfter, scope } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { ProcessError } from "./errors.ts";
import { exec } from "./exec.ts";
import { open } from "./file.ts";
import { type Process, spawnProcess } from "./process.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const node = process.execPath;
const linux = process.platform === "linux";

let dir: string;
beforeEach(() => {
  dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "rondo-process-")));
});
afterEach(() => {
  expect(children()).toEqual([]);
  fs.rmSync(dir, { recursive: true });
});

/** Runs a program on a real loop, and looks what it leaves behind. */
function running<T>(main: () => Operation<T>): Promise<T> {
  return leavesNothing(() => run(main));
}

/** The processes, zombies too, whose parent is this one. */
function children(): string[] {
  if (!linux) return [];
  return fs.readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(parent) === process.pid ? [`${pid} ${state} ${stat.slice(0, 40)}`] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Whether there is such a process that is more than a zombie. */
function isAlive(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}

/** Waits until something that a process has printed is there. */
function* line(child: Process): Generator<any, string, any> {
  const bytes = yield* child.stdout.readUntil("\n");
  return new TextDecoder().decode(bytes).trimEnd();
}

/** A program of Node's that ignores `SIGTERM`, says so, and never ends. */
const STUBBORN = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready');";

describe("exec", () => {
  test("gives what a command printed, and how it ended", async () => {
    await running(function* () {
      expect(yield* exec("sh", ["-c", "echo grüß; echo oh >&2"])).toEqual({
        code: 0,
        signal: null,
        stdout: "grüß\n",
        stderr: "oh\n",
      });
      const bytes = yield* exec("printf", ["\\377\\000"], { encoding: "bytes" });
      expect(bytes.stdout).toEqual(new Uint8Array([255, 0]));
      expect(bytes.stdout.constructor).toBe(Uint8Array);
      expect((yield* exec("printf", ["\\377"], { encoding: "hex" })).stdout).toBe("ff");
      expect((yield* exec("true")).stdout).toBe("");
      expect(yield* thrownBy(() => exec("true", [], { encoding: "no" as never }))).toBeInstanceOf(TypeError);
    });
  });

  test("gives a command its input, and the end of it", async () => {
    await running(function* () {
      expect((yield* exec("cat", [], { input: "one" })).stdout).toBe("one");
      expect((yield* exec("cat", [], { input: ["one ", new Uint8Array([50])] })).stdout).toBe("one 2");
      expect((yield* exec("cat", [], { input: Flow.from(["a", "b", "c"]) })).stdout).toBe("abc");
      expect((yield* exec("cat", [], { input: "" })).stdout).toBe("");
      expect((yield* exec("cat")).stdout).toBe("");
      const long = "x".repeat(5_000_000);
      expect((yield* exec("cat", [], { input: long })).stdout.length).toBe(long.length);
    });
  });

  // Edge 24: like Python's communicate().
  test("input that a command does not read is dropped", async () => {
    await running(function* () {
      const long = new Uint8Array(2_000_000);
      expect((yield* exec("true", [], { input: long })).code).toBe(0);
      expect((yield* exec("head", ["-c", "3"], { input: long, encoding: "hex" })).stdout).toBe("000000");
      const { code } = yield* exec("sh", ["-c", "exec 0<&-; sleep 0.05; exit 7"], { input: long, check: false });
      expect(code).toBe(7);
    });
  });

  test("a flow of input that fails ends the command, and is what is thrown", async () => {
    await running(function* () {
      const failing = Flow.from<string>(function* (emit) {
        yield* emit("a");
        throw new Error("no more");
      });
      expect(yield* thrownBy(() => exec("cat", [], { input: failing }))).toMatchObject({ message: "no more" });
    });
  });

  test("an exit code that is not 0 is a ProcessError with the end of what it complained of", async () => {
    await running(function* () {
      const error = (yield* thrownBy(() =>
        exec("sh", ["-c", "echo out; seq 1 2000 >&2; echo the reason >&2; exit 3"]),
      )) as ProcessError;
      expect(error).toBeInstanceOf(ProcessError);
      expect(error).toMatchObject({ exitCode: 3, signal: null, stdout: "out\n", code: undefined, command: "sh" });
      expect(error.message).toMatch(/^sh -c ".*": exited with code 3\n…/);
      expect(error.message).toMatch(/\n2000\nthe reason$/);
      expect(error.message.length).toBeLessThan(2500);
      expect(error.stderr).toContain("\n17\n");
      expect(yield* thrownBy(() => exec("sh", ["-c", "kill -9 $$"]))).toMatchObject({
        message: 'sh -c "kill -9 $$": was ended by SIGKILL',
        exitCode: null,
        signal: "SIGKILL",
      });
      expect(yield* exec("sh", ["-c", "exit 4"], { check: false })).toMatchObject({ code: 4 });
      expect(yield* exec("sh", ["-c", "kill -TERM $$"], { check: false })).toMatchObject({
        code: null,
        signal: "SIGTERM",
      });
    });
  });

  test("what cannot be started says why", async () => {
    fs.writeFileSync(`${dir}/plain`, "#!/bin/sh\n", { mode: 0o644 });
    await running(function* () {
      for (const [command, options, code, words] of [
        ["no-such-command-at-all", {}, "ENOENT", "there is no such command"],
        ["true", { cwd: `${dir}/none` }, "ENOENT", `there is no directory ${dir}/none`],
        [`${dir}/plain`, {}, "EACCES", "permission denied"],
      ] as const) {
        const error = (yield* thrownBy(() => exec(command, [], { ...options, input: "x" }))) as ProcessError;
        expect(error).toBeInstanceOf(ProcessError);
        expect(error.code).toBe(code);
        expect(error.message).toContain(words);
        expect(error.exitCode).toBeNull();
      }
      expect(yield* thrownBy(() => exec("a\0b"))).toBeInstanceOf(TypeError);
      const long = yield* thrownBy(() => exec("echo", ["x".repeat(10_000_000)]));
      expect(long).toMatchObject({ name: "ProcessError", code: "E2BIG" });
    });
  });

  test("runs in the directory, with the environment, that it is given", async () => {
    await running(function* () {
      expect((yield* exec("pwd", [], { cwd: dir })).stdout.trim()).toBe(dir);
      const env = { PATH: process.env["PATH"], RONDO: "yes" };
      expect((yield* exec("sh", ["-c", "echo $RONDO$HOME"], { env })).stdout).toBe("yes\n");
    });
  });

  test("writes to a file, and reads from one, where that is asked for", async () => {
    fs.writeFileSync(`${dir}/in`, "from a file");
    await running(function* () {
      const input = yield* open(`${dir}/in`);
      const output = yield* open(`${dir}/out`, "w");
      const { stdout } = yield* exec("cat", [], { stdin: input, stdout: output });
      expect(stdout).toBe("");
      yield* input.close();
      yield* output.close();
      expect(fs.readFileSync(`${dir}/out`, "utf8")).toBe("from a file");
    });
  });

  test("a command that never ends is ended by a timeout, with its scope's name", async () => {
    await running(function* () {
      const error = yield* thrownBy(() => exec("sleep", ["1000"], { timeout: 50 }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as Error).message).toBe("sleep 1000: not done within 50 ms");
    });
  });

  test("one that ignores SIGTERM gets SIGKILL after the grace", async () => {
    await running(function* () {
      const outcome = yield* moveOnAfter(400, exec(node, ["-e", STUBBORN], { grace: 50 }));
      expect(outcome.timedOut).toBe(true);
    });
  });

  test("more output than was allowed ends the command", async () => {
    await running(function* () {
      const error = yield* thrownBy(() => exec("yes", [], { maxBuffer: 100_000 }));
      expect(error).toBeInstanceOf(LimitError);
      expect((error as LimitError).limit).toBe(100_000);
      const errors = yield* thrownBy(() => exec("sh", ["-c", "yes >&2"], { maxBuffer: 1000 }));
      expect(errors).toBeInstanceOf(LimitError);
    });
  });

  // python/cpython gh-119710
  test("does not wait for a grandchild that holds its output, and gives all that was written before", async () => {
    await running(function* () {
      const { stdout } = yield* exec("sh", ["-c", "sleep 1000 & seq 1 30000; echo $!"]);
      const lines = stdout.trimEnd().split("\n");
      const pid = Number(lines.pop());
      expect(lines).toHaveLength(30_000);
      expect(isAlive(pid)).toBe(true);
      process.kill(pid, "SIGKILL");
    });
  });

  test(
    "gives all that was written before it ended, also when its end is heard of first",
    { tags: ["long"] },
    async () => {
      await running(function* () {
        yield* group(function* (g) {
          for (let i = 0; i < 5; i++) {
            const task = g.spawn(exec("sh", ["-c", "sleep 1000 & seq 1 10000; echo $!"]));
            yield* suspend<void>((wake) => void setImmediate(wake));
            // While this thread hears of nothing, all of it happens.
            spawnSync("sleep", ["0.1"]);
            const lines = (yield* task).stdout.trimEnd().split("\n");
            process.kill(Number(lines.pop()), "SIGKILL");
            expect(lines).toHaveLength(10_000);
          }
        });
      });
    },
  );

  test("many at once", { tags: ["long"] }, async () => {
    await running(function* () {
      const outputs: string[] = [];
      yield* group(function* (g) {
        for (let i = 0; i < 30; i++) {
          g.spawn(function* () {
            outputs.push((yield* exec("sh", ["-c", "cat; echo $1", "sh", `${i}`], { input: `${i} ` })).stdout);
          });
        }
      });
      expect(outputs.toSorted()).toEqual(Array.from({ length: 30 }, (_, i) => `${i} ${i}\n`).toSorted());
    });
  });

  test("cancelled at any point, nothing of the command is left", async () => {
    await running(function* () {
      for (let turns = 0; turns < 12; turns++) {
        yield* group(function* (g) {
          const task = g.spawn(exec("sh", ["-c", "cat; exec sleep 1000"], { input: "x".repeat(100_000), grace: 2000 }));
          for (let i = 0; i < turns; i++) yield* suspend<void>((wake) => void setImmediate(wake));
          task.cancel();
          yield* task.ended();
        });
        expect(children()).toEqual([]);
      }
    });
  });
});

describe("spawnProcess", () => {
  test("gives streams for both directions", async () => {
    await running(function* () {
      const cat = yield* spawnProcess("cat");
      for (const text of ["one", "two"]) {
        yield* cat.stdin.write(`${text}\n`);
        expect(yield* line(cat)).toBe(text);
      }
      yield* cat.stdin.end();
      expect(yield* cat.stdout.read()).toBeUndefined();
      expect(yield* cat.wait()).toEqual({ code: 0, signal: null });
      expect(yield* cat.wait()).toEqual({ code: 0, signal: null });
      expect(cat.status).toEqual({ code: 0, signal: null });
      expect(cat.kill()).toBe(false);
      expect(() => cat.stderr).toThrow('stderr of cat is no pipe: start it with { stderr: "pipe" }');
    });
  });

  test("what it wrote before it ended can be read afterwards", async () => {
    await running(function* () {
      const child = yield* spawnProcess("sh", ["-c", "seq 1 5000; echo err >&2"], { stderr: "pipe" });
      yield* child.wait();
      expect(yield* child.stdout.lines().toArray()).toHaveLength(5000);
      expect(yield* child.stderr.lines().toArray()).toEqual(["err"]);
    });
  });

  test("a slow reader holds it back", async () => {
    await running(function* () {
      yield* scope(function* () {
        const child = yield* spawnProcess("yes");
        yield* child.stdout.read(2);
        yield* sleep(50);
        expect(child.stdout.bytesRead).toBeLessThan(1_000_000);
      });
    });
  });

  test("what a grandchild goes on writing when it has ended is held back too", { tags: ["long"] }, async () => {
    await running(function* () {
      yield* scope(function* () {
        const child = yield* spawnProcess("sh", ["-c", "yes & exec sleep 0"], { group: true });
        yield* child.wait();
        yield* sleep(100);
        expect(child.stdout.bytesRead).toBeLessThan(2_000_000);
        expect((yield* child.stdout.readExactly(3_000_000))?.length).toBe(3_000_000);
      });
    });
  });

  // Edge 23: anyio's test_wait_returns_on_process_exit_with_open_stdout
  test("waiting does not depend on pipes that a grandchild holds open", async () => {
    await running(function* () {
      const child = yield* spawnProcess("sh", ["-c", "sleep 1000 & echo $!"]);
      const pid = Number(yield* line(child));
      expect(yield* child.wait()).toEqual({ code: 0, signal: null });
      expect(isAlive(pid)).toBe(true);
      process.kill(pid, "SIGKILL");
      expect(yield* child.stdout.read()).toBeUndefined();
    });
  });

  test("writing to one that has ended is a BrokenError that says so", async () => {
    await running(function* () {
      const child = yield* spawnProcess("sh", ["-c", "exit 3"]);
      yield* child.wait();
      const error = yield* thrownBy(function* () {
        for (;;) {
          yield* child.stdin.write("x");
          yield* suspend<void>((wake) => void setImmediate(wake));
        }
      });
      expect(error).toBeInstanceOf(BrokenError);
      expect((error as Error).message).toContain(`stdin of sh (${child.pid})`);
    });
  });

  test("writing to one that has closed its input is a BrokenError", async () => {
    await running(function* () {
      const child = yield* spawnProcess("sh", ["-c", "exec 0<&-; echo closed; exec sleep 1000"]);
      yield* line(child);
      const error = yield* thrownBy(function* () {
        for (;;) {
          yield* child.stdin.write("x");
          yield* suspend<void>((wake) => void setImmediate(wake));
        }
      });
      expect(error).toBeInstanceOf(BrokenError);
    });
  });

  test("ends with its scope, whatever ends that", async () => {
    await running(function* () {
      for (const how of ["returns", "throws", "is cancelled"]) {
        let child: Process | undefined;
        yield* thrownBy(() =>
          scope(function* (s) {
            child = yield* spawnProcess("sleep", ["1000"]);
            if (how === "throws") throw new Error(how);
            if (how === "is cancelled") s.cancel();
            yield* sleep(1);
          }),
        );
        expect(child?.status).toEqual({ code: null, signal: "SIGTERM" });
      }
    });
  });

  test("a cancelled wait leaves it running", async () => {
    await running(function* () {
      yield* scope(function* () {
        const child = yield* spawnProcess("sleep", ["1000"]);
        expect((yield* moveOnAfter(10, child.wait())).timedOut).toBe(true);
        expect(child.status).toBeUndefined();
        yield* group(function* (g) {
          const waits = [g.spawn(child.wait()), g.spawn(child.wait())];
          yield* sleep(1);
          expect(child.kill("SIGINT")).toBe(true);
          for (const wait of waits) expect(yield* wait).toEqual({ code: null, signal: "SIGINT" });
        });
      });
    });
  });

  test("terminate asks first, then it ends it; however it is cut short", async () => {
    await running(function* () {
      yield* scope(function* () {
        const polite = yield* spawnProcess(node, [
          "-e",
          "process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1000); console.log('ready')",
        ]);
        yield* line(polite);
        expect(yield* polite.terminate()).toEqual({ code: 5, signal: null });
        expect(yield* polite.terminate()).toEqual({ code: 5, signal: null });
        const stubborn = yield* spawnProcess(node, ["-e", STUBBORN]);
        yield* line(stubborn);
        expect(yield* stubborn.terminate({ grace: 30 })).toEqual({ code: null, signal: "SIGKILL" });
        const third = yield* spawnProcess(node, ["-e", STUBBORN]);
        yield* line(third);
        yield* moveOnAfter(30, third.terminate({ grace: 100_000 }));
        expect(yield* third.wait()).toEqual({ code: null, signal: "SIGKILL" });
        expect(yield* thrownBy(() => third.terminate({ grace: -1 }))).toBeInstanceOf(RangeError);
      });
    });
  });

  test("the grace of the scope around it bounds the cleanup: then it is killed at once", async () => {
    await running(function* () {
      let child: Process | undefined;
      yield* thrownBy(() =>
        group(
          function* (g) {
            child = yield* spawnProcess(node, ["-e", STUBBORN], { grace: 100_000 });
            yield* line(child);
            g.cancel();
            yield* sleep(1);
          },
          { grace: 30 },
        ),
      );
      const { status } = child as Process;
      expect(status ?? (yield* (child as Process).wait())).toEqual({ code: null, signal: "SIGKILL" });
    });
  });

  describe.runIf(linux)("with a group of its own", () => {
    test("is signalled with all that it has started", { tags: ["long"] }, async () => {
      await running(function* () {
        let pids: number[] = [];
        yield* scope(function* () {
          const child = yield* spawnProcess("sh", ["-c", "sleep 1000 & sleep 1000 & echo $!; wait"], { group: true });
          pids = [child.pid, Number(yield* line(child))];
          for (const pid of pids) expect(isAlive(pid)).toBe(true);
        });
        for (const pid of pids) expect(isAlive(pid)).toBe(false);
      });
    });

    test("those who ignore SIGTERM are killed too, also when the first has ended long ago", async () => {
      await running(function* () {
        let pid = 0;
        yield* scope(function* () {
          const child = yield* spawnProcess("sh", ["-c", "(trap '' TERM; echo ready; exec sleep 1000) & echo $!"], {
            group: true,
            grace: 60,
          });
          for (const text of [yield* line(child), yield* line(child)]) if (text !== "ready") pid = Number(text);
          yield* child.wait();
          expect(isAlive(pid)).toBe(true);
          expect(child.kill("SIGCONT")).toBe(true);
        });
        while (isAlive(pid)) yield* sleep(1);
      });
    });
  });

  test("failing to start a hundred times leaves nothing", { tags: ["long"] }, async () => {
    await running(function* () {
      for (let i = 0; i < 100; i++) {
        const error = yield* thrownBy(() => spawnProcess("no-such-command", [], { stderr: "pipe" }));
        expect(error).toMatchObject({ name: "ProcessError", code: "ENOENT" });
      }
    });
  });
});

describe.runIf(linux)("in a process of its own", () => {
  function program(text: string, before = ""): { out: string; err: string; status: number | null } {
    const script = `${before} exec "$0" --conditions=rondo-source --input-type=module -e "$1"`;
    const { stdout, stderr, status } = spawnSync("sh", ["-c", script, node, text], { cwd: home, encoding: "utf8" });
    return { out: stdout, err: stderr, status };
  }

  // Edge 23, bpo-32115: what ignores SIGCHLD does not hear of its children.
  test("a process that was started with SIGCHLD ignored still learns how its children end", () => {
    const { out, err } = program(
      `import { run } from "rondo"; import { exec } from "rondo/os";
       console.log((await run(() => exec("sh", ["-c", "exit 3"], { check: false }))).code);`,
      "trap '' CHLD;",
    );
    expect(err).toBe("");
    expect(out).toBe("3\n");
  });

  test("process.exit in the middle asks the children to end", () => {
    const { out, status } = program(
      `import { run } from "rondo"; import { spawnProcess } from "rondo/os";
       await run(function* () {
         const child = yield* spawnProcess("sleep", ["1000"]);
         console.log(child.pid);
         process.exit(4);
       });`,
    );
    expect(status).toBe(4);
    const pid = Number(out);
    expect(pid).toBeGreaterThan(0);
    // The signal is on its way when the parent has ended.
    for (let i = 0; i < 1000 && isAlive(pid); i++) spawnSync("true");
    expect(isAlive(pid)).toBe(false);
  });

  test("no descriptors left is a ProcessError, and it recovers", () => {
    const { out, err } = program(
      `import { run } from "rondo"; import { exec, open } from "rondo/os";
       await run(function* () {
         const files = [];
         try { for (;;) files.push(yield* open("/dev/null")); } catch (error) { if (error.code !== "EMFILE") throw error; }
         for (let i = 0; i < 3; i++) yield* files.pop().close();
         try { yield* exec("true"); } catch (error) { console.log(error.name, error.code); }
         for (const file of files) yield* file.close();
         console.log((yield* exec("echo", ["again"])).stdout);
       });`,
      "ulimit -n 40;",
    );
    expect(err).toBe("");
    expect(out).toBe("ProcessError EMFILE\nagain\n\n");
  });
});
