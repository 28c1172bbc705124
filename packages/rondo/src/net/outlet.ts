/**
 * The half of a stream that is written: whose turn it is, and what becomes of a write that does not get to its end.
 *
 * Writes stand in line: each goes whole and in order. One that has handed nothing to the transport can be withdrawn as if
 * it had never been. One that has cannot: nobody knows how much of it the peer will see. Then nothing more can be written,
 * because whatever came next would be read as the rest of the broken message; and the stream says between what bounds it
 * went. (The same as trio's `send_all`, which leaves it to the documentation.)
 *
 * A small write for which there is room completes at once, also where it fills the transport: the next one then waits. So
 * the common case is one call and no turn of the loop, and what is unsent stays bounded.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import { defineKind, grant, LateError, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import { loopOf } from "../loop/sleep.ts";
import { again } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** What a write hands over: the bytes, and how many they are. */
export interface Parcel {
  readonly chunks: readonly Uint8Array[];
  readonly size: number;
}

const WRITE = defineKind({
  label: "write",
  poll(wait) {
    const outlet = wait.on as Outlet;
    return outlet.writeNow(wait.arg as Uint8Array | Parcel, outlet.ahead);
  },
  begin(wait) {
    (wait.on as Outlet).begin(wait);
  },
  abort(wait) {
    return (wait.on as Outlet).withdraw(wait);
  },
});

const END = defineKind({
  label: "end",
  poll(wait) {
    const outlet = wait.on as Outlet;
    if (outlet.ended) return true;
    if (outlet.problem !== null) throw outlet.problem();
    if (outlet.waiting > 0) return false;
    outlet.endNow();
    return true;
  },
  begin(wait) {
    (wait.on as Outlet).begin(wait);
  },
  abort(wait) {
    return (wait.on as Outlet).withdraw(wait);
  },
});

export class Outlet {
  declare readonly transport: Transport;
  /** A write of which no more than so many bytes would be unsent completes at once. */
  declare readonly ahead: number;
  /** Nobody is in line, and the transport has room. */
  declare free: boolean;
  /** The one who has handed its bytes over, and waits until there is room again. */
  declare writing: Wait | null;
  /** Those who have handed over nothing; made when the first one has to wait. */
  declare queue: WaitQueue | null;
  /** How many bytes have been handed over. */
  declare handed: number;
  /** This side has said that it will send no more. */
  declare ended: boolean;
  /** A write was cancelled half way. */
  declare broken: boolean;
  /** Why nothing can be written, or null. */
  declare problem: (() => Error) | null;

  constructor(transport: Transport, ahead: number) {
    this.transport = transport;
    this.ahead = ahead;
    this.free = true;
    this.writing = null;
    this.queue = null;
    this.handed = 0;
    this.ended = false;
    this.broken = false;
    this.problem = null;
  }

  get label(): string {
    return this.transport.label;
  }

  get name(): string {
    return this.transport.label;
  }

  /** How many wait to write. */
  get waiting(): number {
    return (this.queue?.length ?? 0) + (this.writing === null ? 0 : 1);
  }

  /** The first of them. */
  get first(): Wait | null {
    return this.writing ?? this.queue?.head ?? null;
  }

  write(data: Uint8Array | Parcel): Wait<void> {
    return new Wait<void>(WRITE, this, data);
  }

  /** Hands it over, where nobody is in line and no more than `ahead` bytes would be unsent; else nothing has happened. */
  writeNow(data: Uint8Array | Parcel, ahead: number): boolean {
    if (this.problem !== null) throw this.problem();
    if (!this.free) return false;
    const one = data instanceof Uint8Array;
    const size = one ? data.length : data.size;
    if (size === 0) return true;
    if (size > ahead - this.transport.unsent) return false;
    this.handed += size;
    if (!this.transport.send(one ? [data] : data.chunks)) this.free = false;
    return true;
  }

  /** As `writeNow`; and where nothing is unsent, one of any size may be the next. */
  tryWrite(data: Uint8Array | Parcel): boolean {
    return this.writeNow(data, this.transport.unsent === 0 ? Infinity : this.ahead);
  }

  end(): Wait<void> {
    return new Wait<void>(END, this, undefined);
  }

  begin(wait: Wait): void {
    const loop = loopOf(wait);
    // The other arm of the same `select` may have got there first.
    if (this.problem !== null) throw this.problem();
    if (this.transport.outside) loop.outside++;
    const first = this.free || (wait.kind === END && this.writing === null);
    if (first && (this.queue === null || this.queue.length === 0)) this.hand(wait);
    else (this.queue ??= new WaitQueue()).push(wait);
  }

  withdraw(wait: Wait): boolean {
    if (wait !== this.writing) {
      this.queue?.remove(wait);
      this.leave(wait);
      return true;
    }
    const { unsent } = this.transport;
    // It has gone out whole, and will be told in a moment.
    if (unsent === 0) return false;
    const size = sizeOf(wait);
    const least = Math.max(0, size - unsent);
    this.writing = null;
    this.leave(wait);
    this.broken = true;
    this.stopAll(
      () =>
        new BrokenError(
          `${this.label}: a write of ${size} bytes was cancelled when at least ${least} of them had gone, perhaps all: ` +
            "nothing more can be written, or the peer would take it for the rest",
        ),
    );
    return true;
  }

  /** There is room again. */
  drained(): void {
    const { writing } = this;
    this.free = true;
    this.writing = null;
    if (writing !== null) this.done(writing);
    this.goOn();
  }

  endNow(): void {
    this.ended = true;
    this.problem = () => new ClosedError(`${this.label}: its writing end was ended: nothing more can be written to it`);
    this.transport.end();
    if (this.waiting > 0) this.stopAll(this.problem);
  }

  /** The transport is gone. */
  fail(failure: Error): void {
    if (this.problem === null) this.stopAll(() => again(failure));
  }

  /** Closed by this side, and how. */
  shutDown(why: string = "it was closed on this side"): void {
    this.ended = false; // and a further `end()` is not the same as the first one any more
    this.stopAll(() => new ClosedError(`${this.label}: ${why}: nothing can be written to it any more`));
  }

  /** Takes those in line one after the other, while there is room. */
  private goOn(): void {
    while (this.free) {
      const wait = this.queue?.shift() ?? null;
      if (wait === null) return;
      this.hand(wait);
    }
  }

  private hand(wait: Wait): void {
    if (wait.kind === END) {
      this.endNow();
      this.done(wait);
      return;
    }
    const data = wait.arg as Uint8Array | Parcel;
    const chunks = data instanceof Uint8Array ? [data] : data.chunks;
    const size = sizeOf(wait);
    // Whoever gave the data sees by this that it is not his any more, also where the write does not get to its end.
    wait.arg = { chunks: [], size };
    this.handed += size;
    if (size === 0 || this.transport.send(chunks)) {
      this.done(wait);
    } else {
      this.free = false;
      this.writing = wait;
    }
  }

  private done(wait: Wait): void {
    this.leave(wait);
    grant(wait, undefined);
  }

  private leave(wait: Wait): void {
    if (this.transport.outside) ((wait.waiter as Waiter).loop as Loop).outside--;
  }

  /** From here on nothing can be written. Those who wait are told. */
  private stopAll(problem: () => Error): void {
    this.problem = problem;
    const { writing } = this;
    this.free = false;
    this.writing = null;
    const error = new LateError(problem);
    if (writing !== null) {
      this.leave(writing);
      refuse(writing, error);
    }
    for (let wait = this.queue?.shift() ?? null; wait !== null; wait = (this.queue as WaitQueue).shift()) {
      this.leave(wait);
      refuse(wait, error);
    }
  }
}

function sizeOf(wait: Wait): number {
  const data = wait.arg as Uint8Array | Parcel;
  return data instanceof Uint8Array ? data.length : data.size;
}
