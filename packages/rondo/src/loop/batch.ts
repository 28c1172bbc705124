/**
 * One half of the run queue: the tasks of one turn, in order.
 *
 * A list that is filled, walked once and emptied, thousands of times a second. Its array is never cut back: setting
 * `length = 0` gives the memory away and makes every turn buy it anew, which cost a third of a channel's hand-over.
 */
import type { Fiber } from "../coroutine/fiber.ts";
import type { Stepper } from "../coroutine/kernel.ts";

export class Batch<T> implements Stepper {
  private readonly items: (T | null)[];
  private count: number;
  private at: number;

  constructor() {
    this.items = [];
    this.count = 0;
    this.at = 0;
  }

  /** How many are left. */
  get left(): number {
    return this.count - this.at;
  }

  /** The one taken last: the task that is being stepped. What else could be taken than fibers is the tests' business. */
  get stepped(): Fiber {
    return this.items[this.at - 1] as unknown as Fiber;
  }

  push(item: T): void {
    this.items[this.count++] = item;
  }

  /** Takes the next one; only when there is one left. The place before is cleared: what has ended must not be kept alive. */
  take(): T {
    const at = this.at++;
    if (at > 0) this.items[at - 1] = null;
    return this.items[at] as T;
  }

  /** When none is left: the one taken last is let go, and the list begins anew. */
  clear(): void {
    if (this.at > 0) this.items[this.at - 1] = null;
    this.at = 0;
    this.count = 0;
  }

  /** Puts those that are left into another order: `pick(n, item)` says how far behind the first of `n` the next one stands. */
  reorder(pick: (n: number, first: T) => number): void {
    const { items } = this;
    for (let i = this.at; i < this.count - 1; i++) {
      const distance = pick(this.count - i, items[i] as T);
      if (distance === 0) continue;
      // Moved to the front, not swapped: the others keep their order, so that a smaller choice is a smaller change.
      const picked = items[i + distance] as T;
      items.copyWithin(i + 1, i, i + distance);
      items[i] = picked;
    }
  }
}
