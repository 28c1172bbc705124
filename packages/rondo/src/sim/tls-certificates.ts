/**
 * Who somebody is, in a world without cryptography: certificates that are what they say, and real ones as far as a test
 * needs them.
 *
 * A simulated certificate is a text with names, an authority and dates; whoever trusts the authority trusts it. Real ones
 * (PEM) are read by Node: for which names they are, and whether an authority in `ca` has signed them. Their dates are not
 * looked at, since a world begins in whatever year it likes.
 */
import type { TlsCheck } from "../net/errors.ts";
import type { Credentials, PeerCertificate, Pem } from "../net/tls-options.ts";
import { hashText } from "./choices.ts";

type Crypto = ReturnType<typeof process.getBuiltinModule<"node:crypto">>;
type X509 = InstanceType<Crypto["X509Certificate"]>;

/** What a simulated certificate says. */
export interface SimCertificateOptions {
  /** Who has signed it; itself where nothing is said. */
  readonly authority?: string | undefined;
  /** From when and to when it is good, by the wall clocks of the world, in ms since 1970. For ever where nothing is said. */
  readonly validFrom?: number | undefined;
  readonly validTo?: number | undefined;
}

/** A certificate with its key, and the authority by which it can be trusted. */
export interface SimCertificate extends Credentials {
  readonly cert: string;
  readonly key: string;
  /** For the `ca` of those who are to trust it. */
  readonly ca: string;
}

interface Said {
  readonly names: readonly string[];
  readonly authority: string;
  readonly from: number;
  readonly to: number;
}

const BEGIN = "-----BEGIN SIMULATED";
const FOREVER: readonly [number, number] = [Date.UTC(1970, 0, 1), Date.UTC(9999, 11, 31)];

/**
 * A certificate for TLS in a simulated world, for these names (or IP addresses; `*.example.org` fits one label). It can be
 * given to `listenTls`, `startTls` and the like as a real one can; outside of simulations nobody knows it.
 *
 * @example
 * ```ts
 * import { group } from "rondo";
 * import { connectTls, listenTls } from "rondo/net";
 * import { simCertificate, simulate } from "rondo/sim";
 *
 * const { cert, key, ca } = simCertificate("bank");
 * const run = simulate({}, function* (world) {
 *   world.node("bank", function* () {
 *     const listener = yield* listenTls({ port: 443, cert, key });
 *     const stream = yield* listener.accept();
 *     yield* stream.write("welcome");
 *     yield* stream.close();
 *     listener.close();
 *   });
 *   const stream = yield* connectTls({ host: "bank", port: 443, ca });
 *   const bytes = yield* stream.read();
 *   yield* stream.close();
 *   return new TextDecoder().decode(bytes);
 * });
 * console.log(run.value); // prints: welcome
 * ```
 */
export function simCertificate(
  names: string | readonly [string, ...string[]],
  options: SimCertificateOptions = {},
): SimCertificate {
  const list = typeof names === "string" ? [names] : [...names];
  const { validFrom = FOREVER[0], validTo = FOREVER[1] } = options;
  const authority = options.authority ?? (list[0] as string);
  const said: Said = { names: list, authority, from: validFrom, to: validTo };
  return {
    cert: block("CERTIFICATE", said),
    key: block("KEY", hashText(JSON.stringify(said))),
    ca: block("AUTHORITY", authority),
  };
}

function block(what: string, contents: unknown): string {
  return `${BEGIN} ${what}-----\n${JSON.stringify(contents)}\n-----END SIMULATED ${what}-----\n`;
}

function contentsOf(text: string, what: string): unknown {
  const [head, contents = ""] = text.trim().split("\n");
  return head === `${BEGIN} ${what}-----` ? (JSON.parse(contents) as unknown) : undefined;
}

// ---- reading --------------------------------------------------------------------------------------------------------

/** A certificate that was read. */
export interface Identity extends PeerCertificate {
  /** The text that is sent. */
  readonly text: string;
  /** What it is for: names and addresses, in small letters. */
  readonly list: readonly string[];
  /** Why it is not to be trusted by somebody who trusts these authorities, or null. */
  refused(ca: string | undefined, now: number): readonly [TlsCheck, string] | null;
}

/** What was read before: certificates are few, and connections many. */
const known: Map<string, Identity> = new Map();
const MOST = 200;

/** Throws a `TypeError` for what is no certificate. */
export function readCertificate(text: string): Identity {
  let found = known.get(text);
  if (found === undefined) {
    found = text.trimStart().startsWith(BEGIN) ? simulated(text) : real(text);
    if (known.size >= MOST) known.clear();
    known.set(text, found);
  }
  return found;
}

/** What was given as PEM, as one text; undefined where nothing was. */
export function textOf(pem: Pem | undefined): string | undefined {
  if (pem === undefined) return undefined;
  const parts: readonly (string | Uint8Array)[] = typeof pem === "string" || pem instanceof Uint8Array ? [pem] : pem;
  return parts.map((part) => (typeof part === "string" ? part : new TextDecoder().decode(part))).join("\n");
}

/** The certificate of these credentials, if there is one. Throws a `TypeError` where it or its key cannot be used. */
export function ownCertificate({ cert, key, passphrase }: Credentials): Identity | undefined {
  const text = textOf(cert);
  if (text === undefined) return undefined;
  const identity = readCertificate(text);
  const keyText = textOf(key);
  if (keyText === undefined) throw unusable("there is no key for the certificate");
  const fits = text.trimStart().startsWith(BEGIN)
    ? contentsOf(keyText, "KEY") === hashText(JSON.stringify(contentsOf(text, "CERTIFICATE")))
    : realKeyFits(text, keyText, passphrase);
  if (!fits) throw unusable("the key is not that of the certificate");
  return identity;
}

function unusable(why: string, cause?: unknown): TypeError {
  return new TypeError(`TLS cannot use the certificate, the key or the other settings that it was given: ${why}`, {
    cause,
  });
}

/** Whether a certificate is for this name: `*` stands for one label. */
export function isFor({ list }: Identity, name: string): boolean {
  const wanted = name.toLowerCase();
  const dot = wanted.indexOf(".");
  return list.includes(wanted) || (dot > 0 && list.includes(`*${wanted.slice(dot)}`));
}

function simulated(text: string): Identity {
  const said = contentsOf(text, "CERTIFICATE") as Said | undefined;
  if (said === undefined) throw unusable("it is no certificate");
  const { names, authority, from, to } = said;
  const [first] = names as [string];
  const hash = hashText(text).toString(16).padStart(8, "0");
  return {
    text,
    list: names.map((name) => name.toLowerCase()),
    subject: `CN=${first}`,
    issuer: `CN=${authority}`,
    names: names.map((name) => (isAddress(name) ? `IP Address:${name}` : `DNS:${name}`)).join(", "),
    serialNumber: hash.toUpperCase(),
    fingerprint: (hash.toUpperCase().match(/../g) as string[]).join(":"),
    validFrom: new Date(from),
    validTo: new Date(to),
    raw: new TextEncoder().encode(text),
    refused(ca, now) {
      const trusted = (ca ?? "").split(BEGIN).some((part) => contentsOf(BEGIN + part, "AUTHORITY") === authority);
      if (!trusted) return untrusted(authority === first);
      if (now < from) return ["not yet valid", "its certificate is not valid yet"];
      return now > to ? ["expired", "its certificate has expired"] : null;
    },
  };
}

function untrusted(itself: boolean): readonly [TlsCheck, string] {
  return itself
    ? ["self-signed", "its certificate is signed by itself, and not trusted by name (`ca`)"]
    : ["unknown authority", "the authority of its certificate is none that is trusted (`ca`)"];
}

export function isAddress(name: string): boolean {
  return name.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

// ---- real ones ------------------------------------------------------------------------------------------------------

function nodeCrypto(): Crypto {
  const get = typeof process === "undefined" ? undefined : process.getBuiltinModule;
  if (get === undefined) throw unusable("only Node can read it; in a simulation, simCertificate() makes some");
  return get("node:crypto");
}

function blocks(text: string): X509[] {
  const { X509Certificate: Certificate } = nodeCrypto();
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.map((one) => new Certificate(one));
}

function realKeyFits(cert: string, key: string, passphrase: string | undefined): boolean {
  try {
    const options = passphrase === undefined ? key : { key, passphrase };
    return (blocks(cert)[0] as X509).checkPrivateKey(nodeCrypto().createPrivateKey(options));
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : String(error), error);
  }
}

function real(text: string): Identity {
  let chain: X509[];
  try {
    chain = blocks(text);
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : String(error), error);
  }
  const [leaf] = chain;
  if (leaf === undefined) throw unusable("it is no certificate");
  const names = leaf.subjectAltName ?? "";
  const common = /CN=([^\n,]+)/.exec(leaf.subject)?.[1];
  const list =
    names === ""
      ? common === undefined
        ? []
        : [common]
      : names.split(", ").map((one) => one.slice(one.indexOf(":") + 1));
  // Verifying a signature takes longer than a whole handshake of this kind.
  const trusted: Map<string, boolean> = new Map();
  return {
    text,
    list: list.map((name) => name.toLowerCase()),
    subject: leaf.subject,
    issuer: leaf.issuer,
    names,
    serialNumber: leaf.serialNumber,
    fingerprint: leaf.fingerprint256,
    validFrom: leaf.validFromDate,
    validTo: leaf.validToDate,
    raw: leaf.raw,
    refused(ca = "") {
      let good = trusted.get(ca);
      if (good === undefined) {
        good = leadsTo(chain, blocks(ca));
        trusted.set(ca, good);
      }
      return good ? null : untrusted(leaf.issuer === leaf.subject);
    },
  };
}

/** Whether the first of a chain is trusted, or signed by one that is, over those that were sent with it. */
function leadsTo(chain: readonly X509[], authorities: readonly X509[]): boolean {
  let at = chain[0];
  for (let depth = 0; at !== undefined && depth <= chain.length; depth++) {
    const one = at;
    const signedBy = (other: X509): boolean => one.checkIssued(other) && one.verify(other.publicKey);
    if (authorities.some((authority) => authority.raw.equals(one.raw) || signedBy(authority))) return true;
    at = chain.find((other) => other !== one && signedBy(other));
  }
  return false;
}
