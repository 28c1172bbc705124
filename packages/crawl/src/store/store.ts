// The memory of the news: what was fetched from where, each article once, and its words by day, in one SQLite file.
//
// All calls are synchronous and none is a switch point, so that a call is a moment in which nothing else happens; that
// makes a call's length everybody's waiting time. Which is why it is kept small (see `record`).

import type { Failure } from "../failure.ts";
import type { Source } from "../source.ts";
import { Articles } from "./articles.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { Dictionary } from "./dictionary.ts";
import {
  type ArticlesQuery,
  type Mentioned,
  type PendingArticle,
  Questions,
  type RisingQuery,
  type TopQuery,
  type TrendsQuery,
} from "./questions.ts";
import type {
  FetchRecord,
  Headline,
  LatestDocument,
  Range,
  RisingWord,
  RunRecord,
  SourceHealth,
  SourceState,
  StoredArticle,
  StoredWord,
  Trends,
} from "./records.ts";
import { Sources } from "./sources.ts";

/** How a memory is opened. */
export type NewsStoreOptions = Pick<DatabaseOptions, "readOnly" | "patience">;

/** What the page of an article says. */
export interface ArticleText {
  readonly title?: string;
  readonly text: string;
  /** Of title and text, folded, stop words and all. */
  readonly words: ReadonlyMap<string, number>;
  readonly language?: string;
  readonly published?: number;
}

/**
 * The memory of the news, in one file that may be copied while nobody has it open.
 *
 * Several processes may have it open at once. They read whatever goes on; two that write take turns, and one that waits for longer than
 * `patience` gets a `StoreError` of kind `locked`. A process that is killed at any moment loses nothing that a call had
 * stored: see `database.ts` for what a power failure may take.
 *
 * @example
 * ```ts
 * import { NewsStore, parseSource } from "@rondo/crawl";
 *
 * using store = NewsStore.open(":memory:");
 * store.subscribe(parseSource("https://example.org/feed", "Example"));
 * const run = store.beginRun(Date.UTC(2026, 0, 5));
 * store.record(run, [
 *   {
 *     source: parseSource("https://example.org/feed"),
 *     at: Date.UTC(2026, 0, 5),
 *     due: Date.UTC(2026, 0, 5, 1),
 *     bytes: 1200,
 *     tries: 1,
 *     timing: { begun: 0, asked: 1, answered: 40, downloaded: 50, ended: 51 },
 *     result: {
 *       state: "done",
 *       status: 200,
 *       etag: '"1"',
 *       lastModified: undefined,
 *       kind: "rss",
 *       title: "Example",
 *       language: "en",
 *       charset: "utf-8",
 *       notes: [],
 *       hints: {},
 *       articles: [
 *         {
 *           url: "https://example.org/storm?utm_source=rss",
 *           id: "1",
 *           title: "Storm",
 *           text: "The storm hits the coast",
 *           language: "en",
 *           published: Date.UTC(2026, 0, 4),
 *           words: new Map([["the", 2], ["storm", 2], ["hits", 1], ["coast", 1]]),
 *         },
 *       ],
 *     },
 *   },
 * ]);
 * console.log(store.state("https://example.org/feed")?.etag); // prints: "1"
 * console.log(store.mentions(["storm"])[0]?.count); // prints: 2
 * console.log(store.top({ limit: 1 })[0]?.word); // prints: storm
 * ```
 */
export class NewsStore implements Disposable {
  readonly #database: Database;
  readonly #dictionary: Dictionary;
  readonly #sources: Sources;
  readonly #articles: Articles;
  readonly #questions: Questions;

  private constructor(database: Database) {
    this.#database = database;
    this.#dictionary = new Dictionary(database);
    this.#sources = new Sources(database);
    this.#articles = new Articles(database, this.#dictionary);
    this.#questions = new Questions(database, this.#dictionary, this.#sources);
  }

  /**
   * Opens a memory. A file that is not there is made, its directory is not; `":memory:"` is one that nobody else sees and
   * that is gone when it is closed. One of an older version is brought to this version.
   *
   * @throws {StoreError} of each kind; what cannot be opened is left as it is.
   */
  static open(path: string, options: NewsStoreOptions = {}): NewsStore {
    const database = new Database(path, options);
    try {
      return new NewsStore(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The file, as it was named. */
  get path(): string {
    return this.#database.path;
  }

  /** Closes the file; again is no mistake. */
  close(): void {
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Puts a source at the end of the list. `false` if it is on it already; its name is changed then, if one is given. */
  subscribe(source: Source): boolean {
    return this.#sources.subscribe(source);
  }

  /** Takes a source off the list, `false` if it is not on it. Its articles and its history stay. */
  unsubscribe(url: string): boolean {
    return this.#sources.unsubscribe(url);
  }

  /** The list, in the order in which its sources were added. */
  subscriptions(): Source[] {
    return this.#sources.subscriptions();
  }

  /** What is known of a source before it is fetched again; `undefined` for one that was never met. */
  state(url: string): SourceState | undefined {
    return this.#sources.state(url);
  }

  /** Begins a run at a time in ms. Gives its number. */
  beginRun(at: number): number {
    return this.#sources.beginRun(at);
  }

  /** @throws {RangeError} if there is no such run. */
  endRun(run: number, at: number): void {
    this.#sources.endRun(run, at);
  }

  /**
   * Stores what fetches came to: all of them or, if it throws, none. Once it has returned, killing the process loses nothing of it.
   *
   * How many at once? A transaction costs about 0.1 ms, a new article about the same, and one that was seen before a
   * third of it. So the loop stands for less than 10 ms with one document or fifty articles, whichever is more; what
   * waits beyond that is better given to another call, after the others have had a turn.
   *
   * Gives, for each fetch, the articles that were not in the store before.
   *
   * @throws {StoreError} when it cannot be stored; the same call may be made again later.
   * @throws {RangeError} if there is no such run.
   */
  record(run: number, fetches: readonly FetchRecord[]): (readonly Headline[])[] {
    return this.#write(() => {
      this.#sources.requireRun(run);
      return fetches.map((fetch) => {
        const source = this.#sources.record(run, fetch);
        const { result, at } = fetch;
        if (result.state !== "done") return [];
        const { articles, language } = result;
        const page = result.kind === "page";
        const { held, added, fresh } = this.#articles.take({ source, at, page, language, articles });
        this.#sources.hold(source, held, added);
        return fresh;
      });
    });
  }

  /**
   * Puts the text of an article's own page in place of what a feed said of it. `false`, and nothing is changed, if there is no article of this
   * address, or the feed said more.
   */
  setText(url: string, article: ArticleText): boolean {
    return this.#write(() => this.#articles.setText(url, article));
  }

  /** Articles that some source had when it was last read and whose page was not asked for yet, the newest first. */
  pendingArticles(options: { readonly sources?: readonly string[]; readonly limit: number }): PendingArticle[] {
    return this.#questions.pending(options.sources, options.limit);
  }

  /** Notes that an article's page was asked for, and what came of it, so that it is not asked for again. */
  followed(url: string, at: number, failure?: Failure): void {
    this.#write(() => this.#articles.followed(url, at, failure));
  }

  /**
   * What a source gave when it was last read, with the texts its articles have now. `undefined` if it was never read.
   *
   * @throws {SourceError} of kind `input` for a term without a letter or a digit, as all questions about terms.
   */
  latest(url: string, terms: readonly string[]): LatestDocument | undefined {
    return this.#database.snapshot(() => this.#questions.latest(url, terms));
  }

  /** How often terms occur, counted as `TermCounter` counts them, and in how many articles. */
  mentions(terms: readonly string[], range?: Range): Mentioned[] {
    return this.#database.snapshot(() => this.#questions.mentions(terms, range));
  }

  /**
   * Mentions by day, the last one being that on which `today` lies. By source, an article that several had counts for
   * each of them; groups that never mention a term are left out.
   */
  trends(query: TrendsQuery): Trends {
    return this.#database.snapshot(() => this.#questions.trends(query));
  }

  /** The words said most, without stop words of each article's language, numbers and single letters. */
  top(query: TopQuery): StoredWord[] {
    return this.#database.snapshot(() => this.#questions.top(query));
  }

  /**
   * The words that grew most against their own past, by the log-likelihood ratio G² (Dunning, 1993) of the recent
   * days against those before. Only words that at least three recent articles have; none while there is no past.
   */
  rising(query: RisingQuery): RisingWord[] {
    return this.#database.snapshot(() => this.#questions.rising(query));
  }

  /** All sources ever met and how they fare, those on the list first. */
  health(): SourceHealth[] {
    return this.#sources.health();
  }

  /** Articles by the time at which they appeared. What is stored while it goes on may or may not be among them. */
  articles(query: ArticlesQuery = {}): IterableIterator<StoredArticle> {
    return this.#questions.articles(query);
  }

  /** The last run in which anything was fetched, or else the last one. */
  lastRun(): RunRecord | undefined {
    return this.#database.snapshot(() => this.#sources.lastRun());
  }

  #write<T>(work: () => T): T {
    try {
      return this.#database.transaction(work);
    } catch (error) {
      // Words that got their numbers in it have none any more.
      this.#dictionary.forget();
      throw error;
    }
  }
}
