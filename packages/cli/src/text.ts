// Text for a terminal: numbers as people read them, and cells that are as wide as they look.
//
// Titles come from strangers. A control character in one could move the cursor or worse, so nothing is printed that has
// not gone through `clean`. And a Chinese character takes two columns, so nothing is aligned by its `length`.
//
// A Hebrew or Arabic title turns the order of what stands beside it: a terminal that knows of directions would show the
// numbers of its row on the wrong side of it. So such a text is isolated (Unicode's annex 9, "isolates"): after it has been cut,
// or the sign that ends the isolation would be cut off.

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

/** Hebrew, Arabic, and the other scripts that run from right to left. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** The text so that its direction is nobody else's: between U+2068 and U+2069 where it runs from right to left. */
export function isolate(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** A stranger's text for a place of so many columns: cleaned, cut, and isolated where it runs from right to left. */
export function cell(text: string, columns: number = Infinity): string {
  return isolate(fit(clean(text), columns));
}

/** What our own drawings become where only ASCII can be shown, sign by sign, so that columns stay columns. */
const ASCII: Readonly<Record<string, string>> = Object.fromEntries(
  ["…~", "·-", "–-", "—-", "→>", "×x", "²2", "✗x", "✓+", "█#", "▉#", "▊#", "▋#", "▌#", "▍#", "▎#", "▏#"]
    .concat(["━=", "╌-", "─-", "│|", "┤+", "┼+", "┬+", "└+", "┴+", "\u2068", "\u2069"])
    .map((pair) => [pair.slice(0, 1), pair.slice(1)]),
);

/** Our own signs in ASCII. Titles and names stay as they are: there is nothing to write them in. */
export function toAscii(text: string): string {
  return text.replace(/[…·–—→×²✗✓█▉▊▋▌▍▎▏━╌─│┤┼┬└┴\u2068\u2069]/g, (sign) => ASCII[sign] ?? sign);
}

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

/** How long ago or how far ahead: `5 min`, `3 h`, `12 d`. Of two units the larger one is enough for a table. */
export function span(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  if (minutes < 1) return `${Math.round(Math.abs(ms) / 1000)} s`;
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 49) return `${hours} h`;
  return `${count(Math.round(hours / 24))} d`;
}
