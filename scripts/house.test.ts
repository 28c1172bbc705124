// Rules of the house that no tool has: looked up in the text of every source.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { files, lineAt, packages, root, shown, sources } from "./repo.ts";

/** Where `pattern` occurs in `paths`, as `file:line`. */
function found(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    return Array.from(text.matchAll(pattern), ({ index }) => `${shown(file)}:${lineAt(text, index)}`);
  });
}

const everything = ["packages", "bench", "examples", "scripts", "tests"]
  .flatMap((folder) => files(join(root, folder), ".ts"))
  .filter((file) => shown(file) !== "scripts/house.test.ts");
const product = packages().flatMap(({ path }) => sources(join(path, "src")));

test("nothing is left to be done later", () => {
  expect(found(everything, /\b(TODO|FIXME|XXX)\b/g)).toEqual([]);
});

test("no type is talked away", () => {
  expect(found(everything, /\bas any\b|@ts-(ignore|nocheck)/g)).toEqual([]);
});

test("every file of the product opens with what it is for", () => {
  const silent = product.filter((file) => !/^(#!.*\n)?(\/\/|\/\*)/.test(readFileSync(file, "utf8")));
  expect(silent.map(shown)).toEqual([]);
});

test("the runtime writes to no console of its own accord", () => {
  const runtime = sources(join(root, "packages", "rondo", "src")).filter((file) => !shown(file).includes("/host/"));
  const code = /^(?!\s*(\*|\/\/)).*\bconsole\./gm;
  expect(found(runtime, code)).toEqual([]);
});

test("no test tries again, and none keeps the others from running", () => {
  const tests = files(join(root, "packages"), ".test.ts");
  expect(found(tests, /^\s*(?:test|it|describe)\b.*\bretry:\s*\d|\.only\(/gm)).toEqual([]);
});
