/**
 * TLS without cryptography: what two programs see of it, over a connection of the simulated world.
 *
 * Bytes pass as they are, in records, so that an end can be told from a cut. The handshake is made of messages over that very
 * connection: it takes its round trips (one; two where TLS 1.2 is asked for), is cut when the connection is, and fails on
 * either side as the real one does: names, authorities, versions, protocols. Who looks into the packets can read everything.
 *
 * (The messages have the shape of TLS and not its contents: a type, a version, a length, and JSON.)
 */
import { TlsError } from "../net/errors.ts";
import type { Abandon } from "../net/network.ts";
import type { ClientSettings, Credentials, ServerSettings, TlsInfo, TlsVersion } from "../net/tls-options.ts";
import type { Secured, TlsEngine, TlsService } from "../net/tls-service.ts";
import type { Transport } from "../net/transport.ts";
import { hashText } from "./choices.ts";
import { type Identity, isAddress, isFor, ownCertificate, readCertificate, textOf } from "./tls-certificates.ts";
import { Line, tlsLabel, TlsStubTransport } from "./tls-stub-transport.ts";

type Done = (error: Error | null, secured: Secured | null) => void;

/** What the stub needs of its node. */
export interface TlsStubPlace {
  readonly name: string;
  /** The clock on the wall, for certificates. */
  wallClock(): number;
  /** Calls back soon, as a step of the node. */
  soon(what: string, work: () => void): void;
}

/** The service `tls` of a node. */
export function tlsStub(place: TlsStubPlace): TlsService {
  let servers = 0;
  return {
    client: (settings) => new ClientEngine(place, settings),
    server: (settings) => new ServerEngine(place, settings, `${place.name} ${++servers}`),
  };
}

// ---- messages -------------------------------------------------------------------------------------------------------

interface ClientHello {
  readonly hello: "client";
  readonly servername: string | undefined;
  readonly alpn: readonly string[] | undefined;
  readonly versions: readonly [number, number];
  readonly ticket: Ticket | undefined;
}

interface ServerHello {
  readonly hello: "server";
  readonly version: TlsVersion;
  readonly alpn: string | undefined;
  readonly cert: string | undefined;
  readonly asks: boolean;
  readonly resumed: boolean;
}

interface Finished {
  readonly finished: true;
  readonly cert: string | undefined;
}

/** From a server that has let the client in. With TLS 1.2 the client waits for it. */
interface Welcome {
  readonly welcome: true;
  readonly ticket: Ticket;
}

/** What a client keeps for the next time. */
interface Ticket {
  /** Of the server, who takes only its own. */
  readonly secret: string;
  readonly servername: string;
  /** Of the server. */
  readonly cert: string | undefined;
  readonly authorized: boolean;
}

type Message = ClientHello | ServerHello | Finished | Welcome;

const VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

function versionsOf({
  minVersion = "TLSv1.2",
  maxVersion = "TLSv1.3",
}: ClientSettings | ServerSettings): [number, number] {
  const range: [number, number] = [VERSIONS.indexOf(minVersion), VERSIONS.indexOf(maxVersion)];
  if (range[0] < 0 || range[1] < range[0])
    throw new TypeError(`TLS cannot use the versions that it was given: ${minVersion} to ${maxVersion}`);
  return range;
}

const CIPHER: Readonly<Record<TlsVersion, string>> = {
  "TLSv1.2": "ECDHE-RSA-AES256-GCM-SHA384",
  "TLSv1.3": "TLS_AES_256_GCM_SHA384",
};

// ---- the client -----------------------------------------------------------------------------------------------------

class ClientEngine implements TlsEngine {
  private readonly place: TlsStubPlace;
  private readonly settings: ClientSettings;
  private readonly own: Identity | undefined;
  private readonly versions: [number, number];
  private readonly ticket: Ticket | undefined;

  constructor(place: TlsStubPlace, settings: ClientSettings) {
    this.place = place;
    this.settings = settings;
    this.own = ownCertificate(settings);
    this.versions = versionsOf(settings);
    const ticket = settings.session === undefined ? undefined : unpack(settings.session);
    // One that was made for another name is no pass.
    this.ticket = ticket?.servername === (settings.servername ?? "") ? ticket : undefined;
  }

  start(transport: Transport, early: Uint8Array, done: Done): Abandon {
    const { settings, place, own, versions, ticket } = this;
    const { servername = "", alpn, rejectUnauthorized = true } = settings;
    const handshake = new Handshake("client", place, transport, early, done, settings.truncation);
    let hello: ServerHello | undefined;
    let certificate: Identity | undefined;
    let verdict: TlsError | null = null;
    const secure = (said: ServerHello): void => {
      const { version, alpn: agreed, resumed } = said;
      handshake.secure({
        role: "client",
        protocol: version,
        cipher: CIPHER[version],
        alpn: agreed,
        servername: isAddress(servername) || servername === "" ? undefined : servername,
        resumed,
        authorized: verdict === null,
        authorizationError: verdict ?? undefined,
        peerCertificate: certificate,
        session: resumed ? settings.session : undefined,
      });
    };
    handshake.heard = (message) => {
      if ("welcome" in message) {
        if (handshake.info === undefined && hello !== undefined) secure(hello);
        const kept: Ticket = {
          ...message.ticket,
          servername,
          cert: certificate?.text,
          authorized: verdict === null,
        };
        handshake.keep(pack(kept), settings.onSession);
        return;
      }
      if (!("hello" in message) || message.hello !== "server" || hello !== undefined) {
        handshake.fail("record", "the server said what does not belong here");
        return;
      }
      hello = message;
      const shown = message.resumed ? ticket?.cert : message.cert;
      certificate = shown === undefined ? undefined : readCertificate(shown);
      verdict = this.verdict(certificate, handshake.label);
      if (verdict !== null && rejectUnauthorized) {
        handshake.refuse(verdict);
        return;
      }
      handshake.say({ finished: true, cert: message.asks ? own?.text : undefined });
      if (message.version === "TLSv1.3") secure(message);
    };
    handshake.say({
      hello: "client",
      servername: isAddress(servername) || servername === "" ? undefined : servername,
      alpn,
      versions,
      ticket,
    });
    return handshake.abandon;
  }

  /** What is wrong with the server's certificate, or null. */
  private verdict(certificate: Identity | undefined, label: string): TlsError | null {
    const { servername = "", ca } = this.settings;
    if (certificate === undefined)
      return new TlsError(`${label}: the server has shown no certificate`, "certificate", {
        expected: `one for ${servername}`,
      });
    const refused = certificate.refused(textOf(ca), this.place.wallClock());
    if (refused !== null) return refusedCertificate(label, certificate, refused, this.place.wallClock());
    if (servername !== "" && isFor(certificate, servername)) return null;
    const received = certificate.names;
    return new TlsError(
      servername === ""
        ? `${label}: nobody has said for which name the server's certificate has to be (\`servername\`); it is for ${received}`
        : `${label}: the server's certificate is not for ${servername}: it is for ${received}`,
      "hostname",
      servername === "" ? { received } : { expected: servername, received },
    );
  }
}

function refusedCertificate(
  label: string,
  { issuer, validFrom, validTo }: Identity,
  [check, words]: readonly [TlsError["check"], string],
  now: number,
): TlsError {
  const expected = `valid at ${new Date(now).toISOString()}`;
  const details =
    check === "expired"
      ? { expected, received: `valid to ${validTo.toUTCString()}` }
      : check === "not yet valid"
        ? { expected, received: `valid from ${validFrom.toUTCString()}` }
        : { received: `issued by ${issuer}` };
  return new TlsError(`${label}: ${words}`, check, details);
}

const SESSION = "rondo simulated session\n";

function pack(ticket: Ticket): Uint8Array {
  return new TextEncoder().encode(SESSION + JSON.stringify(ticket));
}

function unpack(session: Uint8Array): Ticket {
  const text = new TextDecoder().decode(session);
  if (!text.startsWith(SESSION))
    throw new TypeError("the session is none that `onSession` or `tls.session` has given in a simulation");
  return JSON.parse(text.slice(SESSION.length)) as Ticket;
}

// ---- the server -----------------------------------------------------------------------------------------------------

class ServerEngine implements TlsEngine {
  private readonly place: TlsStubPlace;
  private readonly settings: ServerSettings;
  private readonly own: Identity | undefined;
  private readonly versions: [number, number];
  /** What tells its own sessions. It is sent, and never written down. */
  private readonly secret: string;

  constructor(place: TlsStubPlace, settings: ServerSettings, name: string) {
    const { names, ticketKeys } = settings;
    this.place = place;
    this.settings = settings;
    this.own = ownCertificate(settings);
    this.versions = versionsOf(settings);
    if (ticketKeys !== undefined && ticketKeys.length !== 48)
      throw new TypeError(`TLS takes ticketKeys of 48 bytes, not ${ticketKeys.length}`);
    this.secret = ticketKeys === undefined ? name : `keys ${hashText(String.fromCharCode(...ticketKeys))}`;
    // What is wrong with one of them is said now and not when somebody asks for it.
    if (typeof names === "object") for (const one of Object.values(names)) ownCertificate(one);
  }

  start(transport: Transport, early: Uint8Array, done: Done): Abandon {
    const { settings, place, secret } = this;
    const { clientCertificate = "none" } = settings;
    const asks = clientCertificate !== "none";
    const handshake = new Handshake("server", place, transport, early, done, settings.truncation);
    let hello: ClientHello | undefined;
    let answer: ServerHello | undefined;
    handshake.heard = (message) => {
      if ("hello" in message && message.hello === "client" && hello === undefined) {
        hello = message;
        answer = this.answer(message, handshake);
        if (answer !== undefined) handshake.say(answer);
        return;
      }
      if (!("finished" in message) || hello === undefined || answer === undefined || handshake.info !== undefined) {
        handshake.fail("record", "the client said what does not belong here");
        return;
      }
      const certificate = message.cert === undefined ? undefined : readCertificate(message.cert);
      const verdict = asks ? this.verdict(certificate, handshake.label) : null;
      if (verdict !== null && clientCertificate === "require") {
        handshake.refuse(verdict);
        return;
      }
      const ticket: Ticket = { secret, servername: "", cert: undefined, authorized: false };
      handshake.say({ welcome: true, ticket });
      handshake.secure({
        role: "server",
        protocol: answer.version,
        cipher: CIPHER[answer.version],
        alpn: answer.alpn,
        servername: hello.servername,
        resumed: answer.resumed,
        authorized: asks && verdict === null,
        authorizationError: verdict ?? undefined,
        peerCertificate: certificate,
        session: undefined,
      });
    };
    return handshake.abandon;
  }

  private answer(hello: ClientHello, handshake: Handshake): ServerHello | undefined {
    const { settings, versions, secret } = this;
    const version = VERSIONS[Math.min(hello.versions[1], versions[1])] as TlsVersion;
    if (Math.max(hello.versions[0], versions[0]) > VERSIONS.indexOf(version)) {
      handshake.fail("protocol", "the two have no version of TLS in common");
      return undefined;
    }
    let alpn: string | undefined;
    if (hello.alpn !== undefined && settings.alpn !== undefined) {
      alpn = settings.alpn.find((one) => (hello.alpn as readonly string[]).includes(one));
      if (alpn === undefined) {
        handshake.fail("alpn", "the two have no application protocol in common (`alpn`)");
        return undefined;
      }
    }
    const resumed = hello.ticket !== undefined && hello.ticket.secret === secret;
    let certificate: Identity | undefined;
    try {
      const found = hello.servername === undefined ? undefined : this.lookUp(hello.servername.toLowerCase());
      certificate = found === undefined ? this.own : ownCertificate(found);
    } catch (error) {
      handshake.refuse(error as Error);
      return undefined;
    }
    if (certificate === undefined) {
      if (hello.servername === undefined)
        handshake.fail("cipher", "there is no certificate, and the client asks for no name");
      else
        handshake.refuse(
          new TlsError(`${handshake.label}: there is no certificate for ${hello.servername}`, "server name", {
            received: hello.servername,
          }),
        );
      return undefined;
    }
    const asks = (settings.clientCertificate ?? "none") !== "none";
    return { hello: "server", version, alpn, cert: resumed ? undefined : certificate.text, asks, resumed };
  }

  /** The entry of a name: its own, or that of all names beside it. */
  private lookUp(name: string): Credentials | undefined {
    const { names } = this.settings;
    if (typeof names === "function") return names(name);
    if (names === undefined) return undefined;
    const dot = name.indexOf(".");
    for (const wanted of [name, dot > 0 ? `*${name.slice(dot)}` : name]) {
      const key = Object.keys(names).find((one) => one.toLowerCase() === wanted);
      if (key !== undefined) return names[key];
    }
    return undefined;
  }

  /** What is wrong with the client's certificate, or null. */
  private verdict(certificate: Identity | undefined, label: string): TlsError | null {
    if (certificate === undefined)
      return new TlsError(`${label}: the client has shown no certificate`, "client certificate");
    const now = this.place.wallClock();
    const refused = certificate.refused(textOf(this.settings.ca), now);
    return refused === null ? null : refusedCertificate(label, certificate, refused, now);
  }
}

// ---- the handshake --------------------------------------------------------------------------------------------------

interface Info extends TlsInfo {
  session: Uint8Array | undefined;
}

/** One side of a handshake, of which exactly one thing comes: a secured transport, an error, or, withdrawn, nothing. */
class Handshake {
  readonly label: string;
  readonly abandon: Abandon;
  /** Is told of each message. */
  heard: (message: Message) => void;
  /** What was agreed on, when that is so. */
  info: Info | undefined;
  private readonly role: "client" | "server";
  private readonly line: Line;
  private readonly place: TlsStubPlace;
  private readonly done: Done;
  private readonly cutIsEnd: boolean;
  private open: boolean;

  constructor(
    role: "client" | "server",
    place: TlsStubPlace,
    transport: Transport,
    early: Uint8Array,
    done: Done,
    truncation: "error" | "end" | undefined,
  ) {
    this.label = tlsLabel(transport.label);
    this.heard = () => {};
    this.info = undefined;
    this.role = role;
    this.place = place;
    this.done = done;
    this.cutIsEnd = truncation === "end";
    this.open = true;
    this.line = new Line(transport, place, {
      message: (text) => this.hear(text),
      alert: (text) => this.alerted(text),
      broken: (what, received) => this.fail(this.line.heard ? "record" : "not tls", what, received),
      over: (error) => this.cut(error),
    });
    this.abandon = () => {
      if (!this.open) return;
      this.open = false;
      this.line.abort();
    };
    this.line.begin(early);
  }

  private hear(text: string): void {
    try {
      this.heard(JSON.parse(text) as Message);
    } catch {
      // Whatever somebody on the way has made of it, that is the peer's fault and not one of this side.
      this.fail("record", "what came cannot be decoded");
    }
  }

  say(message: Message): void {
    this.line.say(JSON.stringify(message));
  }

  /** The two have agreed. */
  secure(info: Info): void {
    if (!this.open) return;
    this.open = false;
    this.info = info;
    const transport = new TlsStubTransport(this.line, this.place, this.label, this.cutIsEnd);
    this.done(null, { transport, info });
  }

  /** A session has come that can be resumed. */
  keep(session: Uint8Array, told: ((session: Uint8Array) => void) | undefined): void {
    if (this.info !== undefined) this.info.session = session;
    told?.(session);
  }

  /** It ends here, and the peer is told why. */
  fail(check: TlsError["check"], words: string, received?: string): void {
    this.refuse(new TlsError(`${this.label}: ${words}`, check, { received }));
  }

  refuse(error: Error): void {
    if (!this.open) return;
    this.open = false;
    this.line.alert(error instanceof TlsError ? error.check : "handshake");
    // Closed and not reset, so that the alert gets through.
    this.line.close();
    this.done(error, null);
  }

  /** The peer has ended it. */
  private alerted(text: string): void {
    if (!this.open) return;
    this.open = false;
    this.line.close();
    this.done(alertError(this.label, this.role, text), null);
  }

  private cut(error: Error | null): void {
    if (!this.open) return;
    this.open = false;
    this.line.close();
    const how = error === null ? "the peer ended the connection" : "the connection broke";
    const said = this.line.heard ? "" : ", before it had said anything";
    this.done(
      new TlsError(`${this.label}: ${how} in the middle of the handshake${said}`, "handshake", { cause: error }),
      null,
    );
  }
}

/** What an alert of the peer means here. */
export function alertError(label: string, role: "client" | "server", text: string): TlsError {
  switch (text) {
    case "alpn":
      return new TlsError(`${label}: the two have no application protocol in common (\`alpn\`)`, "alpn");
    case "protocol":
      return new TlsError(`${label}: the peer speaks none of the versions of TLS that this side does`, "protocol");
    case "server name":
      return new TlsError(`${label}: the peer has no certificate for that name`, "server name");
    case "client certificate":
      return new TlsError(`${label}: the peer wants a client certificate, and none was given`, "client certificate");
    case "cipher":
    case "record":
    case "not tls":
    case "handshake":
      return new TlsError(`${label}: the peer has found nothing that both sides accept`, "refused by the peer");
    default:
      return new TlsError(`${label}: the peer does not accept the certificate of this side`, "refused by the peer", {
        received: role === "client" ? text : undefined,
      });
  }
}
