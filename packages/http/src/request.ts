/**
 * A request, as a handler sees it. What it costs is what is asked for: the URL, the fields, the body, the signal are made of
 * what has come when somebody wants them.
 *
 * The body is pulled. Bytes that nobody asks for stay with the client (a window of them is on this side), so a handler that
 * is slow, or does not want a body, costs no memory. Its methods wait in the handler's task: they are switch points.
 */
import { type Coroutine, Flow } from "rondo";
import type { Address } from "rondo/net";
import { HttpError } from "./errors.ts";
import type { HttpHeaders } from "./headers.ts";
import { decoderOf, parameterOf, utf8 } from "./media-type.ts";
import { Pieces } from "./pieces.ts";
import type { RequestHead } from "./request-parser.ts";
import { ABSOLUTE_FORM, ORIGIN_FORM } from "./target.ts";

/** What a request asks of the connection on which it came. */
export interface Carrier {
  readonly remoteAddress: Address | undefined;
  /** Whether it came by TLS. */
  readonly secure: boolean;
  /** Bytes that are put together in memory, at most. */
  readonly buffered: number;
  /** The next bytes of this request's body. */
  readBody(request: HttpRequest): Coroutine<Uint8Array | undefined>;
  /** Whether the handler of this request can still be cancelled; else why it is over, or undefined where it ended well. */
  fate(request: HttpRequest): { readonly over: boolean; readonly reason: unknown };
}

/** How a body is put together. */
export interface BufferOptions {
  /** The most bytes that may come: the server's `limits.buffered` where nothing is said. More is an error 413. */
  readonly max?: number | undefined;
}

/** Nothing of the body was asked for; somebody reads it; it was read. */
const UNREAD = 0;
const READING = 1;
const READ = 2;

/**
 * A request. Handlers get it; it is good until its handler has ended.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { json, serveStream } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair();
 *     g.spawn(
 *       serveStream(server, function* (request) {
 *         const { name } = (yield* request.json()) as { name: string };
 *         return json({ hello: name, to: request.path, by: request.method });
 *       }),
 *     );
 *     yield* client.write('POST /greet?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"name":"Anna"}');
 *     console.log((yield* client.lines().toArray()).at(-1)); // prints: {"hello":"Anna","to":"/greet","by":"POST"}
 *   }),
 * );
 * ```
 */
export class HttpRequest {
  /** What came before the body, as the parser read it. */
  declare readonly head: RequestHead;
  /** The fields behind a body in chunks; there when the body has been read to its end. */
  declare trailers: HttpHeaders | undefined;
  /** @internal */
  declare readonly _carrier: Carrier;
  /** @internal */
  declare _controller: AbortController | null;
  declare private state: number;
  declare private flow: Flow<Uint8Array> | null;
  declare private parsed: URL | null;

  /** @internal */
  constructor(carrier: Carrier, head: RequestHead) {
    this.head = head;
    this.trailers = undefined;
    this._carrier = carrier;
    this._controller = null;
    this.state = UNREAD;
    this.flow = null;
    this.parsed = null;
  }

  /** As it came; methods are case-sensitive. */
  get method(): string {
    return this.head.method;
  }

  /** As it came: almost always a path with a query. */
  get target(): string {
    return this.head.target;
  }

  /** The fields of the head. */
  get headers(): HttpHeaders {
    return this.head.headers;
  }

  /** How many bytes the body has: 0 where there is none, -1 where that is not known before its end. */
  get length(): number {
    return this.head.length;
  }

  /** The target up to its query: a path, as it came. Cheaper than `url`. */
  get path(): string {
    const { target } = this;
    if (!target.startsWith("/")) return target === "*" ? "*" : this.url.pathname;
    const at = target.indexOf("?");
    return at < 0 ? target : target.slice(0, at);
  }

  /** What stands behind the first `?` of the target; empty where there is none. */
  get query(): string {
    const at = this.target.indexOf("?");
    return at < 0 ? "" : this.target.slice(at + 1);
  }

  /** The whole URL as text: of the target, the `Host`, and how the request came. */
  get href(): string {
    const { target, head } = this;
    if (head.form === ABSOLUTE_FORM) return target;
    const origin = `${this.secure ? "https" : "http"}://${head.host === "" ? "localhost" : head.host}`;
    // A target that begins with two slashes is a path, and not a host, because it stands behind one here.
    return head.form === ORIGIN_FORM ? origin + target : origin;
  }

  /** The whole URL. Throws an `HttpError` 400 where there is none. Made once. */
  get url(): URL {
    if (this.parsed !== null) return this.parsed;
    const { href } = this;
    if (!URL.canParse(href)) throw new HttpError(400, `the target and the host make no URL: ${JSON.stringify(href)}`);
    return (this.parsed = new URL(href));
  }

  /** Who sent it, as far as the connection knows: the last proxy, where there are some. */
  get remote(): Address | undefined {
    return this._carrier.remoteAddress;
  }

  /** Whether it came by TLS. */
  get secure(): boolean {
    return this._carrier.secure;
  }

  /**
   * A signal that is aborted when the handler is cancelled (the client has left, the time is over), for functions that take
   * one. It is made when it is asked for.
   */
  get signal(): AbortSignal {
    if (this._controller === null) {
      this._controller = new AbortController();
      const { over, reason } = this._carrier.fate(this);
      if (over) this._controller.abort(reason);
    }
    return this._controller.signal;
  }

  // ---- the body -----------------------------------------------------------------------------------------------------

  /**
   * The next bytes of the body, as they came; `undefined` at its end. What it gives may be a view of a larger buffer. A
   * switch point where it must wait. Throws a `ProtocolError` for what is no body, a `TruncatedError` where the client has
   * ended its stream in the middle, a `ClosedError` where the request is over.
   */
  read(): Coroutine<Uint8Array | undefined> {
    this.state = READ;
    return this._carrier.readBody(this);
  }

  /** The body as a flow of bytes, as they come. The same one each time. */
  get body(): Flow<Uint8Array> {
    if (this.flow === null) {
      this.claim();
      this.flow = Flow.from<Uint8Array>(new BodySource(this, this._carrier), {
        name: `body of ${this.method} ${this.path}`,
      });
    }
    return this.flow;
  }

  /** The whole body. Throws an `HttpError` 413 where it is longer than `max`; else as `read`. */
  *bytes(options: BufferOptions = {}): Coroutine<Uint8Array> {
    const { max = this._carrier.buffered } = options;
    if (this.length > max) throw this.tooLarge(max);
    this.claim();
    const pieces = new Pieces();
    for (;;) {
      const piece = yield* this._carrier.readBody(this);
      if (piece === undefined) break;
      pieces.push(piece);
      if (pieces.size > max) throw this.tooLarge(max);
    }
    this.state = READ;
    return pieces.join();
  }

  /** The whole body as text, in UTF-8, or in what `Content-Type` names. Throws as `bytes`, and 415 for an unknown charset. */
  *text(options?: BufferOptions): Coroutine<string> {
    const charset = parameterOf(this.headers.get("content-type"), "charset");
    const decoder = decoderOf(charset);
    if (decoder === undefined)
      throw new HttpError(415, `the body is in a charset that is not known here: ${JSON.stringify(charset)}`);
    return decoder.decode(yield* this.bytes(options));
  }

  /** The whole body as JSON. Throws as `bytes`, and an `HttpError` 400 for what is none. */
  *json(options?: BufferOptions): Coroutine<unknown> {
    const text = utf8.decode(yield* this.bytes(options));
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new HttpError(400, `the body is no JSON: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * The whole body as the fields of a form (`application/x-www-form-urlencoded`). Throws as `bytes`, and an `HttpError` 415
   * for a body of another type.
   */
  *form(options?: BufferOptions): Coroutine<URLSearchParams> {
    const type = this.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
    if (type !== "application/x-www-form-urlencoded")
      throw new HttpError(415, `a form was expected, and the body is ${type === undefined ? "of no type" : type}`);
    return new URLSearchParams(utf8.decode(yield* this.bytes(options)));
  }

  /** @internal Somebody has asked for the body. */
  get _claimed(): boolean {
    return this.state !== UNREAD;
  }

  private claim(): void {
    if (this.state !== UNREAD)
      throw new TypeError(
        `the body of ${this.method} ${this.path} ${this.state === READING ? "is being read" : "was read"} already`,
      );
    this.state = READING;
  }

  private tooLarge(max: number): HttpError {
    return new HttpError(413, `the body is longer than ${max} bytes, which is what is put together in memory`);
  }
}

/** The body as a flow wants it. */
class BodySource {
  private readonly request: HttpRequest;
  private readonly carrier: Carrier;
  constructor(request: HttpRequest, carrier: Carrier) {
    this.request = request;
    this.carrier = carrier;
  }
  receive(): Coroutine<Uint8Array | undefined> {
    return this.carrier.readBody(this.request);
  }
  tryReceive(): undefined {
    return undefined;
  }
  /** What is left stays where it is: the connection reads over it, or is closed. */
  close(): void {}
}
