// The main job: many sources at once, each a task in one group, none of which can stop another.
//
// A feeder takes sources from the frontier as slots and hosts become free and spawns a task for each, so what exists at
// any moment is `concurrency` tasks and bodies, however long the list is. What a source came to is kept outside the
// tasks, so a run that is cancelled in the middle still has everything that was finished.

import { type Client, openClient } from "@rondo/http";
import { type Coroutine, type Group, group, Semaphore, type Task } from "rondo";
import { whyPrivate } from "./address.ts";
import type { Document } from "./document.ts";
import type { Fetch } from "./exchange.ts";
import { Frontier } from "./frontier.ts";
import type { Outcome } from "./outcome.ts";
import { Progress } from "./progress.ts";
import { type Report, report } from "./report.ts";
import { distinct, type Problem, type Source } from "./source.ts";
import { TermCounter } from "./terms.ts";
import { TopWords } from "./top-words.ts";
import { Visit, type Visiting } from "./visit.ts";

/** How a run is to be done. Times in ms, sizes in bytes. */
export interface NewsOptions {
  /** Words, or several words in a row, whose mentions are counted. Default: none. */
  readonly terms?: readonly string[];
  /** How many of the commonest words to find. Default: 0, which also saves the counting. */
  readonly top?: number;
  /** How many sources are worked on at once. Default: 64. */
  readonly concurrency?: number;
  /** How many of them at most at one host. Default: 2. */
  readonly perHost?: number;
  /** For one source, all tries included, in ms. Default: 15,000. */
  readonly timeout?: number;
  /** How often a request is made at most when it meets what may pass. Default: 3. */
  readonly tries?: number;
  /** How many redirects are followed for a source. Default: 10. */
  readonly redirects?: number;
  /** How much of a body is read, in bytes; what is longer is marked as cut. Default: 5 MiB. */
  readonly bodyLimit?: number;
  readonly userAgent?: string;
  /**
   * Also asks what stands at a loopback, private or other special address. Default: `false`, since who trusts a list of
   * sources does not thereby trust whatever their names and redirects lead to. Each address is looked at when it is
   * connected to; a `fetch` of your own, and a proxy, do as they like.
   */
  readonly allowPrivate?: boolean;
  /** What makes the requests. Default: a client of `@rondo/http`, opened for the run. */
  readonly fetch?: Fetch;
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
  /** In the order in which they ended. */
  readonly outcomes: Outcome[] = [];
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
    for (const name of ["concurrency", "perHost", "tries"] as const) atLeast(1, name, options[name]);
    for (const name of ["top", "redirects", "bodyLimit", "timeout"] as const) atLeast(0, name, options[name]);
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
   * @throws {Error} when it is called again: a run has one set of outcomes.
   */
  *work(): Coroutine<void> {
    if (this.#begun) throw new Error("this run has been made; make a new News for another one");
    this.#begun = true;
    yield* group((g) => this.#begin(g), { name: "news" });
  }

  /** What there is so far, as data: the same for a run that ended and one that was cancelled. */
  report(problems: readonly Problem[] = []): Report {
    const top = this.#top?.top(this.#options.top ?? 0) ?? [];
    return report({
      sources: this.sources,
      outcomes: this.outcomes,
      terms: this.terms,
      top,
      progress: this.progress,
      problems,
    });
  }

  *#begin(g: Group): Coroutine<void> {
    // A task knows the loop it runs on, and through it the world whose chance and clock the visits go by.
    const feeder: Task<void> = g.spawn(() => this.#feed(g, feeder.loop.host), { name: "feeder" });
    yield* feeder;
  }

  *#feed(g: Group, world: Visiting["world"]): Coroutine<void> {
    const options = this.#options;
    const slots = new Semaphore(options.concurrency ?? 64);
    const frontier = new Frontier(this.sources, options.perHost ?? 2);
    // Each visit has its own deadline, and none of them waits for another one's connection: its host's permit is that.
    const client =
      options.fetch === undefined
        ? openClient({
            timeout: Infinity,
            idleTimeout: Infinity,
            connectTimeout: Infinity,
            maxPerHost: Infinity,
            refuse: options.allowPrivate === true ? undefined : whyPrivate,
          })
        : undefined;
    const all: Visiting = {
      fetch: options.fetch ?? ((url, init) => (client as Client).fetch(url, init)),
      world,
      frontier,
      progress: this.progress,
      terms: this.#counter,
      top: this.#top,
      timeout: options.timeout ?? 15_000,
      tries: options.tries ?? 3,
      redirects: options.redirects ?? 10,
      bodyLimit: options.bodyLimit ?? 5 * 1024 * 1024,
      userAgent: options.userAgent ?? "rondo-news",
    };
    for (;;) {
      yield* slots.acquire();
      const source = yield* frontier.next();
      if (source === undefined) return;
      g.spawn(this.#visit(new Visit(source, all), slots), { name: source.url });
    }
  }

  *#visit(visit: Visit, slots: Semaphore): Coroutine<void> {
    const { progress } = this;
    progress.waiting--;
    progress.running++;
    this.running.add(visit);
    try {
      const outcome = yield* visit.run(this.#options.onDocument);
      this.outcomes.push(outcome);
      progress[outcome.ok ? "done" : "failed"]++;
    } finally {
      this.running.delete(visit);
      progress.running--;
      slots.release();
    }
  }
}

function atLeast(least: number, name: string, value: number | undefined): void {
  if (value !== undefined && !(value >= least)) throw new RangeError(`${name} is ${least} or more, not ${value}`);
}
