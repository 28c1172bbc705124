/**
 * Messages as bytes: heads, chunks, and a small body in the same piece as its head.
 *
 * A head is put together as a string, of pieces that are constant or have been checked (`fieldLine` in headers.ts is the only
 * way in for what a user gives), and becomes bytes in one native call. So what could end a line and begin another, which is
 * how headers are injected and responses split, cannot be written: a method, a target, a host and a reason are checked here.
 *
 * The date costs once a second, and so does all that is the same in two heads one after the other.
 */
import { fieldLines, type HeadersSource, HttpHeaders } from "./headers.ts";
import { statusLine } from "./status.ts";
import { hostEnd } from "./target.ts";
import { CLASS, isFieldValue, isToken, TARGET, utf8Length, writeLatin1, writeUtf8, newBytes } from "./tokens.ts";

/** As a length: there is no field for it, since there is no body, or it ends with the connection. */
export const NO_LENGTH = -1;
/** As a length: the body comes in chunks. */
export const IN_CHUNKS = -2;

/** Nothing is said of the connection: it goes on. */
export const SILENT = 0;
/** `Connection: close`. */
export const SAY_CLOSE = 1;
/** `Connection: keep-alive`, for HTTP/1.0. */
export const SAY_KEEP_ALIVE = 2;

const CONNECTION: readonly string[] = ["", "Connection: close\r\n", "Connection: keep-alive\r\n"];

/** `HTTP/1.1 100 Continue`, and the empty line. */
export const CONTINUE: Uint8Array = latin1Bytes("HTTP/1.1 100 Continue\r\n\r\n");
/** What follows the data of a chunk. */
export const CHUNK_END: Uint8Array = latin1Bytes("\r\n");
/** What follows the last chunk where there are no trailers. */
export const LAST_CHUNK: Uint8Array = latin1Bytes("0\r\n\r\n");

/** The bytes of an answer are kept for the next one where its text is no longer than this. */
const REMEMBERED = 1024;

/** A chunk no longer than this is copied into one piece with its size: less than what a piece more would cost. */
const COPIED = 4096;

/** The time as HTTP wants it, made once a second: of a clock that is passed in, in ms since 1970. */
export class HttpClock {
  declare private readonly now: () => number;
  declare private from: number;
  declare private line: string;

  constructor(now: () => number) {
    this.now = now;
    this.from = -Infinity;
    this.line = "";
  }

  /** `Date: Sun, 06 Nov 1994 08:49:37 GMT`, and the end of the line (RFC 9110 section 5.6.7). The same string for a second. */
  dateLine(): string {
    const passed = this.now() - this.from;
    if (!(passed >= 0 && passed < 1000)) this.renew();
    return this.line;
  }

  private renew(): void {
    this.from = Math.floor(this.now() / 1000) * 1000;
    this.line = `Date: ${new Date(this.from).toUTCString()}\r\n`;
  }
}

/** Writes responses; one for each server, since what it remembers of the last head is worth most to the next one. */
export class ResponseWriter {
  declare private readonly clock: HttpClock;
  declare private date: string;
  declare private status: number;
  declare private reason: string | undefined;
  declare private lines: string;
  declare private length: number;
  declare private connection: number;
  declare private text: string;
  /** The same text as bytes, once it has been asked for twice: copying them is cheaper than writing it again. */
  declare private bytes: Uint8Array | null;
  declare private repeated: boolean;
  /** The last small text, and all of what was written with it: the same answer a second time is the same bytes. */
  declare private lastBody: string;
  declare private lastSize: number;
  declare private lastText: string;
  declare private lastWhole: Uint8Array | null;

  constructor(now: () => number) {
    this.clock = new HttpClock(now);
    this.date = "";
    this.status = 0;
    this.reason = undefined;
    this.lines = "";
    this.length = 0;
    this.connection = 0;
    this.text = "";
    this.bytes = null;
    this.repeated = false;
    this.lastBody = "";
    this.lastSize = 0;
    this.lastText = "";
    this.lastWhole = null;
  }

  /**
   * The head, with its empty line. `lines` are checked field lines (`fieldLine`); `length` is that of the body in bytes, or
   * `NO_LENGTH`, or `IN_CHUNKS`; `connection` one of `SILENT`, `SAY_CLOSE`, `SAY_KEEP_ALIVE`; `dated`: `Date` is among the
   * lines. All but the reason has been checked by whoever calls.
   */
  headText(
    status: number,
    reason: string | undefined,
    lines: string,
    length: number,
    connection: number,
    dated: boolean = false,
  ): string {
    const date = dated ? "" : this.clock.dateLine();
    if (
      this.length === length &&
      this.lines === lines &&
      this.status === status &&
      this.date === date &&
      this.connection === connection &&
      this.reason === reason
    ) {
      this.repeated = true;
      return this.text;
    }
    const first = reason === undefined ? statusLine(status) : `HTTP/1.1 ${status} ${checkedReason(reason)}\r\n`;
    this.text = `${first}${date}${lines}${CONNECTION[connection] as string}${lengthLine(length)}\r\n`;
    this.bytes = null;
    this.repeated = false;
    this.date = date;
    this.status = status;
    this.reason = reason;
    this.lines = lines;
    this.length = length;
    this.connection = connection;
    return this.text;
  }

  /** The head as bytes. The parameters are those of `headText`. */
  head(
    status: number,
    reason: string | undefined,
    lines: string,
    length: number,
    connection: number,
    dated?: boolean,
  ): Uint8Array {
    return latin1Bytes(this.headText(status, reason, lines, length, connection, dated));
  }

  /** Head and body in one piece, with the `Content-Length` of the body. The other parameters are those of `headText`. */
  whole(
    status: number,
    reason: string | undefined,
    lines: string,
    body: string | Uint8Array,
    connection: number,
    dated?: boolean,
  ): Uint8Array {
    const isText = typeof body === "string";
    const same = isText && body === this.lastBody;
    const size = same ? this.lastSize : isText ? utf8Length(body) : body.length;
    const text = this.headText(status, reason, lines, size, connection, dated);
    // Nobody changes what was handed over to be sent, so the very same bytes can be sent again.
    if (same && this.lastWhole !== null && text === this.lastText) return this.lastWhole;
    const from = text.length;
    const all = newBytes(from + size);
    if (this.repeated) all.set((this.bytes ??= latin1Bytes(text)), 0);
    else writeLatin1(all, text, 0);
    if (!isText) all.set(body, from);
    else if (size !== body.length) writeUtf8(all, body, from);
    else writeLatin1(all, body, from);
    if (isText && size <= REMEMBERED) {
      this.lastBody = body;
      this.lastSize = size;
      this.lastText = text;
      this.lastWhole = all;
    }
    return all;
  }
}

/**
 * The head of a request, with its empty line. `lines` are checked field lines without `Host`, which comes first; `length` is
 * that of the body in bytes, or `NO_LENGTH`, or `IN_CHUNKS`. Throws a `TypeError` where the method, the target or the host may
 * not be written.
 *
 * @internal
 */
export function requestText(
  method: string,
  target: string,
  host: string,
  lines: string,
  length: number,
  connection: number = SILENT,
): string {
  if (!isToken(method))
    throw new TypeError(`a method is a word of letters, not ${JSON.stringify(method)} (RFC 9110 section 9.1)`);
  if (!isTarget(target))
    throw new TypeError(
      `a request cannot be made for ${JSON.stringify(target)}: encode what is not visible ASCII, and leave out the fragment (RFC 9112 section 3.2)`,
    );
  if (!isHost(host)) throw new TypeError(`a host cannot be ${JSON.stringify(host)} (RFC 9110 section 7.2)`);
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}${CONNECTION[connection] as string}${lengthLine(length)}\r\n`;
}

function lengthLine(length: number): string {
  if (length >= 0) return `Content-Length: ${length}\r\n`;
  return length === IN_CHUNKS ? "Transfer-Encoding: chunked\r\n" : "";
}

function isTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || ((CLASS[code] as number) & TARGET) === 0) return false;
  }
  return text.length > 0;
}

/** The last host that was found to be fine: most requests of a client go where the one before went. */
let lastHost = "";

/** Whether the parser would take it as `Host`. Also an empty one, for a target that names none. */
function isHost(host: string): boolean {
  if (host === "" || host === lastHost) return true;
  for (let i = 0; i < host.length; i++) if (host.charCodeAt(i) > 127) return false;
  if (hostEnd(latin1Bytes(host), 0, host.length, false) !== host.length) return false;
  lastHost = host;
  return true;
}

/** A reason that may stand on the first line (RFC 9112 section 4); throws a `TypeError` where it may not. */
function checkedReason(reason: string): string {
  if (!isFieldValue(reason))
    throw new TypeError(
      `${JSON.stringify(reason)} cannot stand behind a status: it holds control characters, or others that are no single byte`,
    );
  return reason;
}

/** Text of which each character is one byte, as bytes. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = newBytes(text.length);
  writeLatin1(bytes, text, 0);
  return bytes;
}

/** A head and a text in one piece. `size` is that of the text in UTF-8. */
export function withText(head: string, body: string, size: number): Uint8Array {
  const bytes = newBytes(head.length + size);
  writeLatin1(bytes, head, 0);
  if (size === body.length) writeLatin1(bytes, body, head.length);
  else writeUtf8(bytes, body, head.length);
  return bytes;
}

/** A head and a body in one piece: a copy of the body. */
export function withBytes(head: string, body: Uint8Array): Uint8Array {
  const bytes = newBytes(head.length + body.length);
  writeLatin1(bytes, head, 0);
  bytes.set(body, head.length);
  return bytes;
}

/** A chunk (RFC 9112 section 7.1): in one piece where it is small, else the data as it is between two others. Not empty. */
export function chunkOf(data: Uint8Array): Uint8Array | readonly Uint8Array[] {
  const { length } = data;
  // An empty one would be the last one.
  if (length === 0) throw new RangeError("a chunk cannot be empty: that would end the body");
  const size = `${length.toString(16)}\r\n`;
  if (length > COPIED) return [latin1Bytes(size), data, CHUNK_END];
  const bytes = newBytes(size.length + length + 2);
  writeLatin1(bytes, size, 0);
  bytes.set(data, size.length);
  bytes.set(CHUNK_END, size.length + length);
  return bytes;
}

/** The end of a body in chunks, with trailers where there are some. */
export function lastChunk(trailers?: HeadersSource): Uint8Array {
  if (trailers === undefined) return LAST_CHUNK;
  const lines = trailerLines(trailers);
  return lines === "" ? LAST_CHUNK : latin1Bytes(`0\r\n${lines}\r\n`);
}

/** What says where a message ends, where it goes, or how it is to be read, cannot come behind it (RFC 9110 section 6.5.1). */
const NEVER_LAST: ReadonlySet<string> = new Set([
  "transfer-encoding",
  "content-length",
  "content-encoding",
  "content-type",
  "content-range",
  "host",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "authorization",
  "set-cookie",
  "cache-control",
  "max-forwards",
]);

/** Checked lines of trailers; throws a `TypeError` for what cannot be one. */
export function trailerLines(source: HeadersSource): string {
  const headers = HttpHeaders.from(source);
  for (const [name] of headers)
    if (NEVER_LAST.has(name))
      throw new TypeError(`${name} cannot be sent behind a body: send it before (RFC 9110 section 6.5.1)`);
  return fieldLines(headers);
}
