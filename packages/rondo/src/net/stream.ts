/**
 * The byte stream: everything that a user sees of a socket, a pipe, TLS, or two ends in memory.
 *
 * It has two halves, one that is read (inlet.ts) and one that is written (outlet.ts), because they end one by one: a peer
 * that will send no more may still listen. This file is the face of both, and closes them.
 *
 * The errors say who did it. `undefined`: the peer has ended its stream. `ClosedError`: you closed it. `BrokenError`: the
 * peer is gone. `BusyError`: two tasks read at once. (The same distinctions as in trio's streams, which asyncio's lack.)
 */
import { BusyError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Flow } from "../combine/flow.ts";
import type { Loop } from "../loop/loop.ts";
import { loopOf } from "../loop/sleep.ts";
import { again } from "./errors.ts";
import { goneWithoutReason, Inlet } from "./inlet.ts";
import { LineSource, type LinesOptions } from "./lines.ts";
import { Outlet, type Parcel } from "./outlet.ts";
import type { Address, Loan, Sink, Transport } from "./transport.ts";

/** What can be written. Strings go as UTF-8. */
export type Writable = Uint8Array | string | readonly (Uint8Array | string)[];

/** How a stream buffers. */
export interface ByteStreamOptions {
  /** The peer is held back when so many bytes have come that nobody has read, in bytes: 128 KiB where nothing is said. */
  readonly highWaterMark?: number | undefined;
  /** And goes on when no more than so many are left: half of it where nothing is said. */
  readonly lowWaterMark?: number | undefined;
  /** A write of which no more than so many bytes would be unsent completes at once: 64 KiB where nothing is said. */
  readonly writeAhead?: number | undefined;
}

/** How far `readUntil` looks. */
export interface ReadUntilOptions {
  /** The most bytes that may come, with the delimiter: 1 MiB where nothing is said. `Infinity` for no limit. */
  readonly max?: number | undefined;
}

/** What a stream tells about itself. */
export interface ByteStreamStatistics {
  readonly label: string;
  /** `open`, `closing` (by this side), or `closed`. */
  readonly state: "open" | "closing" | "closed";
  /** Bytes that have come and have not been read. */
  readonly buffered: number;
  /** Bytes that have been written and have not left. */
  readonly unsent: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Whether a task waits for bytes. */
  readonly reading: boolean;
  /** How many tasks wait to write. */
  readonly writing: number;
  /** Whether the peer is held back. */
  readonly paused: boolean;
  /** Whether the peer has said that it will send no more. */
  readonly ended: boolean;
  /** Whether a write was cancelled half way, so that nothing more can be written. */
  readonly broken: boolean;
}

/** What another layer takes over. */
export interface HandedOver {
  readonly transport: Transport;
  /** What has come, and nobody has read. */
  readonly early: Uint8Array;
  /** The peer has ended its side already. */
  readonly ended: boolean;
}

const OPEN = 0;
const CLOSING = 1;
const ABORTED = 2;
const GONE = 3;

const KIB = 1024;
const encoder = new TextEncoder();

const CLOSE = defineKind({
  label: "close",
  poll: (wait) => (wait.on as ByteStream)._closes(),
  begin(wait) {
    (wait.on as ByteStream)._closeFor(wait);
  },
  abort(wait) {
    (wait.on as ByteStream)._closeAbandoned(wait);
    return true;
  },
  decline(wait) {
    (wait.on as ByteStream).abort();
  },
});

/**
 * A stream of bytes in both directions.
 *
 * One task reads at a time, any number may write: each write goes whole and in order. Reads that are cancelled have taken
 * nothing. What reads give may be a view of a larger buffer: it is yours to keep and to change, but copy it before you
 * transfer it to a worker.
 *
 * Made by `connect`, `serve`, `memoryPair`, …; or of a {@link Transport} of your own.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { type ByteStream, memoryPair } from "rondo/net";
 *
 * function* echo(stream: ByteStream) {
 *   for (;;) {
 *     const chunk = yield* stream.read();
 *     if (chunk === undefined) break;
 *     yield* stream.write(chunk);
 *   }
 *   yield* stream.close();
 * }
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair();
 *     g.spawn(echo(server));
 *     yield* client.write("one\ntwo\n");
 *     yield* client.end();
 *     console.log(yield* client.lines().toArray()); // prints: [ 'one', 'two' ]
 *     yield* client.close();
 *   }),
 * );
 * ```
 */
export class ByteStream implements AsyncDisposable {
  /** @internal */
  declare readonly _transport: Transport;
  declare private readonly inlet: Inlet;
  declare private readonly outlet: Outlet;
  declare private state: number;
  /** Those who wait until it is closed; made when there is one. */
  declare private closers: WaitQueue | null;
  declare private onGone: (() => void)[] | null;

  /** For transports of your own. The stream is the only one to use it from here on. */
  constructor(transport: Transport, options: ByteStreamOptions = {}) {
    const high = checkMark(options.highWaterMark ?? 128 * KIB, "highWaterMark");
    const low = checkMark(options.lowWaterMark ?? Math.floor(high / 2), "lowWaterMark");
    if (low > high) throw new RangeError(`the lowWaterMark (${low}) is above the highWaterMark (${high})`);
    this._transport = transport;
    this.inlet = new Inlet(transport, high, low);
    this.outlet = new Outlet(transport, checkMark(options.writeAhead ?? 64 * KIB, "writeAhead"));
    this.state = OPEN;
    this.closers = null;
    this.onGone = null;
    transport.open(new Ear(this, this.inlet, this.outlet));
    if (kernel.tap !== null) tell("created", this);
  }

  // ---- about it -----------------------------------------------------------------------------------------------------

  /** What a person reads in errors: `tcp 127.0.0.1:50000 > 127.0.0.1:80`. */
  get label(): string {
    return this.inlet.label;
  }

  /** As `label`. */
  get name(): string {
    return this.inlet.label;
  }

  get localAddress(): Address | undefined {
    return this._transport.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this._transport.remoteAddress;
  }

  /** Bytes that have come and have not been read. */
  get buffered(): number {
    return this.inlet.buffer.length;
  }

  /** Bytes that have come, in all. */
  get bytesRead(): number {
    return this.inlet.received;
  }

  /** Bytes that have been written, in all; the last ones may not have left yet (see `statistics().unsent`). */
  get bytesWritten(): number {
    return this.outlet.handed;
  }

  statistics(): ByteStreamStatistics {
    const { inlet, outlet, _transport: transport, state } = this;
    return {
      label: this.label,
      state: state === OPEN ? "open" : state === GONE ? "closed" : "closing",
      buffered: inlet.buffer.length,
      unsent: state === GONE ? 0 : transport.unsent,
      bytesRead: inlet.received,
      bytesWritten: outlet.handed,
      reading: inlet.reader !== null,
      writing: outlet.waiting,
      paused: inlet.paused,
      ended: inlet.ended,
      broken: outlet.broken,
    };
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  /**
   * What has come, at most `max` bytes of it; `undefined` at the end, as often as you ask. A switch point only when it must
   * wait. Cancelled, it has taken nothing.
   *
   * Throws a `BusyError` where another task is reading, a `ClosedError` where you closed it, a `BrokenError` where the peer
   * is gone, once all that came before has been read.
   */
  read(max: number = Infinity): Wait<Uint8Array | undefined> {
    if (max !== Infinity && !(Number.isInteger(max) && max > 0))
      throw new RangeError(`read() takes the most bytes that it may give, 1 or more, not ${String(max)}`);
    return this.inlet.read(max);
  }

  /** As `read`, into memory of your own: how many bytes were put at its beginning, or `undefined` at the end. */
  readInto(buffer: Uint8Array): Wait<number | undefined> {
    if (!(buffer instanceof Uint8Array)) throw new TypeError("readInto() takes a Uint8Array to read into");
    return this.inlet.readInto(buffer);
  }

  /**
   * Exactly `n` bytes; `undefined` where the stream ends before the first of them. Where it ends in the middle, throws an
   * `IncompleteError`, and the bytes stay. Else as `read`.
   */
  readExactly(n: number): Wait<Uint8Array | undefined> {
    if (!(Number.isSafeInteger(n) && n >= 0))
      throw new RangeError(`readExactly() takes how many bytes to read, 0 or more, not ${String(n)}`);
    return this.inlet.readExactly(n);
  }

  /**
   * All up to the delimiter, and with it; `undefined` where the stream ends before the first byte. Where it ends later,
   * throws an `IncompleteError`; where more than `max` bytes come (1 MiB, if nothing is said), a `LimitError`. Both leave
   * the bytes where they are. Else as `read`.
   *
   * @example
   * ```ts
   * import { run } from "rondo";
   * import { memoryPair } from "rondo/net";
   *
   * await run(function* () {
   *   const [client, server] = memoryPair();
   *   yield* client.write("GET / HTTP/1.1\r\nhost: example.org\r\n\r\n");
   *   const head = yield* server.readUntil("\r\n\r\n", { max: 16_384 });
   *   console.log(head?.length); // prints: 37
   * });
   * ```
   */
  readUntil(delimiter: string | Uint8Array, options: ReadUntilOptions = {}): Wait<Uint8Array | undefined> {
    const { max = KIB * KIB } = options;
    if (!(max > 0))
      throw new RangeError(`readUntil() takes the most bytes that may come as \`max\`, not ${String(max)}`);
    const bytes = typeof delimiter === "string" ? encoder.encode(delimiter) : delimiter;
    if (!(bytes instanceof Uint8Array) || bytes.length === 0)
      throw new TypeError("readUntil() takes the delimiter to read up to, a string or bytes, and not an empty one");
    return this.inlet.readUntil({ delimiter: bytes, max });
  }

  /**
   * The lines of what comes, as text and without their ends (`\n` or `\r\n`); a last line without an end counts. Pull them
   * with `next`, or, faster, with `batch`. A line longer than `max` bytes is a `LimitError`, and stays.
   *
   * The flow takes what it gives and no more: lines that nobody has pulled can be read by the stream's other methods.
   */
  lines(options: LinesOptions = {}): Flow<string> {
    return new Flow(new LineSource(this.inlet, options), { name: `${this.label} lines` });
  }

  /** Puts bytes in front of what is there, to be read next. Not a switch point. */
  unread(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("unread() takes the bytes to put back");
    this.inlet.unread(bytes);
  }

  /**
   * Has `watcher` called when the peer ends its stream (`"ended"`) and when it is gone (`"gone"`), also while nobody reads:
   * for those who work for the peer, and want to know whether it still listens. Neither is told for what happens on this
   * side, nor twice, nor for what had happened before. There is one watcher; `null` takes it away. Not a switch point.
   *
   * It is called from within the transport, between two tasks, so let it only mark and cancel. What came before the end may
   * still be there to be read. While more bytes lie unread than `highWaterMark` the transport is held back, and nothing is
   * told.
   *
   * @example
   * ```ts
   * import { group, run, scope, sleep } from "rondo";
   * import { memoryPair } from "rondo/net";
   *
   * await run(() =>
   *   group(function* (g) {
   *     const [client, server] = memoryPair();
   *     g.spawn(client.close());
   *     const work = yield* scope(function* (s) {
   *       server.watch((how) => s.cancel(how));
   *       yield* sleep(60_000);
   *     });
   *     console.log(work.cancelled); // prints: true
   *   }),
   * );
   * ```
   */
  watch(watcher: ((how: "ended" | "gone") => void) | null): void {
    this.inlet.watch(watcher);
  }

  // ---- writing ------------------------------------------------------------------------------------------------------

  /**
   * Writes all of it; waits while the peer is slow. The bytes must not be changed before it has completed, nor, where they
   * are no copy, afterwards. A switch point only when it must wait.
   *
   * Cancelled before it has begun, it did not happen. Cancelled half way, the stream is broken for writing: see the
   * `BrokenError` of the next write. Throws a `ClosedError` after `end()` or `close()`, a `BrokenError` where the peer is
   * gone.
   */
  write(data: Writable): Wait<void> {
    if (data instanceof Uint8Array) return this.outlet.write(data);
    return this.outlet.write(typeof data === "string" ? encoder.encode(data) : parcel(data));
  }

  /**
   * Hands all of it over without waiting, and answers true; or false, and nothing has happened: writes are in line, or what
   * was written before has not left and with this more would be unsent than `writeAhead`. So one slow peer among many holds
   * up no other one, and what lies unsent for it is bounded by one write. Throws as `write` does. Not a switch point.
   *
   * @example
   * ```ts
   * import { run } from "rondo";
   * import { memoryPair } from "rondo/net";
   *
   * await run(function* () {
   *   const [reader, writer] = memoryPair({ window: 4 });
   *   console.log(writer.tryWrite("what the peer")); // prints: true
   *   console.log(writer.tryWrite("does not read")); // prints: false
   *   reader.abort();
   * });
   * ```
   */
  tryWrite(data: Writable): boolean {
    if (data instanceof Uint8Array) return this.outlet.tryWrite(data);
    return this.outlet.tryWrite(typeof data === "string" ? encoder.encode(data) : parcel(data));
  }

  /**
   * Tells the peer, after everything that was written, that no more will come; reading goes on. Any number of times. A
   * switch point only when writes are in line before it.
   */
  end(): Wait<void> {
    return this.outlet.end();
  }

  // ---- closing ------------------------------------------------------------------------------------------------------

  /**
   * Closes both directions: sends what is unsent, tells the peer, gives the descriptor back. Tasks that wait on the stream
   * get a `ClosedError`. Any number of times; no error of the connection is thrown. A switch point unless it is closed
   * already.
   *
   * Cancelled, it gives the descriptor back at once, and what was unsent is lost: it is always closed. Where a write was
   * cancelled half way the peer is reset, since an orderly end would tell it that it has everything.
   */
  close(): Wait<void> {
    return new Wait<void>(CLOSE, this, undefined);
  }

  /**
   * Gives the descriptor back at once; the peer gets a `BrokenError` where that is possible. Tasks that wait on the stream
   * get a `ClosedError`. Any number of times. Not a switch point.
   */
  abort(): void {
    if (this.state < ABORTED) {
      this.state = ABORTED;
      this._transport.abort();
    }
    this.shut();
  }

  /** For `use()` and `await using`: closes. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    if (this.state === OPEN) this.startClose();
    return new Departure(this);
  }

  /** @internal As `read()`, for one who only passes on: see `_settleLoan`. */
  _readLent(): Wait<Uint8Array | undefined> {
    return this.inlet.readLent();
  }

  /**
   * @internal The chunk that `_readLent` has given was written to `to`: where it has left, its memory may be read into again.
   * False where it has not.
   */
  _settleLoan(chunk: Uint8Array, to: ByteStream): boolean {
    const { inlet } = this;
    if (inlet.lent === null) return true;
    const free = to._letGo;
    inlet.settleLoan(chunk, free);
    return free;
  }

  /** @internal All that was written has left this process, so that nobody here will look at it again. */
  get _letGo(): boolean {
    const { state, _transport: transport } = this;
    return state !== GONE && transport.letsGo === true && transport.unsent === 0;
  }

  /** @internal Calls back when the descriptor has been given back: at once where it has. */
  _whenGone(done: () => void): void {
    if (this.state === GONE) done();
    else (this.onGone ??= []).push(done);
  }

  /**
   * @internal Gives the transport to a layer that is put on top of it, with the bytes that have come and nobody has read.
   * The stream is as good as closed from here on. Whoever gets the transport opens it before anything else happens.
   */
  _handOver(to: string): HandedOver {
    const { inlet, outlet, _transport: transport } = this;
    inlet.takeTurn();
    if (inlet.failure !== null) throw again(inlet.failure);
    if (outlet.problem !== null) throw outlet.problem();
    if (outlet.waiting > 0)
      throw new BusyError(`${this.label}: writes are still under way: wait for them before it is handed over to ${to}`);
    const early = inlet.buffer.take(inlet.buffer.length);
    this.state = GONE;
    this.shut(`it was handed over to ${to}, which gave a new stream instead`);
    return { transport, early, ended: inlet.ended };
  }

  /** @internal Nothing is left to be done; what is open is closed only once somebody waits for it. */
  _closes(): boolean {
    if (this.state !== GONE) return false;
    this.shut();
    return true;
  }

  /** @internal */
  _closeFor(wait: Wait): void {
    const loop = loopOf(wait);
    if (this._transport.outside) loop.outside++;
    (this.closers ??= new WaitQueue()).push(wait);
    if (this.state === OPEN) this.startClose();
  }

  /** @internal A task that waited for the close has been cancelled. The last one takes the descriptor with it. */
  _closeAbandoned(wait: Wait): void {
    const closers = this.closers as WaitQueue;
    closers.remove(wait);
    if (this._transport.outside) ((wait.waiter as Waiter).loop as Loop).outside--;
    if (closers.length === 0) this.abort();
  }

  private startClose(): void {
    if (this.outlet.broken) {
      this.abort();
      return;
    }
    this.state = CLOSING;
    this._transport.close();
    this.shut();
  }

  /** Nobody can use it any more, and those who wait are told. */
  private shut(why?: string): void {
    if (this.inlet.shut) return;
    this.inlet.shutDown(why);
    this.outlet.shutDown(why);
  }

  /** @internal */
  get _firstCloser(): Wait | null {
    return this.closers?.head ?? null;
  }

  /** @internal The transport is gone. */
  _gone(error: Error | null): void {
    if (this.state === GONE) return;
    const asked = this.state !== OPEN;
    this.state = GONE;
    if (!asked) {
      const failure = error ?? goneWithoutReason(this.label);
      // This one first: a reader that is woken runs at once, and what it writes must not go to a transport that is gone.
      this.outlet.fail(failure);
      this.inlet.fail(failure);
    }
    const { closers } = this;
    if (closers !== null && closers.length > 0) {
      if (this._transport.outside) loopBehind(closers.head).outside -= closers.length;
      closers.unpark(closers.length);
    }
    const waiting = this.onGone;
    this.onGone = null;
    for (const resolve of waiting ?? []) resolve();
  }
}

/**
 * What `await using` and `use()` wait for. No real promise, which would tell a turn later: in a simulated world no such
 * turn ever comes.
 */
class Departure implements PromiseLike<void> {
  private readonly stream: ByteStream;

  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  then<T, E>(done?: ((value: void) => T | PromiseLike<T>) | null, _failed?: unknown): PromiseLike<T | E> {
    if (typeof done === "function") this.stream._whenGone(() => void done());
    return this as unknown as PromiseLike<T | E>;
  }
}

/**
 * What the transport talks to: the two halves, without a word of it on the face of the stream.
 *
 * Those who are woken run before the transport goes on, so a message costs no turn of the host. Only here: what a task
 * does to a stream wakes others as everything else does, and never runs them inside the call.
 */
class Ear implements Sink {
  declare private readonly stream: ByteStream;
  declare private readonly inlet: Inlet;
  declare private readonly outlet: Outlet;

  constructor(stream: ByteStream, inlet: Inlet, outlet: Outlet) {
    this.stream = stream;
    this.inlet = inlet;
    this.outlet = outlet;
  }

  received(chunk: Uint8Array): void {
    const { inlet } = this;
    if (inlet.reader === null) {
      inlet.push(chunk);
      return;
    }
    const loop = loopBehind(inlet.reader);
    const mine = loop.enter();
    inlet.push(chunk);
    if (mine) loop.leave();
  }

  lent(loan: Loan): void {
    const { inlet } = this;
    if (inlet.reader === null) {
      inlet.pushLent(loan);
      return;
    }
    const loop = loopBehind(inlet.reader);
    const mine = loop.enter();
    inlet.pushLent(loan);
    if (mine) loop.leave();
  }

  ended(): void {
    const { inlet } = this;
    if (inlet.reader === null) {
      inlet.end();
      return;
    }
    const loop = loopBehind(inlet.reader);
    const mine = loop.enter();
    inlet.end();
    if (mine) loop.leave();
  }

  drained(): void {
    const { outlet } = this;
    const { first } = outlet;
    if (first === null) {
      outlet.drained();
      return;
    }
    const loop = loopBehind(first);
    const mine = loop.enter();
    outlet.drained();
    if (mine) loop.leave();
  }

  closed(error: Error | null): void {
    const first = this.inlet.reader ?? this.outlet.first ?? this.stream._firstCloser;
    if (first === null) {
      this.stream._gone(error);
      return;
    }
    const loop = loopBehind(first);
    const mine = loop.enter();
    this.stream._gone(error);
    if (mine) loop.leave();
  }
}

function loopBehind(wait: Wait | null): Loop {
  return ((wait as Wait).waiter as Waiter).loop as Loop;
}

function parcel(parts: readonly (Uint8Array | string)[]): Parcel {
  if (!Array.isArray(parts))
    throw new TypeError(`write() takes bytes, a string, or an array of them, not ${String(parts)}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (const part of parts as readonly unknown[]) {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`write() takes bytes and strings, and was given an array with ${String(part)} in it`);
    if (bytes.length === 0) continue;
    chunks.push(bytes);
    size += bytes.length;
  }
  return { chunks, size };
}

function checkMark(bytes: number, what: string): number {
  if (!(bytes >= 0)) throw new RangeError(`${what} is a number of bytes, 0 or more, not ${String(bytes)}`);
  return bytes;
}
