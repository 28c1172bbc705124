/**
 * The client: requests out, answers in.
 *
 * A request goes through four hands, each of which knows one thing: `fetch` follows redirects, `attempts` tries again,
 * `once` has a connection and notices one that had died, and `exchange` speaks HTTP on it. Whatever way out is taken of any
 * of them, the connection goes back to its pool clean, or is closed.
 */
import {
  BrokenError,
  type Coroutine,
  currentGroup,
  defer,
  Flow,
  now,
  type Task,
  timeout as within,
  TimeoutError,
} from "rondo";
import { ConnectError, retry, TlsError } from "rondo/net";
import { CookieJar } from "tough-cookie";

import { codings } from "../coding.ts";
import { HttpError, TruncatedError } from "../errors.ts";
import { fieldLine, type HttpHeaders } from "../headers.ts";
import type { ResponseHead } from "../response-parser.ts";
import { utf8Length } from "../tokens.ts";
import { IN_CHUNKS, latin1Bytes, NO_LENGTH, requestText, SAY_CLOSE, SILENT, withBytes, withText } from "../writer.ts";
import { type Outgoing, outgoing } from "./body.ts";
import { ClientConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { Fields } from "./fields.ts";
import type { ClientOptions, FetchOptions, RetrySettings } from "./options.ts";
import { Pools, Single } from "./pools.ts";
import { base64, environment, type Proxy, proxyAt, proxyFrom } from "./proxy.ts";
import { type Asking, elsewhere, isRedirect } from "./redirect.ts";
import { ClientResponse, type Loan, type ResponseContext, type ResponseTiming } from "./response.ts";
import { pauseOf } from "./retry-after.ts";
import { Sender } from "./sender.ts";
import { type Target, targetOf } from "./target.ts";

const MINUTE = 60_000;
const MAX_REDIRECTS = 20;
const MAX_DECODED = 256 * 1024 * 1024;
const MAX_BUFFERED = 64 * 1024 * 1024;
/**
 * A body with more bytes is sent while the answer is read: a server that answers as it reads, and is not read itself, stops
 * reading, and then both would wait for ever.
 */
const AT_ONCE = 64 * 1024;

/** May be sent twice without harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
const WORTH_A_RETRY: readonly number[] = [429, 502, 503, 504];

/**
 * Opens a client: connections that are kept and shared, cookies, a proxy. It is closed at the end of the current scope, and
 * its tasks belong to the group around. Not a switch point.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { openClient, serve, text } from "@rondo/http";
 *
 * await run(() =>
 *   group(function* () {
 *     const server = yield* serve({ port: 0, host: "127.0.0.1", handler: (request) => text(`hello from ${request.path}`) });
 *     const client = openClient({ baseUrl: server.url });
 *     for (const path of ["/a", "/b"]) {
 *       const response = yield* client.fetch(path);
 *       console.log(response.status, yield* response.text());
 *     }
 *     server.stop();
 *   }),
 * );
 * // prints: 200 hello from /a
 * // prints: 200 hello from /b
 * ```
 */
export function openClient(options: ClientOptions = {}): Client {
  const client = new Client(options);
  client.open();
  defer(() => client.close());
  return client;
}

/** Makes requests; opened by {@link openClient}. */
export class Client {
  private readonly options: ClientOptions;
  /** Of requests that say nothing themselves; made once. */
  private readonly ownLines: string;
  private readonly ownFields: Fields;
  private readonly jar: CookieJar | undefined;
  private readonly fixedProxy: Proxy | null | undefined;
  private readonly pools: Pools;
  private keeper: Task | undefined;

  /** @internal */
  constructor(options: ClientOptions) {
    this.options = options;
    const fields: [string, string][] = [
      ["User-Agent", "rondo"],
      ["Accept", "*/*"],
    ];
    const known = codings();
    if (options.raw !== true && known.length > 0) fields.push(["Accept-Encoding", known.join(", ")]);
    this.ownFields = new Fields(fields).with(options.headers);
    this.ownLines = this.ownFields.text();
    this.jar = options.cookies === true ? new CookieJar() : options.cookies === false ? undefined : options.cookies;
    this.fixedProxy = options.proxy === undefined ? undefined : options.proxy === null ? null : proxyAt(options.proxy);
    this.pools = new Pools({
      maxPerHost: options.maxPerHost ?? 64,
      maxConnecting: 8,
      idle: options.keepAlive ?? 15_000,
      waitTimeout: Infinity,
      limits: options.limits,
      dial: this.dialing(),
    });
    this.keeper = undefined;
  }

  /** @internal */
  open(): void {
    this.keeper = currentGroup().spawn(() => this.pools.keep(), { daemon: true, name: "http client" });
  }

  /** Closes what is not in use, and lets nobody in any more. Not a switch point. */
  close(): void {
    this.pools.close();
    this.keeper?.cancel("the client is closed");
  }

  /** The cookies that it keeps; undefined where it keeps none. */
  get cookies(): CookieJar | undefined {
    return this.jar;
  }

  /** Connections by origin. */
  statistics(): Record<string, { readonly idle: number; readonly lent: number; readonly waiters: number }> {
    return this.pools.statistics();
  }

  /**
   * Asks for something, and gives the answer when its head is there. A switch point.
   *
   * The body is read from the answer; what nobody reads of it is given up at the end of the scope in which `fetch` was
   * called, or by `close()`.
   *
   * Throws a `ConnectError` or a `TlsError` where nobody could be reached, a `TimeoutError`, a `BrokenError` where the server
   * closed instead of answering, a `ProtocolError` for what is no HTTP, an `HttpError` for a redirect that leads nowhere. A
   * status of 400 and above is an answer like any other.
   */
  *fetch(url: string | URL, options: FetchOptions = NOTHING): Coroutine<ClientResponse> {
    const ms = options.timeout ?? this.options.timeout ?? MINUTE;
    const base = this.options.baseUrl;
    const target = targetOf(base === undefined ? url : new URL(url, base).href);
    const body = outgoing(options.body, options.json);
    const asking: Asking = {
      method: options.method ?? (body.content === null ? "GET" : "POST"),
      target,
      headers: options.headers === undefined ? this.ownFields : this.ownFields.with(options.headers),
      body,
      redirected: false,
    };
    const response =
      ms === Infinity
        ? yield* this.follow(asking, options)
        : yield* within(ms, this.follow(asking, options), { name: target.href });
    if (!response.free) response.closedBy(defer(() => response.close()));
    return response;
  }

  private *follow(first: Asking, options: FetchOptions): Coroutine<ClientResponse> {
    const { redirect = this.options.redirect ?? "follow" } = options;
    const most = options.maxRedirects ?? this.options.maxRedirects ?? MAX_REDIRECTS;
    let asking = first;
    for (let count = 0; ; count++) {
      const response = yield* this.attempts(asking, options);
      const location = isRedirect(response.status) ? response.headers.get("location") : undefined;
      if (location === undefined || redirect === "manual") return response;
      response.close();
      if (redirect === "error")
        throw new HttpError(
          502,
          `${asking.target.href} leads elsewhere (${response.status} to ${location}), which is not wanted`,
        );
      if (count >= most)
        throw new HttpError(
          502,
          `${first.target.href} leads to another place ${most} times, last to ${location}: it may lead in a circle`,
        );
      asking = elsewhere(asking, response.status, location);
    }
  }

  private attempts(asking: Asking, options: FetchOptions): Coroutine<ClientResponse> {
    const settings = options.retry ?? this.options.retry;
    if (settings === undefined || settings.attempts <= 1) return this.once(asking, options);
    return this.tryAgain(asking, options, settings);
  }

  private *tryAgain(asking: Asking, options: FetchOptions, settings: RetrySettings): Coroutine<ClientResponse> {
    const { attempts, backoff, statuses = WORTH_A_RETRY, maxPause = MINUTE } = settings;
    const again = (settings.unsafe === true || IDEMPOTENT.has(asking.method)) && asking.body.repeats;
    let last: ClientResponse | undefined;
    const client = this;
    function* attempt(count: number): Coroutine<ClientResponse> {
      last?.close();
      last = undefined;
      const response = yield* client.once(asking, options);
      if (!again || count >= attempts || !statuses.includes(response.status)) return response;
      const pause = pauseOf(response.headers.get("retry-after"), Date.now());
      if (pause !== undefined && pause > maxPause) return response;
      last = response;
      throw new StatusError(response.status, pause);
    }
    try {
      return yield* retry(attempt, {
        attempts,
        backoff,
        when: (error) => error instanceof StatusError || (again && mayGoBetter(error)),
        retryAfter: (error) => (error instanceof StatusError ? error.pause : undefined),
        name: asking.target.href,
      });
    } catch (error) {
      // No time for the pause: then the answer is what there is.
      if (error instanceof StatusError && last !== undefined) return last;
      throw error;
    }
  }

  /** One request, and once more where it went to a connection that had died in its sleep. */
  private *once(asking: Asking, options: FetchOptions): Coroutine<ClientResponse> {
    const { method, target, body } = asking;
    const proxy = this.proxyFor(target);
    for (;;) {
      const { onRequest } = this.options;
      if (onRequest !== undefined) yield* onRequest({ method, url: target.href }) ?? [];
      const loan = yield* this.borrow(target, proxy, options.keepAlive ?? true);
      const { connection } = loan;
      const reused = connection.uses > 0;
      const timing: ResponseTiming = { connected: now(), reused };
      try {
        return yield* this.exchange(loan, asking, options, proxy, timing);
      } catch (error) {
        const unheard = reused && !connection.answered && error instanceof BrokenError;
        if (!unheard || (!(body.repeats && IDEMPOTENT.has(method)) && connection.written > 0)) throw error;
      }
    }
  }

  /** @internal */
  protected *borrow(target: Target, proxy: Proxy | undefined, keep: boolean): Coroutine<Loan> {
    // A pool for one request would be made to be thrown away.
    if (keep || this.pools.has(target, proxy)) return yield* this.pools.borrow(target, proxy);
    return new Single(new ClientConnection(yield* dial(target, proxy, this.dialing()), this.options.limits));
  }

  private *exchange(
    loan: Loan,
    asking: Asking,
    options: FetchOptions,
    proxy: Proxy | undefined,
    timing: ResponseTiming,
  ): Coroutine<ClientResponse> {
    const { connection } = loan;
    const { method, target, body } = asking;
    let sender: Sender | undefined;
    let mine = true;
    try {
      const { content } = body;
      const streamed = content instanceof Flow;
      const alone = this.alone || options.keepAlive === false;
      const waits = options.expectContinue !== undefined && content !== null;
      const length = streamed ? IN_CHUNKS : lengthOf(content, method);
      const beside = streamed || waits || length > AT_ONCE;
      const text = requestText(
        method,
        proxy !== undefined && !target.secure ? target.href : target.path,
        target.host,
        this.linesFor(asking, proxy, waits),
        length,
        alone ? SAY_CLOSE : SILENT,
      );
      let head: ResponseHead;
      if (!beside) {
        yield* connection.send(method, whole(text, content, length), alone);
        head = yield* connection.readHead(options.onInterim);
      } else {
        yield* connection.send(method, latin1Bytes(text), alone);
        sender = new Sender(
          connection,
          content as string | Uint8Array | Flow<Uint8Array | string>,
          options.expectContinue,
        );
        head = yield* sender.headOf(options.onInterim);
      }
      const response = new ClientResponse(
        head,
        sender === undefined ? loan : sender.guard(loan),
        this.contextFor(asking, options, timing),
      );
      mine = false;
      if (this.jar !== undefined) keepCookies(this.jar, target, response.headers);
      return response;
    } catch (error) {
      throw sender?.failure ?? error;
    } finally {
      if (mine) {
        sender?.cancel();
        connection.abort();
        loan.release();
      }
    }
  }

  /** Whether each connection carries one request only. @internal */
  protected get alone(): boolean {
    return false;
  }

  private linesFor(asking: Asking, proxy: Proxy | undefined, waits: boolean): string {
    const { headers, target, body } = asking;
    let lines = headers === this.ownFields ? this.ownLines : headers.text();
    if (body.type !== undefined && !headers.has("content-type")) lines += fieldLine("Content-Type", body.type);
    if (waits) lines += "Expect: 100-continue\r\n";
    if (target.credentials !== undefined && !headers.has("authorization"))
      lines += fieldLine("Authorization", `Basic ${base64(target.credentials)}`);
    if (proxy?.authorization !== undefined && !target.secure)
      lines += fieldLine("Proxy-Authorization", proxy.authorization);
    if (this.jar !== undefined && !headers.has("cookie")) {
      const cookies = this.jar.getCookieStringSync(target.href);
      if (cookies !== "") lines += fieldLine("Cookie", cookies);
    }
    return lines;
  }

  private contextFor(asking: Asking, options: FetchOptions, timing: ResponseTiming): ResponseContext {
    const own = this.options;
    const idle = options.idleTimeout ?? own.idleTimeout ?? MINUTE;
    const { href } = asking.target;
    return {
      url: href,
      redirected: asking.redirected,
      method: asking.method,
      timing,
      raw: options.raw ?? own.raw ?? false,
      maxDecoded: own.maxDecoded ?? MAX_DECODED,
      maxBuffered: own.maxBuffered ?? MAX_BUFFERED,
      patience:
        idle === Infinity
          ? null
          : (read) => within(idle, read, { name: `the body of ${href}` }) as Coroutine<Uint8Array | undefined>,
    };
  }

  /** @internal */
  protected proxyFor(target: Target): Proxy | undefined {
    if (this.options.unix !== undefined || this.fixedProxy === null) return undefined;
    return this.fixedProxy ?? proxyFrom(environment(), target);
  }

  /** @internal */
  protected dialing(): Parameters<typeof dial>[2] {
    const { connectTimeout = 10_000, tls, unix, localAddress, family, refuse } = this.options;
    return { timeout: connectTimeout, tls, unix, localAddress, family, refuse };
  }
}

/** A client whose connections carry one request each. */
class OneShot extends Client {
  protected override get alone(): boolean {
    return true;
  }

  protected override borrow(target: Target, proxy: Proxy | undefined): Coroutine<Loan> {
    return super.borrow(target, proxy, false);
  }
}

let oneShot: OneShot | undefined;

/**
 * Asks for something once, on a connection of its own, and gives the answer when its head is there. For more than a few
 * requests open a client, which keeps connections. Throws as {@link Client.fetch}. A switch point.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { fetch, json, serve } from "@rondo/http";
 *
 * await run(() =>
 *   group(function* () {
 *     const server = yield* serve({
 *       port: 0,
 *       host: "127.0.0.1",
 *       *handler(request) {
 *         return json({ got: yield* request.json() });
 *       },
 *     });
 *     const response = yield* fetch(`${server.url}`, { json: { n: 1 } });
 *     console.log(response.status, yield* response.json()); // prints: 200 { got: { n: 1 } }
 *     server.stop();
 *   }),
 * );
 * ```
 */
export function fetch(url: string | URL, options?: FetchOptions): Coroutine<ClientResponse> {
  oneShot ??= new OneShot({});
  return oneShot.fetch(url, options);
}

const NOTHING: FetchOptions = {};

// ---- retries ------------------------------------------------------------------------------------------

/** A status that is worth another try; never seen by callers. */
class StatusError extends Error {
  readonly pause: number | undefined;
  constructor(status: number, pause: number | undefined) {
    super(`the server said ${status}`);
    this.pause = pause;
  }
}

function mayGoBetter(error: unknown): boolean {
  if (error instanceof TlsError) return false;
  return (
    error instanceof ConnectError ||
    error instanceof BrokenError ||
    error instanceof TruncatedError ||
    error instanceof TimeoutError
  );
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

/** What `Content-Length` is to say; methods that mostly have a body say 0 where there is none (RFC 9110 section 8.6). */
function lengthOf(content: Outgoing["content"], method: string): number {
  if (content === null) return method === "POST" || method === "PUT" || method === "PATCH" ? 0 : NO_LENGTH;
  if (typeof content === "string") return utf8Length(content);
  return (content as Uint8Array).length;
}

function whole(text: string, content: Outgoing["content"], length: number): Uint8Array | readonly Uint8Array[] {
  if (content === null) return latin1Bytes(text);
  if (typeof content === "string") return withText(text, content, length);
  const bytes = content as Uint8Array;
  return bytes.length <= 16 * 1024 ? withBytes(text, bytes) : [latin1Bytes(text), bytes];
}

// ---- the world ------------------------------------------------------------------------------------------------------

function keepCookies(jar: CookieJar, target: Target, headers: HttpHeaders): void {
  for (const cookie of headers.getAll("set-cookie")) jar.setCookieSync(cookie, target.href, { ignoreError: true });
}
