/**
 * A run: a piece of a stream that arrives as one, be it a segment or several that leave and arrive together; or a word of the
 * protocol, which has no bytes.
 */

/** What a run says: bytes, or one of the words. */
export const DATA = 0;
/** The sender will send no more. */
export const FIN = 1;
/** There is no such connection, or it has been aborted. */
export const RST = 2;
/** The last step of the handshake. */
export const HELLO = 3;

/** A piece of the stream. */
export class Run {
  bytes: Uint8Array | null;
  size: number;
  kind: number;
  /** When it arrives; once it was taken, when the sender knows. */
  at: number;
  next: Run | null;

  constructor() {
    this.bytes = null;
    this.size = 0;
    this.kind = DATA;
    this.at = 0;
    this.next = null;
  }
}
