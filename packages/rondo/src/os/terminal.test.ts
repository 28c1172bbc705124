// @module-tag long
/** The keyboard on a real pseudo-terminal: keys come one by one, and the terminal gets its old state back on every way out. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Runs a program on a terminal of its own, answers lines that it prints, and tells what the terminal's state was and is. */
const DRIVER = `
import json, os, pty, select, signal, subprocess, sys, termios, time
spec = json.loads(sys.argv[1])
master, slave = pty.openpty()
attributes = termios.tcgetattr(slave)
attributes[1] &= ~termios.OPOST
termios.tcsetattr(slave, termios.TCSANOW, attributes)
def cooked():
    flags = termios.tcgetattr(slave)[3]
    return bool(flags & termios.ICANON) and bool(flags & termios.ECHO)
before = cooked()
def own():
    os.setsid()
    import fcntl
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
plain = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | {"NO_COLOR": "1"}
child = subprocess.Popen(spec["args"], stdin=slave, stdout=slave, stderr=slave, preexec_fn=own, env=plain)
out, states, answers, seen, hung = b"", {}, spec["answers"], 0, False
end = time.time() + 20
while True:
    ready = select.select([master], [], [], 0.05)[0]
    if ready: out += os.read(master, 65536)
    while b"\\n" in out[seen:]:
        stop = out.index(b"\\n", seen)
        line = out[seen:stop].decode("latin1")
        seen = stop + 1
        for word, answer in answers.items():
            if line.endswith(word):
                states[word] = cooked()
                if "type" in answer: os.write(master, answer["type"].encode())
                if "signal" in answer: os.kill(child.pid, getattr(signal, answer["signal"]))
                if answer.get("hangup"): hung = True
    if hung: break
    if not ready and child.poll() is not None: break
    if time.time() > end: child.kill(); break
if hung:
    os.close(master)
    os.close(slave)
    print(json.dumps({"code": child.wait(20)}))
else:
    print(json.dumps({"out": out.decode("utf8", "replace"), "before": before, "states": states, "after": cooked(), "code": child.wait()}))
`;

const python = spawnSync("python3", ["-c", "import pty"]).status === 0 && process.platform === "linux";
if (!python) console.log("skipped: the tests of the terminal need python3 to make one");

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-terminal-"));
});
afterAll(() => {
  fs.rmSync(dir, { recursive: true });
});

interface Answer {
  readonly type?: string;
  readonly signal?: string;
  readonly hangup?: boolean;
}

interface Seen {
  readonly out: string;
  readonly before: boolean;
  readonly after: boolean;
  /** Whether the terminal was in its usual state when a line was printed. */
  readonly states: Readonly<Record<string, boolean>>;
  readonly code: number;
}

function onTerminal(program: string, answers: Readonly<Record<string, Answer>>): Seen {
  const file = join(dir, `${Math.random()}.mjs`);
  const rondo = (name: string): string => JSON.stringify(new URL(`../${name}.ts`, import.meta.url).href);
  fs.writeFileSync(
    file,
    `import { run, scope, sleep, moveOnAfter } from ${rondo("index")};
     import { rawInput, stdin } from ${rondo("os/index")};
     ${program}`,
  );
  const args = [process.execPath, "--conditions=rondo-source", file];
  const { stdout, stderr } = spawnSync("python3", ["-c", DRIVER, JSON.stringify({ args, answers })], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Seen;
}

describe.runIf(python)("raw input", () => {
  test("gives keys one by one, shows nothing, and gives the terminal its state back", () => {
    const { out, before, states, after, code } = onTerminal(
      `await run(function* () {
         yield* scope(function* () {
           const keys = rawInput();
           console.log("ready");
           for (let key = yield* keys.next(); key.name !== "q"; key = yield* keys.next())
             console.log("key", (key.ctrl ? "ctrl+" : "") + key.name, key.name === "paste" ? JSON.stringify(key.text) : "");
         });
         console.log("restored");
       });
       console.log(process.stdin.listenerCount("data"));`,
      { ready: { type: "aü\u001b[A\u0001\u001b[200~two\nlines\u001b[201~q" }, restored: {} },
    );
    expect(out).toBe(
      '\u001b[?2004hready\nkey a \nkey ü \nkey up \nkey ctrl+a \nkey paste "two\\nlines"\n\u001b[?2004lrestored\n0\n',
    );
    expect([before, states["ready"], states["restored"], after, code]).toEqual([true, false, true, true, 0]);
  });

  test("Escape alone is a key when nothing follows", () => {
    const { out } = onTerminal(
      `await run(function* () {
         const keys = rawInput({ paste: false });
         console.log("ready");
         console.log((yield* keys.next()).name);
       });`,
      { ready: { type: "\u001b" } },
    );
    expect(out).toBe("ready\nescape\n");
  });

  test("Ctrl-C interrupts the program as ever, and the terminal is restored", () => {
    const { out, states, after } = onTerminal(
      `try {
         await run(function* () {
           const keys = rawInput();
           console.log("ready");
           yield* keys.next();
         });
       } catch (error) { console.log(error.name); }`,
      { ready: { type: "\u0003" } },
    );
    expect(out).toContain("CancelledError\n");
    expect([states["ready"], after]).toEqual([false, true]);
  });

  test("Ctrl-C is a key where that is asked for", () => {
    const { out, after } = onTerminal(
      `await run(function* () {
         const keys = rawInput({ interrupts: false, paste: false });
         console.log("ready");
         const { name, ctrl } = yield* keys.next();
         console.log(name, ctrl);
       });`,
      { ready: { type: "\u0003" } },
    );
    expect(out).toBe("ready\nc true\n");
    expect(after).toBe(true);
  });

  test.each([
    ["an error", 'throw new Error("x");'],
    ["a cancellation", 'yield* moveOnAfter(10, keys.next()); throw new Error("x");'],
    ["process.exit", "process.exit(3);"],
    ["an error that nobody catches", 'setImmediate(() => { throw new Error("x"); }); yield* sleep(60_000);'],
    ["a signal that ends it", 'console.log("end me"); yield* sleep(60_000);'],
  ])("the terminal is restored after %s", (_what, end) => {
    const { states, after, code } = onTerminal(
      `await run(function* () { const keys = rawInput(); console.log("ready"); yield* keys.next(); ${end} });`,
      { ready: { type: "x" }, "end me": { signal: "SIGTERM" } },
    );
    expect([states["ready"], after]).toEqual([false, true]);
    expect(code).not.toBe(0);
  });

  test("what was typed ahead is there for whoever reads next", () => {
    const { out } = onTerminal(
      `await run(function* () {
         yield* scope(function* () {
           const keys = rawInput({ paste: false });
           console.log("ready");
           console.log((yield* keys.next()).name);
         });
         console.log("cooked");
         console.log(yield* stdin().lines().next());
       });`,
      { ready: { type: "a" }, cooked: { type: "line\n" } },
    );
    expect(out).toContain("a\ncooked\n");
    expect(out).toMatch(/line\nline\n$/);
  });

  test("the flow ends when the terminal goes away", () => {
    const { code } = onTerminal(
      `process.on("SIGHUP", () => {});
       await run(function* () {
         const keys = rawInput({ paste: false });
         console.log("ready");
         process.exitCode = (yield* keys.next()) === undefined ? 7 : 8;
       });`,
      { ready: { hangup: true } },
    );
    expect(code).toBe(7);
  });
});
