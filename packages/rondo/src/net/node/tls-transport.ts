/**
 * The plain side of TLS: a `TLSSocket` as a transport.
 *
 * Most of it is what every Node stream needs (transport.ts). What is added: the end is told apart from a cut, a failure of
 * TLS gets its name, and it is over only when what lies below is.
 */
import type { TLSSocket } from "node:tls";
import { TlsError } from "../errors.ts";
import type { Carrier } from "./tls-carrier.ts";
import { tlsFailure } from "./tls-errors.ts";
import { NodeTransport } from "./transport.ts";

/** Where a socket keeps its carrier. */
const CARRIER: unique symbol = Symbol("rondo.carrier");
/** Whether the first end that came was that of TLS, not that of the connection. */
const NOTIFIED: unique symbol = Symbol("rondo.notified");

interface Watched extends TLSSocket {
  [CARRIER]: Carrier;
  [NOTIFIED]: boolean | undefined;
}

/** Looks at how the socket ends, from its first byte on. */
export function watchEnd(socket: TLSSocket, carrier: Carrier): void {
  (socket as Watched)[CARRIER] = carrier;
  (socket as Watched)[NOTIFIED] = undefined;
  // Node's own `push` is where both ends arrive; one brought by the connection is passed on in the very call in which it comes.
  socket.push = pushWatched;
}

function pushWatched(this: TLSSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
  const socket = this as Watched;
  if (chunk === null) socket[NOTIFIED] ??= !socket[CARRIER].passedEnd;
  return (Object.getPrototypeOf(socket) as TLSSocket).push.call(socket, chunk, encoding);
}

export class TlsTransport extends NodeTransport {
  private readonly plain: TLSSocket;
  private readonly carrier: Carrier;
  private readonly cutIsEnd: boolean;
  private closing: boolean;

  constructor(plain: TLSSocket, carrier: Carrier, truncation: "error" | "end") {
    super(plain, { kind: "tls", local: carrier.under.localAddress, remote: carrier.under.remoteAddress });
    this.plain = plain;
    this.carrier = carrier;
    this.cutIsEnd = truncation === "end";
    this.closing = false;
    // On a server Node's errors come here, and do not end the socket.
    plain.on("_tlsError", (error: Error) => this.failed(error));
    carrier.onGone = () => this.lost();
  }

  override get label(): string {
    return tlsLabel(this.carrier.under.label);
  }

  override get unsent(): number {
    const { carrier } = this;
    return this.plain.writableLength + (carrier.gone ? 0 : carrier.under.unsent);
  }

  override close(): void {
    this.closing = true;
    super.close();
  }

  /** Without a `close_notify`: the peer is to know that it has not got everything. */
  override abort(): void {
    this.closing = true;
    this.carrier.reset();
    super.abort();
  }

  override ended(): void {
    const { carrier, plain } = this;
    if (this.closing || (plain as Watched)[NOTIFIED] === true) super.ended();
    else if (carrier.failure !== null) this.failed(carrier.failure);
    else if (this.cutIsEnd) super.ended();
    else {
      this.failed(
        new TlsError(
          `${this.label}: the connection ended, and TLS had not said that it would: what came may be cut off ` +
            '(where this peer always ends so, and what it sends tells its length: `truncation: "end"`)',
          "truncated",
          { expected: "a close_notify", received: "the end of the connection" },
        ),
      );
    }
  }

  override failed(error: Error): void {
    super.failed(tlsFailure(error, this.label, this.carrier.sample));
    if (this.plain.destroyed) return;
    // Closed and not reset, so that an alert gets through.
    this.plain.destroy();
    this.carrier.limit();
  }

  override closed(): void {
    // The descriptor is below.
    if (this.carrier.gone) super.closed();
  }

  /** The transport below is gone. */
  private lost(): void {
    const { carrier, plain } = this;
    if (plain.closed) {
      super.closed();
      return;
    }
    if (carrier.failure === null || plain.destroyed) return;
    const over = carrier.readableEnded || (plain as Watched)[NOTIFIED] !== undefined;
    if (over) {
      this.failed(carrier.failure);
      return;
    }
    // What came before is still to be read, whether anybody has asked for it or not. At its end `ended` tells why.
    carrier.push(null);
    plain.resume();
  }
}

/** What TLS over a transport is called. */
export function tlsLabel(under: string): string {
  return under.startsWith("tcp ") ? `tls ${under.slice(4)}` : `tls over ${under}`;
}
