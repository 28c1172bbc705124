/** The operating system for long: thousands of processes and files, cancelled at any point, and nothing left of any; a long log in little memory. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { leavesNothing } from "../../tests/leaks.ts";
import { nothingOpenUnder } from "../../tests/open-files.ts";
import type { Operation } from "../coroutine/wait.ts";
import { run } from "../index.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group } from "../task/group.ts";
import { suspend } from "../task/suspend.ts";
import { exec } from "./exec.ts";
import { open } from "./file.ts";
import { readLines } from "./lines.ts";
import { rename } from "./paths.ts";
import { spawnProcess } from "./process.ts";
import { tail } from "./tail.ts";
import { copyFile, readFile, writeFile } from "./whole.ts";

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-os-soak-"));
});
afterAll(() => {
  fs.rmSync(dir, { recursive: true });
});

/** Small numbers from a seed: the same ones each time. */
function dice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Begins an operation, lets the world move on, and cancels it; or lets it end, where it is quicker. */
function* cutShort(turns: number, operation: () => Operation<unknown>): Generator<any, void, any> {
  yield* group(function* (g) {
    const task = g.spawn(operation);
    yield* checkpoint();
    for (let i = 0; i < turns; i++) yield* suspend<void>((wake) => void setImmediate(wake));
    task.cancel();
  });
}

describe("for long", () => {
  test("a thousand processes, half of them cut short, leave none", { timeout: 300_000 }, async () => {
    const roll = dice(1);
    await leavesNothing(() =>
      run(function* () {
        for (let round = 0; round < 50; round++) {
          yield* group(function* (g) {
            for (let i = 0; i < 10; i++) {
              const input = "x".repeat(roll(100_000));
              g.spawn(function* () {
                expect((yield* exec("cat", [], { input })).stdout.length).toBe(input.length);
              });
              g.spawn(cutShort(roll(30), () => exec("sh", ["-c", "cat; exec sleep 5"], { input, grace: 1000 })));
            }
          });
        }
      }),
    );
    if (process.platform === "linux") {
      const mine = fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
      expect(mine).toBe("");
    }
  });

  test(
    "ten thousand file operations, cancelled at any point, leave nothing open and nothing torn",
    {
      timeout: 300_000,
    },
    async () => {
      const roll = dice(2);
      const place = join(dir, "files");
      fs.mkdirSync(place);
      const contents = ["a", "b", "c"].map((letter) => letter.repeat(100_000));
      fs.writeFileSync(join(place, "file"), contents[0] as string);
      const path = join(place, "file");
      await run(function* () {
        const whole = function* (): Generator<any, void, any> {
          expect(contents).toContain(yield* readFile(path, "utf8"));
        };
        const operations: (() => Operation<unknown>)[] = [
          whole,
          () => writeFile(path, contents[roll(3)] as string, { sync: false }),
          () => copyFile(path, join(place, "copy"), { sync: false }),
          () => readLines(path).next(),
          function* () {
            const file = yield* open(path);
            try {
              yield* file.read(10);
            } finally {
              yield* file.close();
            }
          },
        ];
        for (let round = 0; round < 200; round++) {
          yield* group(function* (g) {
            for (let i = 0; i < 50; i++) {
              const operation = operations[roll(operations.length)] as () => Operation<unknown>;
              g.spawn(cutShort(roll(12), operation));
            }
          });
        }
        yield* whole();
      });
      await nothingOpenUnder(place);
      // What was left may come back after all else.
      for (let i = 0; i < 2000 && fs.readdirSync(place).length > 2; i++) await new Promise(setImmediate);
      expect(fs.readdirSync(place).toSorted()).toEqual(["copy", "file"]);
    },
  );

  test("a log of half a gigabyte is read in little memory", { timeout: 300_000 }, async () => {
    const path = join(dir, "long");
    const block = Array.from({ length: 100_000 }, (_, n) => `${n} a line of a log, as they are, not very long\n`).join(
      "",
    );
    const file = fs.openSync(path, "w");
    let blocks = 0;
    for (let bytes = 0; bytes < 500e6; bytes += block.length, blocks++) fs.writeSync(file, block);
    fs.closeSync(file);
    const before = process.memoryUsage().rss;
    let highest = before;
    const count = await run(function* () {
      const lines = readLines(path);
      let sum = 0;
      for (let batch = yield* lines.batch(); batch !== undefined; batch = yield* lines.batch()) {
        sum += batch.length;
        if (sum % 65_536 < 1024) highest = Math.max(highest, process.memoryUsage.rss());
      }
      return sum;
    });
    expect(count).toBe(blocks * 100_000);
    expect(highest - before).toBeLessThan(150e6);
    fs.rmSync(path);
  });

  test("a log that another process writes and rotates is followed line for line", { timeout: 300_000 }, async () => {
    const path = join(dir, "log");
    const total = 100_000;
    // The one descriptor through which Node hears of files stays from the first time on.
    fs.watch(dir).close();
    await leavesNothing(() =>
      run(function* () {
        const seen: number[] = [];
        const lines = tail(path, { from: "start", interval: 20 });
        yield* group(function* (g) {
          g.spawn(
            function* () {
              for (let file = 0; file < 10; file++) {
                const first = (file * total) / 10;
                const writer = yield* spawnProcess("sh", [
                  "-c",
                  `seq ${first} ${first + total / 10 - 1} >> "$0"`,
                  path,
                ]);
                yield* writer.wait();
                // One that had the name for too short a time is never seen: this one was.
                while (seen.length <= first) yield* sleep(5);
                yield* rename(path, `${path}.${file}`);
              }
            },
            { name: "writer" },
          );
          while (seen.length < total) {
            const batch = yield* lines.batch(777);
            seen.push(...(batch ?? []).map(Number));
          }
        });
        expect(seen).toEqual(Array.from({ length: total }, (_, n) => n));
        lines.close();
      }),
    );
  });
});
