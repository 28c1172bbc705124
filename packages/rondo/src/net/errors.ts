/**
 * What can go wrong with a stream of bytes, one class for each thing that a caller may want to tell apart, and the one
 * place where the system's error codes become words.
 *
 * Which side did it is the first thing to know. `ClosedError`: you closed it. `BrokenError`: the peer is gone. What this
 * file adds is more exact, or not about the peer at all.
 */
import { BrokenError } from "../coroutine/errors.ts";

/**
 * More came than was allowed before what was looked for. Nothing is lost: the bytes are still there to be read.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { LimitError, memoryPair } from "rondo/net";
 *
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   yield* client.write("a very long line\n");
 *   try {
 *     yield* server.readUntil("\n", { max: 4 });
 *   } catch (error) {
 *     console.log(error instanceof LimitError, (error as LimitError).limit); // prints: true 4
 *   }
 *   console.log(server.buffered); // prints: 17
 * });
 * ```
 */
export class LimitError extends Error {
  override readonly name: string = "LimitError";
  /** What was allowed, in bytes. */
  readonly limit: number;

  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}

/**
 * The peer ended its stream in the middle of what was asked for. The bytes that came are still there to be read.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { IncompleteError, memoryPair } from "rondo/net";
 *
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   yield* client.write("abc");
 *   yield* client.end();
 *   try {
 *     yield* server.readExactly(10);
 *   } catch (error) {
 *     if (error instanceof IncompleteError) console.log(error.received, error.expected); // prints: 3 10
 *   }
 * });
 * ```
 */
export class IncompleteError extends BrokenError {
  override readonly name: string = "IncompleteError";
  /** How many bytes there are. */
  readonly received: number;
  /** How many were asked for; undefined where a delimiter was. */
  readonly expected: number | undefined;

  constructor(message: string, received: number, expected?: number) {
    super(message);
    this.received = received;
    this.expected = expected;
  }
}

/** One attempt to connect, and why it failed. */
export interface ConnectAttempt {
  /** An IP address, or the path of a Unix socket. */
  readonly address: string;
  /** 0 where there are no ports. */
  readonly port: number;
  readonly error: Error;
}

/**
 * No connection: every attempt failed, and each is here with its reason.
 *
 * @example
 * ```ts
 * import { ConnectError } from "rondo/net";
 *
 * const refused = { address: "127.0.0.1", port: 1, error: new Error("refused") };
 * const error = new ConnectError("localhost:1 cannot be reached", [refused]);
 * console.log(error.attempts.length, error.message); // prints: 1 localhost:1 cannot be reached
 * ```
 */
export class ConnectError extends Error {
  override readonly name: string = "ConnectError";
  /** In the order in which they were begun. */
  readonly attempts: readonly ConnectAttempt[];

  constructor(message: string, attempts: readonly ConnectAttempt[], options?: ErrorOptions) {
    super(message, options);
    this.attempts = attempts;
  }
}

/**
 * An address that the caller does not want to be connected to, by its own `refuse`. It is the error of an attempt, in a
 * {@link ConnectError}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { AddressRefusedError, connect, ConnectError } from "rondo/net";
 *
 * const refuse = (address: string) => (address.startsWith("127.") ? "a loopback address" : undefined);
 * try {
 *   await run(() => connect({ host: "127.0.0.1", port: 80, refuse }));
 * } catch (error) {
 *   const [attempt] = (error as ConnectError).attempts;
 *   console.log(attempt?.error instanceof AddressRefusedError, attempt?.error.message);
 *   // prints: true 127.0.0.1 is refused: a loopback address
 * }
 * ```
 */
export class AddressRefusedError extends Error {
  override readonly name: string = "AddressRefusedError";
  readonly address: string;
  /** What `refuse` has said. */
  readonly reason: string;

  constructor(message: string, address: string, reason: string) {
    super(message);
    this.address = address;
    this.reason = reason;
  }
}

/**
 * What TLS found to be wrong.
 *
 * About the certificate of the peer: `expired`, `not yet valid`, `self-signed`, `unknown authority`, `revoked`, `hostname`
 * (it is for others), `client certificate` (it has shown none, or wants one), `certificate` (anything else). About what both
 * sides can: `protocol` (versions), `cipher`, `alpn`, `server name` (there is no certificate for it). What the peer says of
 * this side: `refused by the peer`. About the bytes: `not tls`, `plaintext` (before the upgrade), `record` (changed on the way, or
 * not decodable), `truncated` (cut off). About the handshake: `handshake` (the connection ended in the middle), `handshake
 * timeout`, `renegotiation`.
 */
export type TlsCheck =
  | "expired"
  | "not yet valid"
  | "self-signed"
  | "unknown authority"
  | "revoked"
  | "hostname"
  | "client certificate"
  | "certificate"
  | "protocol"
  | "cipher"
  | "alpn"
  | "server name"
  | "refused by the peer"
  | "not tls"
  | "plaintext"
  | "record"
  | "truncated"
  | "handshake"
  | "handshake timeout"
  | "renegotiation";

/** What else is known of a `TlsError`. */
export interface TlsErrorOptions extends ErrorOptions {
  readonly expected?: string | undefined;
  readonly received?: string | undefined;
}

/**
 * TLS would not go on: a certificate that is not to be trusted, a version that both do not speak, a stream that was cut
 * off.
 *
 * @example
 * ```ts
 * import { TlsError } from "rondo/net";
 *
 * const error = new TlsError("the certificate of example.org has expired", "expired");
 * console.log(error.check); // prints: expired
 * ```
 */
export class TlsError extends BrokenError {
  override readonly name: string = "TlsError";
  /** Which check failed. */
  readonly check: TlsCheck;
  /** What would have been right, where that can be said. */
  readonly expected: string | undefined;
  /** What came instead. */
  readonly received: string | undefined;

  constructor(message: string, check: TlsCheck, options: TlsErrorOptions = {}) {
    super(message, options);
    this.check = check;
    this.expected = options.expected;
    this.received = options.received;
  }
}

/**
 * The system refused something, for a reason that is not the peer's: an address that is in use, a right that is missing, no
 * descriptors left.
 *
 * @example
 * ```ts
 * import { SystemError } from "rondo/net";
 *
 * const error = new SystemError("listen on port 80: permission denied (EACCES)", "EACCES");
 * console.log(error.code); // prints: EACCES
 * ```
 */
export class SystemError extends Error {
  override readonly name: string = "SystemError";
  /** The system's name for it, such as `EADDRINUSE`. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The codes that mean: the peer, or the way to it, is gone. */
const GONE: Readonly<Record<string, string>> = {
  ECONNRESET: "the peer has reset the connection",
  EPIPE: "the peer reads no more",
  ECONNABORTED: "the connection was aborted",
  ETIMEDOUT: "the peer has not answered for too long",
  ENETRESET: "the network has dropped the connection",
  ENETDOWN: "the network is down",
  EHOSTDOWN: "the host is down",
  ESHUTDOWN: "the connection has been shut down",
  ENOTCONN: "it is not connected any more",
  ERR_STREAM_PREMATURE_CLOSE: "it was closed before its end",
  ERR_STREAM_DESTROYED: "it was destroyed",
};

/** Codes worth a sentence. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EADDRINUSE: "the address is in use already",
  EADDRNOTAVAIL: "this machine has no such address",
  EAFNOSUPPORT: "this machine does not speak this family of addresses",
  ECONNREFUSED: "nobody listens there",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  EMFILE: "this process has no descriptors left",
  ENFILE: "the system has no descriptors left",
  ENOBUFS: "the system has no buffers left",
  ENOMEM: "the system has no memory left",
  ENOENT: "there is no such file",
  EEXIST: "it exists already",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EINVAL: "the system does not accept that",
  EMSGSIZE: "the message is too long to be sent in one piece",
  ENOTFOUND: "there is no such name",
  EAI_AGAIN: "the name server does not answer",
};

/**
 * An error of the system as one of ours: a `BrokenError` where the peer is gone, else a {@link SystemError} with its code.
 * `what` says what was tried, to what: `tcp 127.0.0.1:5000 > 127.0.0.1:80`. The system's error is the `cause`. One that is
 * ours already is given back as it is.
 *
 * @example
 * ```ts
 * import { BrokenError } from "rondo";
 * import { fromSystemError } from "rondo/net";
 *
 * const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
 * const error = fromSystemError(reset, "the upstream");
 * console.log(error instanceof BrokenError); // prints: true
 * console.log(error.message); // prints: the upstream: the peer has reset the connection (ECONNRESET)
 * ```
 */
export function fromSystemError(error: unknown, what: string): Error {
  if (isOurs(error)) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const name = typeof code === "string" ? code : "";
  const gone = GONE[name];
  if (gone !== undefined) return new BrokenError(`${what}: ${gone} (${name})`, { cause: error });
  const words = WORDS[name];
  if (words !== undefined) return new SystemError(`${what}: ${words} (${name})`, name, { cause: error });
  const said = typeof message === "string" && message !== "" ? message : String(error);
  return new SystemError(`${what}: ${said}`, name, { cause: error });
}

function isOurs(error: unknown): error is Error {
  return (
    error instanceof BrokenError ||
    error instanceof SystemError ||
    error instanceof ConnectError ||
    error instanceof AddressRefusedError ||
    error instanceof LimitError
  );
}

/**
 * The same failure for another one who meets it, built at the line where it is thrown. Only a plain `BrokenError` says no
 * more than its message; one that carries more is thrown as it is.
 */
export function again(failure: Error): Error {
  const plain: unknown = failure.constructor;
  if (plain !== BrokenError) return failure;
  return new BrokenError(failure.message, { cause: failure.cause });
}
