/**
 * The client's end of one connection: requests out, responses in, one after the other.
 *
 * Whether it may carry another request is decided here and nowhere else: when the last response has been read to its last
 * byte, both sides want to go on, and nothing has come since that nobody asked for. Everything else ends it. So a
 * connection that goes back to a pool is clean, whatever became of whoever used it.
 */
import { BrokenError, type Coroutine, moveOnAfter } from "rondo";
import type { ByteStream } from "rondo/net";

import { TruncatedError } from "../errors.ts";
import type { HttpHeaders } from "../headers.ts";
import type { MessageLimits } from "../limits.ts";
import { CLOSED, DATA, END, HEAD, INTERIM, NEED } from "../parser.ts";
import { type ResponseHead, ResponseParser } from "../response-parser.ts";

/** Nothing is under way; a request is, or its answer. */
const IDLE = 0;
const BUSY = 1;
const OVER = 2;

/** How long a connection that nobody uses may take to close, in ms. */
const LEAVE = 1000;

export class ClientConnection {
  readonly stream: ByteStream;
  /** How many requests it has carried. */
  uses: number;
  /** Bytes of the last request that were handed to the stream: with none, the server cannot have seen it. */
  written: number;
  /** A byte of the answer has come. */
  answered: boolean;
  private readonly parser: ResponseParser;
  private state: number;
  /** The peer has ended its side, or is gone. */
  private left: boolean;
  private persistent: boolean;

  constructor(stream: ByteStream, limits: Partial<MessageLimits> | undefined) {
    this.stream = stream;
    this.uses = 0;
    this.written = 0;
    this.answered = false;
    this.parser = new ResponseParser(limits);
    this.state = IDLE;
    this.left = false;
    this.persistent = true;
    // Also while nobody reads: a server that closes an idle connection is noticed before the next request goes into the void.
    stream.watch(() => {
      this.left = true;
    });
  }

  /** Whether another request may be sent. */
  get usable(): boolean {
    return (
      this.state === IDLE && this.persistent && !this.left && this.parser.buffered === 0 && this.stream.buffered === 0
    );
  }

  /** Sends a request, or its first piece. `alone`: no other may follow it. */
  *send(method: string, bytes: Uint8Array | readonly Uint8Array[], alone: boolean): Coroutine<void> {
    this.uses++;
    this.written = 0;
    this.answered = false;
    this.state = BUSY;
    if (alone) this.persistent = false;
    this.parser.expect(method);
    const before = this.stream.bytesWritten;
    try {
      yield* this.stream.write(bytes);
    } catch (error) {
      // The server may have answered before it stopped reading: that says more than the broken pipe.
      if (!(error instanceof BrokenError) || !this.mayHaveAnswered()) throw error;
      this.persistent = false;
    } finally {
      this.written = this.stream.bytesWritten - before;
    }
  }

  private mayHaveAnswered(): boolean {
    return this.stream.buffered > 0;
  }

  /** More of a body. */
  *sendMore(bytes: Uint8Array | readonly Uint8Array[]): Coroutine<void> {
    yield* this.stream.write(bytes);
  }

  /**
   * The head of the answer. Interim ones (1xx) go to `onInterim`. Throws a `BrokenError` where the server closes instead.
   */
  *readHead(onInterim?: (head: ResponseHead) => void): Coroutine<ResponseHead> {
    const { parser } = this;
    for (;;) {
      switch (parser.next()) {
        case NEED:
          yield* this.fill();
          break;
        case HEAD:
          if (!parser.head.persistent || parser.head.switches) this.persistent = false;
          return parser.head;
        case INTERIM:
          onInterim?.(parser.head);
          break;
        case CLOSED:
        default:
          throw new BrokenError(`${this.stream.label}: the server closed the connection without an answer`);
      }
    }
  }

  /** The next bytes of the body; undefined at its end, from where on the connection is free. */
  *readBody(): Coroutine<Uint8Array | undefined> {
    for (;;) {
      const piece = this.tryBody();
      if (piece !== NEED) return piece;
      yield* this.fill();
    }
  }

  /** As `readBody`, of what has come already: `NEED` where more has to come first. */
  tryBody(): Uint8Array | undefined | typeof NEED {
    const { parser } = this;
    switch (parser.next()) {
      case DATA:
        return parser.data;
      case NEED:
        return NEED;
      case END:
      default:
        this.state = IDLE;
        return undefined;
    }
  }

  /** What came behind the last body in chunks. */
  get trailers(): HttpHeaders {
    return this.parser.trailers;
  }

  /** Gives the stream away, with what has come behind the head: HTTP is over on it. */
  detach(): ByteStream {
    this.state = OVER;
    this.stream.watch(null);
    const rest = this.parser.rest();
    if (rest.length > 0) this.stream.unread(rest);
    return this.stream;
  }

  /** At once: whoever is in the middle of something gets a `ClosedError`. */
  abort(): void {
    if (this.state !== OVER) this.stream.abort();
    this.state = OVER;
  }

  /** Nothing is under way: the server is told. */
  *close(): Coroutine<void> {
    if (this.state === OVER) return;
    if (this.state === BUSY) {
      this.abort();
      return;
    }
    this.state = OVER;
    // There is nothing on it that could be lost: a server that does not take its leave, or cannot, is not waited for.
    yield* moveOnAfter(LEAVE, this.stream.close());
  }

  private *fill(): Coroutine<void> {
    let piece: Uint8Array | undefined;
    try {
      piece = yield* this.stream.read();
    } catch (error) {
      if (this.answered && error instanceof BrokenError)
        throw new TruncatedError(502, `the connection broke in the middle of the answer: ${error.message}`, {
          cause: error,
        });
      throw error;
    }
    if (piece === undefined) {
      this.persistent = false;
      this.parser.finish();
    } else {
      this.answered = true;
      this.parser.push(piece);
    }
  }
}
