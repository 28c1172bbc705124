/**
 * Why a WebSocket was closed: the numbers of RFC 6455, section 7.4, who may send which, and what lies in a Close frame.
 *
 * Three of them never travel: 1005 stands for a Close frame without a number, 1006 for a connection that broke without
 * one, 1015 for a failed TLS handshake. A peer that sends one of those is mistaken about something, and is told so.
 */
import { WebSocketError } from "./errors.ts";
import { checkUtf8 } from "./utf8.ts";

/** Everything was said. */
export const NORMAL = 1000;
/** A server stops, or a page is left. */
export const GOING_AWAY = 1001;
/** The peer broke the protocol. */
export const PROTOCOL_ERROR = 1002;
/** The Close frame had no number. Never sent. */
export const NO_CODE = 1005;
/** There was no Close frame. Never sent. */
export const ABNORMAL = 1006;
/** What came is not what it says to be: text that is not UTF-8, data that is not deflated. */
export const INVALID_DATA = 1007;
/** A message is larger than what is taken. */
export const TOO_LARGE = 1009;
/** Something unforeseen on this side. */
export const INTERNAL_ERROR = 1011;

/** How a WebSocket ended. */
export interface CloseInfo {
  /** The number of the Close frame; 1005 where it had none, 1006 where there was no such frame. */
  readonly code: number;
  readonly reason: string;
  /** Both sides have sent a Close frame. */
  readonly clean: boolean;
  /** Who began: the peer, or this side; `nobody` where the connection broke. */
  readonly by: "peer" | "us" | "nobody";
}

/** The longest reason, in bytes of UTF-8: a control frame holds 125, two of them are the number (5.5). */
export const LONGEST_REASON = 123;

const NOTHING: Uint8Array = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Whether a number may stand in a Close frame: 1000 to 1014 without the reserved ones, and 3000 to 4999, which belong to
 * libraries and applications (7.4.1, 7.4.2 and the registry of IANA).
 */
export function isCloseCode(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== ABNORMAL;
}

/** What a Close frame carries: nothing, or a number and a reason. Throws a `RangeError` for what may not be sent. */
export function closePayload(code: number | undefined, reason: string = ""): Uint8Array {
  if (code === undefined) {
    if (reason !== "") throw new RangeError("a reason for closing needs a code before it: give 1000, or 3000 to 4999");
    return NOTHING;
  }
  if (!Number.isInteger(code) || !isCloseCode(code)) {
    throw new RangeError(
      `${String(code)} is no code that may be sent in a Close frame: 1000 is a normal end, 3000 to 4999 are yours`,
    );
  }
  const text = encoder.encode(reason);
  if (text.length > LONGEST_REASON) {
    throw new RangeError(
      `a reason for closing has at most ${LONGEST_REASON} bytes, and this one has ${text.length}: send it as a message before`,
    );
  }
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >>> 8;
  payload[1] = code & 255;
  payload.set(text, 2);
  return payload;
}

/** What a peer's Close frame says. Throws a {@link WebSocketError} for one that may not be (5.5.1, 7.4). */
export function readClosePayload(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  if (payload.length === 0) return { code: NO_CODE, reason: "" };
  if (payload.length === 1)
    throw new WebSocketError("a Close frame of one byte: a code has two", PROTOCOL_ERROR, "RFC 6455, 5.5.1");
  const code = ((payload[0] as number) << 8) | (payload[1] as number);
  if (!isCloseCode(code))
    throw new WebSocketError(
      `a Close frame with the code ${code}, which may not be sent`,
      PROTOCOL_ERROR,
      "RFC 6455, 7.4",
    );
  const text = payload.subarray(2);
  if (!checkUtf8(text))
    throw new WebSocketError("a Close frame with a reason that is not UTF-8", INVALID_DATA, "RFC 6455, 5.5.1");
  return { code, reason: decoder.decode(text) };
}
