// A report as a person reads it: the table, bars for what was counted, the failures with their causes, and one line that
// sums it up. Takes a report and gives text; it knows no terminal but its width and its colours.

import type { Report, SourceReport } from "@rondo/crawl";
import type { Paint } from "../paint.ts";
import { clean, count, counted, fit, pad, size, time, width } from "../text.ts";

/** How to draw. */
export interface Look {
  readonly columns: number;
  readonly paint: Paint;
  /** Rows of the table at most. */
  readonly rows: number;
}

interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  cell(source: SourceReport): string;
}

/** Terms get a column each while there is room to read them; the bars below have them all. */
const MOST_TERM_COLUMNS = 6;
const WIDEST_TERM = 14;

/** The table of what was read, those that say most about the terms first, or else those with most words. */
export function table(report: Report, look: Look): string {
  const done = report.sources.filter((source) => source.state === "done");
  if (done.length === 0) return "";
  const shown = done.toSorted((a, b) => said(b) - said(a) || (b.words ?? 0) - (a.words ?? 0)).slice(0, look.rows);
  if (shown.length === 0) return "";
  const columns: Column[] = [
    { title: "KIND", align: "left", cell: (source) => source.kind ?? "" },
    { title: "ARTICLES", align: "right", cell: (source) => count(source.articles ?? 0) },
    { title: "WORDS", align: "right", cell: (source) => count(source.words ?? 0) },
    ...report.terms.slice(0, MOST_TERM_COLUMNS).map((term, index): Column => ({
      title: fit(clean(term), WIDEST_TERM),
      align: "right",
      cell: (source) => count(source.mentions?.[index] ?? 0),
    })),
    { title: "TIME", align: "right", cell: (source) => time(source.elapsed ?? 0) },
    { title: "SIZE", align: "right", cell: (source) => size(source.bytes ?? 0) + (source.cut === true ? "+" : "") },
  ];
  const cells = shown.map((source) => columns.map((column) => column.cell(source)));
  const widths = columns.map((column, at) =>
    Math.max(width(column.title), ...cells.map((row) => width(row[at] ?? ""))),
  );
  const taken = widths.reduce((sum, each) => sum + each + 2, 0);
  const names = shown.map((source) => nameOf(source));
  const nameWidth = Math.min(Math.max(16, look.columns - taken - 1), Math.max(6, ...names.map(width)));
  const line = (name: string, row: readonly string[]): string =>
    ` ${pad(fit(name, nameWidth), nameWidth)}${row.map((cell, at) => `  ${pad(cell, widths[at] ?? 0, columns[at]?.align)}`).join("")}`.trimEnd();
  const lines = [
    look.paint.bold(
      line(
        "SOURCE",
        columns.map((column) => column.title),
      ),
    ),
  ];
  for (const [at, row] of cells.entries()) lines.push(line(names[at] ?? "", row));
  if (shown.length < done.length)
    lines.push(look.paint.dim(` … and ${count(done.length - shown.length)} more (--rows shows more)`));
  return `${lines.join("\n")}\n`;
}

function said(source: SourceReport): number {
  return source.mentions?.reduce((sum, mentions) => sum + mentions, 0) ?? 0;
}

/** What a source is called: by its list, by itself, or by its address. */
export function nameOf(source: SourceReport): string {
  const name = clean(source.name ?? "") || clean(source.title ?? "");
  return name === "" ? source.url.replace(/^https?:\/\//, "").replace(/\/$/, "") : name;
}

/** Eighths of a block, so that a bar is exact to an eighth of a column. */
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Horizontal bars, the longest as long as there is room. Empty for no counts at all. */
export function bars(
  title: string,
  counts: readonly { readonly label: string; readonly count: number }[],
  look: Look,
): string {
  const most = Math.max(0, ...counts.map((each) => each.count));
  if (counts.length === 0) return "";
  const labels = counts.map((each) => fit(clean(each.label), 28));
  const labelWidth = Math.max(...labels.map(width));
  const numberWidth = Math.max(...counts.map((each) => count(each.count).length));
  const room = Math.max(10, Math.min(60, look.columns - labelWidth - numberWidth - 6));
  const lines = [look.paint.bold(` ${title}`)];
  for (const [at, each] of counts.entries()) {
    const eighths = most === 0 ? 0 : Math.max(each.count > 0 ? 1 : 0, Math.round((each.count / most) * room * 8));
    const bar = "█".repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? "");
    lines.push(
      ` ${pad(labels[at] ?? "", labelWidth)}  ${pad(count(each.count), numberWidth, "right")}  ${look.paint.cyan(bar)}`.trimEnd(),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** What failed and why, the inputs that named no source first. */
export function failures(report: Report, look: Look): string {
  const failed = report.sources.filter((source) => source.state === "failed");
  if (failed.length === 0 && report.problems.length === 0) return "";
  const lines = [look.paint.bold(` ${counted(failed.length + report.problems.length, "failure")}`)];
  const add = (what: string, failure: { kind: string; message: string; cause?: string } | undefined): void => {
    lines.push(` ${look.paint.red("✗")} ${clean(what)}`);
    lines.push(`     ${look.paint.yellow(failure?.kind ?? "internal")}: ${clean(failure?.message ?? "")}`);
    if (failure?.cause !== undefined) lines.push(look.paint.dim(`     cause: ${clean(failure.cause)}`));
  };
  for (const { input, failure } of report.problems) add(input, failure);
  for (const source of failed)
    add(source.name === undefined ? source.url : `${source.name} (${source.url})`, source.failure);
  return `${lines.join("\n")}\n`;
}

/** What was odd about sources that were read all the same. */
export function notes(report: Report, look: Look): string {
  const noted = report.sources.filter((source) => (source.notes?.length ?? 0) > 0).slice(0, look.rows);
  if (noted.length === 0) return "";
  const lines = [look.paint.bold(" Notes")];
  for (const source of noted) {
    lines.push(` ${look.paint.yellow("!")} ${fit(nameOf(source), 40)}: ${clean(source.notes?.join("; ") ?? "")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** One line for all of it. */
export function summary(report: Report, elapsed: number, look: Look): string {
  const { sources, done, failed, unfinished, articles, words, bytes, waited } = report.totals;
  const parts = [
    `${counted(done, "source")} read${sources > done ? ` of ${count(sources)}` : ""}`,
    ...(failed > 0 ? [look.paint.red(`${count(failed)} failed`)] : []),
    ...(unfinished > 0 ? [look.paint.yellow(`${count(unfinished)} not finished`)] : []),
    counted(articles, "article"),
    counted(words, "word"),
    size(bytes),
  ];
  return ` ${parts.join(" · ")}\n ${look.paint.bold(overlap(sources, waited, elapsed))}\n`;
}

/** What concurrency was good for: `258 sources, 64 s of waiting in 1.2 s`. */
export function overlap(sources: number, waited: number, elapsed: number): string {
  return `${counted(sources, "source")}, ${time(waited)} of waiting in ${time(elapsed)}`;
}
