// Where terms occur, counted exactly as `TermCounter` counts them in the title and the text.
//
// A word is in the bags. Several words in a row can only be in an article that has each of them, so the bags say which
// texts to look into. Where a script puts nothing between words a term is a piece of text, and every article with such
// characters is looked into; so is one that had more words than the dictionary took.

import { TermCounter } from "../terms.ts";
import { eachWord, fold, hasUnspaced } from "../words.ts";
import { IN_TEXT, inflated, PIECES_IN_TEXT } from "./articles.ts";
import { BagReader } from "./bag.ts";
import type { Database } from "./database.ts";
import { DAY, type Days, dayOf } from "./days.ts";
import type { Dictionary } from "./dictionary.ts";

/** Takes the articles in which a term occurs. */
export type Take = (term: number, article: number, day: number, count: number) => void;

/** A term, and what an article must have to have it. */
interface Wanted {
  readonly index: number;
  /** Numbers of its words. */
  readonly words: readonly number[];
}

/** What is asked for, sorted by how it is found. */
interface Plan {
  readonly counter: TermCounter;
  /** Of all terms. */
  readonly all: readonly number[];
  /** One word each. */
  readonly single: readonly Wanted[];
  /** Several words each. */
  readonly several: readonly Wanted[];
  /** Terms that are pieces of text. */
  readonly pieces: readonly number[];
  /** All words that are asked for, and the largest of their numbers. */
  readonly wanted: ReadonlySet<number>;
  readonly last: number;
}

/** Finds terms in articles. */
export class Mentions {
  readonly #database: Database;
  readonly #dictionary: Dictionary;
  readonly #reader = new BagReader();
  readonly #found = new Map<number, number>();

  constructor(database: Database, dictionary: Dictionary) {
    this.#database = database;
    this.#dictionary = dictionary;
  }

  /**
   * Each article of these days in which a term occurs, for each term.
   *
   * @throws {SourceError} of kind `input` for a term without a letter or a digit.
   */
  inDays(terms: readonly string[], days: Days, take: Take): void {
    const plan = this.#plan(terms);
    const span = [days.from * DAY, (days.to + 1) * DAY] as const;
    const many = this.#database.columns<[id: number, time: number]>(
      `SELECT id, time FROM articles WHERE time >= ? AND time < ? AND look = ${IN_TEXT}`,
    );
    const read = new Map(many.all(...span));
    if (plan.wanted.size > 0) {
      const sql = "SELECT day, article, words FROM bags WHERE day BETWEEN ? AND ?";
      const rows = this.#database.columns<[day: number, article: number, words: Uint8Array]>(sql);
      for (const [day, article, words] of rows.each(days.from, days.to)) {
        if (!read.has(article)) this.#look(plan, article, day, words, take);
      }
    }
    if (plan.pieces.length > 0) {
      const sql = `SELECT id, time FROM articles WHERE time >= ? AND time < ? AND look = ${PIECES_IN_TEXT}`;
      const rows = this.#database.columns<[id: number, time: number]>(sql);
      for (const [id, time] of rows.each(...span)) this.#read(plan, plan.pieces, id, dayOf(time), take);
    }
    for (const [id, time] of read) this.#read(plan, plan.all, id, dayOf(time), take);
  }

  /** The same for given articles. */
  inArticles(terms: readonly string[], articles: readonly number[], take: Take): void {
    const plan = this.#plan(terms);
    const find = this.#database.prepare<{ time: number; look: number }>("SELECT time, look FROM articles WHERE id = ?");
    const bag = this.#database.prepare<{ words: Uint8Array }>("SELECT words FROM bags WHERE day = ? AND article = ?");
    for (const article of articles) {
      const found = find.get(article);
      if (found === undefined) continue;
      const day = dayOf(found.time);
      if (found.look === IN_TEXT) {
        this.#read(plan, plan.all, article, day, take);
        continue;
      }
      const words = bag.get(day, article)?.words;
      if (words !== undefined) this.#look(plan, article, day, words, take);
      if (found.look === PIECES_IN_TEXT && plan.pieces.length > 0) this.#read(plan, plan.pieces, article, day, take);
    }
  }

  #plan(terms: readonly string[]): Plan {
    // It refuses what is no term, and says so in the words that every command uses.
    const counter = new TermCounter(terms);
    const single: Wanted[] = [];
    const several: Wanted[] = [];
    const pieces: number[] = [];
    for (const [index, given] of terms.entries()) {
      const text = fold(given.trim());
      if (hasUnspaced(text)) {
        pieces.push(index);
        continue;
      }
      const said: string[] = [];
      eachWord(text, { word: (word) => said.push(word) });
      const words = new Set(said.map((word) => this.#dictionary.find(word)));
      // A word that no article ever had: there is nothing to look for.
      if (words.has(undefined)) continue;
      const wanted = { index, words: [...words].filter((word) => word !== undefined) };
      (said.length === 1 ? single : several).push(wanted);
    }
    const wanted = new Set([...single, ...several].flatMap(({ words }) => words));
    return { counter, all: [...terms.keys()], single, several, pieces, wanted, last: Math.max(0, ...wanted) };
  }

  /** Looks into a bag, and for what that cannot tell into the text. */
  #look(plan: Plan, article: number, day: number, words: Uint8Array, take: Take): void {
    const had = this.#had(plan, words);
    if (had.size === 0) return;
    for (const { index, words } of plan.single) {
      const count = had.get(words[0] as number);
      if (count !== undefined) take(index, article, day, count);
    }
    const likely = plan.several.filter(({ words }) => words.every((word) => had.has(word)));
    if (likely.length > 0) {
      const indices = likely.map(({ index }) => index);
      this.#read(plan, indices, article, day, take);
    }
  }

  /** Which of the words asked for are in a bag, and how often. Good until it is called again. */
  #had({ wanted, last }: Plan, words: Uint8Array): ReadonlyMap<number, number> {
    const reader = this.#reader;
    const had = this.#found;
    if (had.size > 0) had.clear();
    reader.open(words);
    // The commonest words came first and have the smallest numbers, so most walks end early.
    while (reader.next() && reader.word <= last) if (wanted.has(reader.word)) had.set(reader.word, reader.count);
    return had;
  }

  /** Counts these terms in an article's title and text. */
  #read(plan: Plan, terms: readonly number[], article: number, day: number, take: Take): void {
    const sql = "SELECT title, text FROM articles JOIN texts ON article = id WHERE id = ?";
    const found = this.#database.prepare<{ title: string | null; text: string | Uint8Array }>(sql).get(article);
    if (found === undefined) return;
    const title = plan.counter.count(fold(found.title ?? ""));
    const text = plan.counter.count(fold(inflated(found.text)));
    for (const term of terms) {
      const count = (title[term] ?? 0) + (text[term] ?? 0);
      if (count > 0) take(term, article, day, count);
    }
  }
}
