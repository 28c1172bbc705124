// A report as a person reads it: the table, bars for what was counted, the failures with their causes, and one line that
// sums it up. Takes a report and gives text; it knows no terminal but its width and its colours.

import type { Report, SourceReport } from "@rondo/crawl";
import { type Column, grid } from "../grid.ts";
import type { Look } from "../look.ts";
import { cell, clean, count, counted, size, time } from "../text.ts";
import { drawFailures } from "./failures.ts";

/** Terms get a column each while there is room to read them; the bars below have them all. */
const MOST_TERM_COLUMNS = 6;
const WIDEST_TERM = 14;

/** The table of what was read, those that say most about the terms first, or else those with most words. */
export function table(report: Report, look: Look): string {
  const rows = report.sources.filter(({ state }) => state === "done" || state === "unchanged" || state === "not-due");
  const shown = rows.toSorted((a, b) => said(b) - said(a) || (b.words ?? 0) - (a.words ?? 0));
  // What a memory spares is said where there is one: elsewhere everything is new.
  const spared = rows.some(({ state }) => state !== "done");
  const columns: Column<SourceReport>[] = [
    ...(spared ? [{ title: "", cell: newness, paint: look.paint.dim, spare: 1 }] : []),
    { title: "KIND", cell: (source) => source.kind ?? "", spare: 3 },
    { title: "ARTICLES", align: "right", cell: ({ articles }) => known(articles), spare: 2 },
    { title: "WORDS", align: "right", cell: ({ words }) => known(words) },
    ...report.terms.slice(0, MOST_TERM_COLUMNS).map((term, index): Column<SourceReport> => ({
      title: cell(term, WIDEST_TERM),
      align: "right",
      spare: index === 0 ? 0 : 1,
      cell: ({ mentions }) => known(mentions?.[index]),
    })),
    {
      title: "TIME",
      align: "right",
      cell: ({ elapsed }) => (elapsed === undefined ? "" : time(elapsed)),
      spare: 4,
    },
    {
      title: "SIZE",
      align: "right",
      cell: ({ bytes, cut }) => (bytes === undefined ? "" : size(bytes) + (cut === true ? "+" : "")),
      spare: 5,
    },
  ];
  return grid(shown, { title: "SOURCE", cell: nameOf }, columns, look);
}

/** A number, or nothing of a source that was never read. */
function known(number: number | undefined): string {
  return number === undefined ? "" : count(number);
}

/** Whether what stands there came now or is what it gave the last time. */
function newness({ state }: SourceReport): string {
  return state === "unchanged" ? "unchanged" : state === "not-due" ? "not due" : "";
}

function said(source: SourceReport): number {
  return source.mentions?.reduce((sum, mentions) => sum + mentions, 0) ?? 0;
}

/** What a source is called: by its list, by itself, or by its address. */
export function nameOf(source: SourceReport): string {
  const name = clean(source.name ?? "") || clean(source.title ?? "");
  return name === "" ? source.url.replace(/^https?:\/\//, "").replace(/\/$/, "") : name;
}

/** What failed and why, the inputs that named no source first. */
export function failures(report: Report, look: Look): string {
  const failed = report.sources.filter((source) => source.state === "failed");
  if (failed.length === 0 && report.problems.length === 0) return "";
  const all = [
    ...report.problems.map(({ input, failure }) => ({ what: input, failure })),
    ...failed.map(({ url, name, failure }) => ({ what: name === undefined ? url : `${name} (${url})`, failure })),
  ];
  return drawFailures(counted(all.length, "failure"), all, look);
}

/** What was odd about sources that were read all the same. */
export function notes(report: Report, look: Look): string {
  const noted = report.sources.filter((source) => (source.notes?.length ?? 0) > 0).slice(0, look.rows);
  if (noted.length === 0) return "";
  const lines = [look.paint.bold(" Notes")];
  for (const source of noted) {
    lines.push(` ${look.paint.yellow("!")} ${cell(nameOf(source), 40)}: ${cell(source.notes?.join("; ") ?? "")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** One line for all of it. */
export function summary(report: Report, elapsed: number, look: Look): string {
  const { sources, done, unchanged, notDue, failed, unfinished, articles, words, bytes, waited } = report.totals;
  const parts = [
    `${counted(done, "source")} read${sources > done ? ` of ${count(sources)}` : ""}`,
    ...(unchanged > 0 ? [`${count(unchanged)} unchanged`] : []),
    ...(notDue > 0 ? [`${count(notDue)} not due`] : []),
    ...(failed > 0 ? [look.paint.red(`${count(failed)} failed`)] : []),
    ...(unfinished > 0 ? [look.paint.yellow(`${count(unfinished)} not finished`)] : []),
    counted(articles, "article"),
    counted(words, "word"),
    size(bytes),
  ];
  const asked = sources - notDue;
  const last = asked === 0 && notDue > 0 ? "nothing was due; --now asks all the same" : overlap(asked, waited, elapsed);
  return ` ${parts.join(" · ")}\n ${look.paint.bold(last)}\n`;
}

/** What concurrency was good for: `258 sources, 64 s of waiting in 1.2 s`. */
export function overlap(sources: number, waited: number, elapsed: number): string {
  return `${counted(sources, "source")}, ${time(waited)} of waiting in ${time(elapsed)}`;
}
