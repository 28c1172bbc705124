/**
 * Messages in, frames out (RFC 6455, section 5.2).
 *
 * What is short is written into one piece of memory, head and payload together, so that it is one write; text is encoded
 * right where it will lie, and its head put in front of it afterwards, when its length is known. What is long goes as two
 * pieces and is not copied, except by a client, which has to mask it and must not change what is not its own.
 */
import type { Writable } from "rondo/net";
import { FIN, MASK, MOST_OF_HEAD, RSV1 } from "./frame.ts";
import { mask, type MaskKeys } from "./mask.ts";
import { newBytes } from "../tokens.ts";

/** Payloads up to this size, in bytes, are copied behind their head: cheaper than a second piece to write. */
const COPIED = 8 * 1024;
/** Small frames are cut from memory of this size, since making memory costs more than filling it. */
const SLAB = 16 * 1024;
/** Text up to this many characters is encoded in place: it has three bytes for each at most. */
const SHORT_TEXT = 2 * 1024;
/** And up to this many in memory that is kept for it, and then copied: several times as fast as having some made. */
const MIDDLE_TEXT = 64 * 1024;

const encoder = new TextEncoder();

/** Where middle-sized text is encoded. */
let scratch: Uint8Array | undefined;
let slab: Uint8Array = new Uint8Array(0);
let used = 0;

/** A place of at least `size` bytes that nobody else writes to, in `slab` from the offset that is given back. */
function reserve(size: number): number {
  if (used + size > slab.length) {
    slab = new Uint8Array(Math.max(SLAB, size));
    used = 0;
  }
  return used;
}

/** How long a head is. */
function headLength(length: number, masked: boolean): number {
  return 2 + (length < 126 ? 0 : length < 0x1_0000 ? 2 : 8) + (masked ? 4 : 0);
}

/** Writes a head, and gives where it ends. The key is copied; the payload has still to be masked. */
function writeHead(
  target: Uint8Array,
  at: number,
  byte0: number,
  length: number,
  keys: MaskKeys | null,
  key: number,
): number {
  const masked = keys === null ? 0 : MASK;
  target[at++] = byte0;
  if (length < 126) {
    target[at++] = masked | length;
  } else if (length < 0x1_0000) {
    target[at++] = masked | 126;
    target[at++] = length >>> 8;
    target[at++] = length & 255;
  } else {
    target[at++] = masked | 127;
    const view = new DataView(target.buffer, target.byteOffset + at, 8);
    view.setUint32(0, Math.floor(length / 0x1_0000_0000));
    view.setUint32(4, length >>> 0);
    at += 8;
  }
  if (keys !== null) for (let i = 0; i < 4; i++) target[at++] = keys.pool[key + i] as number;
  return at;
}

/** How a frame is marked. */
export interface FrameMarks {
  readonly opcode: number;
  readonly fin: boolean;
  /** The first frame of a deflated message. */
  readonly compressed: boolean;
}

/** A frame of bytes, ready to be written; `keys` where it is a client's. The payload itself is left as it is. */
export function frameOf(payload: Uint8Array, marks: FrameMarks, keys: MaskKeys | null): Writable {
  const { length } = payload;
  if (keys !== null || length <= COPIED) return copiedFrame(payload, marks, keys);
  const head = new Uint8Array(headLength(length, false));
  writeHead(head, 0, firstByte(marks), length, null, 0);
  return [head, payload];
}

function firstByte(marks: FrameMarks): number {
  return marks.opcode | (marks.fin ? FIN : 0) | (marks.compressed ? RSV1 : 0);
}

/** A frame in one piece of memory that is nobody else's. */
function copiedFrame(payload: Uint8Array, marks: FrameMarks, keys: MaskKeys | null): Uint8Array {
  const { length } = payload;
  const key = keys === null ? 0 : keys.next();
  const size = headLength(length, keys !== null) + length;
  let target: Uint8Array;
  let start = 0;
  if (size > COPIED) {
    target = newBytes(size);
  } else {
    start = reserve(size);
    target = slab;
    used = start + size;
  }
  const body = writeHead(target, start, firstByte(marks), length, keys, key);
  target.set(payload, body);
  if (keys !== null) mask(target.subarray(body, body + length), keys.pool, key, 0);
  return target.subarray(start, body + length);
}

/** A whole message of text in one frame. Halves of surrogate pairs go as U+FFFD, as in every encoder of the platform. */
export function textFrame(text: string, keys: MaskKeys | null): Writable {
  if (text.length > MIDDLE_TEXT) return frameOf(encoder.encode(text), WHOLE_TEXT, keys);
  if (text.length > SHORT_TEXT) {
    scratch ??= new Uint8Array(MIDDLE_TEXT * 3);
    const { written } = encoder.encodeInto(text, scratch);
    return copiedFrame(scratch.subarray(0, written), WHOLE_TEXT, keys);
  }
  const most = text.length * 3;
  const start = reserve(MOST_OF_HEAD + most);
  // Behind the longest head that it can have; where it has a shorter one, the frame begins later.
  const body = start + headLength(most, keys !== null);
  const length = encode(text, slab, body);
  const head = body - headLength(length, keys !== null);
  const key = keys === null ? 0 : keys.next();
  writeHead(slab, head, WHOLE_TEXT.opcode | FIN, length, keys, key);
  used = body + length;
  if (keys !== null) mask(slab.subarray(body, used), keys.pool, key, 0);
  return slab.subarray(head, used);
}

const WHOLE_TEXT: FrameMarks = { opcode: 1, fin: true, compressed: false };

/** From here on the encoder of the platform is faster than a loop. */
const FEW = 24;

function encode(text: string, target: Uint8Array, at: number): number {
  const { length } = text;
  if (length <= FEW) {
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) break;
      target[at + i] = code;
    }
    if (i === length) return length;
  }
  return encoder.encodeInto(text, target.subarray(at, at + length * 3)).written;
}
