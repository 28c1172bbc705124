/**
 * A recording as a short text that can be printed, mailed, and put on a command line: the replay token.
 *
 * What is recorded is mostly zeros with a few small numbers between them, so a stream is written as pairs (so many zeros,
 * then this number), and each pair in a few bits whose likelihoods are learnt on the way. Browsers have no compression
 * that gives its result at once, and what there is was made for text; this is the binary range coder of LZMA (Igor
 * Pavlov, public domain), which fits on a page and comes to a third of plain bytes on the numbers of a random walk.
 *
 * A token ends in a checksum, since any bits at all would otherwise mean something: one that was cut off while it was
 * copied must not replay another story.
 */
import { hashText, type Recording } from "./choices.ts";

/** Stands in front of every token: the second number is that of the format, which an old one is told by. */
const PREFIX = "rondo1.";
const ANY_PREFIX = /^rondo(\d+)\./;

/**
 * A token that cannot be read: it is damaged, or of another version, or none. The message says which.
 *
 * @example
 * ```ts
 * import { decodeToken, TokenError } from "rondo/sim";
 *
 * try {
 *   decodeToken("hello");
 * } catch (error) {
 *   console.log(error instanceof TokenError); // prints: true
 *   console.log((error as TokenError).message); // prints: this is no replay token: "hello". A token begins with "rondo1."
 * }
 * ```
 */
export class TokenError extends Error {
  override readonly name: string = "TokenError";
}

/** Whether a text has the look of a token, of whatever version; what has not may be the name of a file. */
export function isToken(text: string): boolean {
  return ANY_PREFIX.test(text.trim());
}

/**
 * A recording as a token: letters, digits, `-`, `_` and one dot, safe in an URL and in a shell.
 *
 * @example
 * ```ts
 * import { decodeToken, encodeToken } from "rondo/sim";
 *
 * const token = encodeToken(new Map([["schedule", [0, 0, 0, 1]]]));
 * console.log(decodeToken(token)); // prints: Map(1) { 'schedule' => [ 0, 0, 0, 1 ] }
 * ```
 */
export function encodeToken(recording: Recording): string {
  const coder = new Encoder();
  const model = new Model();
  coder.number(model.counts, recording.size);
  for (const [name, values] of recording) {
    coder.number(model.lengths, name.length);
    for (let i = 0; i < name.length; i++) coder.number(model.letters, name.charCodeAt(i));
    let last = values.length;
    while (last > 0 && values[last - 1] === 0) last--;
    let pairs = 0;
    for (let i = 0; i < last; i++) if (values[i] !== 0) pairs++;
    coder.number(model.counts, pairs);
    let zeros = 0;
    for (let i = 0; i < last; i++) {
      const value = values[i] as number;
      if (value === 0) zeros++;
      else {
        coder.number(model.zeros, zeros);
        coder.number(model.values, value - 1);
        zeros = 0;
      }
    }
  }
  const body = toText(coder.finish());
  return PREFIX + body + checksum(body);
}

/**
 * The recording of a token. Throws a {@link TokenError} that says what is wrong with it.
 *
 * @example
 * ```ts
 * import { decodeToken, encodeToken } from "rondo/sim";
 *
 * const recording = decodeToken(encodeToken(new Map([["link a>b", [7]]])));
 * console.log(recording.get("link a>b")); // prints: [ 7 ]
 * ```
 */
export function decodeToken(token: string): Recording {
  const text = token.trim();
  const version = ANY_PREFIX.exec(text);
  if (version === null) {
    throw new TokenError(`this is no replay token: ${shown(text)}. A token begins with "${PREFIX}"`);
  }
  if (version[0] !== PREFIX) {
    throw new TokenError(
      `the replay token ${shown(text)} is of version ${version[1]}, and this is rondo/sim with tokens of version ` +
        `${PREFIX.slice(5, -1)}: replay it with the version of rondo that made it, or find the failure again by its seed`,
    );
  }
  const rest = text.slice(PREFIX.length);
  const body = rest.slice(0, -CHECK);
  const broken = (): TokenError =>
    new TokenError(
      `the replay token ${shown(text)} is damaged: its checksum does not match, so a part of it is missing or was ` +
        "changed. Copy the whole of it",
    );
  if (rest.length < CHECK || checksum(body) !== rest.slice(-CHECK)) throw broken();
  const bytes = fromText(body);
  if (bytes === undefined) throw broken();
  const coder = new Decoder(bytes);
  const model = new Model();
  const recording = new Map<string, readonly number[]>();
  const streams = coder.number(model.counts);
  for (let stream = 0; stream < streams; stream++) {
    let name = "";
    const letters = coder.number(model.lengths);
    for (let i = 0; i < letters; i++) name += String.fromCharCode(coder.number(model.letters));
    const values: number[] = [];
    for (let pairs = coder.number(model.counts); pairs > 0; pairs--) {
      for (let zeros = coder.number(model.zeros); zeros > 0; zeros--) values.push(0);
      values.push(coder.number(model.values) + 1);
    }
    recording.set(name, values);
  }
  return recording;
}

function shown(text: string): string {
  return text.length <= 40 ? `"${text}"` : `"${text.slice(0, 37)}…"`;
}

// ---- bytes as text ----------------------------------------------------------------------------------------------------

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Six bits a letter, as base64url, of which the languages have no version that both takes bytes and is everywhere. */
function toText(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.slice(i, i + 3);
    const group = (a << 16) | (b << 8) | c;
    const letters = Math.min(4, bytes.length - i + 1);
    for (let j = 0; j < letters; j++) text += LETTERS[(group >> (18 - 6 * j)) & 63];
  }
  return text;
}

function fromText(text: string): number[] | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) bytes.push((held >> (bits -= 8)) & 255);
  }
  return bytes;
}

/** Letters of the checksum: 24 bits. */
const CHECK = 4;

function checksum(body: string): string {
  const hash = hashText(body);
  return toText([(hash >>> 16) & 255, (hash >>> 8) & 255, hash & 255]);
}

// ---- numbers as bits, bits as bytes -----------------------------------------------------------------------------------

/** Likelihoods in parts of so many, and how fast they learn: by a sixteenth of the way, since streams are short. */
const ONE = 1 << 12;
const LEARN = 4;
const TOP = 2 ** 24;
const WORD = 2 ** 32;

/** Likelihoods for numbers of one purpose: how many binary digits, then the first two of them; the others are noise. */
interface Numbers {
  readonly size: Uint16Array;
  readonly high: Uint16Array;
}

/** A number takes at most so many binary digits after its first: one more than any that can be drawn. */
const DIGITS = 54;

class Model {
  readonly counts: Numbers;
  readonly lengths: Numbers;
  readonly letters: Numbers;
  readonly zeros: Numbers;
  readonly values: Numbers;

  constructor() {
    const numbers = (): Numbers => ({
      size: new Uint16Array(DIGITS + 1).fill(ONE / 2),
      high: new Uint16Array((DIGITS + 1) * 4).fill(ONE / 2),
    });
    this.counts = numbers();
    this.lengths = numbers();
    this.letters = numbers();
    this.zeros = numbers();
    this.values = numbers();
  }
}

class Encoder {
  private low: number = 0;
  private range: number = WORD - 1;
  private cache: number = 0;
  private held: number = 0;
  private first: boolean = true;
  private readonly bytes: number[] = [];

  /** Any whole number from 0 to 2 ** 53 - 2. */
  number({ size, high }: Numbers, value: number): void {
    const shifted = value + 1;
    // Not by a logarithm, which is off by one near powers of two.
    let digits = 0;
    for (let rest = shifted; rest >= 2; rest = Math.floor(rest / 2)) digits++;
    for (let i = 0; i < digits; i++) this.bit(size, i, 1);
    this.bit(size, digits, 0);
    let node = 1;
    for (let i = digits - 1; i >= 0; i--) {
      const digit = Math.floor(shifted / 2 ** i) % 2;
      if (node < 4) {
        this.bit(high, digits * 4 + node, digit);
        node = node * 2 + digit;
      } else this.noise(digit);
    }
  }

  private bit(likely: Uint16Array, at: number, bit: number): void {
    const p = likely[at] as number;
    const bound = Math.floor(this.range / ONE) * p;
    if (bit === 0) {
      this.range = bound;
      likely[at] = p + ((ONE - p) >> LEARN);
    } else {
      this.low += bound;
      this.range -= bound;
      likely[at] = p - (p >> LEARN);
    }
    this.settle();
  }

  private noise(bit: number): void {
    this.range = Math.floor(this.range / 2);
    if (bit === 1) this.low += this.range;
    this.settle();
  }

  private settle(): void {
    while (this.range < TOP) {
      this.range *= 256;
      this.shift();
    }
  }

  /** One byte out; a carry may still come into those that are held, as long as they are 255. */
  private shift(): void {
    if (this.low < 0xff000000 || this.low >= WORD) {
      const carry = this.low >= WORD ? 1 : 0;
      if (!this.first) this.bytes.push((this.cache + carry) & 255);
      this.first = false;
      for (; this.held > 0; this.held--) this.bytes.push((255 + carry) & 255);
      this.cache = Math.floor(this.low / TOP) & 255;
    } else this.held++;
    this.low = (this.low % TOP) * 256;
  }

  finish(): readonly number[] {
    // Of all the numbers within the range, the one that ends in most zeros: those need not be written.
    const top = this.low + this.range - 1;
    for (let unit = WORD / 2; unit >= 1; unit /= 2) {
      const round = Math.ceil(this.low / unit) * unit;
      if (round <= top) {
        this.low = round;
        break;
      }
    }
    for (let i = 0; i < 5; i++) this.shift();
    const { bytes } = this;
    while (bytes.length > 0 && bytes[bytes.length - 1] === 0) bytes.pop();
    return bytes;
  }
}

class Decoder {
  private range: number = WORD - 1;
  private code: number = 0;
  private at: number = 0;
  private readonly bytes: readonly number[];

  constructor(bytes: readonly number[]) {
    this.bytes = bytes;
    for (let i = 0; i < 4; i++) this.code = this.code * 256 + this.byte();
  }

  number({ size, high }: Numbers): number {
    let digits = 0;
    while (digits < DIGITS && this.bit(size, digits) === 1) digits++;
    let value = 1;
    let node = 1;
    for (let i = 0; i < digits; i++) {
      let digit: number;
      if (node < 4) {
        digit = this.bit(high, digits * 4 + node);
        node = node * 2 + digit;
      } else digit = this.noise();
      value = value * 2 + digit;
    }
    return value - 1;
  }

  private bit(likely: Uint16Array, at: number): number {
    const p = likely[at] as number;
    const bound = Math.floor(this.range / ONE) * p;
    let bit: number;
    if (this.code < bound) {
      bit = 0;
      this.range = bound;
      likely[at] = p + ((ONE - p) >> LEARN);
    } else {
      bit = 1;
      this.code -= bound;
      this.range -= bound;
      likely[at] = p - (p >> LEARN);
    }
    this.settle();
    return bit;
  }

  private noise(): number {
    this.range = Math.floor(this.range / 2);
    const bit = this.code >= this.range ? 1 : 0;
    if (bit === 1) this.code -= this.range;
    this.settle();
    return bit;
  }

  private settle(): void {
    while (this.range < TOP) {
      this.range *= 256;
      this.code = this.code * 256 + this.byte();
    }
  }

  /** After the end come the zeros that were left out. */
  private byte(): number {
    return this.bytes[this.at++] ?? 0;
  }
}
