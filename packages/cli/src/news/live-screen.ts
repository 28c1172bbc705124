// A few lines at the end of what a terminal shows, drawn again and again in place, and taken away without a trace.
//
// Between two frames the cursor rests at the beginning of the *first* line. That is what makes a change of the window's
// size harmless: whether the terminal cuts long lines or breaks them anew, everything from the cursor on is ours, and one
// "erase below" takes it away. Nobody has to know how many rows the old lines have become.
//
// A line that takes more columns than we think (terminals do not agree about emoji) must not move the others, so it is
// written with the terminal's own wrapping off. A frame is one write, between the marks of synchronised output (mode 2026;
// terminals that do not know them ignore them), and holds only lines that differ.

import type { Output } from "../io.ts";
import type { Size } from "./live-frame.ts";

const CSI = "\u001B[";
const HIDE = `${CSI}?25l`;
const SHOW = `${CSI}?25h`;
const BEGIN = `${CSI}?2026h${CSI}?7l`;
const END = `${CSI}?7h${CSI}?2026l`;
const ERASE_LINE = `${CSI}2K`;
const ERASE_BELOW = `\r${CSI}J`;

/** The lines on the terminal. */
export class Screen {
  readonly #output: Output;
  /** What stands there; `undefined`: nothing of ours. */
  #lines: readonly string[] | undefined;
  #size: Size = { columns: 0, rows: 0 };
  #hidden = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** The terminal's size at this moment. */
  get size(): Size {
    const { columns, rows } = this.#output;
    return {
      columns: columns !== undefined && columns > 0 ? columns : 80,
      rows: rows !== undefined && rows > 0 ? rows : 24,
    };
  }

  /** Shows these lines instead of those before. They are no wider than `size`, and fewer than its rows. */
  draw(lines: readonly string[], size: Size = this.size): void {
    const resized = size.columns !== this.#size.columns || size.rows !== this.#size.rows;
    const before = resized ? [] : (this.#lines ?? []);
    const changed = lines.length !== before.length || lines.some((line, at) => line !== before[at]);
    if (this.#lines !== undefined && !changed && !resized) return;
    const hide = this.#hidden ? "" : HIDE;
    const erase = resized && this.#lines !== undefined ? ERASE_BELOW : "";
    const height = Math.max(lines.length, before.length);
    let text = "";
    let at = 0;
    for (let row = 0; row < height; row++) {
      if (lines[row] === before[row]) continue;
      // A line feed at the bottom scrolls, which "down" does not; and rows that are skipped exist already.
      text += `${"\n".repeat(row - at)}\r${ERASE_LINE}${lines[row] ?? ""}`;
      at = row;
    }
    const back = at > 0 ? `\r${CSI}${at}A` : "\r";
    this.#lines = lines;
    this.#size = size;
    this.#hidden = true;
    this.#output.write(`${BEGIN}${hide}${erase}${text}${back}${END}`);
  }

  /** Takes the lines away and shows the cursor. The next `draw` begins anew, where the cursor is then. */
  clear(): void {
    if (this.#lines === undefined && !this.#hidden) return;
    this.#lines = undefined;
    this.#hidden = false;
    this.#output.write(`${ERASE_BELOW}${END}${SHOW}`);
  }

  /** Somebody else wrote meanwhile: what stood there is theirs, and the next `draw` begins where the cursor is. */
  forget(): void {
    this.#lines = undefined;
    this.#hidden = false;
  }
}
