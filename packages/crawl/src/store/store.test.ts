import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { article, DAY, fetched, NOON, read } from "../../tests/records.ts";
import { parseSource } from "../source.ts";
import { NewsStore } from "./store.ts";

const directory = mkdtempSync(join(tmpdir(), "rondo-store-"));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;
const newFile = (): string => join(directory, `${++files}.db`);

const A = "https://a.example/feed";
const B = "https://b.example/feed";

/** A memory with one run, and a way to put documents into it. */
function memory(): { store: NewsStore; run: number; take: (...fetches: ReturnType<typeof fetched>[]) => void } {
  const store = NewsStore.open(":memory:");
  const run = store.beginRun(NOON);
  return { store, run, take: (...fetches) => store.record(run, fetches) };
}

test("what was stored is there when the file is opened again", () => {
  const path = newFile();
  {
    using store = NewsStore.open(path);
    store.subscribe(parseSource(A, "Paper"));
    const run = store.beginRun(NOON);
    store.record(run, [fetched(A, read([article({ url: "https://a.example/1", title: "Storm" })]))]);
    store.endRun(run, NOON + 5);
  }
  using store = NewsStore.open(path);
  expect(store.subscriptions()).toEqual([{ url: A, host: "a.example", name: "Paper" }]);
  expect([...store.articles()].map(({ title }) => title)).toEqual(["Storm"]);
  expect(store.lastRun()).toMatchObject({ at: NOON, ended: NOON + 5, fetches: [{ url: A, name: "Paper" }] });
});

test("subscriptions keep their order; one that is taken off and added again goes to the end, and keeps its history", () => {
  const { store, take } = memory();
  expect(store.subscribe(parseSource(A))).toBe(true);
  expect(store.subscribe(parseSource(B))).toBe(true);
  take(fetched(A, read([article({ url: "https://a.example/1", title: "One" })])));
  expect(store.unsubscribe(A)).toBe(true);
  expect(store.unsubscribe(A)).toBe(false);
  expect(store.unsubscribe("https://never.example/")).toBe(false);
  expect(store.subscriptions().map(({ url }) => url)).toEqual([B]);
  expect(store.health().map(({ url, subscribed, articles }) => [url, subscribed, articles])).toEqual([
    [B, true, 0],
    [A, false, 1],
  ]);
  expect(store.subscribe(parseSource(A))).toBe(true);
  expect(store.subscriptions().map(({ url }) => url)).toEqual([B, A]);
});

test("subscribing again changes the name, if one is given, and nothing else", () => {
  const { store, take } = memory();
  store.subscribe(parseSource(A, "Old"));
  expect(store.subscribe(parseSource(A))).toBe(false);
  expect(store.subscriptions()[0]?.name).toBe("Old");
  expect(store.subscribe(parseSource(A, "New"))).toBe(false);
  expect(store.subscriptions()[0]?.name).toBe("New");
  take(fetched(parseSource(A, "Of some list"), read([])));
  expect(store.subscriptions()[0]?.name).toBe("New");
});

test("a source that was never met has no state; one that was never asked is due at once", () => {
  const { store } = memory();
  expect(store.state(A)).toBeUndefined();
  store.subscribe(parseSource(A));
  expect(store.state(A)).toEqual({
    url: A,
    etag: undefined,
    lastModified: undefined,
    hints: undefined,
    due: 0,
    failures: 0,
  });
});

test("validators are kept verbatim, stand when a 304 does not name them, and fall when a 200 brings none", () => {
  const { store, take } = memory();
  const lastModified = "Tue,  5 Jan 2026 (roughly)";
  take(fetched(A, read([], { etag: 'W/"é\\"', lastModified, hints: { every: 5, skipDays: [0] } })));
  const first = { etag: 'W/"é\\"', lastModified, hints: { every: 5, skipDays: [0] }, due: NOON + 3_600_000 };
  expect(store.state(A)).toMatchObject(first);
  take(fetched(A, { state: "unchanged", status: 304 }, { due: NOON + 9 }));
  expect(store.state(A)).toMatchObject({ ...first, due: NOON + 9 });
  take(fetched(A, { state: "unchanged", status: 304, etag: '"2"' }));
  expect(store.state(A)).toMatchObject({ ...first, etag: '"2"' });
  take(fetched(A, { state: "failed", status: 500, failure: { kind: "status", message: "no" } }));
  expect(store.state(A)).toMatchObject({ ...first, etag: '"2"', failures: 1 });
  take(fetched(A, read([])));
  expect(store.state(A)).toMatchObject({ etag: undefined, lastModified: undefined, hints: {}, failures: 0 });
});

test("health counts successes, failures and bytes, and forgets a failure once it has passed", () => {
  const { store, take } = memory();
  const failure = { kind: "dns", message: "no such name", cause: "ENOTFOUND" } as const;
  take(fetched(A, read([article({ url: "https://a.example/1" })], { kind: "atom" }), { bytes: 100 }));
  take(fetched(A, { state: "unchanged", status: 304 }, { at: NOON + 1, bytes: 0 }));
  take(fetched(A, { state: "failed", failure }, { at: NOON + 2, bytes: 7, due: NOON + 50 }));
  take(fetched(A, { state: "failed", failure }, { at: NOON + 3, bytes: 7, due: NOON + 60 }));
  const before = {
    url: A,
    name: undefined,
    title: "A feed",
    kind: "atom",
    language: "en",
    subscribed: false,
    lastAttempt: NOON + 3,
    lastSuccess: NOON + 1,
    fetches: 4,
    failed: 2,
    failuresInARow: 2,
    averageBytes: 100,
    articles: 1,
    due: NOON + 60,
    failure,
  };
  expect(store.health()).toEqual([before]);
  take(fetched(A, read([article({ url: "https://a.example/1" })]), { at: NOON + 4, bytes: 300 }));
  expect(store.health()[0]).toMatchObject({ fetches: 5, failed: 2, failuresInARow: 0, averageBytes: 200, articles: 1 });
  expect(store.health()[0]?.failure).toBeUndefined();
});

test("the last run is the last one in which something was fetched", () => {
  const { store, run, take } = memory();
  expect(store.lastRun()).toEqual({ at: NOON, ended: undefined, fetches: [] });
  const timing = { begun: 0.5, asked: 1.25, connected: 2, ended: 3 };
  take(fetched(A, { state: "failed", failure: { kind: "tls", message: "no" } }, { timing, bytes: 3 }));
  store.endRun(run, NOON + 9.7);
  store.beginRun(NOON + DAY);
  expect(store.lastRun()).toEqual({
    at: NOON,
    ended: NOON + 9,
    fetches: [{ url: A, name: undefined, state: "failed", bytes: 3, timing }],
  });
});

test("a run that was never begun is refused, and nothing is stored", () => {
  const { store } = memory();
  expect(() => store.record(77, [fetched(A, read([]))])).toThrow(/no run 77/);
  expect(() => store.endRun(77, NOON)).toThrow(/no run 77/);
  expect(store.health()).toEqual([]);
});

test("of several fetches all are stored, or none", () => {
  const { store, run } = memory();
  const good = fetched(A, read([article({ url: "https://a.example/1", title: "Aurora" })]));
  const bad = fetched(B, read([]), { tries: "three" as unknown as number });
  expect(() => store.record(run, [good, bad])).toThrow();
  expect(store.health()).toEqual([]);
  expect([...store.articles()]).toEqual([]);
  // The words that got their numbers in it are forgotten with it.
  store.record(run, [good]);
  expect(store.mentions(["aurora"])).toEqual([{ term: "aurora", count: 1, articles: 1 }]);
  expect(store.top({ limit: 1 })).toEqual([{ word: "aurora", count: 1, articles: 1 }]);
});

test("what a source gave last is shown with the terms that are asked for now", () => {
  const { store, take } = memory();
  expect(store.latest(A, ["storm"])).toBeUndefined();
  take(fetched(A, { state: "failed", failure: { kind: "dns", message: "no" } }));
  expect(store.latest(A, ["storm"])).toBeUndefined();
  const storm = article({ url: "https://a.example/1", title: "Storm", text: "A storm over New York. 東京の嵐" });
  take(fetched(A, read([storm, article({ url: "https://a.example/2", title: "Sun" })], { charset: "utf-8" })));
  take(fetched(A, read([storm], { title: "Later" })));
  take(fetched(A, { state: "unchanged", status: 304 }));
  const terms = ["storm", "new york", "東京", "sun", "nothing at all", "Storm"];
  expect(store.latest(A, terms)).toEqual({
    kind: "rss",
    title: "Later",
    language: "en",
    charset: "utf-8",
    articles: 1,
    words: 9,
    mentions: [2, 1, 1, 0, 0, 2],
  });
});

test("single fetches are kept for 90 days, and what they came to for ever", () => {
  const path = newFile();
  using store = NewsStore.open(path);
  using database = new DatabaseSync(path);
  const run = store.beginRun(NOON);
  const take = (at: number): unknown => {
    store.record(run, [fetched(A, { state: "failed", failure: { kind: "dns", message: "no" } }, { at })]);
    return database.prepare("SELECT count(*) AS n FROM fetches").get()?.["n"];
  };
  for (let n = 0; n < 10; n++) take(NOON + n);
  expect(take(NOON + 90 * DAY)).toBe(11);
  // Two for each that comes: no call pays for a year of them.
  expect([1, 2, 3, 4, 5, 6].map(() => take(NOON + 91 * DAY))).toEqual([10, 9, 8, 7, 6, 7]);
  expect(store.lastRun()?.fetches).toHaveLength(7);
  expect(store.health()[0]).toMatchObject({ fetches: 17, failed: 17 });
});

test("the last run in which anything was fetched is shown, whatever was begun since", () => {
  const { store, run, take } = memory();
  take(fetched(A, read([])));
  store.endRun(run, NOON + 10);
  store.record(store.beginRun(NOON + DAY), []);
  expect(store.lastRun()?.at).toBe(NOON);
});

test("times that are no numbers of a calendar are brought into it", () => {
  const { store, take } = memory();
  take(fetched(A, { state: "unchanged", status: 304 }, { due: Infinity, at: NOON + 0.7 }));
  expect(store.state(A)?.due).toBe(8.64e15);
  take(fetched(A, { state: "unchanged", status: 304 }, { due: -Infinity }));
  expect(store.state(A)?.due).toBe(0);
  expect(() => take(fetched(A, read([]), { due: Number.NaN }))).toThrow(/NOT NULL/);
  expect(store.health()[0]?.fetches).toBe(2);
});
