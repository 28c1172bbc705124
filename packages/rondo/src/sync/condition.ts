/**
 * The condition: wait, with a lock given up meanwhile, until somebody says that what the lock protects has changed.
 *
 * A notification does not wake its task: it moves the wait from the condition's line to the lock's, so the task wakes
 * once, with the lock in hand. A cancelled wait takes the lock again before it unwinds, uninterruptibly, whatever
 * happens, so that the `finally` around it may release it (bpo-22970, bpo-42600, curio's timed wait that comes back
 * without its lock). A task that was notified and is cancelled before it has the lock hands the notification on
 * (gh-112202).
 */
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { type Coroutine, defineKind, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { shield } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { type Hold, Lock, runningTask } from "./lock.ts";

const CONDITION = defineKind({
  label: "condition",
  begin(wait) {
    const condition = wait.on as Condition;
    condition.waiters.push(wait);
    condition.lock.alsoBreaks(condition.waiters);
    condition.lock.release();
  },
  abort(wait) {
    const condition = wait.on as Condition;
    const notified = wait.queue !== condition.waiters;
    wait.queue?.remove(wait);
    if (notified) condition.hand();
    return true;
  },
});

/** What {@link Condition.statistics} gives. */
export interface ConditionStatistics {
  /** The name of the task that holds the lock. */
  readonly holder: string | undefined;
  /** Tasks that wait to be notified. */
  readonly waiters: number;
  /** Tasks that wait for the lock, those that were notified among them. */
  readonly lockWaiters: number;
}

/**
 * Waits for a change of what a lock protects. Made with a lock of its own, or with yours: `new Condition({ lock })`.
 * (The condition variable of Hoare's monitors, as Mesa and Python have it: look again after waking.)
 *
 * @example
 * ```ts
 * import { Condition, group, run } from "rondo";
 *
 * const changed = new Condition();
 * const basket: string[] = [];
 * function* eater() {
 *   using _held = yield* changed.hold();
 *   yield* changed.waitFor(() => basket.length >= 2);
 *   console.log("eats", basket.splice(0));
 * }
 * function* baker(bread: string) {
 *   using _held = yield* changed.hold();
 *   basket.push(bread);
 *   changed.notify();
 * }
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(eater()); // prints: eats [ 'rye', 'spelt' ]
 *     g.spawn(baker("rye"));
 *     g.spawn(baker("spelt"));
 *   }),
 * );
 * ```
 */
export class Condition {
  readonly name: string;
  /** The lock that is given up while waiting. */
  readonly lock: Lock;
  /** @internal */
  readonly waiters: WaitQueue;

  constructor(options: { readonly lock?: Lock | undefined; readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "";
    this.lock = options.lock ?? new Lock(this.name === "" ? {} : { name: this.name });
    this.waiters = new WaitQueue();
    if (kernel.tap !== null) tell("created", this);
  }

  /** As `lock.acquire()`. */
  acquire(): Wait<void> {
    return this.lock.acquire();
  }

  /** As `lock.tryAcquire()`. */
  tryAcquire(): boolean {
    return this.lock.tryAcquire();
  }

  /** As `lock.release()`. */
  release(): void {
    this.lock.release();
  }

  /** Runs `body` while holding the lock. */
  with<T>(body: Body<T>): Coroutine<T> {
    return this.lock.with(body);
  }

  /** Holds the lock for a block: `using held = yield* condition.hold()`. */
  hold(): Coroutine<Hold> {
    return this.lock.hold();
  }

  /**
   * Gives up the lock, waits for a notification, and has the lock again when it goes on, also when it is cancelled.
   * Look at what you waited for afterwards: others may have been quicker (or use `waitFor`). A switch point, always.
   * Throws where the running task does not hold the lock, and a `BrokenError` where a holder ended with it.
   */
  *wait(): Coroutine<void> {
    const task = this.needLock("wait");
    try {
      yield* new Wait<void>(CONDITION, this, undefined);
    } finally {
      // Cancelled: the one case in which it comes here without the lock. A shield, and not only the protection of a
      // cleanup, since a grace that is over would cut that.
      if (this.lock.holder !== task && !this.lock.broken) yield* shield(this.lock.acquire());
    }
  }

  /** Waits until `predicate()` is true, looking again at each notification. A switch point unless it is true at once. */
  *waitFor(predicate: () => boolean): Coroutine<void> {
    this.needLock("waitFor");
    while (!predicate()) yield* this.wait();
  }

  /**
   * Lets the first `count` that wait go on, one after the other, as soon as the lock is free; gives how many there were.
   * Throws where the running task does not hold the lock. Not a switch point.
   */
  notify(count: number = 1): number {
    this.needLock("notify");
    if (!(count >= 0)) throw new RangeError(`${this.title}.notify() takes how many to notify, not ${String(count)}`);
    let notified = 0;
    while (notified < count && this.hand()) notified++;
    return notified;
  }

  /** Lets all that wait go on; gives how many there were. As `notify` otherwise. */
  notifyAll(): number {
    return this.notify(Infinity);
  }

  /** Who holds the lock, and how many wait. */
  statistics(): ConditionStatistics {
    return { holder: this.lock.holder?.name, waiters: this.waiters.length, lockWaiters: this.lock.waiters.length };
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "the condition" : `the condition "${this.name}"`;
  }

  private needLock(what: string): Task {
    const task = runningTask(this, what);
    const { holder } = this.lock;
    if (holder === task) return task;
    const whose = holder === null ? "nobody does" : `"${holder.name}" does`;
    throw new Error(
      `${this.title}.${what}() was called by "${task.name}", which does not hold ${this.lock.title}: ${whose}`,
    );
  }

  /** @internal One more goes from this line to the lock's. */
  hand(): boolean {
    const wait = this.waiters.shift();
    if (wait === null) return false;
    this.lock.waiters.push(wait);
    return true;
  }
}
