/**
 * What carries bytes, seen from a `ByteStream`: a socket, a pipe, TLS over another stream, a wire in the simulator, or
 * two ends in memory.
 *
 * The split is the one idea of this floor: everything that a user sees (buffers, limits, waiting, cancellation, who may
 * read and who is told what) is in the stream, once; a transport only moves bytes and says what happened. So every rule
 * holds on every transport, and one suite proves it on all of them.
 *
 * A transport never calls the sink from inside one of its own methods: what it has to say comes later, from the host (or,
 * in memory, from the loop). A stream never calls a transport after `closed`.
 */

/** Where one end is. */
export interface Address {
  /** An IP address, or the path of a Unix socket, or what the transport calls its end (`memory`). */
  readonly host: string;
  /** 0 where there are no ports. */
  readonly port: number;
  readonly family: "IPv4" | "IPv6" | "unix" | "memory" | "pipe";
}

/** Bytes that lie in memory of the transport's, which it may read into again when `lent` has returned. */
export interface Loan {
  readonly size: number;
  /** Those from `from` on, in memory that nobody else writes to. Asked for at most once. */
  copy(from: number): Uint8Array;
  /** Moves as many as fit to the beginning of `target`; gives how many. */
  moveInto(target: Uint8Array): number;
}

/** What a transport tells: the stream that took it over. */
export interface Sink {
  /** Bytes have come; the transport does not touch them again. Also once or twice after `pause()`. */
  received(chunk: Uint8Array): void;
  /**
   * As `received`, where the transport will use the memory again: who only passes the bytes on, or has memory of its own,
   * spares a copy that has to be collected. A sink without it is given one by `received`.
   */
  lent?(loan: Loan): void;
  /** The peer has said that it will send no more. What was received before is before this. */
  ended(): void;
  /** After a `send` that answered false: there is room again. */
  drained(): void;
  /**
   * It is over, and the descriptor has been given back: nothing is said after this. With an error of ours
   * (`BrokenError`, `TlsError`) where it was not this side that wanted it.
   */
  closed(error: Error | null): void;
}

/** What carries the bytes of one stream. Write your own, and `new ByteStream(transport)` is a stream like every other. */
export interface Transport {
  /** What a person reads in errors and snapshots: `tcp 127.0.0.1:50000 > 127.0.0.1:80`. */
  readonly label: string;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  /**
   * Whether the other end is out in the world. Where it is not (memory), a program in which all wait is a deadlock, and is
   * told so.
   */
  readonly outside: boolean;
  /** Bytes that `send` has taken and that are not handed to the system yet. */
  readonly unsent: number;
  /**
   * Whether what `send` has taken and is not `unsent` any more has left this process, so that nobody here will look at that
   * memory again. Of one that does not say so nothing is known.
   */
  readonly letsGo?: boolean | undefined;
  /**
   * Called first; and once more by whoever takes the transport over from the stream that had it (TLS), from where on
   * everything is told to the new sink. Nothing is delivered before the first `resume()`.
   */
  open(sink: Sink): void;
  resume(): void;
  pause(): void;
  /**
   * Takes bytes to be sent, in order, all of them. False: it is full, wait for `drained` before the next. The caller does
   * not change the bytes afterwards.
   */
  send(chunks: readonly Uint8Array[]): boolean;
  /** Half-close: after what is unsent, the peer is told that no more will come. */
  end(): void;
  /** Sends what is unsent, tells the peer that no more will come, gives the descriptor back; then `closed`. */
  close(): void;
  /** Gives the descriptor back at once; what is unsent is lost, and the peer is reset where that is possible. Then `closed`. */
  abort(): void;
}
