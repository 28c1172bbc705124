// Text to words.
//
// Most scripts put something between words, and there a loop over character codes with a table of 65,536 classes finds
// them some ten times faster than Intl.Segmenter. Chinese, Japanese, Thai, Lao, Khmer and Burmese do not; runs of these,
// and only these, go to Intl.Segmenter, which has their dictionaries. So a Japanese page with English names in it is
// read by both, each its part.
//
// What a word is follows Unicode's text segmentation (UAX #29), with two differences meant for counting what people
// write about: a full stop never joins letters ("end.Start" is two words), and the article or possessive that an
// apostrophe ties to a word is dropped ("l'économie" counts as "économie", "Turing's" as "turing").

import { START, step } from "./lexicon.ts";

/** Takes words as they are found. `text` is the folded text, `start` and `end` are indices into it. */
export interface WordSink {
  word(word: string, start: number, end: number): void;
}

/** Takes words where they stand, which saves cutting out those that have been met before. */
export interface SpanSink extends WordSink {
  /** A word that is exactly what stands from `start` to before `end`; `hash` is its hash (lexicon.ts). */
  span(start: number, end: number, hash: number): void;
}

const UNKNOWN = 0;
const SEPARATOR = 1;
const LETTER = 2;
const DIGIT = 3;
/** Of a script that puts nothing between words. */
const UNSPACED = 4;
/** Continues what came before and begins nothing: combining marks, joiners, the second half of a surrogate pair. */
const MARK = 5;
const APOSTROPHE = 6;

/** The class of each UTF-16 code unit, found out when it is first met. */
const classes = new Uint8Array(0x10000);

const IS_UNSPACED =
  /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]$/u;
const IS_LETTER = /^[\p{L}\p{Nl}]$/u;
const IS_DIGIT = /^[\p{Nd}\p{No}]$/u;
const IS_MARK = /^(?:\p{M}|\u200C|\u200D|\u2060|\uFEFF)$/u;

function classify(code: number): number {
  if (code === 0x27 || code === 0x2019) return APOSTROPHE;
  if (code >= 0xdc00 && code <= 0xdfff) return MARK;
  const character = String.fromCodePoint(code);
  const mark = IS_MARK.test(character);
  const letter = IS_LETTER.test(character);
  if (!mark && !letter && !IS_DIGIT.test(character)) return SEPARATOR;
  if (IS_UNSPACED.test(character)) return UNSPACED;
  return mark ? MARK : letter ? LETTER : DIGIT;
}

function classAt(text: string, at: number): number {
  if (at >= text.length) return SEPARATOR;
  const code = text.charCodeAt(at);
  const known = classes[code] as number;
  if (known !== UNKNOWN) return known;
  // A pair is classified as the character it is, every time: a table for them would be sixteen times as large.
  if (code >= 0xd800 && code <= 0xdbff) {
    const point = text.codePointAt(at) as number;
    return point > 0xffff ? classify(point) : SEPARATOR;
  }
  return (classes[code] = classify(code));
}

/**
 * The text with differences removed that are none to a reader: case, width, the way an accent is composed, hyphens that
 * show only at the end of a line. Case is folded simply (Unicode's C and S foldings), so "ß" stays what it is.
 *
 * @example
 * ```ts
 * import { fold } from "@rondo/crawl";
 *
 * console.log(fold("ΟΔΟΣ ＡＩ Zu\u00ADrich")); // prints: οδοσ ai zurich
 * ```
 */
export function fold(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text.toLowerCase();
  const lower = text.normalize("NFKC").toLowerCase();
  // Greek has a second small sigma for the end of a word; the Turkish dotted capital I leaves its dot behind.
  return REST.test(lower)
    ? lower
        .replace(/ς/g, "σ")
        .replace(/i\u0307/g, "i")
        .replace(/\u00AD/g, "")
    : lower;
}

// oxlint-disable-next-line no-control-regex -- all of ASCII is what is meant
const BEYOND_ASCII = /[^\x00-\x7F]/;
const REST = /ς|\u0307|\u00AD/;

let segmenter: Intl.Segmenter | undefined;

/**
 * Gives each word of a folded text to the sink, in order.
 *
 * @param folded from `fold`; anything else is taken as it is, capitals and all.
 *
 * @example
 * ```ts
 * import { eachWord, fold } from "@rondo/crawl";
 *
 * const words: string[] = [];
 * eachWord(fold("L'économie: 3.5 % up, 東京都に"), { word: (word) => words.push(word) });
 * console.log(words.join(" ")); // prints: économie 3.5 up 東京 都 に
 * ```
 */
export function eachWord(folded: string, sink: WordSink): void {
  walk(folded, new Cutter(folded, sink));
}

/** For whoever wants the words as strings. */
class Cutter implements SpanSink {
  readonly #text: string;
  readonly #sink: WordSink;

  constructor(text: string, sink: WordSink) {
    this.#text = text;
    this.#sink = sink;
  }

  span(start: number, end: number): void {
    this.#sink.word(this.#text.slice(start, end), start, end);
  }

  word(word: string, start: number, end: number): void {
    this.#sink.word(word, start, end);
  }
}

/** As `eachWord`, for a sink that takes most words where they stand. Those that are written otherwise come as strings. */
export function walk(folded: string, sink: SpanSink): void {
  const length = folded.length;
  let at = 0;
  while (at < length) {
    const first = classAt(folded, at);
    if (first === LETTER || first === DIGIT) at = spaced(folded, at, first, sink);
    else if (first === UNSPACED) at = unspaced(folded, at, sink);
    else at++;
  }
}

/** From the first character of a word to behind its last. */
function spaced(text: string, start: number, first: number, sink: SpanSink): number {
  const length = text.length;
  let at = start + 1;
  let before = first;
  let apostrophe = -1;
  let hash = step(START, text.charCodeAt(start));
  while (at < length) {
    const code = text.charCodeAt(at);
    // The table alone, for the millions of characters that are in it; what is not yet, and pairs, go the longer way.
    let next = classes[code] as number;
    if (next === UNKNOWN) next = classAt(text, at);
    if (next === LETTER || next === DIGIT) {
      before = next;
    } else if (next === APOSTROPHE && before === LETTER && classAt(text, at + 1) === LETTER) {
      apostrophe = at;
    } else if (next !== MARK && !(before === DIGIT && isNumberMark(code) && classAt(text, at + 1) === DIGIT)) {
      break;
    }
    hash = step(hash, code);
    at++;
  }
  if (apostrophe === -1) sink.span(start, at, hash);
  else withoutTies(text, start, at, apostrophe, sink);
  return at;
}

/** `.` and `,` inside a number. */
function isNumberMark(code: number): boolean {
  return code === 0x2e || code === 0x2c;
}

/** Articles and pronouns that French, Italian and Catalan tie to the next word, and English tied ones that are not. */
const ELIDED =
  /^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|presqu|dell|nell|sull|dall|all|coll|un|quest|quell|bell|gl|dev|sant)$/;

function withoutTies(text: string, start: number, end: number, apostrophe: number, sink: WordSink): void {
  let from = start;
  let to = end;
  if (end - apostrophe === 2 && text[end - 1] === "s") to = apostrophe;
  else if (end - apostrophe > 2 && ELIDED.test(text.slice(start, apostrophe))) from = apostrophe + 1;
  // One spelling for both apostrophes, or "don't" would be two words to a counter.
  sink.word(text.slice(from, to).replaceAll("\u2019", "'"), from, to);
}

function unspaced(text: string, start: number, sink: WordSink): number {
  let end = start + 1;
  while (end < text.length) {
    const next = classAt(text, end);
    if (next !== UNSPACED && next !== MARK) break;
    end++;
  }
  // The dictionaries are the same in every locale; naming one keeps the machine's own out of it.
  segmenter ??= new Intl.Segmenter("en", { granularity: "word" });
  for (const part of segmenter.segment(text.slice(start, end))) {
    if (part.isWordLike === true) {
      sink.word(part.segment, start + part.index, start + part.index + part.segment.length);
    }
  }
  return end;
}

/** Whether a text has a character of a script that puts nothing between words. */
export function hasUnspaced(folded: string): boolean {
  for (let at = 0; at < folded.length; at++) if (classAt(folded, at) === UNSPACED) return true;
  return false;
}
