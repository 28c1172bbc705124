// One request and its answer, over whatever asks. What waits here can be cancelled at any moment: then the connection is
// closed, or goes back clean, and nothing of it outlives the source it served.

import { type Coroutine, Flow, now, type Operation, until } from "rondo";
import { networkError } from "./network-error.ts";

/** An answer, as far as it is looked at. One of `@rondo/http`'s client is one. */
export interface Answer {
  readonly status: number;
  /** What stands behind the status; may be empty. */
  readonly reason: string;
  readonly headers: { get(name: string): string | null | undefined };
  /** Without its content codings. */
  readonly body: Flow<Uint8Array>;
  /** When its connection was there, in ms of `now()`, and whether it had been used before, if whoever asks knows. */
  readonly timing?: { readonly connected: number; readonly reused: boolean };
  /** Nobody wants what is left of the body. */
  close(): void;
}

/** What is said with a request. */
export interface AskOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Whether somebody will ask the same host again soon. */
  readonly keepAlive: boolean;
  /** Redirects are followed by whoever asks. */
  readonly redirect: "manual";
}

/** What makes requests. Another one (a test's, a cache's) may stand in the place of the client. */
export type Fetch = (url: string, options: AskOptions) => Operation<Answer>;

/**
 * A `Fetch` of a function like the platform's `fetch`, for what only exists in that shape.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fromWebFetch } from "@rondo/crawl";
 *
 * const fetch = fromWebFetch(async (url) => new Response(`this is ${url}`));
 * await run(function* () {
 *   const answer = yield* fetch("https://a.example/", { headers: {}, keepAlive: false, redirect: "manual" });
 *   console.log(answer.status); // prints: 200
 *   answer.close();
 * });
 * ```
 */
export function fromWebFetch(
  fetch: (
    url: string,
    init: { signal: AbortSignal; redirect: "manual"; headers: Readonly<Record<string, string>> },
  ) => Promise<Response>,
): Fetch {
  return function* (url, { headers }) {
    const response = yield* until((signal: AbortSignal) => fetch(url, { signal, redirect: "manual", headers }), {
      onLate: (late) => quietly(late.body?.cancel()),
    });
    const source = new WebBody(response.body);
    return {
      status: response.status,
      reason: response.statusText,
      headers: response.headers,
      body: Flow.from<Uint8Array>(source),
      close: () => source.close(),
    };
  };
}

class WebBody {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private open: boolean;

  constructor(body: ReadableStream<Uint8Array> | null) {
    this.reader = body?.getReader();
    this.open = body !== null;
  }

  *receive(): Coroutine<Uint8Array | undefined> {
    if (!this.open || this.reader === undefined) return undefined;
    const { value } = yield* until(this.reader.read());
    if (value === undefined) this.open = false;
    return value;
  }

  tryReceive(): undefined {
    return undefined;
  }

  close(): void {
    if (this.open) quietly(this.reader?.cancel());
    this.open = false;
  }
}

/** Closing can fail only where there is nothing left to close. */
function quietly(closing: Promise<unknown> | undefined): void {
  closing?.catch(() => undefined);
}

/** Whom the waiting and the bytes are counted for. */
export interface Meter {
  /** Time spent waiting, in ms. */
  waited: number;
  /** Bytes of body. */
  bytes: number;
}

/** A body, or the beginning of one. */
export interface Body {
  readonly bytes: Uint8Array;
  /** It was longer than the limit; the rest was neither kept nor read. */
  readonly cut: boolean;
}

/**
 * Sends a request and waits for the headers of the answer. A switch point.
 *
 * @throws {SourceError} for what goes wrong below HTTP.
 */
export function* ask(fetch: Fetch, url: string, options: AskOptions, meter: Meter): Coroutine<Answer> {
  const begun = now();
  try {
    return yield* fetch(url, options);
  } catch (error) {
    throw networkError(error, new URL(url).host);
  } finally {
    meter.waited += now() - begun;
  }
}

/**
 * Reads a body chunk by chunk, at most `limit` bytes of it. A switch point.
 *
 * @param url whose body it is.
 * @throws {SourceError} where the body breaks off.
 */
export function* readBody(answer: Answer, url: string, limit: number, meter: Meter): Coroutine<Body> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let open = true;
  try {
    // Throws where the body is compressed in a way that nobody here knows.
    const { body } = answer;
    for (;;) {
      const begun = now();
      let chunk: Uint8Array | undefined;
      try {
        chunk = yield* body.next();
      } finally {
        meter.waited += now() - begun;
      }
      if (chunk === undefined) {
        open = false;
        return { bytes: join(chunks, size), cut: false };
      }
      meter.bytes += chunk.length;
      if (size + chunk.length > limit) {
        chunks.push(chunk.subarray(0, limit - size));
        return { bytes: join(chunks, limit), cut: true };
      }
      chunks.push(chunk);
      size += chunk.length;
    }
  } catch (error) {
    throw networkError(error, new URL(url).host);
  } finally {
    // Left before its end: cancelled, or as long as we read. The connection is closed, not drained.
    if (open) answer.close();
  }
}

/** One piece of memory, which decoding wants; a body that came in one already is. */
function join(chunks: Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined && only.length === size ? only : Buffer.concat(chunks, size);
}
