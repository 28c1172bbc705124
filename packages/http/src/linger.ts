/**
 * The end of a connection behind its last answer: bytes of the client that arrive at a closed socket are answered by a reset,
 * and that would take the answer with it before the client has read it (RFC 9112 section 9.6). So this side ends its stream, and
 * listens on for a little while.
 */
import type { Coroutine } from "rondo";
import type { ByteStream } from "rondo/net";

/** How long a client may take to close once it has its last answer, in ms, and how much it may still send. */
export const LINGER = 2000;
const MOST = 8 * 1024 * 1024;

/** Ends the stream and reads on until the client has ended it too. Whoever calls sees to the time. */
export function* linger(stream: ByteStream): Coroutine<void> {
  yield* stream.end();
  let left = MOST;
  while (left > 0) {
    const chunk = yield* stream.read();
    if (chunk === undefined) return;
    left -= chunk.length;
  }
  stream.abort();
}
