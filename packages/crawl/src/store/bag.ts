// The words of an article as a few bytes: for each, in the order of their numbers, how far it is from the one before,
// and how often it occurs. 60 words are some 150 bytes and one row of the database.
//
// Why not a row for each word: it was measured. Rows by day and word touch every page of that day, whatever is added,
// and 60 of them cost thirty times what one row costs. Walking over the rows of a day and unpacking them is so quick
// (about 2 µs an article) that a month of 5,000 articles a day is looked through in a third of a second.

/** A word of an article. */
export interface Entry {
  /** Its number in the dictionary. */
  readonly word: number;
  readonly count: number;
  /** It says something of what the article is about: no stop word, no number, no single letter. */
  readonly telling: boolean;
}

/** Packs the words of an article. Sorts them in place. */
export function pack(entries: Entry[]): Uint8Array {
  entries.sort((a, b) => a.word - b.word);
  // A number that a `number` holds exactly takes eight bytes at most.
  const bytes = new Uint8Array(entries.length * 16);
  let at = 0;
  let before = 0;
  for (const { word, count, telling } of entries) {
    at = put(bytes, at, word - before);
    at = put(bytes, at, count * 2 + (telling ? 1 : 0));
    before = word;
  }
  return bytes.subarray(0, at);
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. No shifts: numbers may pass 32 bits. */
function put(bytes: Uint8Array, at: number, number: number): number {
  let rest = number;
  while (rest > 127) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** Walks over the words of a bag, without making anything: its fields are those of the word it stands at. */
export class BagReader {
  word = 0;
  count = 0;
  telling = false;
  #bytes: Uint8Array = NOTHING;
  #at = 0;

  /** Starts at the beginning of a bag. */
  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.word = 0;
  }

  /** Goes on to the next word, or says `false` at the end. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    this.word += this.#number();
    const value = this.#number();
    this.telling = value % 2 === 1;
    this.count = Math.floor(value / 2);
    return true;
  }

  #number(): number {
    let number = 0;
    let place = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++] ?? 0;
      if (byte < 128) return number + byte * place;
      number += (byte - 128) * place;
      place *= 128;
    }
  }
}

const NOTHING = new Uint8Array(0);
