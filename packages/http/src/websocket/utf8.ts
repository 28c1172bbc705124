/**
 * Is it UTF-8? Asked of bytes as they come, and answered at the first byte that cannot be (RFC 3629; the table is that of
 * the Unicode standard, 3-7: well-formed byte sequences).
 *
 * Text of a WebSocket comes in frames that cut characters anywhere, and a peer that sends nonsense is to hear of it at once
 * and not after the last of a hundred megabytes (RFC 6455, 8.1). Decoders of the platform wait for the whole character
 * before they complain; this knows after `F4 90` that no character begins so.
 */
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
    let { lacking, least, most } = this;
    let i = 0;
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

const whole = new Utf8Checker();

/** Whether these bytes, all of them, are text. */
export function checkUtf8(bytes: Uint8Array): boolean {
  whole.reset();
  return whole.push(bytes) && whole.whole;
}
