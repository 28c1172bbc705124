/**
 * Where a message ends (RFC 9112 section 6.3), and whether another may follow on the connection (section 9.3).
 *
 * Whoever reads a length where the next one reads chunks has two different messages of the same bytes: that is request
 * smuggling. So nothing is guessed here and nothing corrected: what does not have exactly one meaning is refused.
 */
import { CHUNKED, CLOSE, type FieldSection, KEEP_ALIVE, NO_CODING, REQUEST, THEN_CHUNKED, UPGRADE } from "./fields.ts";

/** The body is in chunks. */
export const IS_CHUNKED = 1;
/** Another message may follow. */
export const IS_PERSISTENT = 2;
/** The client waits for `100 Continue` before it sends the body. */
export const WAITS_FOR_CONTINUE = 4;
/** The client would go on with another protocol, or the server does. */
export const IS_UPGRADE = 8;
/** The body ends with the connection. */
export const IS_UNTIL_CLOSE = 16;

/** Whether another message may follow (RFC 9112 section 9.3): by default in 1.1, if asked for in 1.0. */
export function persists(fields: FieldSection, minor: number): boolean {
  if ((fields.connection & CLOSE) !== 0) return false;
  return minor > 0 || (fields.connection & KEEP_ALIVE) !== 0;
}

/** Refuses what would have two meanings; gives whether the body is in chunks. */
export function checkCoding(fields: FieldSection, minor: number): boolean {
  const { coding } = fields;
  if (coding === NO_CODING) return false;
  if (minor === 0)
    throw fields.refuse(400, "RFC 9112 section 6.1", "Transfer-Encoding came with HTTP/1.0, which does not have it");
  if (fields.length >= 0)
    throw fields.refuse(400, "RFC 9112 section 6.3", "both Content-Length and Transfer-Encoding came");
  if (coding === CHUNKED) return true;
  if (coding === THEN_CHUNKED)
    throw fields.refuse(501, "RFC 9112 section 6.1", "the only transfer coding that is understood here is chunked");
  throw fields.refuse(400, "RFC 9112 section 6.3", "Transfer-Encoding does not end in chunked, or has it twice");
}

/** How a request is framed, as bits. Its length is in `fields.length`, and there is no body where that is -1. */
export function requestFraming(fields: FieldSection, method: string, minor: number): number {
  let bits = checkCoding(fields, minor) ? IS_CHUNKED : 0;
  const body = bits !== 0 || fields.length > 0;
  if (persists(fields, minor)) bits |= IS_PERSISTENT;
  if (minor > 0) {
    if (body && fields.expect) bits |= WAITS_FOR_CONTINUE;
    if (fields.upgrade && (fields.connection & UPGRADE) !== 0) bits |= IS_UPGRADE;
  }
  if (body && method.length >= 5) {
    if (method === "CONNECT")
      throw fields.refuse(400, "RFC 9110 section 9.3.6", "CONNECT has a body, which it cannot have");
    if (method === "TRACE")
      throw fields.refuse(400, "RFC 9110 section 9.3.8", "TRACE has a body, which it must not have");
  }
  return bits;
}

/**
 * How the answer to a request of this method is framed, as bits; the length is `fields.length` where it is 0 or more, and
 * neither bit for a body is set. (RFC 9112 section 6.3, the rules in its order.)
 */
export function responseFraming(fields: FieldSection, method: string, status: number, minor: number): number {
  const persistent = persists(fields, minor) ? IS_PERSISTENT : 0;
  if (status === 101 || (method === "CONNECT" && status >= 200 && status < 300)) {
    fields.length = 0;
    return IS_UPGRADE;
  }
  if (status < 200) {
    fields.length = 0;
    return IS_PERSISTENT;
  }
  const chunked = checkCoding(fields, minor);
  if (status === 204 || status === 304 || method === "HEAD") {
    // A body that is announced where there can be none, as some do in a 204, is likely to follow, and would be read as the
    // next response.
    const announced = status === 204 && (chunked || fields.length > 0);
    fields.length = 0;
    return announced ? 0 : persistent;
  }
  if (chunked) return IS_CHUNKED | persistent;
  if (fields.length >= 0) return persistent;
  return IS_UNTIL_CLOSE;
}

/** Whether a request without a body is meant where nothing is said of one. */
export function bodyLength(fields: FieldSection): number {
  return fields.length < 0 && fields.side === REQUEST ? 0 : fields.length;
}
