/**
 * The disk of a simulated computer: small, slow where it is slow, and honest about what `fsync` is for.
 *
 * What is written can be read at once and is on the disk only after `fsync`; what is in between when the computer crashes is
 * lost or not, by a draw (see disk-store.ts). It outlives every program on its computer.
 */
import type { Coroutine } from "../coroutine/wait.ts";
import { currentLoop, sleep } from "../loop/sleep.ts";
import { FileError } from "../os/errors.ts";
import type { ChoiceStream } from "./choices.ts";
import type { Clockwork, Part, Place } from "./clockwork.ts";
import { type Contents, DiskStore } from "./disk-store.ts";

/** What is wrong with a disk, and how fast it is. */
export interface DiskSettings {
  /** How many bytes fit on it; what goes beyond is `ENOSPC`. Infinity at the start. */
  capacity: number;
  /** How many times slower than usual it is. 1 at the start. */
  slow: number;
  /** How likely a read, a write, or an `fsync` is to fail with `EIO`, from 0 to 1. 0 at the start. */
  failReads: number;
  failWrites: number;
  failSyncs: number;
  /** How long an operation takes, in ms: 0.05 for what the system has in its memory, 2 for `fsync`, up to 20 times as much by draw. */
  latency: number;
  syncLatency: number;
}

/** What is known of a file. */
export interface DiskStat {
  /** In bytes. */
  readonly size: number;
}

/** Times as much as usual that an `fsync` may take. */
const WAITS = [1, 1, 2, 5, 20] as const;
/** Chances are drawn in so many parts. */
const PARTS = 1000;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOSPC: "no space is left on the device",
  EIO: "the disk has failed",
  EISDIR: "it is a directory",
};

/**
 * The disk of one computer. A program has its own by {@link disk}; the world has that of a node as `node.disk`, and its
 * settings are faults to play with. Paths are names with `/` between them; directories are there when something is in them.
 *
 * The operations take virtual time and throw a `FileError` (`ENOENT`, `ENOSPC`, `EIO`). One that is cancelled did not happen.
 *
 * @example
 * ```ts
 * import { disk, simulate } from "rondo/sim";
 *
 * const run = simulate({}, function* (world) {
 *   const node = world.node("a", function* () {
 *     yield* disk().append("log", "one\n");
 *     yield* disk().fsync("log");
 *     yield* disk().append("log", "two\n");
 *   });
 *   yield* node.ended();
 *   const text = (bytes?: Uint8Array) => JSON.stringify(new TextDecoder().decode(bytes));
 *   return [text(node.disk.contents("log")), text(node.disk.safeContents("log"))];
 * });
 * console.log(run.value?.join(" ")); // prints: "one\ntwo\n" "one\n"
 * ```
 */
export class Disk implements DiskSettings {
  capacity: number;
  slow: number;
  failReads: number;
  failWrites: number;
  failSyncs: number;
  latency: number;
  syncLatency: number;
  private readonly clockwork: Clockwork;
  private readonly name: string;
  private readonly store: DiskStore;
  private readonly draws: ChoiceStream;

  /** @internal */
  constructor(clockwork: Clockwork, name: string) {
    this.capacity = Infinity;
    this.slow = 1;
    this.failReads = 0;
    this.failWrites = 0;
    this.failSyncs = 0;
    this.latency = 0.05;
    this.syncLatency = 2;
    this.clockwork = clockwork;
    this.name = name;
    this.store = new DiskStore();
    this.draws = clockwork.choices.stream(`disk ${name}`);
  }

  // ---- operations ---------------------------------------------------------------------------------------------------

  /** All bytes of a file. A switch point. */
  *read(path: string): Coroutine<Uint8Array> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failReads, "read", name);
    return this.file("read", name).live.copy();
  }

  /** Replaces what is in a file, which is made where there is none: it is emptied, and written. A switch point. */
  *write(path: string, data: Uint8Array | string): Coroutine<void> {
    yield* this.change("write", path, data, "all");
  }

  /** Writes into a file from this byte on; a hole before it is zeros. A switch point. */
  *writeAt(path: string, position: number, data: Uint8Array | string): Coroutine<void> {
    if (!Number.isSafeInteger(position) || position < 0)
      throw new RangeError(`writeAt() takes a position of 0 or more, not ${String(position)}`);
    yield* this.change("write", path, data, position);
  }

  /** Adds to the end of a file, which is made where there is none. A switch point. */
  *append(path: string, data: Uint8Array | string): Coroutine<void> {
    yield* this.change("append", path, data, "end");
  }

  private *change(
    operation: string,
    path: string,
    data: Uint8Array | string,
    where: "all" | "end" | number,
  ): Coroutine<void> {
    const name = plain(path);
    // The caller may go on with its bytes.
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data.slice();
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failWrites, operation, name);
    if (this.isDirectory(name)) throw failed("EISDIR", operation, name);
    const there = this.store.live.get(name)?.live.length ?? 0;
    const at = where === "end" ? there : where === "all" ? 0 : where;
    const size = where === "all" ? bytes.length : Math.max(there, at + bytes.length);
    if (this.store.used - there + size > this.capacity) throw failed("ENOSPC", operation, name);
    const contents = this.store.make(name);
    if (where === "all" && there > 0) this.store.resize(contents, 0);
    if (bytes.length > 0) this.store.write(contents, at, bytes);
  }

  /** Makes a file so many bytes long. A switch point. */
  *truncate(path: string, size: number = 0): Coroutine<void> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failWrites, "truncate", name);
    this.store.resize(this.file("truncate", name), size);
  }

  /**
   * Waits until what was written to a file before is on the disk; of a directory (`""` for the outermost), until the names in
   * it are: files that were renamed or removed. Where it fails with `EIO`, what it was to write is lost, though it can be
   * read until the next crash. A switch point.
   */
  *fsync(path: string): Coroutine<void> {
    const name = plain(path);
    const { store } = this;
    const directory = this.isDirectory(name);
    const contents = directory ? undefined : this.file("fsync", name);
    const upTo = store.now;
    const factor = WAITS[this.draws.draw(WAITS.length, `fsync of ${name}`)] as number;
    yield* sleep(this.syncLatency * this.slow * factor);
    if (this.fails(this.failSyncs, "fsync", name)) {
      if (contents !== undefined) store.drop(contents, upTo);
      throw failed("EIO", "fsync", name);
    }
    if (contents !== undefined) store.sync(contents, upTo);
    else store.syncNames((one) => directoryOf(one) === name, upTo);
  }

  /** Gives a file another name, in one step; what had that name is gone. Durable after `fsync` of the directory. A switch point. */
  *rename(from: string, to: string): Coroutine<void> {
    const [source, target] = [plain(from), plain(to)];
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failWrites, "rename", source);
    this.file("rename", source);
    if (this.isDirectory(target)) throw failed("EISDIR", "rename", target);
    if (source !== target) this.store.rename(source, target);
  }

  /** Durable after `fsync` of the directory. A switch point. */
  *remove(path: string): Coroutine<void> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failWrites, "remove", name);
    this.file("remove", name);
    this.store.remove(name);
  }

  /** The names in a directory, sorted; nothing where there is none. A switch point. */
  *list(path: string = ""): Coroutine<string[]> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failReads, "list", name);
    const prefix = name === "" ? "" : `${name}/`;
    const found = new Set<string>();
    for (const one of this.store.live.keys())
      if (one.startsWith(prefix)) found.add(one.slice(prefix.length).split("/", 1)[0] as string);
    return [...found].toSorted();
  }

  /** A switch point. */
  *stat(path: string): Coroutine<DiskStat> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failReads, "stat", name);
    return { size: this.file("stat", name).live.length };
  }

  /** Whether there is a file of this name. A switch point. */
  *exists(path: string): Coroutine<boolean> {
    const name = plain(path);
    yield* sleep(this.latency * this.slow);
    this.mayFail(this.failReads, "stat", name);
    return this.store.live.has(name);
  }

  // ---- for those who look on ----------------------------------------------------------------------------------------

  /** What programs read in a file now, or undefined. Takes no time. */
  contents(path: string): Uint8Array | undefined {
    return this.store.live.get(plain(path))?.live.copy();
  }

  /** What is left of a file when the computer crashes now and loses everything that it can, or undefined. Takes no time. */
  safeContents(path: string): Uint8Array | undefined {
    return this.store.safe(plain(path));
  }

  /** The names of all files, sorted. Takes no time. */
  get files(): readonly string[] {
    return [...this.store.live.keys()].toSorted();
  }

  /** Bytes in all files. */
  get used(): number {
    return this.store.used;
  }

  /** No faults any more: as fast as usual, with room, and nothing fails. */
  heal(): void {
    this.capacity = Infinity;
    this.slow = 1;
    this.failReads = 0;
    this.failWrites = 0;
    this.failSyncs = 0;
  }

  /** @internal The power fails. */
  crash(): void {
    const lost = this.store.crash((n, label) => this.draws.draw(n, label));
    if (lost !== "" && this.clockwork.telling) this.clockwork.tell(`disk of ${this.name}: ${lost}`);
  }

  // ---- -------------------------------------------------------------------------------------------------------------

  private file(operation: string, name: string): Contents {
    const contents = this.store.live.get(name);
    if (contents === undefined) throw failed(this.isDirectory(name) ? "EISDIR" : "ENOENT", operation, name);
    return contents;
  }

  /** The outermost is one always. */
  private isDirectory(name: string): boolean {
    if (name === "") return true;
    if (this.store.live.has(name)) return false;
    for (const one of this.store.live.keys()) if (one.startsWith(`${name}/`)) return true;
    return false;
  }

  private fails(chance: number, operation: string, name: string): boolean {
    if (!(chance > 0)) return false;
    return chance >= 1 || this.draws.draw(PARTS, `${operation} of ${name} fails`) >= PARTS * (1 - chance);
  }

  private mayFail(chance: number, operation: string, name: string): void {
    if (this.fails(chance, operation, name)) throw failed("EIO", operation, name);
  }
}

function failed(code: string, operation: string, path: string): FileError {
  return new FileError({ code, operation, path }, WORDS[code] as string);
}

/** One name for `a/b`, `/a/b` and `a//b/`. */
function plain(path: string): string {
  if (typeof path !== "string") throw new TypeError(`a disk takes paths as strings, not ${typeof path}`);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new TypeError(`a simulated disk knows no "..": ${path}`);
  return parts.join("/");
}

function directoryOf(name: string): string {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? "" : name.slice(0, slash);
}

/**
 * The disk of the computer on which this runs. Works in a program of a simulated world only. Not a switch point.
 *
 * @example
 * ```ts
 * import { disk, simulate } from "rondo/sim";
 *
 * const run = simulate({}, function* (world) {
 *   const counter = world.node("counter", function* () {
 *     const starts = (yield* disk().exists("starts")) ? Number(new TextDecoder().decode(yield* disk().read("starts"))) : 0;
 *     yield* disk().write("starts", String(starts + 1));
 *     yield* disk().fsync("starts");
 *     return starts + 1;
 *   });
 *   yield* counter.ended();
 *   counter.restart();
 *   return (yield* counter.ended()).value;
 * });
 * console.log(run.value); // prints: 2
 * ```
 */
export function disk(): Disk {
  const found = currentLoop("disk()").host.service?.("disk") as Disk | undefined;
  if (found === undefined)
    throw new Error("disk() works only in simulate(): only a simulated computer has such a disk");
  return found;
}

/** The disks of a world: each node has one, from its first use to the end of the run. */
export class Disks implements Part {
  private readonly clockwork: Clockwork;
  private readonly disks: Map<string, Disk>;

  constructor(clockwork: Clockwork) {
    this.clockwork = clockwork;
    this.disks = new Map();
  }

  of(place: { readonly name: string }): Disk {
    let found = this.disks.get(place.name);
    if (found === undefined) {
      found = new Disk(this.clockwork, place.name);
      this.disks.set(place.name, found);
    }
    return found;
  }

  crashed(place: Place): void {
    this.disks.get(place.name)?.crash();
  }

  /** The system lives on, and with it what it has in its memory. */
  ended(_place: Place): void {}

  held(_place: Place): readonly string[] {
    return [];
  }

  calm(places: readonly { readonly name: string }[]): void {
    for (const { name } of places) this.disks.get(name)?.heal();
  }
}
