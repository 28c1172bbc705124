/**
 * The flow: a stream that is pulled. Nothing happens before somebody asks for an item, and no more happens than is needed
 * to answer, so back-pressure is not a feature but the absence of one.
 *
 * A flow is a source and a state. Stages (`map`, `filter`, …) are sources made of another flow, and taking an item through
 * any number of them is a plain function call for each: only where something really has to be waited for does a coroutine
 * wait. The ideas are David Beazley's generator pipelines, and Rust's iterators that do nothing until polled.
 */
import { BusyError, ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { CHECKPOINT, type Coroutine, type Operation } from "../coroutine/wait.ts";
import { isOperation } from "./bodies.ts";
import { DropSource, FilterSource, LinesSource, MapSource, TakeSource } from "./flow-stages.ts";
import { ChannelSource, IterableSource, NOT_YET, type Receiving, type Source } from "./flow-source.ts";
import { type MapConcurrentOptions, mappedConcurrently, merged } from "./flow-tasks.ts";
import { type Emit, Producer } from "./producer.ts";

const OPEN = 0;
const ENDED = 1;
const CLOSED = 2;
const FAILED = 3;

/** How many items `batch()` gives at most where nothing is said. */
const BATCH = 1024;

/**
 * A stream of items that are taken one by one. `undefined` is the end, and cannot be an item.
 *
 * Make one with {@link Flow.from}; shape it with `map`, `filter`, `take`, `drop`, `merge`, `mapConcurrent`; and use it up with
 * `next`, `batch`, `forEach`, `toArray`, `reduce`. A `next()` that is cancelled has taken nothing. Only one task can pull
 * at a time: a second one gets a `BusyError`. An error is thrown to whoever pulls, and to everyone who pulls after it.
 *
 * Flows that do something of their own (a generator, `merge`, `mapConcurrent`) run it as tasks of the group in which
 * they were made, and end with it.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 *
 * const squares = Flow.from([1, 2, 3, 4, 5])
 *   .filter((n) => n % 2 === 1)
 *   .map((n) => n * n);
 * await run(function* () {
 *   console.log(yield* squares.next()); // prints: 1
 *   console.log(yield* squares.toArray()); // prints: [ 9, 25 ]
 * });
 * ```
 */
export class Flow<T> {
  /** For errors and snapshots. */
  readonly name: string;
  private readonly source: Source<T>;
  private state: number;
  private error: unknown;
  private pulling: boolean;
  private closedByHand: boolean;

  /** For sources of your own; everything else wants {@link Flow.from}. */
  constructor(source: Source<T>, options: { readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "flow";
    this.source = source;
    this.state = OPEN;
    this.error = undefined;
    this.pulling = false;
    this.closedByHand = false;
  }

  /**
   * Makes a flow:
   * - of something to iterate over (an array, a `Set`, a plain generator), one item after the other;
   * - of a channel, or a receiver: closing the flow closes that end;
   * - of a coroutine `function* (emit) {…}` that gives items with `yield* emit(item)`. It begins with the first pull, and
   *   stands still in `emit` from one pull to the next. When the flow is closed it is cancelled, so its cleanup runs.
   *
   * @example
   * ```ts
   * import { type Emit, Flow, run, sleep, VirtualHost } from "rondo";
   *
   * function* countdown(emit: Emit<number>) {
   *   try {
   *     for (let n = 3; ; n--) {
   *       yield* sleep(1000);
   *       yield* emit(n);
   *     }
   *   } finally {
   *     console.log("stopped");
   *   }
   * }
   * await run(() => Flow.from(countdown).take(2).forEach((n) => console.log(n)), { host: new VirtualHost() });
   * // prints: 3
   * // prints: 2
   * // prints: stopped
   * ```
   */
  static from<T>(
    items: Iterable<T> | Receiving<T> | Flow<T> | ((emit: Emit<T>) => Operation<unknown>),
    options: { readonly name?: string | undefined } = {},
  ): Flow<T> {
    if (items instanceof Flow) return items;
    if (typeof items === "function") {
      const name = options.name ?? (items.name === "" ? "flow" : items.name);
      return new Flow(new Producer<T>(items, name), { name });
    }
    const given = items as Partial<Receiving<T> & Iterable<T>> | null | undefined;
    if (typeof given?.receive === "function" && typeof given.tryReceive === "function") {
      return new Flow(new ChannelSource<T>(given as Receiving<T>), options);
    }
    if (typeof given?.[Symbol.iterator] !== "function") {
      throw new TypeError(
        `Flow.from() takes something iterable, a channel, or a function* (emit) {…}, not ${String(items)}`,
      );
    }
    return new Flow(new IterableSource<T>(given as Iterable<T>), options);
  }

  /**
   * The lines of a text that comes in pieces, without their ends (`\n` or `\r\n`); a last line without an end counts, if
   * there is anything in it.
   *
   * @example
   * ```ts
   * import { Flow, run } from "rondo";
   *
   * console.log(await run(() => Flow.lines(["one\ntw", "o\r", "\nthree"]).toArray())); // prints: [ 'one', 'two', 'three' ]
   * ```
   */
  static lines(pieces: string | Iterable<string> | Flow<string>): Flow<string> {
    return new Flow(new LinesSource(Flow.from<string>(typeof pieces === "string" ? [pieces] : pieces)), {
      name: "lines",
    });
  }

  // ---- taking -------------------------------------------------------------------------------------------------------

  /** The next item, or `undefined` at the end. A switch point only where it must wait. Cancelled, it has taken nothing. */
  *next(): Coroutine<T | undefined> {
    this.begin();
    try {
      const item = this.glance();
      return item === NOT_YET ? yield* this.pull() : item;
    } finally {
      this.pulling = false;
    }
  }

  /**
   * The next items that can be had without waiting for more, at least one and at most `max`; `undefined` at the end. Where
   * they come in lots (the lines of a piece that was read), it ends with a lot of more than one. A switch point only where
   * it must wait. Cancelled, it has taken nothing.
   */
  *batch(max: number = BATCH): Coroutine<T[] | undefined> {
    if (!(max === Infinity || (Number.isInteger(max) && max >= 1)))
      throw new RangeError(`batch() takes how many items it may give, 1 or more, not ${String(max)}`);
    this.begin();
    try {
      const first = yield* this.pull();
      if (first === undefined) return undefined;
      const { source } = this;
      const lot = source.takeLot?.(max) ?? null;
      if (lot !== null) return lot;
      const items: T[] = [first];
      while (items.length < max) {
        let item: T | undefined | typeof NOT_YET;
        try {
          item = this._take();
        } catch {
          break; // what was taken before counts; the flow has kept the error for the next pull
        }
        if (item === undefined || item === NOT_YET) break;
        const more = source.takeLot?.(max - items.length) ?? null;
        if (more !== null) return items.concat(more);
        items.push(item);
      }
      return items;
    } finally {
      this.pulling = false;
    }
  }

  /**
   * Runs `fn(item, index)` for each item, one after the other; it may give an operation, which is waited for. Leaving it
   * early, by an error or a cancellation, closes the flow, as `for … of` does. When it is over, so is everything that the
   * flow did of its own: its cleanup has run.
   */
  *forEach(fn: (item: T, index: number) => Operation<unknown> | void): Coroutine<void> {
    this.begin();
    try {
      for (let index = 0; ; index++) {
        let item = this.glance();
        if (item === NOT_YET) item = yield* this.pull();
        if (item === undefined) return;
        const operation: unknown = fn(item, index);
        if (isOperation(operation)) yield* operation;
        else if (typeof (operation as { then?: unknown } | null | undefined)?.then === "function") {
          throw new TypeError("the function given to forEach() gave a promise: write function*, and wait with until()");
        }
      }
    } finally {
      this.pulling = false;
      this._close();
      yield* this._ended();
    }
  }

  /** All items that are left. */
  *toArray(): Coroutine<T[]> {
    const items: T[] = [];
    yield* this.forEach((item) => void items.push(item));
    return items;
  }

  /** Puts all items that are left together: `fn(result so far, item, index)`. */
  *reduce<R>(fn: (result: R, item: T, index: number) => R, initial: R): Coroutine<R> {
    let result = initial;
    yield* this.forEach((item, index) => {
      result = fn(result, item, index);
    });
    return result;
  }

  /**
   * Done with it: whatever it is made of is closed too, and a producing coroutine is cancelled. Returns at once; the
   * cleanup runs in the producer's task. Whoever pulls now or later gets a `ClosedError`. A second close is an error; closing
   * after the end is none. Not a switch point.
   */
  close(): void {
    if (this.closedByHand) throw new ClosedError(`the flow "${this.name}" was closed twice`);
    this.closedByHand = true;
    this._close();
  }

  /** For `using`: closes, if that has not been done. */
  [Symbol.dispose](): void {
    if (!this.closedByHand) this.close();
  }

  // ---- stages: nothing of these runs before somebody pulls -----------------------------------------------------------

  /** Each item turned into another by a plain function; for operations see {@link Flow.mapConcurrent}. */
  map<U>(fn: (item: T, index: number) => U): Flow<U> {
    return new Flow(new MapSource<T, U>(this, fn), { name: `${this.name}.map` });
  }

  /** The items that pass. */
  filter<S extends T>(pass: (item: T, index: number) => item is S): Flow<S>;
  filter(pass: (item: T, index: number) => boolean): Flow<T>;
  filter(pass: (item: T, index: number) => boolean): Flow<T> {
    return new Flow(new FilterSource<T>(this, pass), { name: `${this.name}.filter` });
  }

  /** The first `count` items; with the last of them this flow is closed. */
  take(count: number): Flow<T> {
    return new Flow(new TakeSource<T>(this, checkCount(count, "take")), { name: `${this.name}.take` });
  }

  /** All but the first `count` items. */
  drop(count: number): Flow<T> {
    return new Flow(new DropSource<T>(this, checkCount(count, "drop")), { name: `${this.name}.drop` });
  }

  /** The items of this flow and others, as they come. A failure of one is a failure of the whole. */
  merge<U = T>(...others: readonly Flow<U>[]): Flow<T | U> {
    return new Flow<T | U>(merged<T | U>([this, ...others]), { name: "merge" });
  }

  /**
   * Runs `fn(item)` for at most `concurrency` items at the same time, and gives the results in the order of the items
   * (with `ordered: false` as they come). Items in work and results that nobody has taken count together, so a slow taker
   * slows it all down.
   */
  mapConcurrent<U>(
    concurrency: number,
    fn: (item: T, index: number) => Operation<U>,
    options: MapConcurrentOptions = {},
  ): Flow<U> {
    const source = mappedConcurrently(this, concurrency, fn, options);
    return new Flow(source, { name: source.name });
  }

  // ---- for the stages -----------------------------------------------------------------------------------------------

  /** @internal What can be had without waiting. */
  _take(): T | undefined | typeof NOT_YET {
    if (this.state !== OPEN) {
      if (this.state === ENDED) return undefined;
      throw this.state === FAILED ? this.error : new ClosedError(`the flow "${this.name}" is closed`);
    }
    let item: T | undefined | typeof NOT_YET;
    try {
      item = this.source.take();
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (item === undefined) this.state = ENDED;
    return item;
  }

  /** @internal Waits until there may be something to take. */
  _ready(): Operation<unknown> {
    return this.source.ready();
  }

  /** @internal As `close`, any number of times. */
  _close(): void {
    if (this.state !== OPEN) return;
    this.state = CLOSED;
    this.source.close();
  }

  /** @internal Waits until nothing of it runs any more. */
  *_ended(): Coroutine<void> {
    const ended = this.source.ended?.();
    if (ended !== undefined) yield* ended;
  }

  private begin(): void {
    if (this.pulling)
      throw new BusyError(
        `two tasks pull the flow "${this.name}" at once: give each a part of its own, or pull in one`,
      );
    this.pulling = true;
  }

  /** An item that is there already, as long as nobody else has to be let run: most are had without a coroutine. */
  private glance(): T | undefined | typeof NOT_YET {
    if (kernel.fuel === 0) return NOT_YET;
    kernel.fuel--;
    return this._take();
  }

  private *pull(): Coroutine<T | undefined> {
    // Before an item is taken, and not after: no switch point may lie between taking an item and giving it.
    if (kernel.fuel > 0) kernel.fuel--;
    else yield* CHECKPOINT;
    for (;;) {
      const item = this._take();
      if (item !== NOT_YET) return item;
      try {
        yield* this._ready();
      } catch (error) {
        // Who comes second is told, and the one who came first goes on.
        if (this.state === OPEN && !(error instanceof BusyError)) this.fail(error);
        throw error;
      }
    }
  }

  private fail(error: unknown): void {
    this.state = FAILED;
    this.error = error;
    try {
      this.source.close();
    } catch {
      // The failure that came first is the one to hear of.
    }
  }
}

function checkCount(count: unknown, what: string): number {
  if (count !== Infinity && (!Number.isInteger(count) || (count as number) < 0)) {
    throw new RangeError(`${what}() takes a whole number of 0 or more, not ${String(count)}`);
  }
  return count as number;
}
