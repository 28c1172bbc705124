/**
 * The body of a platform's `Response`, read by a coroutine.
 *
 * A `Response` does not tell whether its body lies there already (as almost always) or comes bit by bit. So it is looked at for
 * a few microtasks: one that has ended by then goes out whole, with its length and in the same piece as its head. Of one
 * that has not, nothing is lost, and the head goes out first.
 */
import { type Coroutine, until } from "rondo";
import { joined } from "./pieces.ts";

/** How many microtasks a body may take to say what it has: a `Response` of a string needs five. */
const LOOKS = 8;
/** Longer ones are sent bit by bit all the same. */
const WHOLE = 64 * 1024;

/** What a reader gives. */
type Result = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** A read that was begun. */
interface Pending {
  settled: boolean;
  readonly promise: Promise<Result>;
  result: Result | undefined;
}

export class WebBody {
  declare private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  declare private readonly pieces: Uint8Array[];
  declare private pending: Pending | null;

  constructor(body: ReadableStream<Uint8Array>) {
    this.reader = body.getReader();
    this.pieces = [];
    this.pending = null;
  }

  /** All of it, where it lies there already; else null, and `next` gives it bit by bit. */
  *whole(): Coroutine<Uint8Array | null> {
    const { pieces } = this;
    let size = 0;
    for (;;) {
      const pending = this.begin();
      for (let looks = 0; looks < LOOKS && !pending.settled; looks++) yield* until(Promise.resolve());
      // One that has failed fails in `next`, like one that fails later.
      if (pending.result === undefined) return null;
      this.pending = null;
      if (pending.result.done) return joined(pieces);
      const piece = checked(pending.result.value);
      pieces.push(piece);
      size += piece.length;
      if (size > WHOLE) return null;
    }
  }

  /** The next piece, `undefined` at the end. */
  *next(): Coroutine<Uint8Array | undefined> {
    const first = this.pieces.shift();
    if (first !== undefined) return first;
    const { done, value } = yield* until(this.begin().promise);
    this.pending = null;
    return done ? undefined : checked(value);
  }

  /** Nobody wants the rest. */
  drop(): void {
    void this.reader.cancel().catch(ignore);
  }

  private begin(): Pending {
    if (this.pending !== null) return this.pending;
    const promise = this.reader.read();
    const pending: Pending = { settled: false, promise, result: undefined };
    void watch(pending);
    return (this.pending = pending);
  }
}

/** Notes how a read ends; that it fails is heard by whoever waits for it. */
async function watch(pending: Pending): Promise<void> {
  try {
    pending.result = await pending.promise;
  } catch {
    // `next` waits for the same promise, and throws it.
  }
  pending.settled = true;
}

/** Nobody wants it any more: why it could not be closed interests nobody. */
function ignore(): void {}

function checked(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  throw new TypeError(`the body of a Response gave ${String(piece)} and not bytes`);
}
