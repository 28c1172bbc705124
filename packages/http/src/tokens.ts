/**
 * The letters of HTTP: which bytes may stand where (RFC 9110 section 5.6, RFC 9112 section 3), as one table of bits, so that
 * every check of the parser is one load and one test; and the few ways in which bytes and strings become each other.
 *
 * Bytes above 0x7f are kept as they came: one byte is one character (ISO 8859-1), both ways, so nothing is ever lost or
 * joined into something else. That is also how `fetch` and `node:http` show them.
 */

/** May stand in a token: a method, a field name (RFC 9110 section 5.6.2). */
export const TOKEN = 1;
/** May stand in a field value: visible characters, space, tab, and what is above 0x7f (RFC 9110 section 5.5). */
export const VALUE = 2;
/** May stand in a request target: visible ASCII but "#", since a fragment is never sent (RFC 9112 section 3.2). */
export const TARGET = 4;
/** May stand in the name of a host: unreserved, sub-delims, "%" (RFC 3986 section 3.2.2). */
export const REG_NAME = 8;
/** May stand inside the brackets of an IP literal. */
export const IP_LITERAL = 16;
/** Begins the name of a field that decides about a message: Connection, Content-Length, Expect, Host, Transfer-Encoding, Upgrade. */
export const DECIDES = 32;

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const QUOTE = 34;
export const COMMA = 44;
export const SLASH = 47;
export const COLON = 58;
export const SEMICOLON = 59;
export const EQUALS = 61;
export const BACKSLASH = 92;

/** For each byte, where it may stand. */
export const CLASS: Uint8Array = new Uint8Array(256);
/** For each byte, itself in lower case. */
export const LOWER: Uint8Array = new Uint8Array(256);
/** For each byte, its value as a hexadecimal digit; 255 where it is none. */
export const HEX: Uint8Array = new Uint8Array(256).fill(255);

for (let byte = 0; byte < 256; byte++) {
  const text = String.fromCharCode(byte);
  let bits = 0;
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(text)) bits |= TOKEN;
  if (byte === TAB || (byte >= SP && byte !== 127)) bits |= VALUE;
  if (byte > SP && byte < 127 && text !== "#") bits |= TARGET;
  if (/[A-Za-z0-9\-._~%!$&'()*+,;=]/.test(text)) bits |= REG_NAME;
  if (/[A-Za-z0-9\-._~!$&'()*+,;=:]/.test(text)) bits |= IP_LITERAL;
  if (/[CEHTU]/i.test(text)) bits |= DECIDES;
  CLASS[byte] = bits;
  LOWER[byte] = byte >= 65 && byte <= 90 ? byte + 32 : byte;
  if (/[0-9A-Fa-f]/.test(text)) HEX[byte] = Number.parseInt(text, 16);
}

type Slice = (this: Uint8Array, from: number, to: number) => string;
type Write = (this: Uint8Array, text: string, at: number) => number;
type Compare = (this: Uint8Array, other: Uint8Array, from: number, to: number, mine: number, mineTo: number) => number;

interface Native {
  readonly prototype: {
    readonly latin1Slice?: Slice;
    readonly latin1Write?: Write;
    readonly utf8Write?: Write;
    readonly compare?: Compare;
  };
  readonly allocUnsafe?: (size: number) => Uint8Array;
  readonly byteLength?: (text: string) => number;
}

/** Where the host has a native way (Node does), it is several times as fast; elsewhere a loop does the same. */
const native = (globalThis as { Buffer?: Native }).Buffer;
const slice: Slice | undefined = native?.prototype.latin1Slice;
const write: Write | undefined = native?.prototype.latin1Write;
const utf8: Write | undefined = native?.prototype.utf8Write;
const compare: Compare | undefined = native?.prototype.compare;
const alloc: ((size: number) => Uint8Array) | undefined = native?.allocUnsafe;
const byteLength: ((text: string) => number) | undefined = native?.byteLength;

const encoder = new TextEncoder();

/** The bytes as a string, one character a byte. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  if (slice !== undefined) return slice.call(bytes, from, to);
  let text = "";
  for (let at = from; at < to; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096 < to ? at + 4096 : to));
  return text;
}

/** Writes a string of which every character is one byte; the bytes must have room for it. */
export function writeLatin1(bytes: Uint8Array, text: string, at: number): void {
  // A call of the host costs as much as so many characters.
  if (write !== undefined && text.length > 24) {
    write.call(bytes, text, at);
    return;
  }
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** Whether so many bytes are the same, here from `at` on and there from `from` on. */
export function sameBytes(bytes: Uint8Array, at: number, other: Uint8Array, from: number, size: number): boolean {
  // A call of the host costs as much as this many bytes.
  if (compare !== undefined && size > 64) return compare.call(bytes, other, from, from + size, at, at + size) === 0;
  for (let i = 0; i < size; i++) if (bytes[at + i] !== other[from + i]) return false;
  return true;
}

/** Memory that is about to be written, all of it: what is in it may be anything. */
export function newBytes(size: number): Uint8Array {
  return alloc === undefined ? new Uint8Array(size) : alloc(size);
}

/** How many bytes a text has in UTF-8. */
export function utf8Length(text: string): number {
  return byteLength === undefined ? encoder.encode(text).length : byteLength(text);
}

/** Writes a text in UTF-8; the bytes must have room for it. */
export function writeUtf8(bytes: Uint8Array, text: string, at: number): void {
  if (utf8 === undefined) encoder.encodeInto(text, bytes.subarray(at));
  else utf8.call(bytes, text, at);
}

/** Whether the bytes are this word, in any case. `word` is in lower case. */
export function isWord(bytes: Uint8Array, from: number, to: number, word: string): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (LOWER[bytes[from + i] as number] !== word.charCodeAt(i)) return false;
  return true;
}

/** Whether it is a token (RFC 9110 section 5.6.2): a method, the name of a field. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || ((CLASS[code] as number) & TOKEN) === 0) return false;
  }
  return text.length > 0;
}

/** Whether it may be the value of a field (RFC 9110 section 5.5): nothing that could end the line, and one byte a character. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || ((CLASS[code] as number) & VALUE) === 0) return false;
  }
  return true;
}

/** Bytes as a person can read them in a message: what is not visible is escaped, what is long is cut. */
export function shown(bytes: Uint8Array, from: number, to: number): string {
  const cut = to - from > 40;
  return JSON.stringify(latin1(bytes, from, cut ? from + 40 : to)) + (cut ? "…" : "");
}

/** One byte as a person can read it. */
export function shownByte(byte: number): string {
  if (byte > SP && byte < 127) return JSON.stringify(String.fromCharCode(byte));
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
