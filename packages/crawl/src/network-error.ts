// What an error of the network means for a source: which kind of failure it is, in words, and whether another try may help.
//
// The client's errors say by their class what happened. The platform's `fetch` says "fetch failed" to everything and keeps
// what happened in `cause`, as Node's or undici's error code.

import { ContentCodingError, HttpError, MessageTooLargeError, TruncatedError } from "@rondo/http";
import { BrokenError } from "rondo";
import { AddressRefusedError, ConnectError, type TlsCheck, TlsError } from "rondo/net";
import { type FailureKind, SourceError } from "./failure.ts";

/** What each code below `fetch` means. A kind with a star may go better the next time. */
const CODES: Readonly<Record<string, [kind: FailureKind, retryable: boolean, says: string]>> = {
  ENOTFOUND: ["dns", false, "the name {host} does not exist"],
  EAI_AGAIN: ["dns", true, "the name {host} could not be looked up just now"],
  ECONNREFUSED: ["refused", true, "{host} refuses connections"],
  ECONNRESET: ["connection", true, "{host} broke the connection off"],
  EPIPE: ["connection", true, "{host} broke the connection off"],
  ETIMEDOUT: ["connection", true, "no connection to {host} could be made in time"],
  EHOSTUNREACH: ["connection", true, "no way leads to {host}"],
  ENETUNREACH: ["connection", true, "no way leads to {host}"],
  EADDRNOTAVAIL: ["connection", true, "no way leads to {host}"],
  UND_ERR_CONNECT_TIMEOUT: ["connection", true, "no connection to {host} could be made in time"],
  UND_ERR_HEADERS_TIMEOUT: ["connection", true, "{host} took the request and never answered"],
  UND_ERR_BODY_TIMEOUT: ["connection", true, "{host} stopped sending in the middle of its answer"],
  UND_ERR_SOCKET: ["connection", true, "{host} broke the connection off"],
  UND_ERR_HEADERS_OVERFLOW: ["protocol", false, "{host} answered with more headers than can be taken"],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: [
    "connection",
    true,
    "{host} broke the connection off before the end it announced",
  ],
  EPROTO: ["tls", false, "{host} does not speak TLS as it should"],
};

/** What TLS did not like, and whether it may like it better the next time. */
const TLS: Readonly<Partial<Record<TlsCheck, readonly [says: string, retryable: boolean]>>> = {
  expired: ["the certificate of {host} has expired", false],
  "not yet valid": ["the certificate of {host} is not valid yet (or the clock of this machine is slow)", false],
  "self-signed": ["the certificate of {host} is signed by itself and by nobody whom this machine trusts", false],
  "unknown authority": ["the certificate of {host} is signed by an authority that this machine does not trust", false],
  revoked: ["the certificate of {host} has been revoked", false],
  hostname: ["the certificate of {host} is for another name", false],
  certificate: ["the certificate of {host} cannot be trusted", false],
  "not tls": ["{host} does not speak TLS as it should", false],
  plaintext: ["{host} does not speak TLS as it should", false],
  record: ["what came from {host} was changed or damaged on its way", true],
  handshake: ["{host} broke the connection off while TLS was agreed on", true],
  "handshake timeout": ["{host} did not finish to agree on TLS in time", true],
};

/** What an error of asking, or of reading a body, means for a source. */
export function networkError(error: unknown, host: string): SourceError {
  const known = httpError(error, host);
  return known ?? codedError(error, host);
}

function httpError(error: unknown, host: string): SourceError | undefined {
  const cause = error;
  const refused = refusal(error);
  if (refused !== undefined) {
    const { address, reason } = refused;
    const said = host.replace(/^\[|\]?(?::\d+)?$/g, "") === address ? "is" : `leads to ${address}, which is`;
    return new SourceError(
      "private",
      `${host} ${said} ${reason}, and those are not asked unless --allow-private is given`,
    );
  }
  if (error instanceof TlsError && error.check !== "truncated") {
    const [says, retryable] = TLS[error.check] ?? [`no TLS connection to {host} came about (${error.check})`, false];
    return new SourceError("tls", says.replace("{host}", host), { cause, retryable });
  }
  if (error instanceof TruncatedError) {
    // Where a rule of HTTP was broken, it was the connection that ended; else what was in it.
    const says =
      error.rfc === undefined && !(error.cause instanceof BrokenError)
        ? `the body from ${host} breaks off in the middle of what is compressed`
        : `${host} broke the connection off before the end it announced`;
    return new SourceError("connection", says, { cause, retryable: true });
  }
  if (error instanceof MessageTooLargeError)
    return new SourceError("protocol", `${host} sends more than can be taken: ${error.message}`, { cause });
  if (error instanceof ContentCodingError)
    return new SourceError("protocol", `the body from ${host} is not compressed as its header says`, { cause });
  if (error instanceof HttpError && error.status === 415)
    return new SourceError("protocol", `the body from ${host} cannot be unpacked: ${error.message}`, { cause });
  if (error instanceof HttpError) return new SourceError("protocol", `${host} does not answer in HTTP`, { cause });
  if (error instanceof BrokenError)
    return new SourceError("connection", `${host} broke the connection off`, { cause, retryable: true });
  return undefined;
}

/** Every address was refused. Where some were tried and failed, it is the failure that matters. */
function refusal(error: unknown): AddressRefusedError | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const refused = error.attempts.filter((attempt) => attempt.error instanceof AddressRefusedError);
  return refused.length < error.attempts.length ? undefined : (refused[0]?.error as AddressRefusedError | undefined);
}

function codedError(error: unknown, host: string): SourceError {
  const code = codeOf(error);
  const known = CODES[code];
  if (known !== undefined) {
    return new SourceError(known[0], known[2].replace("{host}", host), { cause: error, retryable: known[1] });
  }
  if (code.startsWith("HPE_")) return new SourceError("protocol", `${host} does not answer in HTTP`, { cause: error });
  if (code.startsWith("Z_") || code.startsWith("ERR_BROTLI") || code.startsWith("ERR_ZSTD")) {
    return new SourceError("protocol", `the body from ${host} is not compressed as its header says`, { cause: error });
  }
  if (/CERT|^ERR_(?:TLS|SSL)|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return new SourceError("tls", `the certificate of ${host} cannot be trusted (${code})`, { cause: error });
  }
  return new SourceError("connection", `the exchange with ${host} failed`, { cause: error, retryable: true });
}

function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string") return at.code;
    // Several addresses were tried and each failed (RFC 8305): the first error stands for them.
    if (at instanceof ConnectError && at.attempts.length > 0)
      return codeOf(at.attempts.find(({ error: each }) => !(each instanceof AddressRefusedError))?.error);
    // undici's error for this has a name where the others have a code. A chunked body that breaks off is one of them.
    if (at.name === "HTTPParserError") return /\bEOF\b/.test(at.message) ? "UND_ERR_SOCKET" : "HPE_INVALID";
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
  }
  return "";
}
