// Horizontal bars: one line each, the longest as long as there is room.

import type { Look } from "../look.ts";
import { cell, count, pad, width } from "../text.ts";

/** Eighths of a block, so that a bar is exact to an eighth of a column. */
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Longer than this a bar tells no more. */
const LONGEST = 60;
const SHORTEST = 10;
const WIDEST_LABEL = 28;

/** Bars with their counts. Empty for no counts at all. */
export function bars(
  title: string,
  counts: readonly { readonly label: string; readonly count: number; readonly note?: string }[],
  look: Look,
): string {
  const most = Math.max(0, ...counts.map((each) => each.count));
  if (counts.length === 0) return "";
  const numberWidth = Math.max(...counts.map((each) => count(each.count).length));
  const labels = counts.map((each) =>
    cell(each.label, Math.max(6, Math.min(WIDEST_LABEL, look.columns - numberWidth - 12))),
  );
  const labelWidth = Math.max(...labels.map(width));
  const left = look.columns - labelWidth - numberWidth - 6;
  const wanted = counts.map((each) => (each.note === undefined ? "" : `  ${each.note}`));
  const wantedWidth = Math.max(...wanted.map(width));
  // A bar is what the eye looks for; notes come where both have room.
  const noteWidth = left - wantedWidth < SHORTEST ? 0 : wantedWidth;
  const notes = noteWidth === 0 ? [] : wanted;
  const room = Math.max(0, Math.min(LONGEST, left - noteWidth));
  const lines = [look.paint.bold(` ${title}`)];
  for (const [at, each] of counts.entries()) {
    const length = bar(most === 0 ? 0 : each.count / most, room, look);
    const number = pad(count(each.count), numberWidth, "right");
    const note = pad(notes[at] ?? "", noteWidth);
    lines.push(` ${pad(labels[at] ?? "", labelWidth)}  ${number}${note}  ${look.paint.cyan(length)}`.trimEnd());
  }
  return `${lines.join("\n")}\n`;
}

/** A bar for a share of 1. What is more than nothing is seen. */
function bar(share: number, room: number, look: Look): string {
  if (room === 0) return "";
  if (look.unicode === false) return "#".repeat(share > 0 ? Math.max(1, Math.round(share * room)) : 0);
  const eighths = share > 0 ? Math.max(1, Math.round(share * room * 8)) : 0;
  return "█".repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? "");
}
