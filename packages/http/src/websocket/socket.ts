/**
 * The WebSocket: messages over one byte stream (RFC 6455). This file is its face; what it does with what comes, and how it
 * ends, is in protocol.ts, and what it sends in sender.ts.
 */
import { BusyError, type Coroutine, Flow, now, select, sleepUntil } from "rondo";
import type { ByteStream, Writable } from "rondo/net";
import { type CloseInfo, closePayload, INTERNAL_ERROR, NO_CODE, NORMAL } from "./close-codes.ts";
import type { DeflateService } from "./deflate.ts";
import { WebSocketError } from "./errors.ts";
import type { DeflateAgreement } from "./extensions.ts";
import { PING } from "./frame.ts";
import { IncomingMessage } from "./incoming.ts";
import { MaskKeys, type RandomSource, strongRandom } from "./mask.ts";
import { MessageReader } from "./message-reader.ts";
import { OPEN, type OpenPing, OVER, Protocol } from "./protocol.ts";
import { type HeartbeatOptions, Pulse } from "./pulse.ts";
import { checkMessage, Sender } from "./sender.ts";

/** How a WebSocket behaves once it is there. */
export interface WebSocketOptions {
  /** The most that a message may have, in bytes, decompressed: 1 MiB where nothing is said. A larger one ends the connection (1009). */
  readonly maxMessage?: number | undefined;
  /** How dead peers are found out; `false` for not at all. Needs somebody who waits on the socket. */
  readonly heartbeat?: HeartbeatOptions | false | undefined;
  /** How long the peer has to answer a Close, and to end the connection after that, in ms: 10,000 where nothing is said. */
  readonly closeTimeout?: number | undefined;
  /**
   * Whether it says Close (1001) by itself when the group around is asked to stop, as a server is that shuts down: where
   * nothing is said, a server's socket does and a client's does not.
   */
  readonly closeOnStop?: boolean | undefined;
  /** What a client masks with: the platform's source of strong randomness, where nothing is said. For tests. */
  readonly random?: RandomSource | undefined;
}

/** What a WebSocket is made of, once the handshake is done. */
export interface WebSocketSetup extends WebSocketOptions {
  /** Which side this is. */
  readonly role: "server" | "client";
  /** The subprotocol that was agreed on. */
  readonly protocol?: string | undefined;
  readonly deflate?: DeflateAgreement | undefined;
  readonly service?: DeflateService | null | undefined;
}

/** What a WebSocket tells about itself. */
export interface WebSocketStatistics {
  readonly label: string;
  /** `open`, `closing` (a Close was sent or has come), or `closed`. */
  readonly state: "open" | "closing" | "closed";
  /** Messages that have come and that nobody has taken. */
  readonly waiting: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** Bytes that have been sent and have not left. */
  readonly unsent: number;
}

const MIB = 1024 * 1024;

/**
 * A WebSocket. Made by `upgrade` (in a server) and `connectWebSocket`; or of any byte stream on which both sides are past
 * the handshake.
 *
 * One task receives at a time, any number may send. A socket works only while somebody waits on it: a task that only sends
 * is to be accompanied by one that waits in `untilClosed()`, or in `receive()`.
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
 *     g.spawn(function* () {
 *       for (;;) {
 *         const message = yield* server.receive();
 *         if (message === undefined) break;
 *         yield* server.send(`you said ${message}`);
 *       }
 *       console.log(server.closed?.code, server.closed?.reason); // prints: 1000 enough
 *     });
 *     yield* client.send("hello");
 *     console.log(yield* client.receive()); // prints: you said hello
 *     yield* client.close(1000, "enough");
 *   }),
 * );
 * ```
 */
export class WebSocket implements AsyncDisposable {
  /** The subprotocol that was agreed on, or an empty string. */
  readonly protocol: string;
  /** What lies below. For its addresses and its label: whoever reads from it or writes to it breaks the socket. */
  readonly stream: ByteStream;
  /** @internal */
  readonly _protocol: Protocol;
  private pinged: number;
  private sent: number;

  constructor(stream: ByteStream, setup: WebSocketSetup) {
    const { role, maxMessage = MIB, closeTimeout = 10_000, heartbeat, deflate, service = null, random } = setup;
    if (role !== "server" && role !== "client")
      throw new TypeError(`a WebSocket is that of a "server" or of a "client", not ${String(role)}`);
    if (!(maxMessage >= 0))
      throw new RangeError(`maxMessage is a number of bytes, 0 or more, not ${String(maxMessage)}`);
    if (!(closeTimeout >= 0))
      throw new RangeError(`closeTimeout is a time in ms, 0 or more, not ${String(closeTimeout)}`);
    const server = role === "server";
    const keys = server ? null : new MaskKeys(random ?? strongRandom);
    const sender = new Sender(stream, keys, deflate, service);
    const reader = new MessageReader({ masked: server, maxMessage, deflate, service });
    const { closeOnStop = server } = setup;
    const pulse = heartbeat === false ? (closeOnStop ? new Pulse(null) : null) : new Pulse(heartbeat ?? {});
    this.stream = stream;
    this.protocol = setup.protocol ?? "";
    this._protocol = new Protocol(stream, sender, reader, {
      server,
      maxMessage,
      closeTimeout,
      pulse,
      leaves: closeOnStop,
    });
    this.pinged = 0;
    this.sent = 0;
  }

  /** What a person reads in errors: that of the stream. */
  get label(): string {
    return this.stream.label;
  }

  /** As `label`. */
  get name(): string {
    return this.stream.label;
  }

  /** How it ended; undefined before. */
  get closed(): CloseInfo | undefined {
    return this._protocol.state === OVER ? this._protocol.ending : undefined;
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return this._protocol.state === OPEN;
  }

  /** Whether messages can be compressed. */
  get compresses(): boolean {
    return this._protocol.sender.deflate !== undefined;
  }

  statistics(): WebSocketStatistics {
    const { state, inbox, received } = this._protocol;
    return {
      label: this.label,
      state: state === OPEN ? "open" : state === OVER ? "closed" : "closing",
      waiting: inbox.length,
      messagesReceived: received,
      messagesSent: this.sent,
      unsent: this.stream.statistics().unsent,
    };
  }

  // ---- receiving ----------------------------------------------------------------------------------------------------

  /**
   * The next message: a string or bytes; `undefined` once both sides have said Close (`closed` says how), as often as you
   * ask. A switch point only when it must wait. Cancelled, it has taken nothing.
   *
   * Throws a {@link WebSocketError} where the connection broke (1006) or the peer broke a rule, a `ClosedError` after
   * `abort()`, a `BusyError` where another task receives.
   */
  *receive(): Coroutine<string | Uint8Array | undefined> {
    const protocol = this._protocol;
    this.beginReceiving();
    try {
      for (;;) {
        if (protocol.inbox.length > 0) return protocol.takeMessage();
        if (protocol.state === OVER) return protocol.end();
        if (protocol.reading) yield* protocol.news.park("websocket");
        else yield* protocol.advance();
      }
    } finally {
      protocol.receiving = false;
    }
  }

  /**
   * The next message, in parts as they come, so that it may be of any size: `maxMessage` does not hold for it. Until it is
   * read to its end or closed, nothing else can be received. Else as `receive`.
   */
  *receiveStream(): Coroutine<IncomingMessage | undefined> {
    const protocol = this._protocol;
    this.beginReceiving();
    const { reader } = protocol;
    try {
      for (;;) {
        if (protocol.inbox.length > 0) return IncomingMessage.whole(protocol, protocol.takeMessage());
        if (protocol.message !== null) return protocol.message;
        if (protocol.state === OVER) return protocol.end();
        if (reader.splitCurrent()) {
          protocol.message = new IncomingMessage(protocol, reader.text);
          const first = reader.takeGathered();
          if (first !== undefined && first.length > 0) protocol.message._parts.push(first);
          return protocol.message;
        }
        reader.inParts = true;
        if (protocol.reading) yield* protocol.news.park("websocket");
        else yield* protocol.advance();
      }
    } finally {
      reader.inParts = false;
      protocol.receiving = false;
    }
  }

  /** The messages as a flow, up to the end. It takes what it gives, so `receive` can go on after it. */
  messages(): Flow<string | Uint8Array> {
    const protocol = this._protocol;
    return Flow.from<string | Uint8Array>(
      {
        receive: () => this.receive(),
        tryReceive: () => {
          if (protocol.inbox.length === 0) return undefined;
          this.beginReceiving();
          protocol.receiving = false;
          return { value: protocol.takeMessage() };
        },
        close: () => {
          // Nobody takes any more; the socket is still open.
        },
      },
      { name: `${this.label} messages` },
    );
  }

  private beginReceiving(): void {
    const protocol = this._protocol;
    if (protocol.receiving)
      throw new BusyError(
        `${this.label}: another task receives from it: let one receive, and give the others what they need`,
      );
    if (protocol.message !== null)
      throw new BusyError(`${this.label}: a message is being received in parts: read it to its end or close it first`);
    protocol.receiving = true;
  }

  // ---- sending ------------------------------------------------------------------------------------------------------

  /**
   * Sends a message: a string as text, bytes as binary. Waits while the peer is slow. Bytes must not be changed afterwards
   * if they are more than 8 KiB.
   *
   * Cancelled before it has begun, it has sent nothing. Cancelled half way, the connection is broken, and everybody who uses
   * it is told so. Throws a `ClosedError` after `close()`, a {@link WebSocketError} where the peer is gone or has closed.
   */
  *send(data: string | Uint8Array): Coroutine<void> {
    const protocol = this._protocol;
    if (typeof data !== "string") checkMessage(data, "send()");
    protocol.checkOpen();
    const { sender } = protocol;
    let done = false;
    try {
      if (sender.plain(data)) yield* this.stream.write(sender.frame(data));
      else yield* sender.inTurn(data, () => protocol.checkOpen());
      done = true;
      this.sent++;
    } catch (error) {
      done = true;
      throw protocol.explain(error);
    } finally {
      if (!done) protocol.afterCut();
    }
  }

  /**
   * Sends a message if that needs no waiting, and says whether it did. A peer that does not read gets some messages more,
   * up to 64 KiB that lie unsent, and then false. Never waits; throws as `send` does.
   */
  trySend(data: string | Uint8Array): boolean {
    checkMessage(data, "trySend()");
    this._protocol.checkOpen();
    const { sender } = this._protocol;
    if (sender.busy) return false;
    try {
      const sent = sender.plain(data) ? this.stream.tryWrite(sender.frame(data)) : sender.tryCompressed(data);
      if (sent) this.sent++;
      return sent;
    } catch (error) {
      throw this._protocol.explain(error);
    }
  }

  /** @internal Sends a message that is framed already, if that needs no waiting. A socket that is gone takes none. */
  _tryFrame(frame: Writable): boolean {
    if (this._protocol.sender.busy || !this._protocol.attempt(frame)) return false;
    this.sent++;
    return true;
  }

  /**
   * Sends one message in fragments: the items of a flow, all of them strings or all of them bytes, as they come. Text is
   * to be cut between characters. Other messages wait until it has ended; pings and Close do not. Where the flow fails or
   * this is cancelled after the first fragment, there is no way to take the message back: the socket is closed with 1011.
   */
  *sendStream(parts: Flow<string> | Flow<Uint8Array> | Iterable<string> | Iterable<Uint8Array>): Coroutine<void> {
    const protocol = this._protocol;
    protocol.checkOpen();
    const flow = Flow.from<string | Uint8Array>(parts as Flow<string | Uint8Array>);
    let open = false;
    let done = false;
    try {
      yield* protocol.sender.fragments(
        () => flow.next(),
        () => protocol.checkOpen(),
        () => (open = true),
      );
      done = true;
      this.sent++;
    } catch (error) {
      throw protocol.explain(error);
    } finally {
      flow.close();
      if (!done) {
        protocol.afterCut();
        if (open && protocol.state === OPEN)
          protocol.fail(new WebSocketError("a message that was sent in fragments was not finished", INTERNAL_ERROR));
      }
    }
  }

  /**
   * Asks the peer for a sign of life, and waits for it: gives how long it took, in ms. Bound it with `timeout`. The
   * heartbeat does as much by itself, for a peer that is gone. Throws as `send` does, and where the socket ends meanwhile.
   */
  *ping(): Coroutine<number> {
    const protocol = this._protocol;
    protocol.checkOpen();
    const begun = now();
    const ping: OpenPing = { id: ++this.pinged >>> 0, answered: false };
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, ping.id);
    protocol.pings.push(ping);
    let done = false;
    try {
      yield* this.stream.write(protocol.control(PING, payload));
      done = true;
      while (!ping.answered) {
        if (protocol.state === OVER) protocol.checkOpen();
        if (protocol.reading || protocol.full) yield* protocol.news.park("pong");
        else yield* protocol.advance();
      }
      return now() - begun;
    } catch (error) {
      done = true;
      throw protocol.explain(error);
    } finally {
      const at = protocol.pings.indexOf(ping);
      if (at >= 0) protocol.pings.splice(at, 1);
      if (!done) protocol.afterCut();
    }
  }

  // ---- the end ------------------------------------------------------------------------------------------------------

  /**
   * The closing handshake: says Close, waits for the peer's one and for the end of the connection, and gives how it ended.
   * Messages that still come are given to whoever is in `receive()`, else dropped. Where the peer does not answer within
   * `closeTimeout`, the connection is cut (1006); nothing of that is thrown. Any number of times; the first one counts.
   *
   * Cancelled, it cuts the connection: it is always closed. Throws a `RangeError` for a code that may not be sent: 1000, or
   * 3000 to 4999, or one of the registered ones; and for a reason of more than 123 bytes.
   */
  *close(code: number | undefined = NORMAL, reason: string = ""): Coroutine<CloseInfo> {
    const protocol = this._protocol;
    const payload = closePayload(code, reason);
    let done = false;
    try {
      if (protocol.state === OPEN) {
        const info: CloseInfo = { code: code ?? NO_CODE, reason, clean: false, by: "us" };
        yield* protocol.beginClose(info, payload);
      }
      while ((protocol.state as number) !== OVER) {
        if (!protocol.reading) yield* protocol.advance();
        else if (
          (yield* select({ news: protocol.news.park("closed"), late: sleepUntil(protocol.closeBy) })).key === "late"
        )
          protocol.expire();
      }
      done = true;
      return protocol.ending;
    } finally {
      if (!done) this.abort();
    }
  }

  /**
   * Waits until the socket has ended, for whatever reason, and gives how. Messages that come meanwhile are dropped, unless
   * another task receives. For those who only send.
   */
  *untilClosed(): Coroutine<CloseInfo> {
    const protocol = this._protocol;
    while (protocol.state !== OVER) {
      if (protocol.reading) yield* protocol.news.park("closed");
      else {
        yield* protocol.advance();
        if (!protocol.receiving && protocol.message === null) {
          protocol.inbox.length = 0;
          protocol.inboxSize = 0;
        }
      }
    }
    return protocol.ending;
  }

  /** Cuts the connection at once, without a Close: the peer sees 1006. Not a switch point. Any number of times. */
  abort(): void {
    this._protocol.abort();
  }

  /** For `use()` and `await using`: says Close and ends the connection, without waiting for an answer. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    this._protocol.leave(NORMAL);
    return this.stream[Symbol.asyncDispose]();
  }
}
