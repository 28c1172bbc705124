// How often given terms occur. A term is one word or several in a row.
//
// Terms are cut into words by the same rules as the text, so "Climate Change" is found in "climate-change" and in "the
// CLIMATE  change". The idea that makes it cheap: a term is looked up by its last word, and only then is it compared
// backwards with the words just seen. Where a script puts nothing between words, cutting the term and cutting the text
// may differ, so there it is searched for as a piece of text.

import { SourceError } from "./failure.ts";
import { eachWord, fold, hasUnspaced, type WordSink } from "./words.ts";

interface Term {
  readonly index: number;
  /** The numbers of its words. */
  readonly words: number[];
  /** How many words had been seen when it last matched: the same word never counts for two matches. */
  usedUpTo: number;
}

/**
 * A set of terms to look for.
 *
 * @example
 * ```ts
 * import { fold, eachWord, TermCounter } from "@rondo/crawl";
 *
 * const terms = new TermCounter(["climate change", "Rome"]);
 * const text = fold("Climate-change talks in Rome. The climate: change of plan.");
 * console.log(terms.count(text).join()); // prints: 1,1
 * ```
 */
export class TermCounter implements WordSink {
  /** As they were given. */
  readonly terms: readonly string[];
  /** The words of all terms, each with a number from 1 on. */
  readonly #numbers = new Map<string, number>();
  readonly #byLastWord: (Term[] | undefined)[] = [];
  readonly #pieces: { index: number; text: string }[] = [];
  readonly #longest: number;
  #mentions: number[] = [];
  /** The last words, as long as each is a term's and follows the one before it closely; a ring of `#longest` places. */
  readonly #recent: number[] = [];
  /** How many of those there are, without an end. */
  #run = 0;
  #seen = 0;
  #text = "";
  #lastEnd = 0;

  /** @throws {SourceError} of kind `input` for a term without a letter or a digit. */
  constructor(terms: readonly string[]) {
    this.terms = terms;
    let longest = 1;
    for (const [index, given] of terms.entries()) {
      const text = fold(given.trim());
      if (hasUnspaced(text)) {
        this.#pieces.push({ index, text });
        continue;
      }
      const words: number[] = [];
      eachWord(text, { word: (word) => words.push(this.#number(word)) });
      const last = words.at(-1);
      if (last === undefined)
        throw new SourceError("input", `the term ${JSON.stringify(given)} has no letter and no digit`);
      longest = Math.max(longest, words.length);
      (this.#byLastWord[last] ??= []).push({ index, words, usedUpTo: 0 });
    }
    this.#longest = longest;
  }

  /** Mentions of each term in a folded text. To count words as well, see `begin`. */
  count(folded: string): number[] {
    const mentions = this.terms.map(() => 0);
    this.begin(folded, mentions);
    eachWord(folded, this);
    return mentions;
  }

  /** Starts a text: the words of it that `word` is given from now on are looked at, and matches added to `mentions`. */
  begin(folded: string, mentions: number[]): void {
    this.#mentions = mentions;
    this.#text = folded;
    this.#run = 0;
    for (const piece of this.#pieces) add(mentions, piece.index, occurrences(folded, piece.text));
  }

  word(word: string, start: number, end: number): void {
    this.see(this.numberOf(word), start, end);
  }

  /** What `see` is to be given for a word: 0 where no term has it. */
  numberOf(word: string): number {
    return this.#numbers.get(word) ?? 0;
  }

  /** As `word`, for whoever knows the words' numbers already. */
  see(number: number, start: number, end: number): void {
    this.#seen++;
    // Most words are no term's, and end whatever was going on.
    if (number === 0) {
      this.#run = 0;
      return;
    }
    if (this.#run > 0 && !isCloseGap(this.#text, this.#lastEnd, start)) this.#run = 0;
    this.#recent[this.#run++ % this.#longest] = number;
    this.#lastEnd = end;
    const terms = this.#byLastWord[number];
    if (terms !== undefined) for (const term of terms) this.#match(term);
  }

  #number(word: string): number {
    let number = this.#numbers.get(word);
    if (number === undefined) this.#numbers.set(word, (number = this.#numbers.size + 1));
    return number;
  }

  #match(term: Term): void {
    const count = term.words.length;
    if (count > this.#run || this.#seen - count < term.usedUpTo) return;
    for (let back = 1; back < count; back++) {
      if (this.#recent[(this.#run - 1 - back) % this.#longest] !== term.words[count - 1 - back]) return;
    }
    term.usedUpTo = this.#seen;
    add(this.#mentions, term.index, 1);
  }
}

function add(mentions: number[], index: number, count: number): void {
  mentions[index] = (mentions[index] ?? 0) + count;
}

/** Only space, a hyphen or an elided article lies between; a full stop or a comma ends what a term can be. */
function isCloseGap(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    const close =
      code === 0x20 ||
      (code >= 0x09 && code <= 0x0d) ||
      code === 0xa0 ||
      code === 0x2d ||
      code === 0x27 ||
      code === 0x2019 ||
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x2010 && code <= 0x2012);
    if (!close) return false;
  }
  return true;
}

function occurrences(text: string, piece: string): number {
  let count = 0;
  for (let at = text.indexOf(piece); at !== -1; at = text.indexOf(piece, at + piece.length)) count++;
  return count;
}
