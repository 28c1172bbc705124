/**
 * The client's side: from a URL to a WebSocket.
 */
import { type Coroutine, type Operation, timeout } from "rondo";
import type { ByteStream, ClientSettings } from "rondo/net";
import { dial } from "../client/dial.ts";
import { Fields } from "../client/fields.ts";
import { base64, environment, proxyAt, proxyFrom } from "../client/proxy.ts";
import { isRedirect, PRIVATE } from "../client/redirect.ts";
import { type Target, targetOf } from "../client/target.ts";
import { ProtocolError } from "../errors.ts";
import { fieldLine, type HeadersSource } from "../headers.ts";
import { HEAD, NEED } from "../parser.ts";
import { ResponseParser } from "../response-parser.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import type { DeflateOptions } from "./extensions.ts";
import { askHandshake, checkAnswer } from "./handshake.ts";
import { strongRandom } from "./mask.ts";
import { nodeDeflate } from "./node-deflate.ts";
import { WebSocket, type WebSocketOptions } from "./socket.ts";
import { deflateOptions } from "./upgrade.ts";

/** How to connect, and how the socket behaves. */
export interface ConnectWebSocketOptions extends WebSocketOptions {
  /** The subprotocols that this client speaks, the one that it likes best first. A server that speaks none of them is refused. */
  readonly protocols?: readonly string[] | undefined;
  /** Fields to send with the handshake: cookies, authorization. */
  readonly headers?: HeadersSource | undefined;
  /** Whether messages may be compressed, and how: no, where nothing is said. */
  readonly deflate?: DeflateOptions | boolean | undefined;
  /** How long it may take until the socket is there, in ms: 30,000 where nothing is said. */
  readonly timeout?: number | undefined;
  /** For `wss:`: whom to trust, and so on. */
  readonly tls?: ClientSettings | undefined;
  /**
   * The address of a proxy, which makes a tunnel (`CONNECT`), or none; by the environment (`HTTPS_PROXY` for `wss:`,
   * `HTTP_PROXY` for `ws:`, …, `NO_PROXY`) where nothing is said.
   */
  readonly proxy?: string | URL | null | undefined;
  /**
   * How many redirects are followed: none, where nothing is said, as in browsers. `Authorization` and `Cookie` do not go along to
   * another origin.
   */
  readonly maxRedirects?: number | undefined;
}

/** Fields that the handshake is made of: a client that set them would break it. (`Fields` refuses more.) */
const OURS = new Set([
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
]);

/**
 * Connects to `ws://…` or `wss://…` and gives the socket. It is yours to close. A switch point.
 *
 * Throws a {@link WebSocketHandshakeError} where the server does not agree (`status` says what it answered), a
 * `ConnectError` or `TlsError` where there is no connection, an `HttpError` where a proxy makes none, a `TimeoutError`.
 * Cancelled, it leaves nothing open.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { connectWebSocket, serve, text, WebSocketHandshakeError } from "@rondo/http";
 *
 * await run(function* () {
 *   const server = yield* serve({ host: "127.0.0.1", port: 0, handler: () => text("only pages here") });
 *   try {
 *     yield* connectWebSocket(`ws://127.0.0.1:${server.address.port}/chat`);
 *   } catch (error) {
 *     console.log(error instanceof WebSocketHandshakeError, (error as WebSocketHandshakeError).status); // prints: true 200
 *   }
 *   server.stop();
 * });
 * ```
 */
export function connectWebSocket(url: string | URL, options: ConnectWebSocketOptions = {}): Operation<WebSocket> {
  const place = placeOf(url);
  const deflate = deflateOptions(options.deflate, "connectWebSocket()");
  const fields = NO_FIELDS.with(options.headers);
  for (const name of OURS)
    if (fields.has(name))
      throw new TypeError(`the header ${name} is the handshake's own: there are options for protocols and compression`);
  const ms = options.timeout ?? 30_000;
  return timeout(ms, () => connecting(place, fields, options, deflate), { name: `connect to ${place.origin}` });
}

/** Where to go. */
interface Place {
  readonly target: Target;
  /** What a person reads. */
  readonly origin: string;
}

/** RFC 6455, section 3. `base` is where it was named, for an address that is relative. */
function placeOf(given: string | URL, base?: URL): Place {
  const url = typeof given === "string" ? URL.parse(given, base?.href) : given;
  if (url === null) throw new TypeError(`connectWebSocket() takes a URL, not ${JSON.stringify(given)}`);
  const { protocol } = url;
  const secure = protocol === "wss:" || protocol === "https:";
  if (!secure && protocol !== "ws:" && protocol !== "http:")
    throw new TypeError(`connectWebSocket() takes a URL of ws: or wss:, not of ${protocol}`);
  if (url.hash !== "" || url.href.endsWith("#"))
    throw new TypeError("the URL of a WebSocket has no fragment (RFC 6455, 3): leave out what follows the #");
  const spoken = new URL(url.href);
  spoken.protocol = secure ? "https:" : "http:";
  return { target: targetOf(spoken), origin: `${protocol}//${url.host}` };
}

function* connecting(
  first: Place,
  own: Fields,
  options: ConnectWebSocketOptions,
  deflate: DeflateOptions | undefined,
): Coroutine<WebSocket> {
  const { maxRedirects = 0 } = options;
  let place = first;
  let fields = own;
  for (let left = maxRedirects; ; left--) {
    const found = yield* ask(place, fields, options, deflate, left > 0);
    if (found instanceof WebSocket) return found;
    if (found.target.origin !== place.target.origin) fields = fields.without(PRIVATE);
    place = found;
  }
}

/** Gives the socket, or where the server says that it is, if that is `wanted`. */
function* ask(
  place: Place,
  fields: Fields,
  options: ConnectWebSocketOptions,
  deflate: DeflateOptions | undefined,
  wanted: boolean,
): Coroutine<WebSocket | Place> {
  const { target } = place;
  const service = deflate === undefined ? null : nodeDeflate();
  const agreeing = { protocols: options.protocols, deflate: service === null ? undefined : deflate };
  const asked = askHandshake(agreeing, options.random ?? strongRandom);
  const request = requestOf(target, asked.headers, fields);
  const { proxy, tls } = options;
  const by = proxy === undefined ? proxyFrom(environment(), target) : proxy === null ? undefined : proxyAt(proxy);
  const stream: ByteStream = yield* dial(target, by, { ...DIALLING, tls });
  let done = false;
  try {
    yield* stream.write(request);
    const answer = yield* readAnswer(stream, place);
    const location = wanted && isRedirect(answer.status) ? answer.headers.get("location") : undefined;
    if (location !== undefined) return elsewhere(location, place, answer.status);
    const granted = checkAnswer(answer, asked, agreeing);
    done = true;
    return new WebSocket(stream, { ...options, ...granted, role: "client", service });
  } finally {
    if (!done) stream.abort();
  }
}

function elsewhere(location: string, { target, origin }: Place, status: number): Place {
  try {
    return placeOf(location, target.url);
  } catch (error) {
    const what = `${origin} leads to ${JSON.stringify(location)}, which is no WebSocket: ${(error as Error).message}`;
    throw new WebSocketHandshakeError(what, { status, cause: error });
  }
}

const NO_FIELDS: Fields = new Fields([]);
/** The time for all of it is bounded by the caller. */
const DIALLING = {
  timeout: undefined,
  unix: undefined,
  localAddress: undefined,
  family: undefined,
  refuse: undefined,
  tunnel: true,
};

function requestOf(
  { path, host, credentials }: Target,
  handshake: readonly (readonly [string, string])[],
  fields: Fields,
): string {
  let text = `GET ${path} HTTP/1.1\r\n${fieldLine("Host", host)}`;
  for (const [name, value] of handshake) text += fieldLine(name, value);
  if (credentials !== undefined && !fields.has("authorization"))
    text += fieldLine("Authorization", `Basic ${base64(credentials)}`);
  return `${text}${fields.text()}\r\n`;
}

/** Reads the head of the answer, and puts back what follows it. */
function* readAnswer(stream: ByteStream, { origin }: Place): Coroutine<ResponseParser["head"]> {
  const parser = new ResponseParser();
  parser.expect("GET");
  try {
    for (;;) {
      const event = parser.next();
      if (event === HEAD) break;
      if (event !== NEED) continue;
      const chunk = yield* stream.read();
      if (chunk !== undefined) parser.push(chunk);
      else throw new WebSocketHandshakeError(`${origin} ended the connection before it answered the handshake`);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new WebSocketHandshakeError(`${origin} answered the handshake with no HTTP: ${error.message}`, {
      cause: error,
    });
  }
  const { head } = parser;
  if (head.switches) stream.unread(parser.rest());
  return head;
}
