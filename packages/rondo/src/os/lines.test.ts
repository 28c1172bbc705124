/** Lines of files: all of them, in constant memory, followed through everything that happens to a log, and being told of changes. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { nothingOpenUnder } from "../../tests/open-files.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { ClosedError } from "../coroutine/errors.ts";
import { run } from "../index.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { LimitError } from "../net/errors.ts";
import { group } from "../task/group.ts";
import { moveOnAfter, scope } from "../task/scope.ts";
import { readLines } from "./lines.ts";
import { remove, rename } from "./paths.ts";
import { tail } from "./tail.ts";
import { watch } from "./watch.ts";
import { appendFile, writeFile } from "./whole.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-lines-"));
});
afterEach(async () => {
  // A handle is gone one turn of Node's loop after it was closed.
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  await nothingOpenUnder(dir);
  expect(process.getActiveResourcesInfo().filter((name) => name.startsWith("FSEvent"))).toEqual([]);
  fs.rmSync(dir, { recursive: true });
});

describe("readLines", () => {
  test("gives the lines without their ends, also a last one without an end", async () => {
    for (const [text, lines] of [
      ["", []],
      ["\n", [""]],
      ["a", ["a"]],
      ["a\nb\r\n\ngrüß", ["a", "b", "", "grüß"]],
    ] as const) {
      fs.writeFileSync(`${dir}/a`, text);
      expect(await run(() => readLines(`${dir}/a`).toArray())).toEqual(lines);
    }
  });

  test("whatever the text, and wherever the pieces are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom("a", "ü", "😀", " ", "x".repeat(50_000)) }), { maxLength: 30 }),
        async (lines) => {
          fs.writeFileSync(`${dir}/a`, lines.map((line) => `${line}\n`).join(""));
          expect(await run(() => readLines(`${dir}/a`, { max: Infinity }).toArray())).toEqual(lines);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("gives many at a time", async () => {
    fs.writeFileSync(`${dir}/a`, Array.from({ length: 100_000 }, (_, n) => `line ${n}\n`).join(""));
    await run(function* () {
      const lines = readLines(`${dir}/a`);
      let count = 0;
      let batches = 0;
      for (let batch = yield* lines.batch(); batch !== undefined; batch = yield* lines.batch()) {
        for (const line of batch) if (line !== `line ${count++}`) throw new Error(line);
        batches++;
      }
      expect(count).toBe(100_000);
      expect(batches).toBeLessThan(200);
    });
  });

  test("what cannot be opened is told to whoever pulls, and a line that is too long too", async () => {
    fs.writeFileSync(`${dir}/a`, `short\n${"x".repeat(100)}\n`);
    await run(function* () {
      expect(yield* thrownBy(() => readLines(`${dir}/none`).toArray())).toMatchObject({
        name: "FileError",
        code: "ENOENT",
      });
      expect(yield* thrownBy(() => readLines(dir).toArray())).toMatchObject({ name: "FileError", code: "EISDIR" });
      const lines = readLines(`${dir}/a`, { max: 99 });
      expect(yield* lines.next()).toBe("short");
      expect(yield* thrownBy(() => lines.next())).toBeInstanceOf(LimitError);
    });
  });

  test("the file is closed when the flow is left, closed, or its group ends", async () => {
    fs.writeFileSync(`${dir}/a`, "line\n".repeat(1_000_000));
    await run(function* () {
      expect(yield* readLines(`${dir}/a`).take(3).toArray()).toHaveLength(3);
      yield* scope(function* (s) {
        yield* readLines(`${dir}/a`).forEach(() => s.cancel());
      });
      yield* group(function* () {
        yield* readLines(`${dir}/a`).next();
      });
      const flow = readLines(`${dir}/a`);
      yield* flow.next();
      flow.close();
      expect(yield* thrownBy(() => flow.next())).toBeInstanceOf(ClosedError);
    });
  });

  test("lines of any length come whole, shorter and longer than what is read and cut at once", async () => {
    const all: string[] = [];
    for (let n = 1, size = 0; size < 3_000_000; n = (n * 48_271) % 2_147_483_647) {
      // Mostly short, some that go over the end of what is cut (64 KiB) or read (256 KiB).
      const length = n % 50 === 0 ? n % 300_000 : n % 97;
      all.push(String.fromCharCode(97 + (n % 26)).repeat(length));
      size += length + 1;
    }
    fs.writeFileSync(`${dir}/a`, all.map((line) => `${line}\n`).join(""));
    expect(all.filter(({ length }) => length > 65_536).length).toBeGreaterThan(3);
    await run(function* () {
      for (const max of [undefined, 1, 7, 100_000]) {
        const got: string[] = [];
        const lines = readLines(`${dir}/a`);
        for (let batch = yield* lines.batch(max); batch !== undefined; batch = yield* lines.batch(max)) {
          expect(batch.length).toBeLessThanOrEqual(max ?? 1024);
          for (const line of batch) got.push(line);
        }
        expect(got.length).toBe(all.length);
        expect(got.every((line, i) => line === all[i])).toBe(true);
      }
    });
  });

  test("a pull that is cancelled has taken nothing", async () => {
    const all = Array.from({ length: 20_000 }, (_, n) => `${n}`);
    fs.writeFileSync(`${dir}/a`, all.join("\n"));
    await run(function* () {
      const lines = readLines(`${dir}/a`);
      const taken: string[] = [];
      for (let over = false; !over;) {
        yield* scope(function* (s) {
          s.cancel();
          taken.push(...((yield* lines.batch(7)) ?? []));
        });
        const batch = yield* lines.batch(500);
        over = batch === undefined;
        taken.push(...(batch ?? []));
      }
      expect(taken).toEqual(all);
    });
  });
});

describe("tail", () => {
  test("begins where it is told", async () => {
    fs.writeFileSync(`${dir}/log`, "1\n2\n3\n4\n");
    await run(function* () {
      for (const [from, expected] of [
        ["start", ["1", "2", "3", "4", "5"]],
        [0, ["5"]],
        [2, ["3", "4", "5"]],
        [4, ["1", "2", "3", "4", "5"]],
        [99, ["1", "2", "3", "4", "5"]],
      ] as const) {
        const lines = tail(`${dir}/log`, { from });
        yield* group(function* (g) {
          const reading = g.spawn(lines.take(expected.length).toArray());
          // It has begun when there is nothing more to be had.
          yield* sleep(50);
          fs.appendFileSync(`${dir}/log`, "5\n");
          expect(yield* reading).toEqual(expected);
        });
        fs.truncateSync(`${dir}/log`, 8);
      }
      expect(() => tail(`${dir}/log`, { from: -1 })).toThrow(RangeError);
      expect(() => tail(`${dir}/log`, { interval: -1 })).toThrow(RangeError);
    });
  });

  test("finds the last lines of a long file", async () => {
    const all = Array.from({ length: 50_000 }, (_, n) => `line ${n}`);
    fs.writeFileSync(`${dir}/log`, all.join("\n"));
    await run(function* () {
      const lines = tail(`${dir}/log`, { from: 20_000 });
      yield* appendFile(`${dir}/log`, "\n");
      expect(yield* lines.take(20_000).toArray()).toEqual(all.slice(30_000));
    });
  });

  test("gives a line when its end has come", async () => {
    await run(function* () {
      fs.writeFileSync(`${dir}/log`, "beg");
      const lines = tail(`${dir}/log`, { from: "start" });
      expect((yield* moveOnAfter(50, lines.next())).timedOut).toBe(true);
      yield* appendFile(`${dir}/log`, "un");
      expect((yield* moveOnAfter(50, lines.next())).timedOut).toBe(true);
      yield* appendFile(`${dir}/log`, "\nnext\n");
      expect(yield* lines.next()).toBe("begun");
      expect(yield* lines.next()).toBe("next");
      lines.close();
    });
  });

  test("waits for a file that is not there, and for a directory that is not there", async () => {
    await run(function* () {
      const lines = tail(`${dir}/deep/er/log`, { interval: 20 });
      yield* group(function* (g) {
        const first = g.spawn(lines.next());
        yield* sleep(30);
        fs.mkdirSync(`${dir}/deep/er`, { recursive: true });
        yield* sleep(30);
        fs.writeFileSync(`${dir}/deep/er/log`, "there\n");
        expect(yield* first).toBe("there");
      });
      lines.close();
    });
  });

  test("goes through rotation, truncation and absence, and loses no line", async () => {
    await run(function* () {
      const written: string[] = [];
      const path = `${dir}/log`;
      const lines = tail(path, { from: "start", interval: 20 });
      yield* group(function* (g) {
        const seen: string[] = [];
        const reading = g.spawn(function* () {
          while (seen.at(-1) !== "last") seen.push((yield* lines.next()) as string);
        });
        const log = function* (text: string): Generator<any, void, any> {
          written.push(text);
          yield* appendFile(path, `${text}\n`);
        };
        for (let round = 0; round < 12; round++) {
          for (let n = 0; n < 5; n++) yield* log(`${round}.${n}`);
          // Writers that lose a race with a truncation are not to be blamed on the reader: it may see all first.
          while (seen.length < written.length) yield* sleep(1);
          const what = round % 4;
          if (what === 0) yield* rename(path, `${path}.${round}`);
          else if (what === 1) fs.truncateSync(path, 0);
          else if (what === 2) yield* remove(path);
          else yield* writeFile(path, "");
          // A truncation has to be seen before the file is longer again.
          if (what === 1) yield* sleep(60);
        }
        yield* log("last");
        yield* reading;
        expect(seen).toEqual(written);
      });
      lines.close();
    });
  });

  test("reads the old file to its end before the new one, at any speed", { tags: ["long"] }, async () => {
    await run(function* () {
      const path = `${dir}/log`;
      yield* appendFile(path, "");
      const lines = tail(path, { from: "start", interval: 5 });
      const total = 3000;
      const seen: string[] = [];
      yield* group(function* (g) {
        g.spawn(function* () {
          for (let n = 0; n < total; n++) {
            yield* appendFile(path, `${n}\n`);
            if (n % 300 !== 299) continue;
            // A file that had the name for too short a time is never seen: this one was.
            while (seen.length < n - 298) yield* sleep(1);
            yield* rename(path, `${path}.${n}`);
          }
        });
        while (seen.length < total) seen.push(...((yield* lines.batch()) ?? []));
        expect(seen).toEqual(Array.from({ length: total }, (_, n) => `${n}`));
      });
      lines.close();
    });
  });

  test("a line that had no end when its file was rotated is a line", async () => {
    await run(function* () {
      const path = `${dir}/log`;
      fs.writeFileSync(path, "no end");
      const lines = tail(path, { from: "start", interval: 10 });
      yield* group(function* (g) {
        const first = g.spawn(lines.next());
        yield* sleep(20);
        fs.renameSync(path, `${path}.1`);
        fs.writeFileSync(path, "new\n");
        expect(yield* first).toBe("no end");
      });
      expect(yield* lines.next()).toBe("new");
      lines.close();
    });
  });

  test("what is there and cannot be read is an error", async () => {
    await run(function* () {
      expect(yield* thrownBy(() => tail(dir, { from: "start" }).next())).toMatchObject({ code: "EISDIR" });
    });
  });

  test("ends with the group in which it was made", async () => {
    fs.writeFileSync(`${dir}/log`, "1\n");
    await run(function* () {
      yield* group(function* () {
        expect(yield* tail(`${dir}/log`, { from: "start" }).next()).toBe("1");
      });
      yield* scope(function* (s) {
        yield* group(function* (g) {
          g.spawn(tail(`${dir}/log`).next());
          yield* sleep(10);
          s.cancel();
        });
      });
    });
  });
});

describe("watch", () => {
  test("tells of what happens from the call on, once for what nobody has taken", async () => {
    await run(function* () {
      yield* scope(function* () {
        const changes = watch(dir);
        for (let n = 0; n < 20; n++) fs.writeFileSync(`${dir}/a`, `${n}`);
        fs.writeFileSync(`${dir}/b`, "");
        const seen = new Set<string>();
        while (![...seen].some((key) => key.endsWith("b"))) {
          const { kind, path } = (yield* changes.next()) as { kind: string; path: string };
          expect(seen).not.toContain(`${kind} ${path}`);
          seen.add(`${kind} ${path}`);
        }
        expect(seen).toContain(`renamed ${dir}/a`);
      });
    });
  });

  test("a single file, and all below a directory", async () => {
    fs.mkdirSync(`${dir}/x/y`, { recursive: true });
    fs.writeFileSync(`${dir}/a`, "");
    await run(function* () {
      yield* scope(function* () {
        const one = watch(`${dir}/a`);
        const all = watch(dir, { recursive: true }).filter(({ path }) => path.endsWith("deep"));
        fs.appendFileSync(`${dir}/a`, "x");
        expect(yield* one.next()).toEqual({ kind: "changed", path: `${dir}/a` });
        fs.writeFileSync(`${dir}/x/y/deep`, "");
        expect((yield* all.next())?.path).toBe(`${dir}/x/y/deep`);
      });
    });
  });

  test("too many events to keep become one that says so", async () => {
    await run(function* () {
      yield* scope(function* () {
        const changes = watch(dir, { max: 10 });
        const other = watch(dir).filter(({ path }) => path === `${dir}/last`);
        for (let n = 0; n < 50; n++) fs.writeFileSync(`${dir}/${n}`, "");
        fs.writeFileSync(`${dir}/last`, "");
        yield* other.next();
        expect(yield* changes.next()).toEqual({ kind: "overflow", path: dir });
      });
    });
  });

  test("ends with its scope, also for whoever waits, and says what cannot be watched", async () => {
    await run(function* () {
      expect(() => watch(`${dir}/none`)).toThrow(expect.objectContaining({ name: "FileError", code: "ENOENT" }));
      yield* group(function* (g) {
        const { value } = yield* scope(function* () {
          const changes = watch(dir);
          const waiting = g.spawn(() => thrownBy(() => changes.next()));
          yield* checkpoint();
          yield* checkpoint();
          return waiting;
        });
        expect(yield* value as NonNullable<typeof value>).toBeInstanceOf(ClosedError);
      });
    });
    expect(() => watch(dir)).toThrow("outside a task");
  });
});
