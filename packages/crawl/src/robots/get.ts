// One request whose answer is looked at whatever its status is. Nobody is redirected here: where a redirect may lead is
// for whoever asks, who has to ask for the rules of the other host first.

import { type Coroutine, moveOnAfter } from "rondo";
import { ask, type Fetch, type Meter, readBody } from "../exchange.ts";
import { SourceError } from "../failure.ts";
import { duration, REDIRECTS } from "../visit.ts";

/** What a robots.txt is asked for as: some servers have no text for who wants HTML. */
export const ROBOTS_TYPES = "text/plain, */*;q=0.5";

/** What came. */
export interface Got {
  readonly status: number;
  /** What stands behind the status; may be empty. */
  readonly reason: string;
  /** Where a redirect leads, as it is written. */
  readonly location: string | undefined;
  /** The headers `Content-Type`, `Content-Language` and `Retry-After` as they came. */
  readonly contentType: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly retryAfter: string | undefined;
  /** Only that of a 2xx, and only if it was wanted; empty otherwise. */
  readonly bytes: Uint8Array;
  /** The body was longer than its limit. */
  readonly cut: boolean;
}

/** How to ask. */
export interface GetOptions {
  readonly fetch: Fetch;
  readonly userAgent: string;
  readonly accept: string;
  /** For all of it, in ms. */
  readonly timeout: number;
  /** Bytes of body that are read. */
  readonly limit: number;
  readonly keepAlive: boolean;
  /** Whether a body is worth reading. Default: each one is. */
  readonly wants?: (contentType: string | undefined) => boolean;
}

/**
 * Asks for an address. A switch point.
 *
 * @throws {SourceError} where no answer comes, or not all of it, in time.
 */
export function* get(url: string, options: GetOptions, meter: Meter): Coroutine<Got> {
  const { timeout } = options;
  const got = yield* moveOnAfter(timeout, exchange(url, options, meter), { name: url });
  if (got.timedOut) {
    const { host } = new URL(url);
    throw new SourceError("timeout", `no whole answer from ${host} within ${duration(timeout)}`, { retryable: true });
  }
  return got.value;
}

/**
 * Requests for one robot over one way of asking, in the form that {@link RobotsKeeper} takes. Each at most 15 s.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fromWebFetch, getWith } from "@rondo/crawl";
 *
 * const get = getWith(fromWebFetch(async (url) => new Response(`this is ${url}`)), "rondo-news");
 * const { bytes, cut } = await run(() => get("https://a.example/", 7));
 * console.log(new TextDecoder().decode(bytes), cut); // prints: this is true
 * ```
 */
export function getWith(fetch: Fetch, userAgent: string): (url: string, limit: number) => Coroutine<Got> {
  const how = { fetch, userAgent, accept: ROBOTS_TYPES, timeout: 15_000, keepAlive: false };
  return (url, limit) => get(url, { ...how, limit }, { waited: 0, bytes: 0 });
}

function* exchange(url: string, options: GetOptions, meter: Meter): Coroutine<Got> {
  const { fetch, userAgent, accept, keepAlive, limit, wants } = options;
  const headers = { accept, "user-agent": userAgent };
  const answer = yield* ask(fetch, url, { headers, keepAlive, redirect: "manual" }, meter);
  const { status, reason } = answer;
  const header = (name: string): string | undefined => answer.headers.get(name) ?? undefined;
  const head = {
    status,
    reason,
    location: REDIRECTS.has(status) ? header("location") : undefined,
    contentType: header("content-type"),
    contentLanguage: header("content-language"),
    retryAfter: header("retry-after"),
  };
  if (status < 200 || status > 299 || wants?.(head.contentType) === false) {
    answer.close();
    return { ...head, bytes: new Uint8Array(0), cut: false };
  }
  return { ...head, ...(yield* readBody(answer, url, limit, meter)) };
}
