// What the memory is asked: which words, how often, when, and where.
//
// Each question is one walk over the bags of its days, with sums in plain arrays by the words' numbers; see bag.ts for
// why that is quick.

import { atLeast } from "../settings.ts";
import { BagReader } from "./bag.ts";
import { Mentions } from "./mentions.ts";
import { inflated } from "./articles.ts";
import { canonicalUrl } from "./canonical.ts";
import type { Database } from "./database.ts";
import { DAY, type Days, dayOf, daysOf, nameOf } from "./days.ts";
import type { Dictionary } from "./dictionary.ts";
import { logLikelihood } from "./log-likelihood.ts";
import type { LatestDocument, Range, RisingWord, StoredArticle, StoredWord, Trends } from "./records.ts";
import type { Sources } from "./sources.ts";

/** How often a term occurs, and in how many articles. */
export interface Mentioned {
  readonly term: string;
  readonly count: number;
  readonly articles: number;
}

/** An article whose page may be fetched. */
export interface PendingArticle {
  readonly url: string;
  readonly title: string | undefined;
  /** The address of a source that has it. */
  readonly source: string;
}

/** See `NewsStore.trends`. */
export interface TrendsQuery {
  readonly terms: readonly string[];
  /** A time on the last day, in ms. */
  readonly today: number;
  /** How many days, today included. Default: 30. */
  readonly days?: number;
  readonly by?: "source" | "language";
}

/** See `NewsStore.top`. */
export interface TopQuery {
  readonly limit: number;
  readonly range?: Range;
  /** Addresses of sources; the articles that any of them had. Default: all articles. */
  readonly sources?: readonly string[];
}

/** See `NewsStore.rising`. */
export interface RisingQuery {
  /** A time on the last day, in ms. */
  readonly today: number;
  /** How many days are the recent ones, today included. Default: 1. */
  readonly days?: number;
  /** How many days before these they are compared with. Default: 28. */
  readonly past?: number;
  readonly limit: number;
}

/** See `NewsStore.articles`. */
export interface ArticlesQuery {
  readonly range?: Range;
  /** Only articles in which it occurs. */
  readonly term?: string;
  readonly limit?: number;
  /** Default: `false`. */
  readonly newestFirst?: boolean;
}

/** Words that few articles have do not rise: one long article says its own word often. */
const FEWEST = 3;

/** 3.84 is what chance gives one word in twenty; below, there is nothing to tell. */
const LEAST = 3.84;

/** Sums of a walk, by word. */
class Sums {
  readonly #reader = new BagReader();
  #counts = new Float64Array(1024);
  #articles = new Float64Array(1024);

  /** Adds the telling words of an article. */
  add(words: Uint8Array): void {
    const reader = this.#reader;
    reader.open(words);
    while (reader.next()) {
      const { word } = reader;
      if (!reader.telling) continue;
      if (word >= this.#counts.length) this.#grow(word);
      this.#counts[word] = (this.#counts[word] as number) + reader.count;
      this.#articles[word] = (this.#articles[word] as number) + 1;
    }
  }

  count(word: number): number {
    return this.#counts[word] ?? 0;
  }

  articles(word: number): number {
    return this.#articles[word] ?? 0;
  }

  /** Numbers of the words that occur. */
  *words(): Generator<number, void, undefined> {
    for (let word = 1; word < this.#counts.length; word++) if (this.#counts[word] !== 0) yield word;
  }

  #grow(word: number): void {
    const size = Math.max(2 * this.#counts.length, word + 1);
    const [counts, articles] = [new Float64Array(size), new Float64Array(size)];
    counts.set(this.#counts);
    articles.set(this.#articles);
    this.#counts = counts;
    this.#articles = articles;
  }
}

/** Answers questions. */
export class Questions {
  readonly #database: Database;
  readonly #dictionary: Dictionary;
  readonly #sources: Sources;
  readonly #mentions: Mentions;

  constructor(database: Database, dictionary: Dictionary, sources: Sources) {
    this.#database = database;
    this.#dictionary = dictionary;
    this.#sources = sources;
    this.#mentions = new Mentions(database, dictionary);
  }

  latest(url: string, terms: readonly string[]): LatestDocument | undefined {
    const source = this.#sources.find(url);
    if (source === undefined || source.held === null || source.kind === null || source.charset === null)
      return undefined;
    const held = JSON.parse(source.held) as number[];
    const mentions = terms.map(() => 0);
    this.#mentions.inArticles(terms, held, (term, _article, _day, count) => {
      mentions[term] = (mentions[term] ?? 0) + count;
    });
    const words = this.#database.prepare<{ words: number }>("SELECT words FROM articles WHERE id = ?");
    return {
      kind: source.kind,
      title: source.title ?? undefined,
      language: source.language ?? undefined,
      charset: source.charset,
      articles: held.length,
      words: held.reduce((sum, id) => sum + (words.get(id)?.words ?? 0), 0),
      mentions,
    };
  }

  pending(sources: readonly string[] | undefined, limit: number): PendingArticle[] {
    atLeast(0, "limit", limit);
    // Only what the feeds show now: who begins to follow after a year does not want the year's three hundred thousand pages.
    const sql =
      "SELECT articles.id, articles.url, articles.title, sources.url AS source FROM sources, json_each(sources.held) AS held " +
      "JOIN articles ON articles.id = held.value WHERE followed IS NULL AND whole = 0 AND articles.url IS NOT NULL " +
      `${sources === undefined ? "" : "AND sources.url IN (SELECT value FROM json_each(?)) "}` +
      "ORDER BY articles.time DESC, articles.id DESC, sources.id";
    const rows = this.#database.prepare<{ id: number; url: string; title: string | null; source: string }>(sql);
    // The address of one that is shared leads to no article in particular.
    const shared = this.#database.prepare<{ shared: number }>("SELECT shared FROM addresses WHERE address = ?");
    const pending = new Map<number, PendingArticle>();
    for (const { id, url, title, source } of rows.each(...(sources === undefined ? [] : [JSON.stringify(sources)]))) {
      if (pending.size >= limit) break;
      if (pending.has(id) || shared.get(canonicalUrl(url) ?? "")?.shared === 1) continue;
      pending.set(id, { url, title: title ?? undefined, source });
    }
    return [...pending.values()];
  }

  mentions(terms: readonly string[], range: Range | undefined): Mentioned[] {
    const sums = terms.map((term) => ({ term, count: 0, articles: 0 }));
    this.#mentions.inDays(terms, daysOf(range), (term, _article, _day, count) => {
      const sum = sums[term] as { count: number; articles: number };
      sum.count += count;
      sum.articles++;
    });
    return sums;
  }

  trends({ terms, today, days = 30, by }: TrendsQuery): Trends {
    const to = dayNumber(today);
    const from = to - whole("days", days) + 1;
    const none = (): number[] => Array.from({ length: days }, () => 0);
    const groups = terms.map(() => new Map<string | undefined, number[]>());
    // Without groups each term has its line, mentioned or not.
    if (by === undefined) for (const group of groups) group.set(undefined, none());
    const groupsOf = this.#grouping(by);
    this.#mentions.inDays(terms, { from, to }, (term, article, day, count) => {
      const lines = groups[term] as Map<string | undefined, number[]>;
      for (const group of groupsOf(article)) {
        let counts = lines.get(group);
        if (counts === undefined) lines.set(group, (counts = none()));
        counts[day - from] = (counts[day - from] as number) + count;
      }
    });
    return {
      days: none().map((_, index) => nameOf(from + index)),
      articles: this.#articlesADay({ from, to }),
      series: terms.flatMap((term, index) => series(term, groups[index] as Map<string | undefined, number[]>)),
    };
  }

  top({ limit, range, sources }: TopQuery): StoredWord[] {
    const sums = new Sums();
    for (const words of this.#bags(daysOf(range), sources)) sums.add(words);
    const top = new Best<number>(limit, (a, b) => sums.count(b) - sums.count(a) || a - b);
    for (const word of sums.words()) top.offer(word);
    return top
      .all()
      .map((word) => ({ word: this.#dictionary.word(word), count: sums.count(word), articles: sums.articles(word) }))
      .toSorted((a, b) => b.count - a.count || compare(a.word, b.word));
  }

  rising({ today, days = 1, past = 28, limit }: RisingQuery): RisingWord[] {
    const to = dayNumber(today);
    const from = to - whole("days", days) + 1;
    const recent = this.#period({ from, to });
    const before = this.#period({ from: from - whole("past", past), to: from - 1 });
    const best = new Best<{ id: number; score: number }>(limit, (a, b) => b.score - a.score || a.id - b.id);
    // Without a past everything is new, and nothing can be said.
    if (before.total === 0 || recent.total === 0) return [];
    for (const id of recent.sums.words()) {
      const now = recent.sums.count(id);
      const then = before.sums.count(id);
      if (recent.sums.articles(id) < FEWEST || now / recent.total <= then / before.total) continue;
      const score = logLikelihood(now, recent.total, then, before.total);
      if (score >= LEAST) best.offer({ id, score });
    }
    return best.all().map(({ id, score }) => ({
      word: this.#dictionary.word(id),
      recent: recent.sums.count(id),
      before: before.sums.count(id),
      recentRate: (recent.sums.count(id) / recent.total) * 10_000,
      beforeRate: (before.sums.count(id) / before.total) * 10_000,
      score,
    }));
  }

  *articles({
    range,
    term,
    limit = Infinity,
    newestFirst = false,
  }: ArticlesQuery): Generator<StoredArticle, void, undefined> {
    atLeast(0, "limit", limit);
    if (term !== undefined) {
      for (const id of this.#articlesWith(term, daysOf(range), newestFirst).slice(0, limit)) {
        const article = this.#article(id);
        if (article !== undefined) yield article;
      }
      return;
    }
    // A page at a time, and no statement open between two: whoever reads slowly, or stops, holds nobody up.
    const { from, to } = daysOf(range);
    const order = newestFirst ? "DESC" : "ASC";
    const past = newestFirst ? "<" : ">";
    const sql =
      `SELECT id, time FROM articles WHERE time >= ? AND time < ? AND (time, id) ${past} (?, ?) ` +
      `ORDER BY time ${order}, id ${order} LIMIT 100`;
    let last = newestFirst ? { time: Number.MAX_SAFE_INTEGER, id: 0 } : { time: -1, id: 0 };
    for (let left = limit; ;) {
      const rows = this.#database
        .prepare<{ id: number; time: number }>(sql)
        .all(from * DAY, (to + 1) * DAY, last.time, last.id);
      for (const row of rows) {
        if (left-- <= 0) return;
        last = row;
        const article = this.#article(row.id);
        if (article !== undefined) yield article;
      }
      if (rows.length === 0) return;
    }
  }

  /** Ids, by time. */
  #articlesWith(term: string, days: Days, newestFirst: boolean): number[] {
    const ids: number[] = [];
    this.#mentions.inDays([term], days, (_term, article) => ids.push(article));
    const find = this.#database.prepare<{ time: number }>("SELECT time FROM articles WHERE id = ?");
    const timed = ids.map((id) => ({ id, time: find.get(id)?.time ?? 0 }));
    timed.sort((a, b) => a.time - b.time || a.id - b.id);
    if (newestFirst) timed.reverse();
    return timed.map(({ id }) => id);
  }

  #article(id: number): StoredArticle | undefined {
    const sql =
      "SELECT url, guid, title, language, published, first_seen, words, text FROM articles JOIN texts ON article = id WHERE id = ?";
    const row = this.#database
      .prepare<{
        url: string | null;
        guid: string | null;
        title: string | null;
        language: string | null;
        published: number | null;
        first_seen: number;
        words: number;
        text: string | Uint8Array;
      }>(sql)
      .get(id);
    if (row === undefined) return undefined;
    return {
      url: row.url ?? undefined,
      id: row.guid ?? undefined,
      title: row.title ?? undefined,
      text: inflated(row.text),
      language: row.language ?? undefined,
      published: row.published ?? undefined,
      firstSeen: row.first_seen,
      sources: this.#sourcesOf(id).map(({ url, name }) => name ?? url),
      words: row.words,
    };
  }

  #sourcesOf(article: number): { id: number; url: string; name: string | null }[] {
    const sql =
      "SELECT id, url, name FROM sightings JOIN sources ON sources.id = source WHERE article = ? ORDER BY first_seen, id";
    return this.#database.prepare<{ id: number; url: string; name: string | null }>(sql).all(article);
  }

  /** The groups that an article belongs to. */
  #grouping(by: "source" | "language" | undefined): (article: number) => readonly (string | undefined)[] {
    if (by === undefined) return () => ALL;
    if (by === "language") {
      const sql = this.#database.prepare<{ language: string | null }>("SELECT language FROM articles WHERE id = ?");
      return (article) => [languageOf(sql.get(article)?.language)];
    }
    const taken = "SELECT name FROM sources WHERE name IS NOT NULL GROUP BY name HAVING count(*) > 1";
    const ambiguous = new Set(
      this.#database
        .prepare<{ name: string }>(taken)
        .all()
        .map(({ name }) => name),
    );
    return (article) =>
      this.#sourcesOf(article).map(({ url, name }) => (name === null || ambiguous.has(name) ? url : name));
  }

  #articlesADay({ from, to }: Days): number[] {
    const sql = "SELECT count(*) AS n FROM articles WHERE time >= ? AND time < ?";
    const count = this.#database.prepare<{ n: number }>(sql);
    return Array.from({ length: to - from + 1 }, (_, index) => {
      return count.get((from + index) * DAY, (from + index + 1) * DAY)?.n ?? 0;
    });
  }

  /** The bags of all articles of these days, or of those that some sources had. */
  *#bags({ from, to }: Days, sources: readonly string[] | undefined): Generator<Uint8Array, void, undefined> {
    if (sources === undefined) {
      const sql = "SELECT words FROM bags WHERE day BETWEEN ? AND ?";
      for (const [words] of this.#database.columns<[words: Uint8Array]>(sql).each(from, to)) yield words;
      return;
    }
    const ids = new Set<number>();
    const sql = "SELECT article FROM sightings JOIN sources ON sources.id = source WHERE url = ?";
    for (const url of sources)
      for (const { article } of this.#database.prepare<{ article: number }>(sql).all(url)) ids.add(article);
    const time = this.#database.prepare<{ time: number }>("SELECT time FROM articles WHERE id = ?");
    const bag = this.#database.prepare<{ words: Uint8Array }>("SELECT words FROM bags WHERE day = ? AND article = ?");
    for (const id of ids) {
      const day = dayOf(time.get(id)?.time ?? -1);
      const words = day < from || day > to ? undefined : bag.get(day, id)?.words;
      if (words !== undefined) yield words;
    }
  }

  #period(days: Days): { sums: Sums; total: number } {
    const sums = new Sums();
    for (const words of this.#bags(days, undefined)) sums.add(words);
    const sql = "SELECT coalesce(sum(words), 0) AS n FROM articles WHERE time >= ? AND time < ?";
    const total = this.#database.prepare<{ n: number }>(sql).get(days.from * DAY, (days.to + 1) * DAY)?.n ?? 0;
    return { sums, total };
  }
}

const ALL = [undefined];

/** Keeps the best of many. */
class Best<T> {
  #best: T[] = [];
  readonly #limit: number;
  readonly #order: (a: T, b: T) => number;

  constructor(limit: number, order: (a: T, b: T) => number) {
    atLeast(0, "limit", limit);
    this.#limit = limit;
    this.#order = order;
  }

  offer(one: T): void {
    this.#best.push(one);
    if (this.#best.length >= 4 * this.#limit + 1024) this.#cut();
  }

  all(): T[] {
    this.#cut();
    return this.#best;
  }

  #cut(): void {
    this.#best = this.#best.toSorted(this.#order).slice(0, this.#limit);
  }
}

function series(term: string, lines: ReadonlyMap<string | undefined, number[]>): Trends["series"] {
  return [...lines]
    .map(([group, counts]) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return group === undefined ? { term, counts, total } : { term, group, counts, total };
    })
    .toSorted((a, b) => b.total - a.total || compare(a.group ?? "", b.group ?? ""));
}

/** `en-GB` and `EN_us` are `en`. */
function languageOf(tag: string | null | undefined): string {
  const code = tag?.trim().toLowerCase().split(/[-_]/)[0];
  return code === undefined || code === "" ? "?" : code;
}

function dayNumber(today: number): number {
  const day = dayOf(today);
  // nameOf() takes no other, and the days before it need room as well.
  if (!(Math.abs(day) < 2_900_000)) throw new RangeError(`${today} is no time on a day`);
  return day;
}

/** A hundred years: no feed is older, and days are listed one by one. */
const MOST_DAYS = 36_525;

function whole(name: string, days: number): number {
  if (Number.isInteger(days) && days >= 1 && days <= MOST_DAYS) return days;
  throw new RangeError(`${name} is a whole number from 1 to ${MOST_DAYS}, not ${days}`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
