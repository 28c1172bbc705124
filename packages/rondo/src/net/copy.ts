/**
 * From one stream to another: the loop that everybody writes, with the two lines that are mostly missing in it.
 *
 * The slower side sets the pace, because nothing is read before the last chunk is written; the streams' own buffers let
 * both sides work meanwhile. Whoever is cancelled in the middle puts back what it had in hand.
 *
 * Between two of our sockets the bytes are read into the same memory again and again (see lent.ts): a chunk that has left
 * for the system is nobody's. Not while the other side is slow, whose unsent chunks lie there to be sent, and not where
 * somebody looks on, by `onChunk` or by a `read` or `write` of his own: he may keep what he sees.
 */
import { ClosedError } from "../coroutine/errors.ts";
import { type Coroutine, type Operation, Wait } from "../coroutine/wait.ts";
import { ByteStream } from "./stream.ts";

/** How streams are copied. */
export interface CopyOptions {
  /** Whether the end is passed on: `to.end()` after the last byte. It is not, where nothing is said. */
  readonly end?: boolean | undefined;
  /** Called with each chunk before it is written: to count, to watch. What it throws ends the copying. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
}

/**
 * Copies all that comes from one stream to another, at the pace of the slower one, until the end; gives how many bytes that
 * were. Neither stream is closed. Throws what reading or writing throws.
 *
 * Cancelled, or where writing fails, a chunk of which nothing was handed over is put back: it can be read from `from`.
 *
 * @example
 * ```ts
 * import { all, run } from "rondo";
 * import { type ByteStream, copy, memoryPair } from "rondo/net";
 *
 * // A proxy is two of them.
 * function proxy(client: ByteStream, server: ByteStream) {
 *   return all([copy(client, server, { end: true }), copy(server, client, { end: true })]);
 * }
 * const [client, outer] = memoryPair();
 * const [inner, server] = memoryPair();
 * function* ask() {
 *   yield* client.write("question");
 *   yield* client.end();
 *   console.log(yield* client.lines().toArray()); // prints: [ 'answer' ]
 * }
 * function* answer() {
 *   console.log(yield* server.lines().toArray()); // prints: [ 'question' ]
 *   yield* server.write("answer");
 *   yield* server.end();
 * }
 * const [, , sizes] = await run(() => all([ask(), answer(), proxy(outer, inner)]));
 * console.log(sizes); // prints: [ 8, 6 ]
 * ```
 */
export function* copy(
  from: Pick<ByteStream, "read" | "unread">,
  to: Pick<ByteStream, "write" | "end" | "bytesWritten">,
  options: CopyOptions = {},
): Coroutine<number> {
  const { end = false, onChunk } = options;
  const writer = to instanceof ByteStream && to.write === ByteStream.prototype.write ? to : null;
  const reader =
    writer !== null && onChunk === undefined && from instanceof ByteStream && from.read === ByteStream.prototype.read
      ? from
      : null;
  let quick = reader !== null;
  let count = 0;
  let inHand: Uint8Array | undefined;
  let write: Operation<void> | undefined;
  let before = 0;
  try {
    for (;;) {
      const chunk = yield* quick ? (reader as ByteStream)._readLent() : from.read();
      if (chunk === undefined) break;
      inHand = chunk;
      before = to.bytesWritten;
      onChunk?.(chunk);
      write = to.write(chunk);
      yield* write;
      inHand = write = undefined;
      count += chunk.length;
      if (reader !== null)
        quick = quick ? reader._settleLoan(chunk, writer as ByteStream) : (writer as ByteStream)._letGo;
    }
  } finally {
    if (inHand !== undefined) {
      // Others may have written meanwhile: of our own streams the write itself says whether it has begun.
      const untouched = write instanceof Wait && writer !== null ? write.arg === inHand : to.bytesWritten === before;
      if (untouched) putBack(from, inHand);
    }
  }
  if (end) yield* to.end();
  return count;
}

function putBack(from: Pick<ByteStream, "unread">, chunk: Uint8Array): void {
  try {
    from.unread(chunk);
  } catch (error) {
    // It was closed meanwhile, and with it went all that had not been read.
    if (!(error instanceof ClosedError)) throw error;
  }
}
