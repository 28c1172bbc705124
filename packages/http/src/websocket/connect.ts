/**
 * The client's side: from a URL to a WebSocket.
 */
import { type Coroutine, type Operation, timeout } from "rondo";
import { type ByteStream, type ClientSettings, connect, connectTls } from "rondo/net";
import { ProtocolError } from "../errors.ts";
import { fieldLine, fieldLines, type HeadersSource } from "../headers.ts";
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
}

/** Fields that the handshake is made of: a client that set them would break it. */
const OURS = new Set([
  "host",
  "upgrade",
  "connection",
  "content-length",
  "transfer-encoding",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
]);

/**
 * Connects to `ws://…` or `wss://…` and gives the socket. It is yours to close. A switch point.
 *
 * Throws a {@link WebSocketHandshakeError} where the server does not agree (`status` says what it answered), a
 * `ConnectError` or `TlsError` where there is no connection, a `TimeoutError`. Cancelled, it leaves nothing open. Redirects
 * are not followed.
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
  const target = parsed(url);
  const deflate = deflateOptions(options.deflate, "connectWebSocket()");
  const ms = options.timeout ?? 30_000;
  return timeout(ms, () => connecting(target, options, deflate), { name: `connect to ${target.origin}` });
}

/** Where to go: RFC 6455, section 3. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** For the `Host` field. */
  readonly authority: string;
  readonly resource: string;
  readonly authorization: string | undefined;
  /** What a person reads. */
  readonly origin: string;
}

function parsed(given: string | URL): Target {
  const url = typeof given === "string" ? URL.parse(given) : given;
  if (url === null) throw new TypeError(`connectWebSocket() takes a URL, not ${JSON.stringify(given)}`);
  const { protocol, hostname, username, password } = url;
  const secure = protocol === "wss:" || protocol === "https:";
  if (!secure && protocol !== "ws:" && protocol !== "http:")
    throw new TypeError(`connectWebSocket() takes a URL of ws: or wss:, not of ${protocol}`);
  if (url.hash !== "" || url.href.endsWith("#"))
    throw new TypeError("the URL of a WebSocket has no fragment (RFC 6455, 3): leave out what follows the #");
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    host: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    secure,
    authority: url.host,
    resource: url.pathname + url.search,
    authorization:
      username === "" && password === ""
        ? undefined
        : `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(credentials)))}`,
    origin: `${protocol}//${url.host}`,
  };
}

function* connecting(
  target: Target,
  options: ConnectWebSocketOptions,
  deflate: DeflateOptions | undefined,
): Coroutine<WebSocket> {
  const { host, port, secure } = target;
  const service = deflate === undefined ? null : nodeDeflate();
  const wanted = { protocols: options.protocols, deflate: service === null ? undefined : deflate };
  const asked = askHandshake(wanted, options.random ?? strongRandom);
  const request = requestOf(target, asked.headers, options.headers);
  const stream: ByteStream = secure
    ? yield* connectTls({ ...options.tls, host, port })
    : yield* connect({ host, port });
  let done = false;
  try {
    yield* stream.write(request);
    const answer = yield* readAnswer(stream, target);
    const granted = checkAnswer(answer, asked, wanted);
    done = true;
    return new WebSocket(stream, { ...options, ...granted, role: "client", service });
  } finally {
    if (!done) stream.abort();
  }
}

function requestOf(
  { resource, authority, authorization }: Target,
  handshake: readonly (readonly [string, string])[],
  headers: HeadersSource | undefined,
): string {
  const own = headers === undefined ? "" : fieldLines(headers);
  for (const line of own.split("\r\n")) {
    const name = line.slice(0, Math.max(0, line.indexOf(":"))).toLowerCase();
    if (OURS.has(name))
      throw new TypeError(`the header ${name} is the handshake's own: there are options for protocols and compression`);
  }
  let text = `GET ${resource} HTTP/1.1\r\n${fieldLine("Host", authority)}`;
  for (const [name, value] of handshake) text += fieldLine(name, value);
  if (authorization !== undefined && !/^authorization:/im.test(own)) text += fieldLine("Authorization", authorization);
  return `${text}${own}\r\n`;
}

/** Reads the head of the answer, and puts back what follows it. */
function* readAnswer(stream: ByteStream, target: Target): Coroutine<ResponseParser["head"]> {
  const parser = new ResponseParser();
  parser.expect("GET");
  try {
    for (;;) {
      const event = parser.next();
      if (event === HEAD) break;
      if (event !== NEED) continue;
      const chunk = yield* stream.read();
      if (chunk !== undefined) parser.push(chunk);
      else throw new WebSocketHandshakeError(`${target.origin} ended the connection before it answered the handshake`);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new WebSocketHandshakeError(`${target.origin} answered the handshake with no HTTP: ${error.message}`, {
      cause: error,
    });
  }
  const { head } = parser;
  if (head.switches) stream.unread(parser.rest());
  return head;
}
