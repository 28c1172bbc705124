/**
 * The bridge between flows and the `AsyncIterable` of promises, in both directions: whichever side leaves early, the other
 * one hears of it, and its cleanup is waited for.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import type { Host } from "../loop/host.ts";
import { currentLoop } from "../loop/sleep.ts";
import { suspend } from "../task/suspend.ts";
import { isOperation } from "./bodies.ts";
import { Flow } from "./flow.ts";
import type { Emit } from "./producer.ts";
import { toPromise } from "./to-promise.ts";
import { disposeNow, until } from "./until.ts";

/**
 * A flow of what an async iterable gives: an async generator, a stream of the web, a Node stream, a cursor of a database.
 * The iterator is made with the first pull, and asked for an item only when one is pulled. An item may be no promise.
 *
 * When the flow is closed before the end, or the group to which it belongs is cancelled, the iterator's `return()` is called
 * and waited for, as part of the flow's cleanup. An item that comes after that is disposed of, if it can be.
 *
 * @example
 * ```ts
 * import { fromAsyncIterable, run } from "rondo";
 *
 * async function* pages() {
 *   try {
 *     for (let n = 1; ; n++) yield `page ${n}`;
 *   } finally {
 *     console.log("closed");
 *   }
 * }
 * console.log(await run(() => fromAsyncIterable(pages()).take(2).toArray()));
 * // prints: closed
 * // prints: [ 'page 1', 'page 2' ]
 * ```
 */
export function fromAsyncIterable<T>(
  iterable: AsyncIterable<T>,
  options: { readonly name?: string | undefined } = {},
): Flow<T> {
  if (typeof (iterable as Partial<AsyncIterable<T>> | null | undefined)?.[Symbol.asyncIterator] !== "function") {
    throw new TypeError(`fromAsyncIterable() takes something to \`for await\` over, not ${String(iterable)}`);
  }
  return Flow.from<T>((emit) => pullAll(iterable, emit), { name: options.name ?? "asyncIterable" });
}

function* pullAll<T>(iterable: AsyncIterable<T>, emit: Emit<T>): Coroutine<void> {
  const { host } = currentLoop("fromAsyncIterable()");
  const onLate = (result: IteratorResult<T>): void => {
    if (result.done !== true) disposeNow(result.value, host);
  };
  const iterator = iterable[Symbol.asyncIterator]();
  // One that has ended or thrown must not be closed, as in `for await`.
  let open = false;
  try {
    for (;;) {
      open = false;
      const promise = iterator.next();
      open = true;
      let result: IteratorResult<T>;
      try {
        result = yield* until(promise, { onLate });
      } catch (error) {
        open = false;
        throw error;
      }
      if (typeof result !== "object" || result === null) {
        throw new TypeError(`an async iterator answered ${String(result)} where an iterator result was due`);
      }
      if (result.done === true) {
        open = false;
        return;
      }
      yield* emit(result.value);
    }
  } finally {
    if (open && typeof iterator.return === "function") yield* until(iterator.return());
  }
}

/** What `toAsyncIterable` runs on. */
export interface ToAsyncIterableOptions {
  /** The world to run on: that of the task that calls, or the platform's. */
  readonly host?: Host | undefined;
  /** For errors, snapshots and traces. */
  readonly name?: string | undefined;
}

type FlowOf<T> = Flow<T> | (() => Flow<T> | Operation<Flow<T>>);

/**
 * What a flow gives, for `for await` and for libraries that take async iterables. Each iteration pulls on a loop of its own,
 * which begins with its first item. Leaving it early (`break`, `return()`) cancels what the flow does and waits until its
 * cleanup has run; so does an error.
 *
 * A flow can be used up once. Give a function that makes one (it may be a coroutine), and each iteration has its own: it
 * is made on the iteration's loop, so what it does belongs there and ends with it.
 *
 * @example
 * ```ts
 * import { type Emit, Flow, sleep, toAsyncIterable } from "rondo";
 *
 * function* count(emit: Emit<number>) {
 *   try {
 *     for (let n = 1; ; n++) {
 *       yield* sleep(1);
 *       yield* emit(n);
 *     }
 *   } finally {
 *     yield* sleep(1);
 *     console.log("cleaned up");
 *   }
 * }
 * for await (const n of toAsyncIterable(() => Flow.from(count))) {
 *   console.log(n);
 *   if (n === 2) break;
 * }
 * console.log("after");
 * // prints: 1
 * // prints: 2
 * // prints: cleaned up
 * // prints: after
 * ```
 */
export function toAsyncIterable<T>(flow: FlowOf<T>, options: ToAsyncIterableOptions = {}): AsyncIterable<T> {
  if (!(flow instanceof Flow) && typeof flow !== "function") {
    throw new TypeError(`toAsyncIterable() takes a flow, or a function that gives one, not ${String(flow)}`);
  }
  return { [Symbol.asyncIterator]: () => new Iteration<T>(flow, options) };
}

interface Asking<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: unknown) => void;
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One `for await`: a coroutine on a loop of its own, which pulls when it is asked. */
class Iteration<T> implements AsyncIterator<T, undefined>, AsyncDisposable {
  private readonly given: FlowOf<T>;
  private readonly options: ToAsyncIterableOptions;
  /** Those who wait for an item, in order. */
  private asking: Asking<T>[] = [];
  /** Wakes the coroutine when it has nothing to do. */
  private wake: (() => void) | null = null;
  private readonly controller = new AbortController();
  /** Settled when everything has ended; null before the first item is asked for. */
  private ended: Promise<void> | null = null;
  private over = false;

  constructor(given: FlowOf<T>, options: ToAsyncIterableOptions) {
    this.given = given;
    this.options = options;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.over) return Promise.resolve(END);
    const promise = new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
      this.asking.push({ resolve: resolve as Asking<T>["resolve"], reject });
    });
    this.ended ??= this.start();
    this.wake?.();
    return promise;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.over = true;
    if (this.ended === null) {
      if (this.given instanceof Flow) this.given._close();
      return END;
    }
    this.controller.abort(LEFT);
    await this.ended;
    return END;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private start(): Promise<void> {
    const run = toPromise(() => this.serve(), {
      signal: this.controller.signal,
      host: this.options.host,
      name: this.options.name ?? "toAsyncIterable",
    });
    // A failure is told to whoever asked for an item; if nobody did, to whoever waits for the end.
    const ended = run.then(
      () => this.finish(),
      (error: unknown) => {
        const [first] = this.asking;
        if (error === LEFT) this.finish();
        else if (first === undefined || this.controller.signal.aborted) {
          this.finish();
          throw error;
        } else {
          this.asking.shift();
          first.reject(error);
          this.finish();
        }
      },
    );
    // Not everybody waits for the end.
    ended.catch(() => {});
    return ended;
  }

  private finish(): void {
    this.over = true;
    const { asking } = this;
    this.asking = [];
    for (const { resolve } of asking) resolve(END);
  }

  private *serve(): Coroutine<void> {
    const made = this.given instanceof Flow ? this.given : this.given();
    const flow = isOperation(made) ? yield* made : made;
    if (!(flow instanceof Flow)) {
      throw new TypeError(`the function given to toAsyncIterable() gave ${String(flow)}, and not a flow`);
    }
    try {
      for (;;) {
        if (this.asking.length === 0) yield* this.asked();
        const item = yield* flow.next();
        if (item === undefined) return;
        this.asking.shift()?.resolve({ done: false, value: item });
      }
    } finally {
      flow._close();
      yield* flow._ended();
    }
  }

  private asked(): Operation<void> {
    return suspend<void>((wake) => {
      this.wake = () => {
        this.wake = null;
        wake();
      };
      return () => {
        this.wake = null;
        return true;
      };
    }, "to be asked for an item");
  }
}

/** Why an iteration that was left early is cancelled. */
const LEFT = new Error("the iteration was left");
