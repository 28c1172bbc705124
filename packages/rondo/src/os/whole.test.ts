/** Whole files: what readers see while they are written, and what is left when writing fails or is cancelled. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { nothingOpenUnder } from "../../tests/open-files.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { Flow } from "../combine/flow.ts";
import type { Emit } from "../combine/producer.ts";
import { run } from "../index.ts";
import { checkpoint } from "../loop/sleep.ts";
import { LimitError } from "../net/errors.ts";
import { group } from "../task/group.ts";
import { suspend } from "../task/suspend.ts";
import { exists, stat, temporaryDir } from "./paths.ts";
import { appendFile, copyFile, readFile, writeFile } from "./whole.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-whole-"));
});
afterEach(async () => {
  await nothingOpenUnder(dir);
  fs.rmSync(dir, { recursive: true });
});

describe("readFile", () => {
  test("gives bytes, or a string in the encoding that is named", async () => {
    fs.writeFileSync(`${dir}/a`, "grüß\n");
    await run(function* () {
      expect(yield* readFile(`${dir}/a`, "utf8")).toBe("grüß\n");
      expect(yield* readFile(`${dir}/a`, { encoding: "hex" })).toBe("6772c3bcc39f0a");
      const bytes = yield* readFile(`${dir}/a`);
      expect(bytes.constructor).toBe(Uint8Array);
      expect(bytes).toEqual(new Uint8Array([0x67, 0x72, 0xc3, 0xbc, 0xc3, 0x9f, 0x0a]));
      expect(yield* thrownBy(() => readFile(`${dir}/a`, "nonsense" as never))).toBeInstanceOf(TypeError);
    });
  });

  test("what was written is read, whatever its length", async () => {
    await run(function* () {
      for (const length of [0, 1, 65_535, 65_536, 65_537, 262_144, 1_000_001]) {
        const bytes = new Uint8Array(length).map((_, i) => i * 7);
        yield* writeFile(`${dir}/a`, bytes, { sync: false });
        expect(Buffer.compare(yield* readFile(`${dir}/a`), bytes)).toBe(0);
      }
    });
  });

  test("a file with more than is allowed is a LimitError", async () => {
    fs.writeFileSync(`${dir}/a`, "12345");
    await run(function* () {
      expect(yield* readFile(`${dir}/a`, { encoding: "utf8", max: 5 })).toBe("12345");
      const error = yield* thrownBy(() => readFile(`${dir}/a`, { max: 4 }));
      expect(error).toBeInstanceOf(LimitError);
      expect((error as LimitError).limit).toBe(4);
      if (process.platform === "linux")
        expect(yield* thrownBy(() => readFile("/dev/zero", { max: 100_000 }))).toBeInstanceOf(LimitError);
    });
  });

  test.runIf(process.platform === "linux")("files without a size are read all the same", async () => {
    await run(function* () {
      expect(yield* readFile("/proc/self/status", "utf8")).toContain(`Pid:\t${process.pid}\n`);
      expect(yield* readFile("/dev/null")).toEqual(new Uint8Array());
    });
  });

  test("a file that grows while it is read is read to its end, and one that shrinks ends sooner", async () => {
    await run(function* () {
      for (const change of ["grow", "shrink"]) {
        const path = `${dir}/${change}`;
        fs.writeFileSync(path, "x".repeat(3_000_000));
        yield* group(function* (g) {
          const reading = g.spawn(readFile(path));
          // The first call is under way.
          yield* checkpoint();
          if (change === "grow") fs.appendFileSync(path, "y".repeat(1_000_000));
          else fs.truncateSync(path, 1000);
          expect((yield* reading).length).toBe(change === "grow" ? 4_000_000 : 1000);
        });
      }
    });
  });

  test("a directory, and nothing at all", async () => {
    await run(function* () {
      expect(yield* thrownBy(() => readFile(dir))).toMatchObject({ name: "FileError", code: "EISDIR" });
      expect(yield* thrownBy(() => readFile(`${dir}/x`))).toMatchObject({ name: "FileError", code: "ENOENT" });
      expect(yield* thrownBy(() => readFile(`${dir}/x/y`))).toMatchObject({ name: "FileError", code: "ENOENT" });
    });
  });

  test("cancelled at any point, the file is closed", async () => {
    fs.writeFileSync(`${dir}/a`, "x".repeat(100_000));
    await run(function* () {
      for (let steps = 0; steps < 12; steps++) yield* cancelledAfter(steps, () => readFile(`${dir}/a`));
    });
  });
});

/** Begins an operation, lets the world move on a little, and cancels it. */
function* cancelledAfter(steps: number, operation: () => Generator<any, unknown, any>): Generator<any, string, any> {
  return yield* group(function* (g) {
    const task = g.spawn(operation);
    yield* checkpoint();
    for (let i = 0; i < steps; i++) yield* suspend<void>((wake) => void setImmediate(wake));
    task.cancel();
    yield* task.ended();
    return task.state;
  });
}

describe("writeFile", () => {
  test("readers see the old contents or the new ones, never a half", async () => {
    const long = 400_000;
    await run(function* () {
      yield* writeFile(`${dir}/a`, "0".repeat(long), { sync: false });
      const seen = new Set<string>();
      yield* group(function* (g) {
        const writer = g.spawn(function* () {
          for (let n = 1; n < 30; n++) yield* writeFile(`${dir}/a`, `${n % 10}`.repeat(long), { sync: false });
        });
        g.spawn(function* () {
          while (!writer.over) {
            const text = yield* readFile(`${dir}/a`, "utf8");
            expect(text).toBe((text[0] as string).repeat(long));
            seen.add(text[0] as string);
          }
        });
      });
      expect(seen.size).toBeGreaterThan(1);
      expect(fs.readdirSync(dir)).toEqual(["a"]);
    });
  });

  test("keeps the mode of what it replaces, and takes another one where that is asked for", async () => {
    fs.writeFileSync(`${dir}/a`, "old");
    fs.chmodSync(`${dir}/a`, 0o4751);
    await run(function* () {
      yield* writeFile(`${dir}/a`, "new");
      expect((yield* stat(`${dir}/a`)).mode).toBe(0o4751);
      yield* writeFile(`${dir}/a`, "new", { mode: 0o640 });
      expect((yield* stat(`${dir}/a`)).mode).toBe(0o640);
      yield* writeFile(`${dir}/b`, "new", { mode: 0o600 });
      expect((yield* stat(`${dir}/b`)).mode).toBe(0o600);
    });
  });

  test.runIf(process.getuid?.() === 0)("keeps the owner where it may", async () => {
    fs.writeFileSync(`${dir}/a`, "old");
    fs.chownSync(`${dir}/a`, 1234, 567);
    await run(function* () {
      yield* writeFile(`${dir}/a`, "new");
      expect(yield* stat(`${dir}/a`)).toMatchObject({ user: 1234, group: 567 });
    });
  });

  test("a symbolic link stays a link, also one to what is not there yet", async () => {
    fs.mkdirSync(`${dir}/deep`);
    fs.symlinkSync("deep/target", `${dir}/one`);
    fs.symlinkSync("one", `${dir}/two`);
    fs.symlinkSync("circle", `${dir}/circle`);
    fs.mkdirSync(`${dir}/deep/er`);
    fs.symlinkSync("deep/er", `${dir}/way`);
    fs.symlinkSync("../beside", `${dir}/deep/er/link`);
    await run(function* () {
      // What `..` means depends on where the link is, and not on how it was come to.
      yield* writeFile(`${dir}/way/link`, "x");
      expect(fs.readFileSync(`${dir}/deep/beside`, "utf8")).toBe("x");
      yield* writeFile(`${dir}/two`, "first");
      yield* writeFile(`${dir}/two`, "second");
      expect(fs.readlinkSync(`${dir}/two`)).toBe("one");
      expect(fs.readlinkSync(`${dir}/one`)).toBe("deep/target");
      expect(fs.readFileSync(`${dir}/deep/target`, "utf8")).toBe("second");
      expect(yield* thrownBy(() => writeFile(`${dir}/circle`, "x"))).toMatchObject({ code: "ELOOP" });
      expect(fs.readdirSync(dir).toSorted()).toEqual(["circle", "deep", "one", "two", "way"]);
    });
  });

  test("moves nothing over a device, and nothing over a directory", async () => {
    await run(function* () {
      if (fs.existsSync("/dev/full")) {
        const error = yield* thrownBy(() => writeFile("/dev/full", "x"));
        expect(error).toMatchObject({ code: "ENOSPC", path: "/dev/full" });
        yield* writeFile("/dev/null", "x");
        expect((yield* stat("/dev/null")).kind).toBe("character");
        expect((yield* stat("/dev/full")).kind).toBe("character");
      }
      expect(yield* thrownBy(() => writeFile(dir, "x"))).toMatchObject({ code: "EISDIR", path: dir });
      expect(yield* thrownBy(() => writeFile(`${dir}/no/such`, "x"))).toMatchObject({
        code: "ENOENT",
        path: `${dir}/no/such`,
      });
    });
  });

  test("takes a flow, and when that fails the file is as it was and nothing is left beside it", async () => {
    fs.writeFileSync(`${dir}/a`, "old");
    await run(function* () {
      yield* writeFile(`${dir}/b`, Flow.from(["one ", new TextEncoder().encode("two"), ""]));
      expect(fs.readFileSync(`${dir}/b`, "utf8")).toBe("one two");
      function* failing(emit: Emit<string>): Generator<any, void, any> {
        yield* emit("half of the ne");
        throw new Error("no more");
      }
      expect(yield* thrownBy(() => writeFile(`${dir}/a`, Flow.from(failing)))).toMatchObject({ message: "no more" });
      expect(fs.readFileSync(`${dir}/a`, "utf8")).toBe("old");
      expect(fs.readdirSync(dir).toSorted()).toEqual(["a", "b"]);
      expect(yield* thrownBy(() => writeFile(`${dir}/a`, [3 as never]))).toBeInstanceOf(TypeError);
      expect(fs.readFileSync(`${dir}/a`, "utf8")).toBe("old");
    });
  });

  test("cancelled at any point, the file is the old one or the new one, and nothing is left beside it", async () => {
    const ends = new Set<string>();
    await run(function* () {
      for (let steps = 0; steps < 40; steps++) {
        fs.writeFileSync(`${dir}/a`, "old");
        ends.add(yield* cancelledAfter(steps, () => writeFile(`${dir}/a`, "new", { sync: steps % 2 === 0 })));
        expect(fs.readFileSync(`${dir}/a`, "utf8")).toMatch(/^(old|new)$/);
        expect(fs.readdirSync(dir)).toEqual(["a"]);
      }
    });
    expect(ends).toContain("cancelled");
  });

  test("in place, where that is asked for", async () => {
    fs.writeFileSync(`${dir}/a`, "old contents");
    fs.linkSync(`${dir}/a`, `${dir}/b`);
    await run(function* () {
      yield* writeFile(`${dir}/a`, "new", { atomic: false });
      expect(fs.readFileSync(`${dir}/b`, "utf8")).toBe("new");
      yield* writeFile(`${dir}/a`, "newer");
      expect(fs.readFileSync(`${dir}/b`, "utf8")).toBe("new");
    });
  });

  test("many writers of one file at once: the last one wins, and nothing is left", async () => {
    await run(function* () {
      yield* group(function* (g) {
        for (let n = 0; n < 20; n++) g.spawn(writeFile(`${dir}/a`, `${n}`.repeat(1000), { sync: false }));
      });
      expect(fs.readFileSync(`${dir}/a`, "utf8")).toMatch(/^(\d\d?)\1{999}$/);
      expect(fs.readdirSync(dir)).toEqual(["a"]);
    });
  });
});

describe("appendFile", () => {
  test("adds, and writers at once do not overwrite each other", async () => {
    await run(function* () {
      yield* group(function* (g) {
        for (let n = 0; n < 50; n++) g.spawn(appendFile(`${dir}/log`, `line ${n}\n`));
      });
      const lines = fs.readFileSync(`${dir}/log`, "utf8").trimEnd().split("\n");
      expect(new Set(lines)).toEqual(new Set(Array.from({ length: 50 }, (_, n) => `line ${n}`)));
    });
  });
});

describe("copyFile", () => {
  test("copies contents and mode, replaces in one step, and not where that is not wanted", async () => {
    fs.writeFileSync(`${dir}/a`, "contents", { mode: 0o750 });
    fs.chmodSync(`${dir}/a`, 0o751);
    fs.writeFileSync(`${dir}/b`, "old");
    fs.writeFileSync(`${dir}/empty`, "");
    await run(function* () {
      yield* copyFile(`${dir}/a`, `${dir}/b`);
      expect(fs.readFileSync(`${dir}/b`, "utf8")).toBe("contents");
      yield* copyFile(`${dir}/a`, `${dir}/c`, { overwrite: false, sync: false });
      expect(yield* stat(`${dir}/c`)).toMatchObject({ mode: 0o751, size: 8, links: 1 });
      fs.writeFileSync(`${dir}/c`, "mine");
      const error = yield* thrownBy(() => copyFile(`${dir}/a`, `${dir}/c`, { overwrite: false }));
      expect(error).toMatchObject({ name: "FileError", code: "EEXIST" });
      expect(fs.readFileSync(`${dir}/c`, "utf8")).toBe("mine");
      yield* copyFile(`${dir}/a`, `${dir}/a`);
      expect(fs.readFileSync(`${dir}/a`, "utf8")).toBe("contents");
      yield* copyFile(`${dir}/empty`, `${dir}/b`);
      expect(fs.readFileSync(`${dir}/b`, "utf8")).toBe("");
      expect(yield* thrownBy(() => copyFile(`${dir}/none`, `${dir}/b`))).toMatchObject({ code: "ENOENT" });
      expect(yield* thrownBy(() => copyFile(dir, `${dir}/b`))).toBeInstanceOf(Error);
      expect(fs.readdirSync(dir).toSorted()).toEqual(["a", "b", "c", "empty"]);
      if (process.platform === "linux") {
        yield* copyFile("/proc/self/status", `${dir}/status`);
        expect(fs.readFileSync(`${dir}/status`, "utf8")).toContain(`Pid:\t${process.pid}\n`);
        yield* copyFile(`${dir}/a`, "/dev/null");
        expect(yield* stat("/dev/null")).toMatchObject({ kind: "character", mode: 0o666 });
      }
    });
  });

  test("two that must not overwrite: one wins, the other is told", async () => {
    fs.writeFileSync(`${dir}/a`, "contents");
    await run(function* () {
      const outcomes: string[] = [];
      yield* group(function* (g) {
        for (let n = 0; n < 8; n++) {
          g.spawn(function* () {
            const error = yield* thrownBy(() => copyFile(`${dir}/a`, `${dir}/b`, { overwrite: false }));
            outcomes.push((error as { code?: string } | undefined)?.code ?? "done");
          });
        }
      });
      expect(outcomes.toSorted()).toEqual([...Array.from({ length: 7 }, () => "EEXIST"), "done"]);
      expect(fs.readdirSync(dir).toSorted()).toEqual(["a", "b"]);
    });
  });

  test("cancelled at any point, what was there is there, and nothing is left beside it", async () => {
    fs.writeFileSync(`${dir}/a`, "n".repeat(2_000_000));
    await run(function* () {
      for (let steps = 0; steps < 16; steps++) {
        fs.writeFileSync(`${dir}/b`, "old");
        yield* cancelledAfter(steps, () => copyFile(`${dir}/a`, `${dir}/b`, { sync: false }));
        expect([3, 2_000_000]).toContain(fs.statSync(`${dir}/b`).size);
        // A copy that was left takes its file away when it is done.
        while (fs.readdirSync(dir).length > 2) yield* stat(dir);
      }
    });
  });
});

test("random contents, written and added to and copied, are read as they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), async (parts) => {
      await run(function* () {
        const place = yield* temporaryDir({ in: dir });
        yield* writeFile(`${place}/a`, parts, { sync: false });
        for (const part of parts) yield* appendFile(`${place}/b`, part);
        if (parts.length > 0) expect(yield* readFile(`${place}/b`)).toEqual(yield* readFile(`${place}/a`));
        yield* copyFile(`${place}/a`, `${place}/c`, { sync: false });
        expect(Buffer.compare(yield* readFile(`${place}/c`), Buffer.concat(parts))).toBe(0);
        expect(yield* exists(`${place}/c`)).toBe(true);
      });
    }),
    { numRuns: 30 },
  );
  expect(fs.readdirSync(dir)).toEqual([]);
});
