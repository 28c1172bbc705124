/**
 * The answer to a request: a status, fields, and a body that is bytes, text, a flow, a stream, or nothing.
 *
 * It is plain data, made before anything is sent, so that whatever stands between handler and connection (compression,
 * conditional requests, a log) can look at it and make another one of it. How long the body is, and how it is framed, is
 * the connection's business: `Content-Length` is added, `Transfer-Encoding` and most of `Connection` cannot be given.
 *
 * Fields are checked here and not when they are sent: what must not be in a head (a line break above all) is thrown at the
 * line that put it there. So a head that is written can hold nothing but what was checked, and need not be looked at again.
 */
import { type Emit, Flow, type Operation } from "rondo";
import { ByteStream } from "rondo/net";
import { fieldLine, type HeadersSource, HttpHeaders } from "./headers.ts";
import { isFieldValue, writeLatin1 } from "./tokens.ts";

/** The body of an answer. A flow gives bytes or text; a stream is read to its end. */
export type ResponseBody =
  | string
  | Uint8Array
  | Flow<Uint8Array | string>
  | ByteStream
  | ReadableStream<Uint8Array>
  | null;

/** What an answer can be given besides its body. */
export interface ResponseInit {
  /** 200 where nothing is said. */
  readonly status?: number | undefined;
  /** What stands behind the status on the first line; nobody but people may read it. */
  readonly reason?: string | undefined;
  readonly headers?: HeadersSource | undefined;
  /** How many bytes a flow or a stream will give, where that is known: then they are sent with a `Content-Length`. */
  readonly length?: number | undefined;
  /** Fields that follow a body in chunks; asked for when the body has ended. Not sent to those who cannot read them. */
  readonly trailers?: (() => HeadersSource) | undefined;
}

/** What is done with a connection that is given away. */
export type UpgradeHandler = (stream: ByteStream) => Operation<unknown>;

/** The handler has given a `Date` of its own. */
export const OWN_DATE = 1;
/** The connection is to be closed behind it. */
export const CLOSES = 2;
/** There is a `Content-Type` among the fields. */
export const TYPED = 4;
/** `Connection` was given, for an upgrade. */
export const OWN_CONNECTION = 8;

/**
 * An answer. Made by {@link text}, {@link json}, {@link html}, {@link bytes}, {@link stream}, {@link redirect}, {@link empty},
 * or by hand. It is used once, if its body is a flow or a stream.
 *
 * @example
 * ```ts
 * import { HttpResponse } from "@rondo/http";
 *
 * const response = new HttpResponse("<p>gone", { status: 410, headers: { "content-type": "text/html" } });
 * console.log(response.status, response.headers.get("Content-Type")); // prints: 410 text/html
 * ```
 */
export class HttpResponse {
  declare readonly status: number;
  declare readonly reason: string | undefined;
  declare readonly body: ResponseBody;
  /** How many bytes the body has, where that was said; of text and bytes it is known anyway. */
  declare readonly length: number | undefined;
  declare readonly trailers: (() => HeadersSource) | undefined;
  /** @internal The content type that the maker has set; null where the fields have one, or nobody said. */
  declare readonly _type: string | null;
  /** @internal The field lines, checked, each with its CR LF. */
  declare readonly _lines: string;
  /** @internal */
  declare readonly _flags: number;
  /** @internal */
  declare readonly _upgrade: UpgradeHandler | null;

  constructor(
    body: ResponseBody = null,
    init?: ResponseInit,
    type: string | null = null,
    upgrade: UpgradeHandler | null = null,
  ) {
    this.status = 200;
    this.reason = undefined;
    this.body = body;
    this.length = undefined;
    this.trailers = undefined;
    this._type = type;
    this._lines = "";
    this._flags = 0;
    this._upgrade = upgrade;
    if (init !== undefined) {
      const { status = 200, reason, headers, length } = init;
      if (!(Number.isInteger(status) && ((status >= 200 && status <= 999) || (status === 101 && upgrade !== null))))
        throw new RangeError(`the status of an answer is a number from 200 to 999, not ${String(status)}`);
      this.status = status;
      if (reason !== undefined) this.reason = checkReason(reason);
      this.trailers = init.trailers;
      if (headers !== undefined) {
        const found = new FieldList(upgrade !== null);
        found.addAll(headers);
        this._lines = found.text;
        this._flags = found.flags;
        this.length = found.length;
        if ((found.flags & TYPED) !== 0) this._type = null;
      }
      if (length !== undefined) {
        if (!(Number.isSafeInteger(length) && length >= 0))
          throw new RangeError(`the length of an answer is a number of bytes, 0 or more, not ${String(length)}`);
        this.length = length;
      }
    }
  }

  /**
   * Gives the connection away: writes a head (101, or what `status` says), and then runs `use` with the stream, on which
   * nobody else reads or writes. When `use` has ended the stream is closed. None of the server's timeouts concern it any more.
   *
   * @example
   * ```ts
   * import { group, run } from "rondo";
   * import { HttpResponse, serveStream } from "@rondo/http";
   * import { memoryPair } from "rondo/net";
   *
   * await run(() =>
   *   group(function* (g) {
   *     const [client, server] = memoryPair();
   *     g.spawn(
   *       serveStream(server, () =>
   *         HttpResponse.upgrade({ connection: "upgrade", upgrade: "shout" }, function* (stream) {
   *           for (const line of yield* stream.lines().toArray()) yield* stream.write(`${line.toUpperCase()}!\n`);
   *         }),
   *       ),
   *     );
   *     yield* client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\nhello\n");
   *     yield* client.end();
   *     const lines = yield* client.lines().toArray();
   *     console.log(lines[0], lines.at(-1)); // prints: HTTP/1.1 101 Switching Protocols HELLO!
   *   }),
   * );
   * ```
   */
  static upgrade(
    headers: HeadersSource,
    use: UpgradeHandler,
    init: { readonly status?: number | undefined; readonly reason?: string | undefined } = {},
  ): HttpResponse {
    if (typeof use !== "function") throw new TypeError("HttpResponse.upgrade() takes a function* (stream) {…}");
    return new HttpResponse(null, { status: init.status ?? 101, reason: init.reason, headers }, null, use);
  }

  /** Whether the connection is given away with it. */
  get upgrades(): boolean {
    return this._upgrade !== null;
  }

  /** @internal Whether it is made while it is sent. */
  get _inPieces(): boolean {
    const { body } = this;
    return body !== null && typeof body !== "string" && !(body instanceof Uint8Array);
  }

  /** The fields, without those that the connection adds. A new object each time. */
  get headers(): HttpHeaders {
    const type = this._type === null ? "" : fieldLine("Content-Type", this._type);
    const lines = type + this._lines;
    const bytes = new Uint8Array(lines.length);
    writeLatin1(bytes, lines, 0);
    return new HttpHeaders(bytes, 0, bytes.length);
  }

  /** Another answer: with this one's fields, of which those that are named are replaced, and with another body. */
  with(changes: ResponseInit & { readonly body?: ResponseBody | undefined }): HttpResponse {
    const { headers = {}, body = this.body } = changes;
    const replaced = [...pairsOf(headers)];
    const names = new Set(replaced.map(([name]) => name.toLowerCase()));
    if (typeof headers === "object" && !(Symbol.iterator in headers))
      for (const name of Object.keys(headers)) names.add(name.toLowerCase());
    const kept = this.headers.raw.filter(([name]) => !names.has(name.toLowerCase()));
    return new HttpResponse(
      body,
      {
        status: changes.status ?? this.status,
        reason: changes.reason ?? this.reason,
        length: changes.length ?? ("body" in changes ? undefined : this.length),
        trailers: changes.trailers ?? this.trailers,
        headers: [...kept, ...replaced, ...((this._flags & CLOSES) === 0 ? [] : [["connection", "close"] as const])],
      },
      null,
      this._upgrade,
    );
  }
}

// ---- makers ---------------------------------------------------------------------------------------------------------

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";
const JSON_TYPE = "application/json";
const BINARY = "application/octet-stream";

/**
 * An answer of plain text.
 *
 * @example
 * ```ts
 * import { text } from "@rondo/http";
 *
 * console.log(text("hello", { status: 201 }).headers.get("content-type")); // prints: text/plain; charset=utf-8
 * ```
 */
export function text(body: string, init?: ResponseInit): HttpResponse {
  return new HttpResponse(body, init, TEXT);
}

/**
 * An answer of HTML. Nothing in it is escaped.
 *
 * @example
 * ```ts
 * import { html } from "@rondo/http";
 *
 * console.log(html("<p>hello").headers.get("content-type")); // prints: text/html; charset=utf-8
 * ```
 */
export function html(body: string, init?: ResponseInit): HttpResponse {
  return new HttpResponse(body, init, HTML);
}

/**
 * An answer of JSON. Throws a `TypeError` for what JSON has no form for: `undefined`, a function, a circle.
 *
 * @example
 * ```ts
 * import { json } from "@rondo/http";
 *
 * console.log(json({ ok: true }).body); // prints: {"ok":true}
 * ```
 */
export function json(value: unknown, init?: ResponseInit): HttpResponse {
  const body: string | undefined = JSON.stringify(value);
  if (body === undefined) throw new TypeError(`json() takes what JSON has a form for, not ${String(value)}`);
  return new HttpResponse(body, init, JSON_TYPE);
}

/**
 * An answer of bytes, which must not be changed any more.
 *
 * @example
 * ```ts
 * import { bytes } from "@rondo/http";
 *
 * console.log(bytes(Uint8Array.of(1, 2)).headers.get("content-type")); // prints: application/octet-stream
 * ```
 */
export function bytes(body: Uint8Array, init?: ResponseInit): HttpResponse {
  return new HttpResponse(body, init, BINARY);
}

/**
 * An answer whose body comes bit by bit: of a flow, of what a flow can be made of, or of a stream, which is read to its end.
 * It is sent in chunks, or with a `Content-Length` where `length` is given; to a client of HTTP/1.0 up to the end of the
 * connection. The next bit is asked for when the client has room for it. A body that fails, or gives more or less than its
 * `length`, breaks the connection, so that nobody takes half of it for the whole.
 *
 * @example
 * ```ts
 * import { run, sleep, VirtualHost } from "rondo";
 * import { serveStream, stream } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 *
 * await run(
 *   function* () {
 *     const [client, server] = memoryPair();
 *     yield* client.write("GET / HTTP/1.0\r\n\r\n");
 *     yield* serveStream(server, () =>
 *       stream(function* (emit) {
 *         for (const word of ["to", "be"]) {
 *           yield* sleep(1000);
 *           yield* emit(`${word}\n`);
 *         }
 *       }),
 *     );
 *     const lines = yield* client.lines().toArray();
 *     console.log(lines.slice(-2)); // prints: [ 'to', 'be' ]
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function stream(
  body:
    | Flow<Uint8Array | string>
    | Iterable<Uint8Array | string>
    | ((emit: Emit<Uint8Array | string>) => Operation<unknown>)
    | ByteStream
    | ReadableStream<Uint8Array>,
  init?: ResponseInit,
): HttpResponse {
  const readable =
    typeof (body as Partial<ByteStream & ReadableStream>) === "object" && ("getReader" in body || "readUntil" in body);
  return new HttpResponse(
    readable ? (body as ResponseBody) : Flow.from(body as Iterable<Uint8Array | string>),
    init,
    BINARY,
  );
}

/**
 * An answer without a body: 204 where nothing is said.
 *
 * @example
 * ```ts
 * import { empty } from "@rondo/http";
 *
 * console.log(empty().status, empty({ status: 202 }).status); // prints: 204 202
 * ```
 */
export function empty(init?: ResponseInit): HttpResponse {
  return new HttpResponse(null, init === undefined || init.status === undefined ? { ...init, status: 204 } : init);
}

/**
 * Sends the client elsewhere: 302 where nothing is said. What is no ASCII in the address is encoded.
 *
 * @example
 * ```ts
 * import { redirect } from "@rondo/http";
 *
 * console.log(redirect("/login?to=/a b").headers.get("location")); // prints: /login?to=/a%20b
 * ```
 */
export function redirect(location: string | URL, init?: ResponseInit): HttpResponse {
  const { status = 302 } = init ?? {};
  if (status < 300 || status > 399) throw new RangeError(`a redirect has a status from 300 to 399, not ${status}`);
  const address = String(location).replace(/[^\x21-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()));
  return new HttpResponse(null, { ...init, status, headers: [...pairsOf(init?.headers ?? {}), ["location", address]] });
}

// ---- fields ---------------------------------------------------------------------------------------------------------

function checkReason(reason: string): string {
  if (!isFieldValue(reason))
    throw new TypeError(
      `the reason of an answer has a character that cannot stand in a head: ${JSON.stringify(reason)}`,
    );
  return reason;
}

/** Field lines, checked, and what was found among them. */
class FieldList {
  text = "";
  flags = 0;
  length: number | undefined = undefined;
  private readonly upgrade: boolean;

  constructor(upgrade: boolean) {
    this.upgrade = upgrade;
  }

  addAll(fields: HeadersSource): void {
    for (const [name, value] of pairsOf(fields)) this.add(name, value);
  }

  private add(name: string, value: string | number): void {
    const line = fieldLine(name, value);
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === "date") this.flags |= OWN_DATE;
        break;
      case 10:
        if (name.toLowerCase() === "connection" && !this.connection(String(value))) return;
        break;
      case 12:
        if (name.toLowerCase() === "content-type") this.flags |= TYPED;
        break;
      case 14:
        if (name.toLowerCase() === "content-length") {
          this.takeLength(String(value));
          return;
        }
        break;
      case 17:
        if (name.toLowerCase() === "transfer-encoding")
          throw new TypeError("transfer-encoding cannot be given: how a body is framed is up to the connection");
        break;
    }
    this.text += line;
  }

  /** Only `close` means anything here; what is given for an upgrade goes out as it is. */
  private connection(value: string): boolean {
    if (this.upgrade) {
      this.flags |= OWN_CONNECTION;
      return true;
    }
    if (
      value
        .toLowerCase()
        .split(",")
        .some((option) => option.trim() === "close")
    )
      this.flags |= CLOSES;
    return false;
  }

  private takeLength(value: string): void {
    if (!/^\d{1,15}$/.test(value))
      throw new TypeError(`a content-length is a number of bytes, not ${JSON.stringify(value)}`);
    this.length = Number(value);
  }
}

function* pairsOf(source: HeadersSource): Generator<readonly [string, string | number], void> {
  if (source instanceof HttpHeaders) {
    yield* source.raw;
    return;
  }
  if (typeof (source as Partial<Iterable<unknown>>)[Symbol.iterator] === "function") {
    yield* source as Iterable<readonly [string, string | number]>;
    return;
  }
  for (const name of Object.keys(source)) {
    const value = (source as Readonly<Record<string, string | number | readonly (string | number)[] | undefined>>)[
      name
    ];
    if (value === undefined) continue;
    if (typeof value === "object") for (const one of value) yield [name, one];
    else yield [name, value];
  }
}

/** A body that will not be sent: what it has in hand is given back. */
export function dropBody(body: ResponseBody): void {
  if (body === null || typeof body === "string" || body instanceof Uint8Array) return;
  if (body instanceof Flow) body[Symbol.dispose]();
  else if (body instanceof ByteStream) body.abort();
  else if (!body.locked) void body.cancel().catch(nothing);
}

/** It is not wanted any more: why it could not be closed interests nobody. */
function nothing(): void {}
