/**
 * The half of a WebSocket that sends: whose turn it is, and what is compressed.
 *
 * A frame goes whole and in order, the stream sees to that. Two things need more: a message in fragments must not be
 * interrupted by another one (RFC 6455, section 5.4), and a message that is compressed with the memory of the earlier ones
 * must leave in the order in which it was compressed. Only those take the lock; a plain message is one write.
 *
 * What was compressed and then cancelled before it left is in the compressor's memory and not in the peer's. Then the
 * compressor forgets everything: it costs some bytes of the next message, and the peer need not be told.
 */
import { checkpoint, type Coroutine, Lock, type Operation } from "rondo";
import type { ByteStream, Writable } from "rondo/net";
import { joined } from "../pieces.ts";
import { type Codec, type DeflateService, giveBack, lendDeflater } from "./deflate.ts";
import type { DeflateAgreement } from "./extensions.ts";
import { BINARY, CONTINUATION, TEXT } from "./frame.ts";
import { frameOf, textFrame } from "./frame-writer.ts";
import type { MaskKeys } from "./mask.ts";

/** So much is compressed in one go, in bytes, before the others have their turn: about 1 ms. */
const STRETCH = 64 * 1024;
/** What an empty message is, compressed: the head of an empty block (RFC 7692, section 7.2.3.6). */
const EMPTY_BLOCK: Uint8Array = new Uint8Array([0]);
const NOTHING: Uint8Array = new Uint8Array(0);

const encoder = new TextEncoder();

/** Whether it is a message; for those who write JavaScript. */
export function checkMessage(data: unknown, method: string): void {
  if (typeof data !== "string" && !(data instanceof Uint8Array))
    throw new TypeError(
      `${method} takes a string or a Uint8Array, not ${String(data)}: turn it into one (JSON.stringify)`,
    );
}

export class Sender {
  private readonly stream: ByteStream;
  /** A client's keys; null for a server. */
  readonly keys: MaskKeys | null;
  readonly deflate: DeflateAgreement | undefined;
  private readonly service: DeflateService | null;
  private codec: Codec | null;
  private lock: Lock | null;

  constructor(
    stream: ByteStream,
    keys: MaskKeys | null,
    deflate: DeflateAgreement | undefined,
    service: DeflateService | null,
  ) {
    this.stream = stream;
    this.keys = keys;
    this.deflate = deflate;
    this.service = service;
    this.codec = null;
    this.lock = null;
  }

  /** Whether a message can go as one write, now: nothing is to be compressed, and no fragments are under way. */
  plain(data: string | Uint8Array): boolean {
    return !this.busy && !this.compresses(data.length);
  }

  get busy(): boolean {
    return this.lock?.locked === true;
  }

  /** A message as it is. */
  frame(data: string | Uint8Array): Writable {
    return typeof data === "string" ? textFrame(data, this.keys) : frameOf(data, WHOLE_BINARY, this.keys);
  }

  private compresses(length: number): boolean {
    return this.deflate !== undefined && this.deflate.sendBits > 0 && length > 0 && length >= this.deflate.threshold;
  }

  /** Sends a message when it is its turn; `check` says whether it still may. */
  *inTurn(data: string | Uint8Array, check: () => void): Coroutine<void> {
    const lock = (this.lock ??= new Lock({ name: `${this.stream.label} messages` }));
    yield* lock.acquire();
    try {
      check();
      if (this.compresses(data.length)) yield* this.compressed(data);
      else yield* this.stream.write(this.frame(data));
    } finally {
      lock.release();
    }
  }

  /** Compresses at once and tries to hand it over; false where it would have to wait. */
  tryCompressed(data: string | Uint8Array): boolean {
    const text = typeof data === "string";
    const codec = this.borrow();
    let written = false;
    try {
      codec.feed(text ? encoder.encode(data) : data, true);
      const payload = withoutTail(joined(drained(codec, [])));
      written = this.stream.tryWrite(
        frameOf(payload, { opcode: text ? TEXT : BINARY, fin: true, compressed: true }, this.keys),
      );
    } finally {
      this.settle(codec, written);
    }
    return written;
  }

  private *compressed(data: string | Uint8Array): Coroutine<void> {
    const text = typeof data === "string";
    const bytes = text ? encoder.encode(data) : data;
    const codec = this.borrow();
    let written = false;
    try {
      const parts = yield* this.deflated(bytes, codec);
      const payload = withoutTail(joined(parts));
      yield* this.stream.write(
        frameOf(payload, { opcode: text ? TEXT : BINARY, fin: true, compressed: true }, this.keys),
      );
      written = true;
    } finally {
      this.settle(codec, written);
    }
  }

  /**
   * Sends the parts of one message as its fragments, as long as `next` gives any; no other message comes in between. From
   * `begun` on there is a message that has to be ended.
   */
  *fragments(
    next: () => Operation<string | Uint8Array | undefined>,
    check: () => void,
    begun: () => void,
  ): Coroutine<void> {
    const lock = (this.lock ??= new Lock({ name: `${this.stream.label} messages` }));
    yield* lock.acquire();
    const codec = (this.deflate?.sendBits ?? 0) > 0 ? this.borrow() : null;
    let written = false;
    try {
      let kind = "";
      let opcode = BINARY;
      for (;;) {
        const part = yield* next();
        check();
        if (part !== undefined) {
          checkMessage(part, "sendStream()");
          if (kind === "") {
            kind = typeof part;
            if (kind === "string") opcode = TEXT;
          } else if (typeof part !== kind) {
            throw new TypeError("sendStream() was given text and bytes in turns: a message is one of them");
          }
        }
        const fin = part === undefined;
        const payload = yield* this.fragment(part, codec);
        if (opcode !== CONTINUATION) begun();
        yield* this.stream.write(
          frameOf(payload, { opcode, fin, compressed: opcode !== CONTINUATION && codec !== null }, this.keys),
        );
        opcode = CONTINUATION;
        if (fin) break;
      }
      written = true;
    } finally {
      if (codec !== null) this.settle(codec, written);
      lock.release();
    }
  }

  /** What a part of a message is on the wire; undefined stands for its end. */
  private *fragment(part: string | Uint8Array | undefined, codec: Codec | null): Coroutine<Uint8Array> {
    if (part === undefined) return codec === null ? NOTHING : EMPTY_BLOCK;
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    if (codec === null || bytes.length === 0) return bytes;
    return joined(yield* this.deflated(bytes, codec));
  }

  /** Compresses, and lets the others have their turns meanwhile. */
  private *deflated(bytes: Uint8Array, codec: Codec): Coroutine<Uint8Array[]> {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += STRETCH) {
      if (at > 0) yield* checkpoint();
      codec.feed(bytes.subarray(at, at + STRETCH), at + STRETCH >= bytes.length);
      drained(codec, parts);
    }
    return parts;
  }

  close(): void {
    if (this.codec !== null) giveBack(this.codec);
    this.codec = null;
  }

  private borrow(): Codec {
    if (this.codec !== null) return this.codec;
    const { sendBits: windowBits, level, memLevel, sendTakeover } = this.deflate as DeflateAgreement;
    const codec = lendDeflater(this.service as DeflateService, { windowBits, level, memLevel });
    if (sendTakeover) this.codec = codec;
    return codec;
  }

  /** The message has left, or it has not: then the peer knows nothing of it, and the codec must not either. */
  private settle(codec: Codec, written: boolean): void {
    if (codec !== this.codec) giveBack(codec);
    else if (!written) codec.reset();
  }
}

const WHOLE_BINARY = { opcode: BINARY, fin: true, compressed: false };

/** Adds what comes out of a codec to `parts`, as copies. */
function drained(codec: Codec, parts: Uint8Array[]): Uint8Array[] {
  for (let part = codec.take(); part !== undefined; part = codec.take()) parts.push(part.slice());
  return parts;
}

/** Without the four bytes that every flush ends with, and that the reader adds again (RFC 7692, section 7.2.1). */
function withoutTail(bytes: Uint8Array): Uint8Array {
  return bytes.length > 4 ? bytes.subarray(0, bytes.length - 4) : EMPTY_BLOCK;
}
