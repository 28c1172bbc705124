/**
 * The channel: items from senders to receivers, each delivered exactly once.
 *
 * A receiver that waits gets the item straight from the sender, a sender that waits has its item taken by the receiver;
 * what is handed over cannot be taken back, so no item is lost to a cancellation (gh-92824, anyio #728). Both ends can
 * be cloned and closed: the stream ends when the last sender is closed, and senders are told by a `BrokenError` when the
 * last receiver is gone. So no producer can end the stream for the others. The idea is trio's memory channels.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { askedWait, defineKind, grant, PARKED, PASSING, refuse, sharedWait, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Ring } from "./ring.ts";

const SEND = defineKind({
  label: "send",
  poll(wait) {
    const end = wait.on as Sender<unknown>;
    return end.channel.offer(end, wait.arg);
  },
  begin(wait) {
    (wait.on as Sender<unknown>).channel.sending.push(wait);
  },
});

const RECEIVE = defineKind({
  label: "receive",
  open(shared) {
    const end = shared.on as Receiver<unknown>;
    if (kernel.fuel === 0) return new Wait(RECEIVE, end, undefined);
    if (!end.channel.takeInto(end, PASSING)) return askedWait(RECEIVE, end);
    kernel.fuel--;
    return PASSING;
  },
  poll(wait) {
    const end = wait.on as Receiver<unknown>;
    return end.channel.takeInto(end, wait);
  },
  begin(wait) {
    (wait.on as Receiver<unknown>).channel.receiving.push(wait);
  },
});

/** What a channel tells about itself. */
export interface ChannelStatistics {
  /** Items in the buffer. */
  readonly depth: number;
  readonly capacity: number;
  /** Open ends. */
  readonly senders: number;
  readonly receivers: number;
  /** Tasks that wait. */
  readonly sending: number;
  readonly receiving: number;
}

/** An end to send into. */
export class Sender<T> {
  readonly channel: Channel<T>;
  open: boolean;

  constructor(channel: Channel<T>) {
    this.channel = channel;
    this.open = true;
    channel.senders++;
  }

  get name(): string {
    return this.channel.name;
  }

  /**
   * Waits until the item is taken, or in the buffer. A switch point only when it must wait. Throws a `ClosedError` where
   * this end is closed, a `BrokenError` where nobody is left to receive. `undefined` cannot be sent.
   */
  send(item: T): Wait<void> {
    return new Wait<void>(SEND, this, checkItem(item));
  }

  /** Sends if that needs no waiting. */
  trySend(item: T): boolean {
    return this.channel.offer(this, checkItem(item));
  }

  /** Another sender for the same channel, to be closed by itself. */
  clone(): Sender<T> {
    if (!this.open) throw new ClosedError(`a closed sender of ${this.channel.title} cannot be cloned`);
    return new Sender(this.channel);
  }

  /** Done sending. With the last sender the stream ends. Sends that wait on this end get a `ClosedError`. */
  close(): void {
    if (!this.open) throw new ClosedError(`a sender of ${this.channel.title} was closed twice`);
    this.open = false;
    this.channel.senderClosed(this);
  }

  /** For `using`: closes, if that has not been done. */
  [Symbol.dispose](): void {
    if (this.open) this.close();
  }
}

/** An end to receive from. */
export class Receiver<T> {
  readonly channel: Channel<T>;
  open: boolean;
  private readonly shared: Wait<T | undefined>;

  constructor(channel: Channel<T>) {
    this.channel = channel;
    this.open = true;
    this.shared = sharedWait<T | undefined>(RECEIVE, this);
    channel.receivers++;
  }

  get name(): string {
    return this.channel.name;
  }

  /**
   * Waits for the next item; `undefined` when all senders are closed and the buffer is empty. A switch point only when
   * it must wait. Throws a `ClosedError` where this end is closed.
   */
  receive(): Wait<T | undefined> {
    return this.shared;
  }

  /** The next item if there is one: `{ value }`, else `undefined`. */
  tryReceive(): { readonly value: T } | undefined {
    return this.channel.poll(this);
  }

  /** Another receiver for the same channel: each item goes to one of them. */
  clone(): Receiver<T> {
    if (!this.open) throw new ClosedError(`a closed receiver of ${this.channel.title} cannot be cloned`);
    return new Receiver(this.channel);
  }

  /** Done receiving. With the last receiver the senders break, and what is in the buffer is dropped. */
  close(): void {
    if (!this.open) throw new ClosedError(`a receiver of ${this.channel.title} was closed twice`);
    this.open = false;
    this.channel.receiverClosed(this);
  }

  /** For `using`: closes, if that has not been done. */
  [Symbol.dispose](): void {
    if (this.open) this.close();
  }
}

/**
 * A channel that buffers `capacity` items: 0 for a rendezvous, Infinity for no bound. It is a sender and a receiver in
 * one; `cloneSender()` and `cloneReceiver()` give ends that are closed by themselves.
 *
 * @example
 * ```ts
 * import { Channel, group, run } from "rondo";
 *
 * const channel = new Channel<number>(2);
 * function* produce() {
 *   for (let i = 1; i <= 3; i++) yield* channel.send(i);
 *   channel.close();
 * }
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(produce());
 *     for (;;) {
 *       const item = yield* channel.receive();
 *       if (item === undefined) break;
 *       console.log(item);
 *     }
 *     // prints: 1
 *     // prints: 2
 *     // prints: 3
 *   }),
 * );
 * ```
 */
export class Channel<T> {
  readonly name: string;
  readonly capacity: number;
  /** Its own ends; `channel.close()` closes the sender. */
  readonly sender: Sender<T>;
  readonly receiver: Receiver<T>;
  /** @internal */
  senders: number;
  /** @internal */
  receivers: number;
  /** @internal */
  readonly sending: WaitQueue;
  /** @internal */
  readonly receiving: WaitQueue;
  private readonly items: Ring<T>;

  /** Throws a `RangeError` where `capacity` is negative, no whole number, or missing. */
  constructor(capacity: number, options: { readonly name?: string } = {}) {
    if (capacity !== Infinity && (!Number.isInteger(capacity) || capacity < 0)) {
      throw new RangeError(`a channel takes a capacity of 0, a whole number, or Infinity, not ${String(capacity)}`);
    }
    this.name = options.name ?? "";
    this.capacity = capacity;
    this.senders = 0;
    this.receivers = 0;
    this.sending = new WaitQueue();
    this.receiving = new WaitQueue();
    this.items = new Ring<T>();
    this.sender = new Sender<T>(this);
    this.receiver = new Receiver<T>(this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "a channel" : `the channel "${this.name}"`;
  }

  /** As {@link Sender.send}. */
  send(item: T): Wait<void> {
    return new Wait<void>(SEND, this.sender, checkItem(item));
  }

  /** As {@link Receiver.receive}. */
  receive(): Wait<T | undefined> {
    return this.receiver.receive();
  }

  trySend(item: T): boolean {
    return this.offer(this.sender, checkItem(item));
  }

  tryReceive(): { readonly value: T } | undefined {
    return this.poll(this.receiver);
  }

  /** Closes the channel's own sender: with the last one the stream ends. A second close is an error. */
  close(): void {
    this.sender.close();
  }

  cloneSender(): Sender<T> {
    return this.sender.clone();
  }

  cloneReceiver(): Receiver<T> {
    return this.receiver.clone();
  }

  statistics(): ChannelStatistics {
    return {
      depth: this.items.length,
      capacity: this.capacity,
      senders: this.senders,
      receivers: this.receivers,
      sending: this.sending.length,
      receiving: this.receiving.length,
    };
  }

  // ---- for its ends -------------------------------------------------------------------------------------------------

  /** @internal Hands over or buffers an item if that needs no waiting. */
  offer(end: Sender<T>, item: T): boolean {
    if (!end.open) throw new ClosedError(`a sender of ${this.title} is closed: it cannot send any more`);
    if (this.receivers === 0) throw new BrokenError(`${this.title} has no receivers left: nobody would get the item`);
    const receiver = this.receiving.shift();
    if (receiver !== null) {
      grant(receiver, item);
      return true;
    }
    if (this.items.length >= this.capacity || this.sending.length > 0) return false;
    this.items.push(item);
    return true;
  }

  /** @internal Takes an item into `wait.value` if there is one, or the end of the stream. */
  takeInto(end: Receiver<T>, wait: Wait): boolean {
    if (!end.open) throw new ClosedError(`a receiver of ${this.title} is closed: it cannot receive any more`);
    if (this.items.length > 0) {
      wait.value = this.items.shift();
      const sender = this.sending.shift();
      if (sender !== null) {
        this.items.push(sender.arg as T);
        grant(sender, undefined);
      }
      return true;
    }
    const sender = this.sending.shift();
    if (sender !== null) {
      wait.value = sender.arg;
      grant(sender, undefined);
      return true;
    }
    if (this.senders > 0) return false;
    wait.value = undefined;
    return true;
  }

  /** @internal */
  poll(end: Receiver<T>): { readonly value: T } | undefined {
    const wait = { value: undefined as T | undefined };
    if (!this.takeInto(end, wait as unknown as Wait) || wait.value === undefined) return undefined;
    return { value: wait.value };
  }

  /** @internal */
  senderClosed(end: Sender<T>): void {
    refuseThoseOn(
      this.sending,
      end,
      () => new ClosedError(`a sender of ${this.title} was closed while it was sending`),
    );
    // All in line are told; the items in the buffer are still to be had.
    if (--this.senders === 0) this.receiving.unpark(this.receiving.length, undefined);
  }

  /** @internal */
  receiverClosed(end: Receiver<T>): void {
    refuseThoseOn(
      this.receiving,
      end,
      () => new ClosedError(`a receiver of ${this.title} was closed while it was receiving`),
    );
    if (--this.receivers > 0) return;
    this.items.clear();
    if (this.sending.length > 0) this.sending.break(new BrokenError(`${this.title} has lost its last receiver`));
  }
}

function refuseThoseOn(queue: WaitQueue, end: object, error: () => Error): void {
  // A copy: refusing an arm of a `select` takes its siblings out of the very same line.
  for (const wait of [...queue.waits()]) {
    if (wait.on !== end || wait.state !== PARKED) continue;
    queue.remove(wait);
    refuse(wait, error());
  }
}

function checkItem<T>(item: T): T {
  if (item === undefined)
    throw new TypeError("undefined cannot be sent: it is what receivers get at the end of the stream");
  return item;
}
