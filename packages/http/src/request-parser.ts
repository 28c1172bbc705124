/**
 * Requests, read from bytes: the server's parser. See parser.ts for how it is used.
 *
 * It is strict (RFC 9112 section 2.2 and 11.2 say why): what two readers could understand in two ways is refused with the
 * section that forbids it, never repaired. What it lets through is safe to act on: the target has one of the four forms,
 * there is one host, the body ends in one place.
 */
import { MessageTooLargeError, type ProtocolError } from "./errors.ts";
import { REQUEST } from "./fields.ts";
import { bodyLength, IS_CHUNKED, IS_PERSISTENT, IS_UPGRADE, requestFraming, WAITS_FOR_CONTINUE } from "./framing.ts";
import { type FieldShape, HttpHeaders } from "./headers.ts";
import { limitsFrom, type MessageLimits, REQUEST_LIMITS } from "./limits.ts";
import { CHUNK, COUNTED, FIELDS, HEAD, LINE, MessageParser, type ParserEvent, START, view } from "./parser.ts";
import { authorityOf, checkHost, type TargetForm, targetForm } from "./target.ts";
import { CLASS, CR, latin1, LF, sameBytes, shown, shownByte, SP, TARGET, TOKEN } from "./tokens.ts";

/** What of the first line is being read. */
const METHOD = 0;
const IN_TARGET = 1;
const VERSION = 2;

/** So many empty lines are forgiven before a request (RFC 9112 section 2.2: old clients send one behind a body). */
const EMPTY_LINES = 2;
const LONGEST_METHOD = 64;

/**
 * The head of a request. Strings are made when they are asked for, from the bytes as they came.
 *
 * @example
 * ```ts
 * import { RequestParser } from "@rondo/http";
 *
 * const parser = new RequestParser();
 * parser.push(new TextEncoder().encode("GET /news?page=2 HTTP/1.1\r\nHost: example.org\r\n\r\n"));
 * parser.next();
 * const { head } = parser;
 * console.log(head.method, head.target, head.host); // prints: GET /news?page=2 example.org
 * console.log(head.persistent, head.length); // prints: true 0
 * ```
 */
export class RequestHead {
  declare readonly method: string;
  /** 1 in HTTP/1.1, 0 in HTTP/1.0. */
  declare readonly minor: number;
  /** Which of the four forms the target has. */
  declare readonly form: TargetForm;
  /** How long the body is, in bytes; -1 where it comes in chunks. */
  declare readonly length: number;
  declare private readonly bits: number;
  declare private readonly bytes: Uint8Array;
  declare private readonly from: number;
  declare private readonly targetFrom: number;
  declare private readonly targetTo: number;
  declare private readonly fieldsFrom: number;
  declare private readonly to: number;
  declare private text: string | null;
  declare private readonly shape: FieldShape;
  declare private fields: HttpHeaders | null;

  /** @internal */
  constructor(
    method: string,
    minor: number,
    form: TargetForm,
    length: number,
    bits: number,
    bytes: Uint8Array,
    from: number,
    targetFrom: number,
    targetTo: number,
    fieldsFrom: number,
    to: number,
    shape: FieldShape,
  ) {
    this.method = method;
    this.minor = minor;
    this.form = form;
    this.length = length;
    this.bits = bits;
    this.bytes = bytes;
    this.from = from;
    this.targetFrom = targetFrom;
    this.targetTo = targetTo;
    this.fieldsFrom = fieldsFrom;
    this.to = to;
    this.shape = shape;
    this.text = null;
    this.fields = null;
  }

  /** As it came: `/path?query`, or one of the other forms. */
  get target(): string {
    return (this.text ??= latin1(this.bytes, this.targetFrom, this.targetTo));
  }

  /** The host, and the port where there is one, that the request is for: that of a whole URL, else of `Host`; "" for none. */
  get host(): string {
    return authorityOf(this.bytes, this.targetFrom, this.targetTo, this.form) ?? this.headers.get("host") ?? "";
  }

  /** `1.1` or `1.0`. */
  get version(): "1.0" | "1.1" {
    return this.minor === 1 ? "1.1" : "1.0";
  }

  get headers(): HttpHeaders {
    // The empty line is no part of the lines.
    return (this.fields ??= new HttpHeaders(this.bytes, this.fieldsFrom, this.to - 2, this.shape));
  }

  /** All of the head as it came, up to and with the empty line: a view. */
  get rawHead(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }

  /** Whether there is a body, which may still be empty where it comes in chunks. */
  get hasBody(): boolean {
    return this.length !== 0;
  }

  get chunked(): boolean {
    return (this.bits & IS_CHUNKED) !== 0;
  }

  /** Whether the client would send another request on this connection (RFC 9112 section 9.3). */
  get persistent(): boolean {
    return (this.bits & IS_PERSISTENT) !== 0;
  }

  /** Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1). */
  get expectsContinue(): boolean {
    return (this.bits & WAITS_FOR_CONTINUE) !== 0;
  }

  /** Whether the client would go on with another protocol: the `Upgrade` header says which (RFC 9110 section 7.8). */
  get wantsUpgrade(): boolean {
    return (this.bits & IS_UPGRADE) !== 0;
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
const NO_SHAPE: FieldShape = { lines: null };
const NO_HEAD: RequestHead = new RequestHead("", 1, "origin", 0, 0, NOTHING, 0, 0, 0, 0, 2, NO_SHAPE);

/**
 * Reads requests: bytes in, events out. See the head of `parser.ts` for the events.
 *
 * Where `head.wantsUpgrade`, or the method is CONNECT, what follows `END` may belong to another protocol: decide before you
 * call `next` again, and take it with `rest()`. A client that was refused a CONNECT may have sent more all the same: close.
 *
 * @example
 * ```ts
 * import { ParserEvent, RequestParser } from "@rondo/http";
 *
 * const { DATA, END, HEAD, NEED } = ParserEvent;
 * const parser = new RequestParser();
 * parser.push(new TextEncoder().encode("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"));
 * console.log(parser.next() === HEAD, parser.head.length); // prints: true 5
 * console.log(parser.next() === DATA, parser.data.length); // prints: true 3
 * console.log(parser.next() === NEED); // prints: true
 * parser.push(new TextEncoder().encode("lo"));
 * console.log(parser.next() === DATA, parser.next() === END); // prints: true true
 * ```
 */
export class RequestParser extends MessageParser {
  /** After `HEAD`: the head of this request, until the next one is asked for. */
  declare head: RequestHead;
  protected readonly what: string = "request";
  declare private part: number;
  declare private emptyLines: number;
  declare private method: string;
  /** Counted from the base. */
  declare private targetFrom: number;
  declare private targetTo: number;
  declare private minor: number;
  /**
   * The field lines of the last request. A client sends the same ones over and over on a connection, and what was found of
   * them once need not be found again: comparing bytes costs a fifth of reading them. 0 bytes where there is nothing to compare with.
   */
  declare private lastBytes: Uint8Array;
  declare private lastFrom: number;
  declare private lastSize: number;
  /** Memory for them, where the connection waits: the piece in which they came may have a body behind them, or be cut from a slab. */
  declare private lines: Uint8Array;
  declare private shape: FieldShape;

  constructor(limits?: Partial<MessageLimits>) {
    super(REQUEST, limitsFrom(limits, REQUEST_LIMITS));
    this.head = NO_HEAD;
    this.part = METHOD;
    this.emptyLines = 0;
    this.method = "";
    this.targetFrom = 0;
    this.targetTo = 0;
    this.minor = 1;
    this.lastBytes = NOTHING;
    this.lastFrom = 0;
    this.lastSize = 0;
    this.lines = NOTHING;
    this.shape = NO_SHAPE;
  }

  protected afterMessage(): void {
    this.phase = START;
    this.emptyLines = 0;
  }

  protected override release(): void {
    super.release();
    this.head = NO_HEAD;
    if (this.lastBytes !== this.lines) this.keepLines();
  }

  private keepLines(): void {
    const { lastBytes, lastFrom, lastSize, lines } = this;
    const to = lastFrom + lastSize;
    if (lastSize <= lines.length) lines.set(view(lastBytes, lastFrom, to), 0);
    else this.lines = new Uint8Array(view(lastBytes, lastFrom, to)); // a copy
    this.lastBytes = this.lines;
    this.lastFrom = 0;
  }

  protected step(): ParserEvent {
    if (this.phase > FIELDS) return this.stepBody();
    if (this.phase === START && !this.begin()) return this.need();
    if (this.phase === LINE && !this.readLine()) return this.need();
    const { fields } = this;
    const repeated = fields.done;
    if (!repeated && !this.scanFields()) return this.need();
    const { method, minor, bytes, base } = this;
    const targetFrom = base + this.targetFrom;
    const targetTo = base + this.targetTo;
    // Behind the target stand a space, the version, and the end of the line.
    const fieldsFrom = targetTo + 11;
    const form = targetForm(fields, bytes, targetFrom, targetTo, method);
    checkHost(fields, repeated, bytes, fieldsFrom, targetFrom, targetTo, form, minor);
    const bits = requestFraming(fields, method, minor);
    const chunked = (bits & IS_CHUNKED) !== 0;
    const length = chunked ? -1 : bodyLength(fields);
    if (!repeated) {
      this.shape = { lines: null };
      this.lastBytes = bytes;
      this.lastFrom = fieldsFrom;
      // Trailers are read by the one who read these lines, and then nothing is known of them any more.
      this.lastSize = chunked ? 0 : this.at - fieldsFrom;
    }
    this.head = new RequestHead(
      method,
      minor,
      form,
      length,
      bits,
      bytes,
      base,
      targetFrom,
      targetTo,
      fieldsFrom,
      this.at,
      this.shape,
    );
    this.bodyLimit = this.limits.body;
    this.startBody(chunked ? CHUNK : COUNTED, length);
    return HEAD;
  }

  /** Empty lines before the request. Whether its first byte is there. */
  private begin(): boolean {
    const { bytes, end } = this;
    while (this.at < end) {
      const byte = bytes[this.at] as number;
      const inLine = this.emptyLines % 2 === 1;
      if (!inLine && byte !== CR) {
        this.base = this.at;
        this.phase = LINE;
        this.part = METHOD;
        return true;
      }
      if (byte !== (inLine ? LF : CR) || this.emptyLines >= EMPTY_LINES * 2)
        throw this.fields.refuse(400, "RFC 9112 section 2.2", "there are empty lines where a request should be");
      this.emptyLines++;
      this.base = ++this.at;
    }
    return false;
  }

  /** The first line. Whether it is all there. */
  private readLine(): boolean {
    const { bytes, base } = this;
    const limit = base + this.limits.head;
    const end = this.end < limit ? this.end : limit;
    let i = this.at;
    if (this.part === METHOD) {
      const stop = Math.min(end, base + LONGEST_METHOD);
      while (i < stop && ((CLASS[bytes[i] as number] as number) & TOKEN) !== 0) i++;
      if (i === stop && stop < base + LONGEST_METHOD) return this.wait(i, limit);
      if (i === base || i === stop || bytes[i] !== SP) throw this.badMethod(i);
      this.method = methodOf(bytes, base, i);
      this.targetFrom = ++i - base;
      this.part = IN_TARGET;
    }
    if (this.part === IN_TARGET) {
      const from = base + this.targetFrom;
      const most = from + this.limits.target + 1;
      const stop = end < most ? end : most;
      while (i < stop && ((CLASS[bytes[i] as number] as number) & TARGET) !== 0) i++;
      if (i === most) throw this.targetTooLong();
      if (i === stop) return this.wait(i, limit);
      if (bytes[i] !== SP || i === from) throw this.badTarget(i);
      this.targetTo = i - base;
      this.part = VERSION;
    }
    // The space, "HTTP/1.1", and the end of the line: 11 bytes, looked at from the first one again if they come in pieces.
    const from = base + this.targetTo;
    if (end - from < 11) {
      this.checkVersion(from, end);
      return this.wait(end, limit);
    }
    if (
      bytes[from + 8] !== 49 ||
      bytes[from + 9] !== CR ||
      bytes[from + 10] !== LF ||
      bytes[from + 1] !== 72 ||
      bytes[from + 2] !== 84 ||
      bytes[from + 3] !== 84 ||
      bytes[from + 4] !== 80 ||
      bytes[from + 5] !== SLASH ||
      bytes[from + 6] !== 49 ||
      bytes[from + 7] !== DOT
    )
      this.checkVersion(from, from + 11);
    this.minor = (bytes[from + 8] as number) - 48;
    this.at = from + 11;
    if (this.isRepeated()) this.at += this.lastSize;
    else this.fields.begin(this.at - base, false);
    this.phase = FIELDS;
    return true;
  }

  /** Whether the field lines from here on are all there, and those of the last request. */
  private isRepeated(): boolean {
    const { bytes, at, lastSize: size } = this;
    const to = at + size;
    if (size === 0 || to > this.end || to > this.base + this.limits.head) return false;
    // Most that are not the same do not end at the same place.
    if (bytes[to - 1] !== LF || bytes[to - 3] !== LF || bytes[to - 2] !== CR || bytes[to - 4] !== CR) return false;
    return sameBytes(bytes, at, this.lastBytes, this.lastFrom, size);
  }

  private wait(at: number, limit: number): false {
    this.at = at;
    if (at >= limit) throw this.tooLarge();
    return false;
  }

  /** Checks what is there of " HTTP/1.x\r\n". */
  private checkVersion(from: number, end: number): void {
    const { bytes } = this;
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number;
      const place = i - from;
      const wanted = VERSION_LINE.charCodeAt(place);
      if (byte === wanted || (place === 8 && byte === 48)) continue;
      if (place === 6 || place === 8) {
        if (byte >= 48 && byte <= 57)
          throw this.fields.refuse(505, "RFC 9110 section 15.6.6", "the only versions are HTTP/1.1 and HTTP/1.0");
      } else if (place === 9 && byte === LF)
        throw this.fields.refuse(400, "RFC 9112 section 2.2", "the first line ends in LF without CR");
      else if (place === 10)
        throw this.fields.refuse(400, "RFC 9112 section 2.2", "there is a CR without LF behind the version");
      throw this.fields.refuse(
        400,
        "RFC 9112 section 3",
        `the first line does not end in HTTP/1.1, but in ${shown(bytes, from + 1, i + 1)}`,
      );
    }
  }

  private badMethod(at: number): ProtocolError {
    const { bytes, base } = this;
    if (at - base === LONGEST_METHOD)
      return this.fields.refuse(501, "RFC 9112 section 3", `the method is longer than ${LONGEST_METHOD} bytes`);
    if (bytes[at] === LF) return this.fields.refuse(400, "RFC 9112 section 2.2", "there is an LF without CR");
    if (bytes[base] === 22)
      return this.fields.refuse(400, "RFC 9112 section 3", "this is no request, but looks like TLS");
    return this.fields.refuse(
      400,
      "RFC 9112 section 3.1",
      `a request begins with a method and one space, not with ${shown(bytes, base, at + 1)}`,
    );
  }

  private badTarget(at: number): ProtocolError {
    const byte = this.bytes[at] as number;
    if (byte === CR || byte === LF)
      return this.fields.refuse(400, "RFC 9112 section 3", "there is no version in the first line");
    if (byte === SP)
      return this.fields.refuse(400, "RFC 9112 section 3", "there is more than one space in the first line");
    return this.fields.refuse(400, "RFC 9112 section 3.2", `there is ${shownByte(byte)} in the target`);
  }

  private targetTooLong(): MessageTooLargeError {
    const { target } = this.limits;
    return new MessageTooLargeError(414, `the target is longer than ${target} bytes`, target, {
      rfc: "RFC 9110 section 15.5.15",
    });
  }
}

const VERSION_LINE = " HTTP/1.1\r\n";
const SLASH = 47;
const DOT = 46;

/** The method as a string, without making one where it is one of the usual. */
function methodOf(bytes: Uint8Array, from: number, to: number): string {
  const first = bytes[from] as number;
  switch (to - from) {
    case 3:
      if (first === 71 && is(bytes, from, "GET")) return "GET";
      if (is(bytes, from, "PUT")) return "PUT";
      break;
    case 4:
      if (first === 80 && is(bytes, from, "POST")) return "POST";
      if (is(bytes, from, "HEAD")) return "HEAD";
      break;
    case 5:
      if (is(bytes, from, "PATCH")) return "PATCH";
      break;
    case 6:
      if (is(bytes, from, "DELETE")) return "DELETE";
      break;
    case 7:
      if (is(bytes, from, "OPTIONS")) return "OPTIONS";
      break;
  }
  return latin1(bytes, from, to);
}

function is(bytes: Uint8Array, from: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word.charCodeAt(i)) return false;
  return true;
}
