// Which article is it? Each is kept once, however often and under however many addresses it is seen.
//
// Three things speak for two entries being one article: the feed's own identifier, the address, and the content. None is
// to be trusted alone. Feeds number their entries anew each time, give one address to all of them, or mint an
// identifier at every request; and "Read more" is the whole text of ten thousand articles. So each is believed only as
// far as nothing speaks against it, in this order:
//
// 1. The identifier, within its source, if it is long enough to be meant for ever (an address, a UUID), and no other
//    entry of the same document has it. A short one ("17") needs a second witness: title, content, address or date.
// 2. The address in its canonical form; unless the source gives the two different identifiers, or one document has both,
//    and their titles differ. Such an address is marked as shared, and from then on says something only with a title.
// 3. The content, if it is long: the same title over the same text, published within two days; in one source, at the
//    same moment, since a source that names two entries means two.
//
// Then its text: that of its own page goes before what feeds say of it, the source that gave the text may change it, and
// another one may bring a longer one. So two feeds with a summary each do not take turns for ever.

import { hash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Failure } from "../failure.ts";
import { stopWords } from "../stop-words.ts";
import { eachWord, fold, hasUnspaced } from "../words.ts";
import { type Entry, pack } from "./bag.ts";
import { canonicalUrl } from "./canonical.ts";
import type { Database } from "./database.ts";
import { DAY, dayOf, plausible } from "./days.ts";
import type { Dictionary } from "./dictionary.ts";
import type { Headline, NewArticle } from "./records.ts";

/** What one document brings. */
export interface Delivery {
  readonly source: number;
  readonly at: number;
  /** It is a page, whose text is whole, and no feed. */
  readonly page: boolean;
  readonly language: string | undefined;
  readonly articles: readonly NewArticle[];
}

/** What became of it. */
export interface Delivered {
  /** The articles' numbers, each once, in the document's order. */
  readonly held: number[];
  /** How many the source had never had. */
  readonly added: number;
  /** Those that nobody had ever had. */
  readonly fresh: readonly Headline[];
}

/** An entry, with what it is compared by worked out. */
interface Candidate {
  readonly url: string | undefined;
  readonly address: string | undefined;
  readonly guid: string | undefined;
  readonly id: string | undefined;
  readonly title: string | undefined;
  readonly text: string;
  readonly language: string | undefined;
  readonly published: number | undefined;
  readonly words: ReadonlyMap<string, number>;
  readonly content: Uint8Array;
  readonly telling: boolean;
}

/** An article as it is known. */
interface Known {
  readonly id: number;
  readonly url: string | null;
  readonly title: string | null;
  readonly language: string | null;
  readonly published: number | null;
  readonly time: number;
  readonly first_seen: number;
  readonly whole: number;
  readonly source: number | null;
  readonly content: Uint8Array;
}

/** What an address leads to. */
interface Addressed {
  readonly known: Known;
  shared: boolean;
}

/** What an entry is found to be. */
interface Found {
  /** `undefined`: a new article. */
  readonly known: Known | undefined;
  readonly addressed: Addressed | undefined;
  /** It was found by the source's own identifier. */
  readonly named: boolean;
}

/** What a document says of an article, and what was known before; `undefined` if it is as the entry says already. */
interface Met {
  readonly entry: Candidate;
  readonly known: Known | undefined;
}

const KNOWN =
  "articles.id, articles.url, title, language, published, time, articles.first_seen, whole, articles.source, content";

/** What the text of an article is to be from now on. */
interface Version {
  readonly title: string | undefined;
  readonly text: string;
  readonly words: ReadonlyMap<string, number>;
  readonly language: string | undefined;
  readonly published: number | undefined;
  readonly content: Uint8Array;
  readonly telling: boolean;
  readonly whole: boolean;
  readonly source: number | null;
  readonly stop: ReadonlySet<string>;
}

/** From so many characters on the same title over the same text is no chance. */
const TELLING = 200;

/** From so many on a text is deflated: half of it is saved, for 0.1 ms. Below, little is, for nearly as much. */
const LONG = 2000;

/** Puts articles into the tables, and changes those that are in them. Always within a transaction. */
export class Articles {
  readonly #database: Database;
  readonly #dictionary: Dictionary;

  constructor(database: Database, dictionary: Dictionary) {
    this.#database = database;
    this.#dictionary = dictionary;
  }

  /** Takes what a document brings. */
  take(delivery: Delivery): Delivered {
    this.#dictionary.begin();
    const candidates = distinctly(delivery.articles.map((article) => candidate(article, delivery.at)));
    const stop = stopWordsOf(delivery);
    // In one document an article may stand twice; the longer text is the better one, and is written once.
    const found = new Map<number, Met>();
    let added = 0;
    const fresh: Headline[] = [];
    for (const entry of candidates) {
      const { known, addressed, named } = this.#find(entry, delivery, found);
      if (known === undefined) fresh.push({ title: entry.title, url: entry.url });
      const id = known?.id ?? this.#add(entry, delivery, stop(entry));
      const before = found.get(id);
      if (before === undefined) found.set(id, { entry, known });
      else if (entry.text.length > before.entry.text.length) found.set(id, { entry, known });
      this.#address(id, entry, addressed);
      // Whoever was found by the source's own name for it has been seen there under that name.
      if (!named) added += this.#see(id, entry, delivery);
    }
    for (const { entry, known } of found.values()) {
      if (known !== undefined) this.#improve(known, entry, delivery, stop);
    }
    return { held: [...found.keys()], added, fresh };
  }

  /** Gives an article the text of its page. `false` if there is no such article, or what there is says more. */
  setText(url: string, version: Pick<NewArticle, "text" | "words"> & Partial<NewArticle>): boolean {
    const known = this.#byAddress(url);
    if (known === undefined) return false;
    const given = { title: version.title ?? known.title ?? undefined, text: version.text, words: version.words };
    const { title, text, words } = wellFormed(given);
    if (text === "" || (known.whole === 0 && text.length < this.text(known.id).length)) return false;
    const content = contentOf(title, text);
    if (equal(content, known.content)) return false;
    const language = version.language ?? known.language ?? undefined;
    const published = plausible(version.published, known.first_seen);
    const telling = text.length >= TELLING;
    const stop = stopWords(language, words);
    this.#change(known, { title, text, words, language, published, content, telling, whole: true, source: null, stop });
    return true;
  }

  /** Notes that an article's page was asked for. */
  followed(url: string, at: number, failure: Failure | undefined): void {
    const known = this.#byAddress(url);
    if (known === undefined) return;
    const said = failure === undefined ? null : JSON.stringify(failure);
    this.#database
      .prepare("UPDATE articles SET followed = ?, failure = ? WHERE id = ?")
      .run(Math.trunc(at), said, known.id);
  }

  /** An article's text. */
  text(id: number): string {
    return inflated(this.#database.prepare<{ text: string | Uint8Array }>(TEXT).get(id)?.text ?? "");
  }

  #byAddress(url: string): Known | undefined {
    const address = canonicalUrl(url);
    return address === undefined ? undefined : this.#addressed(address)?.known;
  }

  #addressed(address: string): Addressed | undefined {
    const sql = `SELECT ${KNOWN}, shared FROM addresses JOIN articles ON articles.id = article WHERE address = ?`;
    const known = this.#database.prepare<Known & { shared: number }>(sql).get(address);
    return known === undefined ? undefined : { known, shared: known.shared === 1 };
  }

  #find(entry: Candidate, delivery: Delivery, here: ReadonlyMap<number, Met>): Found {
    const { address, guid } = entry;
    const addressed = address === undefined ? undefined : this.#addressed(address);
    const named = guid === undefined ? undefined : this.#byGuid(delivery.source, guid);
    if (named !== undefined && believable(named, entry, addressed?.known.id)) {
      return { known: named, addressed, named: true };
    }
    if (addressed !== undefined && !addressed.shared) {
      if (this.#isSame(addressed.known, entry, delivery.source, here)) {
        return { known: addressed.known, addressed, named: false };
      }
      this.#share(address as string, addressed.known);
      addressed.shared = true;
    }
    const titled =
      addressed === undefined
        ? undefined
        : this.#addressed(withTitle(address as string, entry.title, entry.content))?.known;
    const known = titled ?? (entry.telling ? this.#byContent(entry, delivery) : undefined);
    return { known, addressed, named: false };
  }

  /** The newest that the source named so: a feed that counts from 1 at each request has had many. */
  #byGuid(source: number, guid: string): Known | undefined {
    const sql =
      `SELECT ${KNOWN} FROM sightings JOIN articles ON articles.id = article ` +
      "WHERE sightings.source = ? AND sightings.guid = ? ORDER BY article DESC LIMIT 1";
    return this.#database.prepare<Known>(sql).get(source, guid);
  }

  #isSame(known: Known, entry: Candidate, source: number, here: ReadonlyMap<number, Met>): boolean {
    if (looksSame(known, entry)) return true;
    const beside = here.get(known.id)?.entry;
    if (beside !== undefined && beside.title !== entry.title) return false;
    const guid = this.#guidAt(known.id, source);
    return guid === null || entry.guid === undefined || guid === entry.guid;
  }

  #guidAt(article: number, source: number): string | null {
    const sql = "SELECT guid FROM sightings WHERE article = ? AND source = ?";
    return this.#database.prepare<{ guid: string | null }>(sql).get(article, source)?.guid ?? null;
  }

  #share(address: string, known: Known): void {
    this.#database.prepare("UPDATE addresses SET shared = 1 WHERE address = ?").run(address);
    this.#alias(withTitle(address, known.title ?? undefined, known.content), known.id);
  }

  #alias(address: string, article: number): void {
    this.#database.prepare("INSERT OR IGNORE INTO addresses (address, article) VALUES (?, ?)").run(address, article);
  }

  #byContent(entry: Candidate, { source, at }: Delivery): Known | undefined {
    const sql = `SELECT ${KNOWN} FROM articles WHERE content = ? AND telling = 1 ORDER BY id DESC LIMIT 5`;
    const time = entry.published ?? at;
    return this.#database
      .prepare<Known>(sql)
      .all(entry.content)
      .find((known) => {
        const sql = "SELECT 1 FROM sightings WHERE article = ? AND source = ?";
        const here = this.#database.prepare(sql).get(known.id, source) !== undefined;
        return here
          ? known.published !== null && known.published === entry.published
          : Math.abs(known.time - time) <= 2 * DAY;
      });
  }

  #add(entry: Candidate, { source, at, page }: Delivery, stop: ReadonlySet<string>): number {
    const time = entry.published ?? Math.trunc(at);
    const bag = this.#bag(entry.words, stop);
    const sql =
      "INSERT INTO articles (url, guid, title, language, published, first_seen, time, words, look, whole, source, " +
      "content, telling) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
    const { id } = this.#database
      .prepare<{ id: number }>(sql)
      .get(
        entry.url ?? null,
        entry.id ?? null,
        entry.title ?? null,
        entry.language ?? null,
        entry.published ?? null,
        Math.trunc(at),
        time,
        total(entry.words),
        bag.partial ? IN_TEXT : unspaced(entry.title, entry.text),
        page ? 1 : 0,
        source,
        entry.content,
        entry.telling ? 1 : 0,
      ) as { id: number };
    this.#database.prepare("INSERT INTO texts (article, text) VALUES (?, ?)").run(id, deflated(entry.text));
    this.#database.prepare(FILL).run(dayOf(time), id, bag.words);
    return id;
  }

  /** Notes by which address an article is known. */
  #address(id: number, entry: Candidate, addressed: Addressed | undefined): void {
    if (entry.address === undefined) return;
    if (addressed === undefined) this.#alias(entry.address, id);
    else if (addressed.shared) this.#alias(withTitle(entry.address, entry.title, entry.content), id);
  }

  /** Notes that a source has an article, and what it calls it. Gives 1 the first time. */
  #see(id: number, entry: Candidate, { source, at }: Delivery): 0 | 1 {
    const sql = "SELECT guid FROM sightings WHERE article = ? AND source = ?";
    const seen = this.#database.prepare<{ guid: string | null }>(sql).get(id, source);
    if (seen === undefined) {
      const add = "INSERT INTO sightings (article, source, guid, first_seen) VALUES (?, ?, ?, ?)";
      this.#database.prepare(add).run(id, source, entry.guid ?? null, Math.trunc(at));
      return 1;
    }
    if (entry.guid !== undefined && seen.guid !== entry.guid) {
      const name = "UPDATE sightings SET guid = ? WHERE article = ? AND source = ?";
      this.#database.prepare(name).run(entry.guid, id, source);
    }
    return 0;
  }

  /** Gives an article what an entry says of it, where that is newer or more. */
  #improve(
    known: Known,
    entry: Candidate,
    { source, page }: Delivery,
    stop: (entry: Candidate) => ReadonlySet<string>,
  ): void {
    const whole = page ? 1 : 0;
    const changed = !equal(known.content, entry.content);
    const better =
      changed &&
      whole >= known.whole &&
      (whole > known.whole || known.source === source || entry.text.length > this.text(known.id).length);
    const dated = known.published === null && entry.published !== undefined;
    if (better) this.#change(known, { ...entry, whole: page, source, stop: stop(entry) });
    else if (dated) this.#date(known, entry.published as number);
  }

  /** Writes another version of an article over the one there is. */
  #change(known: Known, version: Version): void {
    // A date that was believed once stays: feeds that only say when an article was last changed would move it each time.
    const published = known.published ?? version.published ?? null;
    const time = known.published ?? version.published ?? known.time;
    const bag = this.#bag(version.words, version.stop);
    const sql =
      "UPDATE articles SET title = ?2, language = coalesce(?3, language), published = ?4, time = ?5, words = ?6, " +
      "look = ?7, whole = ?8, source = ?9, content = ?10, telling = ?11 WHERE id = ?1";
    this.#database
      .prepare(sql)
      .run(
        known.id,
        version.title ?? null,
        version.language ?? null,
        published,
        time,
        total(version.words),
        bag.partial ? IN_TEXT : unspaced(version.title, version.text),
        version.whole ? 1 : 0,
        version.source,
        version.content,
        version.telling ? 1 : 0,
      );
    this.#database.prepare("UPDATE texts SET text = ? WHERE article = ?").run(deflated(version.text), known.id);
    this.#database.prepare(EMPTY).run(dayOf(known.time), known.id);
    this.#database.prepare(FILL).run(dayOf(time), known.id, bag.words);
  }

  /** Moves an article to the day on which it was published, once that is said. */
  #date(known: Known, published: number): void {
    this.#database.prepare("UPDATE articles SET published = ?1, time = ?1 WHERE id = ?2").run(published, known.id);
    this.#database
      .prepare("UPDATE bags SET day = ? WHERE day = ? AND article = ?")
      .run(dayOf(published), dayOf(known.time), known.id);
  }

  #bag(words: ReadonlyMap<string, number>, stop: ReadonlySet<string>): { words: Uint8Array; partial: boolean } {
    const entries: Entry[] = [];
    for (const [word, count] of words) {
      const known = this.#dictionary.enter(word);
      if (known === undefined) continue;
      entries.push({ word: known.id, count, telling: known.telling && !stop.has(word) });
    }
    return { partial: entries.length < words.size, words: pack(entries) };
  }
}

/** Where terms are found: words in the bag, and pieces of text nowhere, as no such character is in it. */
const IN_BAG = 0;
/** Words in the bag, pieces of text in the text. */
export const PIECES_IN_TEXT = 1;
/** Everything in the text: there are more words than the dictionary took. */
export const IN_TEXT = 2;

/** What an identifier begins with that was made here, because the feed gives neither one nor an address. */
const MADE = "\u0001";

const TEXT = "SELECT text FROM texts WHERE article = ?";
const FILL = "INSERT INTO bags (day, article, words) VALUES (?, ?, ?)";
const EMPTY = "DELETE FROM bags WHERE day = ? AND article = ?";

function candidate(article: NewArticle, now: number): Candidate | undefined {
  const { title, text, words } = wellFormed(article);
  const address = article.url === undefined ? undefined : canonicalUrl(article.url);
  const content = contentOf(title, text);
  const id = article.id === undefined || article.id.trim() === "" ? undefined : article.id.toWellFormed();
  // Without an address and an identifier it is known by what it says; and if that is nothing, by nothing.
  const guid =
    id ??
    (address === undefined && (title !== undefined || text !== "") ? `${MADE}${nameOf(title, content)}` : undefined);
  if (guid === undefined && address === undefined) return undefined;
  return {
    url: address === undefined ? undefined : URL.parse(article.url as string)?.href,
    address,
    guid,
    id,
    title,
    text,
    language: article.language?.toWellFormed(),
    published: plausible(article.published, now),
    words,
    content,
    telling: title !== undefined && text.length >= TELLING,
  };
}

/**
 * Half of a surrogate pair cannot be stored: SQLite's texts are UTF-8, which has none. It becomes U+FFFD, and the words
 * are counted again, so that they are those of the text that is stored.
 */
function wellFormed(article: Pick<NewArticle, "text" | "words"> & { title?: string | undefined }): {
  title: string | undefined;
  text: string;
  words: ReadonlyMap<string, number>;
} {
  const { text, words } = article;
  const title = article.title === "" ? undefined : article.title;
  if (text.isWellFormed() && (title === undefined || title.isWellFormed())) return { title, text, words };
  const mended = { title: title?.toWellFormed(), text: text.toWellFormed() };
  const counted = new Map<string, number>();
  const word = (word: string): unknown => counted.set(word, (counted.get(word) ?? 0) + 1);
  for (const part of [mended.title ?? "", mended.text]) eachWord(fold(part), { word });
  return { ...mended, words: counted };
}

/** The entries without those that say nothing, and with identifiers only where no other entry has the same. */
function distinctly(candidates: readonly (Candidate | undefined)[]): Candidate[] {
  const first = new Map<string, Candidate>();
  const repeated = new Set<string>();
  for (const entry of candidates) {
    if (entry?.guid === undefined) continue;
    const before = first.get(entry.guid);
    if (before === undefined) first.set(entry.guid, entry);
    else if (before.address !== entry.address || before.title !== entry.title) repeated.add(entry.guid);
    else if (entry.guid.startsWith(MADE) && !equal(before.content, entry.content)) repeated.add(entry.guid);
  }
  return candidates
    .filter((entry) => entry !== undefined)
    .map((entry) => {
      if (entry.guid === undefined || !repeated.has(entry.guid)) return entry;
      return { ...entry, guid: entry.address === undefined ? `${MADE}${nameOf(undefined, entry.content)}` : undefined };
    });
}

/** The stop words for each entry: by its language or the document's, and where none is said, as guessed from it all. */
function stopWordsOf({ articles, language }: Delivery): (entry: Candidate) => ReadonlySet<string> {
  let guessed: ReadonlySet<string> | undefined;
  return (entry) => {
    const said = entry.language ?? language;
    if (said !== undefined) return stopWords(said, entry.words);
    if (guessed !== undefined) return guessed;
    const counts = new Map<string, number>();
    for (const { words } of articles) {
      for (const [word, count] of words) counts.set(word, (counts.get(word) ?? 0) + count);
    }
    return (guessed = stopWords(undefined, counts));
  };
}

function looksSame(known: Known, entry: Candidate): boolean {
  return (known.title !== null && known.title === entry.title) || equal(known.content, entry.content);
}

/** Whether what a feed calls by the same name is the same. */
function believable(known: Known, entry: Candidate, addressed: number | undefined): boolean {
  const guid = entry.guid ?? "";
  if (guid.length >= 16 || guid.startsWith(MADE) || looksSame(known, entry)) return true;
  if (entry.address === undefined || known.url === null || addressed === known.id) return true;
  return known.published !== null && known.published === entry.published;
}

/** The key of a shared address together with a title, or with the content where there is none. */
function withTitle(address: string, title: string | undefined, content: Uint8Array): string {
  return `${address}\n${nameOf(title, content)}`;
}

function nameOf(title: string | undefined, content: Uint8Array): string {
  return title === undefined ? Buffer.from(content).toString("base64") : hash("sha1", title, "base64");
}

function contentOf(title: string | undefined, text: string): Uint8Array {
  return hash("sha1", `${title ?? ""}\u0000${text}`, "buffer");
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function total(words: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of words.values()) sum += count;
  return sum;
}

function unspaced(title: string | undefined, text: string): number {
  // oxlint-disable-next-line no-control-regex -- all of ASCII is what is meant
  if (!/[^\x00-\x7F]/.test(text) && !/[^\x00-\x7F]/.test(title ?? "")) return IN_BAG;
  return hasUnspaced(fold(text)) || hasUnspaced(fold(title ?? "")) ? PIECES_IN_TEXT : IN_BAG;
}

function deflated(text: string): string | Uint8Array {
  return text.length < LONG ? text : deflateRawSync(text);
}

/** A text as it was. */
export function inflated(text: string | Uint8Array): string {
  return typeof text === "string" ? text : inflateRawSync(text).toString();
}
