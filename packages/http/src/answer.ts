/**
 * The bytes of an answer: its head, and its body where that is there already, in one piece.
 *
 * One write is one call of the system, which costs more than everything else here; so head and body go together. They are
 * put side by side in memory that many answers share: taken from a large piece bit by bit, written once, and never again,
 * since nobody knows when the system has read it.
 */
import type { HttpResponse } from "./response.ts";
import { fieldLine } from "./headers.ts";
import { writeLatin1 } from "./tokens.ts";

const SLAB = 32 * 1024;
/** What is larger gets memory of its own. */
const OWN = 8 * 1024;
/** Text up to this long is looked at letter by letter, which is faster than to ask for its length in bytes. */
const SHORT = 256;

/** Node's buffers are taken by its sockets as they are; anything else is wrapped there into one. */
const native = (globalThis as { Buffer?: { allocUnsafeSlow(size: number): Uint8Array } }).Buffer;
const encoder = new TextEncoder();

let slab: Uint8Array = allocate(SLAB);
let filled = 0;

function allocate(size: number): Uint8Array {
  return native === undefined ? new Uint8Array(size) : native.allocUnsafeSlow(size);
}

/** Room for so many bytes, from `filled` on in `slab`. */
function makeRoom(size: number): void {
  if (filled + size <= SLAB) return;
  slab = allocate(SLAB);
  filled = 0;
}

/** Text of which each character is a byte. */
export function latin1Bytes(text: string): Uint8Array {
  const { length } = text;
  if (length > OWN) {
    const own = allocate(length);
    writeLatin1(own, text, 0);
    return own;
  }
  makeRoom(length);
  const from = filled;
  writeLatin1(slab, text, from);
  filled = from + length;
  return slab.subarray(from, filled);
}

const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** What is usually said behind a status; empty where nothing is. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "";
}

const OK = "HTTP/1.1 200 OK\r\n";

function statusLine(response: HttpResponse): string {
  const { status, reason } = response;
  if (status === 200 && reason === undefined) return OK;
  return `HTTP/1.1 ${status} ${reason ?? reasonOf(status)}\r\n`;
}

/** The head of an answer up to its framing: the status, the fields, and what the connection has to say (`extra`). */
export function headOf(response: HttpResponse, extra: string): string {
  const type = response._type;
  const line = statusLine(response);
  if (type === null) return line + response._lines + extra;
  return line + typeLine(type) + response._lines + extra;
}

let lastType = "";
let lastTypeLine = "";

function typeLine(type: string): string {
  if (type === lastType) return lastTypeLine;
  lastType = type;
  return (lastTypeLine = fieldLine("Content-Type", type));
}

/** Head and text in one piece: the head gets its `Content-Length`. Text that is not short is given beside it. */
export function withText(head: string, body: string): Uint8Array | readonly Uint8Array[] {
  const { length } = body;
  if (length <= SHORT) {
    let i = 0;
    while (i < length && body.charCodeAt(i) < 128) i++;
    if (i === length) return latin1Bytes(`${head}Content-Length: ${length}\r\n\r\n${body}`);
  }
  const most = length * 3;
  if (most > OWN) {
    const bytes = encoder.encode(body);
    return [latin1Bytes(`${head}Content-Length: ${bytes.length}\r\n\r\n`), bytes];
  }
  // The body first, behind as much room as the head may need; then the head, up to where the body begins.
  const room = head.length + 40;
  makeRoom(room + most);
  const start = filled + room;
  const { written } = encoder.encodeInto(body, slab.subarray(start, start + most));
  const full = `${head}Content-Length: ${written}\r\n\r\n`;
  const from = start - full.length;
  writeLatin1(slab, full, from);
  filled = start + written;
  return slab.subarray(from, filled);
}

/** Head and bytes: together where they are few, else one beside the other. */
export function withBytes(head: string, body: Uint8Array): Uint8Array | readonly Uint8Array[] {
  const full = `${head}Content-Length: ${body.length}\r\n\r\n`;
  const size = full.length + body.length;
  if (size > OWN) return [latin1Bytes(full), body];
  makeRoom(size);
  const from = filled;
  writeLatin1(slab, full, from);
  slab.set(body, from + full.length);
  filled = from + size;
  return slab.subarray(from, filled);
}

/** How many bytes a text has in UTF-8. */
export function byteLength(text: string): number {
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) size++;
    else if (code < 0x800) size += 2;
    else if (code >= 0xd800 && code < 0xdc00 && isLow(text.charCodeAt(i + 1))) {
      size += 4;
      i++;
    } else size += 3;
  }
  return size;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}

/** The name of a month or a day is the same everywhere (RFC 9110 section 5.6.7), and so is what `toUTCString` gives. */
export function dateLine(wallClock: number): string {
  return `Date: ${new Date(wallClock).toUTCString()}\r\n`;
}
