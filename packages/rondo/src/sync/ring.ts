/**
 * A first-in-first-out buffer that grows by doubling: `Array.shift()` moves every element once the array is long.
 */
export class Ring<T> {
  private slots: (T | undefined)[];
  private head: number;
  length: number;

  constructor() {
    this.slots = [undefined, undefined];
    this.head = 0;
    this.length = 0;
  }

  push(item: T): void {
    if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length++) & (this.slots.length - 1)] = item;
  }

  /** The first one, taken out. Only when there is one. */
  shift(): T {
    const { head, slots } = this;
    const item = slots[head] as T;
    slots[head] = undefined; // taken items must not be kept alive
    this.head = (head + 1) & (slots.length - 1);
    this.length--;
    return item;
  }

  clear(): T[] {
    const items: T[] = [];
    while (this.length > 0) items.push(this.shift());
    return items;
  }

  private grow(): void {
    const { slots, head } = this;
    this.slots = [...slots.slice(head), ...slots.slice(0, head)];
    this.slots.length = slots.length * 2;
    this.slots.fill(undefined, slots.length);
    this.head = 0;
  }
}
