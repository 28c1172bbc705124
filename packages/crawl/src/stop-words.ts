// Words that say nothing about what a text is about: "the", "der", "の". The lists are those of the package `stopword`;
// this file finds the right one for a document, which names its language in a dozen ways or not at all.
//
// A document that does not say is guessed by the same lists: the language whose stop words make up most of it.

import * as lists from "stopword";
import { fold } from "./words.ts";

/** ISO 639-1, as documents say it, to the list's name, which is ISO 639-3. */
const LISTS: ReadonlyMap<string, string> = new Map(
  (
    "af:afr ar:ara hy:hye eu:eus bn:ben br:bre bg:bul ca:cat zh:zho hr:hrv cs:ces da:dan nl:nld en:eng eo:epo et:est " +
    "fa:fas fi:fin fr:fra gl:glg de:deu el:ell gu:guj ha:hau he:heb iw:heb hi:hin hu:hun id:ind ga:gle it:ita ja:jpn " +
    "ko:kor ku:kur la:lat lt:lit lv:lav ms:msa mr:mar my:mya no:nob nb:nob nn:nob pa:panGu pl:pol pt:por ro:ron ru:rus " +
    "sk:slk sl:slv so:som st:sot es:spa sw:swa sv:swe tl:tgl th:tha tr:tur uk:ukr ur:urd vi:vie yo:yor zu:zul"
  )
    .split(" ")
    .map((pair) => pair.split(":") as [string, string]),
);

/** Languages tried on a document that names none: those with enough pages to be met. 32 at most, as bits of a number. */
const GUESSED = "en de fr es it pt nl sv da nb fi pl cs sk hu ro tr id vi ru uk bg el ar fa he hi ja zh ko th".split(
  " ",
);

/**
 * What the package's shorter lists lack, and what every home page says. These are function words alone; "new" or "home"
 * may be what an article is about.
 */
const MORE: Readonly<Record<string, string>> = {
  en:
    "not no nor will may us one two said says say so just down off per via yet even ever own when why few again once " +
    "whom does done having let made above against until during further if she s t don't can't won't isn't wasn't " +
    "doesn't didn't aren't couldn't wouldn't shouldn't i'm i've i'll we're we've you're you'll they're that's what's " +
    "ours yours hers theirs its www http https com",
  es:
    "al algo como con contra cual cuando del desde donde durante e ella ellas ellos en entre era es esa ese eso esta " +
    "este esto está están fue ha han hasta hay la las le les lo los me mi muy más ni no nos o otra otro para pero por " +
    "porque que quien se ser si sin son su sus también te tiene todo todos tu un una uno y ya",
  // The package's list has no accents, and all that is written has.
  el:
    "ο η το οι τα του της των τον την τη στο στη στην στον στα στους στις και κι είναι ήταν αυτό αυτή αυτός αυτά αυτές " +
    "αυτοί μια μία ένα ένας έναν με για από που πως πώς δεν μην θα να σε αν ή αλλά όταν όπως όμως έχει έχουν είχε κατά " +
    "μετά πριν ως προς μας σας τους μου σου πιο πολύ όλα όλοι ό,τι ότι γιατί καθώς ενώ μέσα χωρίς μεταξύ",
  fa:
    "در به از که و این آن را با برای است بود شد شده می هم یک یا تا بر های ها نیز خود او ما شما من آنها اما اگر هر چه " +
    "دیگر باید کرد کرده کند کنند شود نیست هست هستند دارد داشت پس پیش بین روی درباره بودند شدند یکی همه هیچ",
  zh: "是 在 了 不 也 就 都 而 及 與 著 或 一个 没有 我们 你们 他们 这 那 有 为 上 中 下 将 被 对 从 到 说 年 月 日",
};

const loaded = new Map<string, ReadonlySet<string>>();
const NONE: ReadonlySet<string> = new Set();

/** ISO 639-1 code of a language tag (`en-GB`, `EN_us`, `pt`), or `undefined` for what is none. */
function codeOf(tag: string | undefined): string | undefined {
  const code = tag?.toLowerCase().split(/[-_]/)[0]?.trim();
  return code !== undefined && LISTS.has(code) ? code : undefined;
}

function listOf(code: string): ReadonlySet<string> {
  let words = loaded.get(code);
  if (words === undefined) {
    const list: unknown = Reflect.get(lists, LISTS.get(code) ?? "");
    const all = Array.isArray(list) ? list.filter((word) => typeof word === "string") : [];
    words = new Set([...all, ...(MORE[code]?.split(" ") ?? [])].map(fold));
    loaded.set(code, words);
  }
  return words;
}

/**
 * The stop words for a document.
 *
 * @param tag the language it says it is in.
 * @param counts its words, from which the language is guessed where the tag is of no use.
 *
 * @example
 * ```ts
 * import { stopWords } from "@rondo/crawl";
 *
 * console.log(stopWords("de-AT", new Map()).has("und")); // prints: true
 * const said = new Map([["le", 4], ["chat", 1], ["est", 2], ["dans", 1]]);
 * console.log(stopWords(undefined, said).has("avec")); // prints: true
 * ```
 */
export function stopWords(tag: string | undefined, counts: Iterable<readonly [string, number]>): ReadonlySet<string> {
  const given = codeOf(tag);
  if (given !== undefined) return listOf(given);
  const guess = new Guess();
  for (const [word, count] of counts) guess.add(languagesOf(word), count);
  const code = guess.code();
  return code === undefined ? NONE : listOf(code);
}

/** The stop words of one language, asked for by a word or by the bits that `languagesOf` gives for it. */
export interface StopList {
  /** Of the languages that are guessed, this one's bit; 0 where the words have to be asked for. */
  readonly bit: number;
  readonly words: ReadonlySet<string>;
}

/** The stop words of the language that a tag names, `undefined` where it names none. */
export function stopList(tag: string | undefined): StopList | undefined {
  const code = codeOf(tag);
  if (code === undefined) return undefined;
  const index = GUESSED.indexOf(code);
  return { bit: index === -1 ? 0 : 1 << index, words: listOf(code) };
}

let inverted: ReadonlyMap<string, number> | undefined;

/** The languages in which a word is a stop word, a bit each, of those that are guessed. */
export function languagesOf(word: string): number {
  inverted ??= invert();
  return inverted.get(word) ?? 0;
}

/** Guesses the language of a text from the stop words in it. */
export class Guess {
  readonly #said = new Float64Array(GUESSED.length);

  /** @param languages of a word, from `languagesOf`. */
  add(languages: number, count: number): void {
    // `bits & -bits` is the lowest bit that is set; a word is in two or three lists at most, so few rounds are made.
    for (let bits = languages; bits !== 0; bits &= bits - 1) {
      const index = 31 - Math.clz32(bits & -bits);
      this.#said[index] = (this.#said[index] ?? 0) + count;
    }
  }

  /** ISO 639-1, or `undefined` where no stop word was said. */
  code(): string | undefined {
    let best: string | undefined;
    let most = 0;
    for (const [index, code] of GUESSED.entries()) {
      // Long lists would win by length alone: the German one has six times the words of the English one.
      const score = (this.#said[index] ?? 0) / Math.sqrt(listOf(code).size);
      if (score > most) {
        most = score;
        best = code;
      }
    }
    return best;
  }
}

function invert(): Map<string, number> {
  const found = new Map<string, number>();
  for (const [index, code] of GUESSED.entries()) {
    for (const word of listOf(code)) found.set(word, (found.get(word) ?? 0) | (1 << index));
  }
  return found;
}
