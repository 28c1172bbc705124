/**
 * Content codings by Node's zlib (node-zlib.ts says how). Each is tried once before it is offered: one that does not do what is
 * expected is left out.
 */
import { type Coder, type CodingService, type ContentCoding, FINISH, FLUSH, type MORE } from "./coding.ts";
import { nodeZlib, SMALL_CHUNKS, type Zlib, ZlibSteps } from "./node-zlib.ts";

/** How many coders of a sort are kept for whoever comes next: making one costs more than a small body. */
const KEPT = 8;
const EMPTY: Uint8Array = new Uint8Array(0);

/** The numbers that a sort of stream has for "more to come", "let it all out" and "that was all". */
type Flushes = readonly [more: number, flush: number, finish: number];

class ZlibCoder extends ZlibSteps implements Coder {
  private readonly flushes: Flushes;
  private readonly home: ZlibCoder[];

  constructor(stream: unknown, flushes: Flushes, home: ZlibCoder[]) {
    super(stream);
    this.flushes = flushes;
    this.home = home;
  }

  feed(bytes: Uint8Array, what: typeof MORE | typeof FLUSH | typeof FINISH): void {
    this.begin(bytes, this.flushes[what], true);
  }

  /** Given back: with nothing in its memory, for another body. */
  override close(): void {
    if (!this.sound || this.home.length >= KEPT) {
      super.close();
      return;
    }
    this.reset();
    this.home.push(this);
  }
}

/** One sort of coder, and those of it that are free. */
class Sort {
  private readonly make: () => unknown;
  private readonly flushes: Flushes;
  private readonly idle: ZlibCoder[];

  constructor(make: () => unknown, flushes: Flushes) {
    this.make = make;
    this.flushes = flushes;
    this.idle = [];
  }

  lend(): Coder {
    const idle = this.idle.pop();
    if (idle !== undefined) return idle;
    return new ZlibCoder(this.make(), this.flushes, this.idle);
  }
}

/** `deflate` should be zlib's format, and some send it bare (RFC 9110 section 8.4.1.2): the first byte tells. */
class EitherDeflate implements Coder {
  private readonly zlib: Sort;
  private readonly raw: Sort;
  private coder: Coder | undefined;

  constructor(zlib: Sort, raw: Sort) {
    this.zlib = zlib;
    this.raw = raw;
    this.coder = undefined;
  }

  feed(bytes: Uint8Array, what: typeof MORE | typeof FLUSH | typeof FINISH): void {
    if (this.coder === undefined && bytes.length > 0)
      this.coder = ((bytes[0] as number) & 0x0f) === 8 ? this.zlib.lend() : this.raw.lend();
    this.coder?.feed(bytes, what);
  }

  take(): Uint8Array | undefined {
    return this.coder?.take();
  }

  close(): void {
    this.coder?.close();
    this.coder = undefined;
  }
}

class ZlibCodings implements CodingService {
  readonly codings: readonly ContentCoding[];
  private readonly encoders: Map<string, Sort>;
  private readonly decoders: Map<string, () => Coder>;

  constructor(zlib: Zlib) {
    const { constants } = zlib;
    const deflate: Flushes = [constants.Z_NO_FLUSH, constants.Z_SYNC_FLUSH, constants.Z_FINISH];
    const brotli: Flushes = [
      constants.BROTLI_OPERATION_PROCESS,
      constants.BROTLI_OPERATION_FLUSH,
      constants.BROTLI_OPERATION_FINISH,
    ];
    const zstd: Flushes = [constants.ZSTD_e_continue, constants.ZSTD_e_flush, constants.ZSTD_e_end];
    const small = { chunkSize: SMALL_CHUNKS };
    const one = (make: () => unknown, flushes: Flushes): (() => Coder) => {
      const sort = new Sort(make, flushes);
      return () => sort.lend();
    };
    this.encoders = new Map();
    this.decoders = new Map();
    // Levels for what is compressed while somebody waits: twice as fast as the defaults, and a few per cent larger.
    const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 }, ...small };
    this.encoders.set("br", new Sort(() => zlib.createBrotliCompress(quality), brotli));
    this.decoders.set(
      "br",
      one(() => zlib.createBrotliDecompress(small), brotli),
    );
    if (typeof zlib.createZstdCompress === "function") {
      this.encoders.set("zstd", new Sort(() => zlib.createZstdCompress(small), zstd));
      this.decoders.set(
        "zstd",
        one(() => zlib.createZstdDecompress(small), zstd),
      );
    }
    this.encoders.set("gzip", new Sort(() => zlib.createGzip({ level: 4, ...small }), deflate));
    this.decoders.set(
      "gzip",
      one(() => zlib.createGunzip(small), deflate),
    );
    this.encoders.set("deflate", new Sort(() => zlib.createDeflate({ level: 4, ...small }), deflate));
    const [wrapped, raw] = [
      new Sort(() => zlib.createInflate(small), deflate),
      new Sort(() => zlib.createInflateRaw(small), deflate),
    ];
    this.decoders.set("deflate", () => new EitherDeflate(wrapped, raw));
    this.codings = (["br", "zstd", "gzip", "deflate"] as const).filter((coding) => this.works(coding));
  }

  encoder(coding: ContentCoding): Coder {
    return (this.encoders.get(coding) as Sort).lend();
  }

  decoder(coding: ContentCoding): Coder {
    return (this.decoders.get(coding) as () => Coder)();
  }

  /** Says something and reads it again, in two pieces: do the handles work as this file believes? */
  private works(coding: ContentCoding): boolean {
    if (!this.encoders.has(coding)) return false;
    try {
      const [encoder, decoder] = [this.encoder(coding), this.decoder(coding)];
      const sample = new TextEncoder().encode("the same words, the same words, the same words");
      let good = true;
      let at = 0;
      for (const what of [FLUSH, FINISH] as const) {
        encoder.feed(what === FLUSH ? sample.subarray(0, 20) : sample.subarray(20), what);
        for (let piece = encoder.take(); piece !== undefined; piece = encoder.take()) {
          decoder.feed(piece.slice(), 0);
          for (let back = decoder.take(); back !== undefined; back = decoder.take())
            for (const byte of back) good &&= byte === sample[at++];
        }
        good &&= at === (what === FLUSH ? 20 : sample.length);
      }
      decoder.feed(EMPTY, FINISH);
      good &&= decoder.take() === undefined;
      encoder.close();
      decoder.close();
      return good;
    } catch {
      return false; // it does not: that is the answer
    }
  }
}

let known: CodingService | null | undefined;

/** Node's zlib, or null where there is none. */
export function nodeCoding(): CodingService | null {
  if (known !== undefined) return known;
  const zlib = nodeZlib();
  return (known = zlib === undefined ? null : new ZlibCodings(zlib));
}
