// `rondo news trends`: how often terms were mentioned, day by day.

import type { SourceHealth, Trends } from "@rondo/crawl";
import { lines } from "../chart/lines.ts";
import { mark, MOST_SERIES } from "../chart/marks.ts";
import { dayRange } from "../chart/scale.ts";
import { perSign, spark } from "../chart/spark.ts";
import { type Column, grid } from "../grid.ts";
import type { Look } from "../look.ts";
import { checkTerms, oneOf, whole } from "../options.ts";
import { clean, count, counted, width } from "../text.ts";
import { UsageError } from "../usage.ts";
import { ask, clock, type Subcommand, subcommand } from "./subcommand.ts";

export const trendsCommand: Subcommand = subcommand({
  name: "rondo news trends",
  takes: ["term", "days", "by", "rows", "db", "json", "help"],
  summary: "mentions of terms, day by day",
  help: `rondo news trends: how often terms were mentioned, day by day

Usage
  rondo news trends --term WORD [WORD...] [options]

  --term WORD        a word, or several words in a row; may be given again, as may plain words
  --days N           up to and with today (default: 30)
  --by WHAT          a line for each source or for each language
  --rows N           rows of the table (default: 20)
  --db FILE          the memory to ask (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

A day is a day of publication, in UTC. A day of which nothing is remembered is a gap and not a zero.
The chart shows the ${MOST_SERIES} largest at most; the table has all of them, each with a scale of its own.
`,
  run({ values, positionals }, io, host) {
    const terms = checkTerms([...(values.term ?? []), ...positionals]);
    if (terms.length === 0)
      throw new UsageError("trends of what?", 'as in rondo news trends --term climate --term "interest rates"');
    const days = whole("--days", values.days, 1, 3660) ?? 30;
    const by = oneOf("--by", values.by, ["source", "language"]);
    const rows = whole("--rows", values.rows, 0, 1_000_000) ?? 20;
    const query = { terms, today: clock(host), days, ...(by === undefined ? {} : { by }) };
    return ask(
      values,
      io,
      (store) => {
        const trends = store.trends(query);
        const names = by === "source" ? namesOf(store.health()) : undefined;
        return { data: trends, draw: (look) => drawTrends(trends, look, names) };
      },
      rows,
    );
  },
});

/** The chart, the table beneath it, and what it all is about. */
export function drawTrends(trends: Trends, look: Look, names?: ReadonlyMap<string, string>): string[] {
  const { days, articles } = trends;
  const all = articles.reduce((sum, each) => sum + each, 0);
  const basis = ` ${counted(all, "article")} in ${counted(days.length, "day")}${all === 0 ? "; nothing to draw from" : ""}\n`;
  const gapped = (counts: readonly number[]): (number | undefined)[] =>
    // A day without a single article says nothing about a term.
    counts.map((each, day) => (each === 0 && (articles[day] ?? 0) === 0 ? undefined : each));
  const charted = trends.series.slice(0, MOST_SERIES).filter(({ total }) => total > 0);
  const chart = lines(
    days,
    charted.map(({ counts }) => ({ values: gapped(counts) })),
    look,
  );
  const title = look.paint.bold(` Mentions by day, ${dayRange(days)}`);
  return [
    all === 0 || chart === "" || charted.length === 0 ? `${title}\n` : `${title}\n\n${chart}`,
    table(trends, gapped, look, names),
    basis,
  ];
}

/** What to show for sources that a list gave no name: what they call themselves. */
function namesOf(sources: readonly SourceHealth[]): ReadonlyMap<string, string> {
  return new Map(sources.flatMap(({ url, title }) => (title === undefined ? [] : [[url, title] as const])));
}

type Line = Trends["series"][number];

function table(
  trends: Trends,
  gapped: (counts: readonly number[]) => (number | undefined)[],
  look: Look,
  names: ReadonlyMap<string, string> | undefined,
): string {
  const { days, series } = trends;
  const several = new Set(series.map(({ term }) => term)).size > 1;
  const grouped = series.some(({ group }) => group !== undefined);
  const label = ({ term, group }: Line): string => {
    if (group === undefined) return clean(term);
    const shown = names?.get(group) ?? group;
    return clean(several ? `${term} · ${shown}` : shown);
  };
  const marked = new Map(
    series
      .filter(({ total }) => total > 0)
      .slice(0, MOST_SERIES)
      .map((line, at) => [line, mark(at, look)]),
  );
  const known = trends.articles.filter((each) => each > 0).length;
  const total: Column<Line> = { title: "TOTAL", align: "right", cell: (line) => count(line.total) };
  const mean: Column<Line> = {
    title: "A DAY",
    align: "right",
    spare: 2,
    cell: (line) => (known === 0 ? "" : (line.total / known).toFixed(1)),
  };
  const longest = Math.max(...series.map((line) => width(label(line))), 4);
  const room = Math.max(8, Math.min(60, look.columns - Math.min(longest, 28) - 22));
  const each = perSign(days.length, room);
  const small: Column<Line> = {
    title: each === 1 ? "BY DAY" : `BY ${each} DAYS`,
    spare: 1,
    cell: (line) => spark(gapped(line.counts), room, look.unicode),
    paint: (text, line) => (marked.has(line) ? look.paint.series([...marked.keys()].indexOf(line), text) : text),
  };
  return grid(
    series,
    { title: several ? "TERM" : grouped ? "GROUP" : "TERM", cell: label },
    [{ title: "", cell: (line) => marked.get(line) ?? " " }, total, mean, small],
    look,
  );
}
