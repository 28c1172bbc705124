import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Home, rss, serve } from "../../tests/world.ts";

test("a page of what is remembered is written beside the report, also where nothing is kept", async () => {
  using home = new Home();
  await using served = await serve((_request, response) => response.end(rss("The Coast", [{ title: "Storm" }])));
  const run = await home.rondo("news", "--allow-private", served.url, "--html", home.path("page.html"));
  expect([run.status, run.stderr]).toEqual([0, expect.stringContaining(` page: ${home.path("page.html")}\n`)]);
  expect(readFileSync(home.path("page.html"), "utf8")).toContain("The Coast");
  const other = new Home();
  const argv = ["news", "--no-db", "--json", "--allow-private", served.url, "--html", other.path("page.html")];
  const { status, stdout, stderr } = await other.rondo(...argv);
  expect([status, stderr, existsSync(other.path("rondo"))]).toEqual([0, "", false]);
  expect(JSON.parse(stdout)).not.toHaveProperty("db");
  expect(readFileSync(other.path("page.html"), "utf8")).toContain("The Coast");
  other[Symbol.dispose]();
});

test("a page that cannot be written is told, after the report: status 1", async () => {
  using home = new Home();
  await using served = await serve((_request, response) => response.end(rss("The Coast", [{ title: "Storm" }])));
  const { status, stdout, stderr } = await home.rondo(
    "news",
    "--allow-private",
    served.url,
    "--html",
    home.path("no/such/page.html"),
  );
  expect(status).toBe(1);
  expect(stdout).toContain("The Coast");
  expect(stderr).toMatch(/rondo: the page was not written: .*no\/such\/page\.html.*\n {7}name another --html FILE\n$/);
});
