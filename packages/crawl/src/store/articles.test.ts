import { expect, test } from "vitest";
import { article, DAY, fetched, NOON, read, wordsOf } from "../../tests/records.ts";
import type { FetchRecord, NewArticle, StoredArticle } from "./records.ts";
import { NewsStore } from "./store.ts";

const A = "https://a.example/feed";
const B = "https://b.example/feed";
/** Long enough that nobody writes it twice by chance. */
const LONG = "The council of the town has decided after a long debate to keep the old bridge over the river. ".repeat(
  3,
);

class Memory {
  readonly store: NewsStore = NewsStore.open(":memory:");
  readonly #run = this.store.beginRun(NOON);
  #at = NOON;

  /** A document of a source, each a minute after the one before. */
  feed(url: string, ...articles: Partial<NewArticle>[]): void {
    this.take(fetched(url, read(articles.map(article)), { at: (this.#at += 60_000) }));
  }

  page(url: string, fields: Partial<NewArticle>): void {
    this.take(fetched(url, read([article({ url, ...fields })], { kind: "page" }), { at: (this.#at += 60_000) }));
  }

  take(...fetches: FetchRecord[]): void {
    this.store.record(this.#run, fetches);
  }

  get all(): StoredArticle[] {
    return [...this.store.articles()].toSorted((a, b) => a.firstSeen - b.firstSeen);
  }

  get titles(): (string | undefined)[] {
    return this.all.map(({ title }) => title);
  }

  /** Asserts that words are counted by what is stored, whatever happened to it. */
  countsAgree(): void {
    const counts = new Map<string, number>();
    for (const { title, text } of this.all) {
      for (const [word, count] of wordsOf(title, text)) counts.set(word, (counts.get(word) ?? 0) + count);
    }
    for (const [word, count] of counts) expect(this.store.mentions([word])[0]?.count, word).toBe(count);
    for (const { title, text, words } of this.all) {
      expect(words).toBe([...wordsOf(title, text).values()].reduce((sum, count) => sum + count, 0));
    }
  }
}

test("an article that is fetched again and again is one", () => {
  const memory = new Memory();
  for (let i = 0; i < 3; i++) memory.feed(A, { url: "https://a.example/1", id: "1", title: "One", text: "Text" });
  expect(memory.all).toHaveLength(1);
  expect(memory.store.health()[0]?.articles).toBe(1);
  memory.countsAgree();
});

test("an article under another spelling of its address, in another source, is one, and known by both sources", () => {
  const memory = new Memory();
  memory.feed(A, { url: "https://a.example/1?utm_source=feed", title: "One", text: "Text" });
  memory.feed(B, { url: "http://www.a.example/1/#top", title: "One!", text: "Text" });
  expect(memory.all).toMatchObject([{ url: "https://a.example/1?utm_source=feed", sources: [A, B] }]);
  expect(memory.store.health().map(({ articles }) => articles)).toEqual([1, 1]);
});

test("the same identifier in two feeds is two articles", () => {
  const memory = new Memory();
  memory.feed(A, { url: "https://a.example/1", id: "1", title: "One" });
  memory.feed(B, { url: "https://b.example/1", id: "1", title: "Another" });
  const same = { id: "urn:uuid:00000000-0000-0000-0000-000000000000" };
  memory.feed(A, { ...same, title: "Third" });
  memory.feed(B, { ...same, title: "Fourth" });
  expect(memory.titles).toEqual(["One", "Another", "Third", "Fourth"]);
});

test("an identifier that is meant for ever outlives a new title, address and date", () => {
  const memory = new Memory();
  const id = "tag:a.example,2026:4711";
  memory.feed(A, { id, url: "https://a.example/old", title: "Old", published: NOON - DAY });
  memory.feed(A, { id, url: "https://a.example/new", title: "New", published: NOON });
  expect(memory.all).toMatchObject([{ title: "New", url: "https://a.example/old", published: NOON - DAY }]);
  // Both addresses lead to it from now on.
  memory.feed(B, { url: "https://a.example/new", title: "New" });
  expect(memory.all).toHaveLength(1);
  memory.countsAgree();
});

test("a short identifier is believed with a second witness only", () => {
  const memory = new Memory();
  memory.feed(A, { id: "7", url: "https://a.example/old", title: "Old", published: NOON - DAY });
  memory.feed(A, { id: "7", url: "https://a.example/new", title: "New", published: NOON - DAY });
  expect(memory.titles).toEqual(["New"]);
  memory.feed(A, { id: "7", url: "https://a.example/newest", title: "New", published: NOON });
  expect(memory.titles).toEqual(["New"]);
  memory.feed(A, { id: "7", url: "https://a.example/else", title: "Something else", published: NOON });
  expect(memory.titles).toEqual(["New", "Something else"]);
  memory.countsAgree();
});

test("a feed that numbers its entries anew each time keeps its articles apart", () => {
  const memory = new Memory();
  const entry = (n: number): Partial<NewArticle> => ({
    url: `https://a.example/${n}`,
    title: `Title ${n}`,
    text: `Text ${n}`,
  });
  const numbered = (...numbers: number[]): void =>
    memory.feed(A, ...numbers.map((n, index) => ({ ...entry(n), id: String(index + 1) })));
  numbered(3, 2, 1);
  numbered(4, 3, 2);
  numbered(6, 5, 4);
  expect(memory.titles.toSorted()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `Title ${n}`));
  memory.countsAgree();
});

test("a feed that gives all entries of a document the same identifier is known by their addresses", () => {
  const memory = new Memory();
  const id = "https://a.example/the-feed-itself";
  for (let i = 0; i < 2; i++) {
    memory.feed(A, { id, url: "https://a.example/1", title: "One" }, { id, url: "https://a.example/2", title: "Two" });
    memory.feed(A, { id, title: "Three" }, { id, title: "Four" });
  }
  expect(memory.titles).toEqual(["One", "Two", "Three", "Four"]);
});

test("a feed that mints new identifiers at each request is known by its addresses", () => {
  const memory = new Memory();
  for (let i = 0; i < 3; i++) {
    memory.feed(A, { id: `00000000-0000-4000-8000-${i}`, url: "https://a.example/1", title: "One", text: `Text ${i}` });
  }
  expect(memory.all).toMatchObject([{ title: "One", text: "Text 2" }]);
});

test("a feed whose entries all lead to one page keeps them apart by their identifiers or titles, now and later", () => {
  for (const id of [(n: number) => `https://a.example/changes#${n}`, () => undefined]) {
    const memory = new Memory();
    const entry = (n: number): Partial<NewArticle> => ({
      id: id(n),
      url: "https://a.example/changes",
      title: `Version ${n}`,
      text: `New ${n}`,
    });
    memory.feed(A, entry(2), entry(1));
    memory.feed(A, entry(3), entry(2), entry(1));
    memory.feed(A, entry(4));
    memory.feed(A, entry(4));
    expect(memory.titles.toSorted()).toEqual([1, 2, 3, 4].map((n) => `Version ${n}`));
    memory.countsAgree();
    expect(memory.store.pendingArticles({ limit: 10 })).toEqual([]);
  }
});

test("a page whose title and text change with every visit is one article with its newest text", () => {
  const memory = new Memory();
  memory.page("https://a.example/", { title: "Monday", text: LONG });
  memory.page("https://a.example/", { title: "Tuesday", text: "Short today" });
  expect(memory.all).toMatchObject([{ title: "Tuesday", text: "Short today" }]);
  memory.countsAgree();
});

test("an article whose text changes has its words replaced, not added to", () => {
  const memory = new Memory();
  const url = "https://a.example/1";
  memory.feed(A, { url, title: "Vote", text: "The vote is open" });
  memory.feed(A, { url, title: "Vote", text: "The vote is closed" });
  expect(memory.store.mentions(["vote", "open", "closed"]).map(({ count }) => count)).toEqual([2, 0, 1]);
  memory.feed(A, { url, title: "Voted", text: "Over" });
  memory.countsAgree();
});

test("two feeds that say more and less of an article do not take turns", () => {
  const memory = new Memory();
  const url = "https://a.example/1";
  const texts: string[] = [];
  for (let i = 0; i < 2; i++) {
    memory.feed(A, { url, title: "One", text: "A long text of the first" });
    texts.push(memory.all[0]?.text ?? "");
    memory.feed(B, { url, title: "One", text: "Short" });
    texts.push(memory.all[0]?.text ?? "");
  }
  expect(new Set(texts)).toEqual(new Set(["A long text of the first"]));
  memory.feed(B, { url, title: "One", text: "An even longer text of the second" });
  memory.feed(A, { url, title: "One", text: "A long text of the first" });
  expect(memory.all[0]?.text).toBe("An even longer text of the second");
  memory.countsAgree();
});

test("of an article that stands twice in a document the longer text is kept, whatever the order", () => {
  for (const texts of [
    ["short", "longer text"],
    ["longer text", "short"],
  ]) {
    const memory = new Memory();
    for (let i = 0; i < 2; i++) {
      memory.feed(A, ...texts.map((text) => ({ url: "https://a.example/1", title: "One", text })));
      expect(memory.all).toMatchObject([{ text: "longer text" }]);
    }
    expect(memory.store.latest(A, [])?.articles).toBe(1);
    memory.countsAgree();
  }
});

test("the same long content under two addresses, published within two days, is one article", () => {
  const memory = new Memory();
  memory.feed(A, { url: "https://a.example/1", title: "Bridge", text: LONG, published: NOON - DAY });
  memory.feed(B, { url: "https://b.example/2", title: "Bridge", text: LONG, published: NOON });
  expect(memory.all).toMatchObject([{ sources: [A, B] }]);
  memory.feed(A, { url: "https://b.example/2", title: "Bridge" });
  expect(memory.all).toHaveLength(1);
});

test.each([
  ["short", { title: "Bridge", text: "Read more" }, {}],
  ["without a title", { text: LONG }, {}],
  ["under another title", { title: "Bridge", text: LONG }, { title: "River" }],
  ["days later", { title: "Bridge", text: LONG, published: NOON - 3 * DAY }, { published: NOON }],
  ["empty", { title: "Bridge", text: "" }, {}],
])("the same content is two articles if it is %s", (_what, one, other) => {
  const memory = new Memory();
  memory.feed(A, { url: "https://a.example/1", ...one });
  memory.feed(B, { url: "https://b.example/2", ...one, ...other });
  expect(memory.all).toHaveLength(2);
});

test("one source that publishes the same content twice means two articles, unless it was at the same moment", () => {
  const memory = new Memory();
  const puzzle = { title: "Puzzle", text: LONG };
  memory.feed(
    A,
    { url: "https://a.example/1", ...puzzle, published: NOON - DAY },
    { url: "https://a.example/2", ...puzzle, published: NOON },
  );
  expect(memory.all).toHaveLength(2);
  memory.feed(A, { url: "https://a.example/in-another-section", ...puzzle, published: NOON });
  expect(memory.all).toHaveLength(2);
});

test("an entry without address and identifier is known by its title, or else by its text", () => {
  const memory = new Memory();
  for (let i = 0; i < 2; i++)
    memory.feed(A, { title: "One", text: "a" }, { text: "untitled" }, { text: "other" }, {}, { title: "", text: "" });
  expect(memory.all.map(({ title, text, id }) => [title, text, id])).toEqual([
    ["One", "a", undefined],
    [undefined, "untitled", undefined],
    [undefined, "other", undefined],
  ]);
  memory.feed(A, { title: "One", text: "b" });
  memory.feed(B, { title: "One", text: "b" });
  expect(memory.all.map(({ text }) => text)).toEqual(["b", "untitled", "other", "b"]);
  memory.feed(A, { title: "Note", text: "first" }, { title: "Note", text: "second" });
  expect(memory.all).toHaveLength(6);
});

test("what is no address of the web is none of an article", () => {
  const memory = new Memory();
  memory.feed(A, { url: "urn:isbn:1", id: "urn:isbn:1", title: "One" }, { url: "not an address", title: "Two" });
  expect(memory.all.map(({ url, title }) => [url, title])).toEqual([
    [undefined, "One"],
    [undefined, "Two"],
  ]);
});

test("an article counts for the day of its publication in UTC; where that cannot be believed, for the day it was first seen", () => {
  const memory = new Memory();
  const dates: [string, number | undefined, string][] = [
    ["said", Date.UTC(2026, 5, 1, 23, 59, 59, 999), "2026-06-01"],
    ["a ms later", Date.UTC(2026, 5, 2), "2026-06-02"],
    ["unsaid", undefined, "2026-06-15"],
    ["tomorrow", NOON + DAY, "2026-06-16"],
    ["in two days", NOON + 2 * DAY, "2026-06-15"],
    ["1989", Date.UTC(1989, 11, 31), "2026-06-15"],
    ["1990", Date.UTC(1990, 0, 1), "1990-01-01"],
    ["the last of all", 8.64e15, "2026-06-15"],
    ["beyond", Infinity, "2026-06-15"],
    ["before", -8.64e15, "2026-06-15"],
    ["none", Number.NaN, "2026-06-15"],
    ["in parts of a ms", Date.UTC(2026, 5, 1) + 0.5, "2026-06-01"],
  ];
  memory.feed(A, ...dates.map(([title, published], i) => ({ url: `https://a.example/${i}`, title, published })));
  for (const [title, , day] of dates) {
    const range = { from: day, to: day };
    expect(
      [...memory.store.articles({ range })].map((article) => article.title),
      title,
    ).toContain(title);
    expect(memory.store.mentions([title], range)[0]?.count, title).toBeGreaterThan(0);
  }
});

test("a date that comes later moves the article to its day, and one that was believed stays", () => {
  const memory = new Memory();
  const url = "https://a.example/1";
  memory.feed(A, { url, title: "Vote" });
  memory.feed(A, { url, title: "Vote", published: NOON - 3 * DAY });
  expect(memory.store.mentions(["vote"], { to: "2026-06-12" })[0]?.count).toBe(1);
  memory.feed(A, { url, title: "Vote again", published: NOON });
  expect(memory.store.mentions(["vote"], { to: "2026-06-12" })[0]?.count).toBe(1);
  expect(memory.all[0]).toMatchObject({ title: "Vote again", published: NOON - 3 * DAY });
  memory.countsAgree();
});

test("a long text comes back as it went in", () => {
  const memory = new Memory();
  const text = `${"日本語のテキスト、 and English.\n".repeat(500)}😀`;
  memory.feed(A, { url: "https://a.example/1", title: "Long", text });
  expect(memory.all[0]?.text).toBe(text);
  expect(memory.store.mentions(["english", "日本語の"]).map(({ count }) => count)).toEqual([500, 500]);
});

test("the text of an article's page takes the place of the feed's shorter one, and the feed does not take it back", () => {
  const memory = new Memory();
  const url = "https://a.example/1";
  const words = wordsOf("Vote", LONG);
  expect(memory.store.setText(url, { text: LONG, words })).toBe(false);
  memory.feed(A, { url, title: "Vote", text: "A summary of the vote", language: undefined });
  expect(
    memory.store.setText(`${url}?utm_source=x#y`, { text: LONG, words, language: "de", published: NOON - DAY }),
  ).toBe(true);
  expect(memory.all).toMatchObject([{ title: "Vote", text: LONG, language: "de", published: NOON - DAY }]);
  memory.countsAgree();
  expect(memory.store.setText(url, { text: LONG, words })).toBe(false);
  memory.feed(A, { url, title: "Vote", text: "A summary of the vote" });
  memory.feed(B, { url, title: "Vote", text: `${LONG}${LONG}` });
  expect(memory.all).toMatchObject([{ text: LONG, sources: [A, B] }]);
  expect(memory.store.setText(url, { title: "Result", text: "Rewritten", words: wordsOf("Result", "Rewritten") })).toBe(
    true,
  );
  expect(memory.all).toMatchObject([{ title: "Result", text: "Rewritten" }]);
  memory.countsAgree();
});

test("a page that says less than the feed, or nothing, changes nothing", () => {
  const memory = new Memory();
  const url = "https://a.example/1";
  memory.feed(A, { url, title: "Vote", text: "A summary of the vote" });
  expect(memory.store.setText(url, { text: "Please log in", words: wordsOf("Please log in") })).toBe(false);
  expect(memory.store.setText(url, { text: "", words: new Map() })).toBe(false);
  expect(memory.store.setText("no address", { text: LONG, words: new Map() })).toBe(false);
  expect(memory.all).toMatchObject([{ text: "A summary of the vote" }]);
  memory.countsAgree();
});

test("articles wait to be followed, the newest first, until they were", () => {
  const memory = new Memory();
  const url = (n: number): string => `https://a.example/${n}`;
  memory.feed(
    A,
    { url: url(1), title: "One", published: NOON - 2 * DAY },
    { url: url(2), title: "Two", published: NOON - DAY },
  );
  memory.feed(B, { url: url(2) }, { url: url(3), published: NOON - 3 * DAY }, { id: "without", title: "an address" });
  memory.page("https://c.example/", { title: "A page is whole as it is" });
  const pending = (options: Partial<Parameters<NewsStore["pendingArticles"]>[0]> = {}): unknown =>
    memory.store.pendingArticles({ limit: 10, ...options });
  expect(pending()).toEqual([
    { url: url(2), title: "Two", source: A },
    { url: url(1), title: "One", source: A },
    { url: url(3), title: undefined, source: B },
  ]);
  expect(pending({ limit: 1 })).toHaveLength(1);
  expect(pending({ limit: 0 })).toEqual([]);
  expect(pending({ sources: [B] })).toEqual([
    { url: url(2), title: "Two", source: B },
    { url: url(3), title: undefined, source: B },
  ]);
  expect(pending({ sources: [] })).toEqual([]);
  memory.store.followed(url(2), NOON, { kind: "status", message: "a.example answers HTTP 404" });
  memory.store.followed("https://never.example/", NOON);
  memory.store.setText(url(1), { text: LONG, words: wordsOf(LONG) });
  expect(pending()).toEqual([{ url: url(3), title: undefined, source: B }]);
});

test("an article that no feed shows any more does not wait to be followed", () => {
  const memory = new Memory();
  memory.feed(A, { url: "https://a.example/1", title: "One" });
  memory.feed(A, { url: "https://a.example/2", title: "Two" });
  expect(memory.store.pendingArticles({ limit: 9 }).map(({ title }) => title)).toEqual(["Two"]);
});
