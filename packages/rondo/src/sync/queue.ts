/**
 * The queue: work for workers, who say when a piece is done, so that somebody can wait until all is done.
 *
 * A channel is for streams (it ends, and `undefined` says so); a queue is for jobs: it can be ordered, counts what is
 * unfinished, and is shut down by anyone. It is Python 3.13's `asyncio.Queue`, with direct handoff: an item goes to a
 * waiting getter or into the queue, and is never on its way to somebody who may be cancelled (gh-92824).
 */
import { ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, LateError, refuse, sharedWait, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { type Compare, Heap } from "./heap.ts";
import { Ring } from "./ring.ts";

const PUT = defineKind({
  label: "put",
  poll: (wait) => (wait.on as Queue<unknown>).tryPut(wait.arg),
  begin(wait) {
    (wait.on as Queue<unknown>).putters.push(wait);
  },
});

const GET = defineKind({
  label: "get",
  poll: (wait) => (wait.on as Queue<unknown>).takeInto(wait),
  begin(wait) {
    (wait.on as Queue<unknown>).getters.push(wait);
  },
});

const JOIN = defineKind({
  label: "queue join",
  open(shared) {
    if (kernel.fuel > 0 && (shared.on as Queue<unknown>).unfinished === 0) {
      kernel.fuel--;
      return shared;
    }
    return new Wait(JOIN, shared.on, undefined);
  },
  poll: (wait) => (wait.on as Queue<unknown>).unfinished === 0,
  begin(wait) {
    (wait.on as Queue<unknown>).joiners.push(wait);
  },
});

/** What holds the items. */
interface Store<T> {
  readonly length: number;
  push(item: T): void;
  shift(): T;
  clear(): T[];
}

/** Last in, first out. */
class Stack<T> implements Store<T> {
  private readonly items: T[] = [];
  get length(): number {
    return this.items.length;
  }
  push(item: T): void {
    this.items.push(item);
  }
  shift(): T {
    return this.items.pop() as T;
  }
  clear(): T[] {
    return this.items.splice(0).reverse();
  }
}

/** How a {@link Queue} is made. */
export interface QueueOptions<T> {
  /** How many items it holds before `put` waits: a whole number of 1 or more, or Infinity (the default). */
  readonly capacity?: number | undefined;
  /** Which item comes next: the oldest (`"fifo"`, the default), the newest (`"lifo"`), or the least (`"priority"`). */
  readonly order?: "fifo" | "lifo" | "priority" | undefined;
  /** For `"priority"`: negative where `a` comes before `b`. By default `<`. Equal items come oldest first. */
  readonly compare?: ((a: T, b: T) => number) | undefined;
  readonly name?: string | undefined;
}

/** What {@link Queue.statistics} gives. */
export interface QueueStatistics {
  /** Items in it. */
  readonly depth: number;
  readonly capacity: number;
  /** Tasks that wait to put, and to get. */
  readonly putters: number;
  readonly getters: number;
  /** Items that were put and for which `taskDone` has not been called. */
  readonly unfinished: number;
  readonly closed: boolean;
}

/**
 * A queue of jobs: ordered, counted until done, and shut down by anyone. (Python 3.13's `asyncio.Queue`.)
 *
 * @example
 * ```ts
 * import { group, Queue, run, sleep, VirtualHost } from "rondo";
 *
 * const jobs = new Queue<number>({ order: "priority" });
 * function* worker() {
 *   for (;;) {
 *     const job = yield* jobs.get();
 *     yield* sleep(10);
 *     console.log("done", job);
 *     jobs.taskDone();
 *   }
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       for (const job of [3, 1, 2]) yield* jobs.put(job);
 *       g.spawn(worker(), { daemon: true });
 *       yield* jobs.join();
 *       // prints: done 1
 *       // prints: done 2
 *       // prints: done 3
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export class Queue<T> {
  readonly name: string;
  readonly capacity: number;
  /** @internal */
  readonly putters: WaitQueue;
  /** @internal */
  readonly getters: WaitQueue;
  /** @internal */
  readonly joiners: WaitQueue;
  /** @internal */
  unfinished: number;
  private readonly items: Store<T>;
  private closed: boolean;
  private readonly joinWait: Wait<void>;

  /** Throws a `RangeError` for a capacity that is no whole number of 1 or more, or an order it does not know. */
  constructor(options: QueueOptions<T> = {}) {
    const { capacity = Infinity } = options;
    if (capacity !== Infinity && (!Number.isInteger(capacity) || capacity < 1)) {
      throw new RangeError(
        `a queue takes a capacity of 1 or more, or Infinity, not ${String(capacity)} (a rendezvous is a Channel of 0)`,
      );
    }
    this.name = options.name ?? "";
    this.capacity = capacity;
    this.putters = new WaitQueue();
    this.getters = new WaitQueue();
    this.joiners = new WaitQueue();
    this.unfinished = 0;
    this.items = makeStore(options);
    this.closed = false;
    this.joinWait = sharedWait<void>(JOIN, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** How many items are in it. */
  get length(): number {
    return this.items.length;
  }

  /** Waits for room and puts the item in. A switch point only when it is full. Throws a `ClosedError` after `shutdown`. */
  put(item: T): Wait<void> {
    return new Wait<void>(PUT, this, item);
  }

  /** Puts it in if there is room and nobody waits for room. Never waits. Throws as `put` does. */
  tryPut(item: T): boolean {
    if (this.closed) throw this.closedError("nothing can be put into it");
    const getter = this.getters.shift();
    if (getter !== null) {
      this.unfinished++;
      grant(getter, item);
      return true;
    }
    // Where there is room nobody waits for it: whoever makes room lets them in.
    if (this.items.length >= this.capacity) return false;
    this.items.push(item);
    this.unfinished++;
    return true;
  }

  /**
   * Waits for an item. A switch point only when there is none. Throws a `ClosedError` when it is empty after
   * `shutdown`.
   */
  get(): Wait<T> {
    return new Wait<T>(GET, this, undefined);
  }

  /** The next item if there is one: `{ value }`, else `undefined`. Never waits. Throws as `get` does. */
  tryGet(): { readonly value: T } | undefined {
    const taken = { value: undefined as T };
    return this.takeInto(taken) ? taken : undefined;
  }

  /** One item that was got is dealt with. Throws where all are. Not a switch point. */
  taskDone(): void {
    if (this.unfinished === 0) {
      throw new Error(`taskDone() of ${this.title} was called more often than items were put into it`);
    }
    this.finish(1);
  }

  /** Waits until every item that was put in has been dealt with. A switch point only while some have not. */
  join(): Wait<void> {
    return this.joinWait;
  }

  /**
   * Lets nothing more in: `put` throws a `ClosedError`, also to those who wait; `get` gives what is left and throws
   * then. With `immediate` what is left is dropped, counts as dealt with, and is given back to the caller. May be called
   * again. Not a switch point.
   */
  shutdown(options: { readonly immediate?: boolean | undefined } = {}): T[] {
    this.closed = true;
    this.putters.break(new LateError(() => this.closedError("nothing can be put into it")));
    const dropped = options.immediate === true ? this.items.clear() : [];
    // Whoever waits to get has found it empty.
    this.getters.break(new LateError(() => this.closedError("nothing is left in it")));
    if (dropped.length > 0) this.finish(dropped.length);
    return dropped;
  }

  /** How full it is, how many wait, and how much is unfinished. */
  statistics(): QueueStatistics {
    return {
      depth: this.items.length,
      capacity: this.capacity,
      putters: this.putters.length,
      getters: this.getters.length,
      unfinished: this.unfinished,
      closed: this.closed,
    };
  }

  private get title(): string {
    return this.name === "" ? "the queue" : `the queue "${this.name}"`;
  }

  private closedError(so: string): ClosedError {
    return new ClosedError(`${this.title} was shut down: ${so}`);
  }

  private finish(count: number): void {
    this.unfinished -= count;
    if (this.unfinished === 0) this.joiners.unpark(Infinity);
  }

  /** @internal Takes the next item into `wait.value`, if there is one. While there are any, nobody waits to get. */
  takeInto(wait: { value: unknown }): boolean {
    if (this.items.length === 0) {
      if (this.closed) throw this.closedError("nothing is left in it");
      return false;
    }
    wait.value = this.items.shift();
    this.letIn();
    return true;
  }

  /** There is room: in with those who wait for it. */
  private letIn(): void {
    while (this.items.length < this.capacity) {
      const putter = this.putters.shift();
      if (putter === null) return;
      try {
        this.items.push(putter.arg as T);
      } catch (error) {
        // Its item cannot be compared: that is the putter's error, and none of the one who took an item.
        refuse(putter, error);
        continue;
      }
      this.unfinished++;
      grant(putter, undefined);
    }
  }
}

function byOperator<T>(a: T, b: T): number {
  return a < b ? -1 : b < a ? 1 : 0;
}

function makeStore<T>(options: QueueOptions<T>): Store<T> {
  const { order = "fifo", compare } = options;
  if (compare !== undefined && order !== "priority") {
    throw new RangeError(`a queue compares items only with { order: "priority" }, not with "${order}"`);
  }
  switch (order) {
    case "fifo":
      return new Ring<T>();
    case "lifo":
      return new Stack<T>();
    case "priority":
      return new Heap<T>((compare as Compare<T> | undefined) ?? byOperator);
    default:
      throw new RangeError(`a queue is "fifo", "lifo" or "priority", not ${JSON.stringify(order)}`);
  }
}
