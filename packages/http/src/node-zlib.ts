/**
 * Node's zlib in steps that never wait; the one file that knows how. `process.getBuiltinModule` and no import, so that the rest
 * can be loaded where there is no Node.
 *
 * The functions of `node:zlib` that never wait want the whole at once and begin each time with an empty memory; its streams
 * keep their memory and work in a thread, which costs more than a small body, and makes a simulated program depend on the real
 * world. What the streams stand on can do both: `writeSync` of their handle. It is not documented, though npm itself has used it
 * for years, so whoever uses this tries it once before relying on it.
 */
import type * as zlibModule from "node:zlib";

export type Zlib = typeof zlibModule;

/** What comes out in one step, in bytes: large enough to be worth a call, small enough to be no burden. */
const STEP = 64 * 1024;
const EMPTY: Uint8Array = new Uint8Array(0);

/** Where everything comes out; it is copied before anybody else's turn. */
let output: Uint8Array = EMPTY;

/** What lies below a stream of `node:zlib`. */
interface Inside {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
  } | null;
  /** How much room and how much input are left after a call. */
  readonly _writeState: Uint32Array;
  readonly errored: Error | null;
  on(event: "error", listener: () => void): unknown;
  reset(): void;
  close(): void;
}

/** The streams have memory of their own for what comes out, which is not used. */
export const SMALL_CHUNKS = 64;

/** One stream of zlib, worked by hand. */
export class ZlibSteps {
  private readonly stream: Inside;
  private input: Uint8Array;
  private at: number;
  private flush: number;
  private busy: boolean;

  constructor(stream: unknown) {
    this.stream = stream as Inside;
    this.input = EMPTY;
    this.at = 0;
    this.flush = 0;
    this.busy = false;
    // What is wrong is thrown from `take`; the stream tells of it once more, and would end the process.
    this.stream.on("error", () => {});
  }

  /** Bytes to work on, with one of zlib's numbers for how much of them is to come out. Without `busy` there is nothing to do. */
  protected begin(bytes: Uint8Array, flush: number, busy: boolean): void {
    this.input = bytes;
    this.at = 0;
    this.flush = flush;
    this.busy = busy;
  }

  /** A part of what comes out, good until the next call of anything; undefined when all that was fed is used up. */
  take(): Uint8Array | undefined {
    while (this.busy) {
      const { stream, input, at } = this;
      const handle = stream._handle;
      if (handle === null) throw new Error("this codec is closed");
      const before = input.length - at;
      handle.writeSync(this.flush, input, at, before, output, 0, STEP);
      if (stream.errored !== null) throw stream.errored;
      const room = stream._writeState[0] as number;
      const left = stream._writeState[1] as number;
      this.at = input.length - left;
      // With room left it has done what it could.
      if (room > 0) this.busy = this.goesOn(left, before);
      if (room < STEP) return output.subarray(0, STEP - room);
    }
    return undefined;
  }

  /** It has stopped with so much of its input left, of so much before. What stands behind its end is nobody's. */
  protected goesOn(_left: number, _before: number): boolean {
    return false;
  }

  /** Whether it can still be used. */
  protected get sound(): boolean {
    return this.stream._handle !== null && this.stream.errored === null;
  }

  /** Forgets what was said before, not what was fed. */
  protected renew(): void {
    this.stream.reset();
  }

  reset(): void {
    this.input = EMPTY;
    this.busy = false;
    this.stream.reset();
  }

  close(): void {
    this.input = EMPTY;
    this.busy = false;
    if (this.stream._handle !== null) this.stream.close();
  }
}

/** Node's zlib, or undefined where there is none. */
export function nodeZlib(): Zlib | undefined {
  if (typeof process !== "object" || typeof process.getBuiltinModule !== "function") return undefined;
  const zlib = process.getBuiltinModule("node:zlib") as Zlib | undefined;
  if (zlib !== undefined && output.length === 0) output = new Uint8Array(STEP);
  return zlib;
}
