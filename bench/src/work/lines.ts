// The lines of a log of 1 GB: what one of them costs, of a file and of a stream (the output of a child process). Rondo's come in
// batches; Node's from the async iterator of `node:readline`.
import { spawn } from "node:child_process";
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Coroutine, type Flow, group, run } from "rondo";
import { readLines, spawnProcess } from "rondo/os";
import { busy, type Workload } from "../workload.ts";

/** Bytes of the lines of which the log is made, over and over; 100 on average. */
const LENGTHS = [34, 61, 80, 92, 101, 103, 108, 117, 134, 170];
const CYCLE = LENGTHS.reduce((sum, length) => sum + length, 0);
/** Lines of the whole log: 1 GB. */
const LINES = (1_000_000_000 / CYCLE) * LENGTHS.length;

interface Sum {
  lines: number;
  characters: number;
}

let folder = "";
let log = "";
let logged = 0;

/** Removes the log. It happens by itself where the process ends by itself. */
export function removeLog(): void {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
  folder = "";
  log = "";
  logged = 0;
}

/** The log with so many lines at least, written once; it goes with this process. */
function theLog(lines: number): string {
  if (log === "") {
    folder = mkdtempSync(join(tmpdir(), "rondo-bench-"));
    process.once("exit", removeLog);
    log = join(folder, "log");
  }
  const cycle = LENGTHS.map((length, i) => `${`2026-01-01T00:00:0${i} GET /`.padEnd(length - 1, "path/")}\n`).join("");
  const block = Buffer.from(cycle.repeat(1000));
  const file = openSync(log, "a");
  for (; logged < lines; logged += LENGTHS.length * 1000) writeSync(file, block);
  closeSync(file);
  return log;
}

function bytesOf(lines: number): number {
  return (lines / LENGTHS.length) * CYCLE;
}

function* countBatches(lines: Flow<string>): Coroutine<Sum> {
  const sum = { lines: 0, characters: 0 };
  for (let batch = yield* lines.batch(); batch !== undefined; batch = yield* lines.batch()) {
    sum.lines += batch.length;
    for (let i = 0; i < batch.length; i++) sum.characters += (batch[i] as string).length;
  }
  return sum;
}

async function countByReadline(input: Readable): Promise<Sum> {
  const sum = { lines: 0, characters: 0 };
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    sum.lines++;
    sum.characters += line.length;
  }
  return sum;
}

/** What prints the beginning of the log. */
function head(path: string, lines: number): [string, string[]] {
  return ["head", ["-c", String(bytesOf(lines)), path]];
}

async function measure(amount: number, work: (path: string) => Promise<Sum>): Promise<number> {
  const path = theLog(amount);
  const begun = busy();
  const { lines, characters } = await work(path);
  const took = busy() - begun;
  if (lines !== amount || characters !== bytesOf(amount) - amount)
    throw new Error(`${lines} lines of ${characters} characters came, of ${amount}`);
  return took;
}

function* ofFile(path: string, amount: number): Coroutine<Sum> {
  const lines = readLines(path);
  // A stage that only counts is no part of the work, and there need be none where all of the log is read.
  return yield* countBatches(amount < logged ? lines.take(amount) : lines);
}

function* ofStream(path: string, amount: number): Coroutine<Sum> {
  const child = yield* spawnProcess(...head(path, amount));
  return yield* countBatches(child.stdout.lines());
}

export const linesOfFile: Workload = {
  name: "lines-file",
  title: "a line of a 1 GB file",
  table: "net",
  unit: "ns",
  amount: LINES,
  contestants: [
    {
      name: "Rondo",
      run: (amount) => measure(amount, (path) => run(() => ofFile(path, amount))),
    },
    {
      name: "Node",
      share: 0.25,
      run: (amount) => measure(amount, (path) => countByReadline(createReadStream(path, { end: bytesOf(amount) - 1 }))),
    },
  ],
};

export const linesOfStream: Workload = {
  name: "lines",
  title: "a line of a 1 GB stream",
  table: "net",
  unit: "ns",
  amount: LINES,
  contestants: [
    {
      name: "Rondo",
      run: (amount) => measure(amount, (path) => run(() => group(() => ofStream(path, amount)))),
    },
    {
      name: "Node",
      share: 0.25,
      run: (amount) =>
        measure(amount, (path) =>
          countByReadline(spawn(...head(path, amount), { stdio: ["ignore", "pipe", "inherit"] }).stdout),
        ),
    },
  ],
};
