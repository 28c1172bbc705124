/**
 * Where the items of a flow come from, as the flow sees it.
 *
 * A source says what it has (`take`), which never waits, and lets one wait until it has something (`ready`), which takes
 * nothing. So nothing can be lost: a cancelled wait has taken no item, and an item that was taken is with whoever asked,
 * because no switch point lies in between. (The same split as in Rust's `poll` and in `select(2)`.)
 *
 * This file has the sources that need no task: things to iterate over, and channels.
 */
import { BusyError } from "../coroutine/errors.ts";
import { CHECKPOINT, type Coroutine, type Operation, Wait } from "../coroutine/wait.ts";

/** There may be an item later: wait with `ready()` and take again. */
export const NOT_YET: unique symbol = Symbol("rondo.notYet") as never;

/** Where a flow takes its items from; see the head of this file. */
export interface Source<T> {
  /** The next item, `undefined` at the end, or `NOT_YET`. Never waits. What it throws is the flow's failure. */
  take(): T | undefined | typeof NOT_YET;
  /**
   * An array that begins with the item that was taken last, `max` items at most, and is the caller's from here on: for
   * sources that have many at once, so that a batch costs no call an item. `null` where it has none. Never waits.
   */
  takeLot?(max: number): T[] | null;
  /** Waits until `take` may have something to say. */
  ready(): Operation<unknown>;
  /** Nobody will take any more. Called at most once, and not after the end. */
  close(): void;
  /** Waits until what it did of its own has ended, cleanup and all. */
  ended?(): Operation<unknown>;
}

/** What a flow can be made from besides a function: an end of a channel, for one. */
export interface Receiving<T> {
  receive(): Operation<T | undefined>;
  tryReceive(): { readonly value: T } | undefined;
  readonly receiver?: { close(): void };
  close(): void;
}

export class IterableSource<T> implements Source<T> {
  private readonly iterator: Iterator<T>;
  private open: boolean;

  constructor(items: Iterable<T>) {
    this.iterator = items[Symbol.iterator]();
    this.open = true;
  }

  take(): T | undefined {
    // One that throws is over, and must not be closed, as in `for … of`.
    this.open = false;
    const result: unknown = this.iterator.next();
    if (result instanceof Wait) {
      // What comes out of a coroutine is the wait itself.
      throw new TypeError(
        "a flow was made of a coroutine, which gives waits and not items: give the function instead, as Flow.from(function* (emit) {…})",
      );
    }
    const { done, value } = result as IteratorResult<T>;
    if (done === true) return undefined;
    this.open = true;
    return checkItem(value, "the iterable it was made from");
  }

  /** There is always something to say; a stage that found nothing to its liking just lets the others run. */
  ready(): Operation<void> {
    return CHECKPOINT;
  }

  close(): void {
    if (this.open) this.iterator.return?.();
  }
}

export class ChannelSource<T> implements Source<T> {
  private readonly end: Receiving<T>;
  /** Received, and not taken yet. */
  private held: T | undefined;
  private over: boolean;
  private waiting: boolean;

  constructor(end: Receiving<T>) {
    this.end = end;
    this.held = undefined;
    this.over = false;
    this.waiting = false;
  }

  take(): T | undefined | typeof NOT_YET {
    const { held } = this;
    if (held !== undefined) {
      this.held = undefined;
      return held;
    }
    if (this.over) return undefined;
    return this.end.tryReceive()?.value ?? NOT_YET;
  }

  *ready(): Coroutine<void> {
    if (this.held !== undefined || this.over) return;
    if (this.waiting) throw new BusyError("two flows made of one pull a channel through it at once: pull in one task");
    this.waiting = true;
    try {
      const item = yield* this.end.receive();
      if (item === undefined) this.over = true;
      else this.held = item;
    } finally {
      this.waiting = false;
    }
  }

  /** The receiving end is closed, so that senders learn that nobody listens. */
  close(): void {
    (this.end.receiver ?? this.end).close();
  }
}

/** `undefined` is the end of a flow, so it cannot be an item of one. */
export function checkItem<T>(item: T, from: string): T {
  if (item === undefined)
    throw new TypeError(`${from} gave undefined as an item of a flow, where it means the end: use null`);
  return item;
}
