/**
 * The server's side of one connection: requests come in, answers go out, in order.
 *
 * A connection is one task, and handlers run in it, one after the other: a request costs no task, no promise and no timer.
 * What is pipelined behind a request waits in the stream's buffer until it is its turn, so its amount is bounded by that.
 *
 * What cuts a handler short (the client has left, the time is over) cancels the one scope in which the connection works, and
 * says why in `cut`. What there is left to say to the client then is said from outside that scope. So a handler is cancelled
 * as everything else is, and a connection that was cut is over: nobody has to know how far its answer had come.
 */
import { BrokenError, ClosedError, type Coroutine, type Operation, scope, type Scope } from "rondo";
import type { Address, ByteStream } from "rondo/net";
import { HttpError, ProtocolError } from "./errors.ts";
import { fieldLine } from "./headers.ts";
import { DATA, END, HEAD, NEED, type ParserEvent } from "./parser.ts";
import { HttpRequest, type Carrier } from "./request.ts";
import { RequestParser } from "./request-parser.ts";
import { CLOSES, dropBody, type HttpResponse, OWN_DATE } from "./response.ts";
import { asResponse, isOperation, plainly, type ServerCore } from "./server-core.ts";
import { StreamedBody } from "./streamed-body.ts";
import type { Mortal } from "./timeouts.ts";
import { utf8Length } from "./tokens.ts";
import { CONTINUE, IN_CHUNKS, NO_LENGTH, SAY_CLOSE, SAY_KEEP_ALIVE, SILENT } from "./writer.ts";

/** Between two requests; in a head; a handler is at work; its answer is being sent. */
const IDLE = 0;
const IN_HEAD = 1;
const HANDLING = 2;
const SENDING = 3;
/** What is left of a body is read over; the answer is out and the client is to close; the connection was given away. */
const DRAINING = 4;
const LINGERING = 5;
const GIVEN = 6;

/** Why a connection was cut. */
type Cut =
  | "client left"
  | "head timeout"
  | "body timeout"
  | "idle timeout"
  | "handler timeout"
  | "write timeout"
  | "stop";

/** How long a client may take to close once it has its last answer, in ms, and how much it may still send. */
const LINGER = 2000;
const LINGER_BYTES = 256 * 1024;

/** What is larger goes out in pieces of this size, so that a deadline is one for a piece. */
const PIECE = 64 * 1024;

/** Bytes up to so many are copied behind their head, so that both are one piece. */
const COPIED = 8 * 1024;

const encoder = new TextEncoder();

export class ServerConnection implements Mortal, Carrier {
  declare readonly stream: ByteStream;
  declare readonly secure: boolean;
  declare private readonly core: ServerCore;
  declare private readonly parser: RequestParser;
  declare private phase: number;
  /** Until when what it waits for may take; and the bytes of a body, which a handler may want beside other things. */
  declare private until: number;
  declare private bodyUntil: number;
  /** How long may be waited for more of the body. */
  declare private patience: number;
  declare private region: Scope | null;
  declare private cut: Cut | null;
  /** The client has ended its stream; it is gone. */
  declare private ended: boolean;
  declare private gone: boolean;
  /** The request that is being answered. */
  declare private request: HttpRequest | null;
  /** When it came, in ms of the loop's clock. */
  declare private started: number;
  /** Not all of its body has been read. */
  declare private bodyOpen: boolean;
  declare private bodyRead: number;
  /** The client waits to be asked for the body. */
  declare private expects: boolean;
  /** The head of the answer is out, or on its way; and its status. */
  declare private status: number;
  /** Where the stream's counter stood when the answer began. */
  declare private sentBefore: number;
  /** Requests so far. */
  declare private served: number;

  constructor(core: ServerCore, stream: ByteStream) {
    this.stream = stream;
    this.secure = "tls" in stream;
    this.core = core;
    this.parser = new RequestParser(core.messages);
    this.phase = IDLE;
    this.until = Infinity;
    this.bodyUntil = Infinity;
    this.patience = 0;
    this.region = null;
    this.cut = null;
    this.ended = false;
    this.gone = false;
    this.request = null;
    this.started = 0;
    this.bodyOpen = false;
    this.bodyRead = 0;
    this.expects = false;
    this.status = 0;
    this.sentBefore = 0;
    this.served = 0;
  }

  /** Serves until there is nothing more to serve. What is left to be done with the stream is to close it. */
  *serve(): Coroutine<void> {
    const { core, stream } = this;
    core.connections.add(this);
    core.accepted++;
    try {
      stream.watch((how) => this.peerLeft(how));
      // The first head may take as long as a head may, beginning now.
      this.wait(core.loop.now() + core.timeouts.head);
      const outcome = yield* scope((region) => this.run(region), SERVING);
      this.region = null;
      if (outcome.cancelled) yield* this.afterCut();
    } catch (error) {
      // The stream's own: the client is gone, or this side has given the connection up. There is nobody to tell.
      if (!(error instanceof BrokenError || error instanceof ClosedError)) throw error;
      stream.abort();
    } finally {
      this.region = null;
      this.until = Infinity;
      core.connections.delete(this);
      if (this.request !== null) this.abandoned();
    }
  }

  // ---- requests, one after the other --------------------------------------------------------------------------------

  private *run(region: Scope): Coroutine<void> {
    const { core, stream, parser } = this;
    const { timeouts, limits } = core;
    this.region = region;
    for (;;) {
      let event: ParserEvent;
      try {
        event = parser.next();
      } catch (error) {
        core.malformed++;
        yield* this.refuse(error as ProtocolError);
        return;
      }
      if (event === NEED) {
        if (this.phase === IDLE && core.stopping && parser.between) return;
        const chunk = yield* stream.read();
        if (chunk === undefined) parser.finish();
        else {
          parser.push(chunk);
          this.started = core.loop.now();
          if (this.phase === IDLE) {
            this.phase = IN_HEAD;
            this.wait(this.started + timeouts.head);
          }
        }
        continue;
      }
      if (event !== HEAD) return;
      // ---- a request has come
      if (this.phase === IDLE) this.started = core.loop.now(); // it was there already, behind the one before
      const { head } = parser;
      const request = new HttpRequest(this, head);
      this.request = request;
      this.status = 0;
      this.bodyOpen = head.length !== 0;
      this.bodyRead = 0;
      this.expects = false;
      if (this.bodyOpen) {
        this.expects = head.expectsContinue;
        this.patience = timeouts.body;
      } else parser.next();
      core.requests++;
      core.inFlight++;
      this.phase = HANDLING;
      this.wait(timeouts.handler === Infinity ? Infinity : this.started + timeouts.handler);
      if (this.gone || (this.ended && !core.halfClose)) this.cutBy("client left");
      // ---- its answer
      let response: HttpResponse;
      try {
        let answer: unknown = core.handler(request);
        if (isOperation(answer)) answer = yield* answer;
        response = asResponse(answer);
      } catch (error) {
        response = this.cut === null ? core.failed(error, request) : plainly(500, undefined);
        // What the parser has refused once it will refuse for ever.
        if (error instanceof ProtocolError && this.bodyOpen) this.served = Infinity;
      }
      if (response._upgrade !== null) {
        yield* this.give(response);
        return;
      }
      const keeps =
        head.persistent &&
        ++this.served < limits.requests &&
        !core.stopping &&
        (response._flags & CLOSES) === 0 &&
        (!this.bodyOpen || this.canDrain(head.length));
      // ---- on its way
      this.phase = SENDING;
      let now = core.loop.now();
      this.wait(now + timeouts.write);
      this.status = response.status;
      this.sentBefore = stream.bytesWritten;
      const { body } = response;
      let stays: boolean;
      if (typeof body === "string" && head.method !== "HEAD" && body.length <= PIECE && mayHaveBody(response.status)) {
        const wait = stream.write(
          core.writer.whole(
            response.status,
            response.reason,
            linesOf(response),
            body,
            keeps ? (head.minor === 0 ? SAY_KEEP_ALIVE : SILENT) : SAY_CLOSE,
            (response._flags & OWN_DATE) !== 0,
          ),
        );
        yield* wait;
        if (wait.waiter !== null) now = core.loop.now();
        stays = keeps;
      } else {
        stays = yield* this.send(response, keeps);
        now = core.loop.now();
      }
      this.completed(request, now);
      if (this.bodyOpen && stays) {
        this.phase = DRAINING;
        this.wait(now + timeouts.body);
        stays = yield* this.drainBody();
        now = core.loop.now();
      }
      if (!stays) {
        if (head.persistent || this.bodyOpen || parser.buffered > 0 || stream.buffered > 0) yield* this.linger();
        return;
      }
      this.phase = IDLE;
      this.wait(now + timeouts.idle);
    }
  }

  /** Any other answer than a small text. Gives whether the connection can be kept. */
  private *send(response: HttpResponse, keeps: boolean): Coroutine<boolean> {
    const { stream } = this;
    const { status, body, length } = response;
    const { method, minor } = (this.request as HttpRequest).head;
    const may = mayHaveBody(status);
    const bare = method === "HEAD" || !may;
    const said = keeps ? (minor === 0 ? SAY_KEEP_ALIVE : SILENT) : SAY_CLOSE;
    if (body === null || typeof body === "string" || body instanceof Uint8Array) {
      if (bare || body === null) {
        yield* stream.write(this.headOf(response, lengthWithout(status, body, length), said));
        return keeps;
      }
      if (body instanceof Uint8Array && body.length <= COPIED) {
        const { reason, _flags: flags } = response;
        const dated = (flags & OWN_DATE) !== 0;
        yield* stream.write(this.core.writer.whole(status, reason, linesOf(response), body, said, dated));
        return keeps;
      }
      const bytes = typeof body === "string" ? encoder.encode(body) : body;
      const head = this.headOf(response, bytes.length, said);
      if (bytes.length <= PIECE) yield* stream.write([head, bytes]);
      else {
        yield* stream.write(head);
        yield* this.writeAll(bytes);
      }
      return keeps;
    }
    const framed = length !== undefined;
    const chunked = may && !framed && minor > 0;
    const kept = keeps && (framed || chunked || bare);
    const framing = status === 204 ? NO_LENGTH : framed ? length : chunked ? IN_CHUNKS : NO_LENGTH;
    if (bare) dropBody(body);
    const streamed = bare ? null : new StreamedBody(this, body, length, chunked, response.trailers);
    try {
      yield* stream.write(this.headOf(response, framing, kept ? said : SAY_CLOSE));
      if (streamed !== null) yield* streamed.send();
    } catch (error) {
      // The head is out: whoever reads it must not take what there is for the whole.
      if (!(error instanceof BrokenError || error instanceof ClosedError))
        this.core.tell(error, this.request, "an answer broke off");
      stream.abort();
      throw new ClosedError(`${stream.label}: the body of an answer has failed, and the connection was reset`);
    } finally {
      streamed?.drop();
    }
    return kept;
  }

  private headOf(response: HttpResponse, length: number, connection: number): Uint8Array {
    const { status, reason, _flags: flags } = response;
    return this.core.writer.head(status, reason, linesOf(response), length, connection, (flags & OWN_DATE) !== 0);
  }

  /** A piece of an answer, of any size: a large one in pieces, so that each has its own deadline. */
  *writeAll(bytes: Uint8Array): Coroutine<void> {
    for (let at = 0; at < bytes.length; at += PIECE)
      yield* this.writePiece(bytes.length <= PIECE ? bytes : bytes.subarray(at, at + PIECE));
  }

  /** A piece of an answer. Begins the deadline anew. */
  writePiece(data: Uint8Array | readonly Uint8Array[]): Operation<void> {
    this.wait(this.core.loop.now() + this.core.timeouts.write);
    return this.stream.write(data);
  }

  /** Between two pieces it is the handler's flow that is waited for, as long as that takes. */
  rest(): void {
    this.until = Infinity;
  }

  /** Gives the stream to somebody else, with what has been read ahead. */
  private *give(response: HttpResponse): Coroutine<void> {
    const { core, stream, parser } = this;
    if (this.bodyOpen && !(yield* this.drainBody())) {
      yield* this.refuse(new HttpError(400, "a request to go on with another protocol has too long a body"));
      return;
    }
    this.phase = SENDING;
    const now = core.loop.now();
    this.wait(now + core.timeouts.write);
    this.status = response.status;
    this.sentBefore = stream.bytesWritten;
    yield* stream.write(this.headOf(response, NO_LENGTH, SILENT));
    this.completed(this.request as HttpRequest, core.loop.now());
    this.phase = GIVEN;
    this.until = Infinity;
    stream.watch(null);
    const early = parser.rest();
    if (early.length > 0) stream.unread(early);
    yield* (response._upgrade as NonNullable<HttpResponse["_upgrade"]>)(stream);
  }

  // ---- bodies -------------------------------------------------------------------------------------------------------

  /** @internal For `HttpRequest`. */
  *readBody(request: HttpRequest): Coroutine<Uint8Array | undefined> {
    const { core, stream, parser } = this;
    for (;;) {
      if (this.request !== request)
        throw new ClosedError(`${request.method} ${request.path} is over: its body cannot be read any more`);
      if (!this.bodyOpen) return undefined;
      const event = parser.next();
      if (event === DATA) {
        this.bodyRead += parser.data.length;
        return parser.data;
      }
      if (event === END) {
        this.bodyOpen = false;
        request.trailers = parser.trailers;
        return undefined;
      }
      if (this.expects) {
        // Asked for only now, so that a handler can refuse a body before it comes; not behind an answer.
        this.expects = false;
        if (this.status === 0) yield* stream.write(CONTINUE);
      }
      const begun = core.loop.now();
      this.bodyUntil = begun + this.patience;
      core.watch.sooner(this.bodyUntil);
      let chunk: Uint8Array | undefined;
      try {
        chunk = yield* stream.read();
      } finally {
        this.bodyUntil = Infinity;
      }
      if (chunk === undefined) {
        parser.finish();
        continue;
      }
      parser.push(chunk);
      // What comes buys time, so that a slow line is waited for and a drip of bytes is not.
      const bought = (chunk.length * 1000) / core.limits.rate;
      this.patience = Math.min(core.timeouts.body, this.patience - (core.loop.now() - begun) + bought);
    }
  }

  /** Whether what is left of the body is worth reading over. */
  private canDrain(length: number): boolean {
    // Whoever waits to be asked for the body may send it or not: nobody knows where the next request begins.
    if (this.expects) return false;
    return length < 0 || length - this.bodyRead <= this.core.limits.drain;
  }

  /** Reads over what is left of the body, within the limit. Whether that was all. */
  private *drainBody(): Coroutine<boolean> {
    const { core, stream, parser } = this;
    let left = core.limits.drain;
    for (;;) {
      let event: ParserEvent;
      try {
        event = parser.next();
      } catch {
        // What is wrong with a body that nobody wanted is told to nobody: the connection ends here.
        return false;
      }
      if (event === END) {
        this.bodyOpen = false;
        return true;
      }
      if (event === DATA) {
        left -= parser.data.length;
        if (left < 0) return false;
        continue;
      }
      const chunk = yield* stream.read();
      if (chunk === undefined) parser.finish();
      else parser.push(chunk);
    }
  }

  // ---- ends ---------------------------------------------------------------------------------------------------------

  /** An answer to what was no request, and the end. */
  private *refuse(error: HttpError): Coroutine<void> {
    const { core, stream } = this;
    const response = plainly(error.status, error.message);
    const now = core.loop.now();
    this.phase = SENDING;
    this.wait(now + core.timeouts.write);
    core.responses[Math.floor(error.status / 100)] = (core.responses[Math.floor(error.status / 100)] as number) + 1;
    yield* stream.write(
      core.writer.whole(error.status, undefined, linesOf(response), response.body as string, SAY_CLOSE),
    );
    yield* this.linger();
  }

  /**
   * Ends the stream and waits a little until the client has done so too: bytes of the client that arrive at a closed socket
   * are answered by a reset, and that would take the answer with it (RFC 9112 section 9.6).
   */
  private *linger(): Coroutine<void> {
    const { core, stream } = this;
    this.phase = LINGERING;
    this.wait(core.loop.now() + LINGER);
    yield* stream.end();
    let left = LINGER_BYTES;
    while (left > 0) {
      const chunk = yield* stream.read();
      if (chunk === undefined) return;
      left -= chunk.length;
    }
    stream.abort();
  }

  /** The handler, or whatever else was under way, was cut short. */
  private *afterCut(): Coroutine<void> {
    const { cut, status } = this;
    if (cut === "idle timeout" || cut === "stop") return;
    if (status !== 0 || cut === "client left" || cut === "write timeout") {
      this.stream.abort();
      return;
    }
    if (cut === "handler timeout") yield* this.refuse(new HttpError(503, "the answer took too long"));
    else
      yield* this.refuse(
        new HttpError(408, cut === "head timeout" ? "the head took too long" : "the body took too long"),
      );
  }

  private cutBy(cut: Cut): void {
    if (this.cut !== null || this.region === null) return;
    this.cut = cut;
    const reason = new ClosedError(`${this.stream.label}: ${cut}`);
    this.region.cancel(reason);
    this.request?._controller?.abort(reason);
  }

  private peerLeft(how: "ended" | "gone"): void {
    if (how === "ended") this.ended = true;
    else this.gone = true;
    // Whoever reads hears of it himself, and what was sent before it counts.
    if (this.request === null || (how === "ended" && this.core.halfClose)) return;
    this.cutBy("client left");
  }

  /** Asked to stop: who is between two requests goes at once, the others after their answers. */
  drain(): void {
    if (this.idle) this.cutBy("stop");
  }

  get idle(): boolean {
    return this.phase === IDLE && this.parser.between && this.stream.buffered === 0;
  }

  // ---- deadlines ----------------------------------------------------------------------------------------------------

  get deadline(): number {
    return this.until < this.bodyUntil ? this.until : this.bodyUntil;
  }

  private wait(until: number): void {
    this.until = until;
    this.core.watch.sooner(until);
  }

  expire(): void {
    const { timedOut } = this.core;
    const body = this.bodyUntil < this.until;
    this.until = Infinity;
    this.bodyUntil = Infinity;
    if (body) {
      timedOut.body++;
      this.cutBy("body timeout");
      return;
    }
    switch (this.phase) {
      case IDLE:
        timedOut.idle++;
        this.cutBy("idle timeout");
        return;
      case IN_HEAD:
        timedOut.head++;
        this.cutBy("head timeout");
        return;
      case HANDLING:
        timedOut.handler++;
        this.cutBy("handler timeout");
        return;
      case SENDING:
        timedOut.write++;
        if (this.region !== null && this.cut === null) this.cutBy("write timeout");
        else this.stream.abort();
        return;
      default:
        this.stream.abort();
    }
  }

  // ---- what is told of requests -------------------------------------------------------------------------------------

  private completed(request: HttpRequest, now: number): void {
    const { core, status } = this;
    const ms = now - this.started;
    this.request = null;
    core.inFlight--;
    const digit = (status / 100) | 0;
    if (digit < 6) core.responses[digit] = (core.responses[digit] as number) + 1;
    core.latency.add(ms);
    const { log } = core;
    if (log !== undefined)
      core.logRequest(log, this.stream, request, status, this.stream.bytesWritten - this.sentBefore, ms, undefined);
  }

  private abandoned(): void {
    const { core, stream } = this;
    const request = this.request as HttpRequest;
    this.request = null;
    core.inFlight--;
    core.abandoned++;
    const why = this.cut ?? "cancelled";
    const answered = this.cut === "handler timeout" || this.cut === "body timeout";
    const status = this.status !== 0 || !answered ? this.status : this.cut === "handler timeout" ? 503 : 408;
    const bytes = status === 0 ? 0 : stream.bytesWritten - this.sentBefore;
    if (core.log !== undefined)
      core.logRequest(core.log, stream, request, status, bytes, core.loop.now() - this.started, why);
    if (this.cut === null) request._controller?.abort(new ClosedError(`${stream.label}: the server was cancelled`));
  }

  // ---- for requests -------------------------------------------------------------------------------------------------

  get remoteAddress(): Address | undefined {
    return this.stream.remoteAddress;
  }

  get buffered(): number {
    return this.core.limits.buffered;
  }

  /** @internal */
  fate(request: HttpRequest): { readonly over: boolean; readonly reason: unknown } {
    const over = this.request !== request || this.cut !== null;
    return {
      over,
      reason: over ? new ClosedError(`${this.stream.label}: ${this.cut ?? "the request is over"}`) : undefined,
    };
  }
}

const SERVING = { name: "connection" };

/** RFC 9110, sections 15.3.5 and 15.4.5, and RFC 9112 section 6.3: statuses that have none. */
function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304 && status >= 200;
}

/** The length that is said where no body follows: what one would have had. */
function lengthWithout(status: number, body: string | Uint8Array | null, length: number | undefined): number {
  if (status === 204) return NO_LENGTH;
  if (typeof body === "string") return utf8Length(body);
  if (body !== null) return body.length;
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
