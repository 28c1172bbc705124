// The one task that writes. Visits hand over what they fetched; it is committed in batches, and only then is an outcome told
// to anybody: what was reported is stored.
//
// A batch is as much as came within a moment, and not more than keeps the loop waiting for some ten milliseconds: SQLite
// writes while nothing else runs. The channel before it is short, so that a slow disk slows the visits down and does not
// fill the memory.
//
// It is not cancelled with the run. It ends when nobody hands anything over any more, so a run that is cancelled has
// everything stored that was handed over until then.

import { Channel, checkpoint, type Coroutine, now, scope, shield, type Wait } from "rondo";
import type { FetchRecord, Headline, LatestDocument, SourceState } from "./records.ts";

/** What a run needs of a memory; a `NewsStore` is one. Nothing of it waits. */
export interface RecordStore {
  /** `undefined`: it was never fetched. */
  state(url: string): SourceState | undefined;
  /** A run's number. */
  beginRun(at: number): number;
  endRun(run: number, at: number): void;
  /** All of them or none. Gives, for each, the articles that it had never seen before, if it can tell. */
  record(run: number, fetches: readonly FetchRecord[]): readonly (readonly Headline[])[] | void;
  latest(url: string, terms: readonly string[]): LatestDocument | undefined;
}

/** Called when a record is stored, with the articles in it that are new. */
type Stored = (fresh: readonly Headline[]) => void;

/** What is handed over. */
interface Item {
  readonly run: number;
  readonly record: FetchRecord;
  readonly stored: Stored;
}

/** How much is written at once. */
export interface BatchLimits {
  readonly records: number;
  /** What writing takes time by: a new one takes 0.1 ms. One record may have more. */
  readonly articles: number;
  /** How long to wait for more, in ms. */
  readonly wait: number;
}

const LIMITS: BatchLimits = { records: 32, articles: 50, wait: 50 };

/** Writes records to a store. */
export class Writer {
  readonly #store: RecordStore;
  readonly #limits: BatchLimits;
  readonly #items: Channel<Item>;

  constructor(store: RecordStore, limits: BatchLimits = LIMITS) {
    this.#store = store;
    this.#limits = limits;
    this.#items = new Channel<Item>(limits.records);
  }

  /** Hands a record over; `stored` is called when it is safe. Waits while there is much to write. */
  hand(run: number, record: FetchRecord, stored: Stored): Wait<void> {
    return this.#items.send({ run, record, stored });
  }

  /** Nothing more will come. */
  close(): void {
    this.#items.close();
  }

  /**
   * Writes until `close()` was called and everything is written; no cancellation ends it before. A switch point.
   *
   * @throws what the store throws; then nothing of that batch is stored.
   */
  *work(): Coroutine<void> {
    yield* shield(() => this.#write());
  }

  *#write(): Coroutine<void> {
    let next = yield* this.#items.receive();
    while (next !== undefined) {
      const batch = [next];
      const { run } = next;
      const until = now() + this.#limits.wait;
      let articles = articlesOf(next.record);
      next = undefined;
      while (batch.length < this.#limits.records && articles < this.#limits.articles) {
        // Until a point in time, which may have passed: others may have taken long before it was the writer's turn.
        next = (yield* scope(() => this.#items.receive(), { deadline: until })).value;
        if (next === undefined || next.run !== run) break;
        const more = articlesOf(next.record);
        if (articles + more > this.#limits.articles) break;
        batch.push(next);
        articles += more;
        next = undefined;
      }
      this.#commit(run, batch);
      // Whatever became ready meanwhile goes first.
      yield* checkpoint();
      next ??= yield* this.#items.receive();
    }
  }

  #commit(run: number, batch: readonly Item[]): void {
    const records = batch.map(({ record }) => record);
    const fresh = this.#store.record(run, records) ?? [];
    for (const [index, { stored }] of batch.entries()) stored(fresh[index] ?? []);
  }
}

function articlesOf({ result }: FetchRecord): number {
  if (result.state === "done") return result.articles.length;
  return result.state === "unchanged" ? LOOKED_UP : 0;
}

/** What a source gave the last time is looked up when it is told, which takes as long as so many new articles. */
const LOOKED_UP = 5;
