// One document's numbers: words, mentions, and what is worth remembering of it for the commonest words. The text is
// walked over once for all of it.

import type { Document } from "./document.ts";
import type { Article } from "./feed.ts";
import { stopWords } from "./stop-words.ts";
import type { TermCounter } from "./terms.ts";
import type { TopWords } from "./top-words.ts";
import { eachWord, fold, type WordSink } from "./words.ts";

/** What a document comes to. */
export interface Tally {
  readonly articles: number;
  readonly words: number;
  /** Mentions of each term, in the order of the terms. */
  readonly mentions: number[];
}

/** Takes the words of one article, and how often each was said. The map is the taker's. */
export type ArticleSink = (article: Article, words: Map<string, number>) => void;

/** Feeds one word to everybody who wants it. */
class Counter implements WordSink {
  words = 0;
  readonly #terms: TermCounter;
  /** Of the article that is being read. */
  counts: Map<string, number> | undefined = undefined;

  constructor(terms: TermCounter) {
    this.#terms = terms;
  }

  word(word: string, start: number, end: number): void {
    this.words++;
    this.#terms.word(word, start, end);
    this.counts?.set(word, (this.counts.get(word) ?? 0) + 1);
  }
}

/**
 * Counts a document's words.
 *
 * @param top takes the words that are neither stop words of the document's language nor numbers nor single letters.
 * @param onArticle takes the words of each article, stop words and all.
 *
 * @example
 * ```ts
 * import { readDocument, tally, TermCounter, TopWords } from "@rondo/crawl";
 *
 * const page = new TextEncoder().encode("<html lang=en><title>Storm</title><p>The storm hits the coast.");
 * const top = new TopWords();
 * const document = readDocument(page, { url: "https://example.org/" });
 * const { words, mentions } = tally(document, new TermCounter(["storm"]), top);
 * console.log(words, mentions[0], top.top(1)[0]?.word); // prints: 6 2 storm
 * ```
 */
export function tally(document: Document, terms: TermCounter, top?: TopWords, onArticle?: ArticleSink): Tally {
  const counts = top === undefined ? undefined : new Map<string, number>();
  const counter = new Counter(terms);
  const mentions = terms.terms.map(() => 0);
  for (const article of document.articles) {
    counter.counts = onArticle === undefined ? counts : new Map();
    for (const text of [article.title, article.text]) {
      if (text === undefined || text === "") continue;
      const folded = fold(text);
      terms.begin(folded, mentions);
      eachWord(folded, counter);
    }
    if (onArticle === undefined || counter.counts === undefined) continue;
    if (counts !== undefined) addAll(counts, counter.counts);
    onArticle(article, counter.counts);
  }
  if (top !== undefined && counts !== undefined) {
    const stop = stopWords(document.language, counts);
    for (const [word, count] of counts) if (!stop.has(word) && isTelling(word)) top.add(word, count);
  }
  return { articles: document.articles.length, words: counter.words, mentions };
}

/**
 * The words of a text and how often each is said, folded, stop words and all.
 *
 * @example
 * ```ts
 * import { countWords } from "@rondo/crawl";
 *
 * const words = countWords("The storm: a STORM at sea");
 * console.log(words.get("storm"), words.size); // prints: 2 5
 * ```
 */
export function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  eachWord(fold(text), { word: (word) => counts.set(word, (counts.get(word) ?? 0) + 1) });
  return counts;
}

function addAll(counts: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [word, count] of more) counts.set(word, (counts.get(word) ?? 0) + count);
}

/** Whether a word says what a text is about: a single character does in Chinese and in no alphabet, a number nowhere. */
export function isTelling(word: string): boolean {
  if (word.length === 1) return /[\p{sc=Han}]/u.test(word);
  return !/^[\p{N}.,]+$/u.test(word);
}
