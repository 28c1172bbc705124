// The commonest words of a whole run, in bounded memory.
//
// Counting everything would keep every misspelling of ten thousand sources. So the counter is a lossy one (Manku and
// Motwani, "Approximate frequency counts over data streams", 2002): when it grows past its limit the rarest words are
// dropped, and a word that is common keeps being counted. Up to the limit the counts are exact.

import { Counts } from "./counts.ts";
import type { Lexicon } from "./lexicon.ts";
import { own } from "./own.ts";

/** A word and how often it was said. */
export interface WordCount {
  readonly word: string;
  readonly count: number;
}

/**
 * Counts words and keeps the common ones.
 *
 * @example
 * ```ts
 * import { TopWords } from "@rondo/crawl";
 *
 * const words = new TopWords();
 * words.add("election", 3);
 * words.add("storm", 5);
 * words.add("election", 4);
 * console.log(words.top(1)[0]?.word); // prints: election
 * ```
 */
export class TopWords {
  #counts = new Map<string, number>();
  readonly #limit: number;
  #lexicon: Lexicon | undefined = undefined;
  readonly #unsettled = new Counts();

  /** @param limit how many different words are kept at most. */
  constructor(limit = 200_000) {
    this.#limit = limit;
  }

  /** How many different words are held. */
  get size(): number {
    this.#settle();
    return this.#counts.size;
  }

  /**
   * As `add`, for a word by its number. While they come from the same lexicon they cost an addition; what came is put
   * with the rest when another lexicon is used, or somebody asks.
   */
  addNumber(lexicon: Lexicon, number: number, count: number): void {
    if (lexicon !== this.#lexicon) {
      this.#settle();
      this.#lexicon = lexicon;
    }
    this.#unsettled.add(number, count);
  }

  add(word: string, count: number): void {
    const before = this.#counts.get(word);
    if (before !== undefined) {
      this.#counts.set(word, before + count);
      return;
    }
    if (this.#counts.size >= this.#limit) this.#drop();
    this.#counts.set(own(word), count);
  }

  /** The `n` commonest words, the commonest first; equally common ones in the order of the alphabet. */
  top(n: number): WordCount[] {
    if (n <= 0) return [];
    this.#settle();
    return this.#top(n);
  }

  #settle(): void {
    const words = this.#lexicon?.words ?? [];
    for (const number of this.#unsettled.said) this.add(words[number] as string, this.#unsettled.of(number));
    this.#unsettled.clear();
  }

  #top(n: number): WordCount[] {
    let best: WordCount[] = [];
    // What is rarer than the n-th best so far is passed over, so that a few are sorted again and again and not all once.
    let least = 0;
    for (const [word, count] of this.#counts) {
      if (count < least) continue;
      best.push({ word, count });
      if (best.length < 4 * n + 64) continue;
      best = best.toSorted(commonerFirst).slice(0, n);
      least = best.at(-1)?.count ?? 0;
    }
    return best.toSorted(commonerFirst).slice(0, n);
  }

  /** Frees half the places: the commoner half stays. */
  #drop(): void {
    const kept = this.#top(this.#limit >> 1);
    this.#counts = new Map(kept.map(({ word, count }) => [word, count]));
  }
}

function commonerFirst(a: WordCount, b: WordCount): number {
  return b.count - a.count || (a.word < b.word ? -1 : 1);
}
