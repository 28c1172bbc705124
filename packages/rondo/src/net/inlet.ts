/**
 * The half of a stream that is read: what has come, who waits for more, and when the transport has to hold back.
 *
 * A read takes bytes only at the moment at which it has its whole result, so one that is cancelled has taken nothing and
 * nothing has to be put back. Only one task reads at a time: two that share a stream would each get pieces of what the
 * other one needs.
 *
 * Two marks hold the transport back: it pauses when the bytes that nobody has asked for reach the high one, and goes on
 * when they have sunk to the low one. A reader that waits for much gets it, whatever the marks say; it has limits of its own.
 */
import { BrokenError, BusyError, ClosedError } from "../coroutine/errors.ts";
import { defineKind, grant, LateError, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { loopOf } from "../loop/sleep.ts";
import { ByteBuffer } from "./buffer.ts";
import { again, IncompleteError, LimitError } from "./errors.ts";
import { lend, takeBack } from "./lent.ts";
import type { Loan, Transport } from "./transport.ts";

/** What an attempt to complete a read found. */
const NOT_YET = 0;
const DONE = 1;
/** It fails: `inlet.problem` builds the error. */
const FAILED = 2;
type Outcome = typeof NOT_YET | typeof DONE | typeof FAILED;

/** Those who took bytes that they may have to give back: lines that have been cut and that nobody has taken. */
export interface Borrower {
  giveBack(): void;
}

/** What `readUntil` looks for, and how far it may. */
export interface Sought {
  readonly delimiter: Uint8Array;
  readonly max: number;
}

/** The kinds of reads differ in one thing: what completes them. */
function kindOfRead(label: string, attempt: (inlet: Inlet, wait: Wait) => Outcome): ReturnType<typeof defineKind> {
  const kind = defineKind({
    label,
    poll(wait) {
      const inlet = wait.on as Inlet;
      if (inlet.reader !== null || inlet.borrower !== null || inlet.shut) inlet.takeTurn();
      const outcome = attempt(inlet, wait);
      if (outcome === FAILED) throw inlet.problem();
      return outcome === DONE;
    },
    begin(wait) {
      (wait.on as Inlet).begin(wait);
    },
    abort(wait) {
      (wait.on as Inlet).withdraw(wait);
      return true;
    },
  });
  attempts.set(kind, attempt);
  return kind;
}

const attempts = new Map<unknown, (inlet: Inlet, wait: Wait) => Outcome>();

function attemptRead(inlet: Inlet, wait: Wait): Outcome {
  const { buffer } = inlet;
  if (buffer.length === 0) return inlet.atEnd(wait);
  wait.value = buffer.takeChunk(wait.arg as number);
  inlet.relieve();
  return DONE;
}

const READ = kindOfRead("read", attemptRead);

/** As READ, of somebody who gives the memory back where it is lent. */
const READ_LENT = kindOfRead("read", attemptRead);

const READ_INTO = kindOfRead("read into", (inlet, wait) => {
  const { buffer } = inlet;
  const target = wait.arg as Uint8Array;
  if (buffer.length === 0 && target.length > 0) return inlet.atEnd(wait);
  wait.value = buffer.takeInto(target);
  inlet.relieve();
  return DONE;
});

const READ_EXACTLY = kindOfRead("read exactly", (inlet, wait) => {
  const { buffer } = inlet;
  const n = wait.arg as number;
  if (buffer.length < n) return inlet.cutShort(wait, n);
  wait.value = buffer.take(n);
  inlet.relieve();
  return DONE;
});

const READ_UNTIL = kindOfRead("read until", (inlet, wait) => {
  const { delimiter, max } = wait.arg as Sought;
  const at = inlet.find(delimiter);
  const size = at < 0 ? inlet.buffer.length + 1 : at + delimiter.length;
  if (size > max) {
    inlet.problem = () =>
      new LimitError(
        `${inlet.label}: more than ${max} bytes came before ${described(delimiter)}: they are still there to be read; ` +
          "give a larger `max` where that is right",
        max,
      );
    return FAILED;
  }
  if (at < 0) return inlet.cutShort(wait, undefined);
  wait.value = inlet.buffer.take(size);
  inlet.relieve();
  return DONE;
});

/** Waits until there are more than `arg` bytes, or no more can come; takes nothing, and does not fail. For {@link Borrower}s. */
const MORE = kindOfRead("read", (inlet, wait) =>
  inlet.buffer.length > (wait.arg as number) || inlet.ended || inlet.failure !== null ? DONE : NOT_YET,
);

export class Inlet {
  declare readonly transport: Transport;
  declare readonly buffer: ByteBuffer;
  /** The one who waits. */
  declare reader: Wait | null;
  /** Whoever has bytes in hand that belong here. */
  declare borrower: Borrower | null;
  declare private flowing: boolean;
  /** The peer will send no more. */
  declare ended: boolean;
  /** Why no more will come, where that is not the peer's orderly end. */
  declare failure: Error | null;
  /** Closed by this side. */
  declare shut: boolean;
  /** And what is said of it. */
  declare private shutBy: string;
  /** Nothing more can come, one way or another: the transport is not to be asked. */
  declare private over: boolean;
  declare private readonly high: number;
  declare private readonly low: number;
  /** The memory of the last chunk that was read by `readLent`, where it is lent. */
  declare lent: Uint8Array | null;
  /** How many bytes have come. */
  declare received: number;
  /** Builds the error of the attempt that failed last. */
  declare problem: () => Error;
  /** Who is told that the peer has ended its stream or is gone, also while nobody reads. */
  declare watcher: ((how: "ended" | "gone") => void) | null;

  constructor(transport: Transport, high: number, low: number) {
    this.transport = transport;
    this.buffer = new ByteBuffer();
    this.reader = null;
    this.borrower = null;
    this.flowing = false;
    this.ended = false;
    this.failure = null;
    this.shut = false;
    this.shutBy = "it was closed on this side";
    this.over = false;
    this.high = high;
    this.low = low;
    this.lent = null;
    this.received = 0;
    this.problem = noProblem;
    this.watcher = null;
  }

  /** Asked for and not kept: most streams never have to say it, and there may be very many of them. */
  get label(): string {
    return this.transport.label;
  }

  get name(): string {
    return this.transport.label;
  }

  // ---- waits --------------------------------------------------------------------------------------------------------

  read(max: number): Wait<Uint8Array | undefined> {
    return new Wait<Uint8Array | undefined>(READ, this, max);
  }

  /** As `read`, for whoever calls `settleLoan` when he is done with the chunk. */
  readLent(): Wait<Uint8Array | undefined> {
    return new Wait<Uint8Array | undefined>(READ_LENT, this, Infinity);
  }

  /** Of the chunk that `readLent` has given last: whether nobody looks at it any more, so that its memory can be used again. */
  settleLoan(chunk: Uint8Array, free: boolean): void {
    const { lent } = this;
    this.lent = null;
    if (free && lent !== null && lent.buffer === chunk.buffer) takeBack(lent);
  }

  readInto(target: Uint8Array): Wait<number | undefined> {
    return new Wait<number | undefined>(READ_INTO, this, target);
  }

  readExactly(n: number): Wait<Uint8Array | undefined> {
    return new Wait<Uint8Array | undefined>(READ_EXACTLY, this, n);
  }

  readUntil(sought: Sought): Wait<Uint8Array | undefined> {
    return new Wait<Uint8Array | undefined>(READ_UNTIL, this, sought);
  }

  more(than: number): Wait<void> {
    return new Wait<void>(MORE, this, than);
  }

  begin(wait: Wait): void {
    // The other arm of the same `select` may have begun meanwhile.
    if (this.reader !== null) throw this.busyError();
    const loop = loopOf(wait);
    this.reader = wait;
    if (this.transport.outside) loop.outside++;
    if (!this.flowing && !this.over) this.resume();
  }

  withdraw(wait: Wait): void {
    this.release(wait);
  }

  /** What may stand in the way of a read that begins: another one, bytes that are lent, the end of it all. */
  takeTurn(): void {
    if (this.shut) throw this.closedError();
    if (this.reader !== null) throw this.busyError();
    this.borrower?.giveBack();
  }

  // ---- for `lines()` ------------------------------------------------------------------------------------------------

  get busy(): boolean {
    return this.reader !== null;
  }

  expects(): boolean {
    if (this.shut) throw this.closedError();
    if (this.failure !== null) throw again(this.failure);
    return !this.ended;
  }

  // ---- what comes ---------------------------------------------------------------------------------------------------

  push(chunk: Uint8Array): void {
    if (this.shut || chunk.length === 0) return;
    this.received += chunk.length;
    const { reader, buffer } = this;
    if (reader === null) {
      buffer.push(chunk);
      if (buffer.length >= this.high && this.flowing) this.pause();
    } else if (
      (reader.kind === READ || reader.kind === READ_LENT) &&
      buffer.length === 0 &&
      chunk.length <= (reader.arg as number)
    ) {
      this.settle(reader, chunk);
    } else {
      buffer.push(chunk);
      this.serve(reader);
    }
  }

  /** As `push`, of bytes in memory that is used again: what is needed now is taken out of it, the rest copied. */
  pushLent(loan: Loan): void {
    const { reader, buffer } = this;
    if (reader === null || buffer.length > 0 || this.shut) this.push(loan.copy(0));
    else if (reader.kind === READ_LENT) {
      const memory = lend(loan.size);
      if (memory === null) this.push(loan.copy(0));
      else {
        this.lent = memory;
        this.push(memory.subarray(0, loan.moveInto(memory)));
      }
    } else if (reader.kind === READ_INTO) {
      const target = reader.arg as Uint8Array;
      const size = loan.moveInto(target);
      this.received += size;
      this.settle(reader, size);
      if (size < loan.size) this.push(loan.copy(size));
    } else this.push(loan.copy(0));
  }

  /** The peer will send no more. */
  end(): void {
    if (this.shut || this.over) return;
    this.ended = true;
    this.over = true;
    if (this.reader !== null) this.serve(this.reader);
    if (this.watcher !== null) this.watcher("ended");
  }

  /** The transport is gone. What has come before is still there to be read. */
  fail(failure: Error): void {
    this.over = true;
    if (this.shut) return;
    if (!this.ended) {
      this.failure = failure;
      if (this.reader !== null) this.serve(this.reader);
    }
    if (this.watcher !== null) this.watcher("gone");
  }

  /** Nobody is told what does not flow: so it does, up to the mark. */
  watch(watcher: ((how: "ended" | "gone") => void) | null): void {
    this.watcher = watcher;
    if (watcher !== null && !this.flowing && !this.over && this.buffer.length < this.high) this.resume();
  }

  /** Closed by this side, and how. */
  shutDown(why: string = this.shutBy): void {
    this.borrower?.giveBack();
    this.shut = true;
    this.shutBy = why;
    this.over = true;
    this.buffer.clear();
    const { reader } = this;
    if (reader !== null) this.refuse(reader, () => this.closedError());
  }

  /** Puts bytes in front of what is there. */
  unread(bytes: Uint8Array): void {
    if (this.shut) throw this.closedError();
    this.borrower?.giveBack();
    if (bytes.length === 0) return;
    // What is put back belongs to whoever reads it next.
    this.lent = null;
    this.buffer.unshift(bytes);
    if (this.reader !== null) this.serve(this.reader);
  }

  /** Something has been taken. */
  relieve(): void {
    if (!this.flowing && !this.over && this.received > 0 && this.buffer.length <= this.low) this.resume();
  }

  // ---- how a read ends ----------------------------------------------------------------------------------------------

  /** Where the delimiter begins, or -1. What was searched for it before, by this read or an earlier one, is not searched again. */
  find(delimiter: Uint8Array): number {
    const { buffer } = this;
    const known = buffer.sought !== null && same(buffer.sought, delimiter) ? buffer.searched : 0;
    const at = known < buffer.length ? buffer.indexOf(delimiter, known) : -1;
    buffer.sought = delimiter;
    // The delimiter may have begun at the very end.
    buffer.searched = at < 0 ? Math.max(0, buffer.length - delimiter.length + 1) : at;
    return at;
  }

  /** There is nothing to read. */
  atEnd(wait: Wait): Outcome {
    if (this.ended) {
      wait.value = undefined;
      return DONE;
    }
    if (this.failure === null) return NOT_YET;
    const { failure } = this;
    this.problem = () => again(failure);
    return FAILED;
  }

  /** There is not enough to read. */
  cutShort(wait: Wait, expected: number | undefined): Outcome {
    const { length } = this.buffer;
    if (length === 0 || !this.ended) return this.atEnd(wait);
    this.problem = () =>
      new IncompleteError(
        `${this.label}: the peer ended its stream after ${length} bytes, ` +
          `${expected === undefined ? "before the delimiter" : `where ${expected} were to be read`}; they are still there to be read`,
        length,
        expected,
      );
    return FAILED;
  }

  private serve(reader: Wait): void {
    const attempt = attempts.get(reader.kind) as (inlet: Inlet, wait: Wait) => Outcome;
    const outcome = attempt(this, reader);
    if (outcome === DONE) this.settle(reader, reader.value);
    else if (outcome === FAILED) this.refuse(reader, this.problem);
  }

  private settle(reader: Wait, value: unknown): void {
    this.release(reader);
    grant(reader, value);
  }

  private refuse(reader: Wait, build: () => Error): void {
    this.release(reader);
    refuse(reader, new LateError(build));
  }

  private release(reader: Wait): void {
    this.reader = null;
    if (this.transport.outside) ((reader.waiter as Waiter).loop as Loop).outside--;
  }

  private resume(): void {
    this.flowing = true;
    this.transport.resume();
  }

  private pause(): void {
    this.flowing = false;
    this.transport.pause();
  }

  get paused(): boolean {
    return !this.flowing;
  }

  private closedError(): ClosedError {
    return new ClosedError(`${this.label}: ${this.shutBy}: nothing can be read from it any more`);
  }

  private busyError(): BusyError {
    return new BusyError(
      `${this.label}: another task is reading from it: let one task read, and give the others what they need through a channel`,
    );
  }
}

/** What nothing has failed of. */
const noProblem = (): Error => new Error("no read of this stream has failed");

/** The failure where the transport is gone and gave no reason. */
export function goneWithoutReason(label: string): BrokenError {
  return new BrokenError(`${label}: the connection is gone`);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A delimiter as a person reads it. */
function described(delimiter: Uint8Array): string {
  return JSON.stringify(String.fromCharCode(...delimiter.subarray(0, 40)));
}
