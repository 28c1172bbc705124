/**
 * What lies on a simulated disk, and what has only been written.
 *
 * Everything that changes something is kept twice: at once in what programs read (the system's memory), and in a list of
 * what the disk still has to be told. `fsync` takes from that list. A crash takes a prefix of it and drops the rest: of
 * each file's writes, where the last one may be torn, and of all changes of names. So a rename can survive the contents of
 * the file that was renamed, and the other way round, as on real disks ("All File Systems Are Not Created Equal", Pillai and
 * others, 2014).
 */

const EMPTY: Uint8Array = new Uint8Array(0);

/** A write that is not on the disk yet. */
interface Write {
  readonly order: number;
  /** Where it begins; `bytes` null: the file is made `at` bytes long. */
  readonly at: number;
  readonly bytes: Uint8Array | null;
}

/** Bytes that grow at their end without being copied each time. Only `copy` leaves this file. */
export class Bytes {
  length: number;
  private buffer: Uint8Array;

  constructor(bytes: Uint8Array = EMPTY) {
    this.length = bytes.length;
    this.buffer = bytes;
  }

  copy(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  take(write: Write): void {
    const { at, bytes } = write;
    const length = bytes === null ? at : Math.max(this.length, at + bytes.length);
    if (length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.buffer.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    // What is cut off must not come back when it grows again.
    if (length < this.length) this.buffer.fill(0, length, this.length);
    this.length = length;
    if (bytes !== null) this.buffer.set(bytes, at);
  }
}

/** What a file holds; its names are somewhere else. */
export class Contents {
  /** As programs read it. */
  live: Bytes;
  /** As it is on the disk. */
  readonly durable: Bytes;
  pending: Write[];

  constructor() {
    this.live = new Bytes();
    this.durable = new Bytes();
    this.pending = [];
  }
}

/** A change of names that is not on the disk yet. */
interface Naming {
  readonly order: number;
  readonly path: string;
  /** Null: the name is gone. */
  readonly contents: Contents | null;
  /** Of a rename: the name that is gone in the same step. */
  readonly from: string | null;
  /** Of a new file: goes to the disk with its contents. */
  readonly made: boolean;
}

/** What decides at a crash how much of a list of `n` is lost; 0: nothing. */
export type Loses = (n: number, label: string) => number;

export class DiskStore {
  /** The names as programs see them. */
  readonly live: Map<string, Contents>;
  private durable: Map<string, Contents>;
  private naming: Naming[];
  private order: number;
  /** Bytes in all files, as programs see them. */
  used: number;

  constructor() {
    this.live = new Map();
    this.durable = new Map();
    this.naming = [];
    this.order = 0;
    this.used = 0;
  }

  /** What has been done so far; for `sync`, which is about what came before it. */
  get now(): number {
    return this.order;
  }

  /** The file of this name, made where there is none. */
  make(path: string): Contents {
    let contents = this.live.get(path);
    if (contents === undefined) {
      contents = new Contents();
      this.live.set(path, contents);
      this.naming.push({ order: ++this.order, path, contents, from: null, made: true });
    }
    return contents;
  }

  write(contents: Contents, at: number, bytes: Uint8Array): void {
    this.change(contents, { order: ++this.order, at, bytes });
  }

  resize(contents: Contents, size: number): void {
    this.change(contents, { order: ++this.order, at: size, bytes: null });
  }

  private change(contents: Contents, write: Write): void {
    const before = contents.live.length;
    contents.live.take(write);
    contents.pending.push(write);
    this.used += contents.live.length - before;
  }

  rename(from: string, to: string): void {
    const contents = this.live.get(from) as Contents;
    this.forget(to);
    this.live.delete(from);
    this.live.set(to, contents);
    this.naming.push({ order: ++this.order, path: to, contents, from, made: false });
  }

  remove(path: string): void {
    this.forget(path);
    this.live.delete(path);
    this.naming.push({ order: ++this.order, path, contents: null, from: null, made: false });
  }

  private forget(path: string): void {
    this.used -= this.live.get(path)?.live.length ?? 0;
  }

  /** What was written to the file until `order` is on the disk from here on; that it exists, too, if it was made here. */
  sync(contents: Contents, order: number): void {
    const rest: Write[] = [];
    for (const write of contents.pending) {
      if (write.order <= order) contents.durable.take(write);
      else rest.push(write);
    }
    contents.pending = rest;
    this.settle((naming) => naming.made && naming.contents === contents && naming.order <= order);
  }

  /** The names in a directory, as they were at `order`, are on the disk from here on. */
  syncNames(inside: (path: string) => boolean, order: number): void {
    this.settle(({ path, from, order: at }) => at <= order && (inside(path) || (from !== null && inside(from))));
  }

  /** With each of them go those before it that are about the same names: or an old removal would take what is new. */
  private settle(goes: (naming: Naming) => boolean): void {
    const gone: Naming[] = [];
    const names = new Set<string>();
    for (const naming of this.naming.toReversed()) {
      const { path, from } = naming;
      if (!goes(naming) && !names.has(path) && !(from !== null && names.has(from))) continue;
      gone.push(naming);
      names.add(path);
      if (from !== null) names.add(from);
    }
    if (gone.length === 0) return;
    this.naming = this.naming.filter((naming) => !gone.includes(naming));
    for (const naming of gone.toReversed()) apply(this.durable, naming);
  }

  /**
   * The disk has not taken what was to be synced, and the system has thrown it away: programs read it until the next crash,
   * and no later `sync` writes it. (So Linux did for decades, and PostgreSQL found out in 2018.)
   */
  drop(contents: Contents, order: number): void {
    contents.pending = contents.pending.filter((write) => write.order > order);
  }

  /** The power fails. Gives in words what was lost, or nothing. */
  crash(loses: Loses): string {
    const texts: string[] = [];
    for (const contents of new Set([...this.durable.values(), ...this.live.values()])) {
      const { pending } = contents;
      if (pending.length === 0) continue;
      const name = this.nameOf(contents);
      const lost = loses(pending.length + 1, `lost writes of ${name}`);
      const kept = pending.length - lost;
      for (const write of pending.slice(0, kept)) contents.durable.take(write);
      const torn = pending[kept];
      let text = `${lost} of ${pending.length} writes to ${name} are lost`;
      if (torn?.bytes != null && torn.bytes.length > 1) {
        const part = loses(torn.bytes.length, `torn write of ${name}`);
        if (part > 0) {
          contents.durable.take({ ...torn, bytes: torn.bytes.subarray(0, part) });
          text += `, and of the next one ${part} of ${torn.bytes.length} bytes are there`;
        }
      }
      if (lost > 0) texts.push(text);
    }
    const { naming } = this;
    if (naming.length > 0) {
      const lost = loses(naming.length + 1, "lost changes of names");
      for (const one of naming.slice(0, naming.length - lost)) apply(this.durable, one);
      if (lost > 0) texts.push(`${lost} of ${naming.length} changes of names are lost`);
    }
    this.restart();
    return texts.join("; ");
  }

  /** What is on the disk is all that there is. */
  private restart(): void {
    this.naming = [];
    this.live.clear();
    this.used = 0;
    for (const [path, contents] of this.durable) {
      contents.live = new Bytes(contents.durable.copy());
      contents.pending = [];
      this.live.set(path, contents);
      this.used += contents.live.length;
    }
  }

  private nameOf(contents: Contents): string {
    for (const [path, other] of this.live) if (other === contents) return path;
    for (const [path, other] of this.durable) if (other === contents) return path;
    return "a file without a name";
  }

  /** What a crash that loses all that can be lost would leave of a file. */
  safe(path: string): Uint8Array | undefined {
    return this.durable.get(path)?.durable.copy();
  }
}

function apply(names: Map<string, Contents>, { path, contents, from }: Naming): void {
  if (from !== null) names.delete(from);
  if (contents === null) names.delete(path);
  else names.set(path, contents);
}
