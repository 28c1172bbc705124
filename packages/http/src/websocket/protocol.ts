/**
 * What a WebSocket does with what comes, and how it ends; its face is socket.ts.
 *
 * There is no task behind it. Whoever waits on the socket reads for it: `receive()`, and also `ping()` and `close()`, take
 * what has come, answer pings, keep the heartbeat, and go through the closing handshake, until what they wait for is there.
 * When several wait, one of them reads and tells the others. So an idle socket is one parked wait, a slow receiver holds the
 * peer back, and a cancelled `receive()` leaves everything as it was. (The same as in Go's gorilla/websocket and
 * coder/websocket: a connection on which nobody waits does nothing.)
 *
 * The end is a small state machine. Each side says Close once; when both have, the server ends the connection and the
 * client waits for that, so that the port that stays busy for a while is the server's (RFC 6455, section 7.1.1). Where the
 * peer breaks a rule it is told why by a Close, and what it still sends is thrown away until it ends, because a connection
 * that is cut with bytes unread takes our last words with it.
 */
import { ClosedError, type Coroutine, now, select, sleepUntil, type Wait, WaitQueue } from "rondo";
import type { ByteStream, Writable } from "rondo/net";
import { ABNORMAL, type CloseInfo, closePayload, GOING_AWAY, NO_CODE, readClosePayload } from "./close-codes.ts";
import { WebSocketError } from "./errors.ts";
import { CLOSE, PING, PONG } from "./frame.ts";
import { frameOf } from "./frame-writer.ts";
import { IncomingMessage } from "./incoming.ts";
import { CONTROL, ENDED, MESSAGE, type MessageReader, NOTHING, PART, STARTED } from "./message-reader.ts";
import type { Patient, Pulse } from "./pulse.ts";
import type { Sender } from "./sender.ts";

export const OPEN = 0;
/** This side has said Close. */
export const CLOSING = 1;
/** Both have. */
const AGREED = 2;
/** The peer has broken a rule, or is gone. */
const FAILING = 3;
export const OVER = 4;

const EMPTY: Uint8Array = new Uint8Array(0);
/** How soon it is tried again to answer a Ping where the way out is crowded, in ms. */
const AGAIN = 25;

/** A ping that somebody waits for. */
export interface OpenPing {
  readonly id: number;
  answered: boolean;
}

/** How it is to behave; times in ms. */
export interface ProtocolSettings {
  readonly server: boolean;
  readonly maxMessage: number;
  readonly closeTimeout: number;
  readonly pulse: Pulse | null;
  /** Whether it says Close when its group is to stop. */
  readonly leaves: boolean;
}

export class Protocol implements Patient {
  readonly stream: ByteStream;
  readonly sender: Sender;
  readonly reader: MessageReader;
  private readonly server: boolean;
  private readonly maxMessage: number;
  readonly closeTimeout: number;
  private readonly pulse: Pulse | null;
  private readonly leaves: boolean;
  state: number;
  /** Whole messages that have come, and how many bytes or characters they are. */
  readonly inbox: (string | Uint8Array)[];
  inboxSize: number;
  /** The message that is given in parts. */
  message: IncomingMessage | null;
  /** Somebody waits for messages. */
  receiving: boolean;
  /** Somebody reads for all. */
  reading: boolean;
  readonly news: WaitQueue;
  /** An answer to the peer that found no room: the last Pong, or our Close. */
  private due: Writable | null;
  readonly pings: OpenPing[];
  ending: CloseInfo;
  failure: WebSocketError | null;
  /** It was cut on this side. */
  private aborted: boolean;
  /** Until when the end has to be reached, in ms of the loop's clock. */
  closeBy: number;
  received: number;

  constructor(stream: ByteStream, sender: Sender, reader: MessageReader, settings: ProtocolSettings) {
    this.stream = stream;
    this.sender = sender;
    this.reader = reader;
    this.server = settings.server;
    this.maxMessage = settings.maxMessage;
    this.closeTimeout = settings.closeTimeout;
    this.pulse = settings.pulse;
    this.leaves = settings.leaves;
    this.state = OPEN;
    this.inbox = [];
    this.inboxSize = 0;
    this.message = null;
    this.receiving = false;
    this.reading = false;
    this.news = new WaitQueue();
    this.due = null;
    this.pings = [];
    this.ending = { code: ABNORMAL, reason: "", clean: false, by: "nobody" };
    this.failure = null;
    this.aborted = false;
    this.closeBy = Infinity;
    this.received = 0;
  }

  get label(): string {
    return this.stream.label;
  }

  // ---- what comes ---------------------------------------------------------------------------------------------------

  /** Nobody takes what has come, and there is enough of it: the peer is to wait. */
  get full(): boolean {
    return this.state === OPEN && (this.inboxSize > this.maxMessage || (this.message?._parts.length ?? 0) > 0);
  }

  /** Waits for news of whoever reads. */
  park(): Wait<void> {
    return this.news.park("websocket");
  }

  /** The message that was given in parts is over, or not wanted. */
  messageDone(message: IncomingMessage): void {
    if (this.message !== message) return;
    this.message = null;
    this.reader.dropRest();
    if (this.news.length > 0) this.news.unpark(Infinity);
  }

  /**
   * Goes on with what the peer sends, until there is something that somebody may wait for, or nothing more is at
   * hand and something has come. One task at a time. Cancelled, nothing is lost.
   */
  *advance(): Coroutine<void> {
    this.reading = true;
    try {
      if (this.state <= CLOSING && this.takeIn()) return;
      if (this.state === AGREED || this.state === FAILING) {
        yield* this.part();
        return;
      }
      // What nobody has to be told of while it is waited for is just one wait.
      const idle = this.due === null && this.closeBy === Infinity;
      const { pulse } = this;
      if (pulse !== null && !pulse.watched) pulse.begin(this);
      const chunk = yield* idle ? this.stream.read() : this.listen();
      if (chunk === undefined) this.cutOff();
      else if (chunk !== null) {
        pulse?.heard(now());
        this.reader.push(chunk);
      }
    } catch (error) {
      this.lost(error);
    } finally {
      this.reading = false;
      if (this.news.length > 0) this.news.unpark(Infinity);
    }
  }

  /** Looks at what is at hand. True where it found something that somebody may wait for. */
  private takeIn(): boolean {
    const { reader } = this;
    try {
      for (;;) {
        switch (reader.next()) {
          case NOTHING:
            return false;
          case MESSAGE:
            this.received++;
            // After our Close only those who are waiting for a message want one.
            if (this.state !== OPEN && !this.receiving) break;
            this.inbox.push(reader.value);
            this.inboxSize += reader.value.length;
            return true;
          case STARTED:
            this.message = new IncomingMessage(this, reader.text);
            return true;
          case PART:
            this.message?._parts.push(reader.value);
            return true;
          case ENDED: {
            this.received++;
            const { message } = this;
            this.message = null;
            if (message !== null) message._whole = true;
            return true;
          }
          case CONTROL:
            if (this.takeControl(reader.opcode, reader.payload)) return true;
        }
      }
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.fail(error);
      return true;
    }
  }

  private takeControl(opcode: number, payload: Uint8Array): boolean {
    if (opcode === PING) {
      // Only the last one has to be answered (5.5.3), and after a Close none.
      if (this.state === OPEN) {
        const pong = this.control(PONG, payload);
        this.due = this.attempt(pong) ? null : pong;
      }
      return false;
    }
    if (opcode === PONG) return this.takePong(payload);
    const { code, reason } = readClosePayload(payload);
    if (this.state === OPEN) {
      this.ending = { code, reason, clean: true, by: "peer" };
      this.closeBy = now() + this.closeTimeout;
      const answer = this.control(CLOSE, code === NO_CODE ? EMPTY : payload);
      this.due = this.attempt(answer) ? null : answer;
    } else {
      this.ending = { code, reason, clean: true, by: "us" };
    }
    this.state = AGREED;
    return true;
  }

  /** A Pong answers the Ping with the same payload, and all before it. */
  private takePong(payload: Uint8Array): boolean {
    if (this.pings.length === 0 || payload.length !== 4) return false;
    const id = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const at = this.pings.findIndex((ping) => ping.id === id);
    for (let i = 0; i <= at; i++) (this.pings[i] as OpenPing).answered = true;
    return at >= 0;
  }

  /** As `stream.read()`, and whatever else has to be done in time meanwhile; null where that is all that happened. */
  private *listen(): Coroutine<Uint8Array | undefined | null> {
    if (this.due !== null && this.attempt(this.due)) this.due = null;
    const at = this.due === null ? this.closeBy : Math.min(this.closeBy, now() + AGAIN);
    const { key, value } = yield* select({ bytes: this.stream.read(), time: sleepUntil(at) });
    if (key === "bytes") return value;
    if (now() >= this.closeBy) this.expire();
    return null;
  }

  /** For the heartbeat: a Ping, if there is room for it. */
  ask(): void {
    if (this.state === OPEN) this.attempt(this.control(PING, EMPTY));
  }

  /** For the heartbeat: the peer is gone. */
  giveUp(why: Error): void {
    this.lost(why);
  }

  /** The server is to stop: what is left is to say so, and not to wait for ever. */
  goAway(): boolean {
    if (!this.leaves || this.state === OVER) return false;
    if (this.state === OPEN) {
      this.state = CLOSING;
      this.ending = { code: GOING_AWAY, reason: "", clean: false, by: "us" };
      this.closeBy = now() + this.closeTimeout;
      this.due = this.control(CLOSE, closePayload(GOING_AWAY));
    }
    return true;
  }

  goOn(time: number): number {
    if (this.due !== null && this.attempt(this.due)) this.due = null;
    if (time >= this.closeBy) this.expire();
    return this.due === null ? this.closeBy : Math.min(this.closeBy, time + AGAIN);
  }

  /** Both have said Close, or one has broken a rule: what is left is to end the connection in good order. */
  private *part(): Coroutine<void> {
    const { stream, due } = this;
    if (due !== null) {
      yield* this.say(due);
      this.due = null;
      return;
    }
    const agreed = this.state === AGREED;
    if (!agreed) yield* select({ end: stream.end(), late: sleepUntil(this.closeBy) });
    // The server ends the connection first; where something went wrong, whoever sees it waits for the other one.
    while (!(this.server && agreed)) {
      const { key, value } = yield* select({ bytes: stream.read(), late: sleepUntil(this.closeBy) });
      if (key === "late") return this.expire();
      if (value === undefined) break;
    }
    const { key } = yield* select({ closed: stream.close(), late: sleepUntil(this.closeBy) });
    if (key === "late") this.expire();
    else this.finish(this.ending);
  }

  /** The next of the messages that have come. */
  takeMessage(): string | Uint8Array {
    const message = this.inbox.shift() as string | Uint8Array;
    this.inboxSize -= message.length;
    // Those who may not go on while nobody takes.
    if (this.news.length > 0) this.news.unpark(Infinity);
    return message;
  }

  /** What a receiver gets when it is all over. */
  end(): undefined {
    if (this.failure !== null) throw this.again(this.failure);
    if (this.aborted)
      throw new ClosedError(`${this.label}: it was aborted on this side: nothing can be received any more`);
    return undefined;
  }

  // ---- the end, from this side ------------------------------------------------------------------------------------

  /** Begins the closing handshake from this side. */
  *beginClose(info: CloseInfo, payload: Uint8Array): Coroutine<void> {
    this.state = CLOSING;
    this.ending = info;
    this.closeBy = now() + this.closeTimeout;
    yield* this.say(this.control(CLOSE, payload));
  }

  /** Cuts the connection. */
  abort(): void {
    if (this.state === OVER) return;
    this.aborted = true;
    this.stream.abort();
    this.finish({ code: ABNORMAL, reason: "", clean: false, by: "us" });
  }

  /** Says Close if that can be said at once, and waits for nothing. The stream is to be closed after that. */
  leave(code: number): void {
    if (this.state === OVER) return;
    if (this.state === OPEN && !this.attempt(this.control(CLOSE, closePayload(code)))) this.stream.abort();
    this.aborted = true;
    this.finish({ code, reason: "", clean: false, by: "us" });
  }

  /** Throws where no message can be sent any more. */
  checkOpen(): void {
    if (this.state === OPEN) return;
    if (this.failure !== null) throw this.again(this.failure);
    const { by, code, reason } = this.ending;
    if (by === "peer")
      throw new WebSocketError(
        `${this.label}: the peer has closed the WebSocket (${code}${reason === "" ? "" : `, ${reason}`}): nothing can be sent any more`,
        code,
      );
    throw new ClosedError(`${this.label}: it was closed on this side: nothing can be sent any more`);
  }

  // ---- small ones ---------------------------------------------------------------------------------------------------

  control(opcode: number, payload: Uint8Array): Writable {
    return frameOf(payload, { opcode, fin: true, compressed: false }, this.sender.keys);
  }

  /** Whether it could be handed over at once; a stream that is gone takes everything. */
  attempt(frame: Writable): boolean {
    try {
      return this.stream.tryWrite(frame);
    } catch {
      return true; // whoever reads next is told
    }
  }

  /** Sends a frame of the closing handshake, in time or not at all. */
  private *say(frame: Writable): Coroutine<void> {
    if (this.attempt(frame)) return;
    try {
      const { key } = yield* select({ said: this.stream.write(frame), late: sleepUntil(this.closeBy) });
      if (key === "late") this.expire();
    } catch (error) {
      this.lost(error);
    }
  }

  /** The time for the end is over. */
  expire(): void {
    if (this.state === OVER) return;
    this.stream.abort();
    if (this.state === AGREED || this.state === FAILING) this.finish(this.ending);
    else this.lost(new Error(`it has not answered the Close within ${this.closeTimeout} ms`));
  }

  /** The peer has ended its stream. */
  private cutOff(): void {
    this.lost(
      new Error(
        this.state === OPEN
          ? "it has ended the connection without a Close"
          : "it has ended the connection without answering the Close",
      ),
    );
  }

  /** The connection is gone. */
  private lost(cause: unknown): void {
    if (this.state === OVER) return;
    this.stream.abort();
    if (this.state === AGREED || this.state === FAILING) {
      this.finish(this.ending);
      return;
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.failure ??= new WebSocketError(`the connection is gone: ${reason}`, ABNORMAL, undefined, { cause });
    this.finish({ code: ABNORMAL, reason: "", clean: false, by: "nobody" });
  }

  /** The peer has broken a rule, or we cannot keep one: it is told, and that is the end. */
  fail(error: WebSocketError): void {
    this.failure = error;
    const told = this.state === OPEN;
    this.state = FAILING;
    this.ending = { code: error.code, reason: error.message, clean: false, by: "us" };
    this.closeBy = Math.min(this.closeBy, now() + this.closeTimeout);
    this.message = null;
    this.due = null;
    if (told) {
      const close = this.control(CLOSE, closePayload(error.code, error.rfc ?? ""));
      if (!this.attempt(close)) this.due = close;
    }
    if (this.news.length > 0) this.news.unpark(Infinity);
  }

  /** A send did not come to its end: where it was cut in the middle, the peer cannot make sense of what comes next. */
  afterCut(): void {
    if (this.state === OVER || !this.stream.statistics().broken) return;
    this.state = CLOSING;
    this.lost(new Error("a message was cancelled when a part of it had been sent"));
  }

  private finish(info: CloseInfo): void {
    this.state = OVER;
    this.ending = info;
    this.message = null;
    this.due = null;
    this.pulse?.end();
    this.reader.close();
    this.sender.close();
    if (this.news.length > 0) this.news.unpark(Infinity);
  }

  /** What a failed write means here. */
  explain(error: unknown): unknown {
    if (error instanceof WebSocketError || !(error instanceof Error)) return error;
    if (this.failure !== null) return this.again(this.failure);
    const { name } = error;
    if (name !== "BrokenError" && name !== "SystemError" && name !== "ClosedError") return error;
    if (this.state !== OPEN && this.ending.by !== "nobody") {
      try {
        this.checkOpen();
      } catch (known) {
        return known;
      }
    }
    return new WebSocketError(`${this.label}: the connection is gone: ${error.message}`, ABNORMAL, undefined, {
      cause: error,
    });
  }

  /** The failure, for one more who asks: with a stack of its own. */
  private again(failure: WebSocketError): WebSocketError {
    return new WebSocketError(`${this.label}: ${failure.message}`, failure.code, undefined, { cause: failure });
  }
}
