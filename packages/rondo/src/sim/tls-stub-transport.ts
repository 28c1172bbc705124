/**
 * The records of the TLS stub: what lies between the connection and the handshake (`Line`), and the transport of plain bytes
 * that it becomes.
 *
 * A record is a type, a version, a length and its contents, as in TLS (RFC 8446, section 5.1), so a record counts when it is
 * whole, and costs five bytes. An end that was announced (`close_notify`) is a record; an end of the connection is none.
 */
import { TlsError } from "../net/errors.ts";
import { ByteBuffer } from "../net/buffer.ts";
import type { Address, Sink, Transport } from "../net/transport.ts";
import type { TlsStubPlace } from "./tls-stub.ts";

const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;
const HEAD = 5;
/** The most bytes of contents in one record. */
const LARGEST = 16384;
/** What the alert says that is no error. */
const CLOSE_NOTIFY = "close_notify";

/** What comes over a line. */
export interface LineEvents {
  message(text: string): void;
  /** The peer has ended it, with the reason. */
  alert(text: string): void;
  /** What came is no TLS. */
  broken(what: string, received: string): void;
  /** The connection has ended, or is gone with an error. */
  over(error: Error | null): void;
}

/** The connection below, in records. */
export class Line implements Sink {
  readonly under: Transport;
  events: LineEvents;
  /** The transport of plain bytes, when the handshake is done. */
  upper: TlsStubTransport | null;
  /** A record has come. */
  heard: boolean;
  /** The peer has said that it will send no more. */
  notified: boolean;
  /** The connection below is gone. */
  gone: boolean;
  private readonly inbox: ByteBuffer;
  private readonly place: TlsStubPlace;
  private dead: boolean;

  constructor(under: Transport, place: TlsStubPlace, events: LineEvents) {
    this.under = under;
    this.events = events;
    this.upper = null;
    this.heard = false;
    this.notified = false;
    this.gone = false;
    this.inbox = new ByteBuffer();
    this.place = place;
    this.dead = false;
  }

  begin(early: Uint8Array): void {
    this.under.open(this);
    this.under.resume();
    if (early.length === 0) return;
    this.inbox.push(early);
    // Nothing is told from inside of the call that begins it.
    this.place.soon("TLS", () => this.read());
  }

  say(text: string): void {
    this.send(HANDSHAKE, new TextEncoder().encode(text));
  }

  alert(text: string): void {
    this.send(ALERT, new TextEncoder().encode(text));
  }

  notify(): void {
    this.alert(CLOSE_NOTIFY);
  }

  private send(type: number, contents: Uint8Array): void {
    if (this.gone) return;
    const record = new Uint8Array(HEAD + contents.length);
    record.set(headOf(type, contents.length));
    record.set(contents, HEAD);
    this.under.send([record]);
  }

  /** Plain bytes, as records. */
  sendData(chunks: readonly Uint8Array[]): boolean {
    const records: Uint8Array[] = [];
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += LARGEST) {
        const part = chunk.length <= LARGEST ? chunk : chunk.subarray(at, at + LARGEST);
        records.push(headOf(DATA, part.length), part);
      }
    }
    return this.under.send(records);
  }

  close(): void {
    this.dead = true;
    if (!this.gone) this.under.close();
  }

  abort(): void {
    this.dead = true;
    if (!this.gone) this.under.abort();
  }

  // ---- what the connection says ------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.dead) return;
    this.inbox.push(chunk);
    this.read();
  }

  private read(): void {
    const { inbox } = this;
    while (!this.dead && inbox.length >= HEAD) {
      const type = inbox.at(0);
      const length = (inbox.at(3) << 8) | inbox.at(4);
      if (type < ALERT || type > DATA || inbox.at(1) !== 3 || (type === DATA && length > LARGEST)) {
        const sample = inbox.take(Math.min(inbox.length, 40));
        inbox.clear();
        this.broken(`what came is no ${this.heard ? "record of TLS" : "TLS"}`, sample);
        return;
      }
      if (inbox.length < HEAD + length) return;
      inbox.take(HEAD);
      this.record(type, inbox.take(length));
      this.heard = true;
    }
  }

  private broken(what: string, sample: Uint8Array): void {
    const received = JSON.stringify(String.fromCharCode(...sample));
    if (this.upper === null) this.events.broken(what, received);
    else this.upper.failed(new TlsError(`${this.upper.label}: ${what}`, "record", { received }));
  }

  private record(type: number, contents: Uint8Array): void {
    if (type === DATA) {
      if (this.notified) return;
      if (this.upper !== null) this.upper.data(contents);
      else this.broken("data came before the handshake was done", contents.subarray(0, 40));
      return;
    }
    const text = new TextDecoder().decode(contents);
    if (type === HANDSHAKE) this.events.message(text);
    else if (text !== CLOSE_NOTIFY) {
      if (this.upper === null) this.events.alert(text);
      else this.upper.alerted(text);
    } else {
      this.notified = true;
      if (this.upper === null) this.events.over(null);
      else this.upper.notified();
    }
  }

  ended(): void {
    if (this.dead) return;
    if (this.upper === null) this.events.over(null);
    else this.upper.cut(null);
  }

  drained(): void {
    this.upper?.drained();
  }

  closed(error: Error | null): void {
    this.gone = true;
    if (this.upper !== null) this.upper.lost(error);
    else if (!this.dead) this.events.over(error);
  }
}

function headOf(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, 3, 3, length >> 8, length & 255);
}

/** Plain bytes, over a line whose handshake is done. */
export class TlsStubTransport implements Transport {
  readonly label: string;
  readonly outside: boolean;
  private readonly line: Line;
  private readonly place: TlsStubPlace;
  private readonly cutIsEnd: boolean;
  private sink: Sink | null;
  /** What came and was not taken yet. */
  private readonly queue: Uint8Array[];
  private queued: number;
  private flowing: boolean;
  private scheduled: boolean;
  /** The peer sends no more, behind what is in the queue. */
  private endCame: boolean;
  private endTold: boolean;
  private notifiedPeer: boolean;
  private closing: boolean;
  private failure: Error | null;
  private over: boolean;

  constructor(line: Line, place: TlsStubPlace, label: string, cutIsEnd: boolean) {
    this.label = label;
    this.outside = line.under.outside;
    this.line = line;
    this.place = place;
    this.cutIsEnd = cutIsEnd;
    this.sink = null;
    this.queue = [];
    this.queued = 0;
    this.flowing = false;
    this.scheduled = false;
    this.endCame = false;
    this.endTold = false;
    this.notifiedPeer = false;
    this.closing = false;
    this.failure = null;
    this.over = false;
    line.upper = this;
  }

  get localAddress(): Address | undefined {
    return this.line.under.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.line.under.remoteAddress;
  }

  get unsent(): number {
    return this.line.gone ? 0 : this.line.under.unsent;
  }

  // ---- what the stream asks for ------------------------------------------------------------------------------------

  open(sink: Sink): void {
    this.sink = sink;
    if (this.line.gone) this.schedule();
  }

  resume(): void {
    this.flowing = true;
    if (this.line.gone) return;
    this.line.under.resume();
    if (this.queue.length > 0 || (this.endCame && !this.endTold)) this.schedule();
  }

  /** The connection is read on, for as much as a record may hold: there may be a word behind it that it is the last one. */
  pause(): void {
    this.flowing = false;
  }

  send(chunks: readonly Uint8Array[]): boolean {
    return this.line.gone ? false : this.line.sendData(chunks);
  }

  end(): void {
    if (this.notifiedPeer || this.line.gone) return;
    this.notifiedPeer = true;
    this.line.notify();
    this.line.under.end();
  }

  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.queue.length = 0;
    if (!this.notifiedPeer && this.failure === null) this.line.notify();
    this.notifiedPeer = true;
    this.line.close();
  }

  /** Without a `close_notify`: the peer is to know that it has not got everything. */
  abort(): void {
    this.closing = true;
    this.queue.length = 0;
    this.line.abort();
  }

  // ---- what the line says ------------------------------------------------------------------------------------------

  data(bytes: Uint8Array): void {
    if (this.closing || bytes.length === 0) return;
    if (this.flowing && this.queue.length === 0 && this.sink !== null) this.sink.received(bytes);
    else {
      this.queue.push(bytes);
      this.queued += bytes.length;
      if (this.flowing) this.schedule();
      else if (this.queued >= LARGEST && !this.line.gone) this.line.under.pause();
    }
  }

  notified(): void {
    this.endCame = true;
    if (this.closing || this.endTold) return;
    if (this.flowing && this.queue.length === 0 && this.sink !== null) this.tellEnd();
    else if (this.flowing) this.schedule();
  }

  private tellEnd(): void {
    this.endTold = true;
    (this.sink as Sink).ended();
  }

  drained(): void {
    if (!this.closing) this.sink?.drained();
  }

  /** The connection has ended; with an error where it broke. */
  cut(_error: Error | null): void {
    if (this.line.notified || this.closing) return;
    if (this.cutIsEnd) {
      this.notified();
      return;
    }
    this.failed(
      new TlsError(
        `${this.label}: the connection ended, and TLS had not said that it would: what came may be cut off ` +
          '(where this peer always ends so, and what it sends tells its length: `truncation: "end"`)',
        "truncated",
        { expected: "a close_notify", received: "the end of the connection" },
      ),
    );
  }

  /** The peer has ended it after the handshake: it does not let this side in. */
  alerted(text: string): void {
    this.failed(
      text === "client certificate"
        ? new TlsError(`${this.label}: the peer wants a client certificate, and none was given`, "client certificate")
        : new TlsError(`${this.label}: the peer does not accept the certificate of this side`, "refused by the peer"),
    );
  }

  /** It goes on no more; when the connection is closed the stream is told. */
  failed(error: Error): void {
    if (this.failure !== null || this.over) return;
    this.failure = error;
    this.line.close();
    if (this.line.gone) this.schedule();
  }

  /** The connection below is gone. */
  lost(error: Error | null): void {
    if (!this.closing && this.failure === null && !this.line.notified) {
      if (error !== null) this.failure = error;
      else if (this.cutIsEnd) this.endCame = true;
    }
    // With the word of the peer that it was done, it does not matter how the connection went.
    else if (!this.closing && error !== null && !this.notifiedPeer) this.failure ??= error;
    if (this.sink !== null) this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.place.soon("TLS", () => this.speak());
  }

  /** Says what there is to say. */
  private speak(): void {
    this.scheduled = false;
    if (this.over) return;
    const { queue } = this;
    const sink = this.sink as Sink;
    // What came before the connection broke comes before that, whether it is wanted or not.
    while (queue.length > 0 && (this.flowing || this.line.gone)) {
      const bytes = queue.shift() as Uint8Array;
      this.queued -= bytes.length;
      sink.received(bytes);
    }
    if (queue.length === 0 && this.endCame && !this.endTold && (this.flowing || this.line.gone) && !this.closing)
      this.tellEnd();
    if (!this.line.gone) return;
    this.over = true;
    sink.closed(this.closing ? null : this.failure);
  }
}

/** What TLS over a transport is called. */
export function tlsLabel(under: string): string {
  return under.startsWith("tcp ") ? `tls ${under.slice(4)}` : `tls over ${under}`;
}
