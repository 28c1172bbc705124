/**
 * What went wrong in TLS, in words: OpenSSL's codes and Node's as a `TlsError` that names the check that failed.
 */
import { BrokenError } from "../../coroutine/errors.ts";
import { type TlsCheck, TlsError } from "../errors.ts";

/** Codes of certificates that were refused here, as OpenSSL's verification gives them. */
const CERTIFICATE: Readonly<Record<string, readonly [TlsCheck, string]>> = {
  CERT_HAS_EXPIRED: ["expired", "its certificate, or one that leads to it, has expired"],
  CERT_NOT_YET_VALID: ["not yet valid", "its certificate, or one that leads to it, is not valid yet"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["self-signed", "its certificate is signed by itself, and not trusted by name (`ca`)"],
  SELF_SIGNED_CERT_IN_CHAIN: ["unknown authority", "the authority of its certificate is none that is trusted (`ca`)"],
  UNABLE_TO_GET_ISSUER_CERT: ["unknown authority", "the authority of its certificate is none that is trusted (`ca`)"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    "unknown authority",
    "the authority of its certificate is none that is trusted (`ca`), or a certificate in between was not sent",
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "unknown authority",
    "the authority of its certificate is none that is trusted (`ca`), or a certificate in between was not sent",
  ],
  CERT_UNTRUSTED: ["unknown authority", "its certificate is not trusted"],
  CERT_REVOKED: ["revoked", "its certificate has been revoked"],
  INVALID_PURPOSE: ["certificate", "its certificate is not meant for this side of a connection"],
};

/** Endings of OpenSSL's codes (`ERR_SSL_…`), the more exact ones first. */
const HANDSHAKE: readonly (readonly [RegExp, TlsCheck, string])[] = [
  [/NO_APPLICATION_PROTOCOL/, "alpn", "the two have no application protocol in common (`alpn`)"],
  [/ALERT_CERTIFICATE_REQUIRED/, "client certificate", "the peer wants a client certificate, and none was given"],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, "client certificate", "the client has shown no certificate"],
  [/ALERT_PROTOCOL_VERSION/, "protocol", "the peer speaks none of the versions of TLS that this side does"],
  [/UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE/, "protocol", "the two have no version of TLS in common"],
  [/NO_SHARED_CIPHER|NO_CIPHERS_AVAILABLE|INSUFFICIENT_SECURITY/, "cipher", "the two have no cipher in common"],
  [/ALERT_UNRECOGNIZED_NAME/, "server name", "the peer has no certificate for that name"],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|NO_CERTIFICATE)/,
    "refused by the peer",
    "the peer does not accept the certificate of this side",
  ],
  [/ALERT_HANDSHAKE_FAILURE/, "refused by the peer", "the peer has found nothing that both sides accept"],
  [/RENEGOTIATION/, "renegotiation", "the peer wanted to shake hands again, which is not allowed here"],
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/,
    "not tls",
    "what came is no TLS",
  ],
  [/ALERT/, "refused by the peer", "the peer has refused to go on"],
];

/** An error of Node or OpenSSL as a `TlsError`. Errors of the connection below (`BrokenError`) stay what they are. */
export function tlsFailure(error: Error, label: string, sample: Uint8Array): Error {
  if (error instanceof BrokenError) return error;
  const { code = "", reason } = error as { code?: string; reason?: string };
  const refused = CERTIFICATE[code];
  if (refused !== undefined) return new TlsError(`${label}: ${refused[1]} (${code})`, refused[0], { cause: error });
  // A socket's own codes (a write into a connection that is gone) are no failure of TLS.
  if (!/^ERR_(SSL|TLS|OSSL)_/.test(code)) return error;
  // What begins like TLS is TLS, and broken: somebody has changed it on the way.
  const looksLikeTls = sample.length === 0 || isRecord(sample);
  const found = HANDSHAKE.find(([pattern, check]) => pattern.test(code) && !(check === "not tls" && looksLikeTls));
  const [, check, words] = found ?? [
    null,
    "record" as const,
    `what came cannot be decoded: ${reason ?? error.message}`,
  ];
  if (check !== "not tls") return new TlsError(`${label}: ${words} (${code})`, check, { cause: error });
  const received = shown(sample);
  return new TlsError(`${label}: ${words}: it begins with ${received} (${code})`, check, {
    cause: error,
    expected: "TLS",
    received,
  });
}

/** A certificate that was refused, for the reason that `code` gives. */
export function refusedCertificate(
  code: string,
  label: string,
  detail: { readonly expected?: string | undefined; readonly received?: string | undefined },
): TlsError {
  const [check, words] = CERTIFICATE[code] ?? ["certificate" as const, "its certificate is not accepted"];
  const shownDetail = detail.received === undefined ? "" : `: ${detail.received}`;
  return new TlsError(`${label}: ${words}${shownDetail} (${code})`, check, detail);
}

/** Whether bytes begin like a TLS record: its type, and the first half of its version. */
export function isRecord(bytes: Uint8Array): boolean {
  const [type = 0, major = 3] = bytes;
  return type >= 0x14 && type <= 0x18 && major === 3;
}

/** Bytes as a person reads them. */
export function shown(bytes: Uint8Array): string {
  return JSON.stringify(String.fromCharCode(...bytes));
}
