// Several series over the same days as lines, in letters of a terminal.
//
// A cell of a terminal is too coarse for a line, and a Braille sign has two by four dots: the lines are drawn in those. But dots of
// two series in one cell are one sign in one colour, and without colours they are nobody's. So each series also has a mark, set
// where its values are, as far apart as is needed to see the line between; marks stand above lines, and a mark that would
// hide another one's is moved a day aside, where there is room.

import type { Look } from "../look.ts";
import { count, pad } from "../text.ts";
import { mark } from "./marks.ts";
import { dayName, niceTop } from "./scale.ts";

/** A line. `undefined` is a gap: nothing is drawn, and nothing across it. */
export interface Series {
  readonly values: readonly (number | undefined)[];
}

/** Rows of the area in which lines are drawn. */
const HEIGHT = 10;
/** Columns from one mark of a series to its next. */
const BETWEEN_MARKS = 6;
/** What there has to be at least for a chart to say anything. */
const LEAST_COLUMNS = 24;

/** The bits of a Braille sign's dots, by row and column (Unicode, "Braille Patterns": 1 2 3 7 and 4 5 6 8). */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/** What is in a cell: dots of lines, or a mark. */
interface Cell {
  dots: number;
  series: number;
  marked: boolean;
}

/** A chart, or nothing where there is no room or fewer than two days for one. */
export function lines(days: readonly string[], series: readonly Series[], look: Look): string {
  const most = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = niceTop(most);
  const numbers = new Map([
    [0, count(top)],
    [HEIGHT / 2, top % 2 === 0 ? count(top / 2) : ""],
    [HEIGHT - 1, "0"],
  ]);
  const margin = Math.max(...[...numbers.values()].map((text) => text.length)) + 3;
  const columns = look.columns - margin - 1;
  if (columns < LEAST_COLUMNS || days.length < 2) return "";
  const canvas = new Canvas(columns, days.length, top);
  // The first ones last: they are what was asked for first, and lie above.
  for (const [index, { values }] of [...series.entries()].toReversed()) canvas.line(index, values);
  for (const [index, { values }] of series.entries()) canvas.marks(index, values);
  const unicode = look.unicode !== false;
  const rows = canvas.rows.map((row, at) => {
    const number = numbers.get(at) ?? "";
    const axis = at === HEIGHT - 1 ? "┼" : number === "" ? "│" : "┤";
    return ` ${pad(number, margin - 3, "right")} ${axis}${row.map((each) => drawn(each, look, unicode)).join("")}`.trimEnd();
  });
  return `${rows.join("\n")}\n${" ".repeat(margin)}${dayAxis(days, canvas)}\n`;
}

class Canvas {
  readonly rows: Cell[][];
  readonly #columns: number;
  readonly #days: number;
  readonly #top: number;

  constructor(columns: number, days: number, top: number) {
    this.#columns = columns;
    this.#days = days;
    this.#top = top;
    this.rows = Array.from({ length: HEIGHT }, () =>
      Array.from({ length: columns }, () => ({ dots: 0, series: -1, marked: false })),
    );
  }

  /** The column of a day. */
  column(day: number): number {
    return this.#x(day) >> 1;
  }

  line(series: number, values: readonly (number | undefined)[]): void {
    for (const [day, value] of values.entries()) {
      const before = day === 0 ? undefined : values[day - 1];
      if (value === undefined) continue;
      if (before === undefined) this.#dot(series, this.#x(day), this.#y(value));
      else this.#segment(series, this.#x(day - 1), this.#y(before), this.#x(day), this.#y(value));
    }
  }

  /** Marks from the last day backwards, which is the one people look for. */
  marks(series: number, values: readonly (number | undefined)[]): void {
    let free = Infinity;
    for (let day = values.length - 1; day >= 0; day--) {
      const value = values[day];
      const column = this.column(day);
      if (value === undefined || column > free) continue;
      const cell = this.rows[this.#y(value) >> 2]?.[column];
      // Another one's mark stands there, and the next day may do as well.
      if (cell === undefined || cell.marked) continue;
      cell.marked = true;
      cell.series = series;
      free = column - BETWEEN_MARKS;
    }
  }

  #x(day: number): number {
    return Math.round((day / (this.#days - 1)) * (this.#columns * 2 - 1));
  }

  #y(value: number): number {
    return Math.round((1 - value / this.#top) * (HEIGHT * 4 - 1));
  }

  /** Dots from one place to another, without a hole (Bresenham, 1965). */
  #segment(series: number, x: number, y: number, toX: number, toY: number): void {
    const wide = toX - x;
    const high = -Math.abs(toY - y);
    const step = y < toY ? 1 : -1;
    let error = wide + high;
    for (;;) {
      this.#dot(series, x, y);
      if (x >= toX && y === toY) return;
      const twice = 2 * error;
      if (twice >= high) {
        error += high;
        x++;
      }
      if (twice <= wide) {
        error += wide;
        y += step;
      }
    }
  }

  #dot(series: number, x: number, y: number): void {
    const cell = this.rows[y >> 2]?.[x >> 1];
    if (cell === undefined) return;
    cell.dots |= DOTS[(y & 3) as 0 | 1 | 2 | 3][(x & 1) as 0 | 1];
    cell.series = series;
  }
}

function drawn(cell: Cell, look: Look, unicode: boolean): string {
  if (cell.marked) return mark(cell.series, look);
  if (cell.dots === 0) return " ";
  return look.paint.series(cell.series, unicode ? String.fromCodePoint(0x2800 + cell.dots) : ".");
}

/** The first and the last day, and as many between as there is room for. */
function dayAxis(days: readonly string[], canvas: Canvas): string {
  const years = days[0]?.slice(0, 4) !== days.at(-1)?.slice(0, 4);
  const names = days.map((day) => dayName(day, years));
  const longest = Math.max(...names.map((name) => name.length));
  const lastStart = canvas.column(days.length - 1) + 1 - longest;
  // Every so many days, counted back from the last one, so that it has its name.
  const apart = [1, 2, 7, 14, 28, 91, 182, 364].find(
    (each) => canvas.column(Math.min(each, days.length - 1)) >= longest + 3 || each >= days.length,
  );
  let text = "";
  for (let day = (days.length - 1) % (apart ?? days.length); day < days.length; day += apart ?? days.length) {
    const start = Math.min(lastStart, Math.max(0, canvas.column(day) - (longest >> 1)));
    if (start < text.length + (text === "" ? 0 : 2)) continue;
    text = `${text.padEnd(start)}${names[day] ?? ""}`;
  }
  return text;
}
