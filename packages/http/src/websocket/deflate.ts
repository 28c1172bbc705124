/**
 * What compresses and decompresses, as the messages see it: raw DEFLATE (RFC 1951) in steps that never wait.
 *
 * In steps, because both directions need a bound: a few bytes can become a gigabyte, and whoever reads them wants to stop
 * at its limit and not after it. And never waiting, because a simulated program must do the same thing each time; a small
 * message is done sooner than it could be handed to a thread. `node-deflate.ts` has the one for Node.
 */

/** One direction of one connection, with its memory of what was said before. */
export interface Codec {
  /** Gives it more to work on. Only when `take` has answered undefined. With `flush`, everything so far is to come out. */
  feed(bytes: Uint8Array, flush: boolean): void;
  /**
   * A part of what comes out, good until the next call of anything; undefined when all that was fed is used up. Throws
   * where the bytes are not deflated data.
   */
  take(): Uint8Array | undefined;
  /** Forgets what was said before, and what was fed. */
  reset(): void;
  /** Gives its memory back. */
  close(): void;
}

/** How a compressor works. */
export interface DeflaterOptions {
  /** The base-two logarithm of how far it looks back, 9 to 15. */
  readonly windowBits: number;
  /** 1, fastest, to 9, smallest. */
  readonly level: number;
  /** How much memory it takes for its tables, 1 to 9. */
  readonly memLevel: number;
}

/** Makes them. A host can bring one of its own as its service `deflate`. */
export interface DeflateService {
  deflater(options: DeflaterOptions): Codec;
  inflater(options: { readonly windowBits: number }): Codec;
}

/** The end of each deflated message, which does not travel (RFC 7692, sections 7.2.1 and 7.2.2). */
export const TAIL: Uint8Array = new Uint8Array([0x00, 0x00, 0xff, 0xff]);

/** How many codecs of one sort are kept for whoever comes next: making one costs more than a small message. */
const KEPT = 8;

/** What is free, by service and sort. A codec that is given back remembers nothing. */
const free = new WeakMap<DeflateService, Map<string, Codec[]>>();
const homes = new WeakMap<Codec, Codec[]>();

function lend(service: DeflateService, sort: string, make: () => Codec): Codec {
  let sorts = free.get(service);
  if (sorts === undefined) free.set(service, (sorts = new Map<string, Codec[]>()));
  let idle = sorts.get(sort);
  if (idle === undefined) sorts.set(sort, (idle = []));
  const codec = idle.pop() ?? make();
  homes.set(codec, idle);
  return codec;
}

/** A compressor with nothing in its memory. */
export function lendDeflater(service: DeflateService, options: DeflaterOptions): Codec {
  const { windowBits, level, memLevel } = options;
  return lend(service, `deflate ${windowBits} ${level} ${memLevel}`, () => service.deflater(options));
}

/** A decompressor with nothing in its memory. */
export function lendInflater(service: DeflateService, windowBits: number): Codec {
  return lend(service, `inflate ${windowBits}`, () => service.inflater({ windowBits }));
}

/** It is not needed any more; not for one that has thrown, which is closed. */
export function giveBack(codec: Codec): void {
  const idle = homes.get(codec);
  if (idle === undefined || idle.length >= KEPT) {
    codec.close();
    return;
  }
  codec.reset();
  idle.push(codec);
}
