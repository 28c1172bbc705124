/**
 * Responses, read from bytes: the client's parser. See parser.ts for how it is used.
 *
 * A response cannot be read without knowing what was asked: the answer to HEAD has no body whatever it says of one, and a
 * CONNECT that succeeds ends HTTP on its connection. So each is announced with `expect(method)`, and bytes that come when
 * none is expected are an error: they would be taken for the answer to the next request (RFC 9112 section 9.2).
 */
import { type ProtocolError } from "./errors.ts";
import { RESPONSE } from "./fields.ts";
import { IS_CHUNKED, IS_PERSISTENT, IS_UNTIL_CLOSE, IS_UPGRADE, responseFraming } from "./framing.ts";
import { HttpHeaders } from "./headers.ts";
import { limitsFrom, type MessageLimits, RESPONSE_LIMITS } from "./limits.ts";
import {
  CHUNK,
  COUNTED,
  ELSEWHERE,
  FIELDS,
  HEAD,
  IDLE,
  INTERIM,
  LINE,
  MessageParser,
  type ParserEvent,
  START,
  UNTIL_CLOSE,
} from "./parser.ts";
import { CLASS, CR, latin1, LF, shown, shownByte, SP, VALUE } from "./tokens.ts";

/** "HTTP/1.1 200" is 12 bytes; the reason begins behind one more. */
const STATUS_END = 12;
/** So many interim responses may come before the real one. */
const MOST_INTERIM = 32;

/**
 * The head of a response. Strings are made when they are asked for, from the bytes as they came.
 *
 * @example
 * ```ts
 * import { ResponseParser } from "@rondo/http";
 *
 * const parser = new ResponseParser();
 * parser.expect("GET");
 * parser.push(new TextEncoder().encode("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
 * parser.next();
 * console.log(parser.head.status, parser.head.reason); // prints: 404 Not Found
 * ```
 */
export class ResponseHead {
  declare readonly status: number;
  /** 1 in HTTP/1.1, 0 in HTTP/1.0. */
  declare readonly minor: number;
  /** How long the body is, in bytes; -1 where that is not known before it ends (chunks, or the end of the connection). */
  declare readonly length: number;
  declare private readonly bits: number;
  declare private readonly bytes: Uint8Array;
  declare private readonly from: number;
  declare private readonly fieldsFrom: number;
  declare private readonly to: number;
  declare private fields: HttpHeaders | null;

  /** @internal */
  constructor(
    status: number,
    minor: number,
    length: number,
    bits: number,
    bytes: Uint8Array,
    from: number,
    fieldsFrom: number,
    to: number,
  ) {
    this.status = status;
    this.minor = minor;
    this.length = length;
    this.bits = bits;
    this.bytes = bytes;
    this.from = from;
    this.fieldsFrom = fieldsFrom;
    this.to = to;
    this.fields = null;
  }

  /** What stands behind the status; often nothing, and it means nothing. */
  get reason(): string {
    const to = this.fieldsFrom - 2;
    const from = this.from + STATUS_END + 1;
    return from < to ? latin1(this.bytes, from, to) : "";
  }

  /** `1.1` or `1.0`. */
  get version(): "1.0" | "1.1" {
    return this.minor === 1 ? "1.1" : "1.0";
  }

  get headers(): HttpHeaders {
    return (this.fields ??= new HttpHeaders(this.bytes, this.fieldsFrom, this.to - 2));
  }

  /** All of the head as it came, up to and with the empty line: a view. */
  get rawHead(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }

  /** Whether there is a body, which may still be empty where its length is not known. */
  get hasBody(): boolean {
    return this.length !== 0;
  }

  get chunked(): boolean {
    return (this.bits & IS_CHUNKED) !== 0;
  }

  /** Whether the body ends only with the connection. */
  get untilClose(): boolean {
    return (this.bits & IS_UNTIL_CLOSE) !== 0;
  }

  /** Whether another request may be sent on this connection after this response (RFC 9112 section 9.3). */
  get persistent(): boolean {
    return (this.bits & IS_PERSISTENT) !== 0;
  }

  /** Whether HTTP is over on this connection: 101, or a CONNECT that succeeded. */
  get switches(): boolean {
    return (this.bits & IS_UPGRADE) !== 0;
  }
}

const NO_HEAD: ResponseHead = new ResponseHead(0, 1, 0, 0, new Uint8Array(0), 0, 0, 2);

/**
 * Reads responses: bytes in, events out. See the head of `parser.ts` for the events.
 *
 * @example
 * ```ts
 * import { ParserEvent, ResponseParser } from "@rondo/http";
 *
 * const { DATA, END, HEAD } = ParserEvent;
 * const parser = new ResponseParser();
 * parser.expect("GET");
 * parser.push(new TextEncoder().encode("HTTP/1.0 200 OK\r\n\r\nhello"));
 * console.log(parser.next() === HEAD, parser.head.untilClose); // prints: true true
 * console.log(parser.next() === DATA, parser.data.length); // prints: true 5
 * parser.finish();
 * console.log(parser.next() === END); // prints: true
 * ```
 */
export class ResponseParser extends MessageParser {
  /** After `HEAD` and `INTERIM`: the head of this response, until the next one is asked for. */
  declare head: ResponseHead;
  protected readonly what: string = "response";
  declare private method: string;
  declare private interim: number;
  declare private status: number;
  declare private minor: number;
  /** Where the first line ends, counted from the base. */
  declare private lineEnd: number;
  /** The CR at its end has been read, and the LF has not. */
  declare private inReturn: boolean;

  constructor(limits?: Partial<MessageLimits>) {
    super(RESPONSE, limitsFrom(limits, RESPONSE_LIMITS));
    this.head = NO_HEAD;
    this.method = "";
    this.interim = 0;
    this.status = 0;
    this.minor = 1;
    this.lineEnd = 0;
    this.inReturn = false;
    this.phase = IDLE;
  }

  /**
   * The answer to a request of this method comes next. Call it when the request is sent, once the last answer has ended.
   * Where the stream ends before a byte of the answer has come, `next` says `CLOSED`: the request may not have been read.
   */
  expect(method: string): void {
    if (this.phase !== IDLE)
      throw new Error(`the response to ${this.method} has not ended: only then another may come`);
    this.phase = START;
    this.method = method;
    this.interim = 0;
  }

  protected afterMessage(): void {
    this.phase = IDLE;
    this.interim = 0;
  }

  protected override release(): void {
    super.release();
    this.head = NO_HEAD;
  }

  /** An interim response is a promise. */
  protected override get owed(): boolean {
    return this.interim > 0;
  }

  protected step(): ParserEvent {
    if (this.phase > FIELDS) return this.stepBody();
    if (this.at === this.end) return this.need();
    if (this.phase === IDLE)
      throw this.fields.refuse(502, "RFC 9112 section 9.2", "the server sent something that nobody has asked for");
    if (this.phase === START) {
      this.base = this.at;
      this.phase = LINE;
    }
    if (this.phase === LINE && !this.readLine()) return this.need();
    if (!this.scanFields()) return this.need();
    const { fields, status, minor, bytes, base, method } = this;
    const bits = responseFraming(fields, method, status, minor);
    const chunked = (bits & IS_CHUNKED) !== 0;
    const length = chunked ? -1 : fields.length;
    this.head = new ResponseHead(status, minor, length, bits, bytes, base, base + this.lineEnd, this.at);
    if (status < 200 && status !== 101) {
      if (++this.interim > MOST_INTERIM)
        throw fields.refuse(502, "RFC 9110 section 15.2", `more than ${MOST_INTERIM} interim responses came`);
      this.base = this.at;
      this.phase = START;
      return INTERIM;
    }
    this.bodyLimit = this.limits.body;
    if ((bits & IS_UPGRADE) !== 0) this.startBody(ELSEWHERE, 0);
    else if (chunked) this.startBody(CHUNK, -1);
    else if ((bits & IS_UNTIL_CLOSE) !== 0) this.startBody(UNTIL_CLOSE, -1);
    else this.startBody(COUNTED, length);
    return HEAD;
  }

  /** The first line. Whether it is all there. */
  private readLine(): boolean {
    const { bytes, base } = this;
    const limit = base + this.limits.head;
    const end = this.end < limit ? this.end : limit;
    let i = this.at;
    while (i < end && i < base + STATUS_END) {
      this.checkStart(i - base, bytes[i] as number);
      i++;
    }
    if (i === base + STATUS_END && i < end && !this.inReturn) {
      // The space is often left out where no reason follows (RFC 9112 section 4 wants it).
      if (bytes[i] !== SP && bytes[i] !== CR) throw this.badStatus(i);
    }
    if (!this.inReturn) {
      while (i < end && ((CLASS[bytes[i] as number] as number) & VALUE) !== 0) i++;
      if (i < end) {
        if (bytes[i] !== CR) throw this.badReason(bytes[i] as number);
        this.inReturn = true;
        i++;
      }
    }
    if (this.inReturn && i < end) {
      if (bytes[i] !== LF) throw this.fields.refuse(502, "RFC 9112 section 2.2", "there is a CR without LF");
      this.inReturn = false;
      return this.lineRead(i + 1);
    }
    this.at = i;
    if (i >= limit) throw this.tooLarge();
    return false;
  }

  private lineRead(at: number): true {
    const { bytes, base } = this;
    this.at = at;
    this.lineEnd = at - base;
    this.status =
      ((bytes[base + 9] as number) - 48) * 100 +
      ((bytes[base + 10] as number) - 48) * 10 +
      (bytes[base + 11] as number) -
      48;
    this.minor = (bytes[base + 7] as number) - 48;
    this.fields.begin(this.lineEnd, false);
    this.phase = FIELDS;
    return true;
  }

  /** Each byte of "HTTP/1.1 200" where it stands. */
  private checkStart(place: number, byte: number): void {
    const digit = byte >= 48 && byte <= 57;
    if (place >= 9) {
      // What is above 599 counts as a 5xx (RFC 9110 section 15).
      if (digit && (place > 9 || byte > 48)) return;
      throw this.fields.refuse(502, "RFC 9112 section 4", `a status is a number from 100 on: ${this.beginning(place)}`);
    }
    if (place === 7 && (byte === 48 || byte === 49)) return;
    if (byte === "HTTP/1.1 ".charCodeAt(place)) return;
    if ((place === 5 || place === 7) && digit)
      throw this.fields.refuse(502, "RFC 9110 section 2.5", "the only versions are HTTP/1.1 and HTTP/1.0");
    throw this.fields.refuse(
      502,
      "RFC 9112 section 4",
      `this is no HTTP response: it begins with ${this.beginning(place)}`,
    );
  }

  private beginning(place: number): string {
    return shown(this.bytes, this.base, this.base + place + 1);
  }

  private badStatus(at: number): ProtocolError {
    return this.fields.refuse(
      502,
      "RFC 9112 section 4",
      `${shownByte(this.bytes[at] as number)} follows the three digits of the status`,
    );
  }

  private badReason(byte: number): ProtocolError {
    if (byte === LF) return this.fields.refuse(502, "RFC 9112 section 2.2", "the first line ends in LF without CR");
    return this.fields.refuse(502, "RFC 9112 section 4", `there is ${shownByte(byte)} in the reason`);
  }
}
