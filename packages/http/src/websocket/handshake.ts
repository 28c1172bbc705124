/**
 * The handshake, both sides (RFC 6455, section 4): a request of HTTP that asks for a WebSocket, and the answer that agrees.
 * Nothing is sent from here: what goes in are heads, what comes out is what to say.
 *
 * Each side proves that it means a WebSocket: the client sends a key, the server answers with what can only be made of that
 * key by somebody who knows the protocol. And a page is asked where it comes from: a browser lets every page connect to every
 * server, with the user's cookies, so it is the server that has to look at the `Origin` (10.2).
 */
import type { DeflateService } from "./deflate.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import {
  acceptDeflate,
  checkDeflate,
  type DeflateAgreement,
  type DeflateOptions,
  offerDeflate,
  parseExtensions,
} from "./extensions.ts";
import type { RandomSource } from "./mask.ts";
import { sha1 } from "./sha1.ts";

/** What is looked at in a head. Values of fields that came several times are joined by commas. */
export interface HeaderReader {
  get(name: string): string | undefined;
  getAll(name: string): readonly string[];
}

/** Which pages may connect; see {@link UpgradeOptions.origins}. */
export type Origins = "same" | "any" | readonly string[] | ((origin: string) => boolean);

/** What a server agrees to. */
export interface AcceptOptions {
  /** The subprotocols that it speaks. The first one that the client names and that is among them is taken. */
  readonly protocols?: readonly string[] | undefined;
  readonly origins?: Origins | undefined;
  readonly deflate?: DeflateOptions | undefined;
  readonly service?: DeflateService | null | undefined;
}

/** A handshake as the server sees it. */
export interface HandshakeRequest {
  readonly method: string;
  /** `1.1`, or `1.0`, which knows no upgrades. */
  readonly version: string;
  readonly headers: HeaderReader;
}

/** It is agreed: the answer is `101 Switching Protocols` with these fields. */
export interface Accepted {
  readonly ok: true;
  readonly headers: readonly (readonly [string, string])[];
  readonly protocol: string;
  readonly deflate: DeflateAgreement | undefined;
}

/** It is not: what to answer, and why. */
export interface Refused {
  readonly ok: false;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly message: string;
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What answers a key (4.2.2, step 5.4). */
export function acceptKey(key: string): string {
  return base64(sha1(key + GUID));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Whether a comma-separated field has a word in it, in whatever case. */
function lists(header: string | undefined, word: string): boolean {
  return header !== undefined && header.split(",").some((part) => part.trim().toLowerCase() === word);
}

/** Whether a request asks for a WebSocket at all: else it is some other request. */
export function asksForWebSocket(request: HandshakeRequest): boolean {
  return lists(request.headers.get("upgrade"), "websocket");
}

/** The server's half (4.2). */
export function acceptHandshake(request: HandshakeRequest, options: AcceptOptions = {}): Accepted | Refused {
  const { headers } = request;
  if (request.method !== "GET")
    return refused(405, `a WebSocket is asked for with GET, not ${request.method} (RFC 6455, 4.1)`, [["allow", "GET"]]);
  if (request.version !== "1.1") return refused(426, "a WebSocket needs HTTP/1.1 (RFC 6455, 4.1)", UPGRADE);
  if (!asksForWebSocket(request))
    return refused(
      426,
      "this answers only WebSocket clients: the Upgrade field lacks `websocket` (RFC 6455, 4.2.1)",
      UPGRADE,
    );
  if (!lists(headers.get("connection"), "upgrade"))
    return refused(400, "the Connection field lacks `upgrade` (RFC 6455, 4.2.1)");
  const version = headers.get("sec-websocket-version")?.trim();
  if (version !== "13") {
    const named = version === undefined ? "there is no Sec-WebSocket-Version" : "the version is another one";
    return refused(426, `${named}, and this speaks version 13 (RFC 6455, 4.4)`, [
      ...UPGRADE,
      ["sec-websocket-version", "13"],
    ]);
  }
  const keys = headers.getAll("sec-websocket-key");
  const key = keys[0]?.trim() ?? "";
  if (keys.length !== 1 || !KEY.test(key))
    return refused(400, "there has to be one Sec-WebSocket-Key of 16 bytes in base64 (RFC 6455, 4.2.1)");
  const origin = headers.get("origin");
  if (origin !== undefined && !originAllowed(origin, headers.get("host"), options.origins ?? "same"))
    return refused(403, "pages of this origin may not connect (RFC 6455, 10.2)");

  const answer: [string, string][] = [
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-accept", acceptKey(key)],
  ];
  let protocol = "";
  const wanted = headers.get("sec-websocket-protocol");
  if (wanted !== undefined) {
    const names = wanted.split(",").map((name) => name.trim());
    if (names.some((name) => !TOKEN.test(name)) || new Set(names).size < names.length)
      return refused(400, "Sec-WebSocket-Protocol has to name each subprotocol once (RFC 6455, 4.1)");
    protocol = names.find((name) => options.protocols?.includes(name) === true) ?? "";
    if (protocol !== "") answer.push(["sec-websocket-protocol", protocol]);
  }
  let deflate: DeflateAgreement | undefined;
  const offered = headers.get("sec-websocket-extensions");
  if (offered !== undefined) {
    const offers = parseExtensions(offered);
    if (offers === undefined) return refused(400, "Sec-WebSocket-Extensions cannot be read (RFC 6455, 9.1)");
    if (options.deflate !== undefined && (options.service ?? null) !== null) {
      const agreed = acceptDeflate(offers, options.deflate);
      if (agreed !== undefined) {
        deflate = agreed.agreement;
        answer.push(["sec-websocket-extensions", agreed.header]);
      }
    }
  }
  return { ok: true, headers: answer, protocol, deflate };
}

const UPGRADE: readonly (readonly [string, string])[] = [
  ["upgrade", "websocket"],
  ["connection", "Upgrade"],
];

function refused(status: number, message: string, headers: readonly (readonly [string, string])[] = []): Refused {
  return { ok: false, status, headers, message };
}

/** Whether a page of this origin may connect. */
export function originAllowed(origin: string, host: string | undefined, allowed: Origins): boolean {
  if (allowed === "any") return true;
  if (typeof allowed === "function") return allowed(origin);
  if (allowed !== "same") return allowed.includes(origin);
  // An origin has no path: what is behind the scheme is a host, and its port where that is not the scheme's own.
  const match = /^(https?):\/\/([^/?#@]+)$/i.exec(origin);
  if (match === null || host === undefined) return false;
  const ownPort = (match[1] as string).toLowerCase() === "https" ? ":443" : ":80";
  const withoutOwnPort = (name: string): string =>
    name.endsWith(ownPort) ? name.slice(0, -ownPort.length).toLowerCase() : name.toLowerCase();
  return withoutOwnPort(match[2] as string) === withoutOwnPort(host.trim());
}

/** What a client asks for. */
export interface AskOptions {
  /** The subprotocols that it speaks, the one that it likes best first. */
  readonly protocols?: readonly string[] | undefined;
  readonly deflate?: DeflateOptions | undefined;
}

/** The client's half: fields to send, and what the answer has to be (4.1). */
export interface Asked {
  readonly key: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** The fields that ask for a WebSocket. */
export function askHandshake(options: AskOptions, random: RandomSource): Asked {
  const { protocols = [], deflate } = options;
  for (const [i, name] of protocols.entries()) {
    if (!TOKEN.test(name) || protocols.indexOf(name) !== i)
      throw new TypeError(`subprotocols are words of HTTP, each named once, not ${JSON.stringify(protocols)}`);
  }
  const bytes = new Uint8Array(16);
  random(bytes);
  const key = base64(bytes);
  const headers: [string, string][] = [
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-key", key],
    ["sec-websocket-version", "13"],
  ];
  if (protocols.length > 0) headers.push(["sec-websocket-protocol", protocols.join(", ")]);
  if (deflate !== undefined) headers.push(["sec-websocket-extensions", offerDeflate(deflate)]);
  return { key, headers };
}

/** What the client was granted. */
export interface Granted {
  readonly protocol: string;
  readonly deflate: DeflateAgreement | undefined;
}

/** Reads the answer to what was asked; throws a {@link WebSocketHandshakeError} where it does not agree (4.1). */
export function checkAnswer(
  answer: { readonly status: number; readonly headers: HeaderReader },
  asked: Asked,
  options: AskOptions,
): Granted {
  const { status, headers } = answer;
  const fail = (message: string, rfc = "RFC 6455, 4.1"): never => {
    throw new WebSocketHandshakeError(message, { status, rfc });
  };
  if (status !== 101)
    throw new WebSocketHandshakeError(`the server answered ${status} and not 101: it gives no WebSocket here`, {
      status,
    });
  if (headers.get("upgrade")?.trim().toLowerCase() !== "websocket")
    fail("the server switches to something else: its Upgrade field is not `websocket`");
  if (!lists(headers.get("connection"), "upgrade")) fail("the server's Connection field lacks `upgrade`");
  const accepts = headers.getAll("sec-websocket-accept");
  if (accepts.length !== 1 || accepts[0]?.trim() !== acceptKey(asked.key))
    fail("the server's Sec-WebSocket-Accept does not answer the key that was sent");
  const chosen = headers.getAll("sec-websocket-protocol");
  const protocol = chosen[0]?.trim() ?? "";
  const { protocols = [] } = options;
  if (chosen.length > 1 || (chosen.length === 1 && !protocols.includes(protocol)))
    fail(`the server chose the subprotocol ${JSON.stringify(chosen.join(", "))}, which was not asked for`);
  if (chosen.length === 0 && protocols.length > 0)
    fail(`the server speaks none of the subprotocols ${protocols.join(", ")}`);
  const extensions = headers.get("sec-websocket-extensions");
  if (extensions === undefined) return { protocol, deflate: undefined };
  const parsed = parseExtensions(extensions);
  if (parsed === undefined) return fail("the server's Sec-WebSocket-Extensions cannot be read", "RFC 6455, 9.1");
  const agreed = checkDeflate(parsed, options.deflate);
  if (typeof agreed === "string") return fail(agreed, "RFC 7692, 7.1");
  return { protocol, deflate: agreed };
}
