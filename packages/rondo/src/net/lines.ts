/**
 * Bytes into lines, a whole chunk at a time.
 *
 * A chunk is cut once, after its last line end, and what lies before is decoded and split in one go. No character can be
 * torn by that: in UTF-8 and its like the byte of a line end is never part of another character. (In ISO-2022-JP it may be,
 * where a text is broken; there each line is decoded by itself.) So there is no decoder with a memory, the bytes of a line
 * that has not ended stay bytes in the buffer, and whoever stops pulling lines finds everything behind the last one that was
 * taken where it was.
 *
 * It needs a buffer that somebody fills, and nothing else: a stream of the network, a file.
 */
import type { Operation } from "../coroutine/wait.ts";
import { NOT_YET, type Source } from "../combine/flow-source.ts";
import type { ByteBuffer } from "./buffer.ts";
import { LimitError } from "./errors.ts";

/** How lines are made. */
export interface LinesOptions {
  /** How long a line may be, in bytes, without its end: 1 MiB where nothing is said. A longer one is a `LimitError`. */
  readonly max?: number | undefined;
  /** As for `TextDecoder`: `utf-8` where nothing is said. Not UTF-16. */
  readonly encoding?: string | undefined;
}

/** Where the bytes come from. */
export interface LineFeed {
  readonly label: string;
  readonly buffer: ByteBuffer;
  /** Whoever has taken bytes that belong there: asked to give them back before anybody else takes some. */
  borrower: { giveBack(): void } | null;
  /** Somebody else reads from it just now. */
  readonly busy: boolean;
  /** Whether more may come: false at the end. Throws where it has failed or is closed. */
  expects(): boolean;
  /** Some have been taken. */
  relieve(): void;
  /** Waits until there are more bytes than `than`, or `expects()` has something else to say. */
  more(than: number): Operation<unknown>;
  /** Nobody will take any more lines: for what was opened only for them. */
  close?(): void;
}

/** The most that a line may be long where nothing is said, in bytes. */
const LONGEST_LINE: number = 1024 * 1024;

/** How much is cut at once: larger pieces do not fit into the caches meanwhile. */
const CUT = 64 * 1024;

const NEWLINE = 10;
const RETURN = 13;
const NEWLINES: Uint8Array = new Uint8Array([NEWLINE]);
const NOTHING: Uint8Array = new Uint8Array(0);
const NONE: string[] = [];

type Decoder = InstanceType<typeof TextDecoder>;
const decoders = new Map<string, Decoder>();

/** A decoder, one for each encoding: none keeps anything from one call to the next. */
function decoderFor(encoding: string): Decoder {
  let decoder = decoders.get(encoding);
  if (decoder === undefined) {
    decoder = new TextDecoder(encoding, { ignoreBOM: true });
    if (decoder.encoding.startsWith("utf-16"))
      throw new RangeError(`lines() cannot cut ${encoding}, where a line end is more than one byte: decode it first`);
    decoders.set(encoding, decoder);
  }
  return decoder;
}

/** The source behind `lines()`: see the head of this file. */
export class LineSource implements Source<string> {
  private readonly feed: LineFeed;
  private readonly decoder: Decoder;
  /** A byte means what the escapes before it in the line say. */
  private readonly shifts: boolean;
  private readonly max: number;
  /** Lines that have been cut and not been taken, from `at` on, and the bytes of all of them. */
  private lines: string[];
  private at: number;
  private block: Uint8Array;

  constructor(feed: LineFeed, { max = LONGEST_LINE, encoding = "utf-8" }: LinesOptions = {}) {
    if (!(max >= 0))
      throw new RangeError(`lines() takes the bytes that a line may have as \`max\`, not ${String(max)}`);
    this.feed = feed;
    this.decoder = decoderFor(encoding);
    this.shifts = this.decoder.encoding === "iso-2022-jp";
    this.max = max;
    this.lines = NONE;
    this.at = 0;
    this.block = NOTHING;
  }

  take(): string | undefined | typeof NOT_YET {
    const { lines, at } = this;
    if (at < lines.length) {
      this.at = at + 1;
      return lines[at];
    }
    return this.refill();
  }

  /** The lines of one cut that are left, as they are where none is missing: to copy them one by one costs a tenth of a line. */
  takeLot(max: number): string[] | null {
    const { lines, at } = this;
    if (at === 0) return null;
    const end = Math.min(lines.length, at - 1 + max);
    const lot = at === 1 && end === lines.length ? lines : lines.slice(at - 1, end);
    this.at = end;
    if (end < lines.length) return lot;
    this.lines = NONE;
    this.at = 0;
    this.block = NOTHING;
    if (this.feed.borrower === this) this.feed.borrower = null;
    return lot;
  }

  ready(): Operation<unknown> {
    return this.feed.more(this.feed.busy ? 0 : this.feed.buffer.length);
  }

  close(): void {
    this.giveBack();
    this.feed.close?.();
  }

  /** Puts what has been cut and not taken back in front of what is there. */
  giveBack(): void {
    const { feed, lines, block } = this;
    if (feed.borrower === this) feed.borrower = null;
    if (this.at < lines.length) {
      let offset = 0;
      for (let i = 0; i < this.at; i++) offset = block.indexOf(NEWLINE, offset) + 1;
      feed.buffer.unshift(block.subarray(offset));
    }
    this.lines = NONE;
    this.at = 0;
    this.block = NOTHING;
  }

  private refill(): string | undefined | typeof NOT_YET {
    const { feed } = this;
    const { borrower } = feed;
    if (borrower !== this && borrower !== null) {
      if (borrower instanceof LineSource && borrower.decoder === this.decoder && borrower.max === this.max) {
        this.inherit(borrower);
        return this.take();
      }
      borrower.giveBack();
    }
    feed.borrower = null;
    this.lines = NONE;
    this.at = 0;
    this.block = NOTHING;
    // Somebody waits for bytes that are there in part: to take them would be to steal them. `ready()` says so.
    if (feed.busy) return NOT_YET;
    const { buffer } = feed;
    const end = this.nextEnd();
    if (end > 0) return this.cut(end);
    this.know(buffer.length);
    this.checkBegun(buffer);
    if (feed.expects()) return NOT_YET;
    if (buffer.length === 0) return undefined;
    if (buffer.length > this.max) throw this.tooLong();
    const line = this.decoder.decode(buffer.take(buffer.length));
    feed.relieve();
    return line;
  }

  /**
   * Up to where the buffer is cut: behind the last line end of the first chunk; where that has none, behind the first one
   * after it, so that only the one line that lies in several chunks is joined.
   */
  private nextEnd(): number {
    const { buffer } = this.feed;
    const { firstLength } = buffer;
    // So many bytes at the front are known to hold no line end.
    let known = buffer.sought === NEWLINES ? buffer.searched : 0;
    if (known < firstLength) {
      let end = buffer.lastIndexOfFirst(NEWLINE, CUT) + 1;
      if (end === 0 && firstLength > CUT) end = buffer.lastIndexOfFirst(NEWLINE, firstLength) + 1;
      if (end > 0) return end;
      known = firstLength;
    }
    return known >= buffer.length ? 0 : buffer.indexOf(NEWLINES, known) + 1;
  }

  /** The first so many bytes hold no line end. */
  private know(count: number): void {
    const { buffer } = this.feed;
    buffer.sought = NEWLINES;
    buffer.searched = count;
  }

  private cut(end: number): string | undefined | typeof NOT_YET {
    const { feed } = this;
    const { buffer } = feed;
    // What is left of the first chunk has been looked through, if all of it was; of the next one nothing has.
    const { firstLength } = buffer;
    const left = firstLength > CUT ? 0 : Math.max(0, firstLength - end);
    let block = buffer.take(end);
    // A block no longer than the limit cannot hold a line that is.
    if (end - 1 > this.max) {
      const fits = this.fitting(block);
      if (fits < end) {
        buffer.unshift(block.subarray(fits));
        if (fits === 0) throw this.tooLong();
        block = block.subarray(0, fits);
      }
    }
    if (block.length === end) this.know(left);
    feed.relieve();
    const lines = this.shifts ? this.oneByOne(block) : this.together(block);
    if (lines.length > 1) {
      this.lines = lines;
      this.at = 1;
      this.block = block;
      feed.borrower = this;
    }
    return lines[0];
  }

  private together(block: Uint8Array): string[] {
    const text = this.decoder.decode(block);
    const lines = text.split("\n");
    lines.length--; // behind the last line end there is nothing
    if (text.includes("\r")) withoutReturns(lines);
    return lines;
  }

  /** Every line ends in ASCII (RFC 1468). One that does not would take its line end for half of a character. */
  private oneByOne(block: Uint8Array): string[] {
    const lines: string[] = [];
    for (let start = 0; start < block.length;) {
      const end = block.indexOf(NEWLINE, start);
      lines.push(this.decoder.decode(block.subarray(start, end)));
      start = end + 1;
    }
    withoutReturns(lines);
    return lines;
  }

  /** How many bytes of a block are lines within the limit, from its beginning. */
  private fitting(block: Uint8Array): number {
    let start = 0;
    while (start < block.length) {
      const end = block.indexOf(NEWLINE, start);
      const size = end - start - (end > start && block[end - 1] === RETURN ? 1 : 0);
      if (size > this.max) return start;
      start = end + 1;
    }
    return start;
  }

  /** The line that has not ended: too long already, whatever comes? One byte more may be the half of a `\r\n`. */
  private checkBegun(buffer: ByteBuffer): void {
    const over = buffer.length - this.max;
    if (over > 1 || (over === 1 && buffer.at(buffer.length - 1) !== RETURN)) throw this.tooLong();
  }

  private tooLong(): LimitError {
    return new LimitError(
      `${this.feed.label}: a line is longer than ${this.max} bytes: it is still there to be read; ` +
        "give a larger `max` where that is right",
      this.max,
    );
  }

  private inherit(from: LineSource): void {
    this.lines = from.lines;
    this.at = from.at;
    this.block = from.block;
    this.feed.borrower = this;
    from.lines = NONE;
    from.at = 0;
    from.block = NOTHING;
  }
}

function withoutReturns(lines: string[]): void {
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    if (line.charCodeAt(line.length - 1) === RETURN) lines[i] = line.slice(0, -1);
  }
}
