// One document's numbers: words, mentions, and what is worth remembering of it for the commonest words. The text is
// walked over once for all of it.

import type { Document } from "./document.ts";
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

/** Feeds one word to everybody who wants it. */
class Counter implements WordSink {
  words = 0;
  readonly #terms: TermCounter;
  readonly #counts: Map<string, number> | undefined;

  constructor(terms: TermCounter, counts: Map<string, number> | undefined) {
    this.#terms = terms;
    this.#counts = counts;
  }

  word(word: string, start: number, end: number): void {
    this.words++;
    this.#terms.word(word, start, end);
    this.#counts?.set(word, (this.#counts.get(word) ?? 0) + 1);
  }
}

/**
 * Counts a document's words.
 *
 * @param top takes the words that are neither stop words of the document's language nor numbers nor single letters.
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
export function tally(document: Document, terms: TermCounter, top?: TopWords): Tally {
  const counts = top === undefined ? undefined : new Map<string, number>();
  const counter = new Counter(terms, counts);
  const mentions = terms.terms.map(() => 0);
  for (const article of document.articles) {
    for (const text of [article.title, article.text]) {
      if (text === undefined || text === "") continue;
      const folded = fold(text);
      terms.begin(folded, mentions);
      eachWord(folded, counter);
    }
  }
  if (top !== undefined && counts !== undefined) {
    const stop = stopWords(document.language, counts);
    for (const [word, count] of counts) if (!stop.has(word) && isTelling(word)) top.add(word, count);
  }
  return { articles: document.articles.length, words: counter.words, mentions };
}

/** A single character says something in Chinese and in no alphabet; a number says it nowhere. */
function isTelling(word: string): boolean {
  if (word.length === 1) return /[\p{sc=Han}]/u.test(word);
  return !/^[\p{N}.,]+$/u.test(word);
}
