import { type Coroutine, group, run, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { article, fetched, read } from "../../tests/records.ts";
import { type Answer, Web } from "../../tests/web.ts";
import { fromWebFetch } from "../exchange.ts";
import { parseSource } from "../source.ts";
import type { NewArticle } from "../store/records.ts";
import { type ArticleText, NewsStore } from "../store/store.ts";
import { readArticle } from "./read-article.ts";
import { followPending, type FollowPendingOptions } from "./follow-pending.ts";

const FEED = parseSource("https://feed.example/rss", "Feed");
const NOW = Date.UTC(2026, 0, 5);

function entry(path: string, day: number): NewArticle {
  return article({
    url: `https://a.example/${path}`,
    id: path,
    title: `Title ${path}`,
    text: "teaser",
    published: Date.UTC(2026, 0, day),
  });
}

/** A memory with a feed of some articles. */
function memory(...articles: NewArticle[]): NewsStore {
  const store = NewsStore.open(":memory:");
  store.record(store.beginRun(NOW), [fetched(FEED, read(articles), { at: NOW })]);
  return store;
}

async function follow(store: NewsStore, web: Web, options: FollowPendingOptions = {}): Promise<void> {
  const all: FollowPendingOptions = {
    fetch: fromWebFetch(web.fetch),
    // On the loop, as virtual time does not wait for threads.
    *extract(page) {
      return readArticle(page);
    },
    tries: 1,
    ...options,
  };
  const main = function* (): Coroutine<void> {
    yield* group(function* (g) {
      g.spawn(web.serve(), { daemon: true });
      yield* followPending(store, all);
    });
  };
  await run(main, { host: new VirtualHost({ wallClock: NOW + 1000 }) });
}

const page = (text: string): Answer => ({
  headers: { "content-type": "text/html" },
  body: `<html lang=de><title>Page</title><p>${text}`,
});

test("texts of articles come into the memory, and nothing is followed twice", async () => {
  using store = memory(entry("storm", 4), entry("calm", 3));
  const web = new Web((url) =>
    url.endsWith(".txt") ? { status: 404 } : page(`The ${url.slice(18)} is here, and it is worth many words`),
  );
  await follow(store, web);
  const stored = [...store.articles()].toSorted((a, b) => (a.url ?? "").localeCompare(b.url ?? ""));
  expect(stored.map(({ text, language }) => `${language}: ${text}`)).toEqual([
    "de: The calm is here, and it is worth many words",
    "de: The storm is here, and it is worth many words",
  ]);
  expect(store.mentions(["storm", "teaser"]).map(({ count }) => count)).toEqual([1, 0]);
  const before = web.asked.length;
  await follow(store, web);
  expect(web.asked).toHaveLength(before);
});

test("the newest are followed first, as many as asked for, and only those of the sources asked for", async () => {
  using store = memory(entry("old", 1), entry("new", 4), entry("middle", 3));
  const web = new Web((url) => (url.endsWith(".txt") ? { status: 404 } : page(`This is a longer text of ${url}`)));
  await follow(store, web, { limit: 2 });
  const paths = web.asked.map(({ url }) => new URL(url).pathname);
  expect(paths).toEqual(["/robots.txt", "/new", "/middle"]);
  await follow(store, web, { sources: ["https://other.example/"] });
  expect(web.asked).toHaveLength(3);
});

test("an article that is gone is not asked for again; one whose host wants to be left alone is", async () => {
  using store = memory(entry("gone", 4));
  await follow(store, new Web((url) => (url.endsWith(".txt") ? { status: 404 } : { status: 410 })));
  expect(store.pendingArticles({ limit: 9 })).toEqual([]);
  using busy = memory(entry("busy", 4));
  await follow(busy, new Web(() => ({ status: 503, headers: { "retry-after": "86400" } })));
  expect(busy.pendingArticles({ limit: 9 })).toHaveLength(1);
  const forbidding: Answer = { body: "user-agent: *\ndisallow: /" };
  await follow(busy, new Web(() => forbidding));
  expect(busy.pendingArticles({ limit: 9 })).toEqual([]);
});

test("what came in before an error of the memory is stored, and the error is thrown", async () => {
  using store = memory(entry("one", 4), entry("two", 3));
  const web = new Web((url) =>
    url.endsWith(".txt") ? { status: 404 } : page("This is a longer text than that of the feed"),
  );
  const full = new Error("the disk is full");
  let stored = 0;
  const failing = {
    pendingArticles: store.pendingArticles.bind(store),
    followed: store.followed.bind(store),
    setText: (url: string, text: ArticleText): boolean => {
      if (stored++ > 0) throw full;
      return store.setText(url, text);
    },
  };
  await expect(follow(failing as unknown as NewsStore, web)).rejects.toBe(full);
  expect(store.pendingArticles({ limit: 9 }).map(({ url }) => url)).toEqual(["https://a.example/two"]);
});
