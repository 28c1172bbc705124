import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { failureOf, SourceError } from "./failure.ts";

test("a failure as kept is plain text with the whole chain of causes", () => {
  const error = new SourceError("refused", "nobody listens", {
    cause: new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") }),
  });
  expect(failureOf(error)).toEqual({
    kind: "refused",
    message: "nobody listens",
    cause: "fetch failed: connect ECONNREFUSED 127.0.0.1:1",
  });
  expect(failureOf(new SourceError("empty", "nothing"))).toEqual({ kind: "empty", message: "nothing" });
});

test("an error nobody foresaw is internal and still says what it is", () => {
  expect(failureOf(new RangeError("odd"))).toEqual({ kind: "internal", message: "RangeError: odd" });
  expect(failureOf("thrown text")).toEqual({ kind: "internal", message: "thrown text" });
});

test("a chain of causes that bites its own tail ends", () => {
  const error = new Error("a");
  error.cause = error;
  expect(failureOf(new SourceError("internal", "x", { cause: error })).cause).toBe("a");
});

/** Every module that a file loads, with those that these load. */
function loadedBy(file: URL, seen: Set<string> = new Set<string>()): Set<string> {
  if (seen.has(file.href)) return seen;
  seen.add(file.href);
  const text = readFileSync(file, "utf8").replace(/^import type [^;]+;/gm, "");
  for (const [, module] of text.matchAll(/^(?:import|export) [^;]*?from "([^"]+)";/gm)) {
    if (module?.startsWith(".") === true) loadedBy(new URL(module, file), seen);
    else seen.add(module as string);
  }
  return seen;
}

test("a thread that finds articles is not kept waiting for the loop and HTTP to be loaded", () => {
  const loaded = loadedBy(new URL("article/extract-worker.ts", import.meta.url));
  expect([...loaded].filter((module) => /^(?:@rondo\/|rondo\b)/.test(module))).toEqual([]);
  expect([...loaded]).toContain("linkedom");
});
