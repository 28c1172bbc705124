/**
 * Reads what stands between the chunks of a chunked body (RFC 9112 section 7.1): sizes, extensions, line ends.
 *
 * It is fed byte by byte from any piece and stops where data begins, so the data itself is never touched. Extensions mean
 * nothing to us and are checked all the same, since a line end that one reader sees inside of one and another does not is a
 * way to smuggle a request; and they are limited, since they are bytes that nobody counts.
 */
import { type Side, REQUEST } from "./fields.ts";
import { MessageTooLargeError, ProtocolError } from "./errors.ts";
import { BACKSLASH, CLASS, CR, EQUALS, HEX, LF, QUOTE, SEMICOLON, shownByte, SP, TAB, TOKEN, VALUE } from "./tokens.ts";

const SIZE_FIRST = 0;
const SIZE = 1;
const EXTENSION_FIRST = 2;
const EXTENSION = 3;
const VALUE_FIRST = 4;
const EXTENSION_VALUE = 5;
const QUOTED = 6;
const QUOTED_PAIR = 7;
const QUOTED_END = 8;
const SIZE_LF = 9;
const READY = 10;
const DATA_CR = 11;
const DATA_LF = 12;

/** More bytes of framing than of data, by so much, is no transfer but an attack. */
const WASTE = 16 * 1024;

export class ChunkReader {
  /** The size of the chunk whose data comes next; 0 means that it was the last one. */
  declare size: number;
  declare private readonly side: Side;
  declare private readonly limit: number;
  declare private state: number;
  declare private extension: number;
  declare private digits: number;
  declare private waste: number;

  constructor(side: Side, limit: number) {
    this.size = 0;
    this.side = side;
    this.limit = limit;
    this.state = SIZE_FIRST;
    this.extension = 0;
    this.digits = 0;
    this.waste = 0;
  }

  /** A new body begins. */
  begin(): void {
    this.state = SIZE_FIRST;
    this.size = 0;
    this.digits = 0;
    this.waste = 0;
  }

  /** The data of a chunk has been taken. */
  afterData(): void {
    this.state = DATA_CR;
  }

  /** A size has been read with its line: its data comes next. */
  get ready(): boolean {
    return this.state === READY;
  }

  /** Reads on from `at` up to `end`, and gives where it stopped: where the data begins if it is `ready`, else at `end`. */
  scan(bytes: Uint8Array, at: number, end: number): number {
    let i = at;
    let state = this.state;
    while (i < end) {
      const byte = bytes[i] as number;
      switch (state) {
        case DATA_CR:
          if (byte !== CR) throw this.refuse(`a chunk is longer than its size says: ${shownByte(byte)} follows it`);
          state = DATA_LF;
          break;
        case DATA_LF:
          if (byte !== LF) throw this.bareReturn();
          state = SIZE_FIRST;
          break;
        case SIZE_FIRST:
          if (HEX[byte] === 255) throw this.refuse(`a chunk begins with ${shownByte(byte)} where its size must be`);
          this.size = HEX[byte] as number;
          this.digits = 1;
          this.extension = 0;
          state = SIZE;
          break;
        case SIZE: {
          const digit = HEX[byte] as number;
          if (digit !== 255) {
            // Also leading zeros are counted: a size has no need of more digits than any size can have.
            if (++this.digits > 16 || this.size > (Number.MAX_SAFE_INTEGER - 15) / 16)
              throw this.refuse("the size of a chunk is 2^53 bytes or more, or has more than 16 digits");
            this.size = this.size * 16 + digit;
          } else if (byte === CR) state = SIZE_LF;
          else if (byte === SEMICOLON) state = EXTENSION_FIRST;
          else throw this.refuse(`there is ${shownByte(byte)} in the size of a chunk`);
          break;
        }
        case SIZE_LF:
          if (byte !== LF) throw this.bareReturn();
          // Sixteen bytes a chunk are what an honest sender of single bytes may need.
          this.waste = Math.max(0, this.waste + this.digits + this.extension + 4 - 16 - this.size * 2);
          if (this.waste > WASTE) throw this.refuse("there is far more framing than data in the chunks");
          this.state = READY;
          return i + 1;
        default:
          if (byte !== CR && ++this.extension > this.limit) throw this.tooLong();
          state = this.inExtension(state, byte);
      }
      i++;
    }
    this.state = state;
    return i;
  }

  /** `*( ";" name [ "=" ( token / quoted-string ) ] )`, without the bad whitespace that nobody may send. */
  private inExtension(state: number, byte: number): number {
    const token = ((CLASS[byte] as number) & TOKEN) !== 0;
    switch (state) {
      case EXTENSION_FIRST:
        if (token) return EXTENSION;
        break;
      case EXTENSION:
        if (token) return EXTENSION;
        if (byte === EQUALS) return VALUE_FIRST;
        if (byte === SEMICOLON) return EXTENSION_FIRST;
        if (byte === CR) return SIZE_LF;
        break;
      case VALUE_FIRST:
        if (token) return EXTENSION_VALUE;
        if (byte === QUOTE) return QUOTED;
        break;
      case EXTENSION_VALUE:
        if (token) return EXTENSION_VALUE;
        if (byte === SEMICOLON) return EXTENSION_FIRST;
        if (byte === CR) return SIZE_LF;
        break;
      case QUOTED:
        if (byte === QUOTE) return QUOTED_END;
        if (byte === BACKSLASH) return QUOTED_PAIR;
        if (((CLASS[byte] as number) & VALUE) !== 0) return QUOTED;
        break;
      case QUOTED_PAIR:
        if (((CLASS[byte] as number) & VALUE) !== 0) return QUOTED;
        break;
      case QUOTED_END:
        if (byte === SEMICOLON) return EXTENSION_FIRST;
        if (byte === CR) return SIZE_LF;
        break;
    }
    if (byte === LF) throw this.refuse("a chunk's line ends in LF without CR");
    if (byte === SP || byte === TAB) throw this.refuse("there is whitespace in the extension of a chunk");
    throw this.refuse(`there is ${shownByte(byte)} in the extension of a chunk`);
  }

  private bareReturn(): ProtocolError {
    return this.refuse("there is a CR without LF between chunks");
  }

  private tooLong(): MessageTooLargeError {
    return new MessageTooLargeError(
      this.side === REQUEST ? 400 : 502,
      `the extensions of a chunk are longer than ${this.limit} bytes`,
      this.limit,
      { rfc: "RFC 9112 section 7.1.1" },
    );
  }

  private refuse(message: string): ProtocolError {
    const rfc = "RFC 9112 section 7.1";
    return new ProtocolError(this.side === REQUEST ? 400 : 502, `${message} (${rfc})`, { rfc });
  }
}
