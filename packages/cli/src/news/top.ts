// `rondo news top`: the commonest words of what is remembered.

import type { StoredWord } from "@rondo/crawl";
import { bars } from "../chart/bars.ts";
import type { Look } from "../look.ts";
import { whole } from "../options.ts";
import { counted } from "../text.ts";
import { since } from "./days.ts";
import { ask, clock, noMore, type Subcommand, subcommand } from "./subcommand.ts";

export const topCommand: Subcommand = subcommand({
  name: "rondo news top",
  takes: ["since", "limit", "db", "json", "help"],
  summary: "the commonest words",
  help: `rondo news top: the commonest words of what is remembered

Usage
  rondo news top [options]

  --since WHEN       only articles published since then: 7d (seven days, today among them), 2w,
                     yesterday, 2026-11-01 (default: all)
  --limit N          how many words (default: 20)
  --db FILE          the memory to ask (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Stop words of each article's language, numbers and single letters are left out.
`,
  run({ values, positionals }, io, host) {
    noMore("rondo news top", positionals);
    const range = since(values.since, clock(host));
    const limit = whole("--limit", values.limit, 1, 10_000) ?? 20;
    return ask(values, io, (store) => {
      const words = store.top({ limit, ...(range === undefined ? {} : { range }) });
      return { data: { since: range?.from ?? null, words }, draw: (look) => drawTop(words, range?.from, look) };
    });
  },
});

/** Bars, each with the number of articles that have the word. */
export function drawTop(words: readonly StoredWord[], from: string | undefined, look: Look): string[] {
  const title = `Commonest words${from === undefined ? "" : ` since ${from}`}`;
  if (words.length === 0) return [` ${look.paint.bold(title)}\n none: no article is remembered from then\n`];
  const counts = words.map(({ word, count, articles }) => ({
    label: word,
    count,
    note: `in ${counted(articles, "article")}`,
  }));
  return [bars(title, counts, look)];
}
