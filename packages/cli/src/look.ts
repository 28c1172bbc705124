// How to draw: what an output can show and what its reader wants to see, found out once for all that is drawn on it.

import { columnsOf, type Environment, type Io, type Output, wantsColour, wantsUnicode } from "./io.ts";
import { type Paint, paint } from "./paint.ts";
import { toAscii } from "./text.ts";

/** How to draw. */
export interface Look {
  readonly columns: number;
  readonly paint: Paint;
  /** Rows of a table at most. */
  readonly rows: number;
  /** Blocks, dots and marks can be shown. Default: yes. */
  readonly unicode?: boolean;
}

/** How to draw on an output. */
export function lookAt(output: Output, env: Environment, rows: number = Infinity): Look {
  return {
    columns: columnsOf(output, env),
    paint: paint(wantsColour(output, env)),
    rows,
    unicode: wantsUnicode(env),
  };
}

/** Prints what was drawn to standard output: parts with an empty line between them, those that are empty left out. */
export function show(io: Io, look: Look, parts: readonly string[]): void {
  const text = `\n${parts.filter((part) => part !== "").join("\n")}\n`;
  io.stdout.write(look.unicode === false ? toAscii(text) : text);
}
