/**
 * Content codings (RFC 9110 section 8.4): bodies that travel compressed.
 *
 * Work is done in steps that never wait: a step takes what it was fed and gives at most 64 KiB. So whoever decodes can stop
 * at a limit and not after it (a kilobyte can become a gigabyte), whoever encodes gives the loop a turn between steps, and
 * a simulated program does the same thing each time. A host may bring its own service `coding`; Node's is in node-coding.ts.
 */
import { checkpoint, type Coroutine, Flow } from "rondo";

import { ContentCodingError, HttpError, MessageTooLargeError, TruncatedError } from "./errors.ts";
import { nodeCoding } from "./node-coding.ts";
import { joined } from "./pieces.ts";

/** The codings that are known here; which of them can be used is up to the host. */
export type ContentCoding = "gzip" | "br" | "zstd" | "deflate";

/** There is more to come; what was fed is to come out; there is no more. */
export const MORE = 0;
export const FLUSH = 1;
export const FINISH = 2;

/** One direction of one body. */
export interface Coder {
  /** Gives it bytes to work on. Only when `take` has answered undefined. */
  feed(bytes: Uint8Array, what: typeof MORE | typeof FLUSH | typeof FINISH): void;
  /**
   * A part of what comes out, at most 64 KiB, good until the next call of anything; undefined when all that was fed is used
   * up. Throws where the bytes are not what they are said to be, or end too soon.
   */
  take(): Uint8Array | undefined;
  /** Gives it back: to be used for another body, or its memory to the system. */
  close(): void;
}

/** What makes coders. */
export interface CodingService {
  /** Best first. */
  readonly codings: readonly ContentCoding[];
  encoder(coding: ContentCoding): Coder;
  decoder(coding: ContentCoding): Coder;
}

/**
 * The codings that this host has, best first; none where it has no compression.
 *
 * @example
 * ```ts
 * import { codings } from "@rondo/http";
 *
 * console.log(codings().includes("gzip")); // prints: true
 * ```
 */
export function codings(): readonly ContentCoding[] {
  return nodeCoding()?.codings ?? [];
}

function service(coding: string): CodingService {
  const found = nodeCoding();
  if (found === null || !found.codings.includes(coding as ContentCoding))
    throw new HttpError(415, `the content coding ${JSON.stringify(coding)} is not known here`);
  return found;
}

const EMPTY: Uint8Array = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * All of these bytes, encoded. For small bodies: it is done at once.
 *
 * @example
 * ```ts
 * import { encode } from "@rondo/http";
 * import { gunzipSync } from "node:zlib";
 *
 * console.log(gunzipSync(encode(new TextEncoder().encode("hello"), "gzip")).toString()); // prints: hello
 * ```
 */
export function encode(bytes: Uint8Array, coding: ContentCoding): Uint8Array {
  const coder = service(coding).encoder(coding);
  try {
    const pieces: Uint8Array[] = [];
    coder.feed(bytes, FINISH);
    for (let piece = coder.take(); piece !== undefined; piece = coder.take()) pieces.push(piece.slice());
    return joined(pieces);
  } finally {
    coder.close();
  }
}

/**
 * A body, encoded as it comes. Each piece comes out before the next one is asked for, so that nothing of an answer that goes
 * on for long (events, a log) is held back.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { decoded, encoded } from "@rondo/http";
 *
 * await run(function* () {
 *   const lines = decoded(encoded(Flow.from(["one\n", "two\n"]), "br"), "br");
 *   console.log(new TextDecoder().decode(yield* lines.next()).trim()); // prints: one
 *   lines.close();
 * });
 * ```
 */
export function encoded(body: Flow<Uint8Array | string>, coding: ContentCoding): Flow<Uint8Array> {
  const coder = service(coding).encoder(coding);
  return Flow.from<Uint8Array>(new Encoding(body, coder), { name: `${coding} of ${body.name}` });
}

class Encoding {
  private readonly body: Flow<Uint8Array | string>;
  private readonly coder: Coder;
  private state: "open" | "ending" | "over";

  constructor(body: Flow<Uint8Array | string>, coder: Coder) {
    this.body = body;
    this.coder = coder;
    this.state = "open";
  }

  *receive(): Coroutine<Uint8Array | undefined> {
    for (;;) {
      if (this.state === "over") return undefined;
      const piece = this.coder.take();
      if (piece !== undefined) {
        const copy = piece.slice();
        // A step may have been a millisecond's work.
        yield* checkpoint();
        return copy;
      }
      if (this.state === "ending") {
        this.state = "over";
        this.coder.close();
        return undefined;
      }
      const next = yield* this.body.next();
      if (next === undefined) {
        this.state = "ending";
        this.coder.feed(EMPTY, FINISH);
      } else this.coder.feed(typeof next === "string" ? encoder.encode(next) : next, FLUSH);
    }
  }

  tryReceive(): undefined {
    return undefined;
  }

  close(): void {
    if (this.state !== "over") this.coder.close();
    this.state = "over";
    this.body.close();
  }
}

/** How a body is decoded. */
export interface DecodeOptions {
  /**
   * The most bytes that may come out; 256 MiB where nothing is said. More is a `MessageTooLargeError`, found before they are made:
   * that is a bomb, or something to be asked for on purpose.
   */
  readonly max?: number | undefined;
}

const BOMB = 256 * 1024 * 1024;
/** So many codings on top of each other nobody uses in earnest. */
const LAYERS = 4;

/**
 * A body without its codings: `field` is the `Content-Encoding`. Throws an `HttpError` 415 for a coding that is not known.
 * The flow throws a `ContentCodingError` for what is not encoded as it says, a `MessageTooLargeError` for more than `max` bytes, and a `TruncatedError`
 * for what ends too soon.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { decoded, encode } from "@rondo/http";
 *
 * const packed = encode(new TextEncoder().encode("hello ".repeat(1000)), "gzip");
 * console.log(packed.length < 100); // prints: true
 * await run(function* () {
 *   const pieces = yield* decoded(Flow.from([packed]), "gzip").toArray();
 *   console.log(pieces.reduce((sum, piece) => sum + piece.length, 0)); // prints: 6000
 * });
 * ```
 */
export function decoded(
  body: Flow<Uint8Array>,
  field: string | undefined,
  options: DecodeOptions = {},
): Flow<Uint8Array> {
  const { max = BOMB } = options;
  const names = (field ?? "")
    .split(",", LAYERS + 1)
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > LAYERS) throw new HttpError(415, `the body has more than ${LAYERS} content codings`);
  let flow = body;
  // They are listed in the order in which they were applied.
  for (const name of names.toReversed()) {
    const coding = name.replace(/^x-/, "");
    const coder = service(coding).decoder(coding as ContentCoding);
    flow = Flow.from<Uint8Array>(new Decoding(flow, coder, coding, max), { name: `${body.name} without ${coding}` });
  }
  return flow;
}

class Decoding {
  private readonly body: Flow<Uint8Array>;
  private readonly coder: Coder;
  private readonly coding: string;
  private readonly max: number;
  private size: number;
  private fed: boolean;
  private state: "open" | "ending" | "over";

  constructor(body: Flow<Uint8Array>, coder: Coder, coding: string, max: number) {
    this.body = body;
    this.coder = coder;
    this.coding = coding;
    this.max = max;
    this.size = 0;
    this.fed = false;
    this.state = "open";
  }

  *receive(): Coroutine<Uint8Array | undefined> {
    for (;;) {
      if (this.state === "over") return undefined;
      const piece = this.step();
      if (piece !== undefined) {
        this.size += piece.length;
        if (this.size > this.max) {
          this.close();
          throw new MessageTooLargeError(
            502,
            `the body is more than ${this.max} bytes without its ${this.coding}: raise max if that is right`,
            this.max,
          );
        }
        const copy = piece.slice();
        if (piece.length >= 32 * 1024) yield* checkpoint();
        return copy;
      }
      if (this.state === "ending") {
        this.close();
        return undefined;
      }
      const next = yield* this.body.next();
      if (next === undefined) {
        this.state = "ending";
        // A body of nothing at all is none that has been encoded: answers without a body come so.
        if (this.fed) this.coder.feed(EMPTY, FINISH);
      } else if (next.length > 0) {
        this.fed = true;
        this.coder.feed(next, MORE);
      }
    }
  }
  private step(): Uint8Array | undefined {
    try {
      return this.coder.take();
    } catch (error) {
      const ending = this.state === "ending";
      this.close();
      const why = `${(error as Error).message}`;
      if (ending)
        throw new TruncatedError(502, `the body ends in the middle of its ${this.coding} (${why})`, { cause: error });
      throw new ContentCodingError(502, `the body is no ${this.coding}, as it says it is (${why})`, { cause: error });
    }
  }

  tryReceive(): undefined {
    return undefined;
  }

  close(): void {
    if (this.state !== "over") this.coder.close();
    this.state = "over";
    this.body.close();
  }
}
