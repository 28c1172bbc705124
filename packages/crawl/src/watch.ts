// Staying up: each source is fetched when it is due, for ever.
//
// One task keeps the times and puts into the frontier what is due; a crew takes it from there, so that many at once go the
// way they go in a run. The clock on the wall decides, and a timer cannot be asked to wait for that: a laptop that slept has
// a wall clock that has jumped and timers that have not. So no wait is longer than a look (ten seconds), and after each the
// clock is read again.
//
// What another process does with the same memory is noticed at the same rate: subscriptions are read anew, and a source that
// somebody else has fetched meanwhile is not fetched again.

import { Channel, checkpoint, type Coroutine, group, isStopping, now, select, sleep, stopping } from "rondo";
import { crew, type Memory } from "./crew.ts";
import { Frontier } from "./frontier.ts";
import type { NewsOptions } from "./news.ts";
import type { Done, Failed, Outcome, Unchanged } from "./outcome.ts";
import { Progress } from "./progress.ts";
import { isDue } from "./schedule/due.ts";
import { type Asking, asking, atLeast, checkAsking, checkPermits } from "./settings.ts";
import { distinct, type Source } from "./source.ts";
import type { Headline } from "./store/records.ts";
import type { RecordStore } from "./store/writer.ts";
import { TermCounter } from "./terms.ts";
import type { Visit } from "./visit.ts";

/** What watching needs of a memory; a `NewsStore` is one. */
export interface WatchStore extends RecordStore {
  subscriptions(): readonly Source[];
}

/** Something that happened while watching. `at` is in ms since 1970. */
export type WatchEvent =
  | {
      readonly kind: "done";
      readonly at: number;
      readonly outcome: Done;
      /** The articles that the memory did not have. */
      readonly fresh: readonly Headline[];
    }
  | { readonly kind: "unchanged"; readonly at: number; readonly outcome: Unchanged }
  | { readonly kind: "failed"; readonly at: number; readonly outcome: Failed }
  /** The list of subscriptions was changed, by whomever. */
  | {
      readonly kind: "subscriptions";
      readonly at: number;
      readonly added: readonly Source[];
      readonly removed: readonly Source[];
    };

/** How to watch. Times in ms. */
export interface WatchOptions extends Omit<NewsOptions, "store" | "top" | "evenIfNotDue"> {
  /** Is told what happens, when it is stored. Called between two steps of the work, so it has to be quick. */
  readonly onEvent?: (event: WatchEvent) => void;
  /** How often to look at the clock and the list of subscriptions at least. Default: 10,000. */
  readonly look?: number;
}

/** A source and its time. */
interface Entry {
  source: Source;
  /** In ms since 1970. */
  due: number;
  /** It has been handed to the crew, and not come back. */
  busy: boolean;
}

/** So many sources are looked up before others get a turn. */
const AT_ONCE = 100;
const LOOK = 10_000;

/**
 * A watch over the subscriptions of a memory. Make one, run `work()`, and look at `progress`, `running` and `next` whenever
 * you like. See {@link watch}.
 *
 * @example
 * ```ts
 * import { group, run, sleep } from "rondo";
 * import { fromWebFetch, NewsStore, parseSource, Watch } from "@rondo/crawl";
 *
 * using store = NewsStore.open(":memory:");
 * store.subscribe(parseSource("https://a.example/"));
 * const watch = new Watch(store, { fetch: fromWebFetch(async () => new Response("<title>Storm</title><p>Near.")) });
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(watch.work());
 *     yield* sleep(200);
 *     const { sources, progress, next = 0 } = watch;
 *     console.log(sources, progress.done, Math.round((next - Date.now()) / 60_000)); // prints: 1 1 30
 *     g.stop();
 *   }),
 * );
 * ```
 */
export class Watch {
  /** Since the beginning. `total` is how many times a source was due. */
  readonly progress: Progress = new Progress(0);
  /** Those being worked on. */
  readonly running: Set<Visit> = new Set<Visit>();
  readonly #store: WatchStore;
  readonly #options: WatchOptions;
  readonly #terms: TermCounter;
  /** By address. */
  #entries = new Map<string, Entry>();
  /** Rings when a source has a new time. */
  readonly #bell = new Channel<true>(1);
  readonly #frontier: Frontier;
  #run: { readonly number: number; readonly begun: number } | undefined = undefined;
  /** Those that were handed to the crew and have not come back, also where they were taken off the list since. */
  readonly #underway = new Map<string, Entry>();
  #begun = false;
  #looked = false;

  /**
   * @throws {SourceError} of kind `input` for a term without a letter or a digit.
   * @throws {RangeError} for a number that makes no sense.
   */
  constructor(store: WatchStore, options: WatchOptions = {}) {
    checkAsking(options);
    checkPermits(options);
    atLeast(1, "look", options.look);
    this.#store = store;
    this.#options = options;
    this.#terms = new TermCounter(options.terms ?? []);
    this.#frontier = new Frontier([], options.perHost ?? 2);
  }

  /** How many sources are watched. */
  get sources(): number {
    return this.#entries.size;
  }

  /** When the next source is due, in ms since 1970; `undefined` where there is none. What is being worked on does not count. */
  get next(): number | undefined {
    let next: number | undefined;
    for (const { due, busy } of this.#entries.values()) if (!busy && (next === undefined || due < next)) next = due;
    return next;
  }

  /**
   * Watches until the group around is asked to stop (`group.stop()`): then no source is begun any more, and those under way
   * are ended and stored. A switch point. Throws nothing of a source's.
   *
   * @throws {StoreError} when the store cannot be read or written to; what was told is stored.
   * @throws {Error} when it is called again.
   */
  *work(): Coroutine<void> {
    if (this.#begun) throw new Error("this watch has been kept; make a new Watch for another one");
    this.#begun = true;
    yield* asking(this.#options, (how) => this.#watch(how));
  }

  *#watch(how: Asking): Coroutine<void> {
    const watch = this;
    const clock = (): number => how.world.wallClock();
    this.#frontier.open();
    let broken = false;
    try {
      yield* group(
        function* (g) {
          g.spawn(() => watch.#work(how, clock), { name: "visits" });
          try {
            yield* watch.#schedule(clock);
          } finally {
            watch.#frontier.close();
          }
        },
        { name: "watch" },
      );
    } catch (error) {
      broken = true;
      throw error;
    } finally {
      if (!broken) this.#endRun(clock());
    }
  }

  /** Puts into the frontier what is due, until the group is asked to stop. */
  *#schedule(clock: () => number): Coroutine<void> {
    const { look = LOOK } = this.#options;
    for (let looked = -Infinity; !isStopping();) {
      if (now() - looked >= look) {
        yield* this.#lookUp(clock);
        looked = now();
      }
      yield* this.#handOut(clock);
      const wait = Math.min(looked + look - now(), (this.next ?? Infinity) - clock());
      yield* select({ stop: stopping(), bell: this.#bell.receive(), time: sleep(Math.max(0, wait)) });
    }
  }

  /** Reads the list of subscriptions anew. */
  *#lookUp(clock: () => number): Coroutine<void> {
    const before = this.#entries;
    const after = new Map<string, Entry>();
    const added: Source[] = [];
    for (const source of distinct(this.#store.subscriptions())) {
      const known = before.get(source.url) ?? this.#underway.get(source.url);
      if (!before.has(source.url)) added.push(source);
      if (known === undefined) {
        after.set(source.url, { source, due: this.#store.state(source.url)?.due ?? 0, busy: false });
        if (added.length % AT_ONCE === 0) yield* checkpoint();
      } else {
        known.source = source;
        after.set(source.url, known);
      }
    }
    this.#entries = after;
    const removed = [...before.values()].filter(({ source }) => !after.has(source.url)).map(({ source }) => source);
    // At the beginning there is no list that could have changed.
    if ((added.length > 0 || removed.length > 0) && this.#looked)
      this.#options.onEvent?.({ kind: "subscriptions", at: clock(), added, removed });
    this.#looked = true;
  }

  *#handOut(clock: () => number): Coroutine<void> {
    let looked = 0;
    for (const entry of this.#entries.values()) {
      if (entry.busy || !isDue(entry.due, clock())) continue;
      if (looked++ % AT_ONCE === 0) {
        yield* checkpoint();
        if (isStopping()) return;
      }
      // Another process may have fetched it meanwhile.
      entry.due = this.#store.state(entry.source.url)?.due ?? 0;
      if (!isDue(entry.due, clock())) continue;
      entry.busy = true;
      this.#underway.set(entry.source.url, entry);
      this.progress.total++;
      this.progress.waiting++;
      this.#frontier.add(entry.source);
    }
  }

  *#work(how: Asking, clock: () => number): Coroutine<void> {
    const { concurrency = 64, onDocument } = this.#options;
    const { progress, running } = this;
    const all = { ...how, frontier: this.#frontier, progress, terms: this.#terms, top: undefined, recorded: true };
    const memory: Memory = {
      store: this.#store,
      // What is fetched without a pause is one run: a picture of it can be looked at.
      run: () => (this.#run ??= { number: this.#store.beginRun(clock()), begun: now() }),
    };
    yield* crew(all, {
      concurrency,
      onDocument,
      running,
      memory,
      ended: (outcome, fresh) => this.#ended(outcome, fresh, clock()),
    });
  }

  #ended(outcome: Outcome, fresh: readonly Headline[], at: number): void {
    this.progress[outcome.state]++;
    const { url } = outcome.source;
    const entry = this.#underway.get(url) as Entry;
    entry.due = outcome.due;
    entry.busy = false;
    this.#underway.delete(url);
    if (this.#underway.size === 0) this.#endRun(at);
    this.#bell.trySend(true);
    const { onEvent } = this.#options;
    if (onEvent === undefined) return;
    if (outcome.state === "done") onEvent({ kind: "done", at, outcome, fresh });
    else if (outcome.state === "unchanged") onEvent({ kind: "unchanged", at, outcome });
    else onEvent({ kind: "failed", at, outcome });
  }

  #endRun(at: number): void {
    if (this.#run !== undefined) this.#store.endRun(this.#run.number, at);
    this.#run = undefined;
  }
}

/**
 * Watches the subscriptions of a memory: each is fetched when it is due, until the group around is asked to stop. Whoever
 * wants to see how it stands makes a {@link Watch} instead. A switch point.
 *
 * @throws {StoreError} when the store cannot be read or written to; what was told is stored.
 *
 * @example
 * ```ts
 * import { group, run, sleep } from "rondo";
 * import { fromWebFetch, NewsStore, parseSource, watch } from "@rondo/crawl";
 *
 * const page = "<title>Storm</title><p>It is near.";
 * using store = NewsStore.open(":memory:");
 * store.subscribe(parseSource("https://a.example/"));
 * await run(() =>
 *   group(function* (g) {
 *     const fetch = fromWebFetch(async () => new Response(page));
 *     const onEvent = (event: { kind: string; fresh?: readonly { title: string | undefined }[] }) =>
 *       console.log(event.kind, event.fresh?.[0]?.title); // prints: done Storm
 *     g.spawn(watch(store, { fetch, onEvent }));
 *     yield* sleep(200);
 *     g.stop(); // what is under way is ended, and stored
 *   }),
 * );
 * ```
 */
export function watch(store: WatchStore, options: WatchOptions = {}): Coroutine<void> {
  return new Watch(store, options).work();
}
