// One document's numbers: words, mentions, and what is worth remembering of it for the commonest words. The text is
// walked over once for all of it.

import type { Document } from "./document.ts";
import type { Article } from "./feed.ts";
import { Counts } from "./counts.ts";
import { Lexicon } from "./lexicon.ts";
import { Guess, languagesOf, stopList } from "./stop-words.ts";
import { TermCounter } from "./terms.ts";
import type { TopWords } from "./top-words.ts";
import { fold, type SpanSink, walk } from "./words.ts";

/** What a document comes to. */
export interface Tally {
  readonly articles: number;
  readonly words: number;
  /** Mentions of each term, in the order of the terms. */
  readonly mentions: number[];
}

/** Takes the words of one article, and how often each was said. The map is the taker's. */
export type ArticleSink = (article: Article, words: Map<string, number>) => void;

/** How many different words are kept from one document to the next. Beyond it all are forgotten, and met anew. */
const KEPT = 1 << 16;

/** Feeds one word to everybody who wants it. Used again from document to document: most words have been met by then. */
class Counter implements SpanSink {
  #lexicon = new Lexicon();
  #terms: TermCounter | undefined = undefined;
  /** What was found out about each word, as far as it was met: the terms' own number of it. */
  #termNumbers: number[] = [];
  /** The languages of which it is a stop word, a bit each. */
  #languages: number[] = [];
  /** Whether it says what a text is about. */
  #telling: boolean[] = [];
  readonly document = new Counts();
  readonly article = new Counts();
  words = 0;
  #text = "";
  #byDocument = false;
  #byArticle = false;

  begin(terms: TermCounter, byDocument: boolean, byArticle: boolean): void {
    if (this.#lexicon.size > KEPT) {
      this.#lexicon = new Lexicon();
      this.#terms = undefined;
      this.#languages = [];
      this.#telling = [];
    }
    if (this.#terms !== terms) this.#termNumbers = [];
    this.#terms = terms;
    this.words = 0;
    this.#byDocument = byDocument;
    this.#byArticle = byArticle;
    this.document.clear();
    this.article.clear();
  }

  count(folded: string): void {
    this.#text = folded;
    walk(folded, this);
    // A reader that is kept must not keep what it read.
    this.#text = "";
  }

  span(start: number, end: number, hash: number): void {
    this.#take(this.#lexicon.numberAt(this.#text, start, end, hash), start, end);
  }

  word(word: string, start: number, end: number): void {
    this.#take(this.#lexicon.numberOf(word), start, end);
  }

  #take(number: number, start: number, end: number): void {
    this.words++;
    (this.#terms as TermCounter).see(this.#termNumbers[number] ?? this.#termNumber(number), start, end);
    if (this.#byDocument) this.document.add(number, 1);
    if (this.#byArticle) this.article.add(number, 1);
  }

  #termNumber(number: number): number {
    // Without a gap, so that the array stays one of small numbers.
    for (let each = this.#termNumbers.length; each <= number; each++) {
      this.#termNumbers.push((this.#terms as TermCounter).numberOf(this.#lexicon.words[each] as string));
    }
    return this.#termNumbers[number] as number;
  }

  /** The words of the article that was counted last. */
  takeArticle(): Map<string, number> {
    const words = this.article.toMap(this.#lexicon);
    this.article.clear();
    return words;
  }

  /** Adds the document's telling words. */
  addTo(top: TopWords, language: string | undefined): void {
    const { words, size } = this.#lexicon;
    for (let each = this.#languages.length; each < size; each++) {
      const word = words[each] as string;
      this.#languages.push(languagesOf(word));
      this.#telling.push(isTelling(word));
    }
    const { said } = this.document;
    const stop = stopList(language) ?? stopList(this.#guess());
    for (const number of said) {
      if (this.#telling[number] !== true) continue;
      const isStop =
        stop !== undefined &&
        (stop.bit === 0
          ? stop.words.has(words[number] as string)
          : ((this.#languages[number] as number) & stop.bit) !== 0);
      if (!isStop) top.addNumber(this.#lexicon, number, this.document.of(number));
    }
  }

  #guess(): string | undefined {
    const guess = new Guess();
    for (const number of this.document.said) guess.add(this.#languages[number] as number, this.document.of(number));
    return guess.code();
  }
}

/** One for all, as nothing here waits; a second one only for who counts within another count. */
let idle: Counter | undefined = new Counter();

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
  return counting((counter) => tallyWith(counter, document, terms, top, onArticle));
}

/** Lends the counter that is kept, or another one where somebody counts within a count. */
function counting<T>(work: (counter: Counter) => T): T {
  const counter = idle ?? new Counter();
  idle = undefined;
  try {
    return work(counter);
  } finally {
    idle = counter;
  }
}

function tallyWith(
  counter: Counter,
  document: Document,
  terms: TermCounter,
  top: TopWords | undefined,
  onArticle: ArticleSink | undefined,
): Tally {
  const mentions = terms.terms.map(() => 0);
  counter.begin(terms, top !== undefined, onArticle !== undefined);
  for (const article of document.articles) {
    for (const text of [article.title, article.text]) {
      if (text === undefined || text === "") continue;
      const folded = fold(text);
      terms.begin(folded, mentions);
      counter.count(folded);
    }
    onArticle?.(article, counter.takeArticle());
  }
  if (top !== undefined) counter.addTo(top, document.language);
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
  return counting((counter) => {
    counter.begin(NO_TERMS, false, true);
    counter.count(fold(text));
    return counter.takeArticle();
  });
}

const NO_TERMS = new TermCounter([]);

/** Whether a word says what a text is about: a single character does in Chinese and in no alphabet, a number nowhere. */
export function isTelling(word: string): boolean {
  if (word.length === 1) return /[\p{sc=Han}]/u.test(word);
  return !/^[\p{N}.,]+$/u.test(word);
}
