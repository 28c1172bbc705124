/**
 * Frames in, messages out: fragments are put together, inflated, checked to be text, and held against the limit, all while
 * they come. So what is wrong is known at the first byte that shows it, and a message never takes more memory than the
 * limit, whatever its frames announce and whatever it inflates to.
 *
 * A message that comes in one piece, as most do, is not copied.
 */
import { INVALID_DATA, TOO_LARGE } from "./close-codes.ts";
import { type Codec, type DeflateService, giveBack, lendInflater, TAIL } from "./deflate.ts";
import { WebSocketError } from "./errors.ts";
import type { DeflateAgreement } from "./extensions.ts";
import { TEXT } from "./frame.ts";
import { CONTROL as CONTROL_FRAME, FRAME, FrameReader, NOTHING as NO_FRAME } from "./frame-reader.ts";
import { Utf8Checker } from "./utf8.ts";

/** Nothing more can be said of the bytes that have come. */
export const NOTHING = 0;
/** A whole message, in `value`. */
export const MESSAGE = 1;
/** A message has begun that is given in parts: `text`. */
export const STARTED = 2;
/** A part of it, in `value`: bytes, or whole characters. */
export const PART = 3;
/** Its end. */
export const ENDED = 4;
/** A control frame: `opcode` and `payload`. */
export const CONTROL = 5;

/** What a reader of messages has to know. */
export interface MessageReaderOptions {
  /** Whether the peer is a client. */
  readonly masked: boolean;
  /** The most that a message may have, in bytes, inflated. */
  readonly maxMessage: number;
  /** What was agreed on about compression, and who does it. */
  readonly deflate: DeflateAgreement | undefined;
  readonly service: DeflateService | null;
}

/** Puts the message together. */
const WHOLE = 0;
/** Gives its parts as they come. */
const PARTS = 1;
/** Checks them, and lets them go. */
const DROPPED = 2;

const EMPTY: Uint8Array = new Uint8Array(0);
const LEAST_ROOM = 1024;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class MessageReader {
  declare private readonly frames: FrameReader;
  declare private readonly limit: number;
  declare private readonly deflate: DeflateAgreement | undefined;
  declare private readonly service: DeflateService | null;
  declare private inflater: Codec | null;
  /** A message has begun, and how it is given. */
  declare private open: boolean;
  declare private mode: number;
  /** The next message is to be given in parts. */
  declare inParts: boolean;
  declare private checker: Utf8Checker | null;
  declare private partDecoder: InstanceType<typeof TextDecoder> | null;
  /** What has come of it, in `room` from the beginning, and how much it is. */
  declare private room: Uint8Array;
  declare private size: number;
  /** How much of the message was seen, in whatever mode. */
  declare private seen: number;
  /** So much is still to be inflated: there may be more in the inflater. */
  declare private inflating: boolean;
  /** The frame that is being read is over, once the inflater is empty. */
  declare private frameOver: boolean;
  declare private tailFed: boolean;

  declare value: string | Uint8Array;
  declare text: boolean;
  declare opcode: number;
  declare payload: Uint8Array;

  constructor(options: MessageReaderOptions) {
    this.frames = new FrameReader({ masked: options.masked, deflate: options.deflate !== undefined });
    this.limit = options.maxMessage;
    this.deflate = options.deflate;
    this.service = options.service;
    this.inflater = null;
    this.open = false;
    this.mode = WHOLE;
    this.inParts = false;
    this.checker = null;
    this.partDecoder = null;
    this.room = EMPTY;
    this.size = 0;
    this.seen = 0;
    this.inflating = false;
    this.frameOver = false;
    this.tailFed = false;
    this.value = EMPTY;
    this.text = false;
    this.opcode = 0;
    this.payload = EMPTY;
  }

  /** Takes the next bytes, which it may change. Only after `next()` has answered `NOTHING`. */
  push(chunk: Uint8Array): void {
    this.frames.push(chunk);
  }

  /** Whether the stream may end here without cutting anything. */
  get between(): boolean {
    return this.frames.between;
  }

  /** How many bytes are kept of a message that is not whole. */
  get held(): number {
    return this.size;
  }

  /** The next thing that can be said. Throws a {@link WebSocketError} where the peer has broken a rule. */
  next(): number {
    for (;;) {
      if (this.inflating) {
        const event = this.inflate();
        if (event !== NOTHING) return event;
        continue;
      }
      if (this.frameOver) {
        this.frameOver = false;
        const event = this.frames.fin ? this.finish() : NOTHING;
        if (event !== NOTHING) return event;
      }
      const { frames } = this;
      const event = frames.next();
      if (event === NO_FRAME) return NOTHING;
      if (event === CONTROL_FRAME) {
        this.opcode = frames.opcode;
        this.payload = frames.piece;
        return CONTROL;
      }
      if (event === FRAME) {
        if (frames.first) {
          this.begin();
          if (this.mode === PARTS) return STARTED;
        }
        if (!frames.compressed) this.expect(frames.length);
        continue;
      }
      this.frameOver = frames.ends;
      const said = frames.compressed ? this.startInflating(frames.piece) : this.accept(frames.piece, false);
      if (said !== NOTHING) return said;
    }
  }

  /**
   * The message that has begun, and has not been put together yet, is to be given in parts from here on: what has come of
   * it is the first one. False where none has begun.
   */
  splitCurrent(): boolean {
    if (!this.open || this.mode !== WHOLE) return false;
    this.mode = PARTS;
    return true;
  }

  /** What remains of the message that is given in parts is not wanted. */
  dropRest(): void {
    if (!this.open || this.mode !== PARTS) return;
    this.mode = DROPPED;
    this.room = EMPTY;
    this.size = 0;
  }

  /** What was gathered before the message was split; once. */
  takeGathered(): string | Uint8Array | undefined {
    const { size } = this;
    if (size === 0) return undefined;
    const part = this.room.subarray(0, size);
    this.room = EMPTY;
    this.size = 0;
    return this.text ? this.decodePart(part) : part;
  }

  close(): void {
    this.returnInflater();
    this.inflating = false;
    this.room = EMPTY;
    this.size = 0;
  }

  private begin(): void {
    this.open = true;
    this.text = this.frames.opcode === TEXT;
    this.mode = this.inParts ? PARTS : WHOLE;
    this.inParts = false;
    this.seen = 0;
    this.partDecoder = null;
  }

  /** The frame that begins will bring so much. */
  private expect(length: number): void {
    if (this.mode === WHOLE && this.size + length > this.limit) throw this.tooLarge();
  }

  /** A part of the message, in the clear. `borrowed`: its memory is used for something else afterwards. */
  private accept(piece: Uint8Array, borrowed: boolean): number {
    const { mode } = this;
    const last = !borrowed && this.frameOver && this.frames.fin;
    if (mode === WHOLE && this.size + piece.length > this.limit) throw this.tooLarge();
    // Whole in one piece: checked while it is decoded.
    if (last && mode === WHOLE && this.seen === 0) {
      this.frameOver = false;
      return this.give(piece);
    }
    this.seen += piece.length;
    if (this.text) this.check(piece);
    if (piece.length === 0 || mode === DROPPED) return NOTHING;
    if (mode === WHOLE) {
      this.gather(piece);
      return NOTHING;
    }
    const value = this.text ? this.decodePart(piece) : borrowed ? piece.slice() : piece;
    if (value.length === 0) return NOTHING;
    this.value = value;
    return PART;
  }

  private check(piece: Uint8Array): void {
    if (!(this.checker ??= new Utf8Checker()).push(piece)) throw notText();
  }

  private gather(piece: Uint8Array): void {
    const needed = this.size + piece.length;
    if (needed > this.room.length) {
      // What the frame still brings is known, but not yet here: a peer that only announces costs no memory.
      const room = new Uint8Array(
        Math.min(Math.max(needed, this.room.length * 2, LEAST_ROOM), Math.max(this.limit, needed)),
      );
      room.set(this.room.subarray(0, this.size));
      this.room = room;
    }
    this.room.set(piece, this.size);
    this.size = needed;
  }

  /** The message is whole. */
  private finish(): number {
    if (this.text && this.seen > 0 && this.checker?.whole === false) throw notText();
    const { mode } = this;
    if (mode === WHOLE) {
      const whole = this.room.subarray(0, this.size);
      return this.give(whole);
    }
    this.open = false;
    this.mode = WHOLE;
    return mode === PARTS ? ENDED : NOTHING;
  }

  private give(whole: Uint8Array): number {
    this.open = false;
    this.room = EMPTY;
    this.size = 0;
    this.value = this.text ? decodeWhole(whole) : whole;
    return MESSAGE;
  }

  /** The characters that are whole; what is left of the last one comes with the next part. It was checked before. */
  private decodePart(piece: Uint8Array): string {
    this.partDecoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
    return this.partDecoder.decode(piece, { stream: true });
  }

  private startInflating(piece: Uint8Array): number {
    this.inflater ??= lendInflater(this.service as DeflateService, this.deflate?.receiveBits ?? 15);
    this.inflater.feed(piece, false);
    this.inflating = true;
    this.tailFed = false;
    return NOTHING;
  }

  private inflate(): number {
    const inflater = this.inflater as Codec;
    let part: Uint8Array | undefined;
    try {
      part = inflater.take();
      if (part === undefined && this.frameOver && this.frames.fin && !this.tailFed) {
        this.tailFed = true;
        inflater.feed(TAIL, true);
        part = inflater.take();
      }
    } catch (cause) {
      inflater.close();
      this.inflater = null;
      throw new WebSocketError("the peer sent a message that cannot be inflated", INVALID_DATA, "RFC 7692, 7.2.2", {
        cause,
      });
    }
    if (part !== undefined) return this.accept(part, true);
    this.inflating = false;
    if (this.frameOver && this.frames.fin && this.deflate?.receiveTakeover === false) this.returnInflater();
    return NOTHING;
  }

  private returnInflater(): void {
    if (this.inflater !== null) giveBack(this.inflater);
    this.inflater = null;
  }

  private tooLarge(): WebSocketError {
    return new WebSocketError(
      `the peer sent a message of more than ${this.limit} bytes: give a larger \`maxMessage\` where that is right, or take it in parts with receiveStream()`,
      TOO_LARGE,
      "RFC 6455, 10.4",
    );
  }
}

function decodeWhole(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw notText(); // all that it can say
  }
}

function notText(): WebSocketError {
  return new WebSocketError("the peer sent text that is not UTF-8", INVALID_DATA, "RFC 6455, 8.1");
}
