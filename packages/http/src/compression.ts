/**
 * Answers compressed as the client likes it: what stands between a handler and the connection.
 */
import { type Coroutine, Flow, type Operation, until } from "rondo";

import { codings, type ContentCoding, encode, encoded } from "./coding.ts";
import { preferred } from "./negotiation.ts";
import type { HttpRequest } from "./request.ts";
import { HttpResponse } from "./response.ts";

/** What is compressed, and how. */
export interface CompressionOptions {
  /** Bodies with fewer bytes are sent as they are: 1 KiB where nothing is said. */
  readonly min?: number | undefined;
  /** The codings that are offered, best first; all that the host has where nothing is said. */
  readonly codings?: readonly ContentCoding[] | undefined;
  /** Whether a body of this media type is worth it; text, JSON, XML, scripts, SVG and the like where nothing is said. */
  readonly compressible?: ((type: string) => boolean) | undefined;
}

const MIN = 1024;
const WORTH_IT =
  /^(?:text\/|application\/(?:json|javascript|xml|wasm|rtf|manifest\+json|[\w.-]+\+(?:json|xml|text))|image\/(?:svg\+xml|bmp|x-icon)|font\/(?:ttf|otf))/;

/** Up to this many bytes a body is compressed at once, and goes out with its length. */
const AT_ONCE = 64 * 1024;

/**
 * A handler whose answers are compressed where the client takes that and it is worth it. Answers that are parts of something
 * (206), have a coding, or say `no-transform`, go out as they are; all that could have been compressed say so in `Vary`, and
 * a strong `ETag` becomes a weak one, since the bytes are others now (RFC 9110 section 8.8.1).
 *
 * Do not compress what mixes a secret with what a stranger may choose: the length of the answer would tell of the secret
 * (the BREACH attack of 2013).
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { compressed, serveStream, text } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 *
 * const handler = compressed(() => text("hello ".repeat(1000)));
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   yield* client.write("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
 *   yield* serveStream(server, handler);
 *   const lines = yield* client.lines({ encoding: "latin1" }).take(8).toArray();
 *   console.log(lines.filter((line) => /^content-encoding/i.test(line))); // prints: [ 'Content-Encoding: gzip' ]
 * });
 * ```
 */
export function compressed(
  handler: (request: HttpRequest) => Operation<HttpResponse> | HttpResponse,
  options: CompressionOptions = {},
): (request: HttpRequest) => Coroutine<HttpResponse> {
  const { min = MIN, compressible = (type) => WORTH_IT.test(type) } = options;
  return function* compressing(request: HttpRequest): Coroutine<HttpResponse> {
    const made = handler(request);
    const response = made instanceof HttpResponse ? made : yield* made;
    return compress(request, response, options.codings ?? codings(), min, compressible);
  };
}

function compress(
  request: HttpRequest,
  response: HttpResponse,
  offers: readonly ContentCoding[],
  min: number,
  compressible: (type: string) => boolean,
): HttpResponse {
  const { body, status } = response;
  if (response.upgrades || status === 206 || status === 204 || status === 304) return response;
  const { headers } = response;
  if (!compressible(headers.get("content-type") ?? "") || headers.has("content-encoding")) return response;
  if (/\bno-transform\b/i.test(headers.get("cache-control") ?? "")) return response;
  const known = sizeOf(response);
  if (known !== undefined && known < min) return response;
  const changed: Record<string, string> = { Vary: varied(headers.get("vary")) };
  const accept = request.headers.get("accept-encoding");
  // Whoever does not say may not know of any coding.
  const coding = accept === undefined ? "identity" : preferred(accept, [...offers, "identity"]);
  if (coding === undefined || coding === "identity" || body === null) return response.with({ headers: changed });
  changed["Content-Encoding"] = coding;
  const etag = headers.get("etag");
  if (etag !== undefined && !etag.startsWith("W/")) changed["ETag"] = `W/${etag}`;
  if (request.method === "HEAD") return response.with({ headers: changed, body: null });
  if ((typeof body === "string" || body instanceof Uint8Array) && (known as number) <= AT_ONCE)
    return response.with({ headers: changed, body: encode(bytesOf(body), coding) });
  return response.with({ headers: changed, body: encoded(flowOf(body), coding) });
}

function varied(value: string | undefined): string {
  if (value === undefined || value.trim() === "") return "Accept-Encoding";
  return /(?:^|,)\s*(?:accept-encoding|\*)\s*(?:,|$)/i.test(value) ? value : `${value}, Accept-Encoding`;
}

/** In bytes, as far as it is known; of text it is a little more than the letters. */
function sizeOf({ body, length }: HttpResponse): number | undefined {
  if (typeof body === "string" || body instanceof Uint8Array) return body.length;
  return length;
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

/** Pieces of a body that is all there, so that no step of the compressor is too long. */
const PIECE = 32 * 1024;

function flowOf(body: NonNullable<HttpResponse["body"]>): Flow<Uint8Array | string> {
  if (body instanceof Flow) return body;
  if (typeof body === "string" || body instanceof Uint8Array) {
    const bytes = bytesOf(body);
    const count = Math.ceil(bytes.length / PIECE);
    return Flow.from(Array.from({ length: count }, (_, i) => bytes.subarray(i * PIECE, (i + 1) * PIECE)));
  }
  return "getReader" in body ? flowOfWeb(body) : flowOfStream(body);
}

function flowOfStream(stream: { read(): Operation<Uint8Array | undefined>; abort(): void }): Flow<Uint8Array> {
  return Flow.from<Uint8Array>({
    *receive() {
      return yield* stream.read();
    },
    tryReceive: () => undefined,
    close: () => stream.abort(),
  });
}

function flowOfWeb(stream: ReadableStream<Uint8Array>): Flow<Uint8Array> {
  const reader = stream.getReader();
  return Flow.from<Uint8Array>({
    *receive() {
      return (yield* until(reader.read())).value;
    },
    tryReceive: () => undefined,
    close: () => void reader.cancel().catch(() => {}), // whoever made it has been told; what it says to that is nobody's
  });
}
