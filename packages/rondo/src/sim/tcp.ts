/**
 * One end of a simulated connection, as a stream knows it: TCP, or a Unix socket.
 *
 * What a real socket does between the program and the network happens here: bytes that came wait until they are wanted,
 * a full window makes `send` answer false, a close waits until everything is handed over, a descriptor that is given back
 * answers with a reset. It says nothing from inside a call; what it has to say comes as an event of the world.
 */
import { fromSystemError } from "../net/errors.ts";
import { shownEndpoint } from "../net/address.ts";
import type { Address, Sink, Transport } from "../net/transport.ts";
import type { Timed } from "../loop/timers.ts";
import type { Link } from "./links.ts";
import type { NetCore, NetSystem } from "./net-core.ts";
import { systemError } from "./net-errors.ts";
import { DATA, FIN, HELLO, RST, type Run } from "./net-run.ts";
import { Wire } from "./net-wire.ts";

/** The stream wants bytes. */
const FLOWING = 1;
/** It has wanted some before: until then nobody looks at the socket. */
const RESUMED = 2;
/** The last `send` answered false, and `drained` is owed. */
const FULL = 4;
/** This side sends no more. */
const ENDING = 8;
/** The peer sends no more; and that has been told. */
const FIN_CAME = 16;
const FIN_TOLD = 32;
/** This side wants it to be over. */
const CLOSING = 64;
/** The descriptor is given back; what is left to tell is that. */
const GONE = 128;
/** By an abort or a crash, so that there is no such connection any more. */
const FORGOTTEN = 256;
/** The peer has reset it, or does not answer; and the program has noticed. */
const FAILED = 512;
const NOTICED = 1024;

/** What Node reads at once. */
const MOST_AT_ONCE = 65_536;

export class TcpEnd implements Transport, Timed {
  slot: number;
  readonly system: NetSystem;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  wire: Wire;
  /** The other direction. */
  private incoming: Wire | null;
  private sink: Sink | null;
  private bits: number;
  private error: Error | null;
  private inHead: Run | null;
  private inTail: Run | null;
  private inBytes: number;
  private readonly core: NetCore;
  /** Called when the peer's last step of the handshake comes; then nothing more. */
  established: ((end: TcpEnd) => void) | null;
  /** The port that was taken for it alone, to be given back. */
  readonly port: number;

  constructor(core: NetCore, system: NetSystem, local: Address, remote: Address, port: number, link: Link, back: Link) {
    this.slot = -1;
    this.system = system;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.incoming = null;
    this.sink = null;
    this.bits = 0;
    this.error = null;
    this.inHead = null;
    this.inTail = null;
    this.inBytes = 0;
    this.core = core;
    this.established = null;
    this.port = port;
    this.wire = new Wire(core, this, this, link, back);
  }

  /** Two ends of one connection. */
  join(other: TcpEnd): void {
    this.incoming = other.wire;
    other.incoming = this.wire;
    this.wire.to = other;
    other.wire.to = this;
  }

  get peer(): TcpEnd {
    return this.wire.to;
  }

  // ---- for the stream -----------------------------------------------------------------------------------------------

  get label(): string {
    const { localAddress: local, remoteAddress: remote } = this;
    if (local.family === "unix") return `unix ${remote.host || local.host}`;
    return `tcp ${shownEndpoint(local)} > ${shownEndpoint(remote)}`;
  }

  get outside(): boolean {
    return true;
  }

  get unsent(): number {
    return this.wire.unsent;
  }

  open(sink: Sink): void {
    this.sink = sink;
    if ((this.bits & (GONE | FAILED)) !== 0) this.poke();
  }

  resume(): void {
    this.bits |= FLOWING | RESUMED;
    if ((this.bits & FAILED) !== 0) this.bits |= NOTICED;
    if (this.inHead !== null || (this.bits & (FIN_CAME | FIN_TOLD | FAILED)) !== 0) this.poke();
  }

  pause(): void {
    this.bits &= ~FLOWING;
  }

  send(chunks: readonly Uint8Array[]): boolean {
    const { bits, wire } = this;
    if ((bits & (GONE | FAILED)) !== 0) {
      if ((bits & FAILED) !== 0 && (bits & NOTICED) === 0) {
        this.bits |= NOTICED;
        this.error = systemError("EPIPE", "write");
        this.poke();
      }
      this.bits |= FULL;
      return false;
    }
    // Copies: the writer may use its bytes again, and the reader may change what it gets.
    for (let i = 0; i < chunks.length; i++) wire.send(new Uint8Array(chunks[i] as Uint8Array));
    if (wire.unsent === 0) return true;
    this.bits |= FULL;
    return false;
  }

  end(): void {
    if ((this.bits & (ENDING | GONE | FAILED)) !== 0) return;
    this.bits |= ENDING;
    this.wire.fin();
    if ((this.bits & FIN_TOLD) !== 0) this.poke();
  }

  close(): void {
    if ((this.bits & (CLOSING | GONE)) !== 0) return;
    this.bits = (this.bits | CLOSING) & ~FLOWING;
    if ((this.bits & FAILED) !== 0) {
      this.bits |= NOTICED;
      this.poke();
      return;
    }
    if ((this.bits & ENDING) === 0) {
      this.bits |= ENDING;
      this.wire.fin();
    }
    if (this.wire.unsent === 0) this.release();
    // Else `drained` is what it waits for.
    else this.bits |= FULL;
  }

  abort(): void {
    if ((this.bits & GONE) !== 0) return;
    this.leave();
    this.poke();
  }

  // ---- for the network ----------------------------------------------------------------------------------------------

  /** There is no such connection on this computer any more: whatever comes is answered by a reset. */
  get forgotten(): boolean {
    return (this.bits & (GONE | FORGOTTEN | FAILED)) !== 0;
  }

  /** Its system goes on trying. */
  get retransmits(): boolean {
    return (this.bits & (FORGOTTEN | FAILED)) === 0 && !this.system.dead;
  }

  /** It waits for room. */
  get full(): boolean {
    return (this.bits & FULL) !== 0;
  }

  /** The descriptor is open. */
  get held(): boolean {
    return (this.bits & GONE) === 0;
  }

  /** Something has come; `speak` follows. */
  arrived(run: Run): void {
    const { bits } = this;
    if ((bits & (GONE | FAILED)) !== 0) {
      const { kind } = run;
      (this.incoming as Wire).taken(run);
      // A connection that was closed in order still takes the peer's end, but no bytes: nobody would ever read them.
      if (kind === DATA || (kind !== RST && (bits & FORGOTTEN) !== 0)) this.refuse();
      return;
    }
    switch (run.kind) {
      case DATA:
        if ((bits & CLOSING) !== 0) {
          (this.incoming as Wire).taken(run);
          return;
        }
        if (this.inTail === null) this.inHead = run;
        else this.inTail.next = run;
        this.inTail = run;
        this.inBytes += run.size;
        return;
      case FIN:
        this.bits |= FIN_CAME;
        break;
      case RST:
        if (this.established !== null) {
          this.giveBack(); // nobody has been told of it
          break;
        }
        this.failed((bits & FIN_CAME) === 0 ? systemError("ECONNRESET", "read") : systemError("EPIPE", "write"));
        break;
      case HELLO: {
        const { established } = this;
        this.established = null;
        established?.(this);
        break;
      }
    }
    this.core.giveRuns(run);
  }

  /** The connection is no more, and not by this side. */
  failed(error: Error): void {
    if ((this.bits & (GONE | FAILED)) !== 0) return;
    this.error = error;
    this.bits |= FAILED;
    // Nobody looks at a socket from which nothing was ever read, until something is written to it.
    if ((this.bits & (RESUMED | FULL | CLOSING)) !== 0) this.bits |= NOTICED;
    this.wire.clear();
    this.poke();
  }

  /** Its computer has crashed: it says nothing to anybody. */
  vanish(): void {
    this.sink = null;
    this.bits |= GONE | FORGOTTEN;
    this.wire.orphan();
    this.dropIncoming();
    this.core.clockwork.events.remove(this);
  }

  /** Nothing will ever come from the other end. Where its handshake is not finished, the system gives it up by itself. */
  unheard(): void {
    if (this.established === null) return;
    this.established = null;
    this.bits |= FORGOTTEN;
    this.wire.orphan();
    this.giveBack();
  }

  /** Its program has ended: the system gives back what it left open. */
  exit(): void {
    this.sink = null;
    if ((this.bits & (GONE | FAILED)) === 0) this.leaveInOrder();
    this.bits |= GONE;
    this.core.clockwork.events.remove(this);
  }

  fire(): void {
    this.speak();
  }

  /** Says what there is to say. */
  speak(): void {
    const { sink } = this;
    if (sink === null) return;
    if ((this.bits & GONE) !== 0) {
      this.sink = null;
      sink.closed(null);
      return;
    }
    if ((this.bits & NOTICED) !== 0) {
      this.speakLast(sink);
      return;
    }
    while (this.inHead !== null && (this.bits & FLOWING) !== 0) sink.received(this.take());
    if ((this.bits & (FIN_CAME | FIN_TOLD | FLOWING)) === (FIN_CAME | FLOWING) && this.inHead === null) {
      this.bits |= FIN_TOLD;
      sink.ended();
    }
    if ((this.bits & FULL) !== 0 && (this.bits & GONE) === 0 && this.wire.unsent === 0) {
      this.bits &= ~FULL;
      if ((this.bits & CLOSING) === 0) sink.drained();
    }
    // Both directions have ended, or this side has closed: the descriptor goes back.
    const { bits } = this;
    if ((bits & (ENDING | GONE | FULL)) === ENDING && (bits & (CLOSING | FIN_TOLD)) !== 0 && this.wire.unsent === 0)
      this.release();
  }

  /** What had come before it failed, and then that. */
  private speakLast(sink: Sink): void {
    if ((this.bits & CLOSING) === 0) {
      while (this.inHead !== null && (this.bits & GONE) === 0) sink.received(this.take());
      if ((this.bits & (FIN_CAME | FIN_TOLD | GONE)) === FIN_CAME) {
        this.bits |= FIN_TOLD;
        sink.ended();
      }
      if ((this.bits & GONE) !== 0) {
        this.poke(); // closed by what was told
        return;
      }
    }
    this.giveBack();
    this.sink = null;
    sink.closed(fromSystemError(this.error, this.label));
  }

  /** The first of what has come, or as much of it as arrives together. */
  private take(): Uint8Array {
    const incoming = this.incoming as Wire;
    const first = this.inHead as Run;
    let bytes = first.bytes as Uint8Array;
    if (first.next !== null && !incoming.link.slices && incoming.link.drip === 0) bytes = this.together(first);
    let left = bytes.length;
    this.inBytes -= left;
    while (left > 0) {
      const run = this.inHead as Run;
      left -= run.size;
      this.inHead = run.next;
      run.next = null;
      incoming.taken(run);
    }
    if (this.inHead === null) this.inTail = null;
    return bytes;
  }

  /** What lies there, as one read gives it. */
  private together(first: Run): Uint8Array {
    let size = 0;
    let whole = true;
    let last: Uint8Array | null = null;
    for (let run: Run | null = first; run !== null && (size === 0 || size + run.size <= MOST_AT_ONCE); run = run.next) {
      const bytes = run.bytes as Uint8Array;
      if (last !== null && (last.buffer !== bytes.buffer || last.byteOffset + last.length !== bytes.byteOffset))
        whole = false;
      last = bytes;
      size += run.size;
    }
    const { buffer, byteOffset } = first.bytes as Uint8Array;
    if (whole) return new Uint8Array(buffer, byteOffset, size);
    const bytes = new Uint8Array(size);
    for (let run: Run | null = first, at = 0; at < size; at += (run as Run).size, run = (run as Run).next)
      bytes.set((run as Run).bytes as Uint8Array, at);
    return bytes;
  }

  // ---- the end ------------------------------------------------------------------------------------------------------

  /** Everything has been handed over: the descriptor goes back. */
  private release(): void {
    if (this.unreadCount > 0) this.refuse();
    this.giveBack();
    this.poke();
  }

  /** At once, with a reset where that is possible. */
  private leave(): void {
    const { bits, wire } = this;
    if ((bits & FAILED) === 0) {
      // Node does not reset a socket whose end is on its way, and Unix sockets know no reset.
      const resettable = this.localAddress.family !== "unix" && ((bits & ENDING) === 0 || wire.unsent > 0);
      if (resettable) this.refuse();
      else this.leaveInOrder();
    }
    this.giveBack();
  }

  /** There is no such connection any more, and the peer is told so, once. */
  private refuse(): void {
    this.bits |= FORGOTTEN;
    this.wire.reset();
  }

  /** As the system closes a descriptor: what it has taken it sends, and says that this was all. */
  private leaveInOrder(): void {
    this.wire.dropUnsent();
    if (this.unreadCount > 0) this.refuse();
    else this.wire.fin();
    this.giveBack();
  }

  /** Bytes that lie in the system, unread: a close then becomes a reset (RFC 1122, 4.2.2.13). Node reads ahead. */
  private get unreadCount(): number {
    return (this.bits & RESUMED) === 0 || this.inBytes > MOST_AT_ONCE ? this.inBytes : 0;
  }

  private giveBack(): void {
    if ((this.bits & GONE) !== 0) return;
    this.bits |= GONE;
    this.system.gone(this);
    this.dropIncoming();
  }

  private dropIncoming(): void {
    for (let run = this.inHead; run !== null;) {
      const { next } = run;
      run.next = null;
      (this.incoming as Wire).taken(run);
      run = next;
    }
    this.inHead = null;
    this.inTail = null;
    this.inBytes = 0;
  }

  private poke(): void {
    const { clockwork } = this.core;
    if (this.slot < 0) clockwork.events.set(this, clockwork.time);
  }
}
