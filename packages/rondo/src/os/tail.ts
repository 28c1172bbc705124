/**
 * Following a file as `tail -F` does: what is added to it, through rotation, truncation and absence.
 *
 * The one idea: a path is looked at again and again, and what it means is compared with what is in hand. Is it another file
 * (device and inode)? Then the old one is read to its end, and the new one from its beginning. Is it shorter than we have read?
 * Then it was truncated. Is it gone? Then there may be a new one later. Being told of changes by the system only makes the
 * next look come sooner; a clock makes it come in any case, since there are file systems that say nothing.
 */
import * as fs from "node:fs";
import { basename, dirname } from "node:path";

import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { NOT_YET, type Source } from "../combine/flow-source.ts";
import { type Emit, Producer } from "../combine/producer.ts";
import { checkMs } from "../loop/sleep.ts";
import { ByteBuffer } from "../net/buffer.ts";
import { type LineFeed, type LinesOptions, LineSource } from "../net/lines.ts";
import { cleanup, moveOnAfter } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { type Path, shownPath } from "./call.ts";
import { hasCode } from "./errors.ts";
import { type File, open } from "./file.ts";
import type { FileInfo } from "./info.ts";
import { stat } from "./paths.ts";

/** How a file is followed. */
export interface TailOptions extends LinesOptions {
  /**
   * Where to begin in a file that is there already: at its `start`, at its `end` (the default), or so many lines before the end. One that
   * comes later is read from its start.
   */
  readonly from?: "start" | "end" | number | undefined;
  /** How often to look where the system does not tell, in ms: 1,000 by default. */
  readonly interval?: number | undefined;
}

/** How much is read at once. */
const PIECE = 64 * 1024;
const NEWLINE = 10;

/** What the file brings: bytes, or that what follows is another file (or the same one, begun anew). */
type Piece = Uint8Array | typeof ANEW;
const ANEW: unique symbol = Symbol("anew") as never;

class TailFeed implements LineFeed {
  readonly label: string;
  buffer: ByteBuffer;
  borrower: { giveBack(): void } | null;
  readonly busy = false;
  private readonly pieces: Flow<Piece>;
  /** What is in the buffer is the last of a file, or of what it was. */
  private atEnd: boolean;

  constructor(pieces: Flow<Piece>, label: string) {
    this.label = label;
    this.buffer = new ByteBuffer();
    this.borrower = null;
    this.pieces = pieces;
    this.atEnd = false;
  }

  expects(): boolean {
    return !this.atEnd;
  }

  relieve(): void {
    // the task that reads is held back by nobody pulling
  }

  *more(): Coroutine<void> {
    const piece = yield* this.pieces.next();
    if (piece === undefined || piece === ANEW) this.atEnd = true;
    else this.buffer.push(piece);
  }

  /** After the last line of a file. */
  anew(): void {
    this.atEnd = false;
  }

  close(): void {
    this.pieces._close();
  }

  ended(): Operation<void> {
    return this.pieces._ended();
  }
}

class TailLines implements Source<string> {
  private readonly feed: TailFeed;
  private readonly options: LinesOptions;
  private lines: LineSource;

  constructor(feed: TailFeed, options: LinesOptions) {
    this.feed = feed;
    this.options = options;
    this.lines = new LineSource(feed, options);
  }

  take(): string | typeof NOT_YET {
    const line = this.lines.take();
    if (line !== undefined) return line;
    // A line that had no end when its file was rotated has none: the next file begins with a line of its own.
    this.lines = new LineSource(this.feed, this.options);
    this.feed.anew();
    return NOT_YET;
  }

  ready(): Operation<unknown> {
    return this.lines.ready();
  }

  close(): void {
    this.lines.close();
  }

  ended(): Operation<void> {
    return this.feed.ended();
  }
}

/** Hears from the system that there may be something to see, as far as it says so. */
class Nudge {
  private readonly dir: string;
  private readonly name: string;
  private watcher: fs.FSWatcher | undefined;
  private came: boolean;
  private wake: (() => void) | undefined;

  constructor(path: string) {
    this.dir = dirname(path);
    this.name = basename(path);
    this.watcher = undefined;
    this.came = false;
    this.wake = undefined;
  }

  /** Watches the directory that is there now. */
  listen(): void {
    this.close();
    try {
      // The directory and not the file, of which there will be several.
      this.watcher = fs.watch(this.dir, (_type, name) => {
        if (name !== null && name !== this.name) return;
        this.came = true;
        this.wake?.();
      });
      // The clock goes on without it.
      this.watcher.on("error", () => this.close());
    } catch {
      // There is no such directory yet, or the system watches as much as it may: the clock goes on without it.
    }
  }

  *wait(ms: number): Coroutine<void> {
    if (!this.came) {
      yield* moveOnAfter(ms, () =>
        suspend<void>((wake) => {
          this.wake = wake;
          return () => {
            this.wake = undefined;
          };
        }, `tail ${this.name}`),
      );
    }
    this.came = false;
  }

  close(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }
}

function* following(path: string, options: TailOptions, emit: Emit<Piece>): Coroutine<void> {
  const { from = "end", interval = 1000 } = options;
  const nudge = new Nudge(path);
  let file: File | undefined;
  let first = true;
  try {
    nudge.listen();
    for (;;) {
      if (file === undefined) {
        file = yield* opened(path);
        if (file !== undefined && first) file.position = yield* beginning(file, from);
        first = false;
      }
      if (file !== undefined) {
        yield* readToEnd(file, emit);
        const there = yield* now(path);
        const here: FileInfo = yield* file.stat();
        if (there !== undefined && (there.inode !== here.inode || there.device !== here.device)) {
          // Who wrote to the old one may have done so until a moment ago.
          yield* readToEnd(file, emit);
          yield* emit(ANEW);
          yield* file.close();
          file = undefined;
          continue;
        }
        if (here.size < file.position) {
          yield* emit(ANEW);
          file.position = 0;
          continue;
        }
        // The directory may be another one too.
        if (there === undefined) nudge.listen();
      } else nudge.listen();
      yield* nudge.wait(interval);
    }
  } finally {
    nudge.close();
    if (file !== undefined) yield* cleanup(file.close());
  }
}

function* readToEnd(file: File, emit: Emit<Piece>): Coroutine<void> {
  for (let bytes = yield* file.read(PIECE); bytes !== undefined; bytes = yield* file.read(PIECE)) yield* emit(bytes);
}

/** What there is at the path, if anything. */
function* now(path: string): Coroutine<FileInfo | undefined> {
  try {
    return yield* stat(path);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

function* opened(path: string): Coroutine<File | undefined> {
  try {
    return yield* open(path);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Where the last lines of a file begin. */
function* beginning(file: File, from: "start" | "end" | number): Coroutine<number> {
  if (from === "start") return 0;
  const { size } = yield* file.stat();
  if (from === "end" || from === 0) return size;
  let end = size;
  let left = from;
  while (end > 0) {
    const start = Math.max(0, end - PIECE);
    const bytes = (yield* file.readAt(start, end - start)) ?? new Uint8Array();
    // The end of the last line begins none.
    for (let at = bytes.length - 1; at >= 0; at--)
      if (bytes[at] === NEWLINE && start + at + 1 < size && --left === 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/**
 * The lines that are added to a file, as `tail -F` shows them, for ever: the flow ends only when it is closed, or with the group in
 * which it was made. A file that is not there is waited for. One that is rotated (another file has its name) is read to its end, and then the
 * new one from its start; one that is truncated is read from its start. A line is given when its end has come, or when its file
 * was rotated or truncated.
 *
 * Pulling throws `FileError` where the file is there and cannot be read (`EACCES`, `EISDIR`), and `LimitError` for a line of more than
 * `max` bytes. What is written to a rotated file after the new one was seen is lost, and so is what was truncated before it was read; a file
 * that is truncated and has grown beyond what was read when it is looked at next is not seen to be another.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { appendFile, rename, tail, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/log`;
 *   yield* appendFile(path, "one\n");
 *   const lines = tail(path, { from: "start" });
 *   console.log(yield* lines.next()); // prints: one
 *   yield* rename(path, `${path}.1`);
 *   yield* appendFile(path, "two\n");
 *   console.log(yield* lines.next()); // prints: two
 *   lines.close();
 * });
 * ```
 */
export function tail(path: Path, options: TailOptions = {}): Flow<string> {
  const name = shownPath(path);
  const { from = "end" } = options;
  if (from !== "start" && from !== "end" && !(Number.isInteger(from) && from >= 0))
    throw new RangeError(
      `tail() begins at the "start", at the "end", or a number of lines before it, not ${String(from)}`,
    );
  checkMs(options.interval ?? 0, "the interval of tail()");
  const pieces = new Producer<Piece>((emit) => following(name, options, emit), `tail ${name}`);
  const feed = new TailFeed(new Flow(pieces, { name: `pieces of ${name}` }), name);
  return new Flow(new TailLines(feed, options), { name: `tail of ${name}` });
}
