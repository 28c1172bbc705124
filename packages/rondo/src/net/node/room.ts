/**
 * The memory into which our sockets read: the same for all of them.
 *
 * For each read Node makes 64 KiB and an `ArrayBuffer` of what of it was filled; with what the collector has to do for that, it
 * is a twelfth of what a small request costs a server. But what was read is handed over before the next read begins, of
 * whichever socket: so all of them can read into one piece of memory, from which what came is copied, one piece behind the other
 * into slabs, or into memory that whoever reads has for it (see lent.ts). (Of 16 KiB each piece could have memory of its own, but an `ArrayBuffer` costs as much as copying that.) A socket
 * that fills it to the end several times in a row, for a reader without memory for it, is sent much: it gets memory of its own,
 * and hands that over as it is, until less comes or such a reader. (After the first time would be too soon: bodies of 64 KiB
 * cost half as much again. And 64 KiB moved into memory that is used again cost a third less than 64 KiB that are collected.)
 *
 * This is what Node calls `onread`. It has it for sockets that connect; those that a server accepts have the same places for it,
 * under the same symbols, and nobody who fills them in. Where the symbols are not found, a socket reads as Node does.
 */
import type net from "node:net";
import type { Loan } from "../transport.ts";
import { lendTo } from "./transport.ts";

/** What is read at once, as libuv has it. */
const ROOM = 64 * 1024;
/**
 * Pieces up to this size are put one behind the other into a slab of that one. Whoever keeps one piece keeps its slab: so small
 * ones, of which many may be kept for long, do not stand in large slabs.
 */
const SMALL = 2 * 1024;
const SMALL_SLAB = 16 * 1024;
const MEDIUM = 16 * 1024;
const MEDIUM_SLAB = 64 * 1024;
/** So many reads in a row that fill the room are a stream that goes on. */
const MUCH = 4;
/** So few bytes are copied quicker one by one than by a call. */
const FEW = 96;

type WithPlaces = net.Socket & Record<symbol, unknown>;

/** What a socket keeps of how it reads. */
interface Handle {
  useUserBuffer?(room: Uint8Array): void;
}

/** Where a socket keeps the memory it reads into, who is told of a read, and who is asked for the next memory. */
interface Places {
  readonly room: symbol;
  readonly told: symbol;
  readonly next: symbol;
}

let places: Places | null | undefined;
let shared: Uint8Array | null = null;
/** What the socket that has just read is to read into from now on, where that changes. */
let next: Uint8Array | undefined;
/** Who has filled the room last, and how often in a row; libuv reads on from the same socket as long as it fills it. */
let filler: net.Socket | null = null;
let fills = 0;

/**
 * Has a socket of Node's that is connected, and has read nothing, read into the common memory; its `push` gets what came, as
 * before. Does nothing where this Node has another way to read.
 */
export function readIntoRoom(socket: net.Socket): void {
  if (places === undefined) places = placesOf(socket as WithPlaces);
  const at = places;
  const handle = (socket as unknown as { readonly _handle: Handle | null })._handle;
  if (at === null || handle === null) return;
  shared ??= Buffer.allocUnsafeSlow(ROOM);
  const own = socket as WithPlaces;
  own[at.room] = shared;
  own[at.told] = onRead;
  own[at.next] = nextRoom;
  handle.useUserBuffer?.(shared);
}

function placesOf(socket: WithPlaces): Places | null {
  const named = (name: string): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find((one) => one.description === name && socket[one] === null);
  const room = named("kBuffer");
  const told = named("kBufferCb");
  const by = named("kBufferGen");
  const handle = (socket as unknown as { readonly _handle: Handle | null })._handle;
  if (room === undefined || told === undefined || by === undefined) return null;
  return typeof handle?.useUserBuffer === "function" ? { room, told, next: by } : null;
}

/** So many bytes have been read into `room`. Whether more may come. */
function onRead(this: net.Socket, size: number, room: Uint8Array): boolean {
  read.socket = this;
  read.room = room;
  read.size = size;
  const more = lendTo(this, read) || this.push(read.copy(0));
  // The last socket that has read may be over, and nobody read for long.
  read.socket = null;
  return more;
}

function nextRoom(): Uint8Array | undefined {
  const room = next;
  next = undefined;
  return room;
}

/** What has just been read: one at a time, and so one object. */
class Read implements Loan {
  socket: net.Socket | null = null;
  room: Uint8Array = EMPTY;
  size = 0;

  copy(from: number): Uint8Array {
    const { room, size } = this;
    if (room !== shared) return this.handOver(from);
    if (size === room.length) this.count();
    else filler = null;
    return from === 0 ? copyOf(room, size) : copyOf(room.subarray(from), size - from);
  }

  moveInto(target: Uint8Array): number {
    const { room } = this;
    const size = Math.min(this.size, target.length);
    if (size > FEW) target.set(new Uint8Array(room.buffer, room.byteOffset, size), 0);
    else for (let i = 0; i < size; i++) target[i] = room[i] as number;
    // Whoever has memory of his own for it needs none of the socket's.
    if (room !== shared) next = shared as Uint8Array;
    filler = null;
    return size;
  }

  /** Of a socket that reads into memory of its own: the memory, if most of it was filled. */
  private handOver(from: number): Uint8Array {
    const { room, size } = this;
    if ((size - from) * 2 < ROOM) {
      next = shared as Uint8Array;
      filler = null;
      return copyOf(room.subarray(from), size - from);
    }
    next = Buffer.allocUnsafeSlow(ROOM);
    return from === 0 && size === room.length ? room : room.subarray(from, size);
  }

  private count(): void {
    fills = filler === this.socket ? fills + 1 : 1;
    filler = this.socket;
    if (fills >= MUCH) next = Buffer.allocUnsafeSlow(ROOM);
  }
}

function copyOf(room: Uint8Array, size: number): Uint8Array {
  if (size <= SMALL) return small.copyOf(room, size);
  if (size <= MEDIUM) return medium.copyOf(room, size);
  const own = Buffer.allocUnsafeSlow(size);
  own.set(new Uint8Array(room.buffer, room.byteOffset, size), 0);
  return own;
}

/** Memory that is given out in pieces. */
class Slab {
  private readonly size: number;
  private memory: ArrayBuffer;
  private used: number;

  constructor(size: number) {
    this.size = size;
    this.memory = new ArrayBuffer(0);
    this.used = 0;
  }

  copyOf(room: Uint8Array, size: number): Uint8Array {
    if (this.used + size > this.memory.byteLength) {
      this.memory = Buffer.allocUnsafeSlow(this.size).buffer as ArrayBuffer;
      this.used = 0;
    }
    const piece = new Uint8Array(this.memory, this.used, size);
    this.used += size;
    if (size > FEW) piece.set(new Uint8Array(room.buffer, room.byteOffset, size), 0);
    else for (let i = 0; i < size; i++) piece[i] = room[i] as number;
    return piece;
  }
}

const EMPTY = new Uint8Array(0);
const read = new Read();
const small = new Slab(SMALL_SLAB);
const medium = new Slab(MEDIUM_SLAB);
