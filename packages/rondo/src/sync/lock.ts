/**
 * The lock: one holder, the others in line. Release hands over directly, so nobody can barge in, a waiter that was
 * chosen cannot lose it again, and a task that releases and acquires in a loop takes turns with the others.
 *
 * A lock knows its holder: for deadlock reports, and because a task that ends while it holds one has left what the lock
 * protects in an unknown state. That is reported, and everyone in line is told by a `BrokenError` instead of waiting
 * for ever.
 */
import { BrokenError } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import {
  type Coroutine,
  defineKind,
  grant,
  LateError,
  type Operation,
  sharedWait,
  Wait,
  type Waiter,
} from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Held, Task } from "../task/task.ts";

/** The running task, which is the one that takes and gives locks. The text is put together only where it is needed. */
export function runningTask(on: { readonly title: string }, method: string): Task {
  const task = kernel.current as Task | null;
  if (task === null || task.loop === undefined)
    throw new Error(`${on.title}.${method}() was called outside a task: there is nobody to hold it`);
  return task;
}

/** An operation, or what a function gives: for `with(body)`. */
export function operationOf<T>(body: Body<T>): Operation<T> {
  return typeof body === "function" ? body() : body;
}

/** From here on the lines of conditions are looked through before another one is added. */
const MANY = 16;

const LOCK = defineKind({
  label: "lock",
  open(shared) {
    const lock = shared.on as Lock;
    if (kernel.fuel > 0 && lock.holder === null && !lock.broken) {
      lock.take(runningTask(lock, "acquire"));
      kernel.fuel--;
      return shared;
    }
    return new Wait(LOCK, lock, undefined);
  },
  poll(wait) {
    const lock = wait.on as Lock;
    const task = runningTask(lock, "acquire");
    lock.refuseMisuse(task);
    if (lock.holder !== null) return false;
    lock.take(task);
    return true;
  },
  begin(wait) {
    (wait.on as Lock).waiters.push(wait);
  },
});

/** What a lock tells about itself. */
export interface LockStatistics {
  /** The name of the task that holds it. */
  readonly holder: string | undefined;
  /** How many wait for it. */
  readonly waiters: number;
}

/** What `using held = yield* lock.hold()` gives: releases at the end of the block, or earlier by `release()`. */
export class Hold implements Disposable {
  private give: (() => void) | null;
  constructor(give: () => void) {
    this.give = give;
  }
  /** Releases now; the end of the block then does nothing. */
  release(): void {
    const give = this.give;
    this.give = null;
    give?.();
  }
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Mutual exclusion, first in first out. Not reentrant: acquiring what you hold is an error and not a deadlock.
 *
 * @example
 * ```ts
 * import { all, Lock, run, sleep, VirtualHost } from "rondo";
 *
 * const lock = new Lock({ name: "account" });
 * let balance = 0;
 * function* deposit() {
 *   using _held = yield* lock.hold();
 *   const before = balance;
 *   yield* sleep(1); // nobody else gets in between
 *   balance = before + 1;
 * }
 * await run(() => all([deposit(), deposit(), deposit()]), { host: new VirtualHost() });
 * console.log(balance); // prints: 3
 * ```
 */
export class Lock implements Held {
  readonly name: string;
  holder: Task | null;
  readonly waiters: WaitQueue;
  /** Its holder ended without releasing it. */
  broken: boolean;
  heldAhead: Held | null;
  heldBehind: Held | null;
  /** @internal Those who wait on conditions of this lock, and would never be told. */
  private conditions: Set<WaitQueue> | null;
  private readonly acquireWait: Wait<void>;

  constructor(options: { readonly name?: string } = {}) {
    this.name = options.name ?? "";
    this.holder = null;
    this.waiters = new WaitQueue();
    this.broken = false;
    this.heldAhead = null;
    this.heldBehind = null;
    this.conditions = null;
    this.acquireWait = sharedWait<void>(LOCK, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Whether somebody holds it. */
  get locked(): boolean {
    return this.holder !== null;
  }

  /** Waits until it is yours. A switch point only when somebody holds it. Throws a `BrokenError` if its holder ended with it. */
  acquire(): Wait<void> {
    return this.acquireWait;
  }

  /** Takes it if it is free. Never waits. */
  tryAcquire(): boolean {
    const task = runningTask(this, "tryAcquire");
    this.refuseMisuse(task);
    if (this.holder !== null) return false;
    this.take(task);
    return true;
  }

  /** Gives it to the next in line. Throws where the running task does not hold it. Not a switch point. */
  release(): void {
    const task = kernel.current as Task | null;
    if (task === null || this.holder !== task) {
      const whose = this.holder === null ? "nobody holds it" : `"${this.holder.name}" holds it`;
      throw new Error(`${this.title} was released by ${task === null ? "no task" : `"${task.name}"`}, but ${whose}`);
    }
    this.leave(task);
    if (kernel.tap !== null) tell("released", this, task);
    const wait = this.waiters.shift();
    if (wait === null) return;
    this.take((wait.waiter as Waiter).owner as Task);
    grant(wait, undefined);
  }

  /** Runs `body` while holding the lock. */
  *with<T>(body: Body<T>): Coroutine<T> {
    yield* this.acquire();
    try {
      return yield* operationOf(body);
    } finally {
      this.giveBack();
    }
  }

  /** Acquires it for a block: `using held = yield* lock.hold()`. */
  *hold(): Coroutine<Hold> {
    yield* this.acquire();
    return new Hold(() => this.giveBack());
  }

  /** The release at the end of a block. A lock that broke meanwhile (while a condition had it) is nobody's to release. */
  private giveBack(): void {
    if (!this.broken || this.holder !== null) this.release();
  }

  statistics(): LockStatistics {
    return { holder: this.holder?.name, waiters: this.waiters.length };
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "the lock" : `the lock "${this.name}"`;
  }

  /** @internal Makes `task` the holder, and remembers it in the task's list of what it holds. */
  take(task: Task): void {
    this.holder = task;
    const first = task.held;
    this.heldBehind = first;
    if (first !== null) first.heldAhead = this;
    task.held = this;
    if (kernel.tap !== null) tell("acquired", this, task);
  }

  /** @internal Somebody waits in `line`, on a condition of this lock. */
  alsoBreaks(line: WaitQueue): void {
    const conditions = (this.conditions ??= new Set());
    // Conditions may be many and short-lived, the lock long-lived: lines in which nobody stands are forgotten.
    if (conditions.size >= MANY) for (const known of conditions) if (known.length === 0) conditions.delete(known);
    conditions.add(line);
  }

  private leave(task: Task): void {
    this.holder = null;
    const { heldAhead: ahead, heldBehind: behind } = this;
    if (ahead === null && behind === null) {
      task.held = null; // the only one, as mostly
      return;
    }
    if (ahead === null) task.held = behind;
    else ahead.heldBehind = behind;
    if (behind !== null) behind.heldAhead = ahead;
    this.heldAhead = null;
    this.heldBehind = null;
  }

  /** @internal */
  refuseMisuse(task: Task): void {
    if (this.broken) throw brokenLock(this);
    if (this.holder === task) {
      throw new Error(`"${task.name}" acquires ${this.title}, which it holds already: it would wait for itself`);
    }
  }

  /** @internal Its holder has ended. */
  abandon(task: Task): void {
    this.leave(task);
    this.broken = true;
    task.loop.report({ kind: "lock", message: `"${task.name}" ended while it held ${this.title}` });
    // Built where it is thrown: each who waits gets one with its own lines.
    const broken = new LateError(() => brokenLock(this));
    this.waiters.break(broken);
    if (this.conditions !== null) for (const waiting of this.conditions) waiting.break(broken);
  }
}

function brokenLock(lock: Lock): BrokenError {
  return new BrokenError(
    `the task that held ${lock.title} ended without releasing it: what it protects may be half done`,
  );
}
