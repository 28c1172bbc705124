/**
 * TLS of Node, over any transport.
 *
 * The bytes of the transport go through a `Duplex` (tls-carrier.ts) into a `TLSSocket`, whose plain side is a transport
 * again (tls-transport.ts). This file holds what lies between: the settings as contexts of OpenSSL, and the handshake, of
 * which exactly one thing comes: a secured transport, an error, or, withdrawn, nothing.
 *
 * Who the peer is gets decided here and not by Node, so that the error can say what was expected and what came; a way
 * through without a decision does not exist.
 */
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import type nodeTls from "node:tls";
import type { ConnectionOptions, SecureContext, SecureContextOptions, TLSSocket, TLSSocketOptions } from "node:tls";
import { TlsError } from "../errors.ts";
import type { Abandon } from "../network.ts";
import type {
  ClientSettings,
  Credentials,
  PeerCertificate,
  ServerSettings,
  TlsInfo,
  TlsSettings,
} from "../tls-options.ts";
import type { Secured, TlsEngine, TlsService } from "../tls-service.ts";
import type { Transport } from "../transport.ts";
import { Carrier } from "./tls-carrier.ts";
import { refusedCertificate, tlsFailure } from "./tls-errors.ts";
import { type Kept, pack, unpack } from "./tls-session.ts";
import { tlsLabel, TlsTransport, watchEnd } from "./tls-transport.ts";

type Done = (error: Error | null, secured: Secured | null) => void;

let loaded: typeof nodeTls | undefined;

/** Loaded when it is needed: a program without TLS does not pay for it, and a Node without OpenSSL can run it. */
function tls(): typeof nodeTls {
  return (loaded ??= process.getBuiltinModule("node:tls"));
}

// ---- settings -------------------------------------------------------------------------------------------------------

function contextOf(settings: TlsSettings & Credentials, more: SecureContextOptions = {}): SecureContext {
  const { cert, key, passphrase, ca, ciphers, minVersion, maxVersion } = settings;
  const options = { cert, key, passphrase, ca, ciphers, minVersion, maxVersion, ...more };
  // Node takes a default only for what is not there.
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  try {
    return tls().createSecureContext(given as SecureContextOptions);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`TLS cannot use the certificate, the key or the other settings that it was given: ${reason}`, {
      cause: error,
    });
  }
}

let plainClient: SecureContext | undefined;

/** A client without settings of its own: all of them share one context, and with it the list of authorities. */
function clientContext(settings: ClientSettings): SecureContext {
  const { cert, key, ca, ciphers, minVersion, maxVersion } = settings;
  const own = cert ?? key ?? ca ?? ciphers ?? minVersion ?? maxVersion;
  return own === undefined ? (plainClient ??= contextOf({})) : contextOf(settings);
}

class ClientEngine implements TlsEngine {
  private readonly settings: ClientSettings;
  private readonly context: SecureContext;
  /** The session to resume, where it may be. */
  private readonly kept: Kept | undefined;

  constructor(settings: ClientSettings) {
    const { session, rejectUnauthorized } = settings;
    this.settings = settings;
    this.context = clientContext(settings);
    const kept = session === undefined ? undefined : unpack(session);
    // One that was made for another name, or with anybody, is no pass: then there is a whole handshake.
    const good =
      kept !== undefined &&
      (rejectUnauthorized === false || this.verdict(kept.authorized, "", kept.certificate, "") === null);
    this.kept = good ? kept : undefined;
  }

  start(transport: Transport, early: Uint8Array, done: Done): Abandon {
    const { settings, context, kept } = this;
    const { servername = "", alpn } = settings;
    const carrier = new Carrier(transport, early);
    const options: ConnectionOptions = {
      socket: carrier as Duplex,
      secureContext: context,
      // An address is no name: it is in the certificate, and is not sent.
      host: servername,
      servername: isAddress(servername) ? "" : servername,
      // Decided in `verdict` instead.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
    if (alpn !== undefined) options.ALPNProtocols = alpn;
    if (kept !== undefined) options.session = kept.session;
    const socket = tls().connect(options);
    const handshake = new Handshake("client", socket, carrier, settings, done);
    socket.on("session", (fresh: Buffer) => handshake.keep(fresh));
    socket.once("secureConnect", () => {
      const resumed = kept !== undefined && socket.isSessionReused();
      // Once: a second time Node answers that there is none. And none is shown where a session is resumed.
      const certificate = resumed ? kept.certificate : socket.getPeerX509Certificate();
      const authorized = socket.authorized && (!resumed || kept.authorized);
      handshake.secure(certificate, this.verdict(authorized, codeOf(socket), certificate, handshake.label));
    });
    return handshake.abandon;
  }

  /** What is wrong with the server's certificate, or null. */
  private verdict(
    authorized: boolean,
    code: string,
    certificate: X509Certificate | undefined,
    label: string,
  ): Error | null {
    const { servername = "" } = this.settings;
    if (certificate === undefined)
      return new TlsError(`${label}: the server has shown no certificate`, "certificate", {
        expected: `one for ${servername}`,
      });
    if (!authorized) return refusedCertificate(code, label, dates(code, certificate));
    if (new Date(certificate.validTo).getTime() < Date.now())
      return refusedCertificate("CERT_HAS_EXPIRED", label, dates("CERT_HAS_EXPIRED", certificate));
    const received = certificate.subjectAltName ?? certificate.subject;
    if (servername === "")
      return new TlsError(
        `${label}: nobody has said for which name the server's certificate has to be (\`servername\`); it is for ${received}`,
        "hostname",
        { received },
      );
    if (tls().checkServerIdentity(servername, certificate.toLegacyObject()) === undefined) return null;
    return new TlsError(
      `${label}: the server's certificate is not for ${servername}: it is for ${received}`,
      "hostname",
      {
        expected: servername,
        received,
      },
    );
  }
}

class ServerEngine implements TlsEngine {
  private readonly settings: ServerSettings;
  private readonly context: SecureContext;
  private readonly contexts: Map<Credentials, SecureContext>;

  constructor(settings: ServerSettings) {
    this.settings = settings;
    this.contexts = new Map();
    this.context = this.contextFor(settings);
    const { names } = settings;
    // What is wrong with one of them is said now and not when somebody asks for it.
    if (typeof names === "object") for (const one of Object.values(names)) this.prepared(one);
  }

  private contextFor(credentials: Credentials): SecureContext {
    const { ticketKeys, minVersion, maxVersion, ciphers, ca } = this.settings;
    const { cert, key, passphrase } = credentials;
    return contextOf(
      { cert, key, passphrase, ca, minVersion, maxVersion, ciphers },
      {
        // Without one, sessions of clients that show a certificate could not be resumed.
        sessionIdContext: "rondo",
        ...(ticketKeys === undefined ? {} : { ticketKeys: Buffer.from(ticketKeys) }),
      },
    );
  }

  private prepared(credentials: Credentials): SecureContext {
    let context = this.contexts.get(credentials);
    if (context === undefined) {
      context = this.contextFor(credentials);
      // A function may give new ones each time.
      if (typeof this.settings.names === "object") this.contexts.set(credentials, context);
    }
    return context;
  }

  start(transport: Transport, early: Uint8Array, done: Done): Abandon {
    const { settings, context } = this;
    const { alpn, names, clientCertificate = "none" } = settings;
    const carrier = new Carrier(transport, early);
    const options: TLSSocketOptions = {
      isServer: true,
      secureContext: context,
      requestCert: clientCertificate !== "none",
      rejectUnauthorized: clientCertificate === "require",
    };
    if (alpn !== undefined) options.ALPNProtocols = alpn;
    if (names !== undefined) options.SNICallback = (name, answer) => this.choose(name, handshake, answer);
    const socket = new (tls().TLSSocket)(carrier as Duplex, options);
    const handshake: Handshake = new Handshake("server", socket, carrier, settings, done);
    // Errors of a server's socket come here until somebody takes it over.
    socket.on("_tlsError", (error: Error) => handshake.fail(error));
    socket.once("secure", () => {
      const certificate = socket.getPeerX509Certificate();
      handshake.secure(certificate, this.verdict(socket, certificate, handshake.label));
    });
    return handshake.abandon;
  }

  private choose(
    name: string,
    handshake: Handshake,
    answer: (error: Error | null, context?: SecureContext) => void,
  ): void {
    const { names, cert } = this.settings;
    try {
      const found = typeof names === "function" ? names(name.toLowerCase()) : lookedUp(names ?? {}, name.toLowerCase());
      if (found !== undefined) answer(null, this.prepared(found));
      else if (cert !== undefined) answer(null);
      else {
        const error = new TlsError(`${handshake.label}: there is no certificate for ${name}`, "server name", {
          received: name,
        });
        handshake.fail(error);
        answer(error);
      }
    } catch (error) {
      handshake.fail(error as Error);
      answer(error as Error);
    }
  }

  /** What is wrong with the client's certificate, or null. */
  private verdict(socket: TLSSocket, certificate: X509Certificate | undefined, label: string): Error | null {
    if ((this.settings.clientCertificate ?? "none") === "none") return null;
    // Node's own server asks the same; it has no other door to it.
    const { ssl } = socket as unknown as { ssl: { verifyError(): (Error & { code?: string }) | null } };
    const error = ssl.verifyError();
    if (certificate === undefined)
      return new TlsError(`${label}: the client has shown no certificate`, "client certificate");
    if (error === null || error === undefined) return null;
    const code = error.code ?? "";
    return refusedCertificate(code, label, dates(code, certificate));
  }
}

/** The entry of a name: its own, or that of all names beside it. */
function lookedUp(names: Readonly<Record<string, Credentials>>, name: string): Credentials | undefined {
  const dot = name.indexOf(".");
  const wanted = [name, ...(dot > 0 ? [`*${name.slice(dot)}`] : [])];
  for (const one of wanted) if (Object.hasOwn(names, one)) return names[one];
  const key = Object.keys(names).find((other) => wanted.includes(other.toLowerCase()));
  return key === undefined ? undefined : names[key];
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

function codeOf(socket: TLSSocket): string {
  return String(socket.authorizationError);
}

/** What was expected of a certificate, and what it says, where that is a matter of dates. */
function dates(code: string, { validFrom, validTo, issuer }: X509Certificate): { expected?: string; received: string } {
  const now = new Date();
  if (code === "CERT_HAS_EXPIRED")
    return { expected: `valid at ${now.toISOString()}`, received: `valid to ${validTo}` };
  if (code === "CERT_NOT_YET_VALID")
    return { expected: `valid at ${now.toISOString()}`, received: `valid from ${validFrom}` };
  return { received: `issued by ${issuer.replaceAll("\n", ", ")}` };
}

// ---- the handshake --------------------------------------------------------------------------------------------------

class Handshake {
  readonly label: string;
  readonly abandon: Abandon;
  /** Sessions that came before it was clear that they count. */
  private readonly early: Buffer[];
  private info: Info | null;
  private readonly role: "client" | "server";
  private readonly socket: TLSSocket;
  private readonly carrier: Carrier;
  private readonly settings: ClientSettings & ServerSettings;
  private readonly done: Done;
  private open: boolean;

  constructor(
    role: "client" | "server",
    socket: TLSSocket,
    carrier: Carrier,
    settings: ClientSettings & ServerSettings,
    done: Done,
  ) {
    this.label = tlsLabel(carrier.under.label);
    this.role = role;
    this.socket = socket;
    this.carrier = carrier;
    this.settings = settings;
    this.done = done;
    this.open = true;
    this.early = [];
    this.info = null;
    socket.disableRenegotiation();
    watchEnd(socket, carrier);
    socket.on("error", (error: Error) => this.fail(error));
    socket.once("close", () => this.fail(null));
    carrier.once("end", () => this.fail(null));
    carrier.onGone = () => this.fail(null);
    this.abandon = () => {
      if (!this.open) return;
      this.open = false;
      carrier.reset();
      socket.destroy();
    };
  }

  /** The two have agreed; `verdict` says what is wrong with the peer's certificate all the same, or null. */
  secure(certificate: X509Certificate | undefined, verdict: Error | null): void {
    if (!this.open) return;
    const { role, socket, carrier, settings } = this;
    const asked = role === "client" || (settings.clientCertificate ?? "none") !== "none";
    const strict = role === "client" ? settings.rejectUnauthorized !== false : settings.clientCertificate === "require";
    if (verdict !== null && strict) {
      this.fail(verdict);
      return;
    }
    this.open = false;
    this.info = new Info(role, socket, certificate, asked && verdict === null, verdict ?? undefined);
    // A server need not give a new one to somebody who has resumed one.
    if (this.info.resumed) this.info.session = settings.session;
    for (const session of this.early) this.keep(session);
    this.done(null, { transport: new TlsTransport(socket, carrier, settings.truncation ?? "error"), info: this.info });
  }

  /** A session has come that can be resumed later. */
  keep(session: Buffer): void {
    const { info } = this;
    if (info === null) {
      this.early.push(session);
      return;
    }
    info.session = pack({ session, certificate: info.x509, authorized: info.authorized });
    this.settings.onSession?.(info.session);
  }

  /** It ends here: with an error, or without one because the connection is over. */
  fail(error: Error | null): void {
    if (!this.open) return;
    this.open = false;
    const { carrier, socket, label } = this;
    // An alert, and the end behind it: Node tells of the end first.
    error ??= socket.errored;
    const { code } = (error ?? {}) as NodeJS.ErrnoException;
    const over = error === null || code === "ECONNRESET" || code === "EPIPE";
    const failure = over ? this.cut() : tlsFailure(error as Error, label, carrier.sample);
    // Closed and not reset, so that an alert gets through.
    if (!socket.destroyed) socket.destroy();
    carrier.limit();
    this.done(failure, null);
  }

  private cut(): Error {
    const { carrier, label } = this;
    const { failure } = carrier;
    const how = failure === null ? "the peer ended the connection" : "the connection broke";
    const said = carrier.sample.length === 0 ? ", before it had said anything" : "";
    return new TlsError(`${label}: ${how} in the middle of the handshake${said}`, "handshake", { cause: failure });
  }
}

class Info implements TlsInfo {
  readonly role: "client" | "server";
  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string | undefined;
  readonly servername: string | undefined;
  readonly resumed: boolean;
  readonly authorized: boolean;
  readonly authorizationError: Error | undefined;
  session: Uint8Array | undefined;
  readonly x509: X509Certificate | undefined;

  constructor(
    role: "client" | "server",
    socket: TLSSocket,
    certificate: X509Certificate | undefined,
    authorized: boolean,
    error: Error | undefined,
  ) {
    this.role = role;
    this.protocol = socket.getProtocol() ?? "";
    this.cipher = socket.getCipher().name;
    this.alpn = socket.alpnProtocol || undefined;
    this.servername = socket.servername || undefined;
    this.resumed = socket.isSessionReused();
    this.authorized = authorized;
    this.authorizationError = error;
    this.session = undefined;
    this.x509 = certificate;
  }

  get peerCertificate(): PeerCertificate | undefined {
    const { x509 } = this;
    if (x509 === undefined) return undefined;
    return {
      subject: x509.subject,
      issuer: x509.issuer,
      names: x509.subjectAltName ?? "",
      serialNumber: x509.serialNumber,
      fingerprint: x509.fingerprint256,
      validFrom: new Date(x509.validFrom),
      validTo: new Date(x509.validTo),
      raw: x509.raw,
    };
  }
}

/** The TLS of every host that brings none of its own. */
export const defaultTls: TlsService = {
  client: (settings) => new ClientEngine(settings),
  server: (settings) => new ServerEngine(settings),
};
