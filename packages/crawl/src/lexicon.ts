// Words as small numbers: each different word of a text is kept once, and is known by its place from then on.
//
// What it saves is the string. Cutting a word out of its text, hashing it and looking it up in a Map costs several times
// what finding it costs, and most words have been met before. So the hash is made while the text is walked over anyway,
// and the word is compared with the one that is kept, letter by letter, where it stands.

import { own } from "./own.ts";

/** A hash over UTF-16 code units, made up as they come: `hash = step(hash, code)` from `START` on. */
export const START: number = 0x811c_9dc5 | 0;

/** One code unit more (FNV-1a; Fowler, Noll and Vo, 1991). */
export function step(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x0100_0193);
}

/**
 * So many places are looked at for a word. The hash is one that anybody can work out, and a page may be made of words that
 * all have the same: without a bound each would be compared with all before it.
 */
const NEAR = 32;

/** A set of words with a number for each, 0 for the first. Words are never taken out. */
export class Lexicon {
  /** By number. Each in memory of its own. */
  readonly words: string[] = [];
  #hashes = new Int32Array(1024);
  /** Numbers plus one by hash, open addressing; 0 is a free place. At most half full. */
  #places = new Int32Array(2048);
  /** Words that found no place near their own. The hashes of a Map nobody can foresee. */
  readonly #crowded = new Map<string, number>();

  /** How many there are. */
  get size(): number {
    return this.words.length;
  }

  /** The number of the word that stands in `text` from `start` to before `end`, whose hash is given. */
  numberAt(text: string, start: number, end: number, hash: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    const home = homeOf(hash);
    for (let near = 0; near < NEAR; near++) {
      const number = (places[(home + near) & mask] as number) - 1;
      if (number === -1) return this.#add(text.slice(start, end), hash);
      if (this.#hashes[number] === hash && isAt(this.words[number] as string, text, start, end)) return number;
    }
    const word = text.slice(start, end);
    return this.#crowded.get(word) ?? this.#add(word, hash);
  }

  /** The number of a word that stands in no text as it is. */
  numberOf(word: string): number {
    let hash = START;
    for (let at = 0; at < word.length; at++) hash = step(hash, word.charCodeAt(at));
    return this.numberAt(word, 0, word.length, hash);
  }

  #add(word: string, hash: number): number {
    const number = this.words.length;
    if (number === this.#hashes.length) this.#grow();
    this.words.push(own(word));
    this.#hashes[number] = hash;
    this.#place(number);
    return number;
  }

  #place(number: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    const home = homeOf(this.#hashes[number] as number);
    for (let near = 0; near < NEAR; near++) {
      const place = (home + near) & mask;
      if (places[place] !== 0) continue;
      places[place] = number + 1;
      return;
    }
    this.#crowded.set(this.words[number] as string, number);
  }

  #grow(): void {
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#places = new Int32Array(hashes.length * 2);
    this.#crowded.clear();
    for (let number = 0; number < this.words.length; number++) this.#place(number);
  }
}

/**
 * Where a word belongs. The low bits of FNV are its best, but words that differ in their last letter alone would stand side
 * by side.
 */
function homeOf(hash: number): number {
  return hash ^ (hash >>> 15);
}

function isAt(word: string, text: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false;
  for (let at = 0; at < word.length; at++) if (word.charCodeAt(at) !== text.charCodeAt(start + at)) return false;
  return true;
}
