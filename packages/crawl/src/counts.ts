// Counts by words' numbers (lexicon.ts): an array to add to, and the list of those that were added to at all.

import type { Lexicon } from "./lexicon.ts";

/** How often each word was said. */
export class Counts {
  #counts = new Float64Array(1024);
  /** Words in the order in which they were first said. */
  readonly said: number[] = [];

  add(number: number, count: number): void {
    if (number >= this.#counts.length) this.#grow(number);
    const before = this.#counts[number] as number;
    if (before === 0) this.said.push(number);
    this.#counts[number] = before + count;
  }

  /** 0 for a word that was not said. */
  of(number: number): number {
    return this.#counts[number] ?? 0;
  }

  clear(): void {
    for (const number of this.said) this.#counts[number] = 0;
    this.said.length = 0;
  }

  /** The words themselves, with their counts. */
  toMap({ words }: Lexicon): Map<string, number> {
    const map = new Map<string, number>();
    for (const number of this.said) map.set(words[number] as string, this.of(number));
    return map;
  }

  #grow(number: number): void {
    const counts = new Float64Array(Math.max(this.#counts.length * 2, number + 1));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
