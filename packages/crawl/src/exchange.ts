// One request and its answer, over whatever `fetch` is given. What waits here is cancelled by aborting: before the
// headers the request, after them the body's reader, so that a socket never outlives the source it served.

import { type Coroutine, now, until } from "rondo";
import { networkError } from "./failure.ts";

/** The part of `fetch` that is used. Another one (a test's, a cache's) may stand in its place. */
export type Fetch = (
  url: string,
  init: { signal: AbortSignal; redirect: "manual"; headers: Readonly<Record<string, string>> },
) => Promise<Response>;

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
export function* ask(
  fetch: Fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  meter: Meter,
): Coroutine<Response> {
  const begun = now();
  try {
    return yield* until((signal: AbortSignal) => fetch(url, { signal, redirect: "manual", headers }), {
      onLate: discard,
    });
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
export function* readBody(response: Response, url: string, limit: number, meter: Meter): Coroutine<Body> {
  if (response.body === null) return { bytes: new Uint8Array(), cut: false };
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let open = true;
  try {
    for (;;) {
      const begun = now();
      let chunk: Uint8Array | undefined;
      try {
        chunk = (yield* until(reader.read())).value;
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
    open = false;
    throw networkError(error, new URL(url).host);
  } finally {
    // Left before its end: cancelled, or as long as we read. The connection is closed, not drained.
    if (open) quietly(reader.cancel());
  }
}

/** Lets go of an answer whose body nobody reads. */
export function discard(response: Response): void {
  if (response.body !== null) quietly(response.body.cancel());
}

/** Closing can fail only where there is nothing left to close. */
function quietly(closing: Promise<unknown>): void {
  closing.catch(() => undefined);
}

/** One piece of memory, which decoding wants; a body that came in one already is. */
function join(chunks: Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined && only.length === size ? only : Buffer.concat(chunks, size);
}
