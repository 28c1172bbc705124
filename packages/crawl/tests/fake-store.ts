// A store that is some maps, for tests of what stands before a store: it says what was written and when, and fails on
// request.

import type { FetchRecord, LatestDocument, SourceState } from "../src/store/records.ts";
import type { RecordStore } from "../src/store/writer.ts";
import type { Source } from "../src/index.ts";

export class FakeStore implements RecordStore {
  readonly states: Map<string, SourceState> = new Map<string, SourceState>();
  readonly documents: Map<string, FetchRecord> = new Map<string, FetchRecord>();
  /** Each call of `record`. */
  readonly batches: (readonly FetchRecord[])[] = [];
  readonly runs: { begun: number; ended?: number }[] = [];
  readonly sources: Source[] = [];
  /** Called before a batch is taken; what it throws is thrown. */
  onRecord: ((fetches: readonly FetchRecord[]) => void) | undefined;

  get records(): FetchRecord[] {
    return this.batches.flat();
  }

  recordsOf(url: string): FetchRecord[] {
    return this.records.filter(({ source }) => source.url === url);
  }

  subscriptions(): Source[] {
    return [...this.sources];
  }

  state(url: string): SourceState | undefined {
    return this.states.get(url);
  }

  beginRun(at: number): number {
    return this.runs.push({ begun: at });
  }

  endRun(run: number, at: number): void {
    (this.runs[run - 1] as { ended?: number }).ended = at;
  }

  record(_run: number, fetches: readonly FetchRecord[]): void {
    this.onRecord?.(fetches);
    this.batches.push(fetches);
    for (const fetch of fetches) {
      const { url } = fetch.source;
      const { result, due } = fetch;
      const before = this.states.get(url) ?? { etag: undefined, lastModified: undefined, hints: {}, failures: 0 };
      if (result.state === "done") {
        const { etag, lastModified } = result;
        // As a database gives it back.
        const hints: unknown = JSON.parse(JSON.stringify(result.hints));
        this.states.set(url, { url, etag, lastModified, hints, due, failures: 0 });
        this.documents.set(url, fetch);
      } else if (result.state === "unchanged") {
        const { etag = before.etag, lastModified = before.lastModified } = result;
        this.states.set(url, { url, etag, lastModified, hints: before.hints, due, failures: 0 });
      } else {
        this.states.set(url, { ...before, url, due, failures: before.failures + 1 });
      }
    }
  }

  latest(url: string, terms: readonly string[]): LatestDocument | undefined {
    const result = this.documents.get(url)?.result;
    if (result?.state !== "done") return undefined;
    const { kind, title, language, charset, articles } = result;
    const count = (word?: string): number =>
      articles.reduce((sum, { words }) => {
        if (word !== undefined) return sum + (words.get(word) ?? 0);
        return [...words.values()].reduce((all, times) => all + times, sum);
      }, 0);
    return { kind, title, language, charset, articles: articles.length, words: count(), mentions: terms.map(count) };
  }
}
