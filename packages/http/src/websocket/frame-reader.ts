/**
 * Bytes in, frames out (RFC 6455, section 5). It knows the rules of single frames and of their order; what a message is
 * made of is read by message-reader.ts.
 *
 * The payload of a data frame is given on as it comes, piece by piece and unmasked in place, so that a frame of a gigabyte
 * costs no memory here. A control frame is given whole: it has 125 bytes at most.
 */
import { PROTOCOL_ERROR, TOO_LARGE } from "./close-codes.ts";
import { WebSocketError } from "./errors.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  MASK,
  MOST_OF_CONTROL,
  MOST_OF_HEAD,
  opcodeName,
  PONG,
  RSV1,
  RSV2_AND_3,
} from "./frame.ts";
import { mask } from "./mask.ts";

/** Nothing more can be said of the bytes that have come. */
export const NOTHING = 0;
/** A data frame has begun: `opcode` (that of its message), `first`, `fin`, `compressed`, `length`. */
export const FRAME = 1;
/** A part of its payload, in `piece`; `ends` with the last one. Comes once at least for each frame. */
export const PIECE = 2;
/** A control frame: `opcode`, and all of its payload in `piece`. */
export const CONTROL = 3;

/** What a reader of frames has to know. */
export interface FrameReaderOptions {
  /** Whether the peer has to mask: a client has to, a server must not (5.1). */
  readonly masked: boolean;
  /** Whether messages may be deflated: RSV1 has a meaning (5.2, RFC 7692). */
  readonly deflate: boolean;
}

const EMPTY: Uint8Array = new Uint8Array(0);

const IN_HEAD = 0;
const IN_PAYLOAD = 1;
const IN_CONTROL = 2;

export class FrameReader {
  declare private readonly masked: boolean;
  declare private readonly deflate: boolean;
  declare private state: number;
  declare private chunk: Uint8Array;
  declare private at: number;
  /** The head of the frame as far as it has come, and how long it will be. */
  declare private readonly head: Uint8Array;
  declare private filled: number;
  declare private needed: number;
  /** Payload bytes of this frame that have come, and that lack. */
  declare private done: number;
  declare private left: number;
  /** The opcode of the message whose last frame has not come; 0 between messages. */
  declare private message: number;

  declare fin: boolean;
  declare first: boolean;
  declare opcode: number;
  declare compressed: boolean;
  declare length: number;
  declare piece: Uint8Array;
  declare ends: boolean;

  constructor(options: FrameReaderOptions) {
    this.masked = options.masked;
    this.deflate = options.deflate;
    this.state = IN_HEAD;
    this.chunk = EMPTY;
    this.at = 0;
    this.head = new Uint8Array(MOST_OF_HEAD);
    this.filled = 0;
    this.needed = 2;
    this.done = 0;
    this.left = 0;
    this.message = 0;
    this.fin = false;
    this.first = false;
    this.opcode = 0;
    this.compressed = false;
    this.length = 0;
    this.piece = EMPTY;
    this.ends = false;
  }

  /** Takes the next bytes, which it may change. Only after `next()` has answered `NOTHING`. */
  push(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.at = 0;
  }

  /** Whether the stream may end here without cutting a frame or a message. */
  get between(): boolean {
    return this.state === IN_HEAD && this.filled === 0 && this.message === 0;
  }

  /** The next thing that can be said. Throws a {@link WebSocketError} where the peer has broken a rule. */
  next(): number {
    if (this.state === IN_HEAD) return this.readHead();
    if (this.state === IN_PAYLOAD) return this.readPayload();
    return this.readControl();
  }

  private readHead(): number {
    const { chunk, head } = this;
    let { at, filled, needed } = this;
    const { length } = chunk;
    while (filled < needed) {
      if (at === length) {
        this.filled = filled;
        this.chunk = EMPTY;
        this.at = 0;
        return NOTHING;
      }
      head[filled++] = chunk[at++] as number;
      if (filled === 2) this.needed = needed = this.judge(head[0] as number, head[1] as number);
    }
    this.at = at;
    this.filled = 0;
    this.needed = 2;
    return this.begin();
  }

  /** The first two bytes have come: may they be? Gives how long the head is. */
  private judge(byte0: number, byte1: number): number {
    const opcode = byte0 & 0x0f;
    const fin = (byte0 & FIN) !== 0;
    const size = byte1 & 0x7f;
    if ((byte0 & RSV2_AND_3) !== 0) throw broken("a frame with RSV2 or RSV3 set, which nothing was agreed on", "5.2");
    if ((byte0 & RSV1) !== 0) {
      if (!this.deflate) throw broken("a frame with RSV1 set, and no compression was agreed on", "5.2");
      if (opcode === CONTINUATION || opcode >= CLOSE)
        throw new WebSocketError(
          `RSV1 set on ${opcodeName(opcode)}, where only the first frame of a message may have it`,
          PROTOCOL_ERROR,
          "RFC 7692, 6.1",
        );
    }
    if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG)
      throw broken(`a frame of the opcode 0x${opcode.toString(16)}, which is reserved`, "5.2");
    if (((byte1 & MASK) !== 0) !== this.masked)
      throw broken(
        this.masked ? "a frame that is not masked, from a client" : "a frame that is masked, from a server",
        "5.1",
      );
    if (opcode >= CLOSE) {
      if (!fin) throw broken(`${opcodeName(opcode)} in fragments`, "5.5");
      if (size > MOST_OF_CONTROL) throw broken(`${opcodeName(opcode)} of more than ${MOST_OF_CONTROL} bytes`, "5.5");
    } else if (opcode === CONTINUATION) {
      if (this.message === 0) throw broken("a continuation, and nothing is to be continued", "5.4");
    } else if (this.message !== 0) {
      throw broken("a new message before the last frame of the one that has begun", "5.4");
    }
    return 2 + (size < 126 ? 0 : size === 126 ? 2 : 8) + (this.masked ? 4 : 0);
  }

  /** The head is whole. */
  private begin(): number {
    const { head } = this;
    const byte0 = head[0] as number;
    const opcode = byte0 & 0x0f;
    const size = (head[1] as number) & 0x7f;
    let length = size;
    if (size === 126) {
      length = ((head[2] as number) << 8) | (head[3] as number);
      if (length < 126) throw broken("a length that is written longer than it has to be", "5.2");
    } else if (size === 127) {
      length = longLength(head);
    }
    this.done = 0;
    this.left = length;
    if (opcode >= CLOSE) {
      this.opcode = opcode;
      this.piece = length === 0 ? EMPTY : new Uint8Array(length);
      this.state = IN_CONTROL;
      return this.readControl();
    }
    const fin = (byte0 & FIN) !== 0;
    this.first = opcode !== CONTINUATION;
    if (this.first) {
      this.message = opcode;
      this.compressed = (byte0 & RSV1) !== 0;
    }
    this.opcode = this.message;
    this.fin = fin;
    this.length = length;
    if (fin) this.message = 0;
    this.state = IN_PAYLOAD;
    return FRAME;
  }

  private readPayload(): number {
    const { chunk, at, left } = this;
    const there = chunk.length - at;
    if (there === 0 && left > 0) {
      this.chunk = EMPTY;
      this.at = 0;
      return NOTHING;
    }
    const size = there < left ? there : left;
    const piece = size === chunk.length ? chunk : chunk.subarray(at, at + size);
    this.unmask(piece);
    this.at = at + size;
    this.left = left - size;
    this.piece = piece;
    this.ends = this.left === 0;
    if (this.ends) this.state = IN_HEAD;
    return PIECE;
  }

  private readControl(): number {
    const { chunk, at, left, done, piece } = this;
    const size = Math.min(chunk.length - at, left);
    if (size > 0) {
      const part = chunk.subarray(at, at + size);
      this.unmask(part);
      piece.set(part, done);
      this.at = at + size;
      this.left = left - size;
    }
    if (this.left > 0) {
      this.chunk = EMPTY;
      this.at = 0;
      return NOTHING;
    }
    this.state = IN_HEAD;
    return CONTROL;
  }

  private unmask(bytes: Uint8Array): void {
    if (this.masked) {
      const size = (this.head[1] as number) & 0x7f;
      mask(bytes, this.head, size < 126 ? 2 : size === 126 ? 4 : 10, this.done);
    }
    this.done += bytes.length;
  }
}

/** The length in eight bytes. */
function longLength(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset);
  const high = view.getUint32(2);
  if (high >= 0x8000_0000) throw broken("a length of more than 63 bits", "5.2");
  const length = high * 0x1_0000_0000 + view.getUint32(6);
  if (length < 0x1_0000) throw broken("a length that is written longer than it has to be", "5.2");
  if (length > Number.MAX_SAFE_INTEGER)
    throw new WebSocketError(`a frame of ${length} bytes, which nobody can take`, TOO_LARGE, "RFC 6455, 10.4");
  return length;
}

function broken(what: string, section: string): WebSocketError {
  return new WebSocketError(`the peer sent ${what}`, PROTOCOL_ERROR, `RFC 6455, ${section}`);
}
