// A line of the screen as pieces of text, each with its colour. Widths are counted on the text and colours put on at the
// end, so that an escape sequence is never counted and never cut.

import { clean, fit, width } from "../text.ts";

/** A piece of a line. Its text is clean: see `said` for what comes from strangers. */
export interface Span {
  readonly text: string;
  readonly style?: ((text: string) => string) | undefined;
}

/** Longer than any line. A title of a megabyte would be measured grapheme by grapheme otherwise, and so would a letter with ten thousand accents. */
const LONGEST = 400;

/** What strangers wrote, fit to be shown. */
export function said(text: string): string {
  return clean(text.slice(0, LONGEST)).replace(CROWDED, "$1");
}

/** More accents on a letter than any language writes, which would be drawn over the lines above and below. */
const CROWDED = /(\p{M}{4})\p{M}+/gu;

/** The line in at most `columns` columns, painted. */
export function line(spans: readonly Span[], columns: number): string {
  let left = columns;
  let painted = "";
  for (const [at, { text, style }] of spans.entries()) {
    const wide = width(text);
    const isLast = spans.slice(at + 1).every((span) => span.text === "");
    // The ellipsis of a line that goes on needs its column, even where this piece would just have fitted.
    const fits = isLast ? wide <= left : wide < left;
    const shown = fits ? text : left < 1 ? "" : fit(isLast ? text : `${text}……`, left);
    painted += shown === "" || style === undefined ? shown : style(shown);
    left -= width(shown);
    if (!fits) break;
  }
  return painted;
}

/** Columns that a line of pieces takes. */
export function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + width(span.text), 0);
}
