/**
 * Any transport as the `Duplex` that `node:tls` takes: the encrypted side of TLS.
 *
 * `node:tls` could sit directly on the handle of a socket, without our seeing its bytes. But then nobody can tell how a
 * stream has ended: Node reports a `close_notify` and a connection that was cut in the same way. Here the end of the
 * connection passes by, so it is known which of the two came first.
 */
import { Duplex } from "node:stream";
import type { Sink, Transport } from "../transport.ts";

/** How long a last word (an alert) may take to be sent, in ms, when nobody waits for it any more. */
const LINGER = 5000;

/** So many of the first bytes are kept, to show what came instead of TLS. */
const SAMPLE = 40;

export class Carrier extends Duplex {
  readonly under: Transport;
  /** The peer's end of the connection has been passed on to TLS, behind everything that came before it. */
  passedEnd: boolean;
  /** The transport is gone. */
  gone: boolean;
  /** Why, where nobody here wanted it. */
  failure: Error | null;
  /** The connection is to be reset instead of closed. */
  hard: boolean;
  /** Called when the transport is gone. */
  onGone: (() => void) | null;
  /** The first bytes that came. */
  sample: Uint8Array;
  private blocked: ((error?: Error | null) => void) | null;
  private leaving: (() => void) | null;
  private linger: NodeJS.Timeout | null;

  constructor(under: Transport, early: Uint8Array) {
    super({ allowHalfOpen: true });
    this.under = under;
    this.passedEnd = false;
    this.gone = false;
    this.failure = null;
    this.hard = false;
    this.onGone = null;
    this.sample = early.subarray(0, SAMPLE);
    this.blocked = null;
    this.leaving = null;
    this.linger = null;
    // The first listener, so it is noted before TLS hears of it.
    this.once("end", onEnd);
    if (early.length > 0) this.push(early);
    under.open(new Ear(this));
  }

  // ---- what the transport says --------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.destroyed || this.readableEnded) return;
    if (this.sample.length === 0) this.sample = chunk.slice(0, SAMPLE);
    if (!this.push(chunk) && !this.gone) this.under.pause();
  }

  ended(): void {
    if (!this.destroyed) this.push(null);
  }

  drained(): void {
    const { blocked } = this;
    this.blocked = null;
    blocked?.();
  }

  lost(error: Error | null): void {
    this.gone = true;
    this.failure = error;
    if (this.linger !== null) clearTimeout(this.linger);
    this.leaving?.();
    this.onGone?.();
  }

  // ---- what TLS asks for --------------------------------------------------------------------------------------------

  override _read(): void {
    if (!this.gone) this.under.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.sendAll([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.sendAll(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  private sendAll(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    if (this.gone) done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    else if (this.under.send(chunks)) done();
    else this.blocked = done;
  }

  override _final(done: () => void): void {
    if (!this.gone) this.under.end();
    done();
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    if (this.gone) {
      done(null);
      return;
    }
    this.leaving = () => done(null);
    if (this.hard) this.under.abort();
    else this.under.close();
  }

  /** Resets the connection, also where it is being closed already. */
  reset(): void {
    this.hard = true;
    if (this.leaving !== null && !this.gone) this.under.abort();
  }

  /** It is being closed and nobody waits for that: not for ever. */
  limit(): void {
    if (this.gone || this.linger !== null) return;
    this.linger = setTimeout(() => this.reset(), LINGER);
    this.linger.unref();
  }
}

/** What the transport talks to. (A `Duplex` has a property `closed` of its own.) */
class Ear implements Sink {
  private readonly carrier: Carrier;

  constructor(carrier: Carrier) {
    this.carrier = carrier;
  }

  received(chunk: Uint8Array): void {
    this.carrier.received(chunk);
  }

  ended(): void {
    this.carrier.ended();
  }

  drained(): void {
    this.carrier.drained();
  }

  closed(error: Error | null): void {
    this.carrier.lost(error);
  }
}

function onEnd(this: Carrier): void {
  this.passedEnd = true;
}
