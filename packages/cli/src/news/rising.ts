// `rondo news rising`: the words that grew most against their own past.

import type { RisingWord } from "@rondo/crawl";
import { grid } from "../grid.ts";
import type { Look } from "../look.ts";
import { whole } from "../options.ts";
import { clean, count, counted } from "../text.ts";
import { ask, clock, noMore, type Subcommand, subcommand } from "./subcommand.ts";

/** Days that what is said now is compared with. */
const PAST = 28;

export const risingCommand: Subcommand = subcommand({
  name: "rondo news rising",
  takes: ["days", "limit", "db", "json", "help"],
  summary: "the words that grew most against their own past",
  help: `rondo news rising: the words that grew most against their own past

Usage
  rondo news rising [options]

  --days N           how many days are "now", up to and with today (default: 1); they are compared
                     with the ${PAST} days before them
  --limit N          how many words (default: 20)
  --db FILE          the memory to ask (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

RATES are per 10,000 words. G² is the log-likelihood ratio (Dunning, 1993): how little the growth is to be
expected by chance. Above 3.84 chance alone does as much one time in 20, above 10.83 one in 1000; of
thousands of words looked at some do, so trust the large ones.
`,
  run({ values, positionals }, io, host) {
    noMore("rondo news rising", positionals);
    const days = whole("--days", values.days, 1, 366) ?? 1;
    const limit = whole("--limit", values.limit, 1, 10_000) ?? 20;
    return ask(values, io, (store) => {
      const words = store.rising({ today: clock(host), days, past: PAST, limit });
      return { data: { days, past: PAST, words }, draw: (look) => drawRising(words, days, PAST, look) };
    });
  },
});

/** A row for each word, those that grew least by chance first. */
export function drawRising(words: readonly RisingWord[], days: number, past: number, look: Look): string[] {
  const now = days === 1 ? "today" : `the last ${counted(days, "day")}`;
  const title = look.paint.bold(` Rising words: ${now}, against the ${past} days before`);
  if (words.length === 0) return [`${title}\n none: it takes articles of both times to compare them\n`];
  const table = grid(
    words,
    { title: "WORD", cell: ({ word }) => clean(word) },
    [
      { title: "TIMES", align: "right", cell: ({ recent }) => count(recent) },
      { title: "BEFORE", align: "right", cell: ({ before }) => count(before), spare: 2 },
      { title: "RATE", align: "right", cell: ({ recentRate }) => rate(recentRate) },
      { title: "BEFORE", align: "right", cell: ({ beforeRate }) => rate(beforeRate) },
      { title: "GROWTH", align: "right", cell: growth, spare: 1 },
      { title: "G²", align: "right", cell: ({ score }) => (score < 100 ? score.toFixed(1) : count(Math.round(score))) },
    ],
    look,
  );
  return [`${title}\n`, table];
}

function rate(value: number): string {
  return value >= 100 ? count(Math.round(value)) : value.toFixed(value < 1 && value > 0 ? 2 : 1);
}

/** `×3.4`; a word that was never said before has grown by no number. */
function growth({ recentRate, beforeRate }: RisingWord): string {
  if (beforeRate === 0) return "new";
  const times = recentRate / beforeRate;
  return `×${times < 99.5 ? times.toFixed(1) : count(Math.round(times))}`;
}
