/**
 * The bridge from promises: waiting for one without leaking, and without waiting for it once nobody wants it.
 *
 * A promise cannot be left: a reaction that was added to it stays until it settles. So `Promise.race` with a long-lived
 * promise keeps every one of its results (nodejs/node#17469), and so would a loop of `timeout(10, until(shutdown))`. Here
 * a promise that was waited for in vain is remembered together with its one reaction, and whoever waits for it next
 * stands in the line that is there already.
 *
 * Everything that comes too late has a home: a rejection is swallowed, a result goes to `onLate` or is disposed of.
 */
import { defineKind, grant, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { forbidden, type Host } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";
import { isDisposable } from "../task/defer.ts";

/** What becomes of a promise that nobody waits for any more. */
export interface UntilOptions<T> {
  /**
   * Gets the result that came when nobody waited for it any more. Without it such a result is disposed of by its
   * `Symbol.asyncDispose` or `Symbol.dispose`, if it has one.
   */
  readonly onLate?: ((value: T) => void) | undefined;
}

type OnLate = (value: never) => void;
type Ask = (signal: AbortSignal) => PromiseLike<unknown>;

const nativeThen = Promise.prototype.then as unknown;

/** Those who wait for one promise. */
class Followed extends WaitQueue {
  declare readonly promise: PromiseLike<unknown>;
  declare settled: boolean;
  /** Somebody waited in vain: others who wait for the same promise are to stand in this line. */
  declare left: boolean;
  declare onLate: OnLate | undefined;
  /** The loop in whose context the reaction was added; not kept once somebody has left. */
  declare home: Loop | null;
  /** Where a failing `onLate` is reported; known once somebody has left. */
  declare host: Host | null;

  constructor(promise: PromiseLike<unknown>, home: Loop) {
    super();
    this.home = home;
    this.promise = promise;
    this.settled = false;
    this.left = false;
    this.onLate = undefined;
    this.host = null;
  }

  /** Adds the one reaction. A foreign `then` may call back at once, twice, or throw. */
  follow(): void {
    this.promise.then(
      (value) => this.settle(true, value),
      (error: unknown) => this.settle(false, error),
    );
  }

  settle(fulfilled: boolean, value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    const taken = this.head !== null;
    // A promise calls back on an empty stack, in the context of the loop that asked it: that one can go on at once.
    const home = this.promise.then === nativeThen ? this.home : null;
    let entered: Loop | null = null;
    for (let wait = this.shift(); wait !== null; wait = this.shift()) {
      const loop = loopOf(wait);
      loop.outside--;
      if (loop === home && loop.enter()) entered = loop;
      if (fulfilled) grant(wait, value);
      else refuse(wait, value);
    }
    if (taken && waitedInVain > 0 && isDisposable(value)) takenValues.add(value as object);
    if (this.left) {
      waitedInVain--;
      abandoned.delete(this.promise);
      // Others may wait for the same promise by reactions of their own, which come after this one.
      if (fulfilled && !taken) queueMicrotask(() => this.late(value));
    }
    entered?.leave();
  }

  private late(value: unknown): void {
    if (takenValues.has(value as object)) return;
    const { onLate, host } = this;
    try {
      if (onLate !== undefined) onLate(value as never);
      else disposeNow(value, host as Host);
    } catch (error) {
      (host as Host).report({ kind: "late", message: "a result that came too late could not be disposed of", error });
    }
  }

  /** The last one who waited has gone, or never came. */
  leave(onLate: OnLate | undefined, host: Host): void {
    this.onLate = onLate;
    this.host = host;
    this.home = null;
    if (this.left) return;
    this.left = true;
    waitedInVain++;
    abandoned.set(this.promise, this);
  }
}

/** Promises that somebody has waited for in vain, and that are not settled. */
const abandoned = new WeakMap<PromiseLike<unknown>, Followed>();
let waitedInVain = 0;
/** Results that one waiter took while another one had left: they are in use. */
const takenValues = new WeakSet<object>();

/** There is no task any more whose cleanup could wait for it. */
export function disposeNow(value: unknown, host: Host): void {
  if (!isDisposable(value)) return;
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = value as Partial<Disposable & AsyncDisposable>;
  if (typeof later !== "function") {
    (now as () => void).call(value);
    return;
  }
  const promise = later.call(value) as PromiseLike<void> | undefined;
  promise?.then?.(undefined, (error: unknown) =>
    host.report({ kind: "late", message: "a result that came too late could not be disposed of", error }),
  );
}

/** What `until` was called with, where that is more than a promise. */
class Call {
  readonly ask: Ask | undefined;
  readonly onLate: OnLate | undefined;
  controller: AbortController | undefined;

  constructor(ask: Ask | undefined, onLate: OnLate | undefined) {
    this.ask = ask;
    this.onLate = onLate;
    this.controller = undefined;
  }

  promise(): PromiseLike<unknown> {
    const ask = this.ask as Ask;
    // A signal costs more than everything else here: only for those who look at it.
    const promise =
      ask.length === 0 ? (ask as () => PromiseLike<unknown>)() : ask((this.controller = new AbortController()).signal);
    if (!isThenable(promise)) throw notAPromise("the function given to until() gave", promise);
    return promise;
  }
}

const UNTIL = defineKind({
  label: "promise",
  begin(wait) {
    const call = wait.arg as Call | undefined;
    // A `then` of somebody's own may call back in any world.
    if (call?.ask !== undefined || (wait.on as PromiseLike<unknown>).then === nativeThen) {
      const refused = forbidden(loopOf(wait).host, "promise");
      if (refused !== undefined) throw refused;
    }
    const promise = call?.ask === undefined ? (wait.on as PromiseLike<unknown>) : call.promise();
    const loop = loopOf(wait);
    loop.outside++;
    // Asking costs the promise a hash: not while nobody has left one.
    let followed = waitedInVain === 0 ? undefined : abandoned.get(promise);
    if (followed !== undefined) {
      followed.push(wait);
      return;
    }
    followed = new Followed(promise, loop);
    followed.push(wait);
    try {
      followed.follow();
    } catch (error) {
      // What a `then` throws after it has called back is of no interest to anybody.
      if (followed.settled) return;
      followed.settled = true;
      followed.remove(wait);
      loop.outside--;
      throw error;
    }
  },
  abort(wait) {
    const call = wait.arg as Call | undefined;
    const followed = wait.queue as Followed;
    const loop = loopOf(wait);
    followed.remove(wait);
    loop.outside--;
    if (followed.head === null && !followed.settled) followed.leave(call?.onLate, loop.host);
    call?.controller?.abort();
    return true;
  },
  decline(wait) {
    // Cancelled before it began: a function was not called and has nothing to clean, a promise is on its way.
    const call = wait.arg as Call | undefined;
    if (call?.ask !== undefined || abandoned.has(wait.on as PromiseLike<unknown>)) return;
    const loop = loopOf(wait);
    const followed = new Followed(wait.on as PromiseLike<unknown>, loop);
    followed.leave(call?.onLate, loop.host);
    try {
      followed.follow();
    } catch {
      // A `then` that throws is a rejection like any other, and this one comes too late to be heard.
    }
  },
});

function loopOf(wait: Wait): Loop {
  return (wait.waiter as Waiter).loop as Loop;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function notAPromise(where: string, value: unknown): TypeError {
  const operation =
    typeof (value as { [Symbol.iterator]?: unknown } | null | undefined)?.[Symbol.iterator] === "function";
  const what = operation && typeof value === "object" ? "something to `yield*` by itself" : String(value);
  return new TypeError(`${where} ${what} and not a promise`);
}

/**
 * Waits for a promise, and gives what it is fulfilled with or throws what it is rejected with. Given a function, that is
 * called when the wait begins, and not at all where the task is cancelled before; if it takes a parameter it gets an
 * `AbortSignal`. A switch point, always.
 *
 * When the wait is cancelled the signal is aborted, and the promise is not waited for: a later rejection is swallowed, a
 * later result goes to `onLate` or, without one, is disposed of (unless another `until` has taken it).
 *
 * What the function throws is thrown here. What is given must have a `then`.
 *
 * @example
 * ```ts
 * import { run, timeout, until } from "rondo";
 *
 * const answer = await run(() => until(Promise.resolve(42)));
 * console.log(answer); // prints: 42
 *
 * function get(signal: AbortSignal) {
 *   signal.addEventListener("abort", () => console.log("aborted"), { once: true });
 *   return new Promise<string>(() => {});
 * }
 * try {
 *   await run(() => timeout(5, until((signal) => get(signal)))); // prints: aborted
 * } catch (error) {
 *   console.log(String(error)); // prints: TimeoutError: timeout: not done within 5 ms
 * }
 * ```
 */
export function until<T>(
  promise: PromiseLike<T> | ((signal: AbortSignal) => PromiseLike<T>),
  options?: UntilOptions<T>,
): Wait<T> {
  if (isThenable(promise)) {
    return new Wait<T>(UNTIL, promise, options === undefined ? undefined : new Call(undefined, options.onLate));
  }
  if (typeof promise !== "function") throw notAPromise("until() was given", promise);
  return new Wait<T>(UNTIL, promise, new Call(promise, options?.onLate));
}
