import { join } from "node:path";

import { expect, test } from "vitest";

import { checkFile } from "./floors.ts";

const check = (path: string, text: string, folder = "rondo"): string[] =>
  checkFile(folder, "/src", join("/src", path), text).map(({ line, message }) => `${line}: ${message}`);

test("an import from a lower floor is allowed", () => {
  expect(check("sync/lock.ts", 'import { Wait } from "../coroutine/wait.ts";')).toEqual([]);
});

test("an import within a floor is allowed", () => {
  expect(check("sync/lock.ts", 'import { WaitQueue } from "./wait-queue.ts";')).toEqual([]);
});

test("an import from a higher floor is named with its line", () => {
  expect(check("loop/loop.ts", '// a comment\nimport { Task } from "../task/task.ts";')).toEqual([
    '2: loop/ imports task ("../task/task.ts"), which is above it',
  ]);
});

test("a type imported from a higher floor counts as an import", () => {
  expect(check("coroutine/wait.ts", 'import type { Task } from "../task/task.ts";')).toHaveLength(1);
});

test("a re-export from a higher floor counts as an import", () => {
  expect(check("coroutine/wait.ts", 'export { Task } from "../task/task.ts";')).toHaveLength(1);
  expect(check("coroutine/wait.ts", 'export * from "../task/task.ts";')).toHaveLength(1);
});

test("a dynamic import of a higher floor counts as an import", () => {
  expect(check("coroutine/wait.ts", 'await import("../task/task.ts");')).toHaveLength(1);
});

test("no floor imports the public face", () => {
  expect(check("trace/ring.ts", 'import { run } from "../index.ts";')).toEqual([
    '1: trace/ imports the public face ("../index.ts"), which is above it',
  ]);
});

test("the public face imports every floor", () => {
  expect(check("index.ts", 'export { snapshot } from "./trace/snapshot.ts";')).toEqual([]);
});

test("a folder that is no floor is found", () => {
  expect(check("misc/helper.ts", "export {};")).toEqual(["1: misc/ is no floor: name it in scripts/floors.ts"]);
});

test("a specifier without its .ts is found", () => {
  expect(check("sync/lock.ts", 'import { WaitQueue } from "./wait-queue";')).toHaveLength(1);
});

test("the runtime may not import a module of Node outside the floors that talk to Node", () => {
  expect(check("loop/loop.ts", 'import { hrtime } from "node:process";')).toHaveLength(1);
  expect(check("host/browser.ts", 'import { hrtime } from "node:process";')).toHaveLength(1);
  expect(check("host/node.ts", 'import { hrtime } from "node:process";')).toEqual([]);
});

test("the runtime may not depend on a package", () => {
  expect(check("loop/loop.ts", 'import heap from "some-heap";')).toHaveLength(1);
});

test("a package may import the packages below it and no others", () => {
  expect(check("news.ts", 'import { run } from "rondo";', "crawl")).toEqual([]);
  expect(check("news.ts", 'import { main } from "@rondo/cli";', "crawl")).toEqual([
    "1: crawl may not import @rondo/cli",
  ]);
  expect(check("rule.ts", 'import { run } from "rondo/coroutine";', "lint")).toEqual(["1: lint may not import rondo"]);
});
