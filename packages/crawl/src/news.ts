// The main job: many sources at once, each a task in one group, none of which can stop another.
//
// What a source came to is kept outside the tasks, so a run that is cancelled in the middle still has everything that was
// finished. With a store everything that was finished is also in it.

import { checkpoint, type Coroutine, group, now } from "rondo";
import { crew, type Memory } from "./crew.ts";
import type { Document } from "./document.ts";
import { Frontier } from "./frontier.ts";
import type { NotDue, Outcome } from "./outcome.ts";
import { Progress } from "./progress.ts";
import { type Report, report } from "./report.ts";
import { isDue } from "./schedule/due.ts";
import { type Asking, asking, type AskingOptions, atLeast, checkAsking, checkPermits } from "./settings.ts";
import { distinct, type Problem, type Source } from "./source.ts";
import type { RecordStore } from "./store/writer.ts";
import { TermCounter } from "./terms.ts";
import { TopWords } from "./top-words.ts";
import type { Visit, Visiting } from "./visit.ts";

/** How a run is to be done. Times in ms, sizes in bytes. */
export interface NewsOptions extends AskingOptions {
  /** Words, or several words in a row, whose mentions are counted. Default: none. */
  readonly terms?: readonly string[];
  /** How many of the commonest words to find. Default: 0, which also saves the counting. */
  readonly top?: number;
  /** How many sources are worked on at once. Default: 64. */
  readonly concurrency?: number;
  /** How many of them at most at one host. Default: 2. */
  readonly perHost?: number;
  /**
   * A memory: sources are asked only when they are due and only for what is new, and what they give is stored before it is
   * told in `outcomes`. It has to be open while `work()` runs. Default: none, and everything is fetched.
   */
  readonly store?: RecordStore;
  /** Asks sources that are not due too. Default: `false`. */
  readonly evenIfNotDue?: boolean;
  /**
   * Is given each document once it is read and counted, for storing or showing it; afterwards it is forgotten. Called
   * between two steps of the work, so it has to be quick; what it throws makes the source a failed one.
   */
  readonly onDocument?: (document: Document, source: Source) => void;
}

/**
 * A run over many sources. Make one, run `work()`, look at `outcomes` and `progress` whenever you like, and take the
 * `report()` at the end or after a cancellation.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fromWebFetch, News, parseSource } from "@rondo/crawl";
 *
 * const pages = new Map([["https://a.example/", "<title>Storm</title><p>A storm is coming."]]);
 * const fetch = fromWebFetch(async (url) => new Response(pages.get(url) ?? "", { status: pages.has(url) ? 200 : 404 }));
 * const sources = ["https://a.example/", "https://b.example/"].map((url) => parseSource(url));
 * const news = new News(sources, { terms: ["storm"], fetch });
 * await run(() => news.work());
 *
 * const { totals, sources: [a, b] } = news.report();
 * console.log(totals.done, totals.failed, totals.mentions[0]?.count); // prints: 1 1 2
 * console.log(b?.failure?.message); // prints: b.example answers HTTP 404
 * ```
 */
export class News {
  readonly sources: readonly Source[];
  readonly terms: readonly string[];
  readonly progress: Progress;
  /** In the order in which they ended. With a store, each is in it. */
  readonly outcomes: Outcome[] = [];
  /** Those that were not asked, because it is too early. */
  readonly notDue: NotDue[] = [];
  readonly #options: NewsOptions;
  readonly #counter: TermCounter;
  readonly #top: TopWords | undefined;
  #begun = false;
  /** Those being worked on. */
  readonly running: Set<Visit> = new Set<Visit>();

  /**
   * @param sources each address once: repetitions are dropped.
   * @throws {SourceError} of kind `input` for a term without a letter or a digit.
   * @throws {RangeError} for a number that makes no sense.
   */
  constructor(sources: Iterable<Source>, options: NewsOptions = {}) {
    checkAsking(options);
    checkPermits(options);
    atLeast(0, "top", options.top);
    this.sources = distinct(sources);
    this.terms = options.terms ?? [];
    this.progress = new Progress(this.sources.length);
    this.#options = options;
    this.#counter = new TermCounter(this.terms);
    this.#top = (options.top ?? 0) > 0 ? new TopWords() : undefined;
  }

  /**
   * Does it all, once. A switch point. Throws nothing of a source's; a cancellation leaves what was done in `outcomes`.
   *
   * @throws {StoreError} when the store cannot be written to; what is in `outcomes` is stored.
   * @throws {Error} when it is called again: a run has one set of outcomes.
   */
  *work(): Coroutine<void> {
    if (this.#begun) throw new Error("this run has been made; make a new News for another one");
    this.#begun = true;
    yield* asking(this.#options, (how) => this.#work(how));
  }

  /** What there is so far, as data: the same for a run that ended and one that was cancelled. */
  report(problems: readonly Problem[] = []): Report {
    const top = this.#top?.top(this.#options.top ?? 0) ?? [];
    return report({
      sources: this.sources,
      outcomes: this.outcomes,
      notDue: this.notDue,
      terms: this.terms,
      top,
      progress: this.progress,
      problems,
    });
  }

  *#work(how: Asking): Coroutine<void> {
    const { store, perHost = 2 } = this.#options;
    const sources = store === undefined ? this.sources : yield* this.#due(store, how.world);
    const all: Visiting = {
      ...how,
      frontier: new Frontier(sources, perHost),
      progress: this.progress,
      terms: this.#counter,
      top: this.#top,
      recorded: store !== undefined,
    };
    if (store === undefined) {
      yield* this.#visit(all);
      return;
    }
    const news = this;
    yield* group(
      function* (g) {
        // Beside the visits, and not before them: of ten thousand sources this takes seconds.
        g.spawn(() => news.#lookUp(store), { name: "what is not due" });
        yield* news.#remember(store, all);
      },
      { name: "news" },
    );
  }

  /** Those that are due. */
  *#due(store: RecordStore, world: Visiting["world"]): Coroutine<Source[]> {
    if (this.#options.evenIfNotDue === true) return [...this.sources];
    const due: Source[] = [];
    for (const [index, source] of this.sources.entries()) {
      const at = store.state(source.url)?.due ?? 0;
      if (isDue(at, world.wallClock())) {
        due.push(source);
      } else {
        this.notDue.push({ source, due: at, latest: undefined });
        this.progress.waiting--;
        this.progress.notDue++;
      }
      if (index % AT_ONCE === AT_ONCE - 1) yield* checkpoint();
    }
    return due;
  }

  /** What those gave the last time that are not due. Half a millisecond each, so others get a turn after each. */
  *#lookUp(store: RecordStore): Coroutine<void> {
    for (const [index, entry] of this.notDue.entries()) {
      this.notDue[index] = { ...entry, latest: store.latest(entry.source.url, this.terms) };
      yield* checkpoint();
    }
  }

  *#remember(store: RecordStore, all: Visiting): Coroutine<void> {
    const begun = now();
    const number = store.beginRun(all.world.wallClock());
    let broken = false;
    try {
      yield* this.#visit(all, { store, run: () => ({ number, begun }) });
    } catch (error) {
      broken = true;
      throw error;
    } finally {
      // A run that was cancelled has ended too; a store that failed would only fail again, and hide why.
      if (!broken) store.endRun(number, all.world.wallClock());
    }
  }

  #visit(all: Visiting, memory?: Memory): Coroutine<void> {
    const { outcomes, progress, running } = this;
    const { concurrency = 64, onDocument } = this.#options;
    return crew(all, {
      concurrency,
      onDocument,
      running,
      memory,
      ended(outcome) {
        outcomes.push(outcome);
        progress[outcome.state]++;
      },
    });
  }
}

/** So many sources are looked up before others get a turn. */
const AT_ONCE = 100;
