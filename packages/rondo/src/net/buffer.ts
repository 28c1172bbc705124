/**
 * Bytes that have come and have not been taken: a list of the chunks in which they came.
 *
 * Nothing is joined before somebody asks for more than lies in one chunk, and then only once, so a message of any size
 * costs one copy at most (one growing array is quadratic: gh-146507). What is taken are views of the chunks: no two views
 * overlap, so nobody can change what another one reads.
 */

/** Chunks shorter than this are gathered once there are many: each of them costs more than what it holds. */
const SMALL = 512;
/** How many chunks there may be before small ones are gathered. */
const MANY = 8;
/** Into pieces of this size. */
const SLAB = 4096;

const EMPTY: Uint8Array = new Uint8Array(0);
/** The list of those that have no second chunk, as most have; never written to. */
const NO_MORE: Uint8Array[] = [];

export class ByteBuffer {
  /** How many bytes there are. */
  declare length: number;
  /** The first chunk, from `offset` on; the others lie in `rest`, from `next` on. */
  declare private first: Uint8Array;
  declare private offset: number;
  declare private rest: Uint8Array[];
  declare private next: number;
  /** Where small chunks are gathered, and how much of it is filled; the last chunk is a view of it while `gathers`. */
  declare private slab: Uint8Array | null;
  declare private filled: number;
  declare private gathers: boolean;
  /**
   * What was looked for last, and up to where it is known not to begin: whoever looks again goes on from there. Forgotten
   * when something is taken from the front, or put there.
   */
  declare sought: Uint8Array | null;
  declare searched: number;

  constructor() {
    this.length = 0;
    this.first = EMPTY;
    this.offset = 0;
    this.rest = NO_MORE;
    this.next = 0;
    this.slab = null;
    this.filled = 0;
    this.gathers = false;
    this.sought = null;
    this.searched = 0;
  }

  /** Adds a chunk at the end. It must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    const size = chunk.length;
    if (size === 0) return;
    if (this.length === 0) {
      this.first = chunk;
      this.offset = 0;
    } else if (size < SMALL && this.rest.length - this.next >= MANY) {
      this.gather(chunk);
    } else {
      if (this.rest === NO_MORE) this.rest = [chunk];
      else this.rest.push(chunk);
      this.gathers = false;
    }
    this.length += size;
  }

  /** Puts a chunk in front of all others. */
  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.sought = null;
    if (this.length > 0) {
      const second = this.offset === 0 ? this.first : this.first.subarray(this.offset);
      if (this.next > 0) this.rest[--this.next] = second;
      else this.rest = [second, ...this.rest];
    }
    this.first = chunk;
    this.offset = 0;
    this.length += chunk.length;
  }

  /** The bytes of the first chunk, `max` of them at most. There must be some. */
  takeChunk(max: number): Uint8Array {
    const { first, offset } = this;
    const size = first.length - offset;
    this.sought = null;
    if (size <= max) {
      this.length -= size;
      this.dropFirst();
      return offset === 0 ? first : first.subarray(offset);
    }
    this.offset = offset + max;
    this.length -= max;
    return first.subarray(offset, offset + max);
  }

  /** Exactly `n` bytes; there must be as many. A copy only where they lie in more than one chunk. */
  take(n: number): Uint8Array {
    if (n === 0) return EMPTY;
    if (n <= this.first.length - this.offset) return this.takeChunk(n);
    const bytes = new Uint8Array(n);
    this.takeInto(bytes);
    return bytes;
  }

  /** Moves as many bytes as fit into `target`; gives how many. */
  takeInto(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length && this.length > 0) {
      const chunk = this.takeChunk(target.length - filled);
      target.set(chunk, filled);
      filled += chunk.length;
    }
    return filled;
  }

  /** How many bytes the first chunk has. */
  get firstLength(): number {
    return this.first.length - this.offset;
  }

  /** How many chunks there are. */
  get chunks(): number {
    return this.length === 0 ? 0 : 1 + this.rest.length - this.next;
  }

  /** Where `bytes` begin, at `from` or later, or -1. */
  indexOf(bytes: Uint8Array, from: number): number {
    const head = bytes[0] as number;
    let k = this.chunks - 1;
    if (k < 0) return -1;
    // From the end back to where the search begins: what has been searched already is not even walked over.
    let start = this.length - this.sizeOf(k);
    while (start > from) start -= this.sizeOf(--k);
    for (const last = this.chunks - 1; k <= last; k++) {
      const chunk = this.chunk(k);
      const skipped = k === 0 ? this.offset : 0;
      let at = chunk.indexOf(head, skipped + Math.max(0, from - start));
      while (at >= 0) {
        if (this.matches(bytes, k, at)) return start + at - skipped;
        at = chunk.indexOf(head, at + 1);
      }
      start += chunk.length - skipped;
    }
    return -1;
  }

  /** Where the last `byte` lies among the first `within` bytes of the first chunk, or -1. */
  lastIndexOfFirst(byte: number, within: number): number {
    const { first, offset } = this;
    const last = Math.min(first.length, offset + within) - 1;
    return last < offset ? -1 : Math.max(-1, first.lastIndexOf(byte, last) - offset);
  }

  /** The byte at a place, which there must be. */
  at(index: number): number {
    let rest = index;
    for (let k = 0; ; k++) {
      const size = this.sizeOf(k);
      if (rest < size) return this.chunk(k)[rest + (k === 0 ? this.offset : 0)] as number;
      rest -= size;
    }
  }

  clear(): void {
    this.length = 0;
    this.first = EMPTY;
    this.offset = 0;
    this.rest = NO_MORE;
    this.next = 0;
    this.slab = null;
    this.gathers = false;
    this.sought = null;
  }

  private chunk(k: number): Uint8Array {
    return k === 0 ? this.first : (this.rest[this.next + k - 1] as Uint8Array);
  }

  private sizeOf(k: number): number {
    return k === 0 ? this.first.length - this.offset : (this.rest[this.next + k - 1] as Uint8Array).length;
  }

  /** Whether all of `bytes` lie from place `at` of chunk `k` on, over as many chunks as it takes. */
  private matches(bytes: Uint8Array, k: number, at: number): boolean {
    let chunk = this.chunk(k);
    const last = this.chunks - 1;
    let place = at + 1;
    for (let i = 1; i < bytes.length; i++, place++) {
      if (place === chunk.length) {
        if (k === last) return false;
        chunk = this.chunk(++k);
        place = 0;
      }
      if (chunk[place] !== bytes[i]) return false;
    }
    return true;
  }

  private dropFirst(): void {
    const { rest, next } = this;
    this.offset = 0;
    if (next === rest.length) {
      this.first = EMPTY;
      this.gathers = false;
      return;
    }
    this.first = rest[next] as Uint8Array;
    rest[next] = EMPTY;
    this.next = next + 1;
    if (this.next === rest.length) {
      // The last one of the list is the first chunk now, and what is gathered would be added to the list.
      this.rest = NO_MORE;
      this.next = 0;
      this.gathers = false;
    } else if (this.next >= 256 && this.next * 2 >= rest.length) {
      this.rest = rest.slice(this.next);
      this.next = 0;
    }
  }

  /** Copies a small chunk behind the others that were gathered. What is there already is not moved: views of it stay good. */
  private gather(chunk: Uint8Array): void {
    const { rest } = this;
    let slab = this.slab;
    const last = rest.length - 1;
    if (slab === null || !this.gathers || this.filled + chunk.length > SLAB) {
      slab = new Uint8Array(SLAB);
      this.slab = slab;
      slab.set(chunk);
      this.filled = chunk.length;
      this.gathers = true;
      rest.push(slab.subarray(0, this.filled));
      return;
    }
    slab.set(chunk, this.filled);
    this.filled += chunk.length;
    const before = rest[last] as Uint8Array;
    rest[last] = slab.subarray(before.byteOffset, this.filled);
  }
}
