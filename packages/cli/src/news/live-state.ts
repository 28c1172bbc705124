// What the live view knows of a run: it looks at the run's own numbers whenever a frame is due, and adds what only time
// can tell, how fast it goes and how long it will take.

import type { Failure, Source } from "@rondo/crawl";
import type { View } from "./live-frame.ts";
import { type Headlines, shortAddress } from "./live-headlines.ts";

/** The counts of a run that are looked at. */
export interface LiveProgress {
  readonly total: number;
  readonly waiting: number;
  readonly running: number;
  readonly backingOff: number;
  readonly done: number;
  readonly failed: number;
  readonly unchanged?: number;
  readonly notDue?: number;
  readonly bytes: number;
}

/** What is looked at of what became of a source. */
export interface LiveOutcome {
  readonly ok: boolean;
  readonly source: Source;
  readonly elapsed: number;
  /** Of one that was read. */
  readonly title?: string | undefined;
  /** Absent for one that has nothing new. */
  readonly articles?: number;
  /** Articles that were not known before, where that is known. */
  readonly fresh?: number;
  /** Of one that was not. */
  readonly failure?: Failure;
}

/** What is looked at of a run. A `News` is one; what makes one of a `Watch` is in live-watch.ts. */
export interface LiveRun {
  readonly progress: LiveProgress;
  readonly running: Iterable<{ readonly source: Source; readonly begun: number; readonly stage: string }>;
  /** All of them, in the order in which they ended. */
  readonly outcomes?: readonly LiveOutcome[];
  /** Where they are too many to be kept: those that ended since it was last asked. */
  ended?(): readonly LiveOutcome[];
  /** Of a run without an end: how many sources there are, and in how many ms the next of them is due. */
  watching?(): NonNullable<View["watching"]>;
}

/** What gives the outcomes that are new since it was last asked. */
export function newlyEnded(run: LiveRun): () => readonly LiveOutcome[] {
  if (run.ended !== undefined) return () => run.ended?.() ?? [];
  let seen = 0;
  return () => {
    const { outcomes = [] } = run;
    // Fewer than before: it was emptied, as a list that must not grow for ever.
    const fresh = outcomes.slice(outcomes.length < seen ? 0 : seen);
    seen = outcomes.length;
    return fresh;
  };
}

/** In ms: how long a change of speed takes to show. */
const SMOOTH = 3000;
/** In ms: how far back the pace is looked at from which the time left is worked out. */
const WINDOW = 12_000;
/** A time left is a guess before this much is known. */
const ENOUGH = { ms: 3000, ended: 8, share: 0.04 };
const FAILURES = 4;
const SLOWEST = 4;

/** What is known of a run, from one look to the next. */
export class LiveState {
  readonly #run: LiveRun;
  readonly #ended: () => readonly LiveOutcome[];
  readonly #headlines: Headlines;
  /** For each source, in ms, where it is known. */
  readonly #timeout: number | undefined;
  readonly #begun: number;
  #at: number;
  #bytes = 0;
  #rate = 0;
  #failures: { name: string; message: string }[] = [];
  #samples: { at: number; ended: number }[] = [];

  constructor(run: LiveRun, headlines: Headlines, at: number, timeout?: number) {
    this.#run = run;
    this.#ended = newlyEnded(run);
    this.#headlines = headlines;
    this.#timeout = timeout;
    this.#begun = at;
    this.#at = at;
  }

  /** Looks at the run. `at` is the loop's time. */
  look(at: number, note?: string): View {
    this.#headlines.step(at);
    this.#measure(at);
    this.#takeFailures();
    const { progress } = this.#run;
    const running = [...this.#run.running].toSorted((a, b) => a.begun - b.begun);
    const moves = progress.running > 0;
    return {
      counts: countsOf(progress),
      bytes: progress.bytes,
      rate: moves && at - this.#begun >= 1000 && this.#rate >= 1 ? this.#rate : undefined,
      left: this.#left(at, running[0]?.begun),
      watching: this.#run.watching?.(),
      spinner: moves ? Math.floor(at / 80) : undefined,
      note,
      slowest: running.slice(0, SLOWEST).map((visit) => ({
        name: visit.source.name ?? shortAddress(visit.source.url),
        stage: visit.stage,
        // In steps that can be read.
        ms: Math.floor((at - visit.begun) / 100) * 100,
      })),
      failures: this.#failures,
      headlines: this.#headlines.shown,
    };
  }

  #measure(at: number): void {
    const { bytes } = this.#run.progress;
    const passed = at - this.#at;
    if (passed > 0) {
      const now = ((bytes - this.#bytes) / passed) * 1000;
      this.#rate += (now - this.#rate) * (1 - Math.exp(-passed / SMOOTH));
      this.#at = at;
      this.#bytes = bytes;
    }
    this.#samples.push({ at, ended: ended(this.#run.progress) });
    const second = (): number => this.#samples[1]?.at ?? Infinity;
    while (second() <= at - WINDOW) this.#samples.shift();
  }

  #takeFailures(): void {
    for (const { source, failure } of this.#ended()) {
      if (failure === undefined) continue;
      const line = { name: source.name ?? shortAddress(source.url), message: failure.message };
      this.#failures = [line, ...this.#failures].slice(0, FAILURES);
    }
  }

  /**
   * While sources wait, by the pace of the last seconds. After that the pace says nothing any more: what is left are the
   * slowest, and all that is certain is when their time is up.
   */
  #left(at: number, oldest: number | undefined): View["left"] {
    const { progress, watching } = this.#run;
    if (watching !== undefined) return undefined;
    if (progress.waiting === 0) {
      if (oldest === undefined || this.#timeout === undefined || at - this.#begun < ENOUGH.ms) return undefined;
      let latest = oldest;
      for (const { begun } of this.#run.running) latest = Math.max(latest, begun);
      return { ms: Math.max(1000, Math.ceil((latest + this.#timeout - at) / 1000) * 1000), atMost: true };
    }
    const first = this.#samples[0];
    const done = ended(progress);
    const enough = Math.max(ENOUGH.ended, ENOUGH.share * (progress.total - (progress.notDue ?? 0)));
    if (first === undefined || at - this.#begun < ENOUGH.ms || done < enough || done === first.ended) return undefined;
    const each = (at - first.at) / (done - first.ended);
    return { ms: roughly(each * (progress.waiting + progress.running)), atMost: false };
  }
}

function countsOf(progress: LiveProgress): View["counts"] {
  const { total, waiting, running, backingOff, done, failed, unchanged = 0, notDue = 0 } = progress;
  return { total, waiting, running, backingOff, done, failed, unchanged, notDue };
}

function ended({ done, failed, unchanged = 0 }: LiveProgress): number {
  return done + failed + unchanged;
}

/** In steps as coarse as the guess is. */
function roughly(ms: number): number {
  const step = ms < 10_000 ? 1000 : ms < 60_000 ? 5000 : ms < 600_000 ? 15_000 : 60_000;
  return Math.max(1, Math.round(ms / step)) * step;
}
