// The commands with a memory, from the command line to what is said, over a site on this machine.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { width } from "../text.ts";
import { type Home as HomeType, Home, rss, serve } from "../../tests/world.ts";

const DAY = 86_400_000;
/** Today at noon, and back from there: a test at midnight has the same days. */
const noon = (ago: number): number => Date.parse(`${new Date().toISOString().slice(0, 10)}T00:00:00Z`) - ago * DAY;
const dayName = (ago: number): string => new Date(noon(ago)).toISOString().slice(0, 10);

const coast = rss("The Coast", [
  { title: "Storm hits the coast", text: "A storm, and another storm", at: noon(0) },
  { title: "Harbour closed", text: "for the storm", at: noon(1) },
  { title: "=1+1, a sum", text: 'He said "calm", then, waves', at: noon(9) },
]);

const site = async (): ReturnType<typeof serve> =>
  await serve((request, response) => {
    if (request.headers["if-none-match"] === '"1"') response.writeHead(304).end();
    else if (request.url === "/coast") response.writeHead(200, { etag: '"1"' }).end(coast);
    else if (request.url === "/home")
      response.end('<html lang=en><title>Home</title><link rel=alternate type="application/rss+xml" href="/coast">');
    else if (request.url === "/plain") response.end("<html lang=en><title>Plain</title><p>no feed here");
    else response.writeHead(404).end();
  });

/** A home that has read the site's feed once. */
async function filled(home: HomeType, url: string): Promise<void> {
  expect(await home.rondo("news", "--allow-private", `${url}/coast`)).toMatchObject({ status: 0 });
}

test("what was read is remembered in the user's data directory, for the user alone, and it is said where", async () => {
  using home = new Home();
  await using served = await site();
  const { status, stderr } = await home.rondo("news", "--allow-private", `${served.url}/coast`);
  const path = home.path("rondo/news.db");
  expect([status, existsSync(path)]).toEqual([0, true]);
  expect(stderr.split("\n")[0]).toBe(` memory: ${path}`);
  if (process.platform !== "win32") expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
});

test("a second run asks only what is due, and with --now only for what is new", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const soon = await home.rondo("news", "--allow-private", `${served.url}/coast`, "--term", "storm");
  expect(soon.status).toBe(0);
  expect(soon.stdout).toMatch(/The Coast +not due +rss +3 +\d+ +4/);
  expect(soon.stdout).toContain("0 sources read of 1 · 1 not due · 3 articles");
  expect(soon.stdout).toContain("nothing was due; --now asks all the same");
  const now = await home.rondo("news", "--now", "--allow-private", `${served.url}/coast`, "--term", "storm");
  expect(now.stdout).toMatch(/The Coast +unchanged +rss +3 +\d+ +4/);
  expect(now.stdout).toContain("1 unchanged");
});

test("--no-db remembers nothing", async () => {
  using home = new Home();
  await using served = await site();
  const { status, stderr } = await home.rondo("news", "--no-db", "--allow-private", `${served.url}/coast`);
  expect([status, existsSync(home.path("rondo"))]).toEqual([0, false]);
  expect(stderr).not.toContain("memory");
});

test("--json names the memory in the document and says nothing else", async () => {
  using home = new Home();
  await using served = await site();
  const { stdout, stderr } = await home.rondo("news", "--json", "--allow-private", `${served.url}/coast`);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ version: 1, db: home.path("rondo/news.db"), interrupted: false });
});

test("trends are drawn by day, days without articles as gaps, and given as data", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const { status, stdout } = await home.rondo("news", "trends", "--term", "storm", "--days", "10");
  expect(status).toBe(0);
  expect(stdout).toContain("Mentions by day, ");
  expect(stdout).toMatch(/storm +● +4 +1\.3 +▁·······▃█\n/);
  expect(stdout).toContain("3 articles in 10 days");
  const json = await home.rondo("news", "trends", "storm", "harbour", "--days", "2", "--json");
  expect(json.stderr).toBe("");
  expect(JSON.parse(json.stdout)).toEqual({
    version: 1,
    db: home.path("rondo/news.db"),
    days: [dayName(1), dayName(0)],
    articles: [1, 1],
    series: [
      { term: "storm", counts: [1, 3], total: 4 },
      { term: "harbour", counts: [1, 0], total: 1 },
    ],
  });
});

test("what is drawn is ASCII where the locale is, coloured where that is asked for, and never wider than the window", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  for (const argv of [["trends", "storm", "harbour"], ["top"], ["rising"], ["sources"]]) {
    const ascii = await home.with({ LANG: "C" }, "news", ...argv);
    expect(ascii.stdout).toMatch(/^[\n -~]+$/);
    for (const columns of [20, 33, 60, 200]) {
      const { status, stdout } = await home.with({ COLUMNS: String(columns) }, "news", ...argv);
      expect(status).toBe(0);
      // Sentences are not cut: the terminal breaks them. Tables and charts are.
      const drawn = stdout.split("\n").filter((line) => !/^ (?:Rising|none|Commonest|Mentions|\d+ article)/.test(line));
      for (const line of drawn) expect([line, width(line) <= columns]).toEqual([line, true]);
    }
  }
  const coloured = await home.with({ FORCE_COLOR: "1" }, "news", "trends", "storm");
  expect(coloured.stdout).toContain("\u001B[38;5;74m●\u001B[39m");
  expect((await home.with({ FORCE_COLOR: "1", NO_COLOR: "1" }, "news", "top")).stdout).not.toContain("\u001B");
});

test("trends by source and by language name the groups", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const bySource = await home.rondo("news", "trends", "--term=storm", "--by", "source");
  expect(bySource.stdout).toMatch(/GROUP +TOTAL/);
  expect(bySource.stdout).toMatch(/The Coast +● +4 /);
  const byLanguage = await home.rondo("news", "trends", "storm", "harbour", "--by=language", "--json");
  expect(
    JSON.parse(byLanguage.stdout).series.map(({ term, group }: { term: string; group: string }) => [term, group]),
  ).toEqual([
    ["storm", "en"],
    ["harbour", "en"],
  ]);
});

test("a term with quotes is a term, and one that nobody mentions is 0", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const { status, stdout } = await home.rondo("news", "trends", '"storm"', "it's nothing", "--json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout).series.map(({ total }: { total: number }) => total)).toEqual([4, 0]);
});

test("the commonest words are counted since a day, with the number of their articles", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const { status, stdout } = await home.rondo("news", "top", "--since", "7d", "--limit", "2");
  expect(status).toBe(0);
  expect(stdout).toMatch(/Commonest words since .*\n storm +4  in 2 articles +█+/);
  expect(stdout.trim().split("\n")).toHaveLength(3);
  const json = await home.rondo("news", "top", "--json");
  const { since, words } = JSON.parse(json.stdout);
  expect([since, words[0]]).toEqual([null, { word: "storm", count: 4, articles: 2 }]);
});

test("what rises is none where there is no past, and says why", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const { status, stdout } = await home.rondo("news", "rising");
  expect([status, stdout]).toEqual([0, expect.stringContaining("none: it takes articles of both times")]);
  expect(JSON.parse((await home.rondo("news", "rising", "--days", "3", "--json")).stdout)).toMatchObject({
    days: 3,
    past: 28,
    words: [],
  });
});

test("sources say how they fare, those that failed first and with their reason", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  await home.rondo("news", "--allow-private", `${served.url}/gone`);
  const { status, stdout } = await home.rondo("news", "sources");
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /SOURCE +KIND +LAST +FETCHES +FAILED +ARTICLES +SIZE +NEXT\n .*gone +never +1 +1 ! .*\n The Coast +rss +\d+ s ago +1 +0/,
  );
  expect(stdout).toMatch(/What went wrong the last time\n ✗ .*gone\n {5}status: .* answers HTTP 404/);
  expect(stdout).toContain("2 sources · 0 subscriptions · 1 failing");
  const { sources, at } = JSON.parse((await home.rondo("news", "sources", "--json")).stdout);
  expect(sources).toHaveLength(2);
  expect(at).toBeTypeOf("number");
});

test("everything is exported as lines of JSON, oldest first, with times that everybody reads", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const { status, stdout } = await home.rondo("news", "export");
  expect(status).toBe(0);
  const articles = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(articles.map(({ title }) => title)).toEqual(["=1+1, a sum", "Harbour closed", "Storm hits the coast"]);
  expect(articles[2]).toMatchObject({
    url: null,
    language: "en",
    published: new Date(noon(0)).toISOString(),
    sources: [`${served.url}/coast`],
    text: "A storm, and another storm",
  });
  const since = await home.rondo("news", "export", "--since", "yesterday", "--term", "harbour");
  expect(
    since.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).title),
  ).toEqual(["Harbour closed"]);
  expect((await home.rondo("news", "export", "--term", "nowhere")).stdout).toBe("");
});

test("as CSV no title is a formula, and as one document it can be parsed", async () => {
  using home = new Home();
  await using served = await site();
  await filled(home, served.url);
  const csv = await home.rondo("news", "export", "--format", "csv");
  expect(csv.stdout.split("\r\n")[0]).toBe("url,id,title,language,published,firstSeen,sources,words,text");
  expect(csv.stdout.split("\r\n")[1]).toContain(`,"'=1+1, a sum",en,`);
  expect(csv.stdout.split("\r\n")[1]).toMatch(/"He said ""calm"", then, waves"$/);
  const json = await home.rondo("news", "export", "--json");
  expect(JSON.parse(json.stdout).articles).toHaveLength(3);
  expect(JSON.parse((await home.rondo("news", "export", "--json", "--term", "nowhere")).stdout).articles).toEqual([]);
});

test("an export waits for whoever reads it slowly, and holds only a piece of it", async () => {
  using home = new Home();
  await using served = await serve((_request, response) =>
    response.end(
      rss(
        "Long",
        Array.from({ length: 60 }, (_, at) => ({ title: `n${at}`, text: "wave ".repeat(1500), at: noon(0) })),
      ),
    ),
  );
  await home.rondo("news", "--allow-private", served.url);
  const { cli } = await import("../cli.ts");
  let full = false;
  const sizes: number[] = [];
  const stdout = {
    write(text: string): boolean {
      expect(full).toBe(false);
      sizes.push(text.length);
      full = true;
      return false;
    },
    once(event: string, heard: () => void): void {
      if (event !== "drain") return;
      setImmediate(() => {
        full = false;
        heard();
      });
    },
    off: (): void => undefined,
  };
  const status = await cli(["news", "export"], { stdout, stderr: { write: () => true }, env: home.env });
  expect(status).toBe(0);
  expect(sizes.length).toBeGreaterThan(4);
  expect(Math.max(...sizes)).toBeLessThan(100_000);
});

test("a page is subscribed to by its feed, once, and without a feed by itself", { tags: ["long"] }, async () => {
  using home = new Home();
  await using served = await site();
  const first = await home.rondo("news", "add", "--allow-private", `${served.url}/home`);
  expect(first.status).toBe(0);
  expect(first.stdout).toContain(` + The Coast\n     ${served.url}/coast\n     found by a link in the page\n`);
  const again = await home.rondo(
    "news",
    "add",
    "--allow-private",
    `${served.url}/coast`,
    `${served.url}/plain`,
    `${served.url}/gone`,
  );
  expect(again.status).toBe(1);
  expect(again.stdout).toContain(" = The Coast (was a subscription before)");
  expect(again.stdout).toMatch(/ \+ Plain\n.*\n {5}no feed was found at .*: the page itself is taken/);
  expect(again.stdout).toMatch(/Not added\n ✗ .*\/gone\n {5}status: /);
  const list = await home.rondo("news", "export", "--format", "opml");
  expect(list.stdout).toContain(
    `<outline type="rss" text="The Coast" title="The Coast" xmlUrl="${served.url}/coast"/>`,
  );
});

test("an address is taken as it is when that is asked for, and every result is data with --json", async () => {
  using home = new Home();
  const { status, stdout } = await home.rondo("news", "add", "--as-is", "--json", "https://a.example/feed", "nowhere");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    version: 1,
    db: home.path("rondo/news.db"),
    added: [
      { input: "https://a.example/feed", source: { url: "https://a.example/feed", host: "a.example" }, isNew: true },
      { input: "nowhere", failure: { kind: "url", message: '"nowhere" has no scheme' } },
    ],
  });
});

test("a list is imported line by line, and its subscriptions are what a run without arguments reads", async () => {
  using home = new Home();
  await using served = await site();
  writeFileSync(home.path("list.txt"), `${served.url}/coast My coast\nhtp:/broken\n${served.url}/plain\n`);
  const { status, stdout } = await home.rondo("news", "import", home.path("list.txt"));
  expect(status).toBe(1);
  expect(stdout).toContain(" 2 subscriptions added\n");
  expect(stdout).toMatch(/1 problem\n ✗ list\.txt:2\n {5}url: /);
  expect((await home.rondo("news", "import", home.path("list.txt"))).stdout).toContain(
    "0 subscriptions added · 2 were there before",
  );
  const run = await home.rondo("news", "--allow-private");
  expect(run.stdout).toContain("My coast");
  expect(run.stdout).toContain("2 sources read");
});

test("a subscription ends by its address or its name; one that is none is told, with what may be meant", async () => {
  using home = new Home();
  writeFileSync(
    home.path("list.txt"),
    "https://a.example/feed Alpha\nhttps://b.example/feed\nhttps://c.example/feed\n",
  );
  await home.rondo("news", "import", home.path("list.txt"));
  const { status, stdout } = await home.rondo(
    "news",
    "remove",
    "alpha",
    "https://B.example:443/feed",
    "https://c.example/fed",
    "c.example",
  );
  expect(status).toBe(1);
  expect(stdout).toBe(
    "\n - https://a.example/feed\n - https://b.example/feed\n" +
      " ✗ https://c.example/fed is no subscription; did you mean https://c.example/feed ?\n" +
      " ✗ c.example is no subscription; did you mean https://c.example/feed ?\n\n",
  );
  const list = await home.rondo("news", "export", "--format=opml");
  expect(list.stdout.match(/<outline /g)).toHaveLength(1);
});

test("a check says what each source is and what is odd, and keeps nothing", async () => {
  using home = new Home();
  await using served = await site();
  const { status, stdout, stderr } = await home.rondo(
    "news",
    "check",
    "--allow-private",
    `${served.url}/coast`,
    `${served.url}/home`,
    `${served.url}/gone`,
  );
  expect(status).toBe(1);
  expect(stdout).toMatch(/ ! The Coast\n.*\n {5}rss · 3 articles, the newest of \d{4}-\d\d-\d\d · en · utf-8 · \d+ B/);
  expect(stdout).toContain(" ! all 3 articles without an address\n");
  expect(stdout).toContain(`! a page; its feed is ${served.url}/coast`);
  expect(stdout).toContain("! it has neither ETag nor Last-Modified, so all of it is sent each time");
  expect(stdout).toMatch(/1 failure\n ✗ .*gone\n/);
  expect(stdout).toContain("2 sources of 3 can be read");
  expect([stderr, existsSync(home.path("rondo"))]).toEqual(["", false]);
}, 60_000);

test.each([["trends", "storm"], ["top"], ["rising"], ["sources"], ["export"], ["remove", "https://a.example/"]])(
  "%s of nothing remembered makes nothing, and says what to do: status 3",
  async (...argv) => {
    using home = new Home();
    const path = home.path("rondo/news.db");
    expect(await home.rondo("news", ...argv)).toEqual({
      status: 3,
      stdout: "",
      stderr: `rondo: nothing is remembered yet: there is no ${path}\n       rondo news downloads and remembers\n`,
    });
    const named = await home.rondo("news", ...argv, "--db", home.path("mistyped.db"));
    expect([named.status, existsSync(home.path("mistyped.db")), existsSync(path)]).toEqual([3, false, false]);
  },
);

test("a memory of a newer version, one that is none, and a folder are refused with what helps: status 3", async () => {
  using home = new Home();
  await home.rondo("news", "add", "--as-is", "https://a.example/");
  const database = new DatabaseSync(home.path("rondo/news.db"));
  database.exec("PRAGMA user_version = 999");
  database.close();
  const newer = await home.rondo("news", "top");
  expect(newer.status).toBe(3);
  expect(newer.stderr).toMatch(
    /^rondo: the database .* was written by a newer version of this program.*\n {7}--db FILE names another memory\n$/,
  );
  writeFileSync(home.path("letter.txt"), "Dear Sir, ".repeat(1000));
  const letter = await home.rondo("news", "top", "--db", home.path("letter.txt"));
  expect([letter.status, letter.stderr]).toEqual([3, expect.stringContaining("is no database of the news")]);
  mkdirSync(home.path("folder"));
  expect((await home.rondo("news", "top", "--db", home.path("folder"))).status).toBe(3);
  expect((await home.rondo("news", "--db", home.path("none/such/x.db"))).stderr).toContain("there is no folder");
});

test.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
  "a data directory that may not be written is told",
  async () => {
    using home = new Home();
    chmodSync(home.folder, 0o500);
    const { status, stderr } = await home.rondo("news");
    chmodSync(home.folder, 0o700);
    expect([status, stderr]).toEqual([3, expect.stringContaining("cannot be made (EACCES)")]);
  },
);

test("a data directory whose place is taken by a file is told", async () => {
  using home = new Home();
  writeFileSync(join(home.folder, "rondo"), "");
  const { status, stderr } = await home.rondo("news");
  expect([status, stderr]).toEqual([3, expect.stringMatching(/cannot be made \(EEXIST|ENOTDIR\)/)]);
});

test(
  "with --articles the links of a feed are followed by their host's rules, and what they say is remembered",
  { tags: ["long"] },
  async () => {
    using home = new Home();
    const asked: string[] = [];
    const story = (text: string): string =>
      `<html lang=en><title>Story</title><article><h1>Story</h1><p>${`${text} stands in the article alone. `.repeat(20)}</p></article>`;
    await using served = await serve((request, response) => {
      asked.push(request.url ?? "");
      const { url } = request;
      if (url === "/robots.txt") response.end("User-agent: *\nDisallow: /members/");
      else if (url === "/story") response.setHeader("content-type", "text/html").end(story("Lighthouse"));
      else {
        const link = (path: string): string => `http://${request.headers.host}${path}`;
        response.end(
          rss("The Coast", [
            { title: "Story", link: link("/story") },
            { title: "Secret", link: link("/members/x") },
          ]),
        );
      }
    });
    const { status, stdout } = await home.rondo("news", "--articles", "--allow-private", `${served.url}/feed`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Articles 1 article followed · 1 could not be read \(1 robots\) · /);
    expect(asked).toEqual(["/feed", "/robots.txt", "/story"]);
    const text = await home.rondo("news", "export", "--term", "lighthouse");
    expect(JSON.parse(text.stdout).title).toBe("Story");
    const again = await home.rondo("news", "--articles", "--allow-private", "--json", `${served.url}/feed`);
    expect(JSON.parse(again.stdout).links).toEqual({ read: 0, failed: 0, later: 0, bytes: 0, reasons: {} });
  },
);

test("a reader that has seen enough ends an export in peace", { tags: ["long"] }, async () => {
  using home = new Home();
  const long = Array.from({ length: 80 }, (_, at) => ({ title: `n${at}`, text: "wave ".repeat(5000), at: noon(0) }));
  await using served = await serve((_request, response) => response.end(rss("Long", long)));
  await home.rondo("news", "--allow-private", served.url);
  const main = join(import.meta.dirname, "..", "main.ts");
  const child = spawn(process.execPath, ["--conditions=rondo-source", main, "news", "export"], {
    env: { ...process.env, ...home.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  child.stdout.once("data", () => child.stdout.destroy());
  expect((await once(child, "close"))[0]).toBe(0);
  expect(said).toBe(` memory: ${home.path("rondo/news.db")}\n`);
});
