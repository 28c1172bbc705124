// What goes into the memory of the news and what comes out of it, as plain data. Times are in ms since 1970 (`Date.now()`),
// durations in ms, sizes in bytes, days are `YYYY-MM-DD` in UTC.

import type { Failure } from "../failure.ts";
import type { DocumentKind } from "../sniff.ts";
import type { Source } from "../source.ts";

/** When the stages of a fetch began, in ms after the run's begin; a stage that was not reached is absent. */
export interface Timing {
  /** Taken from the list: since then it waited for its turn, or for a back-off. */
  readonly begun: number;
  /** The request of its last try was made: since then it looked up and connected, or took a connection that was open. */
  readonly asked: number;
  /** The connection stood: since then it waited for the answer. Absent where one was reused. */
  readonly connected?: number;
  /** The head of the answer was there: since then it downloaded. */
  readonly answered?: number;
  /** The body was there: since then it was parsed and counted. */
  readonly downloaded?: number;
  readonly ended: number;
}

/** An article to be remembered. */
export interface NewArticle {
  /** Absolute; `undefined` where the feed gives none. */
  readonly url: string | undefined;
  /** The feed's own identifier. */
  readonly id: string | undefined;
  readonly title: string | undefined;
  readonly text: string;
  readonly language: string | undefined;
  readonly published: number | undefined;
  /** Words of title and text and how often each occurs, folded, stop words and all. */
  readonly words: ReadonlyMap<string, number>;
}

/** An article, as it is announced. */
export interface Headline {
  readonly title: string | undefined;
  readonly url: string | undefined;
}

/** What one fetch of one source came to. */
export interface FetchRecord {
  readonly source: Source;
  /** When it began. */
  readonly at: number;
  /** When to ask again. */
  readonly due: number;
  readonly bytes: number;
  readonly tries: number;
  readonly timing: Timing;
  readonly result: FetchResult;
}

/** How it ended: read, not changed since the last time (HTTP 304), or failed. */
export type FetchResult =
  | {
      readonly state: "done";
      /** The status of the answer, 200 most of the time. */
      readonly status: number;
      /** Validators as they came, to be sent back verbatim. `undefined`: none came, and an earlier one is no longer good. */
      readonly etag: string | undefined;
      readonly lastModified: string | undefined;
      readonly kind: DocumentKind;
      readonly title: string | undefined;
      readonly language: string | undefined;
      readonly charset: string;
      readonly notes: readonly string[];
      readonly articles: readonly NewArticle[];
      /** What the feed says of its rhythm, as JSON data, for the time when it answers 304. */
      readonly hints: unknown;
    }
  | { readonly state: "unchanged"; readonly status: 304; readonly etag?: string; readonly lastModified?: string }
  | { readonly state: "failed"; readonly status?: number; readonly failure: Failure };

/** What is known of a source before it is fetched again. */
export interface SourceState {
  readonly url: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly hints: unknown;
  /** When to ask again; 0 for one that was never asked. */
  readonly due: number;
  /** Failures in a row up to now. */
  readonly failures: number;
}

/** A source and how it fares. */
export interface SourceHealth {
  readonly url: string;
  readonly name: string | undefined;
  readonly title: string | undefined;
  readonly kind: DocumentKind | undefined;
  readonly language: string | undefined;
  /** It is on the list that `rondo news` goes through without arguments; others were asked for once. */
  readonly subscribed: boolean;
  readonly lastAttempt: number | undefined;
  /** The last 200 or 304. */
  readonly lastSuccess: number | undefined;
  readonly fetches: number;
  readonly failed: number;
  readonly failuresInARow: number;
  /** Of bodies that came; `undefined` before the first. */
  readonly averageBytes: number | undefined;
  /** Articles ever seen at it. */
  readonly articles: number;
  /** 0: never asked, so at once. */
  readonly due: number;
  /** What went wrong the last time, if it did. */
  readonly failure: Failure | undefined;
}

/** Which articles a question is about. `from` and `to` are days of publication, both included. */
export interface Range {
  readonly from?: string;
  readonly to?: string;
}

/** Mentions of terms by day. */
export interface Trends {
  /** Without gaps, oldest first. */
  readonly days: readonly string[];
  /** Articles on each day, of all sources. */
  readonly articles: readonly number[];
  /** For each term, and within it for each group, those with most mentions first. */
  readonly series: readonly {
    readonly term: string;
    /** The source's name or the language (`"?"` where it is not known); absent when not asked for by group. */
    readonly group?: string;
    readonly counts: readonly number[];
    readonly total: number;
  }[];
}

/** A word of the memory. */
export interface StoredWord {
  readonly word: string;
  readonly count: number;
  /** In how many articles. */
  readonly articles: number;
}

/** A word that is said more than it used to be. */
export interface RisingWord {
  readonly word: string;
  /** Times in the recent days, and in the days before them. */
  readonly recent: number;
  readonly before: number;
  /** Per 10,000 words, then and before. */
  readonly recentRate: number;
  readonly beforeRate: number;
  /** The log-likelihood ratio G² (Dunning, 1993): 3.84 is 5 % chance, 10.83 is 0.1 %. */
  readonly score: number;
}

/** An article as it comes out. */
export interface StoredArticle {
  readonly url: string | undefined;
  readonly id: string | undefined;
  readonly title: string | undefined;
  readonly text: string;
  readonly language: string | undefined;
  readonly published: number | undefined;
  readonly firstSeen: number;
  /** Names or addresses of the sources that had it. */
  readonly sources: readonly string[];
  /** How many words it has. */
  readonly words: number;
}

/** What a source gave when it was last read: what there is to show when it has not changed or is not due. */
export interface LatestDocument {
  readonly kind: DocumentKind;
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly charset: string;
  readonly articles: number;
  readonly words: number;
  /** In the order of the terms asked for. */
  readonly mentions: readonly number[];
}

/** The last run, for its picture. */
export interface RunRecord {
  readonly at: number;
  readonly ended: number | undefined;
  readonly fetches: readonly {
    readonly url: string;
    readonly name: string | undefined;
    readonly state: "done" | "unchanged" | "failed";
    readonly bytes: number;
    readonly timing: Timing;
  }[];
}
