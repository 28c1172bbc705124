/**
 * DEFLATE by Node's zlib, for messages (../node-zlib.ts says how): making a stream for a message of a hundred bytes costs 35 us,
 * a step of one that is there 2. It is tried once before it is relied upon: where it does not do what is expected, there is no
 * compression, and connections are made without.
 */
import { nodeZlib, SMALL_CHUNKS, type Zlib, ZlibSteps } from "../node-zlib.ts";
import { type Codec, type DeflaterOptions, type DeflateService, TAIL } from "./deflate.ts";

const Z_NO_FLUSH = 0;
const Z_SYNC_FLUSH = 2;
const EMPTY: Uint8Array = new Uint8Array(0);

class ZlibCodec extends ZlibSteps implements Codec {
  private readonly inflates: boolean;
  /** How often the data has said that it ends, in one `take`. */
  private ends: number;

  constructor(stream: unknown, inflates: boolean) {
    super(stream);
    this.inflates = inflates;
    this.ends = 0;
  }

  feed(bytes: Uint8Array, flush: boolean): void {
    this.begin(bytes, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH, flush || bytes.length > 0);
  }

  override take(): Uint8Array | undefined {
    this.ends = 0;
    return super.take();
  }

  /**
   * The data says that it ends here, which a message may do in its middle (RFC 7692, section 7.2.3.5): what follows begins anew.
   */
  protected override goesOn(left: number, before: number): boolean {
    if (left === 0) return false;
    if (!this.inflates || (left === before && this.ends > 0)) throw new Error("the data cannot be read any further");
    this.ends++;
    this.renew();
    return true;
  }
}

class ZlibService implements DeflateService {
  private readonly zlib: Zlib;

  constructor(zlib: Zlib) {
    this.zlib = zlib;
  }

  deflater({ windowBits, level, memLevel }: DeflaterOptions): Codec {
    return new ZlibCodec(this.zlib.createDeflateRaw(modest({ windowBits, level, memLevel })), false);
  }

  inflater({ windowBits }: { readonly windowBits: number }): Codec {
    return new ZlibCodec(this.zlib.createInflateRaw(modest({ windowBits })), true);
  }
}

function modest<T extends object>(options: T): T & { readonly chunkSize: number } {
  return { ...options, chunkSize: SMALL_CHUNKS };
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
  const zlib = nodeZlib();
  if (zlib === undefined) return (known = null);
  const service = new ZlibService(zlib);
  return (known = works(service) ? service : null);
}
