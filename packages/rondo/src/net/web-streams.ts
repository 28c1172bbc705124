/**
 * Byte streams and the streams of the web (`ReadableStream`, `WritableStream`), in both directions. Back-pressure goes through:
 * what is not read here is not pulled there, and a write there is over when the peer has room.
 */
import { BrokenError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Operation } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { Bridge } from "./bridge.ts";
import { fromSystemError } from "./errors.ts";
import { ByteStream } from "./stream.ts";
import type { Sink, Transport } from "./transport.ts";

/** The two sides of a stream of the web: what a `TransformStream`, a `WebSocketStream` or a `fetch` body has. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * The context in which others call back is theirs, and not the one of the loop: from here on the loop goes back to its own
 * before it lets tasks run (as it does where tasks have contexts of their own).
 */
export function goApart(): void {
  const loop = kernel.current?.loop as Loop | undefined;
  if (loop !== undefined) loop.apart ??= loop.host.neutral ?? null;
}

/** How many bytes may be on their way to a web stream before a write waits, whatever its own mark counts. */
const AHEAD = 64 * 1024;

class WebTransport implements Transport {
  readonly label = "web stream";
  readonly localAddress: undefined;
  readonly remoteAddress: undefined;
  readonly outside = true;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private sink: Sink | null = null;
  private flowing = false;
  private pulling = false;
  private pending = 0;
  /** `send` has answered that it is full. */
  private full = false;
  /** No more comes from there, and no more goes there. */
  private readOver = false;
  private writeOver = false;
  private ending = false;
  /** This side wants it to be over. */
  private leaving = false;
  private error: Error | null = null;

  constructor(pair: WebStreamPair) {
    // A lock on each: from here on nobody else can use them.
    this.reader = pair.readable.getReader();
    try {
      this.writer = pair.writable.getWriter();
    } catch (error) {
      this.reader.releaseLock();
      throw error;
    }
    this.writer.closed.then(
      () => this.written(),
      (broken: unknown) => this.failed(broken),
    );
    // The other side of the same promise is read in `pull`.
    this.reader.closed.catch(ignore);
    this.writer.ready.catch(ignore);
  }

  get unsent(): number {
    return this.pending;
  }

  open(sink: Sink): void {
    this.sink = sink;
    goApart();
    this.settle();
  }

  resume(): void {
    goApart();
    this.flowing = true;
    if (!this.pulling && !this.readOver && !this.leaving) this.pull();
  }

  pause(): void {
    this.flowing = false;
  }

  private pull(): void {
    this.pulling = true;
    this.reader.read().then(
      (result) => this.pulled(result),
      (broken: unknown) => {
        this.pulling = false;
        this.failed(broken);
      },
    );
  }

  private pulled({ done, value }: { readonly done: boolean; readonly value?: unknown }): void {
    this.pulling = false;
    if (done) {
      this.readOver = true;
      if (!this.leaving) this.sink?.ended();
      this.settle();
      return;
    }
    if (!this.leaving) this.received(value);
    if (this.flowing && !this.pulling && !this.readOver && !this.leaving) this.pull();
  }

  private received(chunk: unknown): void {
    if (chunk instanceof Uint8Array) {
      // An empty chunk is none.
      if (chunk.length > 0) this.sink?.received(chunk);
    } else if (chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk)) {
      const bytes = chunk instanceof ArrayBuffer ? new Uint8Array(chunk) : bytesOf(chunk);
      if (bytes.length > 0) this.sink?.received(bytes);
    } else {
      const what = typeof chunk === "string" ? "text (pipe it through a TextEncoderStream)" : String(chunk);
      this.failed(new TypeError(`the web stream gave ${what}, and a byte stream needs bytes`));
    }
  }

  send(chunks: readonly Uint8Array[]): boolean {
    goApart();
    for (const chunk of chunks) {
      this.pending += chunk.length;
      this.writer.write(chunk).then(
        () => this.sent(chunk.length),
        (broken: unknown) => this.failed(broken),
      );
    }
    if (this.hasRoom) return true;
    this.full = true;
    // Its own mark may be one chunk, which counts as full from the first one on.
    this.writer.ready.then(() => this.drain(), ignore);
    return false;
  }

  private sent(bytes: number): void {
    this.pending -= bytes;
    this.drain();
  }

  private get hasRoom(): boolean {
    return (this.writer.desiredSize ?? 1) > 0 && this.pending < AHEAD;
  }

  private drain(): void {
    if (!this.full || this.leaving || !this.hasRoom) return;
    this.full = false;
    this.sink?.drained();
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.writer.close().catch(ignore);
  }

  close(): void {
    this.leaving = true;
    this.end();
    const gone = (): void => this.unread();
    if (!this.readOver) this.reader.cancel().then(gone, gone);
    this.settle();
  }

  abort(): void {
    this.leaving = true;
    const reason = new BrokenError("the byte stream on the other side was aborted");
    if (!this.readOver) this.reader.cancel(reason).catch(ignore);
    if (!this.writeOver) this.writer.abort(reason).catch(ignore);
    // Not waited for: a write that is under way there may never end.
    this.readOver = true;
    this.writeOver = true;
    this.settle();
  }

  private unread(): void {
    this.readOver = true;
    this.settle();
  }

  private written(): void {
    this.writeOver = true;
    this.settle();
  }

  /** Either side broke: so does the other one. */
  private failed(why: unknown): void {
    if (this.sink === null && this.readOver && this.writeOver) return;
    if (!this.leaving) {
      this.error = why instanceof TypeError ? why : brokenBy(why);
      this.leaving = true;
      // The one that broke refuses this, and the other one hears of it.
      this.reader.cancel(why).catch(ignore);
      this.writer.abort(why).catch(ignore);
    }
    this.readOver = true;
    this.writeOver = true;
    this.settle();
  }

  /** Both directions are over: it is gone. */
  private settle(): void {
    const { sink } = this;
    if (!this.readOver || !this.writeOver || sink === null) return;
    this.sink = null;
    this.reader.releaseLock();
    this.writer.releaseLock();
    // Never from inside of one of our own methods.
    queueMicrotask(() => sink.closed(this.error));
  }
}

/** For promises whose rejection says what is known from elsewhere: what breaks a stream breaks its `closed`. */
function ignore(): void {}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function brokenBy(error: unknown): Error {
  const mapped = fromSystemError(error, "web stream");
  if (mapped instanceof BrokenError) return mapped;
  const said = (error as { message?: unknown } | null | undefined)?.message ?? error;
  return new BrokenError(`web stream: it was broken: ${String(said)}`, { cause: error });
}

/**
 * A byte stream over a `ReadableStream` and a `WritableStream` of bytes, which are locked from here on. Closing it closes the
 * one and cancels the other; an error of either breaks it. Half-close goes through. Not a switch point.
 *
 * Throws a `TypeError` where one of them is locked already.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fromWebStream } from "rondo/net";
 *
 * await run(function* () {
 *   const stream = fromWebStream(new CompressionStream("gzip"));
 *   yield* stream.write("hello");
 *   yield* stream.end();
 *   const magic = yield* stream.readExactly(2);
 *   console.log(magic?.join(" ")); // prints: 31 139
 *   yield* stream.close();
 * });
 * ```
 */
export function fromWebStream(pair: {
  readonly readable: ReadableStream<any>;
  readonly writable: WritableStream<any>;
}): ByteStream {
  if (typeof pair?.readable?.getReader !== "function" || typeof pair.writable?.getWriter !== "function") {
    throw new TypeError("fromWebStream() takes { readable, writable }, a ReadableStream and a WritableStream");
  }
  const refused = (kernel.current?.loop as Loop | undefined)?.host.forbids?.("webStream");
  if (refused !== undefined) throw refused;
  return new ByteStream(new WebTransport(pair));
}

/**
 * A `ReadableStream` and a `WritableStream` of the bytes of a stream, which belongs to them from here on. Nothing is read
 * ahead; a write is over when the stream has taken it. Cancelling the one *and* closing or aborting the other gives the
 * stream back; aborting the writable side aborts the stream.
 *
 * Made in a task, they end with the group around it: then both fail with a `ClosedError`. Not a switch point.
 *
 * @example
 * ```ts
 * import { run, until } from "rondo";
 * import { memoryPair, toWebStream } from "rondo/net";
 *
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   const { readable, writable } = toWebStream(server);
 *   yield* client.write("hello");
 *   yield* client.end();
 *   console.log(yield* until(new Response(readable).text())); // prints: hello
 *   yield* until(writable.close());
 * });
 * ```
 */
export function toWebStream(stream: ByteStream): WebStreamPair {
  if (!(stream instanceof ByteStream)) throw new TypeError("toWebStream() takes a ByteStream");
  let readOver = false;
  let writeOver = false;
  let reading: ReadableStreamDefaultController<Uint8Array>;
  let writing: WritableStreamDefaultController;
  const bridge = new Bridge(`web streams of ${stream.label}`, (error) => {
    stream.abort();
    if (!readOver) reading.error(error);
    if (!writeOver) writing.error(error);
  });
  const promised = <T>(make: () => Operation<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      bridge.call(make, (error, value) => {
        if (error === undefined) resolve(value as T);
        else reject(error as Error);
      });
    });
  /** One direction is over. With the second one the stream is given back. */
  const over = async (): Promise<void> => {
    if (!readOver || !writeOver) return;
    await promised(() => stream.close());
    bridge.end();
  };
  const broken = (): void => {
    readOver = true;
    writeOver = true;
    stream.abort();
    bridge.end();
  };
  const readable = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        reading = controller;
      },
      async pull(controller) {
        let chunk: Uint8Array | undefined;
        try {
          chunk = await promised(() => stream.read());
        } catch (error) {
          if (!writeOver) writing.error(error);
          broken();
          throw error;
        }
        if (chunk !== undefined) {
          if (!readOver) controller.enqueue(chunk);
          return;
        }
        if (readOver) return;
        readOver = true;
        controller.close();
        await over();
      },
      async cancel() {
        readOver = true;
        await over();
      },
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>(
    {
      start(controller) {
        writing = controller;
        // `abort` below is called only when the write that is under way has ended, which may need just this.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => stream.abort(), { once: true });
      },
      async write(chunk) {
        try {
          await promised(() => stream.write(chunk));
        } catch (error) {
          if (!readOver) reading.error(error);
          broken();
          throw error;
        }
      },
      async close() {
        await promised(() => stream.end());
        writeOver = true;
        await over();
      },
      abort(reason) {
        if (!readOver) reading.error(reason);
        broken();
      },
    },
    { highWaterMark: 1 },
  );
  return { readable, writable };
}
