/**
 * What both parsers have in common: bytes in, events out, and no sockets anywhere.
 *
 * `push` gives it the bytes as they come; `next` says what is next in them, as a small number, and leaves what belongs to it
 * in `head`, `data` or `trailers`. Nothing runs by itself: who asks for nothing gets nothing read, so between two messages
 * the parser stands still at the exact byte where the first one ended. That is all there is to pipelining (ask for the next
 * message when the answer to this one is on its way), to upgrades (`rest()` takes back what has not been read, and it belongs
 * to the other protocol) and to back-pressure (push when it answers `NEED`).
 *
 *     parser.push(chunk);
 *     for (;;) {
 *       switch (parser.next()) {
 *         case NEED:     // read more and push it, or finish() where the stream has ended
 *         case HEAD:     // parser.head; then DATA any number of times, then END
 *         case DATA:     // parser.data: a view of what was pushed, not a copy (but for chunks of a few bytes)
 *         case END:      // parser.trailers; the next call reads the next message
 *         case CLOSED:   // the stream has ended between two messages
 *         case INTERIM:  // responses only: parser.head is a 1xx, and the real one follows
 *         case SWITCHED: // responses only: HTTP is over here; rest() are the first bytes of the other protocol
 *       }
 *     }
 *
 * What is wrong is thrown as a `ProtocolError`, at the first byte that is wrong, whole or in pieces; and from then on by
 * every call. What is pushed must not be changed any more.
 */
import { ChunkReader } from "./chunked.ts";
import { MessageTooLargeError, type ProtocolError, TruncatedError } from "./errors.ts";
import { FieldSection, REQUEST, type Side } from "./fields.ts";
import { HttpHeaders } from "./headers.ts";
import type { MessageLimits } from "./limits.ts";

/** More bytes are needed: `push` them, or `finish`. */
export const NEED = 0;
/** The head of a message is in `head`. */
export const HEAD = 1;
/** A piece of its body is in `data`. */
export const DATA = 2;
/** The message is over; `trailers` are there. */
export const END = 3;
/** The stream has ended, and not in the middle of a message. */
export const CLOSED = 4;
/** The head of an interim response (1xx) is in `head`; it has no body and no end, and the response follows. */
export const INTERIM = 5;
/** What follows belongs to another protocol: take it with `rest()`. */
export const SWITCHED = 6;

/**
 * What a parser's `next` says, as a small number. `NEED`: more bytes are needed, `push` them, or `finish`. `HEAD`: the head
 * of a message is in `head`. `DATA`: a piece of its body is in `data`. `END`: it is over, and its trailers are in `trailers`.
 * `CLOSED`: the stream has ended, and not in the middle of a message. Of responses alone, `INTERIM`: a 1xx is in `head`, which
 * has neither body nor end, and the response follows; `SWITCHED`: what follows belongs to another protocol, take it with `rest`.
 *
 * @example
 * ```ts
 * import { ParserEvent, RequestParser } from "@rondo/http";
 *
 * const parser = new RequestParser();
 * parser.push(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
 * const events = [];
 * for (let event = parser.next(); event !== ParserEvent.NEED; event = parser.next()) events.push(event);
 * console.log(events.join() === [ParserEvent.HEAD, ParserEvent.END].join()); // prints: true
 * ```
 */
export const ParserEvent: {
  readonly NEED: typeof NEED;
  readonly HEAD: typeof HEAD;
  readonly DATA: typeof DATA;
  readonly END: typeof END;
  readonly CLOSED: typeof CLOSED;
  readonly INTERIM: typeof INTERIM;
  readonly SWITCHED: typeof SWITCHED;
} = { NEED, HEAD, DATA, END, CLOSED, INTERIM, SWITCHED };

/** One of them. */
export type ParserEvent = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** No response is expected. */
export const IDLE = 0;
/** Before the first byte of a message. */
export const START = 1;
/** In the first line. */
export const LINE = 2;
export const FIELDS = 3;
/** In a body of known length. */
export const COUNTED = 4;
/** In a body that ends with the connection. */
export const UNTIL_CLOSE = 5;
/** Between chunks, in one, behind the last one. */
export const CHUNK = 6;
export const CHUNK_DATA = 7;
export const TRAILERS = 8;
/** The body is over, and nobody has been told. */
export const ENDING = 9;
export const ELSEWHERE = 10;
const FAILED = 11;

const NOTHING: Uint8Array = new Uint8Array(0);
/** Chunks smaller than this are gathered where more has come behind them, with so many bytes between two at least, */
const SMALL = 256;
const BETWEEN = 5;
/** into pieces of this size. */
const GATHERED = 4096;
/** The first room that is made for a head that comes in pieces. */
const ROOM = 1024;

/** What both parsers are. Use {@link RequestParser} or {@link ResponseParser}. */
export abstract class MessageParser {
  /** After `DATA`, until the next call of `next`: the piece. */
  declare data: Uint8Array;
  /** After `END`, until the next call of `next`: what came behind the chunks. */
  declare trailers: HttpHeaders;
  /** The most bytes the body of this message may have: that of the limits, until you change it after `HEAD`. */
  declare bodyLimit: number;

  declare protected readonly limits: MessageLimits;
  declare protected readonly fields: FieldSection;
  declare protected phase: number;
  /**
   * What has been pushed, from `at` on not read. From `base` on it is still needed: the head (or the trailers) begins there.
   * `own`: it is memory made here, with room behind `end`. What lies before `end` is never written again: views show it.
   */
  declare protected bytes: Uint8Array;
  declare protected base: number;
  declare protected at: number;
  declare protected end: number;
  declare private own: boolean;
  /** Bytes of the body, or of the chunk, that have not come. */
  declare protected remaining: number;
  declare protected finished: boolean;
  declare private failure: unknown;
  declare private chunks: ChunkReader | null;
  declare private pushed: number;
  declare private bodySize: number;

  constructor(side: Side, limits: MessageLimits) {
    this.data = NOTHING;
    this.trailers = HttpHeaders.none;
    this.bodyLimit = limits.body;
    this.limits = limits;
    this.fields = new FieldSection(side, limits.fields);
    this.phase = START;
    this.bytes = NOTHING;
    this.base = 0;
    this.at = 0;
    this.end = 0;
    this.own = false;
    this.remaining = 0;
    this.finished = false;
    this.failure = null;
    this.chunks = null;
    this.pushed = 0;
    this.bodySize = 0;
  }

  /** Bytes that have been pushed and not read. */
  get buffered(): number {
    return this.end - this.at;
  }

  /** How many bytes have been read, of all that were pushed: after `END`, up to where this message ends. */
  get consumed(): number {
    return this.pushed - (this.end - this.at);
  }

  /** Whether it stands between two messages, and not a byte of the next one has been read. */
  get between(): boolean {
    return this.phase <= START;
  }

  /** Gives it bytes. They must not be changed afterwards: what comes out are views of them. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    this.pushed += length;
    if (this.base === this.end) {
      this.bytes = chunk;
      this.base = 0;
      this.at = 0;
      this.end = length;
      this.own = false;
      return;
    }
    this.append(chunk, length);
  }

  /** The stream has ended: no more will be pushed. What that means, `next` says. */
  finish(): void {
    this.finished = true;
  }

  /** Takes back what has been pushed and not read. */
  rest(): Uint8Array {
    const rest = view(this.bytes, this.at, this.end);
    this.at = this.end;
    this.base = this.end;
    return rest;
  }

  /** What is next. See the head of this file. */
  next(): ParserEvent {
    try {
      return this.step();
    } catch (error) {
      this.phase = FAILED;
      this.failure = error;
      this.rest();
      throw error;
    }
  }

  /** @internal */
  protected abstract step(): ParserEvent;

  /** @internal Whether more must come although no byte of the next message has. */
  protected get owed(): boolean {
    return false;
  }

  /** @internal What a message is called in errors. */
  protected abstract readonly what: string;

  /** @internal The message is over: what follows. */
  protected abstract afterMessage(): void;

  /** @internal A head has been read up to `at`: its bytes are needed no more than what it keeps itself. */
  protected startBody(phase: number, length: number): void {
    this.base = this.at;
    this.bodySize = 0;
    this.phase = phase;
    if (phase === COUNTED) {
      this.remaining = length;
      if (length === 0) this.phase = ENDING;
    } else if (phase === CHUNK) {
      this.chunks ??= new ChunkReader(this.fields.side, this.limits.chunkExtension);
      this.chunks.begin();
    }
    if (this.trailers !== HttpHeaders.none) this.trailers = HttpHeaders.none;
  }

  /** @internal All phases behind the head. */
  protected stepBody(): ParserEvent {
    switch (this.phase) {
      case ENDING:
        this.afterMessage();
        return END;
      case COUNTED:
        if (this.bodySize === 0) {
          if (this.remaining > this.bodyLimit) throw this.bodyTooLarge();
          this.bodySize = 1;
        }
        if (this.at === this.end) return this.need();
        if (this.take() === 0) this.phase = ENDING;
        return DATA;
      case UNTIL_CLOSE:
        if (this.at === this.end) {
          if (!this.finished) return NEED;
          this.afterMessage();
          return END;
        }
        // What is within the limit is given first, so that it makes no difference how it came.
        if (this.bodySize >= this.bodyLimit) throw this.bodyTooLarge();
        this.remaining = Math.min(this.end - this.at, this.bodyLimit - this.bodySize);
        this.bodySize += this.remaining;
        this.take();
        return DATA;
      case FAILED:
        throw this.failure;
      case ELSEWHERE:
        return SWITCHED;
      default:
        return this.stepChunks();
    }
  }

  private stepChunks(): ParserEvent {
    const chunks = this.chunks as ChunkReader;
    if (this.phase === CHUNK && !this.nextChunk(chunks)) return this.need();
    if (this.phase === CHUNK_DATA) {
      const left = this.end - this.at;
      if (left === 0) return this.need();
      if (this.remaining < SMALL && left > this.remaining + BETWEEN) return this.gather(chunks);
      if (this.take() === 0) {
        chunks.afterData();
        this.phase = CHUNK;
      }
      return DATA;
    }
    const { fields, base } = this;
    if (!this.scanFields()) return this.need();
    // The empty line is no part of the lines.
    if (fields.count > 0) this.trailers = new HttpHeaders(this.bytes, base, this.at - 2);
    this.base = this.at;
    this.afterMessage();
    return END;
  }

  /** Reads on to the data of the next chunk, or to the trailers. Whether it has come to one of them. */
  private nextChunk(chunks: ChunkReader): boolean {
    this.at = this.base = chunks.scan(this.bytes, this.at, this.end);
    if (!chunks.ready) return false;
    if (chunks.size > 0) {
      this.count(chunks.size);
      this.remaining = chunks.size;
      this.phase = CHUNK_DATA;
    } else {
      this.fields.begin(0, true);
      this.phase = TRAILERS;
    }
    return true;
  }

  /**
   * Small chunks that have come together are given as one piece, a copy. A view of a single byte costs a hundred times what
   * it shows: who sends a megabyte in such chunks would fill the memory of whoever collects them.
   */
  private gather(chunks: ChunkReader): ParserEvent {
    const room = new Uint8Array(Math.min(this.end - this.at, GATHERED));
    let size = 0;
    try {
      while (this.phase === CHUNK_DATA && this.at < this.end && size + this.remaining <= room.length) {
        this.take();
        room.set(this.data, size);
        size += this.data.length;
        if (this.remaining > 0) break;
        chunks.afterData();
        this.phase = CHUNK;
        if (!this.nextChunk(chunks) || this.remaining >= SMALL) break;
      }
    } catch (error) {
      // What came before it is good: it is thrown by the next call.
      this.failure = error;
      this.phase = FAILED;
    }
    this.data = size * 2 < room.length ? room.slice(0, size) : view(room, 0, size);
    return DATA;
  }

  /** @internal Reads field lines on; whether the empty line has come. */
  protected scanFields(): boolean {
    const { fields, base, end } = this;
    const limit = base + this.limits.head;
    const stop = end < limit ? end : limit;
    this.at = fields.scan(this.bytes, base, this.at, stop);
    if (fields.done) return true;
    if (this.at === limit) throw this.tooLarge();
    return false;
  }

  /** @internal Nothing more can be read of what is there. */
  protected need(): ParserEvent {
    if (this.phase <= START && this.at === this.end) this.release();
    if (!this.finished) return NEED;
    if (this.phase <= START && !this.owed) return CLOSED;
    const rfc = "RFC 9112 section 8";
    throw new TruncatedError(
      this.fields.side === REQUEST ? 400 : 502,
      `the connection ended in the middle of a ${this.what}, ${this.where()} (${rfc})`,
      { rfc },
    );
  }

  /** @internal Lets go of what came with the last message: a connection that waits keeps nothing. */
  protected release(): void {
    this.bytes = NOTHING;
    this.base = this.at = this.end = 0;
    this.data = NOTHING;
    this.trailers = HttpHeaders.none;
  }

  /** @internal */
  protected tooLarge(): MessageTooLargeError {
    const { head } = this.limits;
    const what = this.phase === TRAILERS ? "the trailers are" : `the head of the ${this.what} is`;
    return new MessageTooLargeError(
      this.fields.side === REQUEST ? 431 : 502,
      `${what} longer than ${head} bytes`,
      head,
      { rfc: "RFC 6585 section 5" },
    );
  }

  private where(): string {
    if (this.phase <= FIELDS) return "in its head";
    if (this.phase === COUNTED) return `${this.remaining} bytes before the end of its body`;
    return "before its last chunk";
  }

  /** A view of what is there of `remaining`; gives how much of it is left. */
  private take(): number {
    const { at } = this;
    const left = this.end - at;
    const size = left < this.remaining ? left : this.remaining;
    this.data = view(this.bytes, at, at + size);
    this.at = this.base = at + size;
    this.remaining -= size;
    return this.remaining;
  }

  private count(size: number): void {
    this.bodySize += size;
    if (this.bodySize > this.bodyLimit) throw this.bodyTooLarge();
  }

  private bodyTooLarge(): ProtocolError {
    return new MessageTooLargeError(
      this.fields.side === REQUEST ? 413 : 502,
      `the body of the ${this.what} is longer than ${this.bodyLimit} bytes`,
      this.bodyLimit,
      { rfc: "RFC 9110 section 15.5.14" },
    );
  }

  /** Behind what is still needed. Room is made for twice as much as there is, so all moving together is linear. */
  private append(chunk: Uint8Array, length: number): void {
    const { base, end } = this;
    if (this.own && end + length <= this.bytes.length) {
      this.bytes.set(chunk, end);
      this.end = end + length;
      return;
    }
    const kept = end - base;
    const room = new Uint8Array(Math.max(ROOM, 2 * (kept + length)));
    room.set(view(this.bytes, base, end), 0);
    room.set(chunk, kept);
    this.bytes = room;
    this.at -= base;
    this.base = 0;
    this.end = kept + length;
    this.own = true;
  }
}

/** Part of it, as a plain `Uint8Array` (a `Buffer`'s own `subarray` is slower); itself where that is all. @internal */
export function view(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (from === 0 && to === bytes.length) return bytes;
  if (from === to) return NOTHING;
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}
