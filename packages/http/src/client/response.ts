/**
 * An answer, as the one who asked sees it.
 *
 * A small body has mostly come with its head: then it is taken at once, and the connection is free before the caller has
 * looked at the status. A larger one is read as it is asked for; the connection is the response's until the body has ended,
 * it is closed, or the scope ends in which it was asked for. None of these can be forgotten, so no connection is.
 */
import { ClosedError, type Coroutine, Flow } from "rondo";
import type { ByteStream } from "rondo/net";

import { decoded } from "../coding.ts";
import { HttpError, MessageTooLargeError } from "../errors.ts";
import type { HttpHeaders } from "../headers.ts";
import { decoderOf, parameterOf, utf8 } from "../media-type.ts";
import { NEED } from "../parser.ts";
import { joined, Pieces } from "../pieces.ts";
import type { ResponseHead } from "../response-parser.ts";
import type { ClientConnection } from "./connection.ts";

/** Whoever lent the connection: it comes back, to be used again or not. */
export interface Loan {
  readonly connection: ClientConnection;
  /** Gives it back: it is asked whether it can be used again. */
  release(): void;
}

/** How a body is put together. */
export interface ReadOptions {
  /** The most bytes that may come; the client's `maxBuffered` where nothing is said. More is a `MessageTooLargeError`. */
  readonly max?: number | undefined;
}

/** When the connection of an answer was there. */
export interface ResponseTiming {
  /** When the request had its connection, in ms of `now()`: until then it looked up, connected, shook hands or stood in line. */
  readonly connected: number;
  /** Whether the connection had carried a request before. */
  readonly reused: boolean;
}

/** What a response is told of its request. */
export interface ResponseContext {
  readonly url: string;
  readonly redirected: boolean;
  readonly method: string;
  readonly timing: ResponseTiming;
  /** Bodies are given as they came, with their content codings. */
  readonly raw: boolean;
  readonly maxDecoded: number;
  readonly maxBuffered: number;
  /** Wraps each wait for more of the body, to bound it. */
  readonly patience: ((read: () => Coroutine<Uint8Array | undefined>) => Coroutine<Uint8Array | undefined>) | null;
}

/** This much of a body is taken at once, where it has come with the head. */
const AT_ONCE = 64 * 1024;

/** An answer. Made by `fetch`. */
export class ClientResponse implements Disposable, AsyncDisposable {
  readonly status: number;
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  /** Where it came from in the end. */
  readonly url: string;
  /** Whether that is elsewhere than where it was asked for. */
  readonly redirected: boolean;
  private readonly head: ResponseHead;
  private readonly context: ResponseContext;
  private loan: Loan | null;
  /** What of the body has come and was not given out. */
  private readonly ready: Uint8Array[];
  private readonly complete: boolean;
  private taken: boolean;
  private closed: boolean;
  private ended: HttpHeaders | undefined;
  private flow: Flow<Uint8Array> | null;
  private forget: (() => void) | null;
  private bytesRead: number;

  /** @internal */
  constructor(head: ResponseHead, loan: Loan, context: ResponseContext) {
    this.status = head.status;
    this.ok = head.status >= 200 && head.status <= 299;
    this.url = context.url;
    this.redirected = context.redirected;
    this.head = head;
    this.context = context;
    this.loan = loan;
    this.ready = [];
    this.taken = false;
    this.closed = false;
    this.ended = undefined;
    this.flow = null;
    this.forget = null;
    this.bytesRead = 0;
    this.complete = head.switches ? false : this.takeAtOnce(loan.connection);
    if (this.complete) this.giveBack();
  }

  get reason(): string {
    return this.head.reason;
  }

  get headers(): HttpHeaders {
    return this.head.headers;
  }

  /** `1.1` or `1.0`. */
  get version(): "1.0" | "1.1" {
    return this.head.version;
  }

  /**
   * When its connection was there: of the last request, where redirects were followed or it was tried again.
   *
   * @example
   * ```ts
   * import { group, now, run } from "rondo";
   * import { openClient, serve, text } from "@rondo/http";
   *
   * await run(() =>
   *   group(function* () {
   *     const server = yield* serve({ port: 0, host: "127.0.0.1", handler: () => text("hello") });
   *     const client = openClient({ baseUrl: server.url });
   *     const first = yield* client.fetch("/");
   *     const second = yield* client.fetch("/");
   *     console.log(first.timing.reused, second.timing.reused); // prints: false true
   *     console.log(second.timing.connected <= now()); // prints: true
   *     server.stop();
   *   }),
   * );
   * ```
   */
  get timing(): ResponseTiming {
    return this.context.timing;
  }

  /** The head as it came, byte for byte, up to and with the empty line. */
  get rawHead(): Uint8Array {
    return this.head.rawHead;
  }

  /** How many bytes the body has as it travels; undefined where that is not known before its end. */
  get length(): number | undefined {
    return this.head.length < 0 ? undefined : this.head.length;
  }

  /** The fields behind a body in chunks; undefined before its end. */
  get trailers(): HttpHeaders | undefined {
    return this.ended;
  }

  /** Whether the connection has been given back: the body has been read, or there is none to read. @internal */
  get free(): boolean {
    return this.loan === null;
  }

  /**
   * The body as a flow of bytes, without its content codings, as it comes. The same one each time. Throws a `TruncatedError`
   * where it ends too soon, a `ProtocolError` for what is no body, a `ClosedError` where the response was closed.
   */
  get body(): Flow<Uint8Array> {
    if (this.flow === null) {
      const field = this.context.raw ? undefined : this.headers.get("content-encoding");
      const plain = Flow.from<Uint8Array>(new BodySource(this), { name: `body of ${this.url}` });
      this.flow = field === undefined ? plain : decoded(plain, field, { max: this.context.maxDecoded });
    }
    return this.flow;
  }

  /** The whole body. Throws a `MessageTooLargeError` where it is longer than `max`; else as `body`. A switch point. */
  *bytes(options: ReadOptions = {}): Coroutine<Uint8Array> {
    const { max = this.context.maxBuffered } = options;
    if (this.taken) throw new TypeError(`the body of ${this.url} was read already`);
    this.taken = true;
    if (this.complete && (this.context.raw || !this.headers.has("content-encoding"))) {
      const all = joined(this.ready.splice(0));
      if (all.length > max) throw this.tooLarge(max);
      return all;
    }
    const { body } = this;
    const pieces = new Pieces();
    let whole = false;
    try {
      for (;;) {
        const piece = yield* body.next();
        if (piece === undefined) break;
        pieces.push(piece);
        if (pieces.size > max) throw this.tooLarge(max);
      }
      whole = true;
      return pieces.join();
    } finally {
      if (!whole) this.close();
    }
  }

  /** The whole body as text, in the charset that `Content-Type` names, else in UTF-8. Throws as `bytes`. A switch point. */
  *text(options?: ReadOptions): Coroutine<string> {
    const charset = parameterOf(this.headers.get("content-type"), "charset");
    // A charset that nobody knows: most of the web is in UTF-8.
    return (decoderOf(charset) ?? utf8).decode(yield* this.bytes(options));
  }

  /** The whole body as JSON. Throws as `bytes`, and an `HttpError` 502 for what is none. A switch point. */
  *json(options?: ReadOptions): Coroutine<unknown> {
    const text = utf8.decode(yield* this.bytes(options));
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new HttpError(502, `the body of ${this.url} is no JSON: ${(error as Error).message}`, { cause: error });
    }
  }

  /** HTTP is over on this connection (status 101, or a tunnel): its stream, which is yours from here on. */
  detach(): ByteStream {
    const { loan } = this;
    if (!this.head.switches || loan === null)
      throw new TypeError(`the answer ${this.status} of ${this.url} does not give its connection away`);
    this.forgetIt();
    this.loan = null;
    this.closed = true;
    const stream = loan.connection.detach();
    loan.release();
    return stream;
  }

  /**
   * What is left of the body is not wanted. The connection is kept where there is little left that has come already, else it
   * is closed. Not a switch point; a second time does nothing.
   */
  close(): void {
    this.closed = true;
    this.ready.length = 0;
    const { loan } = this;
    if (loan === null) return;
    if (this.head.switches || !this.readOver(loan.connection)) loan.connection.abort();
    this.giveBack();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** What takes back the promise to close it at the end of the scope. @internal */
  closedBy(forget: () => void): void {
    if (this.loan === null) forget();
    else this.forget = forget;
  }

  /** The next bytes, as they travel. @internal */
  *_next(): Coroutine<Uint8Array | undefined> {
    this.taken = true;
    const piece = this.ready.shift();
    if (piece !== undefined) return piece;
    const { loan, context } = this;
    if (loan === null) {
      if (this.closed && this.ended === undefined)
        throw new ClosedError(`the answer of ${this.url} was closed before its body had been read`);
      return undefined;
    }
    let bytes: Uint8Array | undefined;
    try {
      const read = (): Coroutine<Uint8Array | undefined> => loan.connection.readBody();
      bytes = context.patience === null ? yield* read() : yield* context.patience(read);
    } catch (error) {
      // Not when it is cancelled: then nothing was taken, and the flow may be read on.
      loan.connection.abort();
      this.closed = true;
      this.giveBack();
      throw error;
    }
    if (bytes === undefined) {
      this.ended = loan.connection.trailers;
      this.giveBack();
    }
    return bytes;
  }

  /** Takes the body where all of it has come; what has come of a larger one is kept to be given out. */
  private takeAtOnce(connection: ClientConnection): boolean {
    while (this.bytesRead < AT_ONCE) {
      const piece = connection.tryBody();
      if (piece === NEED) return false;
      if (piece === undefined) {
        this.ended = connection.trailers;
        return true;
      }
      this.bytesRead += piece.length;
      this.ready.push(piece);
    }
    return false;
  }

  /** Whether the rest has come already, so that it costs nothing to read over it. */
  private readOver(connection: ClientConnection): boolean {
    try {
      for (;;) {
        const piece = connection.tryBody();
        if (piece === NEED) return false;
        if (piece === undefined) return true;
      }
    } catch {
      return false; // it is no body: then the connection is of no use either
    }
  }

  private giveBack(): void {
    const { loan } = this;
    this.loan = null;
    this.forgetIt();
    loan?.release();
  }

  private forgetIt(): void {
    this.forget?.();
    this.forget = null;
  }

  private tooLarge(max: number): Error {
    return new MessageTooLargeError(
      502,
      `the body of ${this.url} is longer than ${max} bytes: raise max, or read it as a flow`,
      max,
    );
  }
}

/** The body as a flow wants it. */
class BodySource {
  private readonly response: ClientResponse;
  constructor(response: ClientResponse) {
    this.response = response;
  }
  receive(): Coroutine<Uint8Array | undefined> {
    return this.response._next();
  }
  tryReceive(): undefined {
    return undefined;
  }
  close(): void {
    this.response.close();
  }
}
