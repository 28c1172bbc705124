import { group, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { type Answer, feed, visit, Web } from "../tests/web.ts";
import { fromWebFetch, News, parseSource } from "./index.ts";
import type { Failed, Outcome } from "./outcome.ts";

const outcomeOf = (news: News, url: string): Outcome | undefined =>
  news.outcomes.find((each) => each.source.url === url);
const failureOf = (news: News, url: string): Failed["failure"] | undefined => {
  const outcome = outcomeOf(news, url);
  return outcome?.ok === false ? outcome.failure : undefined;
};
const A = "http://a.example/";
const B = "http://b.example/";
const broken = (code: string): Error =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });

test("feeds and pages are read side by side, and a failure stops nobody", async () => {
  const web = new Web((url) => {
    if (url === A) return { body: feed("Storm", "A storm is near"), after: 30 };
    if (url === B) return { body: "<html lang=en><title>Page</title><p>storm, storm", after: 10 };
    return { status: 404 };
  });
  const news = await visit(web, [A, B, "http://c.example/"], { terms: ["storm"], top: 5 });
  expect(outcomeOf(news, A)).toMatchObject({ ok: true, kind: "rss", articles: 1, words: 5, mentions: [2], tries: 1 });
  expect(outcomeOf(news, B)).toMatchObject({ ok: true, kind: "page", title: "Page", words: 3, mentions: [2] });
  expect(failureOf(news, "http://c.example/")).toEqual({ kind: "status", message: "c.example answers HTTP 404" });
  expect(news.progress).toMatchObject({ total: 3, waiting: 0, running: 0, done: 2, failed: 1 });
  expect(news.report()).toMatchObject({
    version: 1,
    totals: { sources: 3, done: 2, failed: 1, unfinished: 0, mentions: [{ term: "storm", count: 4 }] },
    sources: [{ url: A, state: "done" }, { url: B, state: "done" }, { state: "failed" }],
  });
  expect(news.report().top[0]).toEqual({ word: "storm", count: 4 });
});

test("waiting is overlapped, and what each source waited is added up", async () => {
  const web = new Web(() => ({ body: feed("x"), after: 1000 }));
  const host = new VirtualHost();
  const news = await visit(
    web,
    Array.from({ length: 50 }, (_, at) => `http://h${at}.example/`),
    {},
    host,
  );
  expect(host.now()).toBe(1000);
  expect(Math.round(news.progress.waited)).toBe(50_000);
});

test("no more sources are worked on at once than asked for, and no more at one host", async () => {
  const web = new Web(() => ({ body: feed("x"), after: 10 }));
  const urls = Array.from({ length: 40 }, (_, at) => `http://h${at % 4}.example/${at}`);
  await visit(web, urls, { concurrency: 6, perHost: 2 });
  expect(web.most.get("all")).toBe(6);
  for (let host = 0; host < 4; host++) expect(web.most.get(`h${host}.example`)).toBeLessThanOrEqual(2);
  expect(web.asked).toHaveLength(40);
});

test("a slow host does not hold up the others", async () => {
  const web = new Web((url) => ({ body: feed("x"), after: url.includes("slow") ? 1000 : 1 }));
  const urls = [...Array.from({ length: 10 }, (_, at) => `http://slow.example/${at}`), A, B];
  await visit(web, urls, { concurrency: 4 });
  expect(web.asked.filter(({ url }) => url === A || url === B).every(({ at }) => at < 10)).toBe(true);
});

test("what may pass is tried three times, with pauses that grow", async () => {
  const web = new Web((_url, times): Answer => (times < 2 ? { status: 503 } : { body: feed("x") }));
  const news = await visit(web, [A]);
  expect(outcomeOf(news, A)).toMatchObject({ ok: true, tries: 3 });
  expect(web.asked.map(({ at }) => at)).toEqual([0, 250, 750]);
});

test("the pauses are drawn through the host's chance", async () => {
  const times = await Promise.all(
    [1, 2, 3].map(async (seed) => {
      const web = new Web((_url, before): Answer =>
        before === 0 ? { error: broken("ECONNRESET") } : { body: feed("x") },
      );
      await visit(web, [A], {}, new VirtualHost({ seed }));
      return web.asked[1]?.at ?? 0;
    }),
  );
  expect(new Set(times).size).toBeGreaterThan(1);
  for (const time of times) {
    expect(time).toBeGreaterThanOrEqual(250);
    expect(time).toBeLessThan(500);
  }
});

test("what does not pass is not tried again", async () => {
  const web = new Web((url): Answer => (url === A ? { status: 410 } : { error: broken("ENOTFOUND") }));
  const news = await visit(web, [A, B]);
  expect(outcomeOf(news, A)?.tries).toBe(1);
  expect(failureOf(news, B)).toMatchObject({ kind: "dns", message: "the name b.example does not exist" });
});

test("after three tries the last failure stands", async () => {
  const web = new Web(() => ({ error: broken("ECONNREFUSED") }));
  const news = await visit(web, [A]);
  expect(outcomeOf(news, A)?.tries).toBe(3);
  expect(failureOf(news, A)).toMatchObject({
    kind: "refused",
    message: "a.example refuses connections",
    cause: "fetch failed: ECONNREFUSED",
  });
});

test("Retry-After in seconds is obeyed", async () => {
  const web = new Web((_url, times): Answer =>
    times === 0 ? { status: 429, headers: { "retry-after": "7" } } : { body: feed("x") },
  );
  await visit(web, [A]);
  expect(web.asked.map(({ at }) => at)).toEqual([0, 7000]);
});

test("Retry-After as a date is obeyed, by the host's own calendar", async () => {
  const wallClock = Date.UTC(2026, 5, 1, 12, 0, 0);
  const date = new Date(wallClock + 9000).toUTCString();
  const web = new Web((_url, times): Answer =>
    times === 0 ? { status: 503, headers: { "retry-after": date } } : { body: feed("x") },
  );
  await visit(web, [A], {}, new VirtualHost({ wallClock }));
  expect(web.asked.map(({ at }) => at)).toEqual([0, 9000]);
});

test.each([
  ["3600", "60 min"],
  ["15", "15 s"],
])("a Retry-After beyond the deadline is an answer too: the failure comes at once (%s)", async (retryAfter, asked) => {
  const host = new VirtualHost();
  const web = new Web(() => ({ status: 503, headers: { "retry-after": retryAfter } }));
  const news = await visit(web, [A], { timeout: 15_000 }, host);
  expect(failureOf(news, A)).toEqual({
    kind: "asked-to-wait",
    message: `a.example answers HTTP 503, and asks to wait ${asked}: more than is left of 15 s`,
  });
  expect(host.now()).toBe(0);
});

test("a back-off that would end beyond the deadline is not begun: the failure that it would wait for comes at once", async () => {
  const host = new VirtualHost();
  const web = new Web(() => ({ status: 503 }));
  // The waits would be 250 and 500 ms.
  const news = await visit(web, [A], { timeout: 700, tries: 5 }, host);
  expect(failureOf(news, A)).toMatchObject({ kind: "status", message: "a.example answers HTTP 503" });
  expect(web.asked.map(({ at }) => at)).toEqual([0, 250]);
  expect(host.now()).toBe(250);
});

test("a host that never answers costs its own deadline, and its request is aborted", async () => {
  const host = new VirtualHost();
  const web = new Web((url) => (url === A ? { after: Infinity } : { body: feed("x"), after: 10 }));
  const news = await visit(web, [A, B], { timeout: 4000 }, host);
  expect(failureOf(news, A)).toEqual({ kind: "timeout", message: "no answer within 4 s" });
  expect(outcomeOf(news, B)?.ok).toBe(true);
  expect(web.asked.find(({ url }) => url === A)?.aborted).toBe(true);
  expect(host.now()).toBe(4000);
});

test("a body that stops in the middle is reported with what had come, and its reader is cancelled", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("<rss>")),
    cancel: () => void (cancelled = true),
  });
  const web = new Web(() => ({ body }));
  const news = await visit(web, [A], { timeout: 2000 });
  expect(failureOf(news, A)).toEqual({ kind: "timeout", message: "not at its end after 2 s: 5 bytes had come" });
  expect(cancelled).toBe(true);
});

test("redirects are followed, relative ones too, and named in the outcome", async () => {
  const web = new Web((url): Answer => {
    if (url === A) return { status: 301, headers: { location: "/moved" } };
    if (url === `${A}moved`) return { status: 307, headers: { location: "//b.example/#top" } };
    return { body: feed("x") };
  });
  const news = await visit(web, [A]);
  expect(outcomeOf(news, A)).toMatchObject({ ok: true, redirects: [`${A}moved`, B] });
});

test("redirects in a circle are an error that names the circle", async () => {
  const web = new Web((url) => ({ status: 302, headers: { location: url === A ? B : A } }));
  const news = await visit(web, [A]);
  expect(failureOf(news, A)).toEqual({ kind: "redirect", message: `redirected in a circle: ${A} → ${B} → ${A}` });
  expect(web.asked).toHaveLength(2);
});

test("ten redirects are followed and the eleventh is not", async () => {
  const web = new Web((url) => {
    const at = Number(new URL(url).pathname.slice(1));
    return at === 0 ? { body: feed("x") } : { status: 302, headers: { location: `/${at - 1}` } };
  });
  const news = await visit(web, [`${A}10`, `${A}11`]);
  expect(outcomeOf(news, `${A}10`)?.ok).toBe(true);
  expect(failureOf(news, `${A}11`)?.message).toBe(`redirected more than 10 times: ${A}11 → … → ${A}0`);
});

test.each([
  ["ftp://x.example/", "redirected to ftp:, and only http and https can be downloaded"],
  ["http://[", 'redirected to what is no URL: "http://["'],
])("a redirect to %s is an error", async (location, message) => {
  const news = await visit(new Web(() => ({ status: 301, headers: { location } })), [A]);
  expect(failureOf(news, A)).toEqual({ kind: "redirect", message });
});

test("a source redirected to a busy host waits there for its turn", async () => {
  const web = new Web((url): Answer => {
    if (url === A) return { status: 302, headers: { location: `${B}new` } };
    return { body: feed("x"), after: 100 };
  });
  await visit(web, [A, `${B}1`, `${B}2`, `${B}3`], { perHost: 1 });
  expect(web.most.get("b.example")).toBe(1);
  expect(web.asked).toHaveLength(5);
});

test("two sources redirected to each other's hosts do not block each other", async () => {
  const web = new Web((url): Answer => {
    if (url === A) return { status: 302, headers: { location: `${B}x` }, after: 5 };
    if (url === B) return { status: 302, headers: { location: `${A}x` }, after: 5 };
    return { body: feed("x"), after: 5 };
  });
  const news = await visit(web, [A, B], { perHost: 1 });
  expect(news.progress).toMatchObject({ done: 2, failed: 0 });
});

test("a body longer than the limit is cut, read as far as it goes, and marked", async () => {
  let pulled = 0;
  const article = new TextEncoder().encode("<item><title>storm</title></item>");
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("<rss version='2.0'><channel><title>x</title>")),
    pull(controller) {
      pulled++;
      controller.enqueue(article);
    },
  });
  const news = await visit(new Web(() => ({ body })), [A], { bodyLimit: 1000, terms: ["storm"] });
  const outcome = outcomeOf(news, A);
  expect(outcome).toMatchObject({
    ok: true,
    cut: true,
    notes: ["cut off after 1000 bytes"],
    articles: 28,
    mentions: [28],
  });
  expect(outcome?.bytes).toBeLessThan(1100);
  expect(pulled).toBeLessThan(40);
});

test("a body exactly as long as the limit is whole", async () => {
  const text = feed("x");
  const news = await visit(new Web(() => ({ body: text })), [A], { bodyLimit: text.length });
  expect(outcomeOf(news, A)).toMatchObject({ ok: true, cut: false });
});

test("answers without a body are empty, and say so", async () => {
  const news = await visit(new Web(() => ({ status: 204 })), [A]);
  expect(failureOf(news, A)).toEqual({ kind: "empty", message: "the body is empty" });
});

test("a run that is cancelled keeps what was done and lets go of the rest", async () => {
  const web = new Web((url) => ({ body: feed("x"), after: url === A ? 10 : 1000 }));
  const news = new News(
    [A, B, "http://c.example/", "http://d.example/"].map((url) => parseSource(url)),
    {
      fetch: fromWebFetch(web.fetch),
      concurrency: 3,
    },
  );
  await run(
    () =>
      group(function* (g) {
        g.spawn(web.serve(), { daemon: true });
        const work = g.spawn(news.work());
        yield* sleep(50);
        work.cancel("enough");
        yield* work.ended();
      }),
    { host: new VirtualHost() },
  );
  expect(news.report().totals).toMatchObject({ sources: 4, done: 1, failed: 0, unfinished: 3 });
  expect(news.running.size).toBe(0);
  expect(news.progress.running).toBe(0);
  expect(web.open.get("all")).toBe(0);
  expect(web.asked.filter(({ aborted }) => aborted)).toHaveLength(3);
});

test("a document is handed over while it is there", async () => {
  const titles: (string | undefined)[] = [];
  await visit(new Web(() => ({ body: feed("One") })), [A], {
    onDocument: (document, { url }) => titles.push(document.title, url),
  });
  expect(titles).toEqual(["One", A]);
});

test("an error in what documents are handed to fails that source and no other", async () => {
  const news = await visit(new Web(() => ({ body: feed("x") })), [A, B], {
    onDocument(_document, { url }) {
      if (url === A) throw new RangeError("no room");
    },
  });
  expect(failureOf(news, A)).toEqual({ kind: "internal", message: "RangeError: no room" });
  expect(outcomeOf(news, B)?.ok).toBe(true);
});

test("an address given twice is downloaded once", async () => {
  const web = new Web(() => ({ body: feed("x") }));
  await visit(web, [A, A, `${A}#x`]);
  expect(web.asked).toHaveLength(1);
});

test("no sources are no work", async () => {
  const news = await visit(new Web(() => ({})), []);
  expect(news.report().totals).toMatchObject({ sources: 0, done: 0 });
});

test("numbers that make no sense are refused by name", () => {
  for (const odd of [0, 1.5, Infinity, Number.NaN]) {
    expect(() => new News([], { concurrency: odd })).toThrow(`concurrency is a whole number of 1 or more, not ${odd}`);
    expect(() => new News([], { perHost: odd })).toThrow(`perHost is a whole number of 1 or more, not ${odd}`);
  }
  expect(() => new News([], { pace: { usual: Number.NaN } })).toThrow("pace.usual is 0 or more, not NaN");
  expect(() => new News([], { pace: { minimum: -1 } })).toThrow("pace.minimum is 0 or more, not -1");
  expect(() => new News([], { timeout: Number.NaN })).toThrow("timeout is 0 or more, not NaN");
  expect(() => new News([], { terms: ["…"] })).toThrow("no letter and no digit");
});

test("a run is made once", async () => {
  const news = await visit(new Web(() => ({ body: feed("x") })), [A]);
  await expect(run(() => news.work())).rejects.toThrow("this run has been made");
});

test("whenever a run is cancelled, nothing is left open and every source is done, failed or unfinished", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const web = new Web((url, times): Answer => {
      const at = Number(new URL(url).pathname.slice(1));
      if (at % 4 === 1 && times === 0) return { status: 503, after: at };
      if (at % 4 === 2) return { status: 302, headers: { location: `http://h${(at + 1) % 3}.example/${at + 100}` } };
      return { body: feed("x"), after: (at * 17) % 60 };
    });
    const sources = Array.from({ length: 24 }, (_, at) => parseSource(`http://h${at % 3}.example/${at}`));
    const news = new News(sources, { fetch: fromWebFetch(web.fetch), concurrency: 6 });
    const main = function* () {
      yield* group(function* (g) {
        g.spawn(web.serve(), { daemon: true });
        const work = g.spawn(news.work());
        yield* sleep(seed * 13);
        work.cancel();
        yield* work.ended();
      });
    };
    await run(main, { host: new VirtualHost({ seed }) });
    const { done, failed, unfinished } = news.report().totals;
    expect(done + failed + unfinished).toBe(24);
    expect([news.running.size, news.progress.running, news.progress.backingOff, web.open.get("all")]).toEqual([
      0, 0, 0, 0,
    ]);
  }
});

test("whatever the schedule, every source has one outcome and no limit is broken", { tags: ["long"] }, async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const web = new Web((url, times): Answer => {
      const at = Number(new URL(url).pathname.slice(1));
      if (at % 5 === 1 && times === 0) return { status: 503, after: at };
      if (at % 5 === 2)
        return { status: 302, headers: { location: `http://h${(at + 1) % 3}.example/${at + 100}` }, after: 3 };
      if (at % 7 === 3) return { after: Infinity };
      return { body: feed("x"), after: (at * 13) % 40 };
    });
    const urls = Array.from({ length: 30 }, (_, at) => `http://h${at % 3}.example/${at}`);
    const news = await visit(web, urls, { concurrency: 5, perHost: 2, timeout: 2000 }, new VirtualHost({ seed }));
    expect(news.outcomes.map((outcome) => outcome.source.url).toSorted()).toEqual(urls.toSorted());
    expect(web.most.get("all")).toBeLessThanOrEqual(5);
    for (let host = 0; host < 3; host++) expect(web.most.get(`h${host}.example`)).toBeLessThanOrEqual(2);
    expect(web.open.get("all")).toBe(0);
  }
});
