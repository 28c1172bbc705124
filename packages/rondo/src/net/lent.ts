/**
 * Memory for bytes that are only passed on: filled, handed over, and filled again.
 *
 * Memory that is made for each chunk and dropped after it costs little to make and much to collect: V8 marks its whole heap
 * whenever 64 MiB of such memory have come together, which a server that echoes reaches ten times a second, a fifth of what
 * it does. Whoever owns a chunk for good must have memory of its own; who only passes it on need not.
 *
 * Most pieces are back before the next one is asked for. Where the loop has much else to do, very many sockets may have been
 * read before the first is; so more than a handful is kept, and only what has been in use at the same time.
 */

/** Of less than this so many chunks go into one piece of memory that is made for them that nothing is won. */
const LEAST = 2 * 1024;
/** Two sizes, so that a chunk that comes to wait for a slow peer, of which there is one a copy, does not hold much. */
const SMALL = 16 * 1024;
const LARGE = 64 * 1024;
/** How many bytes of each size are kept. */
const KEPT = 4 * 1024 * 1024;

const small: Uint8Array[] = [];
const large: Uint8Array[] = [];

/** Memory for so many bytes, of which nobody knows what is in it; `null` where so many are not lent. */
export function lend(size: number): Uint8Array | null {
  if (size <= LEAST) return null;
  if (size <= SMALL) return small.pop() ?? new Uint8Array(SMALL);
  if (size <= LARGE) return large.pop() ?? new Uint8Array(LARGE);
  return null;
}

/** What was lent, whole; nobody may have a view of it any more. */
export function takeBack(memory: Uint8Array): void {
  const shelf = memory.length === SMALL ? small : large;
  if ((shelf.length + 1) * memory.length <= KEPT) shelf.push(memory);
}
