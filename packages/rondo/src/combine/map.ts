/** The same for every item, so many at a time. */
import { suppress } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { defer, disposing } from "../task/defer.ts";
import { group, type Group } from "../task/group.ts";
import type { Task } from "../task/task.ts";
import { isOperation } from "./bodies.ts";

/** How `map` goes about its items. */
export interface MapOptions {
  /** How many may run at the same time; all of them where nothing is said. */
  readonly concurrency?: number | undefined;
  /** For errors, snapshots and traces. */
  readonly name?: string | undefined;
}

/**
 * Runs `fn(item, index)` for every item, at most `concurrency` at a time, and gives the results in the order of the
 * items. An item is taken from the iterable only when its turn has come, so the iterable may be lazy, and without end if
 * something ends it. If one fails the others are cancelled and waited for, the iterable is closed, the results so far are
 * disposed of, and the error is thrown. A switch point, unless there are no items.
 *
 * @example
 * ```ts
 * import { map, now, run, sleep, VirtualHost } from "rondo";
 *
 * function* square(n: number) {
 *   yield* sleep(10);
 *   return n * n;
 * }
 * await run(
 *   function* () {
 *     console.log(yield* map([1, 2, 3, 4], square, { concurrency: 2 })); // prints: [ 1, 4, 9, 16 ]
 *     console.log(now()); // prints: 20
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function map<T, R>(
  items: Iterable<T>,
  fn: (item: T, index: number) => Operation<R>,
  options: MapOptions = {},
): Operation<R[]> {
  const { concurrency = Infinity, name = "map" } = options;
  checkConcurrency(concurrency, "map");
  if (typeof (items as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`map() takes something iterable, not ${String(items)}`);
  }
  if (typeof fn !== "function") throw new TypeError(`map() takes a function* (item, index) {…}, not ${String(fn)}`);
  return group((g) => new Mapping(g, items, fn).run(concurrency), { name });
}

/** Checks how many may run at a time. */
export function checkConcurrency(concurrency: unknown, what: string): void {
  if (concurrency !== Infinity && (!Number.isInteger(concurrency) || (concurrency as number) < 1)) {
    throw new RangeError(
      `the concurrency of ${what}() is a whole number of 1 or more, or Infinity, not ${String(concurrency)}`,
    );
  }
}

/** What a user's function gave for an item, if it can be run. */
export function operationFrom<R>(what: string, given: Operation<R>): Operation<R> {
  if (
    isOperation(given) ||
    typeof (given as Partial<Operation<R>> | null | undefined)?.[Symbol.iterator] === "function"
  )
    return given;
  const promise = typeof (given as { then?: unknown } | null | undefined)?.then === "function";
  throw new TypeError(
    `the function given to ${what}() gave ${promise ? "a promise" : String(given)} and not an operation: write function*` +
      (promise ? ", and wait for the promise with until()" : ""),
  );
}

/** An item and its place. */
interface Turn<T> {
  readonly value: T;
  readonly index: number;
}

/** One run of `map`. A worker does one item after the other, so there are no more tasks than run at a time. */
class Mapping<T, R> {
  private readonly g: Group;
  private readonly iterator: Iterator<T>;
  private readonly fn: (item: T, index: number) => Operation<R>;
  private readonly results: R[] = [];
  private count = 0;
  private open = true;
  private complete = false;

  constructor(g: Group, items: Iterable<T>, fn: (item: T, index: number) => Operation<R>) {
    this.g = g;
    this.iterator = items[Symbol.iterator]();
    this.fn = fn;
  }

  *run(concurrency: number): Coroutine<R[]> {
    defer(() => (this.complete ? undefined : this.disposeResults()));
    const { g } = this;
    try {
      const workers: Task<void>[] = [];
      while (workers.length < concurrency) {
        const turn = this.take();
        if (turn === undefined) break;
        workers.push(g.spawn(this.work(turn), { name: `${g.name} ${turn.index}` }));
      }
      for (const worker of workers) yield* worker;
    } finally {
      // Closed as soon as it fails, so that nobody takes another item while the others clean up.
      this.close();
    }
    this.complete = true;
    return this.results;
  }

  private *work(first: Turn<T>): Coroutine<void> {
    for (let turn: Turn<T> | undefined = first; turn !== undefined; turn = this.take()) {
      this.results[turn.index] = yield* operationFrom("map", this.fn(turn.value, turn.index));
    }
  }

  private take(): Turn<T> | undefined {
    if (!this.open) return undefined;
    // A throw by the iterable's own code is the failure; it must not be asked again, nor closed.
    this.open = false;
    const result = this.iterator.next();
    if (result.done === true) return undefined;
    this.open = true;
    return { value: result.value, index: this.count++ };
  }

  private close(): void {
    if (!this.open) return;
    this.open = false;
    this.iterator.return?.();
  }

  private *disposeResults(): Coroutine<void> {
    const errors: unknown[] = [];
    for (const result of this.results) {
      try {
        yield* disposing(result);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw suppress(errors[0], errors);
  }
}
