/**
 * Two connected ends for the suites of streams, and what their cases do with them over and over.
 */
import { BrokenError } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import type { ByteStream, Writable } from "../net/stream.ts";
import { group, type Group } from "../task/group.ts";
import type { Task } from "../task/task.ts";

/** What the suites use of a stream. */
export type CheckedStream = Pick<
  ByteStream,
  | "read"
  | "readInto"
  | "readExactly"
  | "readUntil"
  | "lines"
  | "unread"
  | "write"
  | "end"
  | "close"
  | "abort"
  | "buffered"
  | "bytesRead"
  | "bytesWritten"
>;

/** Gives two ends that are connected with each other. */
export type MakePair = () => Operation<readonly [CheckedStream, CheckedStream]>;

/** What is to be known of the streams that are checked. */
export interface StreamCheckOptions {
  /** A write of so many bytes must wait while the peer does not read: 32 MiB where nothing is said, which clogs any socket. */
  readonly clog?: number | undefined;
  /** Whether the peer of an aborted stream gets a `BrokenError` (TCP, memory) or just the end (pipes). */
  readonly resets?: boolean | undefined;
  /** How many bytes go each way in the case of random payloads: 256 KiB where nothing is said. */
  readonly payload?: number | undefined;
  /** How long a case may take before it counts as hanging, in ms: 30 s where nothing is said. Bad links need more. */
  readonly patience?: number | undefined;
}

/** A case: two ends, and a group for the tasks that it needs. */
export type PairBody = (a: CheckedStream, b: CheckedStream, g: Group) => Coroutine<void>;

/** A case over a pair of its own, both ends of which are given back whatever happens. */
export function* overPair(make: MakePair, body: PairBody): Coroutine<void> {
  const [a, b] = yield* make();
  try {
    yield* group((g) => body(a, b, g), { name: "check" });
  } finally {
    a.abort();
    b.abort();
    yield* a.close();
    yield* b.close();
  }
}

/** Writes one after the other, in a task of its own: however small the window, the case goes on. */
export function sends(g: Group, stream: CheckedStream, ...items: readonly Writable[]): Task {
  return g.spawn(
    function* () {
      for (const item of items) yield* stream.write(item);
    },
    { name: "writer" },
  );
}

const decoder = new TextDecoder();

/** Bytes as text, for comparing. */
export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : decoder.decode(bytes);
}

/** All that comes until the end. */
export function* drain(stream: CheckedStream): Coroutine<string> {
  let all = "";
  for (;;) {
    const chunk = yield* stream.read();
    if (chunk === undefined) return all;
    all += text(chunk);
  }
}

/** How many bytes come until the end. */
export function* drained(stream: CheckedStream): Coroutine<number> {
  let count = 0;
  for (;;) {
    const chunk = yield* stream.read();
    if (chunk === undefined) return count;
    count += chunk.length;
  }
}

/** What the end of a connection looks like to whoever reads: the end, or an error that says so. */
export function* untilGone(stream: CheckedStream): Coroutine<void> {
  try {
    yield* drained(stream);
  } catch (error) {
    if (!(error instanceof BrokenError)) throw error;
  }
}

/** Writes until that fails; gives the error. The first writes after the peer has gone may still be taken. */
export function* writeUntilItFails(stream: CheckedStream): Coroutine<unknown> {
  for (;;) {
    try {
      yield* stream.write("into the void");
    } catch (error) {
      return error;
    }
    yield* sleep(1); // the answer of the peer's system has to come
  }
}

/** What it gives, or undefined where the peer has gone. */
export function* thrownOrGiven(body: () => Operation<number>): Coroutine<number | undefined> {
  try {
    return yield* body();
  } catch (error) {
    if (!(error instanceof BrokenError)) throw error;
    return undefined;
  }
}

/** Writes all of it, in pieces of all sizes. */
export function* writeAll(stream: CheckedStream, bytes: Uint8Array, roll: (sides: number) => number): Coroutine<void> {
  for (let at = 0; at < bytes.length;) {
    const size = Math.min(bytes.length - at, roll(4) === 0 ? roll(20_000) : roll(300));
    yield* stream.write(bytes.subarray(at, at + size));
    at += size;
    if (roll(5) === 0) yield* checkpoint();
  }
}

/** Reads as much, in pieces of all sizes, and compares. */
export function* readAll(stream: CheckedStream, bytes: Uint8Array, roll: (sides: number) => number): Coroutine<void> {
  for (let at = 0; at < bytes.length;) {
    const chunk = (yield* stream.read(1 + roll(30_000))) as Uint8Array;
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== bytes[at + i]) throw new Error(`the byte ${at + i} arrived as another one`);
    }
    at += chunk.length;
    if (roll(5) === 0) yield* checkpoint();
  }
}
