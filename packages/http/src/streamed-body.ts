/**
 * A body that comes bit by bit, on its way out: in chunks, with a known length, or up to the end of the connection.
 *
 * The next bit is asked for when the client has room for it, and never before: nothing piles up here, however slow the
 * client is. Whatever ends the sending, the source of the body is closed, so that its cleanup runs.
 */
import { type Coroutine, Flow, type Operation } from "rondo";
import { ByteStream } from "rondo/net";
import type { HeadersSource } from "./headers.ts";
import type { WebBody } from "./web-body.ts";
import { CHUNK_END, chunkOf, lastChunk, latin1Bytes } from "./writer.ts";

const encoder = new TextEncoder();

/** Where the pieces come from. */
export type Streamed = Flow<Uint8Array | string> | ByteStream | WebBody;

/** What the pieces are given to. */
export interface Outgoing {
  writePiece(data: Uint8Array | readonly Uint8Array[]): Operation<void>;
  writeAll(bytes: Uint8Array): Operation<void>;
  /** A piece has been taken, and it is the body that is waited for. */
  rest(): void;
}

const LARGE = 64 * 1024;

export class StreamedBody {
  declare private readonly out: Outgoing;
  declare private readonly body: Streamed;
  declare private readonly length: number | undefined;
  declare private readonly chunked: boolean;
  declare private readonly trailers: (() => HeadersSource) | undefined;
  declare private sent: number;
  /** The source has come to its end, or was closed. */
  declare private over: boolean;

  constructor(
    out: Outgoing,
    body: Streamed,
    length: number | undefined,
    chunked: boolean,
    trailers: (() => HeadersSource) | undefined,
  ) {
    this.out = out;
    this.body = body;
    this.length = length;
    this.chunked = chunked;
    this.trailers = trailers;
    this.sent = 0;
    this.over = false;
  }

  *send(): Coroutine<void> {
    const { body } = this;
    if (body instanceof Flow) {
      this.out.rest();
      yield* body.forEach((item) => this.piece(typeof item === "string" ? encoder.encode(item) : item));
    } else {
      for (;;) {
        this.out.rest();
        const piece = yield* body instanceof ByteStream ? body.read() : body.next();
        if (piece === undefined) break;
        const writing = this.piece(piece);
        if (writing !== undefined) yield* writing;
      }
    }
    this.over = true;
    if (this.length !== undefined && this.sent !== this.length)
      throw new Error(`a body of ${this.length} bytes was announced, and ${this.sent} were given`);
    if (this.chunked) yield* this.out.writePiece(lastChunk(this.trailers?.()));
  }

  /** Nobody wants the rest. Does nothing where it has ended. */
  drop(): void {
    if (this.over) return;
    this.over = true;
    const { body } = this;
    if (body instanceof Flow) body[Symbol.dispose]();
    else if (body instanceof ByteStream) body.abort();
    else body.drop();
  }

  private piece(bytes: Uint8Array): Operation<void> | void {
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`the body of an answer gave ${String(bytes)} and not bytes or text`);
    const size = bytes.length;
    if (size === 0) return undefined; // an empty chunk would be the last one
    this.sent += size;
    if (this.length !== undefined && this.sent > this.length)
      throw new Error(`a body of ${this.length} bytes was announced, and more than that were given`);
    return this.write(bytes, size);
  }

  private *write(bytes: Uint8Array, size: number): Coroutine<void> {
    const { out, chunked } = this;
    if (size <= LARGE) {
      yield* out.writePiece(chunked ? chunkOf(bytes) : bytes);
    } else {
      if (chunked) yield* out.writePiece(latin1Bytes(`${size.toString(16)}\r\n`));
      yield* out.writeAll(bytes);
      if (chunked) yield* out.writePiece(CHUNK_END);
    }
    out.rest();
  }
}
