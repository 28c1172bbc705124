// What `--articles` adds: the links of what was read are followed, politely, and their texts put into the memory. It goes on
// with what earlier runs left.

import {
  type FollowedArticle,
  followPending,
  type FollowPendingOptions,
  type Manners,
  type NewsStore,
} from "@rondo/crawl";
import type { Coroutine } from "rondo";
import type { Look } from "../look.ts";
import { count, counted, size } from "../text.ts";

/** So many are followed in one go. The newest come first, and what is left comes the next time. */
export const MOST_ARTICLES = 500;

/** What became of links so far. */
export class Links {
  read = 0;
  failed = 0;
  /** Those that stay for another time: their host wanted to be left alone. */
  later = 0;
  bytes = 0;
  /** How often each kind of failure was met. */
  readonly reasons: Record<string, number> = {};

  /** Counts one. */
  take(followed: FollowedArticle): void {
    this.bytes += followed.bytes;
    if (followed.ok) this.read++;
    else if (followed.later) this.later++;
    else {
      this.failed++;
      const { kind } = followed.failure;
      this.reasons[kind] = (this.reasons[kind] ?? 0) + 1;
    }
  }

  /** `12 articles followed · 3 could not be read (2 robots, 1 status) · 1 left for later · 1.2 MB`. */
  describe(): string {
    const reasons = Object.entries(this.reasons)
      .toSorted((a, b) => b[1] - a[1])
      .map(([kind, times]) => `${count(times)} ${kind}`);
    const parts = [
      `${counted(this.read, "article")} followed`,
      ...(this.failed > 0 ? [`${count(this.failed)} could not be read (${reasons.join(", ")})`] : []),
      ...(this.later > 0 ? [`${count(this.later)} left for later`] : []),
      size(this.bytes),
    ];
    return parts.join(" · ");
  }
}

/** How to follow. */
export type Follow = Pick<FollowPendingOptions, "concurrency" | "timeout" | "allowPrivate"> & {
  /** Addresses of sources. */
  readonly sources: readonly string[];
  /** What is known of hosts, where this is not the first time. */
  readonly manners?: Manners;
};

/** Follows what was not followed yet. A switch point. @throws {StoreError} */
export function* followLinks(store: NewsStore, links: Links, how: Follow): Coroutine<void> {
  yield* followPending(store, { ...how, limit: MOST_ARTICLES, onArticle: (followed) => links.take(followed) });
}

/** A line of what became of links. */
export function drawLinks(links: Links | undefined, look: Look): string {
  return links === undefined ? "" : ` ${look.paint.bold("Articles")} ${links.describe()}\n`;
}
