// The newest headlines, at a pace at which they can be read. A run brings thousands in a second; what is shown is a few of
// them, and those that mention a term come first.

import type { Document, Source } from "@rondo/crawl";
import type { Marker } from "./live-marks.ts";

/** One of them. */
export interface Headline {
  /** Name or address of its source. */
  readonly source: string;
  readonly title: string;
}

/** In ms: between two new ones, once there are enough. */
const PACE = 400;
const SHOWN = 10;
/** Of one document: a feed begins with its newest. */
const OF_EACH = 4;
/** That wait to be shown. What is older is not news. */
const QUEUED = 40;
/** Titles that are remembered, so that a feed that is read every hour does not bring the same ones back. */
const REMEMBERED = 5000;

/** Takes documents, gives headlines. */
export class Headlines {
  /** Those to be shown, the newest first. */
  readonly shown: Headline[] = [];
  readonly #marker: Marker;
  readonly #marked: Headline[] = [];
  readonly #others: Headline[] = [];
  readonly #seen = new Set<string>();
  #last = -Infinity;

  constructor(marker: Marker) {
    this.#marker = marker;
  }

  /** Is to be given each document that was read. Quick: it looks at titles only. */
  take(document: Pick<Document, "articles" | "title">, source: Source): void {
    this.add(source.name ?? document.title ?? shortAddress(source.url), document.articles);
  }

  /** Takes headlines of a source, the newest first. */
  add(name: string, articles: Iterable<{ readonly title: string | undefined }>): void {
    let plain = 0;
    for (const { title } of articles) {
      if (title === undefined || title.trim() === "" || this.#seen.has(title)) continue;
      const isMarked = this.#marker.has(title);
      if (!isMarked && ++plain > OF_EACH) continue;
      this.#remember(title);
      const queue = isMarked ? this.#marked : this.#others;
      queue.push({ source: name, title });
      if (queue.length > QUEUED) queue.shift();
    }
  }

  /** Time has come to `at` (ms): shows what is due. */
  step(at: number): void {
    while (this.shown.length < SHOWN || at - this.#last >= PACE) {
      const next = this.#marked.shift() ?? this.#others.pop();
      if (next === undefined) return;
      this.shown.unshift(next);
      if (this.shown.length > SHOWN) this.shown.pop();
      this.#last = at;
    }
  }

  #remember(title: string): void {
    // A copy of its own: a piece would keep the whole text of the feed alive.
    this.#seen.add(Buffer.from(title).toString());
    if (this.#seen.size <= REMEMBERED) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      break;
    }
  }
}

/** An address as people say it. */
export function shortAddress(url: string): string {
  return url.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");
}
