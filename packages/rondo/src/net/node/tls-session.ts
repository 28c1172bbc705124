/**
 * A session that a client can resume, with what was found out about the server when it began.
 *
 * A resumed session shows no certificate, so nothing could be checked; and the session itself does not say for which name it
 * was made. So the certificate is kept with it: a session is offered only where its certificate would be accepted, and
 * whoever has the stream can still see it.
 */
import type { X509Certificate } from "node:crypto";

export interface Kept {
  /** What Node gave. */
  readonly session: Buffer;
  readonly certificate: X509Certificate | undefined;
  /** Whether the certificate was accepted. */
  readonly authorized: boolean;
}

const MAGIC = Buffer.from("rondo tls session 1\n");
const HEAD = MAGIC.length + 5;

export function pack({ session, certificate, authorized }: Kept): Uint8Array {
  const der = certificate?.raw ?? Buffer.alloc(0);
  const head = Buffer.alloc(HEAD);
  MAGIC.copy(head);
  head.writeUInt8(authorized ? 1 : 0, MAGIC.length);
  head.writeUInt32BE(der.length, MAGIC.length + 1);
  return new Uint8Array(Buffer.concat([head, der, session]));
}

/** Throws a `TypeError` for bytes that are no session. */
export function unpack(bytes: Uint8Array): Kept {
  const all = Buffer.from(bytes);
  if (all.length < HEAD || !all.subarray(0, MAGIC.length).equals(MAGIC))
    throw new TypeError("the session is none that `onSession` or `tls.session` has given");
  const authorized = all.readUInt8(MAGIC.length) === 1;
  const end = HEAD + all.readUInt32BE(MAGIC.length + 1);
  // Loaded when it is needed, as `node:tls` is.
  const { X509Certificate: Certificate } = process.getBuiltinModule("node:crypto");
  const certificate = end === HEAD ? undefined : new Certificate(all.subarray(HEAD, end));
  return { authorized, certificate, session: all.subarray(end) };
}
