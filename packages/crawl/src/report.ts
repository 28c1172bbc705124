// The result of a run as one plain document: what `--json` prints, and what a table is drawn from. Fields are only ever
// added to it; a change of meaning raises `version`.

import type { Failure } from "./failure.ts";
import { failureOf } from "./failure.ts";
import type { NotDue, Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import type { DocumentKind } from "./sniff.ts";
import type { Problem, Source } from "./source.ts";
import type { LatestDocument } from "./store/records.ts";
import type { WordCount } from "./top-words.ts";

/** Mentions of a term. */
export interface TermCount {
  readonly term: string;
  readonly count: number;
}

/**
 * One source in a report. Times are in ms, sizes in bytes. What does not apply is absent. What is counted of a source that is
 * unchanged or not due is what it gave when it was last read.
 */
export interface SourceReport {
  readonly url: string;
  readonly name?: string;
  /** `unchanged`: it has nothing new. `not-due`: it is too early to ask. `unfinished`: the run was cancelled before its end. */
  readonly state: "done" | "unchanged" | "not-due" | "failed" | "unfinished";
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
  /** Where it has moved for good. */
  readonly movedTo?: string;
  /** When it is to be asked again, in ms since 1970. */
  readonly due?: number;
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
    readonly unchanged: number;
    readonly notDue: number;
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
  readonly notDue: readonly NotDue[];
  readonly terms: readonly string[];
  readonly top: readonly WordCount[];
  readonly progress: Progress;
  readonly problems: readonly Problem[];
}

/** Puts a report together. */
export function report(parts: ReportParts): Report {
  const states = new Map<string, SourceReport>();
  for (const outcome of parts.outcomes) states.set(outcome.source.url, tried(outcome));
  for (const notDue of parts.notDue) states.set(notDue.source.url, spared(notDue));
  const sources = parts.sources.map(
    (source): SourceReport => states.get(source.url) ?? { ...named(source), state: "unfinished" },
  );
  const mentions = parts.terms.map(() => 0);
  const count = { done: 0, unchanged: 0, "not-due": 0, failed: 0, unfinished: 0 };
  let articles = 0;
  let words = 0;
  let bytes = 0;
  for (const source of sources) {
    count[source.state]++;
    articles += source.articles ?? 0;
    words += source.words ?? 0;
    bytes += source.bytes ?? 0;
    for (const [index, some] of (source.mentions ?? []).entries()) mentions[index] = (mentions[index] ?? 0) + some;
  }
  return {
    version: 1,
    terms: parts.terms,
    totals: {
      sources: sources.length,
      done: count.done,
      unchanged: count.unchanged,
      notDue: count["not-due"],
      failed: count.failed,
      unfinished: count.unfinished,
      articles,
      words,
      mentions: parts.terms.map((term, index) => ({ term, count: mentions[index] ?? 0 })),
      bytes,
      waited: Math.round(parts.progress.waited),
    },
    top: parts.top,
    sources,
    problems: parts.problems.map(({ input, error }) => ({ input, failure: failureOf(error) })),
  };
}

function named({ url, name }: Source): Pick<SourceReport, "url" | "name"> {
  return name === undefined ? { url } : { url, name };
}

function tried(outcome: Outcome): SourceReport {
  const { source, tries, redirects, movedTo, bytes, due } = outcome;
  const measured = {
    bytes,
    tries,
    redirects,
    ...(movedTo === undefined ? {} : { movedTo }),
    due,
    elapsed: Math.round(outcome.elapsed),
    waited: Math.round(outcome.waited),
  };
  const whose = named(source);
  switch (outcome.state) {
    case "failed":
      return { ...whose, state: "failed", ...measured, failure: outcome.failure };
    case "unchanged":
      return { ...whose, state: "unchanged", ...contents(outcome.latest), ...measured };
    case "done":
      return { ...whose, state: "done", ...contents(outcome), ...measured, cut: outcome.cut, notes: outcome.notes };
  }
}

function spared({ source, due, latest }: NotDue): SourceReport {
  return { ...named(source), state: "not-due", ...contents(latest), due };
}

/** What a source gave, this time or the last. */
function contents(document: LatestDocument | undefined): Partial<SourceReport> {
  if (document === undefined) return {};
  const { kind, title, language, charset, articles, words, mentions } = document;
  return {
    kind,
    ...(title === undefined ? {} : { title }),
    ...(language === undefined ? {} : { language }),
    charset,
    articles,
    words,
    mentions,
  };
}
