/**
 * Timers: one heap with real removal.
 *
 * Most timeouts never fire, they are cancelled: a structure that only marks the cancelled ones grows until somebody
 * purges it (asyncio's #186, trio's pruning, curio's second tier are that story). So a timer knows its place in the
 * heap and is taken out of it. The heap is four wide, which halves its depth and puts siblings on one cache line. Keys
 * live in typed arrays beside the nodes, so that a time never becomes a heap-allocated number.
 *
 * Equal deadlines fire in the order in which they were set: an outer `timeout(10)` before the inner `sleep(10)`.
 */

/** Something that can stand in the heap; `slot` is its place, -1 when it stands nowhere. Intrusive, like the wait queue. */
export interface Timed {
  slot: number;
  /** Its time has come. Must not throw. */
  fire(): void;
}

/** Taken out of the heap, about to fire with the others of its batch; whoever removes it now makes it not fire. */
const DUE = -2;
const NOWHERE = -1;
/** Room for so many at first: that much lies on the heap, and a simulated run makes a dozen of these in its 50 us. */
const FIRST = 8;

export class Timers<Node extends Timed = Timed> {
  private nodes: (Node | null)[];
  private times: Float64Array;
  /** The order of setting, for equal times. */
  private orders: Float64Array;
  private order: number;
  /** How many are set. */
  size: number;

  constructor() {
    this.nodes = [];
    this.times = new Float64Array(FIRST);
    this.orders = new Float64Array(FIRST);
    this.order = 0;
    this.size = 0;
  }

  /** The earliest deadline, in ms of the host's clock; Infinity where none is set. */
  get earliest(): number {
    return this.size === 0 ? Infinity : (this.times[0] as number);
  }

  /** When `node` will fire, or Infinity. */
  timeOf(node: Node): number {
    return node.slot >= 0 ? (this.times[node.slot] as number) : Infinity;
  }

  /** Sets `node` to fire at `at`; one that is set already is moved. */
  set(node: Node, at: number): void {
    if (node.slot !== NOWHERE) this.remove(node);
    if (this.size === this.times.length) this.grow();
    this.rise(this.size++, node, at, this.order++);
  }

  /** Takes `node` out; false where it was not set. */
  remove(node: Node): boolean {
    const slot = node.slot;
    node.slot = NOWHERE;
    if (slot < 0) return slot === DUE;
    const last = --this.size;
    const moved = this.nodes[last] as Node;
    this.nodes[last] = null;
    if (slot === last) return true;
    const at = this.times[last] as number;
    const order = this.orders[last] as number;
    // The last one takes the free place and goes to where it belongs, up or down.
    if (slot > 0 && this.before(at, order, (slot - 1) >> 2)) this.rise(slot, moved, at, order);
    else this.sink(slot, moved, at, order);
    return true;
  }

  /** Fires all that are due at `now`, in order. They leave the heap together before the first one fires. */
  fireDue(now: number): number {
    if (this.size === 0 || (this.times[0] as number) > now) return 0;
    const first = this.nodes[0] as Node;
    this.remove(first);
    if (this.size === 0 || (this.times[0] as number) > now) {
      first.fire();
      return 1;
    }
    first.slot = DUE;
    const due: Node[] = [first];
    while (this.size > 0 && (this.times[0] as number) <= now) {
      const node = this.nodes[0] as Node;
      this.remove(node);
      node.slot = DUE;
      due.push(node);
    }
    let fired = 0;
    let faults: unknown[] | null = null;
    for (const node of due) {
      // Removed, or set again, by one that fired before it.
      if (node.slot !== DUE) continue;
      node.slot = NOWHERE;
      fired++;
      try {
        node.fire();
      } catch (error) {
        // It must not; but if it does, the others of its batch are in no heap any more, and would be lost.
        (faults ??= []).push(error);
      }
    }
    if (faults !== null) throw faults[0];
    return fired;
  }

  private before(at: number, order: number, slot: number): boolean {
    const other = this.times[slot] as number;
    return at < other || (at === other && order < (this.orders[slot] as number));
  }

  private place(slot: number, node: Node, at: number, order: number): void {
    this.nodes[slot] = node;
    this.times[slot] = at;
    this.orders[slot] = order;
    node.slot = slot;
  }

  private rise(from: number, node: Node, at: number, order: number): void {
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 2;
      if (!this.before(at, order, parent)) break;
      this.place(slot, this.nodes[parent] as Node, this.times[parent] as number, this.orders[parent] as number);
      slot = parent;
    }
    this.place(slot, node, at, order);
  }

  private sink(from: number, node: Node, at: number, order: number): void {
    let slot = from;
    const size = this.size;
    for (;;) {
      const first = slot * 4 + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + 4, size);
      for (let child = first + 1; child < end; child++) {
        if (this.before(this.times[child] as number, this.orders[child] as number, least)) least = child;
      }
      if (this.before(at, order, least)) break;
      this.place(slot, this.nodes[least] as Node, this.times[least] as number, this.orders[least] as number);
      slot = least;
    }
    this.place(slot, node, at, order);
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    times.set(this.times);
    this.times = times;
    const orders = new Float64Array(times.length);
    orders.set(this.orders);
    this.orders = orders;
  }
}
