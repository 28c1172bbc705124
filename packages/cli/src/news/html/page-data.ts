// What the page of `rondo news --html` is drawn from, as plain data: all that it shows is asked of the memory here, once,
// and the page itself asks nobody.

import type { NewsStore, RisingWord, RunRecord, SourceHealth, StoredWord, Trends } from "@rondo/crawl";

/** The questions that the page asks of a memory. */
export type PageStore = Pick<NewsStore, "health" | "lastRun" | "rising" | "top" | "trends">;

/** What to ask for. */
export interface PageQuery {
  /** Without any, the words that rise most are shown instead. */
  readonly terms: readonly string[];
  /** How many days, today the last of them. */
  readonly days: number;
  /** In ms since 1970. */
  readonly today: number;
}

/** All that the page shows. Times in ms since 1970, durations in ms, sizes in bytes. */
export interface PageData {
  readonly made: number;
  /** What the lines of the trends are: terms that were asked for, words that rise because none was, or nothing. */
  readonly chosen: "asked" | "rising" | "none";
  readonly trends: Trends;
  readonly top: readonly StoredWord[];
  readonly rising: readonly RisingWord[];
  readonly health: readonly SourceHealth[];
  readonly run: RunRecord | undefined;
  readonly totals: {
    /** In these days. */
    readonly articles: number;
    readonly sources: number;
    /** Whose last fetch failed. */
    readonly failing: number;
  };
}

/** Bars of a list of words. */
const WORDS = 10;
/** Lines that can be followed where nobody has chosen them. */
const LINES = 5;
const DAY = 86_400_000;

/**
 * Asks a memory for all that the page shows. Not a switch point.
 *
 * @throws {StoreError} where it cannot be read.
 */
export function pageData(store: PageStore, { terms, days, today }: PageQuery): PageData {
  const rising = store.rising({ today, limit: WORDS });
  const shown = terms.length > 0 ? terms : rising.slice(0, LINES).map(({ word }) => word);
  const trends = store.trends({ terms: shown, today, days });
  const health = store.health();
  return {
    made: today,
    chosen: terms.length > 0 ? "asked" : shown.length > 0 ? "rising" : "none",
    trends,
    top: store.top({ limit: WORDS, range: { from: dayOf(today - (days - 1) * DAY), to: dayOf(today) } }),
    rising,
    health,
    run: store.lastRun(),
    totals: {
      articles: trends.articles.reduce((sum, each) => sum + each, 0),
      sources: health.length,
      failing: health.filter(({ failuresInARow }) => failuresInARow > 0).length,
    },
  };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
