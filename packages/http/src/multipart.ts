/**
 * Bodies of several parts: `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read as they come.
 *
 * The one idea: a part's bytes are given out up to where the boundary could begin, and no further. So nothing is kept but
 * the last few bytes of a piece, a file of any size goes through without being put together, and each byte is looked at a
 * bounded number of times, whatever an enemy sends.
 */
import { type Coroutine, Flow } from "rondo";

import { HttpError, ProtocolError } from "./errors.ts";
import { HttpHeaders } from "./headers.ts";
import { parameterOf } from "./media-type.ts";
import { Pieces } from "./pieces.ts";
import { CLASS, COLON, CR, LF, TOKEN, VALUE } from "./tokens.ts";

/** What a body of parts may have. */
export interface MultipartLimits {
  /** Parts, at most; 1,000 where nothing is said. */
  readonly parts?: number | undefined;
  /** The fields of one part, in bytes; 16 KiB where nothing is said. */
  readonly head?: number | undefined;
}

/** One part. Its body is read before the next part is asked for; what is left of it then is read over. */
export interface Part {
  readonly headers: HttpHeaders;
  /** The name of the field. */
  readonly name: string;
  /** What the client calls the file; undefined where it is none. Never to be used as a path. */
  readonly filename: string | undefined;
  readonly type: string | undefined;
  readonly body: Flow<Uint8Array>;
  /** The whole of it. Throws an `HttpError` 413 where it has more than `max` bytes, 1 MiB where nothing is said. */
  bytes(options?: { readonly max?: number | undefined }): Coroutine<Uint8Array>;
  /** The whole of it as text in UTF-8. Throws as `bytes`. */
  text(options?: { readonly max?: number | undefined }): Coroutine<string>;
}

const PARTS = 1000;
const HEAD = 16 * 1024;
const TEXT = 1024 * 1024;
const DASH = 45;

/**
 * The parts of a body, one after the other. `type` is the `Content-Type` of the message. Throws an `HttpError` 415 where
 * that is no multipart with a boundary, a `ProtocolError` for a body that is none, 413 for one with too many parts.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { multipart } from "@rondo/http";
 *
 * const text = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n--x--\r\n';
 * const body = Flow.from([new TextEncoder().encode(text)]);
 * await run(function* () {
 *   const parts = multipart(body, "multipart/form-data; boundary=x");
 *   const part = yield* parts.next();
 *   if (part !== undefined) console.log(part.name, yield* part.text()); // prints: a hello
 *   console.log(yield* parts.next()); // prints: undefined
 * });
 * ```
 */
export function multipart(body: Flow<Uint8Array>, type: string | undefined, limits: MultipartLimits = {}): Flow<Part> {
  const boundary = /^multipart\//i.test(type?.trim() ?? "") ? parameterOf(type, "boundary") : undefined;
  if (boundary === undefined || !/^[\w'()+,\-./:=? ]{1,70}$/.test(boundary) || boundary.endsWith(" "))
    throw new HttpError(
      415,
      `a body of several parts was expected, with their boundary, and this is ${type ?? "of no type"}`,
    );
  const reader = new MultipartReader(body, boundary, limits);
  return Flow.from<Part>(reader, { name: "parts" });
}

/** Before the first boundary; behind a boundary line, where a head begins; in a part's body; behind the last boundary. */
const PREAMBLE = 0;
const IN_HEAD = 1;
const IN_BODY = 2;
const DONE = 3;

class MultipartReader {
  private readonly source: Flow<Uint8Array>;
  /** `\r\n--boundary`: in front of each part, the first one aside, and of the end. */
  private readonly mark: Uint8Array;
  private readonly search: Finder;
  private readonly maxParts: number;
  private readonly maxHead: number;
  private buffer: Uint8Array;
  private state: number;
  private parts: number;

  constructor(source: Flow<Uint8Array>, boundary: string, limits: MultipartLimits) {
    this.source = source;
    this.mark = new TextEncoder().encode(`\r\n--${boundary}`);
    this.search = finder(this.mark);
    this.maxParts = limits.parts ?? PARTS;
    this.maxHead = limits.head ?? HEAD;
    // As if a line had ended before the first byte: then the first boundary looks like all others.
    this.buffer = Uint8Array.of(CR, LF);
    this.state = PREAMBLE;
    this.parts = 0;
  }

  tryReceive(): undefined {
    return undefined;
  }

  close(): void {
    this.source.close();
  }

  /** The next part. */
  *receive(): Coroutine<Part | undefined> {
    // What nobody wanted of the part before, or what stands in front of the first one.
    while (this.state === PREAMBLE || this.state === IN_BODY) yield* this.piece();
    if (this.state === DONE) {
      // Behind the last boundary may stand anything; nobody means it (RFC 2046 section 5.1.1).
      while ((yield* this.source.next()) !== undefined);
      return undefined;
    }
    if (++this.parts > this.maxParts)
      throw new HttpError(413, `the body has more than ${this.maxParts} parts`, { rfc: "RFC 7578 section 4" });
    const headers = yield* this.head();
    this.state = IN_BODY;
    return new BodyPart(headers, this.parts, (part) => this.read(part));
  }

  private *read(part: number): Coroutine<Uint8Array | undefined> {
    while (this.state === IN_BODY && this.parts === part) {
      const piece = yield* this.piece();
      if (piece !== undefined) return piece;
    }
    return undefined;
  }

  /** More of what lies before the next boundary; undefined where that has been reached, or nothing is sure yet. */
  private *piece(): Coroutine<Uint8Array | undefined> {
    const { buffer, mark } = this;
    const at = this.search(buffer);
    if (at >= 0 && buffer.length >= at + mark.length + 2) {
      const before = buffer.subarray(0, at);
      yield* this.passBoundary(at + mark.length);
      return this.parts > 0 && before.length > 0 ? before : undefined;
    }
    if (at < 0 && buffer.length >= mark.length) {
      // All but what could be the beginning of a boundary.
      const sure = buffer.length - mark.length + 1;
      const before = buffer.subarray(0, sure);
      this.buffer = buffer.subarray(sure);
      return before;
    }
    yield* this.more("before its last boundary");
    return undefined;
  }

  /** Behind a boundary: two dashes end the body, a line break begins a part; spaces may stand before it. */
  private *passBoundary(at: number): Coroutine<void> {
    if (this.buffer[at] === DASH && this.buffer[at + 1] === DASH) {
      this.buffer = this.buffer.subarray(at + 2);
      this.state = DONE;
      return;
    }
    let from = at;
    for (;;) {
      while (this.buffer[from] === 32 || this.buffer[from] === 9) from++;
      if (from + 1 < this.buffer.length) break;
      if (from - at > this.maxHead) throw malformed("its boundary is followed by too many spaces");
      yield* this.more("in a boundary");
    }
    if (this.buffer[from] !== CR || this.buffer[from + 1] !== LF)
      throw malformed("its boundary stands in a line with something else");
    this.buffer = this.buffer.subarray(from + 2);
    this.state = IN_HEAD;
  }

  /** The fields of a part, up to and with the empty line. */
  private *head(): Coroutine<HttpHeaders> {
    let from = 0;
    for (;;) {
      const end = endOfHead(this.buffer, from);
      if (end >= 0) {
        const lines = this.buffer.slice(0, end);
        this.buffer = this.buffer.subarray(end + 2);
        checkLines(lines);
        return new HttpHeaders(lines, 0, lines.length);
      }
      from = Math.max(0, this.buffer.length - 3);
      if (this.buffer.length > this.maxHead)
        throw new HttpError(413, `the fields of a part are longer than ${this.maxHead} bytes`);
      yield* this.more("in the fields of a part");
    }
  }

  private *more(where: string): Coroutine<void> {
    const piece = yield* this.source.next();
    if (piece === undefined) throw malformed(`it ends ${where}`);
    if (this.buffer.length === 0) {
      this.buffer = piece;
      return;
    }
    const joined = new Uint8Array(this.buffer.length + piece.length);
    joined.set(this.buffer);
    joined.set(piece, this.buffer.length);
    this.buffer = joined;
  }
}

class BodyPart implements Part {
  readonly headers: HttpHeaders;
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string | undefined;
  readonly body: Flow<Uint8Array>;

  constructor(headers: HttpHeaders, index: number, read: (part: number) => Coroutine<Uint8Array | undefined>) {
    this.headers = headers;
    const disposition = utf8(headers.get("content-disposition"));
    this.name = quoted(disposition, "name") ?? "";
    this.filename = quoted(disposition, "filename");
    this.type = headers.get("content-type");
    this.body = Flow.from<Uint8Array>(
      { receive: () => read(index), tryReceive: () => undefined, close() {} },
      { name: `part ${JSON.stringify(this.name)}` },
    );
  }

  *bytes(options: { readonly max?: number | undefined } = {}): Coroutine<Uint8Array> {
    const { max = TEXT } = options;
    const pieces = new Pieces();
    for (;;) {
      const piece = yield* this.body.next();
      if (piece === undefined) return pieces.join();
      pieces.push(piece);
      if (pieces.size > max)
        throw new HttpError(413, `the part ${JSON.stringify(this.name)} is longer than ${max} bytes`);
    }
  }

  *text(options?: { readonly max?: number | undefined }): Coroutine<string> {
    return new TextDecoder().decode(yield* this.bytes(options));
  }
}

function malformed(what: string): ProtocolError {
  return new ProtocolError(400, `the body is no multipart: ${what}`, { rfc: "RFC 2046 section 5.1.1" });
}

/** Where the empty line begins that ends a head; 0 where there are no fields; -1 where it has not come. */
function endOfHead(bytes: Uint8Array, from: number): number {
  if (bytes[0] === CR && bytes[1] === LF) return 0;
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (at + 3 >= bytes.length) return -1;
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at + 2;
  }
  return -1;
}

/** As strict as with the head of a message: names are tokens, values have no control characters, lines end in CR LF. */
function checkLines(bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    const from = at;
    while (((CLASS[bytes[at] as number] as number) & TOKEN) !== 0) at++;
    if (at === from || bytes[at] !== COLON) throw malformed("a field of a part has no name");
    while (at < bytes.length && ((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw malformed("a field of a part holds a control character");
    at += 2;
  }
}

/** Browsers send names in UTF-8, byte for byte (WHATWG: multipart/form-data encoding). */
function utf8(value: string | undefined): string {
  if (value === undefined) return "";
  return new TextDecoder().decode(Uint8Array.from(value, (letter) => letter.charCodeAt(0)));
}

/** A parameter of a `Content-Disposition`; what browsers write for quotes and line breaks is read back. */
function quoted(disposition: string, name: string): string | undefined {
  // One step a character: neither part of the pattern can match what the other does.
  for (const [, key, inQuotes, plain] of disposition.matchAll(/;[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^";]*))/g)) {
    if (key?.toLowerCase() !== name) continue;
    const value = inQuotes === undefined ? (plain as string).trim() : inQuotes.replace(/\\(["\\])/g, "$1");
    return value.replace(/%22/g, '"').replace(/%0D/gi, "\r").replace(/%0A/gi, "\n");
  }
  return undefined;
}

type Finder = (bytes: Uint8Array) => number;

/**
 * Finds the mark: where it begins, or -1. Natively where the host can; else by Horspool's way (1980), which is linear for a
 * mark that begins with a CR, since no other CR is in it.
 */
function finder(mark: Uint8Array): Finder {
  const native = (globalThis as { Buffer?: { prototype: { indexOf(this: Uint8Array, mark: Uint8Array): number } } })
    .Buffer;
  if (native !== undefined) {
    const { indexOf } = native.prototype;
    return (bytes) => indexOf.call(bytes, mark);
  }
  return (bytes) => {
    for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) {
      let length = 1;
      while (length < mark.length && bytes[at + length] === mark[length]) length++;
      if (length === mark.length) return at;
    }
    return -1;
  };
}
