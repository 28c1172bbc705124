/**
 * A binary heap for items of a queue: the least comes first, and of equal ones the one that was put in first.
 *
 * The order is the caller's function and may throw. So every move is worked out before the first slot is written: an
 * item that cannot be compared is refused, and the heap is as it was.
 */
export type Compare<T> = (a: T, b: T) => number;

interface Entry<T> {
  readonly item: T;
  /** The order of putting in, for equal items. */
  readonly order: number;
}

export class Heap<T> {
  private readonly entries: Entry<T>[];
  private readonly compare: Compare<T>;
  private order: number;

  constructor(compare: Compare<T>) {
    this.entries = [];
    this.compare = compare;
    this.order = 0;
  }

  get length(): number {
    return this.entries.length;
  }

  push(item: T): void {
    const { entries } = this;
    const entry = { item, order: this.order };
    const path = [entries.length];
    for (let slot = entries.length; slot > 0;) {
      const parent = (slot - 1) >> 1;
      if (!this.before(entry, entries[parent] as Entry<T>)) break;
      path.push(parent);
      slot = parent;
    }
    this.order++;
    this.place(entry, path);
  }

  /** The least one, taken out. Only when there is one. */
  shift(): T {
    const { entries } = this;
    const first = entries[0] as Entry<T>;
    const last = entries[entries.length - 1] as Entry<T>;
    const size = entries.length - 1;
    const path = [0];
    for (let slot = 0; ;) {
      let child = slot * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && this.before(entries[child + 1] as Entry<T>, entries[child] as Entry<T>)) child++;
      if (this.before(last, entries[child] as Entry<T>)) break;
      path.push(child);
      slot = child;
    }
    entries.pop();
    if (size > 0) this.place(last, path);
    return first.item;
  }

  /** Everything, in order, taken out. */
  clear(): T[] {
    const items: T[] = [];
    try {
      while (this.entries.length > 0) items.push(this.shift());
    } catch {
      // An order that throws now did not before; what is left comes as it lies, since nothing may be lost.
      for (const { item } of this.entries.splice(0)) items.push(item);
    }
    return items;
  }

  private before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.compare(a.item, b.item);
    return order < 0 || (order === 0 && a.order < b.order);
  }

  /** Moves what stands on the path by one place against its direction, and puts the entry at its end. */
  private place(entry: Entry<T>, path: readonly number[]): void {
    const { entries } = this;
    for (let i = 0; i + 1 < path.length; i++) entries[path[i] as number] = entries[path[i + 1] as number] as Entry<T>;
    entries[path[path.length - 1] as number] = entry;
  }
}
