/**
 * A message that is received in parts: for those that are larger than what one wants to hold.
 */
import { type Coroutine, Flow } from "rondo";
import { ABNORMAL } from "./close-codes.ts";
import { WebSocketError } from "./errors.ts";
import { OVER, type Protocol } from "./protocol.ts";

/**
 * A message, given in parts as they come: text in whole characters, or bytes. Where the parts are cut says nothing. What
 * has come and is not read holds the peer back.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { memoryPair } from "rondo/net";
 * import { WebSocket } from "@rondo/http";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const [one, other] = memoryPair();
 *     const client = new WebSocket(one, { role: "client" });
 *     const server = new WebSocket(other, { role: "server" });
 *     g.spawn(client.sendStream(["a ", "long ", "story"]));
 *     const message = yield* server.receiveStream();
 *     let size = 0;
 *     for (let part = yield* message!.read(); part !== undefined; part = yield* message!.read()) size += part.length;
 *     console.log(message!.text, size); // prints: true 12
 *     client.abort();
 *     server.abort();
 *   }),
 * );
 * ```
 */
export class IncomingMessage {
  /** Whether it is text: then its parts are strings. */
  readonly text: boolean;
  /** @internal Parts that have come and were not read. */
  readonly _parts: (string | Uint8Array)[];
  /** @internal Its end has come. */
  _whole: boolean;
  private readonly socket: Protocol;
  private dropped: boolean;

  /** @internal */
  constructor(socket: Protocol, text: boolean) {
    this.socket = socket;
    this.text = text;
    this._parts = [];
    this._whole = false;
    this.dropped = false;
  }

  /** @internal One that has come whole already. */
  static whole(socket: Protocol, message: string | Uint8Array): IncomingMessage {
    const incoming = new IncomingMessage(socket, typeof message === "string");
    if (message.length > 0) incoming._parts.push(message);
    incoming._whole = true;
    return incoming;
  }

  /**
   * The next part, `undefined` at the end of the message. Throws where the connection ends before it, and so the message is
   * not whole. Cancelled, it has taken nothing. A switch point only when it must wait.
   */
  *read(): Coroutine<string | Uint8Array | undefined> {
    const { socket } = this;
    for (;;) {
      const part = this._parts.shift();
      if (part !== undefined) return part;
      if (this._whole || this.dropped) return undefined;
      if (socket.state === OVER)
        throw new WebSocketError(
          `${socket.label}: the WebSocket ended in the middle of a message`,
          socket.failure?.code ?? ABNORMAL,
        );
      if (socket.reading) yield* socket.park();
      else yield* socket.advance();
    }
  }

  /** The parts as a flow. Closing the flow closes the message. */
  parts(): Flow<string | Uint8Array> {
    return Flow.from<string | Uint8Array>(
      {
        receive: () => this.read(),
        tryReceive: () => {
          const value = this._parts.shift();
          return value === undefined ? undefined : { value };
        },
        close: () => this.close(),
      },
      { name: "message" },
    );
  }

  /** The rest is not wanted: it is let go as it comes. Not a switch point. */
  close(): void {
    this._parts.length = 0;
    if (this._whole || this.dropped) return;
    this.dropped = true;
    this.socket.messageDone(this);
  }
}
