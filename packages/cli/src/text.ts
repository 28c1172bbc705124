// Text for a terminal: numbers as people read them, and cells that are as wide as they look.
//
// Titles come from strangers. A control character in one could move the cursor or worse, so nothing is printed that has
// not gone through `clean`. And a Chinese character takes two columns, so nothing is aligned by its `length`.

import stringWidth from "string-width";

/** Without control and formatting characters, with single spaces. */
export function clean(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .replace(UNSEEN, "")
    .trim();
}

/** Direction overrides and the like, but not the joiners, without which Persian and many emoji are spelled wrong. */
const UNSEEN = /(?!\u200C|\u200D)[\p{Cf}\p{Co}\p{Cs}]/gu;

/** Columns a text takes. */
export function width(text: string): number {
  return stringWidth(text);
}

let graphemes: Intl.Segmenter | undefined;

/** The text in at most `columns` columns, with an ellipsis where something was left out. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  let taken = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const wide = width(segment);
    if (used + wide > columns - 1) break;
    taken += segment;
    used += wide;
  }
  return `${taken.trimEnd()}…`;
}

/** Filled up with spaces to `columns` columns, at its end or at its start. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, columns - width(text)));
  return align === "left" ? text + space : space + text;
}

/** `1,234,567`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** `3 sources`, `1 source`. */
export function counted(n: number, one: string, many: string = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Decimal units, as networks are measured: `640 B`, `12 kB`, `3.4 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit] ?? "B"}`;
}

/** `340 ms`, `1.2 s`, `64 s`, `3 min 5 s`. */
export function time(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest === 0 ? "" : ` ${rest} s`}`;
}
