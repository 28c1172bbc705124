/**
 * Reads the field lines of a head or of trailers (RFC 9112 section 5): each byte is looked at once, in whatever pieces it
 * comes.
 *
 * It is a state machine that can stop at any byte and go on at the next one, so a head that comes byte by byte costs no more
 * than one that comes whole, and is refused at the same byte. On the way it keeps the facts that decide where the message
 * ends and who it is for (framing.ts, target.ts); all other fields are left where they are, for headers.ts to find.
 */
import { MessageTooLargeError, ProtocolError } from "./errors.ts";
import { CLASS, COLON, COMMA, CR, DECIDES, isWord, LF, shown, shownByte, SP, TAB, TOKEN, VALUE } from "./tokens.ts";

/** Who reads decides which status a refusal has: 502 is what a gateway says of a response that is none. */
export const REQUEST = 0;
export const RESPONSE = 1;
export type Side = typeof REQUEST | typeof RESPONSE;

/** No `Transfer-Encoding`; exactly `chunked`; one that ends in it; anything else. */
export const NO_CODING = 0;
export const CHUNKED = 1;
export const THEN_CHUNKED = 2;
export const OTHER_CODING = 3;

/** What `Connection` asks for. */
export const CLOSE = 1;
export const KEEP_ALIVE = 2;
export const UPGRADE = 4;

const NAME = 0;
const SPACE = 1;
const IN_VALUE = 2;
const LINE_LF = 3;
const LAST_LF = 4;
const DONE = 5;

/** A number of bytes above this cannot be counted exactly. */
const LONGEST = Number.MAX_SAFE_INTEGER;

export class FieldSection {
  declare readonly side: Side;
  declare readonly limit: number;
  /** Lines so far. */
  declare count: number;
  /** `Content-Length`; -1 where there is none. */
  declare length: number;
  /** `Transfer-Encoding`. */
  declare coding: number;
  /** What `Connection` asks for, as bits. */
  declare connection: number;
  /** How many `Host` lines there are, and where the value of the last one lies, counted from the first line. */
  declare hosts: number;
  declare hostFrom: number;
  declare hostTo: number;
  /** There is an `Upgrade` line. */
  declare upgrade: boolean;
  /** There is `Expect: 100-continue`. */
  declare expect: boolean;
  declare private trailers: boolean;
  declare private state: number;
  declare private first: number;
  declare private nameFrom: number;
  declare private nameTo: number;
  declare private valueFrom: number;

  constructor(side: Side, limit: number) {
    this.side = side;
    this.limit = limit;
    this.count = 0;
    this.length = -1;
    this.coding = NO_CODING;
    this.connection = 0;
    this.hosts = 0;
    this.hostFrom = 0;
    this.hostTo = 0;
    this.upgrade = false;
    this.expect = false;
    this.trailers = false;
    this.state = NAME;
    this.first = 0;
    this.nameFrom = 0;
    this.nameTo = 0;
    this.valueFrom = 0;
  }

  /** Begins anew. `first` is where the first line begins, counted from the base. */
  begin(first: number, trailers: boolean): void {
    this.count = 0;
    this.length = -1;
    this.coding = NO_CODING;
    this.connection = 0;
    this.hosts = 0;
    this.upgrade = false;
    this.expect = false;
    this.trailers = trailers;
    this.state = NAME;
    this.first = first;
    this.nameFrom = first;
  }

  /** The empty line has been read. */
  get done(): boolean {
    return this.state === DONE;
  }

  /**
   * Reads on from `at`, up to `end`, and gives where it stopped: behind the empty line where it is `done`, else at `end`.
   * What it remembers counts from `base`, since the bytes may be moved before it goes on.
   */
  scan(bytes: Uint8Array, base: number, at: number, end: number): number {
    let i = at;
    let state = this.state;
    let nameFrom = this.nameFrom + base;
    let nameTo = this.nameTo + base;
    let valueFrom = this.valueFrom + base;
    while (i < end) {
      if (state === NAME) {
        while (i < end && ((CLASS[bytes[i] as number] as number) & TOKEN) !== 0) i++;
        if (i === end) break;
        if (bytes[i] !== COLON || i === nameFrom) {
          if (bytes[i] !== CR || i !== nameFrom) throw this.badName(bytes, nameFrom, i);
          i++;
          state = LAST_LF;
          continue;
        }
        nameTo = i++;
        state = SPACE;
      }
      if (state === SPACE) {
        while (i < end && (bytes[i] === SP || bytes[i] === TAB)) i++;
        if (i === end) break;
        valueFrom = i;
        state = IN_VALUE;
      }
      if (state === IN_VALUE) {
        while (i < end && ((CLASS[bytes[i] as number] as number) & VALUE) !== 0) i++;
        if (i === end) break;
        if (bytes[i] !== CR) throw this.badValue(bytes, nameFrom, nameTo, bytes[i] as number);
        i++;
        state = LINE_LF;
        if (i === end) break;
      }
      if (bytes[i] !== LF) throw this.bareReturn();
      i++;
      if (state === LAST_LF) {
        state = DONE;
        break;
      }
      if (++this.count > this.limit) throw this.tooMany();
      // Six names matter; the first letter and the length tell most others apart from them.
      if (((CLASS[bytes[nameFrom] as number] as number) & DECIDES) !== 0)
        this.recognize(bytes, base + this.first, nameFrom, nameTo, valueFrom, i - 2);
      nameFrom = i;
      state = NAME;
    }
    this.state = state;
    this.nameFrom = nameFrom - base;
    this.nameTo = nameTo - base;
    this.valueFrom = valueFrom - base;
    return i;
  }

  /** Keeps what decides about the message. */
  private recognize(bytes: Uint8Array, first: number, from: number, to: number, value: number, valueEnd: number): void {
    switch (to - from) {
      case 4:
        if (!isWord(bytes, from, to, "host")) return;
        this.inHead("Host");
        this.hosts++;
        this.hostFrom = value - first;
        this.hostTo = trimmed(bytes, value, valueEnd) - first;
        // More than one can be told at once, wherever the rest of the head is.
        if (this.hosts > 1 && this.side === REQUEST)
          throw this.refuse(400, "RFC 9112 section 3.2", "there is more than one Host");
        return;
      case 6:
        if (!isWord(bytes, from, to, "expect") || this.side !== REQUEST || this.trailers) return;
        if (!isWord(bytes, value, trimmed(bytes, value, valueEnd), "100-continue"))
          throw this.refuse(
            417,
            "RFC 9110 section 10.1.1",
            `the only expectation is 100-continue, not ${shown(bytes, value, valueEnd)}`,
          );
        this.expect = true;
        return;
      case 7:
        if (isWord(bytes, from, to, "upgrade") && trimmed(bytes, value, valueEnd) > value) this.upgrade = true;
        return;
      case 10:
        if (isWord(bytes, from, to, "connection") && !this.trailers)
          this.readConnection(bytes, value, trimmed(bytes, value, valueEnd));
        return;
      case 14:
        if (!isWord(bytes, from, to, "content-length")) return;
        this.inHead("Content-Length");
        this.readLength(bytes, value, trimmed(bytes, value, valueEnd));
        return;
      case 17:
        if (!isWord(bytes, from, to, "transfer-encoding")) return;
        this.inHead("Transfer-Encoding");
        // No tab behind it: it may be there, but llhttp does not see chunks then, and two readers must not differ here.
        this.readCoding(bytes, value, withoutSpaces(bytes, value, valueEnd));
    }
  }

  /** Trailers come too late to say how the message was framed or where it went (RFC 9110 section 6.5.1). */
  private inHead(name: string): void {
    if (this.trailers) throw this.refuse(400, "RFC 9110 section 6.5.1", `${name} must not be among the trailers`);
  }

  private readConnection(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      let end = at;
      while (end < to && bytes[end] !== COMMA) end++;
      let start = at;
      while (start < end && (bytes[start] === SP || bytes[start] === TAB)) start++;
      const stop = trimmed(bytes, start, end);
      if (stop - start === 10 && isWord(bytes, start, stop, "keep-alive")) this.connection |= KEEP_ALIVE;
      else if (stop - start === 5 && isWord(bytes, start, stop, "close")) this.connection |= CLOSE;
      else if (stop - start === 7 && isWord(bytes, start, stop, "upgrade")) this.connection |= UPGRADE;
      at = end + 1;
    }
  }

  /** One number, or the same number several times (RFC 9110 section 8.6); a list of one is a list of agreeing ones. */
  private readLength(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    for (;;) {
      const start = at;
      let value = 0;
      while (at < to) {
        const digit = (bytes[at] as number) - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
        if (value > LONGEST) throw this.badLength(bytes, from, to);
        at++;
      }
      if (at === start) throw this.badLength(bytes, from, to);
      if (this.length >= 0 && this.length !== value)
        throw this.refuse(400, "RFC 9112 section 6.3", `Content-Length is both ${this.length} and ${value}`);
      this.length = value;
      while (at < to && (bytes[at] === SP || bytes[at] === TAB)) at++;
      if (at === to) return;
      if (bytes[at] !== COMMA) throw this.badLength(bytes, from, to);
      at++;
      while (at < to && (bytes[at] === SP || bytes[at] === TAB)) at++;
    }
  }

  private readCoding(bytes: Uint8Array, from: number, to: number): void {
    const more = this.coding !== NO_CODING;
    if (isWord(bytes, from, to, "chunked")) {
      // A second line with it means chunked twice, which nobody may send, or something else before it.
      this.coding = !more ? CHUNKED : this.coding === OTHER_CODING ? THEN_CHUNKED : OTHER_CODING;
      return;
    }
    let last = to;
    while (last > from && bytes[last - 1] !== COMMA) last--;
    let start = last;
    while (start < to && (bytes[start] === SP || bytes[start] === TAB)) start++;
    const ends = isWord(bytes, start, to, "chunked");
    this.coding = ends && this.coding !== CHUNKED && !hasChunked(bytes, from, last - 1) ? THEN_CHUNKED : OTHER_CODING;
  }

  private badName(bytes: Uint8Array, from: number, at: number): ProtocolError {
    const byte = bytes[at] as number;
    if (at === from) {
      if (byte === SP || byte === TAB)
        return this.refuse(
          400,
          this.count === 0 ? "RFC 9112 section 2.2" : "RFC 9112 section 5.2",
          "a header line begins with whitespace (folded lines are obsolete)",
        );
      if (byte === COLON) return this.refuse(400, "RFC 9112 section 5", "a header has no name");
    }
    if (byte === LF) return this.refuse(400, "RFC 9112 section 2.2", "a line ends in LF without CR");
    if (byte === CR)
      return this.refuse(400, "RFC 9112 section 5", `there is no colon in the header line ${shown(bytes, from, at)}`);
    if (byte === SP || byte === TAB)
      return this.refuse(
        400,
        "RFC 9112 section 5.1",
        `there is whitespace between the name ${shown(bytes, from, at)} and its colon`,
      );
    return this.refuse(
      400,
      "RFC 9110 section 5.1",
      `there is ${shownByte(byte)} in the name of a header that begins with ${shown(bytes, from, at)}`,
    );
  }

  private badValue(bytes: Uint8Array, from: number, to: number, byte: number): ProtocolError {
    if (byte === LF) return this.refuse(400, "RFC 9112 section 2.2", "a line ends in LF without CR");
    return this.refuse(
      400,
      "RFC 9110 section 5.5",
      `there is the control character ${shownByte(byte)} in the header ${shown(bytes, from, to)}`,
    );
  }

  private bareReturn(): ProtocolError {
    return this.refuse(400, "RFC 9112 section 2.2", "there is a CR without LF");
  }

  private badLength(bytes: Uint8Array, from: number, to: number): ProtocolError {
    return this.refuse(
      400,
      "RFC 9110 section 8.6",
      `Content-Length is a number of bytes below 2^53, not ${shown(bytes, from, to)}`,
    );
  }

  private tooMany(): MessageTooLargeError {
    const what = this.trailers ? "trailers" : "headers";
    return new MessageTooLargeError(
      this.side === REQUEST ? 431 : 502,
      `there are more than ${this.limit} ${what}`,
      this.limit,
      { rfc: "RFC 6585 section 5" },
    );
  }

  /** An error to be thrown; what a server sent is always a 502. */
  refuse(status: number, rfc: string, message: string): ProtocolError {
    return new ProtocolError(this.side === REQUEST ? status : 502, `${message} (${rfc})`, { rfc });
  }
}

function withoutSpaces(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && bytes[end - 1] === SP) end--;
  return end;
}

/** The end without the whitespace before it. */
function trimmed(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && (bytes[end - 1] === SP || bytes[end - 1] === TAB)) end--;
  return end;
}

function hasChunked(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at <= to;) {
    let end = at;
    while (end < to && bytes[end] !== COMMA) end++;
    let start = at;
    while (start < end && (bytes[start] === SP || bytes[start] === TAB)) start++;
    if (isWord(bytes, start, trimmed(bytes, start, end), "chunked")) return true;
    at = end + 1;
  }
  return false;
}
