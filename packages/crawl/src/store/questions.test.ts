import * as fc from "fast-check";
import { expect, test } from "vitest";
import { article, DAY, fetched, NOON, read } from "../../tests/records.ts";
import { parseSource } from "../source.ts";
import { TermCounter } from "../terms.ts";
import { fold } from "../words.ts";
import { logLikelihood } from "./log-likelihood.ts";
import type { NewArticle, Range } from "./records.ts";
import { NewsStore } from "./store.ts";

const A = parseSource("https://a.example/feed", "Paper A");
const B = parseSource("https://b.example/feed");

/** A memory with these articles of A, each with an address of its own. */
function memory(...articles: Partial<NewArticle>[]): NewsStore {
  const store = NewsStore.open(":memory:");
  add(store, A, ...articles);
  return store;
}

let addresses = 0;
function add(store: NewsStore, source: typeof A, ...articles: Partial<NewArticle>[]): void {
  const entries = articles.map((fields) =>
    article({ url: `https://articles.example/${++addresses}`, published: NOON, ...fields }),
  );
  store.record(store.beginRun(NOON), [fetched(source, read(entries))]);
}

const day = (n: number): number => NOON + n * DAY;

test("an empty memory answers every question", () => {
  const store = NewsStore.open(":memory:");
  expect(store.latest(A.url, ["x"])).toBeUndefined();
  expect(store.mentions(["storm", "two words", "東京"])).toEqual(
    ["storm", "two words", "東京"].map((term) => ({ term, count: 0, articles: 0 })),
  );
  expect(store.mentions([])).toEqual([]);
  expect(store.trends({ terms: ["storm"], today: NOON, days: 2 })).toEqual({
    days: ["2026-06-14", "2026-06-15"],
    articles: [0, 0],
    series: [{ term: "storm", counts: [0, 0], total: 0 }],
  });
  expect(store.trends({ terms: ["storm"], today: NOON, by: "source" }).series).toEqual([]);
  expect(store.top({ limit: 5 })).toEqual([]);
  expect(store.rising({ today: NOON, limit: 5 })).toEqual([]);
  expect(store.health()).toEqual([]);
  expect(store.subscriptions()).toEqual([]);
  expect([...store.articles()]).toEqual([]);
  expect([...store.articles({ term: "storm" })]).toEqual([]);
  expect(store.pendingArticles({ limit: 5 })).toEqual([]);
  expect(store.lastRun()).toBeUndefined();
});

test(
  "mentions of words, of several words and of pieces of text are those that TermCounter finds",
  { tags: ["long"] },
  () => {
    // Few words and separators, so that terms meet, nearly meet and overlap.
    const piece = fc.constantFrom(
      "ha",
      "Ha",
      "new",
      "york",
      "東京",
      "都",
      "ไทย",
      "l'or",
      "1.5",
      "é",
      "😀",
      "\ud800",
      "ﬁ",
      "ς",
      "Σ",
      "\0",
    );
    const gap = fc.constantFrom(" ", "-", ". ", ", ", "", "\n", "'");
    const text = fc.array(fc.tuple(piece, gap), { maxLength: 12 }).map((parts) => parts.flat().join(""));
    const hasWord = (term: string): boolean => /[\p{L}\p{N}]/u.test(fold(term));
    const term = fc
      .array(fc.tuple(piece, gap), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.flat().join(""))
      .filter(hasWord);
    const entry = fc.record({
      title: fc.option(text, { nil: undefined }),
      text,
      published: fc.constantFrom(day(-1), day(0), undefined),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 6 }),
        fc.array(term, { minLength: 1, maxLength: 4 }),
        (entries, terms) => {
          const store = memory(...entries);
          const counter = new TermCounter(terms);
          const expected = terms.map((term) => ({ term, count: 0, articles: 0 }));
          for (const { title, text } of entries) {
            const inTitle = counter.count(fold((title ?? "").toWellFormed()));
            for (const [index, inText] of counter.count(fold(text.toWellFormed())).entries()) {
              const sum = expected[index] as { count: number; articles: number };
              const found = inText + (inTitle[index] as number);
              sum.count += found;
              if (found > 0) sum.articles++;
            }
          }
          expect(store.mentions(terms)).toEqual(expected);
          const { series } = store.trends({ terms, today: NOON, days: 2 });
          expect(series.map(({ total }) => total)).toEqual(expected.map(({ count }) => count));
          expect(store.latest(A.url, terms)?.mentions).toEqual(expected.map(({ count }) => count));
          for (const [index, term] of terms.entries()) {
            expect([...store.articles({ term })]).toHaveLength(expected[index]?.articles ?? 0);
          }
          store.close();
        },
      ),
      { numRuns: 300 },
    );
  },
);

test("a term is asked for by its words and bound by none of SQL's meanings", () => {
  const evil = "x'); DROP TABLE articles; --";
  const store = memory({ title: evil, text: "100% of a_b\\" });
  for (const term of [evil, "100%", "a_b", '" OR 1=1 --', "%", "x\0y"]) {
    if (!/[\p{L}\p{N}]/u.test(term)) expect(() => store.mentions([term])).toThrow(/no letter and no digit/);
    else
      expect(store.mentions([term])[0]?.count).toBe(
        new TermCounter([term]).count(fold(evil))[0]! + new TermCounter([term]).count(fold("100% of a_b\\"))[0]!,
      );
  }
  expect(store.latest(evil, ["x"])).toBeUndefined();
  expect(store.state(evil)).toBeUndefined();
  expect(store.unsubscribe(evil)).toBe(false);
  expect(store.top({ limit: 3, sources: [evil] })).toEqual([]);
  expect([...store.articles()]).toHaveLength(1);
});

test("a range includes both its days, and one that ends before it begins has none", () => {
  const store = memory(
    { title: "storm", published: Date.UTC(2026, 0, 1) },
    { title: "storm storm", published: Date.UTC(2026, 0, 3) - 1 },
    { title: "storm storm storm storm", published: Date.UTC(2026, 0, 3) },
  );
  const count = (range: Range): number | undefined => store.mentions(["storm"], range)[0]?.count;
  expect(count({ from: "2026-01-01", to: "2026-01-02" })).toBe(3);
  expect(count({ from: "2026-01-02" })).toBe(6);
  expect(count({ to: "2026-01-01" })).toBe(1);
  expect(count({ from: "2026-01-03", to: "2026-01-01" })).toBe(0);
  expect(count({})).toBe(7);
  expect([...store.articles({ range: { from: "2026-01-02", to: "2026-01-02" } })]).toHaveLength(1);
  expect(store.top({ limit: 1, range: { from: "2026-01-03" } })).toEqual([{ word: "storm", count: 4, articles: 1 }]);
});

test.each(["", "2026", "2026-13-01", "2026-02-30", "2026-1-1", "275760-09-13", "yesterday", "2026-01-01T00:00"])(
  "%j is no day",
  (from) => {
    const store = NewsStore.open(":memory:");
    expect(() => store.mentions(["x"], { from })).toThrow(/is no day; write YYYY-MM-DD/);
    expect(() => store.top({ limit: 1, range: { to: from } })).toThrow(RangeError);
    expect(() => [...store.articles({ range: { from } })]).toThrow(RangeError);
  },
);

test.each([Number.NaN, Infinity, 8.64e15, -8.64e15])("%d is no day to ask from", (today) => {
  const store = NewsStore.open(":memory:");
  expect(() => store.trends({ terms: [], today })).toThrow(RangeError);
  expect(() => store.rising({ today, limit: 1 })).toThrow(RangeError);
});

test("numbers that make no sense are refused", () => {
  const store = NewsStore.open(":memory:");
  for (const days of [0, -1, 1.5, Number.NaN, Infinity, 1e9]) {
    expect(() => store.trends({ terms: [], today: NOON, days })).toThrow(/days is/);
    expect(() => store.rising({ today: NOON, days, limit: 1 })).toThrow(/days is/);
    expect(() => store.rising({ today: NOON, past: days, limit: 1 })).toThrow(/past is/);
  }
  for (const limit of [-1, Number.NaN]) {
    expect(() => store.top({ limit })).toThrow(/limit is 0 or more/);
    expect(() => store.rising({ today: NOON, limit })).toThrow(/limit is 0 or more/);
    expect(() => store.pendingArticles({ limit })).toThrow(/limit is 0 or more/);
    for (const query of [{}, { term: "storm" }]) {
      expect(() => [...store.articles({ ...query, limit })]).toThrow(/limit is 0 or more/);
    }
  }
});

test("trends have no gaps, and count the articles of each day", () => {
  const store = memory(
    { title: "Storm", text: "storm in New York", published: day(-2) },
    { title: "Sun", published: day(-2) },
    { title: "Storm", published: day(0) },
    { title: "Storm storm storm", published: day(-3) },
  );
  const trends = store.trends({ terms: ["new york", "storm"], today: NOON + DAY / 2 - 1, days: 3 });
  expect(trends).toEqual({
    days: ["2026-06-13", "2026-06-14", "2026-06-15"],
    articles: [2, 0, 1],
    series: [
      { term: "new york", counts: [1, 0, 0], total: 1 },
      { term: "storm", counts: [2, 0, 1], total: 3 },
    ],
  });
  expect(store.trends({ terms: ["storm"], today: NOON })).toMatchObject({ series: [{ total: 6 }] });
  expect(store.trends({ terms: [], today: NOON }).days).toHaveLength(30);
});

test("trends by source count an article for each source that had it, and those with most mentions come first", () => {
  const store = memory({ url: "https://articles.example/shared", title: "Storm" });
  add(store, B, { url: "https://articles.example/shared", title: "Storm" }, { title: "storm storm" }, { title: "Sun" });
  expect(store.trends({ terms: ["storm", "snow"], today: NOON, days: 1, by: "source" }).series).toEqual([
    { term: "storm", group: B.url, counts: [3], total: 3 },
    { term: "storm", group: "Paper A", counts: [1], total: 1 },
  ]);
});

test("two sources of one name are told apart by their addresses", () => {
  const store = memory({ title: "Storm" });
  const other = parseSource("https://other.example/", "Paper A");
  add(store, other, { title: "Storm" });
  const groups = store.trends({ terms: ["storm"], today: NOON, by: "source" }).series.map(({ group }) => group);
  expect(groups).toEqual([A.url, other.url]);
});

test("trends by language take en-GB and EN_us for English, and ? for what is not said", () => {
  const languages = ["en-GB", "EN_us", "de", undefined, ""];
  const store = memory(...languages.map((language) => ({ title: "Storm", language })));
  const { series } = store.trends({ terms: ["storm"], today: NOON, days: 1, by: "language" });
  expect(series.map(({ group, total }) => [group, total])).toEqual([
    ["?", 2],
    ["en", 2],
    ["de", 1],
  ]);
});

test("the top words leave out stop words of each article's language, numbers and single letters", () => {
  const store = memory(
    { title: "The die", text: "The die is cast, 2026 x x x", language: "en" },
    { title: "Die Wahl", text: "Die Wahl war gestern", language: "de-AT" },
    { title: "雨", text: "雨 雨", language: "zh" },
  );
  expect(store.top({ limit: 10 })).toEqual(
    [
      { word: "雨", count: 3, articles: 1 },
      { word: "die", count: 2, articles: 1 },
      { word: "wahl", count: 2, articles: 1 },
      { word: "cast", count: 1, articles: 1 },
      { word: "gestern", count: 1, articles: 1 },
    ].toSorted((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1)),
  );
});

test("where no language is said it is guessed from the whole document", () => {
  const language = undefined;
  const titles = ["Die Chats", "Avec le chat", "Dans la rue, avec les chats et sur les toits"];
  const articles = titles.map((title, n) => article({ url: `https://articles.example/${n}`, title, language }));
  const store = NewsStore.open(":memory:");
  store.record(store.beginRun(NOON), [fetched(A, read(articles, { language }))]);
  expect(store.top({ limit: 10 }).map(({ word }) => word)).toEqual(["chats", "chat", "die", "rue", "toits"]);
});

test("the top words of some sources are those of articles that any of them had", () => {
  const store = memory({ title: "Storm", url: "https://articles.example/both" }, { title: "Snow" });
  add(
    store,
    B,
    { title: "Storm", url: "https://articles.example/both" },
    { title: "Sun" },
    { title: "Wind", published: day(-5) },
  );
  const words = (...sources: string[]): string[] =>
    store.top({ limit: 9, sources, range: { from: "2026-06-15" } }).map(({ word }) => word);
  expect(words(B.url)).toEqual(["storm", "sun"]);
  expect(words(A.url, B.url)).toEqual(["snow", "storm", "sun"]);
  expect(store.top({ limit: 9, sources: [A.url, B.url] }).find(({ word }) => word === "storm")?.count).toBe(1);
  expect(words()).toEqual([]);
});

test("a limit keeps the best, of few words and of many", () => {
  const many = Array.from({ length: 5000 }, (_, i) => `w${i} `.repeat(i === 4321 ? 9 : i % 5 === 0 ? 2 : 1)).join("");
  const store = memory({ text: many });
  expect(store.top({ limit: 2 }).map(({ count }) => count)).toEqual([9, 2]);
  expect(store.top({ limit: 1001 }).filter(({ count }) => count >= 2)).toHaveLength(1001);
  expect(store.top({ limit: 0 })).toEqual([]);
  expect(store.top({ limit: Infinity })).toHaveLength(5000);
});

test("words rise that are said more than in the days before, by G²", () => {
  const filler = "one two three four five six seven";
  const past = Array.from({ length: 28 }, (_, i) => ({
    title: "Storm",
    text: `${filler} vote`,
    published: day(-1 - i),
  }));
  const now = Array.from({ length: 3 }, () => ({ title: "Storm", text: `${filler} flood flood` }));
  const store = memory(...past, ...now, { text: "vote" });
  const rising = store.rising({ today: NOON, limit: 10 });
  const [recentWords, pastWords] = [3 * 10 + 1, 28 * 9];
  expect(rising).toEqual([
    {
      word: "flood",
      recent: 6,
      before: 0,
      recentRate: (6 / recentWords) * 10_000,
      beforeRate: 0,
      score: expect.closeTo(logLikelihood(6, recentWords, 0, pastWords), 10),
    },
  ]);
});

test("one article cannot make a word rise, nor a stop word, a number or a letter", () => {
  const past = Array.from({ length: 9 }, () => ({ text: "calm sea ".repeat(20), published: day(-3) }));
  const store = memory(
    ...past,
    { text: "flood ".repeat(50) },
    ...Array.from({ length: 2 }, () => ({ text: "thunder thunder" })),
    ...Array.from({ length: 5 }, () => ({ text: "the the 2026 2026 x x x rain rain" })),
  );
  expect(store.rising({ today: NOON, limit: 10 }).map(({ word }) => word)).toEqual(["rain"]);
});

test("words fall silent without rising, and words that are as common as ever do not rise", () => {
  const store = memory(
    ...Array.from({ length: 10 }, () => ({ text: "calm sea", published: day(-3) })),
    ...Array.from({ length: 5 }, () => ({ text: "sea sea" })),
    ...Array.from({ length: 5 }, () => ({ text: "calm calm" })),
  );
  expect(store.rising({ today: NOON, limit: 10 })).toEqual([]);
});

test("recent days are compared with the days right before them and no others", () => {
  const words = (text: string, at: number): Partial<NewArticle>[] =>
    Array.from({ length: 5 }, () => ({ text, published: at }));
  const store = memory(
    ...words("flood flood flood calm", day(-10)),
    ...words("calm sea wind rain", day(-3)),
    ...words("flood flood flood", day(-1)),
    ...words("flood sea", day(0)),
    ...words("sea sea sea sea sea", day(1)),
  );
  const rising = (query: object): [string, number, number][] =>
    store.rising({ today: NOON, limit: 9, ...query }).map(({ word, recent, before }) => [word, recent, before]);
  expect(rising({ days: 2, past: 5 })).toEqual([["flood", 20, 0]]);
  expect(rising({ days: 2, past: 20 })).toEqual([["flood", 20, 15]]);
  expect(rising({ days: 30, past: 30 })).toEqual([]);
});

test("articles come by the time at which they appeared, as many as are asked for", () => {
  const store = memory(
    ...Array.from({ length: 250 }, (_, i) => ({ title: `n${i}`, published: NOON - (i % 50) * 1000 })),
  );
  const all = [...store.articles()];
  expect(all).toHaveLength(250);
  const times = all.map(({ published }) => published);
  expect(times).toEqual(times.toSorted());
  expect([...store.articles({ newestFirst: true })].map(({ title }) => title)).toEqual(
    all.map(({ title }) => title).reverse(),
  );
  expect([...store.articles({ limit: 120 })]).toEqual(all.slice(0, 120));
  expect([...store.articles({ limit: 0 })]).toEqual([]);
  expect([...store.articles({ term: "n7" })].map(({ title }) => title)).toEqual(["n7"]);
});

test("articles with a term come in the same order, and as many as are asked for", () => {
  const store = memory(
    { title: "New York" },
    { title: "york new", published: day(-1) },
    { title: "in New-York", published: day(-2) },
  );
  expect([...store.articles({ term: "new york" })].map(({ title }) => title)).toEqual(["in New-York", "New York"]);
  expect([...store.articles({ term: "new york", newestFirst: true, limit: 1 })].map(({ title }) => title)).toEqual([
    "New York",
  ]);
  expect([...store.articles({ term: "new york", range: { to: "2026-06-14" } })]).toHaveLength(1);
});

test("an article comes out with everything that is known of it", () => {
  const store = memory({
    url: "https://articles.example/x?a=1",
    id: "tag:1",
    title: "Storm",
    text: "A storm",
    language: "en-GB",
    published: day(-1),
  });
  add(store, B, { url: "https://articles.example/x?a=1", title: "Storm", text: "" });
  expect([...store.articles()]).toEqual([
    {
      url: "https://articles.example/x?a=1",
      id: "tag:1",
      title: "Storm",
      text: "A storm",
      language: "en-GB",
      published: day(-1),
      firstSeen: NOON,
      sources: ["Paper A", B.url],
      words: 3,
    },
  ]);
});

test("articles may be stored and the memory closed while they are gone through", () => {
  const store = memory(...Array.from({ length: 150 }, (_, i) => ({ title: `n${i}` })));
  const seen = new Set<string | undefined>();
  for (const { title } of store.articles()) {
    if (seen.size === 10) add(store, B, { title: "earlier", published: day(-1) });
    seen.add(title);
  }
  expect(seen.size).toBe(150);
  const walk = store.articles();
  walk.next();
  store.close();
  expect(() => [...walk]).toThrow(/closed/);
});
