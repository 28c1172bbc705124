/**
 * How a WebSocket breaks, and how one does not come about.
 */
import { BrokenError } from "rondo";

/**
 * A WebSocket has ended otherwise than by a closing handshake. `code` says how: 1006 where the connection is gone, else
 * what the peer was told: 1002 (it broke the protocol), 1007 (not UTF-8), 1009 (a message too large), …
 *
 * @example
 * ```ts
 * import { BrokenError } from "rondo";
 * import { WebSocketError } from "@rondo/http";
 *
 * const error = new WebSocketError("the connection is gone", 1006);
 * console.log(error instanceof BrokenError, error.code); // prints: true 1006
 * ```
 */
export class WebSocketError extends BrokenError {
  override readonly name: string = "WebSocketError";
  /** The close code (RFC 6455, section 7.4.1). */
  readonly code: number;
  /** Which section the peer broke, where it did. */
  readonly rfc: string | undefined;

  constructor(message: string, code: number, rfc?: string, options?: { readonly cause?: unknown }) {
    super(rfc === undefined ? message : `${message} (${rfc})`, options);
    this.code = code;
    this.rfc = rfc;
  }
}

/**
 * The two sides have not come to a WebSocket: the peer's half of the handshake is not what it has to be, or the server has
 * refused.
 *
 * @example
 * ```ts
 * import { WebSocketHandshakeError } from "@rondo/http";
 *
 * const error = new WebSocketHandshakeError("the server answered 404 Not Found", { status: 404 });
 * console.log(error.status, error.message); // prints: 404 the server answered 404 Not Found
 * ```
 */
export class WebSocketHandshakeError extends Error {
  override readonly name: string = "WebSocketHandshakeError";
  /** What the server answered, or is to answer; undefined where it was not about that. */
  readonly status: number | undefined;
  /** Which section was broken, where one was. */
  readonly rfc: string | undefined;

  constructor(
    message: string,
    options: { readonly status?: number | undefined; readonly rfc?: string; readonly cause?: unknown } = {},
  ) {
    super(
      options.rfc === undefined ? message : `${message} (${options.rfc})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.status = options.status;
    this.rfc = options.rfc;
  }
}
