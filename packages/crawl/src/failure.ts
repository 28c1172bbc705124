// Why a source gave nothing: one word a program can branch on, one sentence a person can act on.
//
// Inside the work a failure travels as a thrown `SourceError`. What is kept of it afterwards is a `Failure`, plain text:
// an Error holds its stack, its cause and through that whole responses, and ten thousand of them would be the memory of
// a long run.
//
// Nothing else is needed for that, so that a thread which only reads does not begin by loading what asks: what an error of
// the network means is in network-error.ts.

/**
 * What kind of failure a source met.
 *
 * - `url`: the address is none that can be fetched. `input`: a list of sources could not be read.
 * - `private`: it leads to an address that is not on the public Internet, and that was not allowed.
 * - `dns`, `refused`, `tls`, `connection`, `protocol`: no name, nobody listening, no trust, cut off, not HTTP.
 * - `timeout`: the source's deadline passed. `asked-to-wait`: its `Retry-After` lies beyond that deadline.
 * - `status`: an answer other than 2xx. `redirect`: a redirect that leads nowhere, in a circle, or too far.
 * - `charset`, `not-text`, `unknown-document`, `malformed`, `empty`: it arrived, and cannot be read.
 * - `robots`: the host's robots.txt does not allow it, or could not be had.
 * - `internal`: an error nobody foresaw; the message names it.
 */
export type FailureKind =
  | "url"
  | "input"
  | "private"
  | "dns"
  | "refused"
  | "tls"
  | "connection"
  | "protocol"
  | "timeout"
  | "asked-to-wait"
  | "status"
  | "redirect"
  | "charset"
  | "not-text"
  | "unknown-document"
  | "malformed"
  | "empty"
  | "robots"
  | "internal";

/** A failure as it is kept and shown: plain data, no stack and nothing that holds a response alive. */
export interface Failure {
  readonly kind: FailureKind;
  /** A sentence without a final stop: what happened and to what. */
  readonly message: string;
  /** What lay beneath, where something did: the message of each cause, outermost first, joined by `: `. */
  readonly cause?: string;
}

/** What a `SourceError` may carry beside its message. */
export interface SourceErrorOptions {
  readonly cause?: unknown;
  /** Another try may help. Default: `false`. */
  readonly retryable?: boolean;
  /** How long the server asked to be left alone, in ms from now. */
  readonly retryAfter?: number;
}

/**
 * The error of one source. The others go on.
 *
 * @example
 * ```ts
 * import { SourceError } from "@rondo/crawl";
 *
 * const error = new SourceError("refused", "nobody listens at example.org:80", { retryable: true });
 * console.log(error.kind, error.retryable); // prints: refused true
 * ```
 */
export class SourceError extends Error {
  readonly kind: FailureKind;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;

  constructor(kind: FailureKind, message: string, options: SourceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SourceError";
    this.kind = kind;
    this.retryable = options.retryable ?? false;
    this.retryAfter = options.retryAfter;
  }
}

/**
 * The plain form of any error: a `SourceError` as it says, everything else as `internal`.
 *
 * @example
 * ```ts
 * import { failureOf, SourceError } from "@rondo/crawl";
 *
 * const { kind, message } = failureOf(new SourceError("status", "a.example answers HTTP 404"));
 * console.log(kind, message); // prints: status a.example answers HTTP 404
 * console.log(failureOf(new TypeError("x is not a function")).kind); // prints: internal
 * ```
 */
export function failureOf(error: unknown): Failure {
  if (error instanceof SourceError) return plain(error.kind, error.message, causes(error.cause));
  if (error instanceof Error) return plain("internal", `${error.name}: ${error.message}`, causes(error.cause));
  return plain("internal", String(error), "");
}

function plain(kind: FailureKind, message: string, cause: string): Failure {
  // A cause that only repeats the message tells a reader nothing.
  return cause === "" || message.includes(cause) ? { kind, message } : { kind, message, cause };
}

function causes(error: unknown): string {
  const said: string[] = [];
  // Five levels are more than fetch ever nests; a bound keeps a circular chain from being endless.
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const message = at instanceof Error ? at.message : typeof at === "string" ? at : "";
    if (message !== "" && !said.includes(message)) said.push(message);
    at = at instanceof Error ? at.cause : undefined;
  }
  return said.join(": ");
}
