/**
 * Extensions in a handshake: how they are written (RFC 6455, section 9.1), and how the one that there is, compression of
 * each message, is agreed on (RFC 7692, section 7.1).
 *
 * The client offers, in the order of its liking; the server takes the first offer that it can keep to the letter, and says
 * so; the client checks that it was told nothing else. Offers that a server does not understand are declined and not an
 * error, so that old and new ones can talk; an answer that a client does not understand is one.
 */

/** A name, and its parameters in order; the value is true where there is none. */
export interface Extension {
  readonly name: string;
  readonly parameters: readonly (readonly [string, string | true])[];
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads a header `Sec-WebSocket-Extensions`; undefined where it is not written as it has to be. */
export function parseExtensions(header: string): readonly Extension[] | undefined {
  const extensions: Extension[] = [];
  for (const part of splitOutsideQuotes(header, ",")) {
    // An empty element of a list is nothing (RFC 9110, 5.6.1).
    if (part === "") continue;
    const [name = "", ...rest] = splitOutsideQuotes(part, ";");
    if (!TOKEN.test(name)) return undefined;
    const parameters: [string, string | true][] = [];
    for (const one of rest) {
      const equals = one.indexOf("=");
      const key = (equals < 0 ? one : one.slice(0, equals)).trim();
      if (!TOKEN.test(key)) return undefined;
      const value = equals < 0 ? true : unquoted(one.slice(equals + 1).trim());
      if (value === undefined) return undefined;
      parameters.push([key, value]);
    }
    extensions.push({ name, parameters });
  }
  return extensions.length === 0 ? undefined : extensions;
}

/** A value, which is a token also where it stands in quotes (9.1). */
function unquoted(text: string): string | undefined {
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  const value = quoted ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
  return TOKEN.test(value) ? value : undefined;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') quoted = !quoted;
    else if (char === "\\" && quoted) i++;
    else if (char === separator && !quoted) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

/** Compression of messages (RFC 7692). Both sides have to want it. */
export interface DeflateOptions {
  /** Messages of fewer bytes go as they are: 1024 where nothing is said. */
  readonly threshold?: number | undefined;
  /** 1, fastest, to 9, smallest: 1 where nothing is said, which is most of what there is to gain. */
  readonly level?: number | undefined;
  /** How much memory the compressor takes, 1 to 9: 8 where nothing is said; 256 KiB a socket that has sent a message. */
  readonly memLevel?: number | undefined;
  /**
   * How far the server looks back when it compresses, as a power of two, 9 to 15. Each bit less halves the memory of it.
   */
  readonly serverMaxWindowBits?: number | undefined;
  /** And the client; it keeps to that only if it knows the parameter, which every browser does. */
  readonly clientMaxWindowBits?: number | undefined;
  /** The server begins each message anew: worse compression, and no memory kept between messages. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** And the client. */
  readonly clientNoContextTakeover?: boolean | undefined;
}

/** What was agreed on, as one side sees it. */
export interface DeflateAgreement {
  /** How far this side looks back; 0 where it cannot compress within what the peer can keep, and sends all as it is. */
  readonly sendBits: number;
  /** Whether what this side said before may be referred to. */
  readonly sendTakeover: boolean;
  readonly receiveBits: number;
  readonly receiveTakeover: boolean;
  readonly threshold: number;
  readonly level: number;
  readonly memLevel: number;
}

const NAME = "permessage-deflate";
const SERVER_TAKEOVER = "server_no_context_takeover";
const CLIENT_TAKEOVER = "client_no_context_takeover";
const SERVER_BITS = "server_max_window_bits";
const CLIENT_BITS = "client_max_window_bits";

/** The parameters of an offer or of an answer, once they are known to be right. */
interface Parameters {
  readonly serverTakeover: boolean;
  readonly clientTakeover: boolean;
  /** 0: nothing is said of it. */
  readonly serverBits: number;
  /** 0: nothing is said; -1: the parameter is known, and has no value. */
  readonly clientBits: number;
}

/** Reads parameters; undefined where one is unknown, comes twice or has a value that it cannot have (7.1). */
function parametersOf({ parameters }: Extension, offer: boolean): Parameters | undefined {
  let serverTakeover = true;
  let clientTakeover = true;
  let serverBits = 0;
  let clientBits = 0;
  const seen = new Set<string>();
  for (const [name, value] of parameters) {
    if (seen.has(name)) return undefined;
    seen.add(name);
    if (name === SERVER_TAKEOVER && value === true) serverTakeover = false;
    else if (name === CLIENT_TAKEOVER && value === true) clientTakeover = false;
    else if (name === SERVER_BITS && bitsOf(value) > 0) serverBits = bitsOf(value);
    else if (name === CLIENT_BITS && bitsOf(value) > 0) clientBits = bitsOf(value);
    else if (name === CLIENT_BITS && value === true && offer) clientBits = -1;
    else return undefined;
  }
  return { serverTakeover, clientTakeover, serverBits, clientBits };
}

/** 8 to 15 without a leading zero (7.1.2), or 0. */
function bitsOf(value: string | true): number {
  return value !== true && /^(8|9|1[0-5])$/.test(value) ? Number(value) : 0;
}

function settings(options: DeflateOptions): { threshold: number; level: number; memLevel: number } {
  return { threshold: options.threshold ?? 1024, level: options.level ?? 1, memLevel: options.memLevel ?? 8 };
}

/** Checks what a user wants; `who` asks. */
export function checkDeflateOptions(options: DeflateOptions, who: string): void {
  const check = (name: keyof DeflateOptions, least: number, most: number): void => {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= least && (value as number) <= most))
      throw new RangeError(`${who}: deflate.${name} is a whole number from ${least} to ${most}, not ${String(value)}`);
  };
  check("level", 1, 9);
  check("memLevel", 1, 9);
  // zlib cannot look back only 256 bytes: it says 8 and does 9.
  check("serverMaxWindowBits", 9, 15);
  check("clientMaxWindowBits", 9, 15);
  check("threshold", 0, Number.MAX_SAFE_INTEGER);
}

/** What a server agrees on, and how it says so; undefined where it declines every offer. */
export function acceptDeflate(
  offers: readonly Extension[],
  options: DeflateOptions,
): { readonly agreement: DeflateAgreement; readonly header: string } | undefined {
  for (const extension of offers) {
    if (extension.name !== NAME) continue;
    const offer = parametersOf(extension, true);
    // A window of 256 bytes is one that zlib cannot keep to.
    if (offer === undefined || offer.serverBits === 8) continue;
    const serverTakeover = offer.serverTakeover && options.serverNoContextTakeover !== true;
    const clientTakeover = offer.clientTakeover && options.clientNoContextTakeover !== true;
    const serverBits = Math.min(offer.serverBits || 15, options.serverMaxWindowBits ?? 15);
    // A client that does not know the parameter cannot be told (7.1.2.2), and looks back as far as it likes.
    const clientBits =
      offer.clientBits === 0
        ? 15
        : Math.min(offer.clientBits === -1 ? 15 : offer.clientBits, options.clientMaxWindowBits ?? 15);
    let header = NAME;
    if (!serverTakeover) header += `; ${SERVER_TAKEOVER}`;
    if (!clientTakeover) header += `; ${CLIENT_TAKEOVER}`;
    if (offer.serverBits !== 0 || serverBits < 15) header += `; ${SERVER_BITS}=${serverBits}`;
    if (offer.clientBits !== 0 && clientBits < 15) header += `; ${CLIENT_BITS}=${clientBits}`;
    const agreement: DeflateAgreement = {
      sendBits: serverBits,
      sendTakeover: serverTakeover,
      receiveBits: Math.max(9, clientBits),
      receiveTakeover: clientTakeover,
      ...settings(options),
    };
    return { agreement, header };
  }
  return undefined;
}

/** What a client offers. */
export function offerDeflate(options: DeflateOptions): string {
  let header = NAME;
  if (options.serverNoContextTakeover === true) header += `; ${SERVER_TAKEOVER}`;
  if (options.clientNoContextTakeover === true) header += `; ${CLIENT_TAKEOVER}`;
  if (options.serverMaxWindowBits !== undefined) header += `; ${SERVER_BITS}=${options.serverMaxWindowBits}`;
  header += `; ${CLIENT_BITS}`;
  if (options.clientMaxWindowBits !== undefined) header += `=${options.clientMaxWindowBits}`;
  return header;
}

/** What was agreed on, as the client reads it in the answer; a text that says what is wrong with that. */
export function checkDeflate(
  answer: readonly Extension[],
  options: DeflateOptions | undefined,
): DeflateAgreement | string {
  const [extension] = answer;
  if (answer.length !== 1 || extension?.name !== NAME || options === undefined)
    return "the server chose an extension that was not offered";
  const agreed = parametersOf(extension, false);
  if (agreed === undefined) return `the server answered with parameters of ${NAME} that there cannot be`;
  const wanted = options.serverMaxWindowBits ?? 15;
  if (options.serverMaxWindowBits !== undefined && (agreed.serverBits === 0 || agreed.serverBits > wanted))
    return `the server looks back further than the ${wanted} bits that were offered`;
  if (agreed.clientBits > (options.clientMaxWindowBits ?? 15))
    return "the server lets the client look back further than it offered to";
  if (options.serverNoContextTakeover === true && agreed.serverTakeover)
    return `the server does not keep to ${SERVER_TAKEOVER}`;
  const sendBits = Math.min(agreed.clientBits || 15, options.clientMaxWindowBits ?? 15);
  return {
    sendBits: sendBits === 8 ? 0 : sendBits,
    sendTakeover: agreed.clientTakeover && options.clientNoContextTakeover !== true,
    receiveBits: Math.max(9, agreed.serverBits || 15),
    receiveTakeover: agreed.serverTakeover,
    ...settings(options),
  };
}
