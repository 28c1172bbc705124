/**
 * Sends the answers of a connection: what is small in one piece with its head, what is large in pieces, each with a deadline of
 * its own, what comes bit by bit as it comes.
 */
import { BrokenError, ClosedError, type Coroutine, Flow, type Operation } from "rondo";
import { ByteStream } from "rondo/net";
import { fieldLine } from "./headers.ts";
import type { HttpRequest } from "./request.ts";
import { dropBody, type HttpResponse, OWN_DATE } from "./response.ts";
import type { ServerCore } from "./server-core.ts";
import { type Streamed, StreamedBody } from "./streamed-body.ts";
import { utf8Length } from "./tokens.ts";
import { WebBody } from "./web-body.ts";
import { IN_CHUNKS, NO_LENGTH, SAY_CLOSE, SAY_KEEP_ALIVE, SILENT } from "./writer.ts";

/** What is larger goes out in pieces of this size, so that a deadline is one for a piece. */
const PIECE = 64 * 1024;

/** And so many letters of a text, which are three times as many bytes at most. */
const LETTERS = 32 * 1024;

/** Bytes up to so many are copied behind their head, so that both are one piece. */
const COPIED = 8 * 1024;

const encoder = new TextEncoder();

/** RFC 9110, sections 15.3.5 and 15.4.5, and RFC 9112 section 6.3: statuses that have none. */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304 && status >= 200;
}

export class AnswerWriter {
  declare private readonly core: ServerCore;
  declare private readonly stream: ByteStream;
  /** Until when the client may take to take a piece. */
  declare until: number;

  constructor(core: ServerCore, stream: ByteStream) {
    this.core = core;
    this.stream = stream;
    this.until = Infinity;
  }

  /** The whole answer as one piece, where it is a small text; else null, and `send` sends it. */
  small(response: HttpResponse, request: HttpRequest, keeps: boolean): Uint8Array | null {
    const { body } = response;
    const { method, minor } = request.head;
    if (typeof body !== "string" || body.length > PIECE || method === "HEAD" || !mayHaveBody(response.status))
      return null;
    return this.whole(response, body, keeps ? (minor === 0 ? SAY_KEEP_ALIVE : SILENT) : SAY_CLOSE);
  }

  /** Sends an answer of any kind. Gives whether the connection can be kept. */
  *send(response: HttpResponse, request: HttpRequest, keeps: boolean): Coroutine<boolean> {
    const { stream } = this;
    const small = this.small(response, request, keeps);
    if (small !== null) {
      yield* stream.write(small);
      return keeps;
    }
    const { status, body, length } = response;
    const { method, minor } = request.head;
    const may = mayHaveBody(status);
    const said = keeps ? (minor === 0 ? SAY_KEEP_ALIVE : SILENT) : SAY_CLOSE;
    if (body === null) {
      yield* stream.write(this.head(response, lengthWithout(status, length), said));
      return keeps;
    }
    if (method === "HEAD" || !may) {
      dropBody(body);
      const framing = typeof body === "string" ? utf8Length(body) : body instanceof Uint8Array ? body.length : length;
      const chunks = may && minor > 0 ? IN_CHUNKS : NO_LENGTH;
      yield* stream.write(this.head(response, status === 204 ? NO_LENGTH : (framing ?? chunks), said));
      return keeps;
    }
    if (typeof body === "string") {
      yield* stream.write(this.head(response, utf8Length(body), said));
      yield* this.writeText(body);
      return keeps;
    }
    if (body instanceof Uint8Array) {
      yield* this.bytes(response, body, said);
      return keeps;
    }
    if (body instanceof Flow || body instanceof ByteStream)
      return yield* this.streamed(response, request, body, keeps, said);
    return yield* this.web(response, request, new WebBody(body), keeps, said);
  }

  private *bytes(response: HttpResponse, bytes: Uint8Array, said: number): Coroutine<void> {
    const { stream } = this;
    if (bytes.length <= COPIED) {
      yield* stream.write(this.whole(response, bytes, said));
      return;
    }
    const head = this.head(response, bytes.length, said);
    if (bytes.length <= PIECE) {
      yield* stream.write([head, bytes]);
      return;
    }
    yield* stream.write(head);
    yield* this.writeAll(bytes);
  }

  /** A body of the platform: as bytes, where it is there already. */
  private *web(
    response: HttpResponse,
    request: HttpRequest,
    body: WebBody,
    keeps: boolean,
    said: number,
  ): Coroutine<boolean> {
    let taken = false;
    try {
      const whole = response.length === undefined ? yield* body.whole() : null;
      taken = true;
      if (whole === null) return yield* this.streamed(response, request, body, keeps, said);
      yield* this.bytes(response, whole, said);
      return keeps;
    } finally {
      if (!taken) body.drop();
    }
  }

  private *streamed(
    response: HttpResponse,
    request: HttpRequest,
    body: Streamed,
    keeps: boolean,
    said: number,
  ): Coroutine<boolean> {
    const { stream } = this;
    const { length } = response;
    const chunked = length === undefined && request.head.minor > 0;
    const kept = keeps && (length !== undefined || chunked);
    const streamed = new StreamedBody(this, body, length, chunked, response.trailers);
    try {
      yield* stream.write(this.head(response, length ?? (chunked ? IN_CHUNKS : NO_LENGTH), kept ? said : SAY_CLOSE));
      yield* streamed.send();
    } catch (error) {
      // The head is out: whoever reads it must not take what there is for the whole.
      if (!(error instanceof BrokenError || error instanceof ClosedError))
        this.core.tell(error, request, "an answer broke off");
      throw new ClosedError(`${stream.label}: the body of an answer has failed, and the connection is reset`);
    } finally {
      streamed.drop();
    }
    return kept;
  }

  // ---- pieces -------------------------------------------------------------------------------------------------------

  /** A piece of an answer, of any size: a large one in pieces, so that each has its own deadline. */
  *writeAll(bytes: Uint8Array): Coroutine<void> {
    for (let at = 0; at < bytes.length; at += PIECE)
      yield* this.writePiece(bytes.length <= PIECE ? bytes : bytes.subarray(at, at + PIECE));
  }

  /** A long text: made bytes of piece by piece, so that a client that is slow does not cost all of it a second time. */
  *writeText(text: string): Coroutine<void> {
    for (let at = 0; at < text.length;) {
      let end = Math.min(text.length, at + LETTERS);
      // Two halves of one letter stay together.
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
      yield* this.writePiece(encoder.encode(text.slice(at, end)));
      at = end;
    }
  }

  /** A piece of an answer. Begins the deadline anew. */
  writePiece(data: Uint8Array | readonly Uint8Array[]): Operation<void> {
    this.begin(this.core.loop.now());
    return this.stream.write(data);
  }

  /** From now on the client has so much time to take what is written. */
  begin(now: number): void {
    this.until = now + this.core.timeouts.write;
    this.core.watch.sooner(this.until);
  }

  /** Nothing is being written: it is the handler that is waited for, or nobody. */
  rest(): void {
    this.until = Infinity;
  }

  // ---- heads --------------------------------------------------------------------------------------------------------

  /** A head with its body, in one piece. */
  whole(response: HttpResponse, body: string | Uint8Array, connection: number): Uint8Array {
    const { status, reason, _flags: flags } = response;
    return this.core.writer.whole(status, reason, linesOf(response), body, connection, (flags & OWN_DATE) !== 0);
  }

  head(response: HttpResponse, length: number, connection: number): Uint8Array {
    const { status, reason, _flags: flags } = response;
    return this.core.writer.head(status, reason, linesOf(response), length, connection, (flags & OWN_DATE) !== 0);
  }
}

/** The length that is said where there is no body. */
function lengthWithout(status: number, length: number | undefined): number {
  if (status === 204 || status < 200) return NO_LENGTH;
  return length ?? (status === 304 ? NO_LENGTH : 0);
}

/** The field lines of an answer. Often the very same string as that of the answer before. */
function linesOf(response: HttpResponse): string {
  const type = response._type;
  if (type === null) return response._lines;
  if (type !== lastType) {
    lastType = type;
    lastTypeLine = fieldLine("Content-Type", type);
  }
  return response._lines === "" ? lastTypeLine : lastTypeLine + response._lines;
}

let lastType = "";
let lastTypeLine = "";
