/**
 * The run queue: the tasks that are ready, in the order in which they became so, with a mark where this turn ends.
 *
 * A ring and not two lists that change places: what becomes ready meanwhile stands behind the mark, and a new turn moves
 * the mark and nothing else. Most turns are of one or two tasks, so what a turn costs is felt in every hand-over. The ring
 * is never cut back: whoever had so many tasks ready once will have them again.
 */
import type { Fiber } from "../coroutine/fiber.ts";
import type { Stepper } from "../coroutine/kernel.ts";

export class RunQueue<T> implements Stepper {
  /** A power of two of places. Until it has come round for the first time those at the end are not there yet. */
  declare private items: (T | null)[];
  /** The number of places less one. */
  declare private mask: number;
  /** Where the next one stands. The place before it holds the one taken last, until the next is taken. */
  declare private head: number;
  /** Where this turn ends. */
  declare private end: number;
  /** Where the next one will be put. */
  declare private tail: number;

  constructor() {
    this.items = [null];
    this.mask = 15;
    this.head = 1;
    this.end = 1;
    this.tail = 1;
  }

  /** How many are ready. */
  get size(): number {
    return (this.tail - this.head) & this.mask;
  }

  /** How many of this turn are left. */
  get left(): number {
    return (this.end - this.head) & this.mask;
  }

  /** The one taken last: the task that is being stepped. What else could be taken than fibers is the tests' business. */
  get stepped(): Fiber {
    return this.items[(this.head - 1) & this.mask] as unknown as Fiber;
  }

  push(item: T): void {
    const { tail } = this;
    this.items[tail] = item;
    const next = (tail + 1) & this.mask;
    this.tail = next;
    // One place stays free for the one taken last.
    if (((next + 1) & this.mask) === this.head) this.grow();
  }

  /** None of this turn is left. */
  get turned(): boolean {
    return this.head === this.end;
  }

  /** Begins a turn with all that are ready, when none is left of the last one; false where nobody is. */
  turn(): boolean {
    const { tail } = this;
    if (tail === this.head) return false;
    this.end = tail;
    return true;
  }

  /** Takes the next one; only when there is one left in this turn. What has been done with is not kept alive. */
  take(): T {
    const { items, head, mask } = this;
    items[(head - 1) & mask] = null;
    this.head = (head + 1) & mask;
    return items[head] as T;
  }

  /** Lets go of the one taken last. */
  rest(): void {
    this.items[(this.head - 1) & this.mask] = null;
  }

  /** Puts those that are left of this turn into another order: `pick(n, item)` says how far behind the first of `n` the next one stands. */
  reorder(pick: (n: number, first: T) => number): void {
    const { items, mask } = this;
    for (let at = this.head, n = this.left; n > 1; at = (at + 1) & mask, n--) {
      const distance = pick(n, items[at] as T);
      if (distance === 0) continue;
      // Moved to the front, not swapped: the others keep their order, so that a smaller choice is a smaller change.
      const picked = items[(at + distance) & mask] as T;
      for (let i = distance; i > 0; i--) items[(at + i) & mask] = items[(at + i - 1) & mask] as T;
      items[at] = picked;
    }
  }

  private grow(): void {
    const { items, head, left, size, mask } = this;
    const last = (head - 1) & mask;
    // Every place is taken: the ring is cut open at the one taken last, and what comes is put behind it.
    this.items = items.slice(last).concat(items.slice(0, last));
    this.mask = mask * 2 + 1;
    this.head = 1;
    this.end = 1 + left;
    this.tail = 1 + size;
  }
}
