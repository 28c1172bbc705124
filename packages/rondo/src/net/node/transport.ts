/**
 * Bytes over whatever Node calls a duplex stream: a TCP socket, a Unix socket, a pipe, or a `Duplex` of somebody else's.
 *
 * The stream above waits, buffers and limits; here Node's events become its five words (received, ended, drained, closed,
 * and false for "full"), and a sixth where the memory is ours to read into again (lent). The events of all sockets go to the same few functions, which find their transport on the socket:
 * no closure is made for a connection, so ten thousand idle ones cost what Node's own sockets cost and little more.
 *
 * What a socket reads goes through `push()`, by which every readable stream is fed, into a buffer, and out of it again in an
 * event, with a tick to look whether more could be read. All of that the stream above does itself, so a socket of ours has
 * a `push` that hands over directly: a tenth of what an echo costs. (`onread`, which is made for that, is there for
 * sockets that connect and not for those that a server accepts.)
 *
 * Node's ways that are met here:
 * - A socket starts to read by itself, and closes by itself when the peer has ended. Ours do neither: they are made with
 *   `allowHalfOpen` and paused.
 * - An error destroys a socket at once, also when bytes that came before it still lie in its buffer. They are taken out
 *   and delivered first. What the system still held when a *write* failed is lost: Node closes the descriptor with it.
 * - The local and the peer's address are forgotten when a socket is destroyed, that is, before anybody can name them in
 *   the error. So they are read while it lives.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import { BrokenError } from "../../coroutine/errors.ts";
import { fromSystemError } from "../errors.ts";
import type { Address, Loan, Sink, Transport } from "../transport.ts";

/** Where a socket keeps its transport. */
const TRANSPORT: unique symbol = Symbol("rondo.transport");

interface Carried extends Duplex {
  [TRANSPORT]: NodeTransport;
}

/** The last `send` answered false, and `drained` is owed. */
const FULL = 1;
/** The peer's end has been told. */
const ENDED = 2;
/** This side wanted it to be over. */
const CLOSING = 4;
/** This side wanted it to be over at once: there is nothing left to tell but that it is. */
const ABORTED = 8;
/** `close` has come from the socket. */
const CLOSED = 16;
/** A `send` is under way, in which nothing may be told. */
const SENDING = 32;
/** The stream wants to be told of bytes. */
const WANTED = 64;
/** A TCP socket, which can be reset. */
const RESETTABLE = 128;
/** It can be read, or could be when it was taken over; and written. A pipe has one direction. */
const READABLE = 256;
const WRITABLE = 512;
/** A socket of Node's that is connected: what is alone may be handed to the system at once. */
const DIRECT = 1024;
/** One that we have made, so that nobody stands between it and the system. */
const OURS = 2048;

/** A socket's way to the system, below the line that a writable stream keeps. */
type OwnSocket = Duplex & {
  _write(chunk: Uint8Array, encoding: "buffer", landed: (error?: Error | null) => void): void;
};

/** What is known of a socket by the one who made it. */
export interface Known {
  /** What a label begins with: `tcp`, `unix`, `pipe`, … */
  readonly kind?: string | undefined;
  readonly local?: Address | undefined;
  readonly remote?: Address | undefined;
  /** A socket that was made here and that nobody else has in hand. */
  readonly ours?: boolean | undefined;
}

export class NodeTransport implements Transport {
  declare private readonly socket: Duplex;
  /** The stream that took it over. */
  declare sink: Sink | null;
  declare private bits: number;
  /** What has gone wrong, until `close` has come. */
  declare private error: Error | null;
  declare private readonly kind: string;
  declare readonly remoteAddress: Address | undefined;
  /** Of this side, as far as it is known without asking the system. */
  declare private local: Address | undefined;
  /** Bytes that were handed over past Node's line, and that the system has not taken. */
  declare private flying: number;
  declare private landed: ((error?: Error | null) => void) | null;

  /**
   * Takes a socket over: paused, and with nobody else who listens to it. One that is somebody else's `Duplex` is paused
   * here.
   */
  constructor(socket: Duplex, known: Known = {}) {
    this.socket = socket;
    this.sink = null;
    this.bits = 0;
    this.error = null;
    const remote = known.remote ?? (socket instanceof net.Socket ? remoteOf(socket) : undefined);
    this.kind = known.kind ?? (remote === undefined ? "duplex" : remote.family === "unix" ? "unix" : "tcp");
    this.remoteAddress = remote;
    this.local = known.local;
    this.flying = 0;
    this.landed = null;
    const own = socket instanceof net.Socket;
    if (own && this.kind === "tcp" && !("encrypted" in socket)) this.bits |= RESETTABLE;
    if (known.ours === true) this.bits |= OURS;
    if (socket.readable) this.bits |= READABLE;
    if (socket.writable) this.bits |= WRITABLE;
    (socket as Carried)[TRANSPORT] = this;
    // Adding a listener for data makes a socket flow unless it is paused by name.
    if (socket.readableFlowing !== false) socket.pause();
    if (own && !("encrypted" in socket)) {
      socket.push = pushNow;
      if (!socket.connecting) this.bits |= DIRECT;
    }
    socket.on("data", own ? onData : onForeignData);
    socket.on("end", onEnd);
    socket.on("drain", onDrain);
    socket.on("error", onError);
    socket.on("close", onClose);
    if (socket.closed) process.nextTick(closeLate, this);
  }

  get label(): string {
    const { kind, localAddress: local, remoteAddress: remote } = this;
    if (kind === "unix") return `unix ${remote?.host || local?.host || "(no name)"}`;
    if (remote === undefined) return kind;
    return `${kind} ${endpoint(local)} > ${endpoint(remote)}`;
  }

  get localAddress(): Address | undefined {
    if (this.local !== undefined && !isWildcard(this.local)) return this.local;
    return (this.local = localOf(this.socket) ?? this.local);
  }

  get outside(): boolean {
    return true;
  }

  get unsent(): number {
    return this.socket.writableLength + this.flying;
  }

  /** Our sockets' bytes are the system's once it has them; what a `Duplex` of somebody else's does with them is its own affair. */
  get letsGo(): boolean {
    return (this.bits & (DIRECT | OURS)) === (DIRECT | OURS);
  }

  /** @internal The stream wants bytes. */
  get wanted(): boolean {
    return (this.bits & WANTED) !== 0;
  }

  open(sink: Sink): void {
    this.sink = sink;
    if ((this.bits & CLOSED) !== 0) process.nextTick(closeLate, this);
  }

  resume(): void {
    this.bits |= WANTED;
    this.socket.resume();
    // A socket for one direction only has nothing to say in the other one, not even that it ends.
    if ((this.bits & READABLE) === 0) process.nextTick(endLate, this);
  }

  pause(): void {
    this.bits &= ~WANTED;
    this.socket.pause();
  }

  send(chunks: readonly Uint8Array[]): boolean {
    const { socket } = this;
    const { length } = chunks;
    if (length === 1 && (this.bits & DIRECT) !== 0 && this.flying === 0 && socket.writableLength === 0)
      return this.sendNow(socket as OwnSocket, chunks[0] as Uint8Array);
    this.bits |= SENDING;
    let room: boolean;
    if (length === 1) room = socket.write(chunks[0] as Uint8Array);
    else {
      // Corked, so that they leave as one writev.
      room = true;
      socket.cork();
      for (let i = 0; i < length; i++) room = socket.write(chunks[i] as Uint8Array);
      socket.uncork();
    }
    this.bits &= ~SENDING;
    // Node counts what it has handed over already until it has said so, which is a tick later.
    if (room || socket.writableLength < socket.writableHighWaterMark) return true;
    this.bits |= FULL;
    return false;
  }

  /**
   * Hands over to the system what is alone, past the line that Node would put it in: nearly always it is taken at once, and
   * then Node's accounts, and a tick to close them, are a twentieth of an echo. What the system has not taken stands in
   * libuv's queue, and whatever is written meanwhile goes Node's way and comes behind it there.
   */
  private sendNow(socket: OwnSocket, chunk: Uint8Array): boolean {
    this.flying = chunk.length;
    this.landed ??= (error) => this.land(error);
    socket._write(chunk, "buffer", this.landed);
    if (this.flying < socket.writableHighWaterMark) return true;
    this.bits |= FULL;
    return false;
  }

  /** The system has what was handed over; or never will. */
  private land(error: Error | null | undefined): void {
    this.flying = 0;
    if (error) this.socket.destroy(error);
    else if ((this.bits & FULL) !== 0 && !this.socket.writableNeedDrain) this.drained();
  }

  end(): void {
    this.socket.end();
  }

  close(): void {
    const { socket } = this;
    this.bits |= CLOSING;
    this.local = this.localAddress;
    if (socket.destroyed || socket.writableFinished || !socket.writable) {
      if (!socket.destroyed && socket.writableEnded && !socket.writableFinished) socket.once("finish", socket.destroy);
      else socket.destroy();
      return;
    }
    socket.once("finish", socket.destroy);
    socket.end();
  }

  abort(): void {
    const { socket } = this;
    if (socket.destroyed) {
      this.bits |= CLOSING | ABORTED;
      return;
    }
    this.local = this.localAddress;
    this.bits |= CLOSING | ABORTED;
    // While a half-close is on its way the system does not take a reset, and Node would lose the descriptor over it.
    if ((this.bits & RESETTABLE) !== 0 && !socket.writableEnded) (socket as net.Socket).resetAndDestroy();
    else socket.destroy();
  }

  // ---- what the socket says -----------------------------------------------------------------------------------------

  /** @internal */
  ended(): void {
    if ((this.bits & (ENDED | ABORTED | CLOSED)) !== 0) return;
    this.bits |= ENDED;
    this.sink?.ended();
  }

  /** @internal */
  drained(): void {
    if ((this.bits & FULL) === 0) return;
    this.bits &= ~FULL;
    this.sink?.drained();
  }

  /** @internal */
  failed(error: Error): void {
    this.error ??= error;
  }

  /** @internal A chunk of somebody else's stream: may be text, and may come while we send. */
  receivedForeign(chunk: unknown): void {
    const { socket } = this;
    if ((this.bits & SENDING) !== 0) {
      // What comes in answer to a write, inside it (a PassThrough), is put back until the write is over.
      socket.pause();
      socket.unshift(chunk);
      process.nextTick(resumeLate, this);
      return;
    }
    if (typeof chunk === "string") this.sink?.received(Buffer.from(chunk, socket.readableEncoding ?? "utf8"));
    else if (chunk instanceof Uint8Array) this.sink?.received(chunk);
    else {
      socket.destroy(
        new TypeError(`${this.label} is in object mode: it gave ${String(chunk)}, and a byte stream needs bytes`),
      );
    }
  }

  /** @internal After a write that was answered inside itself. */
  resumeIfWanted(): void {
    if ((this.bits & WANTED) !== 0) this.socket.resume();
  }

  /** @internal The descriptor has been given back. */
  closed(): void {
    this.bits |= CLOSED;
    const { socket, sink } = this;
    if (sink === null) return;
    const foreign = !(socket instanceof net.Socket);
    if (foreign) leave(socket);
    if ((this.bits & ABORTED) !== 0) {
      this.sink = null;
      sink.closed(null);
      return;
    }
    // What had come before the error, and nobody had asked for yet. (Before an error is told, `read` would tell it twice.)
    if (this.error !== null || foreign)
      for (let rest: unknown = socket.read(); rest !== null; rest = socket.read()) this.receivedForeign(rest);
    this.sink = null;
    if (this.error !== null) sink.closed(fromSystemError(this.error, this.label));
    else if ((this.bits & CLOSING) !== 0 || this.bothEnded) sink.closed(null);
    else sink.closed(new BrokenError(`${this.label} was destroyed by somebody else than the stream that reads it`));
  }

  private get bothEnded(): boolean {
    const { bits } = this;
    const read = (bits & ENDED) !== 0 || (bits & READABLE) === 0;
    return read && (this.socket.writableFinished || (bits & WRITABLE) === 0);
  }
}

function onData(this: Duplex, chunk: Uint8Array): void {
  ((this as Carried)[TRANSPORT].sink as Sink).received(chunk);
}

/**
 * The `push` of our sockets: bytes go straight to the stream that wants them. What comes while it does not goes Node's way,
 * and so does all that comes before that has been taken out of the buffer, and the end.
 */
function pushNow(this: Duplex, chunk: unknown, encoding?: BufferEncoding): boolean {
  const transport = (this as Carried)[TRANSPORT];
  const { sink } = transport;
  if (chunk === null || sink === null || !transport.wanted || this.readableLength > 0)
    return net.Socket.prototype.push.call(this, chunk, encoding);
  sink.received(chunk as Uint8Array);
  return true;
}

/** As `pushNow`, of bytes in memory that is used again: false where they have to be pushed, since they go Node's way. */
export function lendTo(socket: net.Socket, loan: Loan): boolean {
  const transport = (socket as unknown as Partial<Carried>)[TRANSPORT];
  if (transport === undefined || transport.sink === null || !transport.wanted || socket.readableLength > 0)
    return false;
  const { sink } = transport;
  if (sink.lent === undefined) sink.received(loan.copy(0));
  else sink.lent(loan);
  return true;
}

function onForeignData(this: Duplex, chunk: unknown): void {
  (this as Carried)[TRANSPORT].receivedForeign(chunk);
}

function onEnd(this: Duplex): void {
  (this as Carried)[TRANSPORT].ended();
}

function onDrain(this: Duplex): void {
  (this as Carried)[TRANSPORT].drained();
}

function onError(this: Duplex, error: Error): void {
  (this as Carried)[TRANSPORT].failed(error);
}

function onClose(this: Duplex): void {
  (this as Carried)[TRANSPORT].closed();
}

/** It was closed before a stream took it over. */
function closeLate(transport: NodeTransport): void {
  transport.closed();
}

function endLate(transport: NodeTransport): void {
  transport.ended();
}

function resumeLate(transport: NodeTransport): void {
  transport.resumeIfWanted();
}

/** Somebody else's stream goes on without us. */
function leave(socket: Duplex): void {
  socket.off("data", onForeignData).off("end", onEnd).off("drain", onDrain).off("error", onError).off("close", onClose);
}

// ---- addresses ------------------------------------------------------------------------------------------------------

/** An address as the system gives it. An IPv4 peer of a socket for both families is an IPv4 address, not a mapped one. */
export function addressOf(host: string, port: number): Address {
  if (host.startsWith("::ffff:") && host.includes(".")) return { host: host.slice(7), port, family: "IPv4" };
  return { host, port, family: host.includes(":") ? "IPv6" : "IPv4" };
}

function remoteOf(socket: net.Socket): Address | undefined {
  const host = socket.remoteAddress;
  return host === undefined || host === "" ? undefined : addressOf(host, socket.remotePort ?? 0);
}

function localOf(socket: Duplex): Address | undefined {
  if (!(socket instanceof net.Socket)) return undefined;
  const host = socket.localAddress;
  return host === undefined || host === "" ? undefined : addressOf(host, socket.localPort ?? 0);
}

function isWildcard(address: Address): boolean {
  return address.host === "::" || address.host === "0.0.0.0";
}

function endpoint(address: Address | undefined): string {
  if (address === undefined) return "(unknown)";
  return address.family === "IPv6" ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
