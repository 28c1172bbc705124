// `rondo news sources`: how each source fares.

import type { SourceHealth } from "@rondo/crawl";
import { grid } from "../grid.ts";
import type { Look } from "../look.ts";
import { whole } from "../options.ts";
import { clean, count, counted, fit, size, span } from "../text.ts";
import { drawFailures } from "./failures.ts";
import { ask, clock, noMore, type Subcommand, subcommand } from "./subcommand.ts";

export const sourcesCommand: Subcommand = subcommand({
  name: "rondo news sources",
  takes: ["rows", "db", "json", "help"],
  summary: "how each source fares",
  help: `rondo news sources: how each source fares

Usage
  rondo news sources [options]

  --rows N           rows of the table (default: all)
  --db FILE          the memory to ask (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

A + is a subscription; the others were asked for once. FAILED is how often, and ! that it was so the last time.
LAST is when it was last read or found unchanged, NEXT when it is due again.
`,
  run({ values, positionals }, io, host) {
    noMore("rondo news sources", positionals);
    const rows = whole("--rows", values.rows, 0, 1_000_000) ?? Infinity;
    const at = clock(host);
    return ask(
      values,
      io,
      (store) => {
        const sources = store.health();
        return { data: { at, sources }, draw: (look) => drawSources(sources, at, look) };
      },
      rows,
    );
  },
});

/** A table of all, those that fail first, and what went wrong with them. */
export function drawSources(sources: readonly SourceHealth[], at: number, look: Look): string[] {
  if (sources.length === 0) return [" no source yet: rondo news add URL, or rondo news for the built-in list\n"];
  const sorted = sources.toSorted(
    (a, b) =>
      b.failuresInARow - a.failuresInARow ||
      Number(b.subscribed) - Number(a.subscribed) ||
      name(a).localeCompare(name(b), "en"),
  );
  const table = grid(
    sorted,
    { title: "SOURCE", cell: name },
    [
      { title: "", cell: ({ subscribed }) => (subscribed ? "+" : "") },
      { title: "KIND", cell: ({ kind }) => kind ?? "", spare: 4 },
      {
        title: "LAST",
        align: "right",
        cell: ({ lastSuccess }) => (lastSuccess === undefined ? "never" : `${span(at - lastSuccess)} ago`),
        spare: 1,
      },
      { title: "FETCHES", align: "right", cell: ({ fetches }) => count(fetches), spare: 3 },
      {
        title: "FAILED",
        align: "right",
        cell: ({ failed, failuresInARow }) => `${count(failed)}${failuresInARow > 0 ? " !" : "  "}`,
        paint: (text, { failuresInARow }) => (failuresInARow > 0 ? look.paint.red(text) : text),
      },
      { title: "ARTICLES", align: "right", cell: ({ articles }) => count(articles), spare: 2 },
      {
        title: "SIZE",
        align: "right",
        cell: ({ averageBytes }) => (averageBytes === undefined ? "" : size(Math.round(averageBytes))),
        spare: 5,
      },
      { title: "NEXT", align: "right", cell: ({ due }) => (due <= at ? "now" : `in ${span(due - at)}`), spare: 1 },
    ],
    look,
  );
  const failing = sorted.filter((source) => source.failuresInARow > 0 && source.failure !== undefined);
  const subscribed = sources.filter((source) => source.subscribed).length;
  const sum = ` ${counted(sources.length, "source")} · ${counted(subscribed, "subscription")} · ${count(failing.length)} failing\n`;
  const failures = failing.map((source) => ({
    what: name(source),
    note: source.failuresInARow > 1 ? `, ${count(source.failuresInARow)} times in a row` : "",
    failure: source.failure,
  }));
  return [table, drawFailures("What went wrong the last time", failures, look), fit(sum, look.columns)];
}

/** By its list, by itself, or by its address. */
function name(source: SourceHealth): string {
  return (
    clean(source.name ?? "") || clean(source.title ?? "") || source.url.replace(/^https?:\/\//, "").replace(/\/$/, "")
  );
}
