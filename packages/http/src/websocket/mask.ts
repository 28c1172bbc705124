/**
 * Masking: what a client sends is xored with four random bytes, so that no page can make a browser send bytes of its
 * choice, which old proxies would take for HTTP (RFC 6455, sections 5.3 and 10.3).
 *
 * Long payloads are done sixteen bytes at a time. The key lies in memory in the order in which it is applied, so the order of
 * bytes in a number does not matter.
 */

/** From here on it pays to go by words. */
const LONG = 64;

const EMPTY: Uint8Array = new Uint8Array(0);
const turned: Uint8Array = new Uint8Array(4);
const word: Int32Array = new Int32Array(turned.buffer);

/**
 * Xors `bytes`, in place, with the key that begins at `key[at]`; the first of them is byte number `offset` of the payload.
 * Done twice it is undone.
 */
export function mask(bytes: Uint8Array, key: Uint8Array, at: number, offset: number): void {
  const { length } = bytes;
  let i = 0;
  if (length >= LONG) {
    // Up to a border of words, then words, then the rest.
    const lead = -bytes.byteOffset & 3;
    for (; i < lead; i++) (bytes[i] as number) ^= key[at + ((offset + i) & 3)] as number;
    for (let j = 0; j < 4; j++) turned[j] = key[at + ((offset + lead + j) & 3)] as number;
    const mixed = word[0] as number;
    const count = (length - lead) >>> 2;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + lead, count);
    const fours = count & ~3;
    let j = 0;
    for (; j < fours; j += 4) {
      (words[j] as number) ^= mixed;
      (words[j + 1] as number) ^= mixed;
      (words[j + 2] as number) ^= mixed;
      (words[j + 3] as number) ^= mixed;
    }
    for (; j < count; j++) (words[j] as number) ^= mixed;
    i += count << 2;
  }
  for (; i < length; i++) bytes[i] = (bytes[i] as number) ^ (key[at + ((offset + i) & 3)] as number);
}

/** Fills memory with bytes that nobody can guess. */
export type RandomSource = (bytes: Uint8Array) => void;

/** How many bytes are asked for at once: the call costs more than the bytes. */
const POOL = 256;

/** Keys of one socket, four bytes each, drawn some in advance. */
export class MaskKeys {
  private readonly source: RandomSource;
  /** Where the next key lies, once `next` has been called; made when a first one is needed. */
  pool: Uint8Array;
  private at: number;

  constructor(source: RandomSource) {
    this.source = source;
    this.pool = EMPTY;
    this.at = 0;
  }

  /** Where in `pool` a fresh key begins. It is good until the next call. */
  next(): number {
    if (this.at >= this.pool.length) {
      if (this.pool.length === 0) this.pool = new Uint8Array(POOL);
      this.source(this.pool);
      this.at = 0;
    }
    const { at } = this;
    this.at = at + 4;
    return at;
  }
}

/** The platform's source of randomness (5.3: a strong source of entropy). */
export const strongRandom: RandomSource = (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
