/**
 * DEFLATE by Node's zlib; the one file of the WebSocket that knows it. `process.getBuiltinModule` and no import, so that the
 * rest can be loaded where there is no Node.
 *
 * The functions of `node:zlib` that never wait begin each time with an empty memory, and making a stream for a message of
 * a hundred bytes costs 35 us; its streams keep their memory and work in a thread, which costs more than the message.
 * What the streams stand on can do both, in 2 us: `writeSync` of their handle. It is not documented, though npm itself
 * has used it for years, so it is tried once before it is relied upon: where it does not do what is expected, there is no
 * compression, and connections are made without.
 */
import type * as zlibModule from "node:zlib";
import type { InflateRaw, ZlibOptions } from "node:zlib";
import { type Codec, type DeflaterOptions, type DeflateService, TAIL } from "./deflate.ts";

type Zlib = typeof zlibModule;

/** What comes out in one step, in bytes: large enough to be worth a call, small enough to be no burden. */
const STEP = 64 * 1024;

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
}

/** What lies below a stream of `node:zlib`. */
interface Inside {
  readonly _handle: Handle | null;
  /** How much room and how much input are left after a call. */
  readonly _writeState: Uint32Array;
}

const Z_NO_FLUSH = 0;
const Z_SYNC_FLUSH = 2;
const EMPTY: Uint8Array = new Uint8Array(0);

/** Where everything comes out; it is copied before anybody else's turn. */
let output: Uint8Array = EMPTY;

class ZlibCodec implements Codec {
  private readonly stream: InflateRaw & Inside;
  private readonly inflates: boolean;
  private input: Uint8Array;
  private at: number;
  private flush: number;
  private busy: boolean;

  constructor(stream: InflateRaw, inflates: boolean) {
    this.stream = stream as InflateRaw & Inside;
    this.inflates = inflates;
    this.input = EMPTY;
    this.at = 0;
    this.flush = Z_SYNC_FLUSH;
    this.busy = false;
    // What is wrong is thrown from `take`; the stream tells of it once more, and would end the process.
    stream.on("error", () => {});
  }

  feed(bytes: Uint8Array, flush: boolean): void {
    this.input = bytes;
    this.at = 0;
    this.flush = flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    this.busy = flush || bytes.length > 0;
  }

  take(): Uint8Array | undefined {
    let resets = 0;
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
      if (room > 0) {
        if (left === 0) this.busy = false;
        else if (!this.inflates || (left === before && resets > 0))
          throw new Error("the data cannot be read any further");
        else {
          // The data says that it ends here, which a message may do in its middle (RFC 7692, 7.2.3.5): what follows begins anew.
          resets++;
          stream.reset();
        }
      }
      if (room < STEP) return output.subarray(0, STEP - room);
    }
    return undefined;
  }

  reset(): void {
    this.input = EMPTY;
    this.busy = false;
    this.stream.reset();
  }

  close(): void {
    this.input = EMPTY;
    this.busy = false;
    this.stream.close();
  }
}

class ZlibService implements DeflateService {
  private readonly zlib: Zlib;

  constructor(zlib: Zlib) {
    this.zlib = zlib;
  }

  deflater({ windowBits, level, memLevel }: DeflaterOptions): Codec {
    return new ZlibCodec(this.zlib.createDeflateRaw(modest({ windowBits, level, memLevel })) as never, false);
  }

  inflater({ windowBits }: { readonly windowBits: number }): Codec {
    return new ZlibCodec(this.zlib.createInflateRaw(modest({ windowBits })), true);
  }
}

/** The streams have memory of their own for what comes out, which is not used. */
function modest(options: ZlibOptions): ZlibOptions {
  return { ...options, chunkSize: 64 };
}

/** Says something twice and reads it again: does the handle still work as this file believes? */
function works(service: DeflateService): boolean {
  try {
    const deflater = service.deflater({ windowBits: 15, level: 6, memLevel: 8 });
    const inflater = service.inflater({ windowBits: 15 });
    const sample = new TextEncoder().encode("the same words, the same words");
    let good = true;
    for (let round = 0; round < 2; round++) {
      deflater.feed(sample, true);
      const packed = deflater.take()?.slice() ?? EMPTY;
      const ended = deflater.take() === undefined;
      const tail = packed.subarray(-4);
      inflater.feed(packed, true);
      const again = inflater.take() ?? EMPTY;
      const same = again.length === sample.length && again.every((byte, i) => byte === sample[i]);
      const short = round === 0 || packed.length < 16;
      good &&= ended && same && short && tail.every((byte, i) => byte === TAIL[i]) && inflater.take() === undefined;
    }
    deflater.close();
    inflater.close();
    return good;
  } catch {
    return false; // it does not: that is the answer
  }
}

let known: DeflateService | null | undefined;

/** Node's zlib, or null where there is none, or none that can be used. */
export function nodeDeflate(): DeflateService | null {
  if (known !== undefined) return known;
  const zlib =
    typeof process === "object" && typeof process.getBuiltinModule === "function"
      ? (process.getBuiltinModule("node:zlib") as Zlib | undefined)
      : undefined;
  if (zlib === undefined) return (known = null);
  output = new Uint8Array(STEP);
  const service = new ZlibService(zlib);
  return (known = works(service) ? service : null);
}
