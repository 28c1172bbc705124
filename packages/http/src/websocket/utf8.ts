/**
 * Is it UTF-8? Asked of bytes as they come, and answered at the first byte that cannot be (RFC 3629; the table is that of
 * the Unicode standard, 3-7: well-formed byte sequences).
 *
 * Text of a WebSocket comes in frames that cut characters anywhere, and a peer that sends nonsense is to hear of it at once
 * and not after the last of a hundred megabytes (RFC 6455, 8.1). Decoders of the platform wait for the whole character
 * before they complain; this knows after `F4 90` that no character begins so. Only what is long, and what lies between the
 * first and the last whole character of it, is left to the platform, which is much faster.
 */
import { nodeIsUtf8 } from "./node-utf8.ts";

/** From here on the platform is asked, in bytes. */
const LONG = 64;

export class Utf8Checker {
  /** How many bytes the character still lacks. */
  private lacking: number;
  /** Between what bounds the next one has to be. */
  private least: number;
  private most: number;

  constructor() {
    this.lacking = 0;
    this.least = 0x80;
    this.most = 0xbf;
  }

  /** Whether a character is whole here: text may end. */
  get whole(): boolean {
    return this.lacking === 0;
  }

  reset(): void {
    this.lacking = 0;
    this.least = 0x80;
    this.most = 0xbf;
  }

  /** Goes on with more bytes; false where one of them cannot be. After that it is of no use before `reset()`. */
  push(bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (length < LONG || nodeIsUtf8 === null) return this.walk(bytes, 0, length);
    // What is left of a character that has begun; what is whole; and what begins a character that goes on later.
    const from = this.lacking;
    const to = length - begunAtEnd(bytes);
    return this.walk(bytes, 0, from) && nodeIsUtf8(bytes.subarray(from, to)) && this.walk(bytes, to, length);
  }

  private walk(bytes: Uint8Array, from: number, length: number): boolean {
    let { lacking, least, most } = this;
    let i = from;
    while (i < length) {
      if (lacking === 0) {
        // Most text is mostly ASCII.
        while (i + 3 < length && ((bytes[i]! | bytes[i + 1]! | bytes[i + 2]! | bytes[i + 3]!) & 0x80) === 0) i += 4;
        if (i >= length) break;
        const first = bytes[i++] as number;
        if (first < 0x80) continue;
        least = 0x80;
        most = 0xbf;
        if (first < 0xc2) return false; // in the middle, or longer than needed
        if (first < 0xe0) lacking = 1;
        else if (first < 0xf0) {
          lacking = 2;
          if (first === 0xe0) least = 0xa0; // longer than needed
          if (first === 0xed) most = 0x9f; // surrogates
        } else if (first < 0xf5) {
          lacking = 3;
          if (first === 0xf0) least = 0x90; // longer than needed
          if (first === 0xf4) most = 0x8f; // beyond U+10FFFF
        } else return false;
      } else {
        const next = bytes[i++] as number;
        if (next < least || next > most) return false;
        least = 0x80;
        most = 0xbf;
        lacking--;
      }
    }
    this.lacking = lacking;
    this.least = least;
    this.most = most;
    return true;
  }
}

/** How many bytes at the end belong to a character that is not whole: 0 to 3. */
function begunAtEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4) ? back : 0;
  }
  return 0;
}

const whole = new Utf8Checker();

/** Whether these bytes, all of them, are text. */
export function checkUtf8(bytes: Uint8Array): boolean {
  whole.reset();
  return whole.push(bytes) && whole.whole;
}
