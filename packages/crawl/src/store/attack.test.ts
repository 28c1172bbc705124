// What sources send who mean no good, and what others send by mistake.

import { expect, test } from "vitest";
import { article, fetched, NOON, read, wordsOf } from "../../tests/records.ts";
import type { NewArticle } from "./records.ts";
import { NewsStore } from "./store.ts";

const A = "https://a.example/feed";

function memory(...articles: Partial<NewArticle>[]): NewsStore {
  const store = NewsStore.open(":memory:");
  store.record(store.beginRun(NOON), [fetched(A, read(articles.map(article)))]);
  return store;
}

test.each([
  ["the end of a C string", "before\0after"],
  ["SQL", `'; DROP TABLE articles; -- " ?1 :a @b $c`],
  ["line ends and escapes", "a\r\nb\tc\u001b[31md\\0"],
  ["all of Unicode", "\u{1F468}\u200D\u{1F469} \u202Eabc \uFEFF \u{10FFFF} é"],
])("%s in titles, texts, identifiers and names comes out as it went in", (_what, text) => {
  const store = NewsStore.open(":memory:");
  const source = { url: A, host: "a.example", name: text };
  const entry = article({ url: "https://a.example/1", id: text, title: text, text: `${text} text`, language: text });
  store.subscribe(source);
  store.record(store.beginRun(NOON), [fetched(source, read([entry], { title: text, charset: text, etag: text }))]);
  expect([...store.articles()]).toMatchObject([
    { id: text, title: text, text: `${text} text`, language: text, sources: [text] },
  ]);
  expect(store.subscriptions()).toEqual([source]);
  expect(store.health()[0]).toMatchObject({ name: text, title: text });
  expect(store.state(A)?.etag).toBe(text);
});

test("halves of characters are replaced, and the words counted as they are stored", () => {
  const store = memory({ url: "https://a.example/1", id: "\udc00", title: "a\ud800b", text: "x\udc00y z\udfff" });
  const [stored] = [...store.articles()];
  expect(stored).toMatchObject({ id: "\ufffd", title: "a\ufffdb", text: "x\ufffdy z\ufffd", words: 5 });
  expect(store.mentions(["x", "y", "z\udfff"]).map(({ count }) => count)).toEqual([1, 1, 0]);
});

test("words that are names of an object's own are words", () => {
  const text = "__proto__ constructor toString hasOwnProperty";
  const store = memory({ url: "https://a.example/1", text });
  expect(store.mentions(text.split(" ")).map(({ count }) => count)).toEqual([...wordsOf(text).values()].slice(0, 4));
});

test(
  "a title as long as a book and a text of a million words are stored and found, and the dictionary stays small",
  { tags: ["long"] },
  () => {
    const title = "Very ".repeat(200_000);
    const text = Array.from({ length: 1_000_000 }, (_, i) => `w${i.toString(36)}`).join(" ");
    const entries = [
      { url: "https://a.example/1", title, text },
      { url: "https://a.example/2", title: "Short very" },
    ];
    const store = memory(...entries);
    const terms = ["very", "wlflr", "w0 w1", "wlflq wlflr", "東京", "none"];
    const counts = [200_001, 1, 1, 1, 0, 0];
    expect(store.mentions(terms).map(({ count }) => count)).toEqual(counts);
    expect(store.latest(A, terms)?.mentions).toEqual(counts);
    expect([...store.articles({ term: "wlflr" })]).toHaveLength(1);
    expect([...store.articles()].map(({ words }) => words).toSorted((a, b) => a - b)).toEqual([2, 1_200_000]);
    expect(store.top({ limit: Infinity }).length).toBeLessThan(20_000);
    // As soon as the article is one again, it is counted as all others are.
    store.record(store.beginRun(NOON), [
      fetched(A, read([article({ url: "https://a.example/1", title: "Now short" })])),
    ]);
    expect(store.mentions(["short", "very"]).map(({ count }) => count)).toEqual([2, 1]);
  },
);

test("many articles of many new words in one document are found as well", () => {
  const store = memory(
    ...Array.from({ length: 50 }, (_, n) => ({
      url: `https://a.example/${n}`,
      text: `all ${Array.from({ length: 1000 }, (_, i) => `a${n}b${i}`).join(" ")}`,
    })),
  );
  expect(store.mentions(["all", "a0b0", "a49b999", "a49b998 a49b999"]).map(({ count }) => count)).toEqual([
    50, 1, 1, 1,
  ]);
});

test("a word as long as a book is a word", () => {
  const word = "x".repeat(1_000_000);
  const store = memory({ url: "https://a.example/1", text: `${word} ${word}` });
  expect(store.mentions([word])[0]?.count).toBe(2);
});

test(
  "three thousand entries with one address, one identifier or nothing at all take a time that grows with their number",
  { tags: ["long"] },
  () => {
    const ten = Array.from({ length: 3000 }, (_, n) => n);
    const one = memory(...ten.map((n) => ({ url: "https://a.example/", title: `Title ${n}` })));
    expect([...one.articles()]).toHaveLength(3000);
    const other = memory(...ten.map((n) => ({ id: "same", url: `https://a.example/${n}` })));
    expect([...other.articles()]).toHaveLength(3000);
    const none = memory(...ten.map((n) => ({ text: `Text ${n}` })));
    expect([...none.articles()]).toHaveLength(3000);
  },
);

test("days are those of UTC wherever the machine stands", () => {
  const before = process.env["TZ"];
  try {
    for (const zone of ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"]) {
      process.env["TZ"] = zone;
      const store = memory({ url: "https://a.example/1", title: "Storm", published: Date.UTC(2026, 2, 29, 23, 30) });
      const { days, articles } = store.trends({ terms: ["storm"], today: Date.UTC(2026, 2, 30, 0, 10), days: 3 });
      expect([days, articles]).toEqual([
        ["2026-03-28", "2026-03-29", "2026-03-30"],
        [0, 1, 0],
      ]);
    }
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
});
