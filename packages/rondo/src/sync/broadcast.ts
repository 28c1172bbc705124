/**
 * The broadcast: every subscriber gets every item that is sent after it has subscribed.
 *
 * Items stand once in a chain, and a subscription is a place in that chain: a slow one keeps alive what it has not read,
 * nothing is copied, and cloning a subscription is copying a place. The chain ends in an empty link, the place of those
 * who have read everything. How far a subscriber may fall behind is the capacity, and what happens to it then is stated
 * when the broadcast is made. The idea is tokio's `broadcast`.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, LateError, PARKED, refuse, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";

const SEND = defineKind({
  label: "broadcast",
  poll(wait) {
    const end = wait.on as BroadcastSender<unknown>;
    return end.broadcast.offer(end, wait.arg);
  },
  begin(wait) {
    (wait.on as BroadcastSender<unknown>).broadcast.sending.push(wait);
  },
});

const RECEIVE = defineKind({
  label: "subscription",
  poll: (wait) => (wait.on as Subscription<unknown>).takeInto(wait),
  begin(wait) {
    (wait.on as Subscription<unknown>).receiving.push(wait);
  },
});

/**
 * What happens when an item is sent and a subscriber is `capacity` items behind:
 * - `"wait"`: the sender waits until it has caught up (or is closed). Nothing is lost.
 * - `"drop-oldest"`: that subscriber loses its oldest item; `missed` counts them.
 * - `"error"`: that too, and its next `receive()` throws a `BrokenError` that says how many; then it goes on with the
 *   oldest that is left.
 */
export type Overflow = "wait" | "drop-oldest" | "error";

/** One item, and the way to the next; the last link is empty. */
interface Link<T> {
  item: T | undefined;
  next: Link<T> | null;
}

/** What {@link Broadcast.statistics} gives. */
export interface BroadcastStatistics {
  readonly capacity: number;
  readonly overflow: Overflow;
  /** Open senders. */
  readonly senders: number;
  readonly subscribers: number;
  /** Tasks that wait to send. */
  readonly sending: number;
  /** How far the slowest subscriber is behind. */
  readonly depth: number;
}

/** What {@link Subscription.statistics} gives. */
export interface SubscriptionStatistics {
  /** Items it has not received. */
  readonly depth: number;
  /** Items it has lost by falling behind. */
  readonly missed: number;
  /** Tasks that wait to receive. */
  readonly receiving: number;
}

/**
 * One subscriber's end: it receives every item that is sent from now on.
 *
 * @example
 * ```ts
 * import { Broadcast, run } from "rondo";
 *
 * const news = new Broadcast<string>(8);
 * await run(function* () {
 *   using subscription = news.subscribe();
 *   yield* news.send("hello");
 *   console.log(yield* subscription.receive()); // prints: hello
 * });
 * ```
 */
export class Subscription<T> {
  readonly broadcast: Broadcast<T>;
  /** @internal Where it stands in the chain. */
  place: Link<T>;
  /** @internal How many items are before it. */
  depth: number;
  /** How many items it has lost by falling behind. */
  missed: number;
  /** @internal Those of them that it has not been told of. */
  untold: number;
  open: boolean;
  /** @internal */
  readonly receiving: WaitQueue;

  /** @internal Subscriptions are made by {@link Broadcast.subscribe} and `clone()`. */
  constructor(broadcast: Broadcast<T>, place: Link<T>, depth: number, untold: number) {
    this.broadcast = broadcast;
    this.place = place;
    this.depth = depth;
    this.missed = 0;
    this.untold = untold;
    this.open = true;
    this.receiving = new WaitQueue();
    broadcast.subscriptions.add(this);
  }

  get name(): string {
    return this.broadcast.name;
  }

  /**
   * Waits for the next item; `undefined` when all senders are closed and everything has been received. A switch point
   * only when it must wait. Throws a `ClosedError` where this end is closed, and with `overflow: "error"` a
   * `BrokenError` where it fell behind.
   */
  receive(): Wait<T | undefined> {
    return new Wait<T | undefined>(RECEIVE, this, undefined);
  }

  /** The next item if there is one: `{ value }`, else `undefined`. Never waits. Throws as `receive` does. */
  tryReceive(): { readonly value: T } | undefined {
    const taken = { value: undefined as T | undefined };
    return this.takeInto(taken) && taken.value !== undefined ? { value: taken.value } : undefined;
  }

  /** Another subscription at the same place: it receives what this one has still to receive, and everything after. */
  clone(): Subscription<T> {
    if (!this.open) throw new ClosedError(`a closed subscription of ${this.broadcast.title} cannot be cloned`);
    return new Subscription(this.broadcast, this.place, this.depth, this.untold);
  }

  /** Done receiving; senders no longer wait for it. A second close is an error. Not a switch point. */
  close(): void {
    if (!this.open) throw new ClosedError(`a subscription of ${this.broadcast.title} was closed twice`);
    this.open = false;
    this.broadcast.subscriptions.delete(this);
    this.receiving.break(new LateError(() => this.closedError()));
    this.broadcast.letSend();
  }

  /** For `using`: closes, if that has not been done. */
  [Symbol.dispose](): void {
    if (this.open) this.close();
  }

  /** How far it is behind, what it has lost, how many wait. */
  statistics(): SubscriptionStatistics {
    return { depth: this.depth, missed: this.missed, receiving: this.receiving.length };
  }

  private closedError(): ClosedError {
    return new ClosedError(`a subscription of ${this.broadcast.title} is closed: it cannot receive any more`);
  }

  private next(): T {
    const { item, next } = this.place;
    this.place = next as Link<T>;
    return item as T;
  }

  /** @internal Takes the next item into `wait.value`, or the end. */
  takeInto(wait: { value: unknown }): boolean {
    if (!this.open) throw this.closedError();
    if (this.untold > 0) {
      const missed = this.untold;
      this.untold = 0;
      throw new BrokenError(`a subscription of ${this.broadcast.title} fell behind and has lost ${missed} items`);
    }
    if (this.depth > 0) {
      wait.value = this.next();
      this.depth--;
      this.broadcast.letSend();
      return true;
    }
    wait.value = undefined;
    return this.broadcast.senders === 0;
  }

  /** @internal An item has been added to the chain. */
  accept(item: T): void {
    const wait = this.receiving.shift();
    if (wait !== null) {
      this.next();
      grant(wait, item);
    } else if (this.depth < this.broadcast.capacity) this.depth++;
    else {
      this.next();
      this.missed++;
      if (this.broadcast.overflow === "error") this.untold++;
    }
  }
}

/**
 * An end to send into; with the last one the stream ends.
 *
 * @example
 * ```ts
 * import { Broadcast, run } from "rondo";
 *
 * const news = new Broadcast<string>(8);
 * const second = news.cloneSender();
 * const subscription = news.subscribe();
 * await run(function* () {
 *   news.close();
 *   yield* second.send("one sender is left");
 *   second.close();
 *   console.log(yield* subscription.receive()); // prints: one sender is left
 *   console.log(yield* subscription.receive()); // prints: undefined
 * });
 * ```
 */
export class BroadcastSender<T> {
  readonly broadcast: Broadcast<T>;
  open: boolean;

  /** @internal Senders are made by {@link Broadcast.cloneSender} and `clone()`. */
  constructor(broadcast: Broadcast<T>) {
    this.broadcast = broadcast;
    this.open = true;
    broadcast.senders++;
  }

  get name(): string {
    return this.broadcast.name;
  }

  /** As {@link Broadcast.send}. */
  send(item: T): Wait<void> {
    return new Wait<void>(SEND, this, checkItem(item));
  }

  /** As {@link Broadcast.trySend}. */
  trySend(item: T): boolean {
    return this.broadcast.offer(this, checkItem(item));
  }

  /** Another sender, to be closed by itself. */
  clone(): BroadcastSender<T> {
    if (!this.open) throw new ClosedError(`a closed sender of ${this.broadcast.title} cannot be cloned`);
    return new BroadcastSender(this.broadcast);
  }

  /** Done sending. Sends that wait on this end get a `ClosedError`. A second close is an error. Not a switch point. */
  close(): void {
    if (!this.open) throw new ClosedError(`a sender of ${this.broadcast.title} was closed twice`);
    this.open = false;
    this.broadcast.senderClosed(this);
  }

  /** For `using`: closes, if that has not been done. */
  [Symbol.dispose](): void {
    if (this.open) this.close();
  }
}

/**
 * Sends every item to every subscriber. It is a sender itself; `cloneSender()` gives more, `subscribe()` gives the ends
 * to receive from. What is sent while nobody subscribes goes nowhere. (tokio's
 * `broadcast`.)
 *
 * @example
 * ```ts
 * import { Broadcast, group, run, type Subscription } from "rondo";
 *
 * const prices = new Broadcast<number>(2, { overflow: "wait" });
 * function* watch(name: string, subscription: Subscription<number>) {
 *   for (;;) {
 *     const price = yield* subscription.receive();
 *     if (price === undefined) return;
 *     console.log(name, price);
 *   }
 * }
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(watch("a", prices.subscribe()));
 *     g.spawn(watch("b", prices.subscribe()));
 *     for (const price of [7, 8]) yield* prices.send(price);
 *     prices.close();
 *   }),
 * );
 * // prints: a 7
 * // prints: a 8
 * // prints: b 7
 * // prints: b 8
 * ```
 */
export class Broadcast<T> {
  readonly name: string;
  /** How far a subscriber may fall behind. */
  readonly capacity: number;
  readonly overflow: Overflow;
  /** @internal Open senders. */
  senders: number;
  /** @internal */
  readonly subscriptions: Set<Subscription<T>>;
  /** @internal */
  readonly sending: WaitQueue;
  private last: Link<T>;
  private readonly sender: BroadcastSender<T>;

  /** Throws a `RangeError` where `capacity` is neither a whole number of 1 or more nor Infinity. */
  constructor(
    capacity: number,
    options: { readonly overflow?: Overflow | undefined; readonly name?: string | undefined } = {},
  ) {
    if (capacity !== Infinity && (!Number.isInteger(capacity) || capacity < 1)) {
      throw new RangeError(`a broadcast takes a capacity of 1 or more, or Infinity, not ${String(capacity)}`);
    }
    const { overflow = "wait" } = options;
    if (overflow !== "wait" && overflow !== "drop-oldest" && overflow !== "error") {
      throw new RangeError(
        `the overflow of a broadcast is "wait", "drop-oldest" or "error", not ${JSON.stringify(overflow)}`,
      );
    }
    this.name = options.name ?? "";
    this.capacity = capacity;
    this.overflow = overflow;
    this.senders = 0;
    this.subscriptions = new Set();
    this.sending = new WaitQueue();
    this.last = { item: undefined, next: null };
    this.sender = new BroadcastSender<T>(this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "a broadcast" : `the broadcast "${this.name}"`;
  }

  /** A new subscriber, who receives what is sent from now on. Close it when you are done, or let `using` do it. */
  subscribe(): Subscription<T> {
    return new Subscription<T>(this, this.last, 0, 0);
  }

  /**
   * Sends to all. With `overflow: "wait"` it waits until every subscriber has room: a switch point only then. Throws a
   * `ClosedError` where this end is closed. `undefined` cannot be sent.
   */
  send(item: T): Wait<void> {
    return this.sender.send(item);
  }

  /** Sends to all if that needs no waiting and nobody waits to send. */
  trySend(item: T): boolean {
    return this.sender.trySend(item);
  }

  /** Closes the broadcast's own sender: with the last one the stream ends. A second close is an error. */
  close(): void {
    this.sender.close();
  }

  /** Another sender, to be closed by itself. */
  cloneSender(): BroadcastSender<T> {
    return this.sender.clone();
  }

  /** How many send and receive, and how far the slowest is behind. */
  statistics(): BroadcastStatistics {
    let depth = 0;
    for (const subscription of this.subscriptions) depth = Math.max(depth, subscription.depth);
    return {
      capacity: this.capacity,
      overflow: this.overflow,
      senders: this.senders,
      subscribers: this.subscriptions.size,
      sending: this.sending.length,
      depth,
    };
  }

  // ---- for its ends -------------------------------------------------------------------------------------------------

  /** @internal Sends if that needs no waiting. */
  offer(end: BroadcastSender<T>, item: T): boolean {
    if (!end.open) throw new ClosedError(`a sender of ${this.title} is closed: it cannot send any more`);
    // Where there is room nobody waits to send: whoever makes room sends for them.
    if (!this.hasRoom()) return false;
    this.deliver(item);
    return true;
  }

  private hasRoom(): boolean {
    if (this.overflow !== "wait") return true;
    for (const subscription of this.subscriptions) if (subscription.depth >= this.capacity) return false;
    return true;
  }

  private deliver(item: T): void {
    const link = this.last;
    link.item = item;
    this.last = link.next = { item: undefined, next: null };
    for (const subscription of this.subscriptions) subscription.accept(item);
  }

  /** @internal Somebody has made room: send what waits. */
  letSend(): void {
    while (this.sending.length > 0 && this.hasRoom()) {
      const wait = this.sending.shift() as Wait;
      this.deliver(wait.arg as T);
      grant(wait, undefined);
    }
  }

  /** @internal */
  senderClosed(end: BroadcastSender<T>): void {
    // A copy of the line: refusing one arm of a `select` takes its other arms out, which may be the next in line.
    for (const wait of [...this.sending.waits()]) {
      if (wait.on !== end || wait.state !== PARKED) continue;
      this.sending.remove(wait);
      refuse(wait, new LateError(() => new ClosedError(`a sender of ${this.title} was closed while it was sending`)));
    }
    if (--this.senders > 0) return;
    for (const subscription of this.subscriptions) subscription.receiving.unpark(Infinity, undefined);
  }
}

function checkItem<T>(item: T): T {
  if (item === undefined)
    throw new TypeError("undefined cannot be sent: it is what subscribers get at the end of the stream");
  return item;
}
