// A terminal for tests: takes what a program writes and knows what the screen shows then. It understands exactly what our
// programs may write, and throws at everything else, so a stray control character is an error and not a blank.
//
// Terminals differ in two things that matter. Some count the columns of what a reader sees as one character, others those
// of each code point (a family of three is 2 or 6 columns wide); and when the window gets narrower, some cut the lines and
// others break them anew. Both can be had.

import type { Output } from "../src/io.ts";
import { width } from "../src/text.ts";

interface Row {
  cells: string[];
  /** Goes on in the next row because the terminal wrapped it. */
  wrapped: boolean;
}

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly counts?: "graphemes" | "code points";
  readonly narrowing?: "cuts" | "breaks";
}

/** An escape sequence, a control character, or text. */
const PIECES = new RegExp(`${"\u001B"}\\[[?\\d;]*[A-Za-z]|\\p{Cc}|\\P{Cc}+`, "gu");

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** The second column of a wide character. */
const REST = "";

export class Terminal implements Output {
  readonly isTTY = true;
  columns: number;
  rows: number;
  cursorShown = true;
  wraps = true;
  synchronised = false;
  /** Characters that were wrapped into the next row. */
  wrapped = 0;
  /** Each write, as it came. */
  readonly writes: string[] = [];
  readonly #options: TerminalOptions;
  /** All rows, those that have scrolled away first. */
  #all: Row[] = [];
  /** Index of the first row that is seen. */
  #top = 0;
  #row = 0;
  #column = 0;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.columns = options.columns;
    this.rows = options.rows;
    this.#at(0);
  }

  /** What is seen, without spaces at the ends of lines and empty lines at the end. */
  get screen(): string[] {
    return trimmed(this.#all.slice(this.#top, this.#top + this.rows));
  }

  /** The same with all that has scrolled away. */
  get everything(): string[] {
    return trimmed(this.#all);
  }

  /** Where the cursor is: row on the screen and column, from 0. */
  get cursor(): [number, number] {
    return [this.#row - this.#top, this.#column];
  }

  write(text: string): void {
    this.writes.push(text);
    for (const [piece] of text.matchAll(PIECES)) {
      if (piece.startsWith("\u001B[")) this.#control(piece.slice(2));
      else if (piece === "\r") this.#column = 0;
      else if (piece === "\n") this.#down();
      else if (/^\p{Cc}/u.test(piece)) throw new Error(`wrote ${JSON.stringify(piece)}`);
      else this.#print(piece);
    }
  }

  #control(sequence: string): void {
    if (/^[\d;]*m$/.test(sequence)) return;
    const switched = /^\?(7|25|2026)([hl])$/.exec(sequence);
    if (switched !== null) {
      const on = switched[2] === "h";
      if (switched[1] === "7") this.wraps = on;
      else if (switched[1] === "25") this.cursorShown = on;
      else this.synchronised = on;
    } else if (/^\d+A$/.test(sequence)) this.#row = Math.max(this.#top, this.#row - Number.parseInt(sequence, 10));
    else if (sequence === "2K") this.#at(this.#row).cells = [];
    else if (sequence === "J") {
      this.#at(this.#row).cells.length = Math.min(this.#at(this.#row).cells.length, this.#column);
      this.#all.length = this.#row + 1;
    } else throw new Error(`wrote the escape sequence ${JSON.stringify(sequence)}`);
  }

  #print(text: string): void {
    const units =
      this.#options.counts === "code points" ? [...text] : Array.from(graphemes.segment(text), (each) => each.segment);
    for (const unit of units) {
      const wide = width(unit);
      const row = this.#at(this.#row);
      if (wide === 0) {
        const before = Math.max(0, this.#column - 1);
        row.cells[before] = `${row.cells[before] ?? " "}${unit}`;
        continue;
      }
      if (this.#column + wide > this.columns) {
        if (this.wraps) {
          this.wrapped++;
          row.wrapped = true;
          this.#column = 0;
          this.#down();
        } else this.#column = Math.max(0, this.columns - wide);
      }
      const cells = this.#at(this.#row).cells;
      while (cells.length < this.#column) cells.push(" ");
      cells[this.#column] = unit;
      for (let more = 1; more < wide; more++) cells[this.#column + more] = REST;
      cells.length = Math.min(cells.length, this.columns);
      this.#column += wide;
    }
  }

  #down(): void {
    this.#row++;
    this.#at(this.#row);
    if (this.#row - this.#top >= this.rows) this.#top = this.#row - this.rows + 1;
  }

  #at(row: number): Row {
    while (this.#all.length <= row) this.#all.push({ cells: [], wrapped: false });
    return this.#all[row] as Row;
  }

  /** The window gets another size. */
  resize(columns: number, rows: number): void {
    if (this.#options.narrowing === "breaks") this.#breakAnew(columns);
    else for (const row of this.#all) row.cells.length = Math.min(row.cells.length, columns);
    this.columns = columns;
    this.rows = rows;
    this.#column = Math.min(this.#column, columns - 1);
    this.#top = Math.max(0, this.#row - rows + 1, Math.min(this.#top, this.#all.length - rows));
    // What is below the window is lost.
    this.#all.length = Math.min(this.#all.length, this.#top + rows);
  }

  #breakAnew(columns: number): void {
    const broken: Row[] = [];
    let row = 0;
    for (let at = 0; at < this.#all.length; at++) {
      const first = broken.length;
      if (at === this.#row) row = first;
      const cells = [...(this.#all[at] as Row).cells];
      while ((this.#all[at] as Row).wrapped && at + 1 < this.#all.length && at + 1 !== this.#row) {
        at++;
        cells.push(...(this.#all[at] as Row).cells);
      }
      while (cells.length > columns) broken.push({ cells: cells.splice(0, columns), wrapped: true });
      broken.push({ cells, wrapped: false });
    }
    this.#all = broken;
    this.#row = row;
    this.#top = Math.min(this.#top, row);
  }
}

function trimmed(rows: readonly Row[]): string[] {
  const lines = rows.map((row) =>
    Array.from(row.cells, (cell) => cell ?? " ")
      .join("")
      .trimEnd(),
  );
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
