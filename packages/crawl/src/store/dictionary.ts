// Words and their numbers. A word keeps its number for ever, so what was looked up once may be remembered; only a
// transaction that was rolled back takes the numbers it gave away with it.

import { isTelling } from "../tally.ts";
import { own } from "../own.ts";
import type { Database, Statement } from "./database.ts";

/** What is remembered of a word. */
interface Known {
  readonly id: number;
  /** Apart from stop words, which depend on the language. */
  readonly telling: boolean;
}

/** How many words are remembered: what common speech has, and some 20 MB at most. */
const LIMIT = 100_000;

/**
 * How many words of one document are looked up. No document in any language has as many; one that is made to have a
 * million would keep the loop for ten seconds, and the dictionary for ever.
 */
const ROOM = 20_000;

/** The dictionary of a database. */
export class Dictionary {
  readonly #known = new Map<string, Known>();
  readonly #find: Statement<{ id: number }>;
  readonly #add: Statement<{ id: number }>;
  readonly #word: Statement<{ word: string }>;
  #room = ROOM;

  constructor(database: Database) {
    this.#find = database.prepare("SELECT id FROM words WHERE word = ?");
    this.#add = database.prepare("INSERT INTO words (word) VALUES (?) RETURNING id");
    this.#word = database.prepare("SELECT word FROM words WHERE id = ?");
  }

  /** A word's number, or `undefined` if no article ever had it. */
  find(word: string): number | undefined {
    return this.#known.get(word)?.id ?? this.#find.get(word)?.id;
  }

  /** Begins another document, which may bring so many words that are not remembered. */
  begin(room: number = ROOM): void {
    this.#room = room;
  }

  /** A word's number; a new one is given to a word that has none, while there is room. Within a transaction. */
  enter(word: string): Known | undefined {
    const known = this.#known.get(word);
    if (known !== undefined || this.#room <= 0) return known;
    this.#room--;
    const id = this.#find.get(word)?.id ?? (this.#add.get(word) as { id: number }).id;
    if (this.#known.size >= LIMIT) this.#known.clear();
    const entered = { id, telling: isTelling(word) };
    this.#known.set(own(word), entered);
    return entered;
  }

  /** The word of a number. */
  word(id: number): string {
    return this.#word.get(id)?.word ?? "";
  }

  /** After a transaction that came to nothing. */
  forget(): void {
    this.#known.clear();
  }
}
