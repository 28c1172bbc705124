// Between the memory of the news and following links: what was not followed yet goes out, and texts come back in.

import type { Coroutine } from "rondo";
import type { Failure } from "../failure.ts";
import type { PendingArticle } from "../store/questions.ts";
import type { ArticleText } from "../store/store.ts";
import { type FollowCounts, type FollowedArticle, followArticles, type FollowOptions } from "./follow.ts";

/** What is needed of a memory; a `NewsStore` is one. */
export interface ArticleStore {
  pendingArticles(options: { readonly sources?: readonly string[]; readonly limit: number }): PendingArticle[];
  setText(url: string, article: ArticleText): boolean;
  followed(url: string, at: number, failure?: Failure): void;
}

/** How the articles of a memory are followed. */
export interface FollowPendingOptions extends FollowOptions {
  /** How many at most, the newest first. Default: 500. */
  readonly limit?: number;
  /** Addresses of the sources whose articles are followed. Default: those of all. */
  readonly sources?: readonly string[];
}

/**
 * Follows the links of articles that a memory has and that were not followed yet, and puts their texts into it. Each is
 * stored as it comes. A switch point.
 *
 * An article that could not be had is noted as followed, with its failure, and is not asked for again; only where its host
 * could not be asked for now ({@link FollowedArticle}, `later`) it stays for another time.
 *
 * @throws {StoreError} what the memory throws: then nothing more is followed.
 * @throws {RangeError} for a number that makes no sense.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { followPending, fromWebFetch } from "@rondo/crawl";
 *
 * const url = "https://a.example/storm";
 * const store = {
 *   pendingArticles: () => [{ url, title: "Storm", source: "https://a.example/feed" }],
 *   setText: (_: string, { text }: { text: string }) => (console.log(text), true),
 *   followed: (url: string) => console.log("followed", url),
 * };
 * const headers = { "content-type": "text/html" };
 * const fetch = fromWebFetch(async (url) => new Response(url.endsWith(".txt") ? "" : "<p>It is near.", { headers }));
 * await run(() => followPending(store, { fetch, delay: 0 }));
 * // prints: It is near.
 * // prints: followed https://a.example/storm
 * ```
 */
export function* followPending(store: ArticleStore, options: FollowPendingOptions = {}): Coroutine<FollowCounts> {
  const { sources, limit = 500, onArticle } = options;
  const pending = store.pendingArticles(sources === undefined ? { limit } : { sources, limit });
  return yield* followArticles(pending, {
    ...options,
    onArticle: (followed) => {
      keep(store, followed);
      onArticle?.(followed);
    },
  });
}

function keep(store: ArticleStore, followed: FollowedArticle): void {
  const { url, at } = followed;
  if (!followed.ok) {
    if (!followed.later) store.followed(url, at, followed.failure);
    return;
  }
  const { title, text, words, language, published } = followed.article;
  store.setText(url, {
    text,
    words,
    ...(title === undefined ? {} : { title }),
    ...(language === undefined ? {} : { language }),
    ...(published === undefined ? {} : { published }),
  });
  store.followed(url, at);
}
