// docs/drivers.md shows the code that the tests here run, and no other.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { examplesInMarkdown } from "../../scripts/doc-examples.ts";
import { root } from "../../scripts/repo.ts";

const path = join(root, "docs", "drivers.md");
const page = readFileSync(path, "utf8");
const sources = ["postgres.ts", "redis.ts"].map((name) => readFileSync(join(root, "tests", "drivers", name), "utf8"));

test("each program on the page is run without a server, or stands in a source that these tests run", () => {
  const run = examplesInMarkdown(path, page).map(({ code }) => code.trim());
  const fences = Array.from(page.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => (code as string).trim());
  expect(fences.length).toBeGreaterThan(8);
  const unknown = fences.filter((code) => !run.includes(code) && !sources.some((source) => source.includes(code)));
  expect(unknown).toEqual([]);
});
