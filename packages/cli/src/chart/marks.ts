// What tells the series of a chart apart beside their colours, so that nobody needs the colours: with NO_COLOR, on paper,
// or with eyes that see some of them alike.

import type { Look } from "../look.ts";

const MARKS = ["●", "▲", "■", "◆", "○", "△", "□", "◇"];
const ASCII_MARKS = ["o", "x", "*", "#", "+", "%", "@", "&"];

/** So many series can be told apart in one chart. */
export const MOST_SERIES: number = MARKS.length;

/** The mark of a series, in its colour. */
export function mark(index: number, look: Look): string {
  const marks = look.unicode === false ? ASCII_MARKS : MARKS;
  return look.paint.series(index, marks[index % marks.length] ?? "");
}
