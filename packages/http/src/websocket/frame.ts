/**
 * What a frame is (RFC 6455, section 5.2), for the one who reads and the one who writes.
 *
 *      byte 0: FIN, RSV1, RSV2, RSV3, four bits of opcode
 *      byte 1: MASK, seven bits of length; 126: two bytes follow with it, 127: eight
 *      four bytes of mask, where MASK is set; the payload
 */

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

export const FIN = 0x80;
/** Says that a message is deflated, on its first frame (RFC 7692, section 6). */
export const RSV1 = 0x40;
export const RSV2_AND_3 = 0x30;
export const MASK = 0x80;

/** The most that the payload of a control frame may have, in bytes (5.5). */
export const MOST_OF_CONTROL = 125;
/** The most that the head of a frame has, in bytes. */
export const MOST_OF_HEAD = 14;

/** A frame as a person names it. */
export function opcodeName(opcode: number): string {
  switch (opcode) {
    case CONTINUATION:
      return "a continuation";
    case TEXT:
      return "text";
    case BINARY:
      return "binary data";
    case CLOSE:
      return "Close";
    case PING:
      return "Ping";
    case PONG:
      return "Pong";
    default:
      return `the opcode 0x${opcode.toString(16)}`;
  }
}
