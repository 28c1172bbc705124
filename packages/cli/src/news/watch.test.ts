// `rondo news watch` as what it is: a process that stays up until it is told to stop.

import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { NewsStore } from "@rondo/crawl";
import { expect, test } from "vitest";
import { Home, rss, serve } from "../../tests/world.ts";
import { Marker } from "./live-marks.ts";
import { eventLine } from "./watch.ts";

/** The command in a process, and what it says, as it says it. */
function start(
  home: Home,
  ...argv: string[]
): {
  child: ReturnType<typeof spawn>;
  until: (text: string) => Promise<void>;
  stdout: () => string;
  ended: Promise<number | null>;
} {
  const main = join(import.meta.dirname, "..", "main.ts");
  const child = spawn(
    process.execPath,
    ["--conditions=rondo-source", main, "news", "watch", "--allow-private", ...argv],
    {
      env: { ...process.env, ...home.env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let [stdout, all] = ["", ""];
  let heard: (() => void) | undefined;
  child.stdout?.on("data", (chunk) => (stdout += chunk));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      all += chunk;
      heard?.();
    });
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  const until = async (text: string): Promise<void> => {
    while (!all.includes(text)) {
      const over = await Promise.race([new Promise<void>((resolve) => (heard = resolve)), ended]);
      if (over !== undefined && !all.includes(text))
        throw new Error(`it ended without ${JSON.stringify(text)}:\n${all}`);
    }
  };
  return { child, until, stdout: () => stdout, ended };
}

test("a line for each event; Ctrl-C ends it well, and what was read is remembered", { tags: ["long"] }, async () => {
  using home = new Home();
  await using served = await serve((_request, response) =>
    response.end(rss("The Coast", [{ title: "Storm" }, { title: "Calm" }])),
  );
  const { child, until, stdout, ended } = start(home, `${served.url}/feed`, "--term", "calm");
  await until("2 new articles");
  child.kill("SIGINT");
  expect(await ended).toBe(0);
  expect(stdout()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ The Coast: 2 new articles: Calm · Storm\n$/);
  using store = NewsStore.open(home.path("rondo/news.db"));
  expect([...store.articles()].map(({ title }) => title).toSorted()).toEqual(["Calm", "Storm"]);
});

test(
  "a service manager's signal stops it as softly: what is under way is finished first",
  { tags: ["long"] },
  async () => {
    using home = new Home();
    const asked = Promise.withResolvers<ServerResponse>();
    await using served = await serve((_request, response) => asked.resolve(response));
    const { child, until, stdout, ended } = start(home, served.url, "--timeout", "10m");
    const response = await asked.promise;
    child.kill("SIGTERM");
    await until("stopping: what is under way is finished");
    response.end(rss("Slow", [{ title: "At last" }]));
    expect(await ended).toBe(0);
    expect(stdout()).toContain("Slow: 1 new article: At last");
  },
);

test("a second Ctrl-C ends it at once: status 130", { tags: ["long"] }, async () => {
  using home = new Home();
  const asked = Promise.withResolvers<void>();
  await using served = await serve(() => asked.resolve());
  const { child, until, ended } = start(home, served.url, "--timeout", "10m");
  await asked.promise;
  child.kill("SIGINT");
  await until("Ctrl-C again ends it at once");
  child.kill("SIGINT");
  expect(await ended).toBe(130);
});

test(
  "with --json each event is a line of JSON and nothing else is said; a subscription is taken up while it runs",
  { tags: ["long"] },
  async () => {
    using home = new Home();
    await using served = await serve((request, response) =>
      request.url === "/gone" ? response.writeHead(404).end() : response.end(rss("The Coast", [{ title: "Storm" }])),
    );
    await home.rondo("news", "add", "--as-is", `${served.url}/feed`, `${served.url}/gone`);
    const { child, until, stdout, ended } = start(home, "--json");
    await until('"event":"failed"');
    await until('"event":"done"');
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    const events = stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [done, failed] = events.toSorted((a, b) => (a.event < b.event ? -1 : 1));
    expect(done).toMatchObject({
      version: 1,
      event: "done",
      url: `${served.url}/feed`,
      articles: 1,
      fresh: [{ title: "Storm" }],
    });
    expect(failed).toMatchObject({ event: "failed", url: `${served.url}/gone`, failure: { kind: "status" } });
  },
);

test("lines of events hold nothing that could move a cursor or turn a line around", () => {
  const outcome = {
    source: { url: "https://a.example/feed", host: "a.example" },
    failure: { kind: "dns", message: "no \u001B[2Jname", cause: "ENOTFOUND" },
  };
  const at = Date.parse("2026-11-22T11:31:24.567Z");
  const line = (event: object): string => eventLine(event as Parameters<typeof eventLine>[0], new Marker(["rain"]));
  expect(line({ kind: "failed", at, outcome })).toBe(
    "2026-11-22T11:31:24Z a.example/feed: failed, dns: no [2Jname (ENOTFOUND)\n",
  );
  expect(line({ kind: "unchanged", at, outcome })).toBe("2026-11-22T11:31:24Z a.example/feed: nothing new\n");
  const fresh = ["one", "חדשות", "two", "Rain\r\ntoday"].map((title) => ({ title, url: undefined }));
  expect(line({ kind: "done", at, outcome: { ...outcome, state: "done", title: "A" }, fresh })).toBe(
    "2026-11-22T11:31:24Z A: 4 new articles: Rain today · one · \u2068חדשות\u2069 · …\n",
  );
  expect(line({ kind: "done", at, outcome, fresh: [] })).toContain("no new article\n");
  const added = [{ url: "https://b.example/", host: "b.example", name: "B" }];
  expect(line({ kind: "subscriptions", at, added, removed: [outcome.source] })).toContain(
    " subscriptions: + B, - a.example/feed\n",
  );
});
