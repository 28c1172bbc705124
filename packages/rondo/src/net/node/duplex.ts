/**
 * Byte streams and Node's streams, in both directions. Back-pressure goes through: what is not read here is not read there,
 * and a write is over when the other side has room.
 */
import { Duplex, type Readable, type Writable } from "node:stream";

import { Bridge } from "../bridge.ts";
import { ByteStream } from "../stream.ts";
import { goApart } from "../web-streams.ts";
import { NodeTransport } from "./transport.ts";

/** A Node stream that is read and one that is written, where they are two. */
export interface NodeStreamPair {
  readonly readable: Readable;
  readonly writable: Writable;
}

/** Of others: they call back in contexts of their own, see `goApart`. */
class ForeignTransport extends NodeTransport {
  override resume(): void {
    goApart();
    super.resume();
  }
  override send(chunks: readonly Uint8Array[]): boolean {
    goApart();
    return super.send(chunks);
  }
}

/**
 * A byte stream over a Node `Duplex` (a socket, a TLS socket, a `zlib` stream, …), or over a `Readable` and a `Writable`, which
 * belong to it from here on: whatever else listens to them for data would lose some of it. Closing it ends and destroys
 * them; an error of theirs breaks it. Half-close goes through. Not a switch point.
 *
 * Throws a `TypeError` for a stream in object mode.
 *
 * @example
 * ```ts
 * import { createGzip } from "node:zlib";
 * import { run } from "rondo";
 * import { fromNodeStream } from "rondo/net";
 *
 * await run(function* () {
 *   const stream = fromNodeStream(createGzip());
 *   yield* stream.write("hello");
 *   yield* stream.end();
 *   const magic = yield* stream.readExactly(2);
 *   console.log(magic?.join(" ")); // prints: 31 139
 *   yield* stream.close();
 * });
 * ```
 */
export function fromNodeStream(stream: Duplex | NodeStreamPair): ByteStream {
  const given = stream as Partial<Duplex & NodeStreamPair> | null | undefined;
  if (typeof given?.pipe === "function" && typeof given.write === "function") return over(stream as Duplex);
  const { readable, writable } = (given ?? {}) as Partial<NodeStreamPair>;
  if (typeof readable?.pipe !== "function" || typeof writable?.write !== "function") {
    throw new TypeError("fromNodeStream() takes a Duplex, or { readable, writable }");
  }
  refuseObjects(readable.readableObjectMode);
  return over(Duplex.from({ readable, writable }));
}

function over(duplex: Duplex): ByteStream {
  refuseObjects(duplex.readableObjectMode);
  return new ByteStream(new ForeignTransport(duplex));
}

function refuseObjects(inObjectMode: boolean): void {
  if (inObjectMode) throw new TypeError("fromNodeStream() takes a stream of bytes, and this one is in object mode");
}

class StreamDuplex extends Duplex {
  private readonly stream: ByteStream;
  private readonly bridge: Bridge;

  constructor(stream: ByteStream) {
    super({ allowHalfOpen: true, emitClose: true, autoDestroy: true });
    this.stream = stream;
    this.bridge = new Bridge(`node stream of ${stream.label}`, (error) => {
      // Where nobody listens nobody uses it any more, and an error would end the process.
      this.destroy(this.listenerCount("error") > 0 ? error : undefined);
    });
  }

  override _read(): void {
    this.bridge.call(
      () => this.stream.read(),
      (error, chunk) => {
        if (error !== undefined) this.destroy(error as Error);
        else if (!this.destroyed) this.push(chunk === undefined ? null : bufferOf(chunk));
      },
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.bridge.call(() => this.stream.write(chunk), answering(callback));
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    const list = chunks.map(({ chunk }) => chunk);
    this.bridge.call(() => this.stream.write(list), answering(callback));
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.bridge.call(() => this.stream.end(), answering(callback));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Both sides have ended by themselves: that is a close. Everything else is none that the peer should take for one.
    const well = error === null && this.readableEnded && this.writableFinished;
    if (!well) this.stream.abort();
    this.bridge.call(
      () => this.stream.close(),
      () => callback(error),
    );
    this.bridge.end();
  }
}

function answering(callback: (error?: Error | null) => void): (error: unknown) => void {
  return (error) => callback(error === undefined ? null : (error as Error));
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * A Node `Duplex` of the bytes of a stream, which belongs to it from here on: to be piped, and for libraries that know Node's
 * streams only. When both sides have ended it closes the stream; `destroy()` aborts it.
 *
 * Made in a task, it ends with the group around: then it is destroyed, with a `ClosedError` if somebody listens for errors.
 * Not a switch point.
 *
 * @example
 * ```ts
 * import { createGunzip, gzipSync } from "node:zlib";
 * import { run, until } from "rondo";
 * import { memoryPair, toNodeStream } from "rondo/net";
 * import { text } from "node:stream/consumers";
 *
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   yield* client.write(gzipSync("hello"));
 *   yield* client.end();
 *   console.log(yield* until(text(toNodeStream(server).pipe(createGunzip())))); // prints: hello
 * });
 * ```
 */
export function toNodeStream(stream: ByteStream): Duplex {
  if (!(stream instanceof ByteStream)) throw new TypeError("toNodeStream() takes a ByteStream");
  return new StreamDuplex(stream);
}
