/**
 * What a request is for: the four forms of its target (RFC 9112 section 3.2), and the host it names.
 *
 * The target and `Host` together say where a request goes. Where two readers could take them for two places, one of them can
 * be made to serve, or to cache, what belongs to the other: so there is exactly one host, it is a host, and where the target
 * has one too they are the same.
 */
import { type FieldSection } from "./fields.ts";
import { CLASS, COLON, HEX, IP_LITERAL, isWord, latin1, LOWER, REG_NAME, shown, SLASH } from "./tokens.ts";

/**
 * The form of a target (RFC 9112 section 3.2): `origin` is a path, as in almost every request; `absolute` a whole URL, as
 * proxies get it; `authority` a host and a port, for CONNECT; `asterisk` is "*", for OPTIONS.
 */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

export const ORIGIN_FORM = "origin";
export const ABSOLUTE_FORM = "absolute";
export const AUTHORITY_FORM = "authority";
export const ASTERISK_FORM = "asterisk";

const PERCENT = 37;
const STAR = 42;
const OPEN = 91;
const CLOSE = 93;
const QUESTION = 63;

/** Which form a target has; refuses those that its method cannot have. */
export function targetForm(
  fields: FieldSection,
  bytes: Uint8Array,
  from: number,
  to: number,
  method: string,
): TargetForm {
  const connects = method === "CONNECT";
  if (bytes[from] === SLASH && !connects) return ORIGIN_FORM;
  if (connects) {
    if (hostEnd(bytes, from, to, true) !== to)
      throw fields.refuse(
        400,
        "RFC 9112 section 3.2.3",
        `CONNECT takes a host and a port as its target, not ${shown(bytes, from, to)}`,
      );
    return AUTHORITY_FORM;
  }
  if (bytes[from] === STAR && to - from === 1) {
    if (method !== "OPTIONS")
      throw fields.refuse(400, "RFC 9112 section 3.2.4", `only OPTIONS may have "*" as its target, not ${method}`);
    return ASTERISK_FORM;
  }
  const start = authorityStart(bytes, from, to);
  if (start < 0)
    throw fields.refuse(
      400,
      "RFC 9112 section 3.2",
      `the target is neither a path nor a whole URL: ${shown(bytes, from, to)}`,
    );
  const end = authorityEnd(bytes, start, to);
  if (hostEnd(bytes, start, end, false) !== end)
    throw fields.refuse(
      400,
      "RFC 9110 section 4.2",
      `the target names no host, or holds what cannot be in one: ${shown(bytes, from, to)}`,
    );
  return ABSOLUTE_FORM;
}

/** Where the authority of a URL begins; -1 where it is neither http nor https. */
function authorityStart(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 7 && isWord(bytes, from, from + 7, "http://")) return from + 7;
  if (to - from > 8 && isWord(bytes, from, from + 8, "https://")) return from + 8;
  return -1;
}

/** Where it ends. */
function authorityEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
  return at;
}

/**
 * The `Host` rules (RFC 9112 section 3.2): exactly one in 1.1, never two, a host and perhaps a port, that of the target.
 * `first` is where the field lines begin, `from` and `to` where the target lies; `known`: the very same lines have passed
 * before.
 */
export function checkHost(
  fields: FieldSection,
  known: boolean,
  bytes: Uint8Array,
  first: number,
  from: number,
  to: number,
  form: TargetForm,
  minor: number,
): void {
  if (fields.hosts === 0) {
    if (minor > 0) throw fields.refuse(400, "RFC 9112 section 3.2", "there is no Host");
    return;
  }
  const host = first + fields.hostFrom;
  const hostTo = first + fields.hostTo;
  if (!known && host < hostTo && hostEnd(bytes, host, hostTo, false) !== hostTo)
    throw fields.refuse(
      400,
      "RFC 9112 section 3.2",
      `Host is a host and perhaps a port, not ${shown(bytes, host, hostTo)}`,
    );
  if (form === ORIGIN_FORM || form === ASTERISK_FORM) return;
  const start = form === ABSOLUTE_FORM ? authorityStart(bytes, from, to) : from;
  const end = form === ABSOLUTE_FORM ? authorityEnd(bytes, start, to) : to;
  // The default port may be in one and not in the other: it means the same.
  const port = form === AUTHORITY_FORM ? "" : LOWER[bytes[from + 4] as number] === 115 ? ":443" : ":80";
  if (form === AUTHORITY_FORM && sameHost(bytes, start, end, host, hostTo, ":443")) return;
  if (form === AUTHORITY_FORM && sameHost(bytes, start, end, host, hostTo, ":80")) return;
  if (!sameHost(bytes, start, end, host, hostTo, port))
    throw fields.refuse(
      400,
      "RFC 9112 section 3.2",
      `Host is ${shown(bytes, host, hostTo)}, but the target names ${shown(bytes, start, end)}`,
    );
}

function sameHost(bytes: Uint8Array, a: number, aTo: number, b: number, bTo: number, port: string): boolean {
  const aEnd = withoutPort(bytes, a, aTo, port);
  const bEnd = withoutPort(bytes, b, bTo, port);
  if (aEnd - a !== bEnd - b) return false;
  for (let i = 0; i < aEnd - a; i++) if (LOWER[bytes[a + i] as number] !== LOWER[bytes[b + i] as number]) return false;
  return true;
}

function withoutPort(bytes: Uint8Array, from: number, to: number, port: string): number {
  const at = to - port.length;
  return port !== "" && at > from && isWord(bytes, at, to, port) ? at : to;
}

/**
 * Up to where it is a host with perhaps a port (RFC 3986 section 3.2.2; no user, no empty host): `to` where all of it is.
 * One pass.
 */
export function hostEnd(bytes: Uint8Array, from: number, to: number, needsPort: boolean): number {
  let at = from;
  if (bytes[at] === OPEN) {
    at++;
    while (at < to && ((CLASS[bytes[at] as number] as number) & IP_LITERAL) !== 0) at++;
    if (at >= to || bytes[at] !== CLOSE || at === from + 1) return -1;
    at++;
  } else {
    while (at < to && ((CLASS[bytes[at] as number] as number) & REG_NAME) !== 0) {
      if (bytes[at] === PERCENT) {
        if (at + 2 >= to || HEX[bytes[at + 1] as number] === 255 || HEX[bytes[at + 2] as number] === 255) return -1;
        at += 2;
      }
      at++;
    }
    if (at === from) return -1;
  }
  if (at === to) return needsPort ? -1 : at;
  if (bytes[at] !== COLON) return -1;
  at++;
  let port = 0;
  const digits = at;
  while (at < to) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
    if (port > 65_535) return -1;
    at++;
  }
  return needsPort && at === digits ? -1 : at;
}

/** The host and port a target names, as it stands there; undefined where it is a path or "*". */
export function authorityOf(bytes: Uint8Array, from: number, to: number, form: TargetForm): string | undefined {
  if (form === AUTHORITY_FORM) return latin1(bytes, from, to);
  if (form !== ABSOLUTE_FORM) return undefined;
  const start = authorityStart(bytes, from, to);
  return latin1(bytes, start, authorityEnd(bytes, start, to));
}
