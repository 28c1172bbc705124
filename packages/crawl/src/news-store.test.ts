// Runs with a memory: what is asked, what is written down, and that nothing is told before it is.

import { type Coroutine, group, run, sleep, VirtualHost } from "rondo";
import { type HttpResponse, serve, stream } from "@rondo/http";
import { simulate } from "rondo/sim";
import { describe, expect, test } from "vitest";
import { FakeStore } from "../tests/fake-store.ts";
import { type Answer, feed, visit, Web } from "../tests/web.ts";
import { fromWebFetch, News, NewsStore, type Outcome, parseSource, watch, type WatchEvent } from "./index.ts";

const MINUTE = 60_000;
const A = "http://a.example/";
const START = Date.UTC(2026, 10, 22, 10);
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `http://h${at}.example/`);
const at = (ms: number): VirtualHost => new VirtualHost({ wallClock: START + ms });

describe("what is due", () => {
  test("is asked, and what is not shows what it gave the last time", async () => {
    const web = new Web((): Answer => ({ body: feed("Storm", "a storm") }));
    const store = new FakeStore();
    const terms = ["storm"];
    const first = await visit(web, [A, "http://b.example/"], { store, terms }, at(0));
    const second = await visit(web, [A, "http://b.example/", "http://c.example/"], { store, terms }, at(10 * MINUTE));
    expect(web.asked.map(({ url }) => url)).toEqual([A, "http://b.example/", "http://c.example/"]);
    expect(second.report().totals).toMatchObject({ sources: 3, done: 1, notDue: 2, unfinished: 0, words: 9 });
    expect(second.report().totals.mentions).toEqual([{ term: "storm", count: 6 }]);
    const { title, words, mentions, due } = first.report().sources[0] ?? {};
    expect(due).toBe(START + 30 * MINUTE);
    expect(second.report().sources[0]).toEqual({
      url: A,
      state: "not-due",
      kind: "rss",
      charset: "utf-8",
      articles: 1,
      title,
      words,
      mentions,
      due,
    });
    expect(second.progress).toMatchObject({ total: 3, waiting: 0, running: 0, done: 1, notDue: 2 });
    const third = await visit(web, [A], { store, terms }, at(30 * MINUTE));
    expect(third.outcomes).toHaveLength(1);
  });

  test("is everything where the caller says so", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const store = new FakeStore();
    await visit(web, [A], { store }, at(0));
    await visit(web, [A], { store, evenIfNotDue: true }, at(1));
    expect(web.asked).toHaveLength(2);
  });

  test("goes by the feed's own rhythm, also when it answers that nothing has changed", async () => {
    const body = feed("x").replace("<channel>", "<channel><ttl>60</ttl>");
    const web = new Web((_url, times): Answer => (times === 0 ? { body, headers: { etag: "1" } } : { status: 304 }));
    const store = new FakeStore();
    await visit(web, [A], { store }, at(0));
    expect(store.state(A)?.due).toBe(START + 60 * MINUTE);
    await visit(web, [A], { store }, at(60 * MINUTE));
    expect(store.state(A)?.due).toBe(START + 120 * MINUTE);
  });

  test("goes by how long an answer is fresh, and the 304's own word counts", async () => {
    const web = new Web((_url, times): Answer =>
      times === 0
        ? { body: feed("x"), headers: { etag: "1", "cache-control": "max-age=7200" }, after: 5000 }
        : { status: 304, headers: { "cache-control": "max-age=3600" } },
    );
    const store = new FakeStore();
    await visit(web, [A], { store }, at(0));
    expect(store.state(A)?.due).toBe(START + 5000 + 120 * MINUTE);
    await visit(web, [A], { store }, at(121 * MINUTE));
    expect(store.state(A)?.due).toBe(START + (121 + 60) * MINUTE);
  });

  test("comes later with each failure, and as before after a success", async () => {
    let fails = true;
    const web = new Web((): Answer => (fails ? { status: 404 } : { body: feed("x") }));
    const store = new FakeStore();
    const waits: number[] = [];
    for (let clock = 0, round = 0; round < 6; round++) {
      fails = round < 4;
      await visit(web, [A], { store }, at(clock));
      waits.push(((store.state(A)?.due ?? 0) - START - clock) / MINUTE);
      clock = (store.state(A)?.due ?? 0) - START;
    }
    expect(waits).toEqual([15, 30, 60, 120, 30, 30]);
    expect(store.state(A)?.failures).toBe(0);
  });

  test("comes when the server asked for it: beyond the deadline, or after the last try", async () => {
    const web = new Web((): Answer => ({ status: 503, headers: { "retry-after": "7200" } }));
    const store = new FakeStore();
    await visit(web, [A], { store }, at(0));
    expect(store.state(A)).toMatchObject({ due: START + 120 * MINUTE, failures: 1 });
    await visit(web, ["http://b.example/"], { store, tries: 1 }, at(0));
    expect(store.state("http://b.example/")?.due).toBe(START + 120 * MINUTE);
    expect(store.recordsOf(A)[0]?.result).toMatchObject({ state: "failed", status: 503 });
  });

  test("is drawn within bounds, by the host's chance", async () => {
    const waits = new Set<number>();
    for (const seed of [1, 2, 3, 4]) {
      const store = new FakeStore();
      await visit(new Web(() => ({ status: 404 })), [A], { store }, new VirtualHost({ seed, wallClock: START }));
      waits.add((store.state(A)?.due ?? 0) - START);
    }
    expect(waits.size).toBeGreaterThan(1);
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(15 * MINUTE);
      expect(wait).toBeLessThanOrEqual(30 * MINUTE);
    }
  });

  test("is everything whose time lies further ahead than any wait, since a clock was put back", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const store = new FakeStore();
    await visit(web, [A], { store }, at(365 * 24 * 60 * MINUTE));
    await visit(web, [A], { store }, at(0));
    expect(web.asked).toHaveLength(2);
    expect(store.state(A)?.due).toBe(START + 30 * MINUTE);
  });
});

describe("what is written down", () => {
  test("is each article with its own words and its whole address", async () => {
    const body = `<rss version="2.0"><channel><title>T</title><language>en</language>
      <item><title>Storm</title><link>/1</link><guid>tag:a,1</guid><description>A storm, a storm</description>
        <pubDate>Sun, 22 Nov 2026 09:00:00 GMT</pubDate></item>
      <item><title>Sun</title><guid isPermaLink="false">urn:2</guid></item></channel></rss>`;
    const store = new FakeStore();
    await visit(new Web(() => ({ body, headers: { etag: '"1"' } })), [A], { store, top: 3, terms: ["storm"] }, at(0));
    const [record] = store.records;
    expect(record).toMatchObject({ at: START, due: START + 30 * MINUTE, tries: 1, bytes: body.length });
    expect(record?.result).toMatchObject({ state: "done", status: 200, etag: '"1"', title: "T", language: "en" });
    const articles = record?.result.state === "done" ? record.result.articles : [];
    expect(articles.map(({ url, id, title, published, language }) => [url, id, title, published, language])).toEqual([
      [`${A}1`, "tag:a,1", "Storm", START - 60 * MINUTE, "en"],
      [undefined, "urn:2", "Sun", undefined, "en"],
    ]);
    expect([...(articles[0]?.words ?? [])]).toEqual([
      ["storm", 3],
      ["a", 2],
    ]);
  });

  test("is when each stage began, told from the begin of the run", async () => {
    const web = new Web((_url, times): Answer => {
      if (times === 0) return { status: 503, after: 100 };
      return { body: feed("x"), after: 1000 };
    });
    const store = new FakeStore();
    await visit(web, [A, `${A}b`], { store, perHost: 1, timeout: 60_000 }, new VirtualHost({ start: 5000 }));
    // A try of 100 ms, a back-off of 250, an answer after 1000; the second source has its turn then.
    expect(store.recordsOf(A)[0]?.timing).toEqual({
      begun: 0,
      asked: 350,
      answered: 1350,
      downloaded: 1350,
      ended: 1350,
    });
    expect(store.recordsOf(`${A}b`)[0]?.timing).toMatchObject({ begun: 1350, asked: 1700, ended: 2700 });
  });

  test("is also when the connection stood, where the client of the house makes it", () => {
    const store = new FakeStore();
    const { error } = simulate({ network: { faults: "none" } }, function* (world) {
      const server = world.node("server", function* () {
        const handler = function* (): Coroutine<HttpResponse> {
          yield* sleep(300);
          return stream(function* (emit) {
            yield* emit(feed("x").slice(0, 50));
            yield* sleep(500);
            yield* emit(feed("x").slice(50));
          });
        };
        yield* (yield* serve({ port: 80, handler })).ended();
      });
      world.network.link("server", "world").set({ latency: 100 });
      const sources = [parseSource("http://server/a"), parseSource("http://server/b")];
      yield* new News(sources, { store, perHost: 1, allowPrivate: true }).work();
      yield* server.stop();
    });
    expect(error).toBeUndefined();
    // There and back again for the handshake, for the question and 300 ms for the answer, 500 for the rest of it; then the
    // second source has the connection of the first one.
    const rounded = store.records.map(({ timing }) =>
      Object.entries(timing).map(([stage, at]: [string, number]) => `${stage} ${Math.round(at / 10) * 10}`),
    );
    expect(rounded).toEqual([
      ["begun 0", "asked 0", "connected 200", "answered 700", "downloaded 1200", "ended 1200"],
      ["begun 1200", "asked 1200", "answered 1700", "downloaded 2200", "ended 2200"],
    ]);
  });

  test("of a failure is how far it came", async () => {
    const store = new FakeStore();
    await visit(new Web(() => ({ after: Infinity })), [A], { store, timeout: 300 }, at(0));
    expect(store.records[0]?.timing).toEqual({ begun: 0, asked: 0, ended: 300 });
    expect(store.records[0]?.result).toMatchObject({ state: "failed", failure: { kind: "timeout" } });
    expect(store.records[0]?.result).not.toHaveProperty("status");
  });

  test("is written in batches, and told only after that", async () => {
    const web = new Web((url): Answer => ({ body: feed("x"), after: Number(/\d+/.exec(url)?.[0]) % 7 }));
    const store = new FakeStore();
    const urls = many(200);
    const news = new News(
      urls.map((url) => parseSource(url)),
      { store, fetch: fromWebFetch(web.fetch) },
    );
    const told = (): Set<string> => new Set(news.outcomes.map(({ source }) => source.url));
    store.onRecord = (fetches) => {
      const before = told();
      for (const { source } of fetches) expect(before.has(source.url)).toBe(false);
      // What is counted adds up at any time.
      const { total, waiting, running, done, failed, unchanged, notDue } = news.progress;
      expect(waiting + running + done + failed + unchanged + notDue).toBe(total);
      expect(running).toBe(news.running.size);
      expect([...news.running].some(({ stage }) => stage === "storing")).toBe(true);
    };
    await run(() => inside(web, news), { host: at(0) });
    expect(told().size).toBe(200);
    expect(store.records).toHaveLength(200);
    expect(Math.max(...store.batches.map((batch) => batch.length))).toBeLessThanOrEqual(32);
    expect(store.batches.length).toBeLessThan(100);
    expect(news.progress).toMatchObject({ running: 0, done: 200 });
    expect(news.running.size).toBe(0);
    expect(store.runs).toEqual([{ begun: START, ended: expect.any(Number) }]);
  });

  test(
    "is also what was handed over when the run was cancelled, and nothing else is told",
    { tags: ["long"] },
    async () => {
      for (const cancelAt of [3, 10, 31, 60, 77, 120]) {
        const web = new Web((url): Answer => ({ body: feed("x"), after: Number(/\d+/.exec(url)?.[0]) }));
        const store = new FakeStore();
        const news = new News(
          many(150).map((url) => parseSource(url)),
          { store, fetch: fromWebFetch(web.fetch), concurrency: 150 },
        );
        await run(
          () =>
            group(function* (g) {
              const task = g.spawn(inside(web, news));
              yield* sleep(cancelAt);
              task.cancel();
            }),
          { host: at(0) },
        );
        // All that had come: numbers 0 to the moment of the cancellation.
        expect(news.outcomes.length).toBeGreaterThanOrEqual(cancelAt);
        expect(news.outcomes.length).toBeLessThan(150);
        expect(urlsOf(news.outcomes)).toEqual(store.records.map(({ source }) => source.url));
        expect(news.report().totals).toMatchObject({
          done: news.outcomes.length,
          unfinished: 150 - news.outcomes.length,
        });
        expect(store.runs[0]?.ended).toBeGreaterThan(START);
        expect(web.open.get("all")).toBe(0);
      }
    },
  );

  test("a store that fails ends the run with its error, and what was told is stored", async () => {
    const web = new Web((url): Answer => ({ body: feed("x"), after: Number(/\d+/.exec(url)?.[0]) }));
    const store = new FakeStore();
    const full = new Error("the disk is full");
    store.onRecord = () => {
      if (store.batches.length === 2) throw full;
    };
    const news = new News(
      many(500).map((url) => parseSource(url)),
      { store, fetch: fromWebFetch(web.fetch), concurrency: 20 },
    );
    await expect(run(() => inside(web, news), { host: at(0) })).rejects.toBe(full);
    expect(store.batches).toHaveLength(2);
    expect(urlsOf(news.outcomes)).toEqual(store.records.map(({ source }) => source.url));
    expect(news.outcomes.length).toBeGreaterThan(0);
    expect(news.progress.running).toBe(0);
    expect(web.open.get("all")).toBe(0);
    expect(store.runs).toEqual([{ begun: START }]);
  });

  test("a store that cannot even be asked ends the run with its error too", async () => {
    for (const broken of ["state", "beginRun"] as const) {
      const store = new FakeStore();
      const error = new Error("locked");
      store[broken] = () => {
        throw error;
      };
      const web = new Web((): Answer => ({ body: feed("x") }));
      await expect(visit(web, [A], { store, evenIfNotDue: true }, at(0))).rejects.toBe(error);
      expect(web.asked).toHaveLength(0);
    }
  });

  test("a slow store slows the visits down: little stands before it", { tags: ["long"] }, async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const store = new FakeStore();
    let most = 0;
    store.onRecord = () => {
      most = Math.max(most, web.asked.length - store.records.length);
    };
    await visit(web, many(2000), { store, concurrency: 16 }, at(0));
    expect(store.records).toHaveLength(2000);
    // At work, in line, and in the batch.
    expect(most).toBeLessThanOrEqual(16 + 32 + 33);
  });
});

describe("with a NewsStore", () => {
  const article = (title: string, text: string): string =>
    `<item><title>${title}</title><link>/${title}</link><description>${text}</description></item>`;
  const rss = (...items: string[]): string =>
    `<rss version="2.0"><channel><title>T</title><language>en</language><ttl>60</ttl>${items.join("")}</channel></rss>`;

  test("a second run shows the table of the first one, whether it asked or not", async () => {
    using store = NewsStore.open(":memory:");
    const web = new Web((_url, times): Answer => {
      if (times > 0) return { status: 304 };
      return { body: rss(article("storm", "A storm, a storm"), article("sun", "sun")), headers: { etag: '"1"' } };
    });
    const terms = ["storm", "a storm"];
    const reports = [];
    for (const clock of [0, 30, 60])
      reports.push((await visit(web, [A], { store, terms }, at(clock * MINUTE))).report());
    expect(reports.map(({ sources: [only] }) => only?.state)).toEqual(["done", "not-due", "unchanged"]);
    const shown = reports.map(({ sources: [only], totals }) => {
      const { title, language, kind, charset, articles, words, mentions } = only ?? {};
      return { title, language, kind, charset, articles, words, mentions, all: totals.mentions, sum: totals.words };
    });
    expect(shown[0]).toMatchObject({ title: "T", articles: 2, words: 7, mentions: [3, 2] });
    expect(shown[1]).toEqual(shown[0]);
    expect(shown[2]).toEqual(shown[0]);
    expect(web.asked.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, '"1"']);
    expect(store.state(A)).toMatchObject({ due: START + 120 * MINUTE, failures: 0 });
    expect(store.lastRun()?.fetches).toMatchObject([{ url: A, state: "unchanged", timing: { begun: 0, asked: 0 } }]);
  });

  test("a watch tells which articles are new, of whichever source", async () => {
    using store = NewsStore.open(":memory:");
    const one = article("one", "The first of all articles");
    const two = article("two", "The second of all articles");
    store.subscribe(parseSource(A));
    const web = new Web((_url, times): Answer => ({ body: times === 0 ? rss(one) : rss(two, one) }));
    const events: WatchEvent[] = [];
    const onEvent = (event: WatchEvent): void => void events.push(event);
    await run(
      () =>
        group(function* (g) {
          g.spawn(web.serve(), { daemon: true });
          g.spawn(watch(store, { fetch: fromWebFetch(web.fetch), onEvent }));
          yield* sleep(61 * MINUTE);
          g.stop();
        }),
      { host: at(0) },
    );
    expect(events.map((event) => (event.kind === "done" ? event.fresh : event.kind))).toEqual([
      [{ title: "one", url: `${A}one` }],
      [{ title: "two", url: `${A}two` }],
    ]);
  });
});

const urlsOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ source }) => source.url);

function* inside(web: Web, news: News): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(web.serve(), { daemon: true });
    yield* news.work();
  });
}
