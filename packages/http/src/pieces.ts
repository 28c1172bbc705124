/**
 * Pieces that are put together at the end, without costing more on the way than they hold.
 *
 * A piece is a view, and a view costs a hundred bytes and more, besides the memory that it shows. A body that comes byte by
 * byte would take a hundred times what it is, and a limit on its bytes would be no limit on memory. So small pieces are copied
 * together as they come: each byte at most once on the way, and once at the end.
 */

/** A smaller piece is copied. */
const SMALL = 1024;
const ROOM = 16 * 1024;

const NOTHING: Uint8Array = new Uint8Array(0);

/** Pieces as one: a single one as it is, several copied. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 0) return NOTHING;
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  let size = 0;
  for (const piece of pieces) size += piece.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Pieces that come one by one, on the way to being one. */
export class Pieces {
  /** How many bytes there are. */
  size: number;
  private readonly whole: Uint8Array[];
  /** Small ones, side by side. */
  private room: Uint8Array | null;
  private filled: number;

  constructor() {
    this.size = 0;
    this.whole = [];
    this.room = null;
    this.filled = 0;
  }

  push(piece: Uint8Array): void {
    const { length } = piece;
    this.size += length;
    // The first one is mostly the only one.
    if (length >= SMALL || (this.whole.length === 0 && this.room === null)) {
      this.shut();
      this.whole.push(piece);
      return;
    }
    if (this.room === null || this.filled + length > ROOM) {
      this.shut();
      this.room = new Uint8Array(ROOM);
    }
    this.room.set(piece, this.filled);
    this.filled += length;
  }

  /** All of it, in one piece. */
  join(): Uint8Array {
    this.shut();
    return joined(this.whole);
  }

  private shut(): void {
    if (this.room === null) return;
    this.whole.push(this.room.subarray(0, this.filled));
    this.room = null;
    this.filled = 0;
  }
}
