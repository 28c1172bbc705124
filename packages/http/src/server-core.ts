/**
 * What all connections of a server share: the handler, how long and how much, what is counted, the date, the log.
 */
import { BrokenError, type Coroutine, type Group, type Loop, type Operation, stopping } from "rondo";
import type { ByteStream } from "rondo/net";
import type { AccessEntry, Logger } from "./access-log.ts";
import { HttpError } from "./errors.ts";
import { limitsFrom, type MessageLimits, REQUEST_LIMITS } from "./limits.ts";
import { Histogram, type ServerMetrics } from "./metrics.ts";
import type { HttpRequest } from "./request.ts";
import { HttpResponse, text } from "./response.ts";
import type { ServerConnection } from "./connection.ts";
import { REASONS } from "./status.ts";
import { numbersFrom, SERVER_LIMITS, type ServerLimits, TIMEOUTS, type Timeouts, Watch } from "./timeouts.ts";
import { ResponseWriter } from "./writer.ts";

/** What a handler may give: an answer of ours, or the platform's. */
export type Answer = HttpResponse | Response;

/** What answers requests: an operation that gives an answer, or an answer at once. */
export type RequestHandler = (request: HttpRequest) => Operation<Answer> | Answer;

/** How connections are served. */
export interface ConnectionOptions {
  /** How much is taken; what is not said is `REQUEST_LIMITS` and `SERVER_LIMITS`. */
  readonly limits?: Partial<MessageLimits & ServerLimits> | undefined;
  /** How long is waited, in ms; what is not said is `TIMEOUTS`. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /**
   * A client that ends its stream still listens: its request is answered. Otherwise (the default) the end of its stream
   * while the handler runs means that it has left, and the handler is cancelled.
   */
  readonly halfClose?: boolean | undefined;
  /** Gets a line for each request, and the failures of handlers: pino, or anything of its shape. */
  readonly log?: Logger | undefined;
  /** Whether the client is told what a handler has thrown. Default false: it gets a 500 and no more. */
  readonly development?: boolean | undefined;
  /**
   * Makes the answer to what a handler threw, in place of the usual one. What it throws itself is a 500. The failure has been
   * logged before.
   */
  readonly onError?: ((error: unknown, request: HttpRequest) => Answer | undefined) | undefined;
}

/** How long the clock on the wall is taken to go as the loop's does, in ms: so late a change of it may show. */
const SHOWN = 250;

export class ServerCore {
  declare readonly handler: RequestHandler;
  declare readonly messages: MessageLimits;
  declare readonly limits: ServerLimits;
  declare readonly timeouts: Timeouts;
  declare readonly halfClose: boolean;
  declare readonly log: Logger | undefined;
  declare readonly development: boolean;
  declare readonly onError: ConnectionOptions["onError"];
  declare readonly connections: Set<ServerConnection>;
  declare readonly watch: Watch;
  declare loop: Loop;
  /** Asked to stop: the answers that are under way are the last ones of their connections. */
  declare stopping: boolean;
  /** With the date, which it makes once a second. */
  declare readonly writer: ResponseWriter;
  /** The loop's clock, as it was last read for an answer. */
  declare time: number;
  /** When the clock on the wall was read, and what it showed. */
  declare private readAt: number;
  declare private read: number;
  declare accepted: number;
  declare requests: number;
  declare inFlight: number;
  declare readonly responses: number[];
  declare abandoned: number;
  declare malformed: number;
  declare readonly timedOut: { head: number; body: number; idle: number; handler: number; write: number };
  declare readonly latency: Histogram;

  constructor(handler: RequestHandler, options: ConnectionOptions) {
    if (typeof handler !== "function")
      throw new TypeError("a server takes a handler: a function* (request) {…} that gives an answer");
    this.handler = handler;
    this.messages = limitsFrom(options.limits, REQUEST_LIMITS);
    this.limits = numbersFrom(options.limits, SERVER_LIMITS, "limits");
    this.timeouts = numbersFrom(options.timeouts, TIMEOUTS, "timeouts");
    this.halfClose = options.halfClose === true;
    this.log = options.log;
    this.development = options.development === true;
    this.onError = options.onError;
    this.connections = new Set();
    this.watch = new Watch(this.connections);
    this.loop = undefined as unknown as Loop;
    this.stopping = false;
    this.time = 0;
    this.readAt = -Infinity;
    this.read = 0;
    this.writer = new ResponseWriter(() => this.wallClock());
    this.accepted = 0;
    this.requests = 0;
    this.inFlight = 0;
    this.responses = [0, 0, 0, 0, 0, 0];
    this.abandoned = 0;
    this.malformed = 0;
    this.timedOut = { head: 0, body: 0, idle: 0, handler: 0, write: 0 };
    this.latency = new Histogram();
  }

  /** Looks after deadlines, and after being asked to stop, as daemons of a group; once, before the first connection. */
  begin(g: Group): void {
    const task = g.spawn(() => this.watch.run(() => this.loop.now()), { name: "deadlines", daemon: true });
    this.loop = task.loop;
    g.spawn(() => this.untilStopped(), { name: "stop", daemon: true });
  }

  /** The time of day at `time`. A clock costs as much as a small answer, so this one is read a few times a second. */
  private wallClock(): number {
    const past = this.time - this.readAt;
    if (past >= 0 && past < SHOWN) return this.read + past;
    this.readAt = this.time;
    return (this.read = this.loop.host.wallClock());
  }

  private *untilStopped(): Coroutine<void> {
    yield* stopping();
    this.drain();
  }

  /** The answers that are under way are the last ones; who is between two of them goes now. */
  drain(): void {
    this.stopping = true;
    for (const connection of this.connections) connection.drain();
  }

  /** The answer to what a handler threw. */
  failed(error: unknown, request: HttpRequest): HttpResponse {
    const status = error instanceof HttpError ? error.status : 500;
    if (status >= 500) this.tell(error, request, "a handler has failed");
    if (this.onError !== undefined) {
      try {
        const answer = this.onError(error, request);
        if (answer !== undefined) return asResponse(answer);
      } catch (worse) {
        this.tell(worse, request, "onError of a server has failed");
      }
    }
    if (error instanceof HttpError && status >= 400 && status <= 599) return plainly(status, error.message);
    return plainly(500, this.development ? String((error as Partial<Error> | null)?.stack ?? error) : undefined);
  }

  /** To the log, or, where there is none, as a report of the host. */
  tell(error: unknown, request: HttpRequest | null, message: string): void {
    const what = request === null ? message : `${message}: ${request.method} ${request.path}`;
    if (this.log === undefined) {
      this.loop.report({ kind: "request", message: what, error });
      return;
    }
    try {
      this.log.error({ err: error }, what);
    } catch {
      // A log that fails has nobody to tell.
    }
  }

  /**
   * A connection has failed. What its peer did to it (it speaks no TLS, does not accept the certificate) is no failure of this
   * side: anybody can do it as often as they like, so only a log hears of it, in a line.
   */
  lost(error: unknown, stream: ByteStream): void {
    if (!(error instanceof BrokenError)) {
      this.tell(error, null, `the connection ${stream.label} has failed`);
      return;
    }
    try {
      this.log?.info({ reason: error.message }, "connection lost");
    } catch {
      // A log that fails has nobody to tell.
    }
  }

  /** A request was answered. */
  completed(stream: ByteStream, request: HttpRequest, status: number, bytes: number, ms: number): void {
    this.inFlight--;
    this.answered(status);
    this.latency.add(ms);
    if (this.log !== undefined) logRequest(this.log, stream, request, status, bytes, ms, undefined);
  }

  /** A request was not answered, or not to the end, and why; the status is 0 where nothing was said at all. */
  abandonedOne(stream: ByteStream, request: HttpRequest, status: number, bytes: number, ms: number, why: string): void {
    this.inFlight--;
    this.abandoned++;
    if (this.log !== undefined) logRequest(this.log, stream, request, status, bytes, ms, why);
  }

  /** An answer with this status is on its way. */
  answered(status: number): void {
    const digit = (status / 100) | 0;
    if (digit < 6) this.responses[digit] = (this.responses[digit] as number) + 1;
  }

  metrics(): ServerMetrics {
    let idle = 0;
    for (const connection of this.connections) if (connection.idle) idle++;
    return {
      connections: this.connections.size,
      idle,
      accepted: this.accepted,
      requests: this.requests,
      inFlight: this.inFlight,
      responses: [...this.responses],
      abandoned: this.abandoned,
      malformed: this.malformed,
      timedOut: { ...this.timedOut },
      latency: this.latency.data(),
    };
  }
}

/** A line of the access log. */
function logRequest(
  log: Logger,
  stream: ByteStream,
  request: HttpRequest,
  status: number,
  bytes: number,
  ms: number,
  aborted: string | undefined,
): void {
  const remote = stream.remoteAddress;
  const entry: AccessEntry = {
    req: {
      method: request.method,
      url: request.target,
      remoteAddress: remote?.host,
      remotePort: remote?.port,
    },
    res: status === 0 ? undefined : { statusCode: status, bytes },
    responseTime: Math.round(ms * 1000) / 1000,
    ...(aborted === undefined ? {} : { aborted }),
  };
  try {
    log.info(entry, aborted === undefined ? "request completed" : "request aborted");
  } catch {
    // A log that fails must not end a connection, and has nobody to tell.
  }
}

/** A status in plain text. */
export function plainly(status: number, message: string | undefined): HttpResponse {
  return text(`${message ?? REASONS[status] ?? status}\n`, { status });
}

/** Whether something is to be run. */
export function isOperation(value: unknown): value is Operation<unknown> {
  return typeof (value as Partial<Operation<unknown>> | null | undefined)?.[Symbol.iterator] === "function";
}

/** An answer as an `HttpResponse`. Throws a `TypeError` that says what else it is. */
export function asResponse(answer: unknown): HttpResponse {
  if (answer instanceof HttpResponse) return answer;
  if (typeof Response === "function" && answer instanceof Response) return fromWeb(answer);
  if (typeof (answer as { then?: unknown } | null | undefined)?.then === "function")
    throw new TypeError(
      "the handler gave a promise: write function* and wait with until(), or mount() a handler in the style of fetch",
    );
  throw new TypeError(`the handler gave ${String(answer)} and no answer: return text(…), json(…), a Response, …`);
}

/** The platform's `Response` as one of ours. */
function fromWeb(response: Response): HttpResponse {
  if (response.bodyUsed || response.body?.locked === true)
    throw new TypeError("the handler gave a Response whose body was read already: make a new one for each request");
  if (response.type === "error") return plainly(502, undefined);
  const { status, statusText } = response;
  let { headers } = response;
  if (headers.has("transfer-encoding")) {
    // Frameworks add it by hand to what they stream. The connection does so too, where it is right.
    headers = new Headers(headers);
    headers.delete("transfer-encoding");
  }
  return new HttpResponse(response.body, {
    status,
    ...(statusText === "" ? {} : { reason: statusText }),
    headers,
  });
}
