// The runtime in a real browser. Needs a Chromium on the machine, and says so where there is none.
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { root } from "../../scripts/repo.ts";
import { bundle, inChromium, openPage, type Page } from "./chromium.ts";

const entry = join(root, "tests", "browser", "page.ts");

test("the bundle for a browser imports nothing of Node", async () => {
  expect(await bundle(entry)).not.toMatch(/(from\s*|import\s*\(?\s*|require\()["']node:/);
});

inChromium("in a browser", (executablePath) => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(entry, executablePath);
  }, 60_000);
  afterAll(() => page.close());

  test("sleeping tasks wake in the order of their deadlines", async () => {
    expect(await page.call("sleepers")).toEqual(["1 ms", "15 ms", "30 ms"]);
  });

  test("the clock goes forward by at least the time slept", async () => {
    expect(await page.call("clock")).toBe(true);
  });

  test("a page is fetched through the promise bridge", async () => {
    expect(await page.call("fetched")).toBe("hello");
  });

  test("a fetch that takes too long is aborted", async () => {
    expect(await page.call("abandoned")).toEqual({ timedOut: true, aborted: true });
  });

  test("a busy task does not starve the page's own timers", async () => {
    expect(await page.call("fair")).toBe(true);
  });

  test("the page had nothing to complain about", () => {
    expect(page.said).toEqual([]);
  });
});
