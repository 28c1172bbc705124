// A table whose first column is a name: the name takes what room the others leave, and where that is too little, columns
// are left out, the least important first. No line is ever wider than it may be.

import type { Look } from "./look.ts";
import { cell, count, fit, pad, width } from "./text.ts";

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  /** What a row has there, without colours. */
  cell(row: Row): string;
  /** Colours for what is there. */
  paint?(text: string, row: Row): string;
  /** Those with the largest number go first where there is no room for all. Default: 0, which stays. */
  readonly spare?: number;
}

const LEAST_NAME = 16;

/** A table, or nothing for no rows. More rows than are wanted are counted beneath it. */
export function grid<Row>(
  rows: readonly Row[],
  name: { readonly title: string; cell(row: Row): string; paint?(text: string, row: Row): string },
  columns: readonly Column<Row>[],
  look: Look,
  more = "--rows shows more",
): string {
  const shown = rows.slice(0, look.rows);
  if (shown.length === 0) return "";
  const names = shown.map((row) => name.cell(row));
  const wanted = Math.max(width(name.title), ...names.map(width));
  let kept = columns.map((column) => ({
    ...column,
    cells: shown.map((row) => column.cell(row)),
  }));
  const widthOf = (column: (typeof kept)[number]): number => Math.max(width(column.title), ...column.cells.map(width));
  const left = (): number => look.columns - 1 - kept.reduce((sum, column) => sum + widthOf(column) + 2, 0);
  while (left() < Math.min(wanted, LEAST_NAME) && kept.length > 0) {
    const most = Math.max(...kept.map((column) => column.spare ?? 0));
    if (most === 0 && left() >= width(name.title)) break;
    const last = kept.findLast((column) => (column.spare ?? 0) === most);
    kept = kept.filter((column) => column !== last);
  }
  const nameWidth = Math.min(wanted, Math.max(1, left()));
  const widths = kept.map(widthOf);
  const same = (text: string): string => text;
  const header = kept.map((column, at) => `  ${pad(column.title, widths[at] ?? 0, column.align)}`).join("");
  const lines = [look.paint.bold(` ${pad(fit(name.title, nameWidth), nameWidth)}${header}`.trimEnd())];
  for (const [at, row] of shown.entries()) {
    const called = cell(names[at] ?? "", nameWidth);
    const cells = kept.map((column, place) => {
      const text = column.cells[at] ?? "";
      const space = pad("", (widths[place] ?? 0) - width(text));
      const painted = text === "" ? "" : (column.paint ?? same)(text, row);
      return column.align === "right" ? `  ${space}${painted}` : `  ${painted}${space}`;
    });
    const space = pad("", nameWidth - width(called));
    lines.push(` ${(name.paint ?? same)(called, row)}${space}${cells.join("")}`.trimEnd());
  }
  if (shown.length < rows.length)
    lines.push(look.paint.dim(fit(` … and ${count(rows.length - shown.length)} more (${more})`, look.columns)));
  return `${lines.join("\n")}\n`;
}
