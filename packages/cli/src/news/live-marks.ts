// Where the terms stand in a headline, so that they can be marked. What counts is counted elsewhere (TermCounter, on the
// folded text); this only has to point at the same places in the text as it is shown.

import type { Span } from "./live-spans.ts";

/** Scripts that put nothing between words: there a term is a piece of text. */
const UNSPACED = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

/** Finds terms in text. */
export class Marker {
  readonly #pattern: RegExp | undefined;

  constructor(terms: readonly string[]) {
    const patterns = terms
      .map((term) => pattern(term.normalize("NFC")))
      .filter((each) => each !== "")
      // Of two that begin at the same place, the longer one.
      .toSorted((a, b) => b.length - a.length);
    this.#pattern = patterns.length === 0 ? undefined : new RegExp(patterns.join("|"), "giu");
  }

  /** Whether any of the terms occurs. */
  has(text: string): boolean {
    return this.#pattern !== undefined && text.normalize("NFC").search(this.#pattern) !== -1;
  }

  /** The text in pieces, those that are terms painted by `mark`. */
  spans(text: string, mark: (text: string) => string): Span[] {
    if (this.#pattern === undefined) return [{ text }];
    const composed = text.normalize("NFC");
    const spans: Span[] = [];
    let from = 0;
    for (const { index, 0: found } of composed.matchAll(this.#pattern)) {
      if (index > from) spans.push({ text: composed.slice(from, index) });
      spans.push({ text: found, style: mark });
      from = index + found.length;
    }
    spans.push({ text: composed.slice(from) });
    return spans;
  }
}

function pattern(term: string): string {
  const words = term.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  if (words.length === 0) return "";
  if (UNSPACED.test(term)) return term.trim().replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return `(?<![\\p{L}\\p{N}])${words.join("[\\s\\p{Pd}'’]+")}(?![\\p{L}\\p{N}\\p{M}])`;
}
