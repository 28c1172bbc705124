/**
 * The server's side of one connection: requests come in, answers go out, in order.
 *
 * A connection is one task, and handlers run in it, one after the other: a request costs no task, no promise and no timer.
 * What is pipelined behind a request waits in the stream's buffer until it is its turn, so its amount is bounded by that. Where
 * `limits.pipelined` allows it, handlers of such requests are at work at once, in tasks of their own; the answers go out in
 * order all the same.
 *
 * What cuts a handler short (the client has left, the time is over) cancels the one scope in which the connection works, and
 * says why in `cut`. What there is left to say to the client then is said from outside that scope. So a handler is cancelled
 * as everything else is, and a connection that was cut is over: nobody has to know how far its answer had come.
 */
import { BrokenError, ClosedError, type Coroutine, group, type Group, scope, type Scope } from "rondo";
import type { Address, ByteStream } from "rondo/net";
import { AnswerWriter } from "./answer-writer.ts";
import { HttpError, ProtocolError } from "./errors.ts";
import { IncomingBody } from "./incoming-body.ts";
import { LINGER, linger } from "./linger.ts";
import { HEAD, NEED, type ParserEvent } from "./parser.ts";
import { gather, isLight } from "./pipeline.ts";
import { type Carrier, HttpRequest } from "./request.ts";
import { RequestParser } from "./request-parser.ts";
import { CLOSES, HttpResponse } from "./response.ts";
import { asResponse, isOperation, plainly, type ServerCore } from "./server-core.ts";
import type { Mortal } from "./timeouts.ts";
import { NO_LENGTH, SAY_CLOSE, SILENT } from "./writer.ts";

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

export class ServerConnection implements Mortal, Carrier {
  declare readonly stream: ByteStream;
  declare readonly secure: boolean;
  declare private readonly core: ServerCore;
  declare private parser: RequestParser;
  declare private readonly body: IncomingBody;
  declare private readonly out: AnswerWriter;
  declare private phase: number;
  /** Until when what it waits for may take; those who read bodies and write answers have their own. */
  declare private until: number;
  declare private region: Scope | null;
  declare private cut: Cut | null;
  /** The client has ended its stream; it is gone. */
  declare private ended: boolean;
  declare private gone: boolean;
  /** The request that is being answered. */
  declare private request: HttpRequest | null;
  /** Those behind it that are at work already. */
  declare private behind: HttpRequest[];
  /** The parser has given a head that nobody has looked at. */
  declare private held: boolean;
  /** When it came, in ms of the loop's clock. */
  declare private started: number;
  /** The head of the answer is out, or on its way; and its status. */
  declare private status: number;
  /** Where the stream's counter stood when the answer began. */
  declare private sentBefore: number;
  /** Requests so far. */
  declare private served: number;
  /** Who goes on with the stream. */
  declare private successor: HttpResponse["_upgrade"];

  constructor(core: ServerCore, stream: ByteStream) {
    this.stream = stream;
    this.secure = "tls" in stream;
    this.core = core;
    this.parser = new RequestParser(core.messages);
    this.body = new IncomingBody(core, stream, this.parser);
    this.out = new AnswerWriter(core, stream);
    this.phase = IDLE;
    this.until = Infinity;
    this.region = null;
    this.cut = null;
    this.ended = false;
    this.gone = false;
    this.request = null;
    this.behind = NOBODY;
    this.held = false;
    this.started = 0;
    this.status = 0;
    this.sentBefore = 0;
    this.served = 0;
    this.successor = null;
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
      const outcome = yield* scope((region) => this.all(region), SERVING);
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
      for (; this.request !== null; this.request = this.behind.shift() ?? null) this.abandoned(this.request);
    }
  }

  /**
   * The requests, and then whoever goes on with the stream: in the same scope, since the handler may have opened something for
   * it, and here, where nothing of the request is on the stack any more. It may last for days, and there may be very many.
   */
  private *all(region: Scope): Coroutine<void> {
    yield* this.run(region);
    if (this.successor !== null) yield* this.successor(this.stream);
  }

  // ---- requests, one after the other --------------------------------------------------------------------------------

  private *run(region: Scope): Coroutine<void> {
    const { core, stream, parser, out } = this;
    const { timeouts, limits } = core;
    this.region = region;
    for (;;) {
      let event: ParserEvent;
      try {
        event = this.held ? HEAD : parser.next();
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
      if (this.phase === IDLE) this.started = core.loop.now(); // it was there already, behind the one before
      this.held = false;
      const { head } = parser;
      const request = new HttpRequest(this, head);
      this.request = request;
      this.status = 0;
      if (head.length === 0) parser.next();
      else this.body.begin(head.length, head.expectsContinue);
      core.requests++;
      core.inFlight++;
      this.handling();
      if (limits.pipelined > 1 && parser.buffered > 0 && isLight(head)) {
        const found = gather(this, parser, request, limits.pipelined);
        this.held = found.held;
        if (found.requests.length > 1) {
          if (!(yield* this.together(found.requests))) {
            yield* this.linger();
            return;
          }
          this.phase = IDLE;
          this.wait(core.loop.now() + timeouts.idle);
          continue;
        }
      }
      let response: HttpResponse;
      try {
        let answer: unknown = core.handler(request);
        if (!(answer instanceof HttpResponse) && isOperation(answer)) answer = yield* answer;
        response = asResponse(answer);
      } catch (error) {
        response = this.failed(error, request);
        // What the parser has refused once it will refuse for ever.
        if (error instanceof ProtocolError && this.body.open) this.served = Infinity;
      }
      if (response._upgrade !== null) {
        yield* this.give(response);
        return;
      }
      if (this.body.expects && request._claimed) yield* this.body.ask();
      const keeps = this.keeps(request, response);
      let now = core.loop.now();
      this.sending(response, now);
      const small = out.small(response, request, keeps);
      let stays = keeps;
      if (small === null) {
        stays = yield* out.send(response, request, keeps);
        now = core.loop.now();
      } else if (parser.buffered > 0 || this.cut !== null || !stream.tryWrite(small)) {
        // With others waiting behind it, each answer is a point at which other tasks may get their turn.
        const wait = stream.write(small);
        yield* wait;
        if (wait.waiter !== null) now = core.loop.now();
      }
      out.rest();
      this.completed(request, now);
      if (this.body.open) {
        // Somebody reads it beside the handler, and has not noticed that it is over: nobody else can read now.
        if (this.body.reading) return;
        if (stays) {
          this.phase = DRAINING;
          this.wait(now + timeouts.body);
          stays = yield* this.body.drain();
          now = core.loop.now();
        }
      }
      if (!stays) {
        if (head.persistent || this.body.open || parser.buffered > 0 || stream.buffered > 0) yield* this.linger();
        return;
      }
      this.phase = IDLE;
      this.wait(now + timeouts.idle);
    }
  }

  /** The handlers of several requests at once, and their answers in order. Gives whether the connection stays. */
  private *together(requests: readonly HttpRequest[]): Coroutine<boolean> {
    const { core } = this;
    this.behind = requests.slice(1);
    core.requests += requests.length - 1;
    core.inFlight += requests.length - 1;
    const stays = yield* group((g) => this.inOrder(g, requests), { name: "pipelined" });
    for (const late of this.behind) this.abandoned(late);
    this.behind = NOBODY;
    return stays;
  }

  private *inOrder(g: Group, requests: readonly HttpRequest[]): Coroutine<boolean> {
    const { core, out } = this;
    const tasks = requests.map((request) => g.spawn(() => this.handled(request), { name: request.path }));
    for (const [i, request] of requests.entries()) {
      const task = tasks[i] as (typeof tasks)[number];
      const response = yield* task;
      const keeps = this.keeps(request, response);
      this.sending(response, core.loop.now());
      const stays = yield* out.send(response, request, keeps);
      out.rest();
      this.completed(request, core.loop.now());
      this.status = 0;
      if (!stays) {
        // Those behind it are not answered: what they have begun is undone, and then it is over.
        for (const late of tasks) late.cancel("the connection ends before its answer");
        return false;
      }
      this.request = this.behind.shift() ?? null;
      this.handling();
    }
    return true;
  }

  private *handled(request: HttpRequest): Coroutine<HttpResponse> {
    try {
      let answer: unknown = this.core.handler(request);
      if (isOperation(answer)) answer = yield* answer;
      const response = asResponse(answer);
      if (response._upgrade === null) return response;
      throw new TypeError("the connection can be given away only with an answer to a request that asks for it");
    } catch (error) {
      return this.failed(error, request);
    }
  }

  /** A handler is at work, for as long as one may be. */
  private handling(): void {
    const { handler } = this.core.timeouts;
    this.phase = HANDLING;
    // It left behind its request: a handler that waits for nothing is quicker than that, as it would be on a socket.
    if (this.left) this.wait(this.started);
    else this.wait(handler === Infinity ? Infinity : this.started + handler);
  }

  /** The answer to what a handler threw. Of one who has left nobody wants to hear, and least of all that he has. */
  private failed(error: unknown, request: HttpRequest): HttpResponse {
    return this.cut === null && !this.gone ? this.core.failed(error, request) : plainly(500, undefined);
  }

  /** Whether another request may follow, as far as that is known before the answer. */
  private keeps(request: HttpRequest, response: HttpResponse): boolean {
    const { head } = request;
    return (
      head.persistent &&
      ++this.served < this.core.limits.requests &&
      !this.core.stopping &&
      (response._flags & CLOSES) === 0 &&
      // An answer in pieces may be made of the body while that comes in. Where it was not, and too much is left, it just closes.
      (this.body.canDrain || (request._claimed && response._inPieces)) &&
      // Behind a CONNECT that was refused may come what was meant for the tunnel, and is no request (RFC 9110 section 9.3.6).
      head.method !== "CONNECT"
    );
  }

  /** An answer is on its way from here on. */
  private sending(response: HttpResponse, now: number): void {
    this.phase = SENDING;
    this.until = Infinity;
    this.status = response.status;
    this.sentBefore = this.stream.bytesWritten;
    this.core.time = now;
    this.out.begin(now);
  }

  /** Gives the stream to somebody else, with what has been read ahead, and lets go of what only requests need. */
  private *give(response: HttpResponse): Coroutine<void> {
    const { core, stream, parser, body } = this;
    if (!(yield* body.drain())) {
      yield* this.refuse(new HttpError(400, "a request to go on with another protocol has too long a body"));
      return;
    }
    this.sending(response, core.loop.now());
    yield* stream.write(this.out.head(response, NO_LENGTH, SILENT));
    this.out.rest();
    this.completed(this.request as HttpRequest, core.loop.now());
    this.phase = GIVEN;
    stream.watch(null);
    const early = parser.rest();
    if (early.length > 0) stream.unread(early);
    this.successor = response._upgrade;
    this.parser = NO_PARSER;
    body.retire(NO_PARSER);
  }

  // ---- ends ---------------------------------------------------------------------------------------------------------

  /** An answer to what was no request, and the end. */
  private *refuse(error: HttpError): Coroutine<void> {
    const { core } = this;
    const response = plainly(error.status, error.message);
    this.phase = SENDING;
    this.until = Infinity;
    core.answered(error.status);
    core.time = core.loop.now();
    yield* this.out.writePiece(this.out.whole(response, response.body as string, SAY_CLOSE));
    this.out.rest();
    yield* this.linger();
  }

  private *linger(): Coroutine<void> {
    this.phase = LINGERING;
    this.wait(this.core.loop.now() + LINGER);
    yield* linger(this.stream);
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
    for (const request of this.behind) request._controller?.abort(reason);
  }

  private peerLeft(how: "ended" | "gone"): void {
    if (how === "ended") this.ended = true;
    else this.gone = true;
    // Between two requests it is the reader who hears of it, after all that was sent before.
    if (this.request !== null && this.left) this.cutBy("client left");
  }

  /** Nobody is there to be answered. */
  private get left(): boolean {
    return this.gone || (this.ended && !this.core.halfClose);
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
    return Math.min(this.until, this.body.until, this.out.until);
  }

  private wait(until: number): void {
    this.until = until;
    this.core.watch.sooner(until);
  }

  expire(): void {
    const { body, out } = this;
    const { timedOut } = this.core;
    const { deadline } = this;
    if (deadline === out.until) {
      out.until = Infinity;
      timedOut.write++;
      if (this.region === null) this.stream.abort();
      else this.cutBy("write timeout");
      return;
    }
    if (deadline === body.until) {
      body.until = Infinity;
      timedOut.body++;
      this.cutBy("body timeout");
      return;
    }
    this.until = Infinity;
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
        if (this.left) {
          this.cutBy("client left");
          return;
        }
        timedOut.handler++;
        this.cutBy("handler timeout");
        return;
      default:
        this.stream.abort();
    }
  }

  // ---- what is told of requests -------------------------------------------------------------------------------------

  private completed(request: HttpRequest, now: number): void {
    const { stream } = this;
    this.request = null;
    this.core.completed(stream, request, this.status, stream.bytesWritten - this.sentBefore, now - this.started);
  }

  private abandoned(request: HttpRequest): void {
    const { core, stream, cut } = this;
    const status = this.status !== 0 ? this.status : cut === "handler timeout" ? 503 : cut === "body timeout" ? 408 : 0;
    const bytes = status === 0 ? 0 : stream.bytesWritten - this.sentBefore;
    core.abandonedOne(stream, request, status, bytes, core.loop.now() - this.started, cut ?? "cancelled");
    if (cut === null) request._controller?.abort(new ClosedError(`${stream.label}: the server was cancelled`));
  }

  // ---- for requests -------------------------------------------------------------------------------------------------

  /** @internal */
  readBody(request: HttpRequest): Coroutine<Uint8Array | undefined> {
    return request.length === 0 ? noBody() : this.body.next(request, this.over(request));
  }

  private over(request: HttpRequest): () => "no" | "answered" | "yes" {
    return () => (this.request !== request ? "yes" : this.status === 0 ? "no" : "answered");
  }

  get remoteAddress(): Address | undefined {
    return this.stream.remoteAddress;
  }

  get buffered(): number {
    return this.core.limits.buffered;
  }

  /** @internal */
  fate(request: HttpRequest): { readonly over: boolean; readonly reason: unknown } {
    const over = this.cut !== null || (this.request !== request && !this.behind.includes(request));
    return {
      over,
      reason: over ? new ClosedError(`${this.stream.label}: ${this.cut ?? "the request is over"}`) : undefined,
    };
  }
}

const SERVING = { name: "connection" };

const NOBODY: HttpRequest[] = [];

/** Of a connection that was given away. */
const NO_PARSER: RequestParser = new RequestParser();

/** What there is to read of no body. */
function* noBody(): Coroutine<undefined> {
  return undefined;
}
