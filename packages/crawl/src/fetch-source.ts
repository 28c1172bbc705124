// One source, for who has one: the piece that a run has many of.

import type { Coroutine } from "rondo";
import { Frontier } from "./frontier.ts";
import { Progress } from "./progress.ts";
import type { Remembered } from "./schedule/remembered.ts";
import { asking, type AskingOptions, checkAsking } from "./settings.ts";
import type { Source } from "./source.ts";
import { TermCounter } from "./terms.ts";
import { type Fetched, Visit } from "./visit.ts";

/** How one source is fetched. */
export interface FetchSourceOptions extends AskingOptions {
  /** What it answered the last time, or what is remembered of that: then only what is new is sent. */
  readonly since?: Remembered;
}

/**
 * Fetches one source: redirects followed, failures that pass tried again, the document read. With `since` it is asked only for
 * what is new, and gives no `document` where there is nothing. A switch point.
 *
 * @throws {SourceError} for whatever goes wrong.
 * @throws {RangeError} for a number that makes no sense.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fetchSource, fromWebFetch, parseSource } from "@rondo/crawl";
 *
 * const fetch = fromWebFetch(async (_url, { headers }) =>
 *   headers["if-none-match"] === '"1"'
 *     ? new Response(null, { status: 304 })
 *     : new Response("<title>Storm</title><p>It is near.", { headers: { etag: '"1"' } }),
 * );
 * await run(function* () {
 *   const source = parseSource("https://a.example/");
 *   const first = yield* fetchSource(source, { fetch });
 *   console.log(first.document?.title, first.validators?.etag); // prints: Storm "1"
 *   const second = yield* fetchSource(source, { fetch, since: first });
 *   console.log(second.status, second.document); // prints: 304 undefined
 * });
 * ```
 */
export function* fetchSource(source: Source, options: FetchSourceOptions = {}): Coroutine<Fetched> {
  checkAsking(options);
  return yield* asking(options, function* (how) {
    const frontier = new Frontier([source], 1);
    frontier.take();
    const all = {
      ...how,
      frontier,
      progress: new Progress(1),
      terms: new TermCounter([]),
      top: undefined,
      recorded: false,
    };
    return yield* new Visit(source, all, options.since).fetch();
  });
}
