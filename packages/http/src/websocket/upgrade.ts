/**
 * The server's side: a request becomes a WebSocket.
 */
import type { Coroutine, Operation } from "rondo";
import type { ByteStream } from "rondo/net";
import type { HttpRequest } from "../request.ts";
import { HttpResponse, text } from "../response.ts";
import { GOING_AWAY, INTERNAL_ERROR, NORMAL } from "./close-codes.ts";
import { checkDeflateOptions, type DeflateOptions } from "./extensions.ts";
import { acceptHandshake, type Origins } from "./handshake.ts";
import { nodeDeflate } from "./node-deflate.ts";
import { WebSocket, type WebSocketOptions, type WebSocketSetup } from "./socket.ts";

/** What a server agrees to, and how its sockets behave. */
export interface UpgradeOptions extends WebSocketOptions {
  /** The subprotocols that are spoken here. The first one that the client names and that is among them is taken. */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Which pages may connect: those of the same host (`same`, where nothing is said), of these origins
   * (`https://example.org`), what a function allows, or `any`. A browser sends the user's cookies to every server that any
   * page names, so a server that knows its users by cookies has to look. Clients that are no browsers name no origin, and
   * are let in.
   */
  readonly origins?: Origins | undefined;
  /** Whether messages may be compressed, and how: no, where nothing is said. It costs memory and time for each socket. */
  readonly deflate?: DeflateOptions | boolean | undefined;
}

/**
 * The answer to a request that asks for a WebSocket: agrees, and runs `use` with the socket. When `use` has ended the socket
 * is closed (1000); where it fails, 1011, and the server is told of the error. When the server is asked to stop, its sockets
 * say so (1001), and `receive` gives undefined. A request that is no handshake, or not one to be agreed to, is answered with what is wrong: 400, 403, 405 or 426.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { connectWebSocket, serve, upgrade, type WebSocket } from "@rondo/http";
 *
 * function* echo(socket: WebSocket) {
 *   for (;;) {
 *     const message = yield* socket.receive();
 *     if (message === undefined) return;
 *     yield* socket.send(message);
 *   }
 * }
 * await run(() =>
 *   group(function* () {
 *     const server = yield* serve({ host: "127.0.0.1", port: 0, handler: (request) => upgrade(request, echo) });
 *     const socket = yield* connectWebSocket(`ws://127.0.0.1:${server.address.port}/`);
 *     yield* socket.send("hello");
 *     console.log(yield* socket.receive()); // prints: hello
 *     yield* socket.close();
 *     server.stop();
 *   }),
 * );
 * ```
 */
export function upgrade(
  request: HttpRequest,
  use: (socket: WebSocket) => Operation<unknown>,
  options: UpgradeOptions = {},
): HttpResponse {
  if (typeof use !== "function") throw new TypeError("upgrade() takes a function* (socket) {…}");
  const deflate = deflateOptions(options.deflate, "upgrade()");
  const service = deflate === undefined ? null : nodeDeflate();
  const { method, headers, head } = request;
  const answer = acceptHandshake(
    { method, headers, version: head.version },
    { protocols: options.protocols, origins: options.origins, deflate, service },
  );
  if (!answer.ok) return text(`${answer.message}\n`, { status: answer.status, headers: answer.headers });
  const setup: WebSocketSetup = {
    role: "server",
    protocol: answer.protocol,
    deflate: answer.deflate,
    service,
    maxMessage: options.maxMessage,
    heartbeat: options.heartbeat,
    closeTimeout: options.closeTimeout,
    closeOnStop: options.closeOnStop,
  };
  return HttpResponse.upgrade(answer.headers, (stream) => using(stream, setup, use));
}

/** Options for compression from what a user says of it. */
export function deflateOptions(given: DeflateOptions | boolean | undefined, who: string): DeflateOptions | undefined {
  if (given === undefined || given === false) return undefined;
  const options = given === true ? {} : given;
  checkDeflateOptions(options, who);
  return options;
}

function* using(
  stream: ByteStream,
  setup: WebSocketSetup,
  use: (socket: WebSocket) => Operation<unknown>,
): Coroutine<void> {
  const socket = new WebSocket(stream, setup);
  try {
    yield* use(socket);
    yield* socket.close(NORMAL);
  } catch (error) {
    yield* socket.close(INTERNAL_ERROR);
    throw error;
  } finally {
    // Cancelled: a word, and no waiting for an answer.
    socket._protocol.leave(GOING_AWAY);
  }
}
