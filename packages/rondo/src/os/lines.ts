/**
 * The lines of a file, one after the other or a thousand at a time, in constant memory.
 *
 * A task of the flow's own reads pieces, one ahead of the one that is being cut, so the disk and the cutting take no turns.
 * The cutting is that of the streams of the network (net/lines.ts), and happens where the lines are pulled.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { type Emit, Producer } from "../combine/producer.ts";
import { ByteBuffer } from "../net/buffer.ts";
import { type LineFeed, type LinesOptions, LineSource } from "../net/lines.ts";
import { cleanup } from "../task/scope.ts";
import { type Path, shownPath } from "./call.ts";
import { open } from "./file.ts";

/** How much is read at once: each read is a way to another thread and back. */
const PIECE = 256 * 1024;
/** Up to so many bytes of a line that has begun are copied, so that the memory they lie in can be read into again. */
const SMALL = 4 * 1024;

/**
 * The memory that pieces lie in, used again and again: fresh memory for each costs as much as reading into it. A piece is in
 * work, or it is being read ahead; so there are two, and more only where a line is longer than a piece.
 */
class Slabs {
  private readonly free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.free.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(PIECE).buffer);
  }

  give(slab: Uint8Array): void {
    this.free.push(slab);
  }
}

/** A part of a slab that has been read. */
interface Piece {
  readonly slab: Uint8Array;
  readonly length: number;
}

/** Lines are cut from what a flow of pieces brings. */
class PieceFeed implements LineFeed {
  readonly label: string;
  readonly buffer: ByteBuffer;
  borrower: { giveBack(): void } | null;
  readonly busy = false;
  private readonly pieces: Flow<Piece>;
  private readonly slabs: Slabs;
  /** The one that is being cut. */
  private slab: Uint8Array | undefined;
  private over: boolean;

  constructor(pieces: Flow<Piece>, slabs: Slabs, label: string) {
    this.label = label;
    this.buffer = new ByteBuffer();
    this.borrower = null;
    this.pieces = pieces;
    this.slabs = slabs;
    this.slab = undefined;
    this.over = false;
  }

  expects(): boolean {
    return !this.over;
  }

  relieve(): void {
    // the task that reads is held back by nobody pulling
  }

  *more(): Coroutine<void> {
    this.release();
    const piece = yield* this.pieces.next();
    if (piece === undefined) this.over = true;
    else {
      const { slab, length } = piece;
      this.slab = slab;
      this.buffer.push(slab.subarray(0, length));
    }
  }

  /** All of a slab has been cut, but for the beginning of a line: that is copied. A long one keeps its slab. */
  private release(): void {
    const { buffer, slab } = this;
    this.slab = undefined;
    if (slab === undefined || buffer.length > SMALL) return;
    if (buffer.length > 0) buffer.push(buffer.take(buffer.length).slice());
    this.slabs.give(slab);
  }

  close(): void {
    this.pieces._close();
  }

  ended(): Operation<void> {
    return this.pieces._ended();
  }
}

class FileLines extends LineSource {
  private readonly pieces: PieceFeed;

  constructor(pieces: PieceFeed, options: LinesOptions) {
    super(pieces, options);
    this.pieces = pieces;
  }

  /** When it is over the file is closed. */
  ended(): Operation<void> {
    return this.pieces.ended();
  }
}

function* readingPieces(path: Path, slabs: Slabs, emit: Emit<Piece>): Coroutine<void> {
  const file = yield* open(path);
  try {
    for (;;) {
      const slab = slabs.take();
      const length = yield* file.readInto(slab);
      if (length === undefined) return;
      yield* emit({ slab, length });
    }
  } finally {
    yield* cleanup(file.close());
  }
}

/**
 * The lines of a file, without their ends (`\n` or `\r\n`); a last line without an end counts. Pull them with `forEach`, or, faster,
 * with `batch()`. Memory is needed for a few pieces of 256 KiB and the longest line. A line of more than `max` bytes (1 MiB, if
 * nothing is said) is a `LimitError`. What is no valid text becomes U+FFFD.
 *
 * The file is opened with the first pull, which throws `FileError` where that fails, and closed at the end, when the flow is
 * closed, or with the group in which the flow was made. What is added to it meanwhile is read too, up to the end that it has when that is reached.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { readLines, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/log`;
 *   yield* writeFile(path, "info: one\nerror: two\r\nerror: three");
 *   const errors = readLines(path).filter((line) => line.startsWith("error"));
 *   console.log(yield* errors.toArray()); // prints: [ 'error: two', 'error: three' ]
 * });
 * ```
 */
export function readLines(path: Path, options: LinesOptions = {}): Flow<string> {
  const name = shownPath(path);
  const slabs = new Slabs();
  const pieces = new Producer<Piece>((emit) => readingPieces(path, slabs, emit), `read ${name}`, { ahead: true });
  const feed = new PieceFeed(new Flow(pieces, { name: `pieces of ${name}` }), slabs, name);
  return new Flow(new FileLines(feed, options), { name: `lines of ${name}` });
}
