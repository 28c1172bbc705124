// The result of a run as one plain document: what `--json` prints, and what a table is drawn from. Fields are only ever
// added to it; a change of meaning raises `version`.

import type { Failure } from "./failure.ts";
import { failureOf } from "./failure.ts";
import type { Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import type { DocumentKind } from "./sniff.ts";
import type { Problem, Source } from "./source.ts";
import type { WordCount } from "./top-words.ts";

/** Mentions of a term. */
export interface TermCount {
  readonly term: string;
  readonly count: number;
}

/** One source in a report. Times are in ms, sizes in bytes. What does not apply is absent. */
export interface SourceReport {
  readonly url: string;
  readonly name?: string;
  /** `unfinished`: the run was cancelled before its end. */
  readonly state: "done" | "failed" | "unfinished";
  readonly kind?: DocumentKind;
  readonly title?: string;
  readonly language?: string;
  readonly charset?: string;
  readonly articles?: number;
  readonly words?: number;
  /** In the order of the report's `terms`. */
  readonly mentions?: readonly number[];
  readonly bytes?: number;
  readonly cut?: boolean;
  readonly tries?: number;
  readonly redirects?: readonly string[];
  readonly elapsed?: number;
  readonly waited?: number;
  readonly notes?: readonly string[];
  readonly failure?: Failure;
}

/** A run. Times are in ms, sizes in bytes. */
export interface Report {
  readonly version: 1;
  readonly terms: readonly string[];
  readonly totals: {
    readonly sources: number;
    readonly done: number;
    readonly failed: number;
    readonly unfinished: number;
    readonly articles: number;
    readonly words: number;
    readonly mentions: readonly TermCount[];
    readonly bytes: number;
    /** Time that sources spent waiting, added up: what would have passed had they waited one after the other. */
    readonly waited: number;
  };
  /** The commonest words, where they were asked for. */
  readonly top: readonly WordCount[];
  /** In the order in which they were given. */
  readonly sources: readonly SourceReport[];
  /** Arguments and lines of lists that named no source. */
  readonly problems: readonly { readonly input: string; readonly failure: Failure }[];
}

/** What a report is made from. */
export interface ReportParts {
  readonly sources: readonly Source[];
  readonly outcomes: readonly Outcome[];
  readonly terms: readonly string[];
  readonly top: readonly WordCount[];
  readonly progress: Progress;
  readonly problems: readonly Problem[];
}

/** Puts a report together. */
export function report(parts: ReportParts): Report {
  const byUrl = new Map(parts.outcomes.map((outcome) => [outcome.source.url, outcome]));
  const mentions = parts.terms.map(() => 0);
  let articles = 0;
  let words = 0;
  let bytes = 0;
  let done = 0;
  for (const outcome of parts.outcomes) {
    bytes += outcome.bytes;
    if (!outcome.ok) continue;
    done++;
    articles += outcome.articles;
    words += outcome.words;
    for (const [index, count] of outcome.mentions.entries()) mentions[index] = (mentions[index] ?? 0) + count;
  }
  return {
    version: 1,
    terms: parts.terms,
    totals: {
      sources: parts.sources.length,
      done,
      failed: parts.outcomes.length - done,
      unfinished: parts.sources.length - parts.outcomes.length,
      articles,
      words,
      mentions: parts.terms.map((term, index) => ({ term, count: mentions[index] ?? 0 })),
      bytes,
      waited: Math.round(parts.progress.waited),
    },
    top: parts.top,
    sources: parts.sources.map((source) => sourceReport(source, byUrl.get(source.url))),
    problems: parts.problems.map(({ input, error }) => ({ input, failure: failureOf(error) })),
  };
}

function sourceReport(source: Source, outcome: Outcome | undefined): SourceReport {
  const named = source.name === undefined ? { url: source.url } : { url: source.url, name: source.name };
  if (outcome === undefined) return { ...named, state: "unfinished" };
  const { tries, redirects, bytes } = outcome;
  const measured = {
    bytes,
    tries,
    redirects,
    elapsed: Math.round(outcome.elapsed),
    waited: Math.round(outcome.waited),
  };
  if (!outcome.ok) return { ...named, state: "failed", ...measured, failure: outcome.failure };
  const { kind, title, language, charset, articles, words, mentions, cut, notes } = outcome;
  return {
    ...named,
    state: "done",
    kind,
    ...(title === undefined ? {} : { title }),
    ...(language === undefined ? {} : { language }),
    charset,
    articles,
    words,
    mentions,
    ...measured,
    cut,
    notes,
  };
}
