/** Open files on a real file system: positions, turns, cancellation, and the descriptor, which must always be given back. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { nothingOpenUnder, openUnder } from "../../tests/open-files.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { ClosedError } from "../coroutine/errors.ts";
import type { Operation } from "../coroutine/wait.ts";
import { checkpoint } from "../loop/sleep.ts";
import { use } from "../task/defer.ts";
import { group } from "../task/group.ts";
import { run } from "../index.ts";
import { scope, timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { FileError } from "./errors.ts";
import { open } from "./file.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-file-"));
});
afterEach(async () => {
  await nothingOpenUnder(dir);
  fs.rmSync(dir, { recursive: true });
});

/** A call of Node's that is under way. */
function* settled(): Generator<any, void, any> {
  yield* suspend<void>((wake) => void fs.stat("/", () => setImmediate(wake)));
}

describe("an open file", () => {
  test("is read from its position on, and ends with undefined again and again", async () => {
    fs.writeFileSync(`${dir}/a`, "hello world");
    await run(function* () {
      const file = use(yield* open(`${dir}/a`));
      expect(text(yield* file.read(5))).toBe("hello");
      expect(file.position).toBe(5);
      file.position = 6;
      const buffer = new Uint8Array(3);
      expect(yield* file.readInto(buffer)).toBe(3);
      expect(text(buffer)).toBe("wor");
      expect(text(yield* file.readAt(0, 4))).toBe("hell");
      expect(text(yield* file.read())).toBe("ld");
      expect(yield* file.read()).toBeUndefined();
      expect(yield* file.read()).toBeUndefined();
      expect(yield* file.readInto(buffer)).toBeUndefined();
      expect(yield* file.readInto(new Uint8Array(0))).toBe(0);
      expect(yield* file.readAt(100)).toBeUndefined();
    });
  });

  test("grows while it is read: what was the end goes on", async () => {
    fs.writeFileSync(`${dir}/a`, "one");
    await run(function* () {
      const file = use(yield* open(`${dir}/a`));
      expect(text(yield* file.read())).toBe("one");
      expect(yield* file.read()).toBeUndefined();
      fs.appendFileSync(`${dir}/a`, "two");
      expect(text(yield* file.read())).toBe("two");
      fs.truncateSync(`${dir}/a`, 1);
      expect(yield* file.read()).toBeUndefined();
    });
  });

  test("is written at its position, all parts of it, and says how long it is", async () => {
    await run(function* () {
      const file = use(yield* open(pathToFileURL(`${dir}/a b`), "w+"));
      yield* file.write(["grüß", new Uint8Array([32]), "", "dich"]);
      expect(file.position).toBe(11);
      yield* file.write([]);
      yield* file.writeAt(0, "G");
      file.position = 6;
      yield* file.write("_");
      yield* file.sync();
      expect(text(yield* file.readAt(0))).toBe("Grüß_dich");
      expect(yield* file.stat()).toMatchObject({ kind: "file", size: 11 });
      yield* file.truncate(5);
      yield* file.changeMode(0o600);
      expect(yield* file.stat()).toMatchObject({ size: 5, mode: 0o600 });
      yield* file.truncate();
      expect((yield* file.stat()).size).toBe(0);
    });
  });

  test("that was opened to append is written at the end, wherever it is read", async () => {
    fs.writeFileSync(`${dir}/a`, "one ");
    await run(function* () {
      const file = use(yield* open(`${dir}/a`, "a+"));
      yield* file.write("two ");
      expect(text(yield* file.read(3))).toBe("one");
      yield* file.write("three");
      expect(text(yield* file.read())).toBe(" two three");
    });
  });

  test("tasks that read or write it at once take turns, and no write is torn", async () => {
    await run(function* () {
      const file = use(yield* open(`${dir}/a`, "w+"));
      yield* group(function* (g) {
        for (let i = 0; i < 8; i++) {
          g.spawn(function* () {
            for (let n = 0; n < 10; n++) yield* file.write([`${i}`, `${i}`.repeat(6), "\n"]);
          });
        }
      });
      const lines = (text(yield* file.readAt(0, 10_000)) as string).trimEnd().split("\n");
      expect(lines).toHaveLength(80);
      for (const line of lines) expect(line).toMatch(/^(\d)\1{6}$/);
      file.position = 0;
      const parts: string[] = [];
      yield* group(function* (g) {
        for (let i = 0; i < 4; i++) {
          g.spawn(function* () {
            for (let bytes = yield* file.read(8); bytes !== undefined; bytes = yield* file.read(8))
              parts.push(text(bytes) as string);
          });
        }
      });
      expect(parts.map((part) => part.trim())).toEqual(lines);
    });
  });

  test("a cancelled read has read nothing", async () => {
    fs.writeFileSync(`${dir}/a`, "hello");
    await run(function* () {
      const file = use(yield* open(`${dir}/a`));
      let cancelled = 0;
      for (let i = 0; i < 50; i++) {
        const outcome = yield* scope(function* (s) {
          s.cancel();
          return yield* file.read(2);
        });
        expect(outcome.cancelled).toBe(true);
        const begun = yield* group(function* (g) {
          const task = g.spawn(file.read(2));
          yield* checkpoint();
          task.cancel();
          yield* task.ended();
          return task.state;
        });
        // The disk may have been quicker.
        if (begun === "done") file.position -= 2;
        else cancelled++;
      }
      expect(cancelled).toBeGreaterThan(0);
      expect(file.position).toBe(0);
      expect(text(yield* file.read())).toBe("hello");
    });
  });

  test("a write that has begun is finished before a cancellation goes on", async () => {
    await run(function* () {
      const file = use(yield* open(`${dir}/a`, "w"));
      yield* group(function* (g) {
        const task = g.spawn(file.write(new Uint8Array(1_000_000)));
        yield* checkpoint();
        task.cancel();
      });
      expect(fs.statSync(`${dir}/a`).size).toBe(1_000_000);
      expect(file.position).toBe(1_000_000);
    });
  });

  test("cancelled while it is opened, the descriptor that comes late is closed", async () => {
    fs.writeFileSync(`${dir}/a`, "");
    await run(function* () {
      for (let i = 0; i < 20; i++) {
        yield* group(function* (g) {
          const task = g.spawn(open(`${dir}/a`));
          yield* checkpoint();
          task.cancel();
        });
      }
      // The calls that close are behind the ones that open.
      while (openUnder(dir).length > 0) yield* settled();
    });
  });

  test("close is idempotent, and everything after it is a ClosedError", async () => {
    fs.writeFileSync(`${dir}/a`, "hello");
    await run(function* () {
      const file = yield* open(`${dir}/a`, "r+");
      yield* file.close();
      yield* file.close();
      file[Symbol.dispose]();
      yield* suspend<void>((wake) => void file[Symbol.asyncDispose]().then(wake));
      expect(file.closed).toBe(true);
      expect(file.fd).toBe(-1);
      const operations: (() => Operation<unknown>)[] = [
        () => file.read(),
        () => file.readInto(new Uint8Array(1)),
        () => file.readAt(0),
        () => file.write("x"),
        () => file.writeAt(0, "x"),
        () => file.stat(),
        () => file.sync(),
        () => file.truncate(),
      ];
      for (const operation of operations) expect(yield* thrownBy(operation)).toBeInstanceOf(ClosedError);
    });
  });

  test("a cancelled close gives the descriptor back all the same", async () => {
    fs.writeFileSync(`${dir}/a`, "hello");
    await run(function* () {
      const file = yield* open(`${dir}/a`);
      yield* scope(function* (s) {
        s.cancel();
        yield* file.close();
      });
      expect(file.closed).toBe(true);
      yield* file.close();
      expect(openUnder(dir)).toEqual([]);
    });
  });

  test("close waits for calls that are under way, so that none meets another file's descriptor", async () => {
    fs.writeFileSync(`${dir}/a`, "a".repeat(100_000));
    await run(function* () {
      for (let i = 0; i < 30; i++) {
        const file = yield* open(`${dir}/a`);
        yield* group(function* (g) {
          const reads = Array.from({ length: 4 }, (_, n) => g.spawn(file.readAt(n * 1000, 50_000)));
          yield* checkpoint();
          for (const read of reads.slice(0, 2)) read.cancel();
          yield* file.close();
          const other = yield* open(`${dir}/b`, "w+");
          yield* other.close();
          for (const read of reads.slice(2)) expect(text(yield* read)).toBe("a".repeat(50_000));
        });
      }
    });
  });

  test("a file of a cancelled task is closed by use()", async () => {
    fs.writeFileSync(`${dir}/a`, "hello");
    await run(function* () {
      yield* scope(function* (s) {
        use(yield* open(`${dir}/a`));
        s.cancel();
        yield* checkpoint();
      });
      expect(openUnder(dir)).toEqual([]);
    });
  });

  test("wrong arguments are told before anything happens", async () => {
    fs.writeFileSync(`${dir}/a`, "hello");
    await run(function* () {
      const file = use(yield* open(`${dir}/a`, "r+"));
      for (const wrong of [-1, 1.5, NaN, Infinity]) {
        expect(yield* thrownBy(() => file.readAt(wrong))).toBeInstanceOf(RangeError);
        expect(yield* thrownBy(() => file.read(wrong))).toBeInstanceOf(RangeError);
        expect(yield* thrownBy(() => file.writeAt(wrong, "x"))).toBeInstanceOf(RangeError);
      }
      expect(yield* thrownBy(() => file.write([1 as never]))).toBeInstanceOf(TypeError);
      expect(yield* thrownBy(() => open("a\0b"))).toBeInstanceOf(TypeError);
      expect(yield* thrownBy(() => open(new URL("http://example.org/")))).toBeInstanceOf(TypeError);
      expect(yield* thrownBy(() => open(`${dir}/a`, "q" as never))).toBeInstanceOf(TypeError);
    });
  });
});

describe("what the system refuses is a FileError", () => {
  test("with the code, what was tried and on what, and the lines of whoever waited", async () => {
    await run(function* () {
      const error = (yield* thrownBy(function* opensWhatIsNotThere() {
        yield* open(`${dir}/none`);
      })) as FileError;
      expect(error).toBeInstanceOf(FileError);
      expect(error).toMatchObject({ code: "ENOENT", operation: "open", path: `${dir}/none` });
      expect(error.message).toBe(`open ${dir}/none: no such file or directory (ENOENT)`);
      expect(error.stack).toContain("opensWhatIsNotThere");
      expect(error.cause).toBeInstanceOf(Error);
    });
  });

  test("a directory can be opened and not read", async () => {
    await run(function* () {
      const file = use(yield* open(dir));
      expect(yield* thrownBy(() => file.read())).toMatchObject({ code: "EISDIR", operation: "read" });
      expect(yield* thrownBy(() => open(dir, "w"))).toMatchObject({ code: "EISDIR", operation: "open" });
    });
  });

  test("what is open to read cannot be written to, and the other way round", async () => {
    await run(function* () {
      const writing = use(yield* open(`${dir}/a`, "w"));
      expect(yield* thrownBy(() => writing.read())).toMatchObject({ code: "EBADF" });
      const reading = use(yield* open(`${dir}/a`));
      expect(yield* thrownBy(() => reading.write("x"))).toMatchObject({ code: "EBADF", written: 0 });
    });
  });

  test.runIf(fs.existsSync("/dev/full"))("a full disk says so, and how much was written", async () => {
    await run(function* () {
      const file = use(yield* open("/dev/full", "w"));
      const error = (yield* thrownBy(() => file.write("x"))) as FileError;
      expect(error).toMatchObject({ code: "ENOSPC", operation: "write", path: "/dev/full", written: 0 });
      expect(error.message).toBe("write /dev/full: no space is left on the device (ENOSPC)");
    });
  });

  test.runIf(process.platform === "linux")("a write that hits a limit in the middle says how much went", async () => {
    const { out, err } = await shell(
      `ulimit -f 8; trap '' XFSZ; exec "$NODE" "$@"`,
      `import { run, use } from "rondo";
       import { open } from "rondo/os";
       await run(function* () {
         const file = use(yield* open(process.argv[1], "w"));
         try { yield* file.write([new Uint8Array(1000), new Uint8Array(10000)]); }
         catch (error) { console.log(error.name, error.code, error.written, file.position); }
       });`,
      `${dir}/a`,
    );
    expect(err).toBe("");
    const [name, code, written, position] = out.trim().split(" ");
    expect([name, code]).toEqual(["FileError", "EFBIG"]);
    expect(written).toBe(position);
    expect(Number(written)).toBe(fs.statSync(`${dir}/a`).size);
    expect(Number(written)).toBeGreaterThan(0);
  });

  test.runIf(process.platform === "linux")("no descriptors left says what to do, and it recovers", async () => {
    fs.writeFileSync(`${dir}/a`, "");
    const { out, err } = await shell(
      `ulimit -n 40; exec "$NODE" "$@"`,
      `import { run } from "rondo";
       import { open } from "rondo/os";
       await run(function* () {
         const files = [];
         try { for (;;) files.push(yield* open(process.argv[1])); }
         catch (error) { console.log(error.name, error.code, error.message.includes("ulimit -n")); }
         for (const file of files) yield* file.close();
         const again = yield* open(process.argv[1]);
         yield* again.close();
         console.log("open again");
       });`,
      `${dir}/a`,
    );
    expect(err).toBe("");
    expect(out).toBe("FileError EMFILE true\nopen again\n");
  });

  const root = process.getuid?.() === 0;
  if (!root) console.log("skipped: another user's EACCES needs root to become that user");
  test.runIf(root)("another user is refused", async () => {
    fs.writeFileSync(`${dir}/secret`, "x", { mode: 0o600 });
    fs.chmodSync(dir, 0o755);
    const { out, err } = await shell(
      `exec "$NODE" "$@"`,
      `import { run } from "rondo";
       import { open, writeFile } from "rondo/os";
       process.setgid(65534); process.setgroups([]); process.setuid(65534);
       await run(function* () {
         for (const flags of ["r", "w", "a"]) {
           try { yield* open(process.argv[1], flags); }
           catch (error) { console.log(error.name, error.code, error.operation); }
         }
         try { yield* writeFile(process.argv[1] + "2", "x"); }
         catch (error) { console.log(error.message.slice(error.message.lastIndexOf("/") + 1)); }
       });`,
      `${dir}/secret`,
    );
    expect(err).toBe("");
    expect(out).toBe(
      `${"FileError EACCES open\n".repeat(3)}secret2: no file can be made beside it, which replacing it in one step needs; ` +
        "{ atomic: false } writes into it (EACCES)\n",
    );
  });
});

describe.runIf(process.platform === "linux")("what has no positions", () => {
  test("a FIFO is read as it comes, and a read that was left loses nothing", async () => {
    fs.mkdtempSync(`${dir}/x`);
    await shell('mkfifo "$1"', undefined, `${dir}/fifo`);
    await run(function* () {
      const file = use(yield* open(`${dir}/fifo`, "r+"));
      yield* group(function* (g) {
        const left = g.spawn(file.read());
        yield* settled();
        left.cancel();
        yield* left.ended();
        yield* file.write("hello");
        expect(text(yield* file.read(2))).toBe("he");
        const buffer = new Uint8Array(10);
        expect(yield* file.readInto(buffer)).toBe(3);
        expect(text(buffer.subarray(0, 3))).toBe("llo");
      });
    });
  });

  test("a read of a FIFO is woken by a local close, and the descriptor follows when the read comes back", async () => {
    await shell('mkfifo "$1"', undefined, `${dir}/fifo`);
    await run(function* () {
      const writer = use(yield* open(`${dir}/fifo`, "r+"));
      const file = yield* open(`${dir}/fifo`);
      yield* group(function* (g) {
        const read = g.spawn(() => thrownBy(() => file.read()));
        yield* settled();
        yield* timeout(10_000, file.close());
        expect(yield* read).toBeInstanceOf(ClosedError);
        yield* writer.write("x");
        while (openUnder(dir).length > 1) yield* settled();
      });
    });
  });
});

/** Runs a line of shell with a program of Node's in `$@`, and gives what it printed. */
function shell(line: string, program: string | undefined, ...args: string[]): Promise<{ out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const node = ["--conditions=rondo-source", "--input-type=module", "-e", program ?? ""];
    const child = spawn("sh", ["-c", line, "sh", ...(program === undefined ? [] : node), ...args], {
      cwd: home,
      env: { ...process.env, NODE: process.execPath },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.on("error", reject);
    child.on("close", () => resolve({ out, err }));
  });
}
