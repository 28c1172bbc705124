/** What a client and a request can be told. Times are in ms, sizes in bytes. */
import type { Operation } from "rondo";
import type { Backoff, ClientSettings } from "rondo/net";
import type { CookieJar } from "tough-cookie";

import type { HeadersSource } from "../headers.ts";
import type { MessageLimits } from "../limits.ts";
import type { ResponseHead } from "../response-parser.ts";
import type { RequestBody } from "./body.ts";

/** How one request is made. */
export interface FetchOptions {
  /** `GET` where nothing is said, `POST` where there is a body. */
  readonly method?: string | undefined;
  /** Replace the client's own of the same names. */
  readonly headers?: HeadersSource | undefined;
  readonly body?: RequestBody | null | undefined;
  /** A value that is sent as JSON. */
  readonly json?: unknown;
  /**
   * What becomes of an answer that says "elsewhere": it is followed (where nothing is said), given to the caller, or an error.
   * What was given in `headers` to prove who one is, and cookies, do not go along to another origin.
   */
  readonly redirect?: "follow" | "manual" | "error" | undefined;
  /** How many redirects are followed; 20 where nothing is said. */
  readonly maxRedirects?: number | undefined;
  /** How long it may take until the head of the answer is there, redirects and retries with it; a minute where nothing is said. */
  readonly timeout?: number | undefined;
  /** How long the server may be silent in the middle of a body; a minute where nothing is said. */
  readonly idleTimeout?: number | undefined;
  /**
   * How often and when a request is tried again, that can be sent twice without harm (RFC 9110 section 9.2.2): where nobody
   * could be reached, the connection broke, or the server said 429, 502, 503 or 504, after as long as it says. Once, where
   * nothing is said, so never again.
   */
  readonly retry?: RetrySettings | undefined;
  /** Bodies are given as they came, with their content codings. */
  readonly raw?: boolean | undefined;
  /**
   * False where the connection will not be used again: the server is told, and it is closed behind the answer. For who asks
   * many hosts for one thing each.
   */
  readonly keepAlive?: boolean | undefined;
  /** Waits for the server's consent before the body is sent (`Expect: 100-continue`), for as long as this, in ms. */
  readonly expectContinue?: number | undefined;
  /** Hears of each interim answer (103 Early Hints). */
  readonly onInterim?: ((head: ResponseHead) => void) | undefined;
}

/** When a request is tried again. */
export interface RetrySettings {
  /** How many tries there are in all. */
  readonly attempts: number;
  readonly backoff?: number | Backoff | undefined;
  /** Statuses that are worth another try; 429, 502, 503, 504 where nothing is said. */
  readonly statuses?: readonly number[] | undefined;
  /** Longer than this nobody waits, whatever `Retry-After` says; a minute where nothing is said. */
  readonly maxPause?: number | undefined;
  /** Also methods that may do something twice: where the server is known to tell requests apart. */
  readonly unsafe?: boolean | undefined;
}

/** How a client makes requests, where they do not say otherwise themselves. */
export interface ClientOptions extends Pick<
  FetchOptions,
  "redirect" | "maxRedirects" | "timeout" | "idleTimeout" | "retry" | "raw"
> {
  /** Sent with each request. */
  readonly headers?: HeadersSource | undefined;
  /** What relative addresses are relative to. */
  readonly baseUrl?: string | URL | undefined;
  /** Connections to one origin, at most; 64 where nothing is said. */
  readonly maxPerHost?: number | undefined;
  /** How long a connection that nobody uses is kept; 15 s where nothing is said. */
  readonly keepAlive?: number | undefined;
  /** How long connecting may take (names, all attempts, TLS); 10 s where nothing is said. */
  readonly connectTimeout?: number | undefined;
  readonly tls?: ClientSettings | undefined;
  /** Of heads and bodies, as the server sends them. */
  readonly limits?: Partial<MessageLimits> | undefined;
  /** What comes out of a compressed body, at most; 256 MiB where nothing is said. */
  readonly maxDecoded?: number | undefined;
  /** What is put together in memory by `bytes`, `text` and `json`, at most; 64 MiB where nothing is said. */
  readonly maxBuffered?: number | undefined;
  /** The address of a proxy, or none; by the environment (`HTTP_PROXY`, …, `NO_PROXY`) where nothing is said. */
  readonly proxy?: string | URL | null | undefined;
  /** Keeps cookies: `true` for a jar of the client's own. */
  readonly cookies?: boolean | CookieJar | undefined;
  /** A Unix socket that all requests go to. */
  readonly unix?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly family?: 4 | 6 | undefined;
  /**
   * Asked about each IP address before it is connected to, redirects and retries too; what it gives is why not, and is told in
   * a `ConnectError`. Where there is a proxy, that is what is connected to: what it connects to in turn is its own affair. Not
   * asked about a Unix socket.
   */
  readonly refuse?: ((address: string) => string | undefined) | undefined;
  /** Asked before each request is sent, redirects and retries too; what it throws is thrown. For rates and rules. */
  readonly onRequest?:
    | ((request: { readonly method: string; readonly url: string }) => Operation<unknown> | void)
    | undefined;
}
