/**
 * An open file: reading and writing at a position, and giving the descriptor back.
 *
 * The one idea: a call that was left (see call.ts) goes on with the descriptor in hand, and a descriptor that is closed
 * meanwhile may be somebody else's file a moment later. So closing says at once that nothing new begins, waits until the last
 * call has come back, and only then gives the descriptor back, whoever still waits for it.
 *
 * Reads of what has positions (regular files) are made at a position of our own, which moves when the bytes are delivered:
 * a cancelled read has read nothing. What has no positions (FIFOs, terminals) cannot be asked twice for the same bytes,
 * so there a read that was left is kept, and the next one gets what it brings.
 */
import * as fs from "node:fs";

import { ClosedError } from "../coroutine/errors.ts";
import type { Coroutine, Wait } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { currentLoop } from "../loop/sleep.ts";
import { Lock } from "../sync/lock.ts";
import { suspend } from "../task/suspend.ts";
import { changing, type Done, fileCall, type Path, shownPath } from "./call.ts";
import { FileError, fileError, hasCode } from "./errors.ts";
import { type FileInfo, infoOf } from "./info.ts";

/** How a file is opened: the names that `fopen` has, `x` for "must not exist yet"; or the numbers of `node:fs` constants. */
export type OpenFlags = "r" | "r+" | "w" | "w+" | "wx" | "wx+" | "a" | "a+" | "ax" | "ax+" | "rs+" | number;

/** How a file is opened. */
export interface OpenOptions {
  /** The permission bits of a file that is made, before the process's umask. `0o666` by default. */
  readonly mode?: number | undefined;
}

/** What can be written. Strings are written as UTF-8. */
export type FileData = Uint8Array | string | readonly (Uint8Array | string)[];

/** How much is read where nothing is said. */
const CHUNK = 64 * 1024;

/** A read of something without positions, which may outlive the one who asked for it. */
class Ahead {
  bytes: Uint8Array | undefined;
  error: Error | null = null;
  over = false;
  wake: (() => void) | undefined;
}

/**
 * An open file; made by {@link open}. Close it with `close()`, or have that done at the end of the scope: `use(yield* open(path))`.
 *
 * `read` and `write` go on from `position`, which you may set; several tasks that do so at once take turns, and each write
 * goes whole. `readAt` and `writeAt` name their position, and may be under way at the same time. After `close()` everything
 * throws `ClosedError`. What the system refuses is a `FileError`.
 *
 * A cancelled read has read nothing. A write that has begun cannot be stopped: it is waited for, and the cancellation comes after it.
 *
 * @example
 * ```ts
 * import { run, use } from "rondo";
 * import { open, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   const file = use(yield* open(`${dir}/notes`, "w+"));
 *   yield* file.write(["one ", "two ", "three"]);
 *   file.position = 4;
 *   console.log(new TextDecoder().decode(yield* file.read(3))); // prints: two
 *   console.log(yield* file.read(), yield* file.read()); // prints: Uint8Array(6) [ 32, 116, 104, 114, 101, 101 ] undefined
 * });
 * ```
 */
export class File implements Disposable, AsyncDisposable {
  readonly path: string;
  /** Where the next `read` or `write` begins, in bytes from the start. */
  position: number;
  /** The system's number for it; -1 once it has been given back. */
  private descriptor: number;
  private readonly appends: boolean;
  private readonly turns: Lock;
  /** It has no positions: a FIFO, a terminal. Found out when it says so. */
  private flowing: boolean;
  private ahead: Ahead | undefined;
  /** Read from something without positions, and not asked for yet. */
  private kept: Uint8Array | undefined;
  /** Calls that are under way, also those that nobody waits for. */
  private busy: number;
  private closing: boolean;
  private closeError: unknown;
  private closers: ((error: unknown) => void)[];

  private readonly loop: Loop;

  /** @internal Made by `open`. */
  constructor(descriptor: number, path: string, appends: boolean, loop: Loop) {
    this.loop = loop;
    this.path = path;
    this.position = 0;
    this.descriptor = descriptor;
    this.appends = appends;
    this.turns = new Lock({ name: path });
    this.flowing = false;
    this.ahead = undefined;
    this.kept = undefined;
    this.busy = 0;
    this.closing = false;
    this.closeError = undefined;
    this.closers = [];
  }

  /** The system's number for the open file, for calls of Node's own; -1 when it is closed. */
  get fd(): number {
    return this.closing ? -1 : this.descriptor;
  }

  get closed(): boolean {
    return this.closing;
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  /** The next bytes from `position`, at most `max` (64 KiB by default); `undefined` at the end of the file. A switch point. */
  *read(max: number = CHUNK): Coroutine<Uint8Array | undefined> {
    checkCount(max, "read", 1);
    yield* this.turns.acquire();
    try {
      if (!this.flowing) {
        try {
          const bytes = yield* this.readAt(this.position, max);
          this.position += bytes?.length ?? 0;
          return bytes;
        } catch (error) {
          if (!hasCode(error, "ESPIPE")) throw error;
          this.flowing = true;
        }
      }
      return yield* this.readOn(max);
    } finally {
      this.turns.release();
    }
  }

  /** Reads into `buffer` from `position`, and gives how many bytes came; `undefined` at the end of the file. A switch point. */
  *readInto(buffer: Uint8Array): Coroutine<number | undefined> {
    if (buffer.length === 0) return 0;
    yield* this.turns.acquire();
    try {
      if (!this.flowing) {
        try {
          const count = yield* this.readIntoAt(this.position, buffer);
          this.position += count ?? 0;
          return count;
        } catch (error) {
          if (!hasCode(error, "ESPIPE")) throw error;
          this.flowing = true;
        }
      }
      const bytes = yield* this.readOn(buffer.length);
      if (bytes === undefined) return undefined;
      buffer.set(bytes);
      return bytes.length;
    } finally {
      this.turns.release();
    }
  }

  /**
   * At most `max` bytes from `position`; `undefined` at the end of the file. `position` of the file stays where it is. A
   * switch point.
   */
  *readAt(position: number, max: number = CHUNK): Coroutine<Uint8Array | undefined> {
    checkCount(position, "readAt", 0);
    checkCount(max, "readAt", 1);
    // Memory of its own, so that a read that was left has something to write to.
    const { buffer } = Buffer.allocUnsafeSlow(max);
    const bytes = new Uint8Array(buffer);
    const count = yield* this.reading(bytes, position, false);
    return count === 0 ? undefined : bytes.subarray(0, count);
  }

  /** As `readAt`, into memory of yours. */
  *readIntoAt(position: number, buffer: Uint8Array): Coroutine<number | undefined> {
    checkCount(position, "readIntoAt", 0);
    if (buffer.length === 0) return 0;
    // The caller's memory must not change when the caller has gone on: this one is waited for.
    const count = yield* this.reading(buffer, position, true);
    return count === 0 ? undefined : count;
  }

  private reading(buffer: Uint8Array, position: number, changes: boolean): Wait<number> {
    return fileCall<number>({
      operation: "read",
      path: this.path,
      changes,
      begin: (done) => fs.read(this.begin(), buffer, 0, buffer.length, position, this.ends(done)),
    });
  }

  /** Reads what has no positions. */
  private *readOn(max: number): Coroutine<Uint8Array | undefined> {
    if (this.kept === undefined) {
      const ahead = (this.ahead ??= this.readAhead());
      if (!ahead.over) {
        yield* suspend<void>((wake) => {
          ahead.wake = wake;
          return () => {
            ahead.wake = undefined;
          };
        }, `read ${this.path}`);
      }
      if (this.closing) throw this.closedError();
      this.ahead = undefined;
      if (ahead.error !== null) throw fileError(ahead.error, "read", this.path);
      this.kept = ahead.bytes;
      if (this.kept === undefined) return undefined;
    }
    const bytes = this.kept;
    this.kept = bytes.length > max ? bytes.subarray(max) : undefined;
    return bytes.subarray(0, max);
  }

  private readAhead(): Ahead {
    const ahead = new Ahead();
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(CHUNK).buffer);
    const ends = this.ends<number>((error, count) => {
      ahead.over = true;
      ahead.error = error;
      ahead.bytes = count === undefined || count === 0 ? undefined : bytes.subarray(0, count);
      ahead.wake?.();
    });
    fs.read(this.begin(), bytes, 0, bytes.length, null, ends);
    return ahead;
  }

  // ---- writing ------------------------------------------------------------------------------------------------------

  /**
   * Writes all of `data` at `position`, or at the end of a file that was opened with `a`. Where the system takes only a part
   * of it (a full disk), the `FileError` says in `written` how many bytes. A switch point.
   */
  *write(data: FileData): Coroutine<void> {
    const chunks = chunksOf(data);
    yield* this.turns.acquire();
    try {
      const count = yield* this.writing(chunks, this.appends || this.flowing ? null : this.position);
      if (!this.appends) this.position += count;
    } catch (error) {
      if (error instanceof FileError && !this.appends) this.position += error.written ?? 0;
      throw error;
    } finally {
      this.turns.release();
    }
  }

  /** Writes all of `data` at `position`. `position` of the file stays where it is. A switch point. */
  *writeAt(position: number, data: FileData): Coroutine<void> {
    checkCount(position, "writeAt", 0);
    yield* this.writing(chunksOf(data), position);
  }

  private *writing(chunks: Uint8Array[], position: number | null): Coroutine<number> {
    let written = 0;
    try {
      yield* changing("write", this.path, (done) => {
        const fd = this.begin();
        const ends = this.ends<void>(done);
        let rest = chunks.filter((chunk) => chunk.length > 0);
        // One wait for all of it: a write goes whole, and no cancellation comes between its parts.
        const go = (error: Error | null, count: number): void => {
          written += count;
          rest = without(rest, count);
          if (error !== null || rest.length === 0) ends(error);
          else fs.writev(fd, rest, position === null ? null : position + written, after);
        };
        const after = (error: NodeJS.ErrnoException | null, count: number): void => {
          // What has no positions says so at the first write.
          if (error?.code === "ESPIPE" && position !== null && written === 0 && !this.flowing) {
            this.flowing = true;
            fs.writev(fd, rest, null, (next, sum) => {
              position = null;
              go(next, sum ?? 0);
            });
          } else go(error, error === null ? count : 0);
        };
        if (rest.length === 0) setImmediate(() => ends(null));
        else fs.writev(fd, rest, position, after);
      });
      return written;
    } catch (error) {
      if (error instanceof FileError) error.written = written;
      throw error;
    }
  }

  // ---- the rest -----------------------------------------------------------------------------------------------------

  /** Makes it `length` bytes long: what is beyond is lost, what is missing is zeros. A switch point. */
  truncate(length: number = 0): Wait<void> {
    checkCount(length, "truncate", 0);
    return changing("truncate", this.path, (done) => fs.ftruncate(this.begin(), length, this.ends(done)));
  }

  /** Waits until what was written is on the disk, and not only in the system's memory. A switch point. */
  sync(): Wait<void> {
    return changing("sync", this.path, (done) => fs.fsync(this.begin(), this.ends(done)));
  }

  /** Sets the permission bits, whatever the umask. A switch point. */
  changeMode(mode: number): Wait<void> {
    return changing("changeMode", this.path, (done) => fs.fchmod(this.begin(), mode, this.ends(done)));
  }

  /** What the file system knows about it. A switch point. */
  stat(): Wait<FileInfo> {
    return fileCall<FileInfo>({
      operation: "stat",
      path: this.path,
      begin: (done) => {
        const ends = this.ends<FileInfo>(done);
        fs.fstat(this.begin(), (error, stats) => (error === null ? ends(null, infoOf(stats)) : ends(error)));
      },
    });
  }

  /**
   * Gives the descriptor back: at once, or when the last call that is under way has come back. Waits for that (except for a
   * read of a FIFO or a terminal, which nobody can end); cancelled, or not waited for at all, it happens all the same. Any
   * number of times. A switch point.
   */
  close(): Wait<void> {
    this.shut();
    return suspend<void>((wake, fail) => {
      const closer = (error: unknown): void => (error === undefined ? wake() : fail(error));
      this.whenClosed(closer);
      return () => {
        this.closers = this.closers.filter((one) => one !== closer);
      };
    }, `close ${this.path}`);
  }

  /** For `using`: closes, and waits for nothing. */
  [Symbol.dispose](): void {
    this.shut();
  }

  /** For `use()`, which waits for it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.shut();
    return new Promise((resolve, reject) =>
      this.whenClosed((error) => (error === undefined ? resolve() : reject(error as Error))),
    );
  }

  private whenClosed(closer: (error: unknown) => void): void {
    if (this.descriptor === -1) closer(this.closeError);
    // Nobody can end a read of a FIFO to which nobody writes: the descriptor follows when it comes back.
    else if (this.ahead?.over === false) closer(undefined);
    else this.closers.push(closer);
  }

  private shut(): void {
    if (this.closing) return;
    this.closing = true;
    this.ahead?.wake?.();
    this.giveBack();
  }

  private giveBack(): void {
    const { descriptor } = this;
    if (!this.closing || this.busy > 0 || descriptor === -1) return;
    this.busy = Infinity; // once
    fs.close(descriptor, (error) => {
      this.descriptor = -1;
      // Some systems say only here that what was written is lost.
      this.closeError = error === null || error === undefined ? undefined : fileError(error, "close", this.path);
      const { closers } = this;
      this.closers = [];
      if (this.closeError !== undefined && closers.length === 0) {
        this.loop.report({ kind: "late", message: `${this.path} could not be closed well`, error: this.closeError });
      }
      for (const closer of closers) closer(this.closeError);
    });
  }

  /** The descriptor, for a call that begins. */
  private begin(): number {
    if (this.closing) throw this.closedError();
    this.busy++;
    return this.descriptor;
  }

  private ends<T>(done: Done<T>): (error: Error | null, value?: T) => void {
    return (error, value) => {
      this.busy--;
      // First: whoever is woken may want to close.
      this.giveBack();
      done(error, value);
    };
  }

  private closedError(): ClosedError {
    return new ClosedError(`the file "${this.path}" is closed`);
  }
}

function checkCount(count: number, what: string, least: number): void {
  if (!Number.isSafeInteger(count) || count < least)
    throw new RangeError(`${what}() takes a whole number of bytes of ${least} or more, not ${String(count)}`);
}

/** What is to be written, as bytes. */
export function chunksOf(data: FileData): Uint8Array[] {
  const parts = typeof data === "string" || data instanceof Uint8Array ? [data] : data;
  return parts.map((part) => {
    if (typeof part === "string") return Buffer.from(part);
    if (part instanceof Uint8Array) return part;
    throw new TypeError(`only strings and Uint8Arrays can be written to a file, not ${String(part)}`);
  });
}

/** The chunks without the first `count` bytes of them all. */
function without(chunks: Uint8Array[], count: number): Uint8Array[] {
  let at = 0;
  let left = count;
  while (at < chunks.length && left >= (chunks[at] as Uint8Array).length) left -= (chunks[at++] as Uint8Array).length;
  const rest = chunks.slice(at);
  if (left > 0) rest[0] = (rest[0] as Uint8Array).subarray(left);
  return rest;
}

/**
 * Opens a file: `r` to read (the default), `w` to write from nothing, `a` to write at the end, with `+` for both, with `x`
 * only if it does not exist yet, `r+` for a file that must. Throws `FileError` (`ENOENT`, `EACCES`, `EEXIST`, `EMFILE`, …). A switch point.
 *
 * Cancelled, it is left, and a descriptor that comes late is closed; a file that it was to make may be there then. Opening
 * a FIFO waits for the other side, on one of the four threads that all file system calls share.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { FileError, open, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   const file = yield* open(`${dir}/log`, "a");
 *   try {
 *     yield* file.write("started\n");
 *   } finally {
 *     yield* file.close();
 *   }
 *   try {
 *     yield* open(`${dir}/log`, "wx");
 *   } catch (error) {
 *     if (error instanceof FileError) console.log(error.code); // prints: EEXIST
 *   }
 * });
 * ```
 */
export function open(path: Path, flags: OpenFlags = "r", options: OpenOptions = {}): Coroutine<File> {
  return openFile(path, flags, options.mode ?? 0o666, false);
}

/** As `open`; with `surely` a cancellation waits for the call, so that what it makes is known to be there or not. */
export function* openFile(path: Path, flags: OpenFlags, mode: number, surely: boolean): Coroutine<File> {
  const loop = currentLoop("open()");
  const descriptor = yield* fileCall<number>({
    operation: "open",
    path,
    changes: surely,
    begin: (done) => fs.open(path, flags, mode, done),
    late: (fd) =>
      fs.close(fd, (error) => {
        if (error !== null && error !== undefined)
          loop.report({ kind: "late", message: `${shownPath(path)}, opened late, could not be closed`, error });
      }),
  });
  const appends = typeof flags === "number" ? (flags & fs.constants.O_APPEND) !== 0 : flags.includes("a");
  return new File(descriptor, shownPath(path), appends, loop);
}
