/**
 * The three streams that every process has.
 *
 * They belong to the process and not to whoever uses them: others print too, and a program that ran before us may have read half
 * of what came in. So they are borrowed and never closed. All who ask get the same stream; when the last of their scopes has
 * ended it is given back: what was not read is put back, what is unsent is sent, and nothing of ours keeps the process alive.
 */
import type { Readable, Writable } from "node:stream";

import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { fromSystemError } from "../net/errors.ts";
import { ByteStream } from "../net/stream.ts";
import type { Address, Sink, Transport } from "../net/transport.ts";
import { currentScope, defer } from "../task/defer.ts";

/** What both directions have in common. */
abstract class Borrowed implements Transport {
  readonly label: string;
  readonly localAddress: Address | undefined = undefined;
  readonly remoteAddress: Address | undefined = undefined;
  readonly outside = true;
  protected sink: Sink | null = null;
  /** Why it is over, where nobody wanted that. */
  failure: Error | undefined;

  constructor(label: string) {
    this.failure = undefined;
    this.label = label;
  }

  get unsent(): number {
    return 0;
  }

  open(sink: Sink): void {
    this.sink = sink;
  }

  abstract resume(): void;
  abstract pause(): void;
  abstract send(chunks: readonly Uint8Array[]): boolean;

  end(): void {
    // The descriptor is the process's.
  }

  close(): void {
    this.over(null);
  }

  abort(): void {
    this.over(null);
  }

  /** Stops listening. */
  protected abstract leave(): void;

  protected over(error: Error | null): void {
    const { sink } = this;
    if (sink === null) return;
    this.sink = null;
    this.failure = error ?? undefined;
    this.leave();
    // Nothing is told from inside a call.
    process.nextTick(() => sink.closed(error));
  }
}

/** Read from standard input by somebody who had no more use for it, after Node had told its end. */
let kept: Uint8Array | undefined;

class Input extends Borrowed {
  private readonly stream: Readable & { ref?: () => void; unref?: () => void };
  private ended: boolean;

  constructor() {
    super("stdin");
    this.stream = process.stdin;
    this.ended = false;
    this.stream.on("data", this.onData).on("end", this.onEnd).on("error", this.onError).on("close", this.onEnd);
    // To listen for data is to ask for it.
    this.stream.pause();
  }

  private readonly onData = (chunk: Uint8Array | string): void => {
    // Somebody may have set an encoding on it.
    this.sink?.received(typeof chunk === "string" ? Buffer.from(chunk, this.stream.readableEncoding ?? "utf8") : chunk);
  };

  private readonly onEnd = (): void => {
    if (this.ended) return;
    this.ended = true;
    this.sink?.ended();
  };

  private readonly onError = (error: Error): void => {
    // A terminal that has gone away is the end of what it says.
    if ((error as NodeJS.ErrnoException).code === "EIO") this.onEnd();
    else this.over(fromSystemError(error, this.label));
  };

  resume(): void {
    const { stream } = this;
    if (kept !== undefined) {
      const bytes = kept;
      kept = undefined;
      process.nextTick(() => this.sink?.received(bytes));
    }
    if (stream.readableEnded || stream.destroyed) process.nextTick(this.onEnd);
    else {
      stream.ref?.();
      stream.resume();
    }
  }

  pause(): void {
    this.stream.pause();
  }

  send(): boolean {
    throw new TypeError("stdin can only be read");
  }

  /** Puts back what was not used. */
  putBack(bytes: Uint8Array): void {
    if (this.stream.readableEnded || this.stream.destroyed) kept = bytes;
    else this.stream.unshift(bytes);
  }

  protected leave(): void {
    const { stream } = this;
    stream.off("data", this.onData).off("end", this.onEnd).off("error", this.onError).off("close", this.onEnd);
    stream.pause();
    // Reading a terminal or a pipe would keep the process alive although nobody reads.
    stream.unref?.();
  }
}

class Output extends Borrowed {
  private readonly stream: Writable;
  private full: boolean;
  /** Nothing is on its way that could fail. */
  private quiet: boolean;

  constructor(label: "stdout" | "stderr") {
    super(label);
    this.quiet = false;
    this.stream = process[label];
    this.full = false;
    this.stream.on("drain", this.onDrain).on("error", this.onError);
  }

  private readonly onDrain = (): void => {
    if (!this.full) return;
    this.full = false;
    this.sink?.drained();
  };

  private readonly onError = (error: Error): void => {
    this.over(fromSystemError(error, this.label));
  };

  override get unsent(): number {
    return this.stream.writableLength;
  }

  resume(): void {
    // Nothing comes from there.
    process.nextTick(() => this.sink?.ended());
  }

  pause(): void {
    // nothing comes from there
  }

  send(chunks: readonly Uint8Array[]): boolean {
    const { stream } = this;
    let room = true;
    stream.cork();
    for (const chunk of chunks) room = stream.write(chunk);
    stream.uncork();
    if (room || stream.writableLength < stream.writableHighWaterMark) return true;
    this.full = true;
    return false;
  }

  /** Only when what was written has left, or is known not to have. */
  override close(): void {
    this.flushed(() => {
      this.quiet = true;
      this.over(null);
    });
  }

  /** What is written fails late, and an error that nobody hears ends the process. So we go on listening until then. */
  protected leave(): void {
    const { stream, onError } = this;
    stream.off("drain", this.onDrain);
    if (this.quiet) stream.off("error", onError);
    else this.flushed(() => stream.off("error", onError));
  }

  private flushed(then: () => void): void {
    // What a file refuses Node tells in the next tick.
    if (this.stream.writableLength === 0) setImmediate(then);
    else this.stream.write("", () => setImmediate(then));
  }
}

/** A stream that is lent, and how many scopes use it. */
class Loan {
  readonly stream: ByteStream;
  readonly transport: Borrowed;
  readonly scopes: Set<object>;

  constructor(transport: Borrowed) {
    this.transport = transport;
    this.stream = new ByteStream(transport);
    this.scopes = new Set();
  }

  /**
   * One that somebody closed, or broke by a write that was cancelled half way, is not for others. One that has failed is:
   * all are to hear of that.
   */
  get isGood(): boolean {
    const { state, broken } = this.stream.statistics();
    return this.transport.failure !== undefined || (state === "open" && !broken);
  }
}

class Lender {
  private readonly name: string;
  private readonly make: () => Borrowed;
  private loan: Loan | undefined;

  constructor(name: string, make: () => Borrowed) {
    this.name = name;
    this.make = make;
    this.loan = undefined;
  }

  borrow(): ByteStream {
    const scope = currentScope(`${this.name}()`);
    const loan = this.loan?.isGood === true ? this.loan : new Loan(this.make());
    this.loan = loan;
    // Once a scope, however often it asks.
    if (!loan.scopes.has(scope)) {
      loan.scopes.add(scope);
      defer(() => this.giveBack(loan, scope));
    }
    return loan.stream;
  }

  private *giveBack(loan: Loan, scope: object): Coroutine<void> {
    const { stream, transport } = loan;
    loan.scopes.delete(scope);
    if (loan.scopes.size > 0) return;
    if (this.loan === loan) this.loan = undefined;
    if (transport instanceof Input) {
      // First, so that no more comes.
      transport.pause();
      const unread = yield* rest(stream);
      if (unread.length > 0) transport.putBack(unread);
    }
    yield* stream.close();
    // A reader that has gone wants nothing more. But what a full disk has not taken is lost, perhaps unheard.
    const { failure } = transport;
    if (failure !== undefined && !(failure instanceof BrokenError)) throw failure;
  }
}

const NOTHING = new Uint8Array(0);

/** What has come and was not read. */
function* rest(stream: ByteStream): Coroutine<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    // Lines that were cut and not pulled come back with it.
    stream.unread(NOTHING);
    for (let left = stream.statistics(); left.buffered > 0 && !left.reading; left = stream.statistics()) {
      const chunk = yield* stream.read();
      if (chunk === undefined) break;
      chunks.push(chunk);
    }
  } catch (error) {
    // It was closed, or has failed: then nothing is there to be put back.
    if (!(error instanceof ClosedError) && stream.statistics().state === "open") throw error;
  }
  return new Uint8Array(Buffer.concat(chunks));
}

const lenders = {
  stdin: new Lender("stdin", () => new Input()),
  stdout: new Lender("stdout", () => new Output("stdout")),
  stderr: new Lender("stderr", () => new Output("stderr")),
};

/**
 * The standard input, until the end of the current scope: a terminal, a pipe or a file. All who ask at the same time get the
 * same stream, of which one may read at a time. What nobody has read when the last scope ends is put back, for whoever reads next; and the
 * process does not stay alive for it. Not a switch point.
 *
 * `read` gives `undefined` at the end: of the file, of the pipe, or where Ctrl-D was typed.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { stdin, stdout } from "rondo/os";
 *
 * function* shout() {
 *   yield* stdin().lines().forEach((line) => stdout().write(`${line.toUpperCase()}\n`));
 * }
 * await run(function* () {
 *   if (process.argv.includes("--shout")) yield* shout();
 *   console.log(stdin().label); // prints: stdin
 * });
 * ```
 */
export function stdin(): ByteStream {
  return lenders.stdin.borrow();
}

/**
 * The standard output, until the end of the current scope, which waits until everything has been sent. All who ask at the same
 * time get the same stream; what `console.log` prints comes in between whole writes. Not a switch point.
 *
 * A write waits while the reader of a pipe is slow. Where that has gone away it throws a `BrokenError`; where the output is a full disk,
 * a `SystemError` with `ENOSPC`, if there is no further write at the end of the scope. Files and terminals are written to at once. `end()` and `close()` leave the descriptor open:
 * it is the process's.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { stdout } from "rondo/os";
 *
 * await run(function* () {
 *   yield* stdout().write(["as ", "fast as the reader\n"]);
 *   console.log(stdout().label); // prints: stdout
 * });
 * ```
 */
export function stdout(): ByteStream {
  return lenders.stdout.borrow();
}

/**
 * The standard error; as {@link stdout}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { stderr } from "rondo/os";
 *
 * await run(function* () {
 *   yield* stderr().write("");
 *   console.log(stderr().label); // prints: stderr
 * });
 * ```
 */
export function stderr(): ByteStream {
  return lenders.stderr.borrow();
}
