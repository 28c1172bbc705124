/**
 * The reader-writer lock: many readers or one writer.
 *
 * It is fair: one line for both, first in first out, and readers that stand next to each other go in together. A reader
 * that comes while a writer waits stands behind it, so a stream of readers cannot starve the writers, nor writers the
 * readers. That makes re-entering a deadlock (the second read would stand behind a writer who waits for the first), so
 * acquiring what you hold already is an error, as with `Lock`.
 */
import { BrokenError } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { type Coroutine, defineKind, grant, LateError, sharedWait, type Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Held, Task } from "../task/task.ts";
import { Hold, operationOf, runningTask } from "./lock.ts";

const READ = defineKind({
  label: "read lock",
  poll: (wait) => (wait.on as RWLock).take(false),
  begin(wait) {
    (wait.on as RWLock).waiters.push(wait);
  },
  abort: (wait) => (wait.on as RWLock).withdraw(wait),
});

const WRITE = defineKind({
  label: "write lock",
  poll: (wait) => (wait.on as RWLock).take(true),
  begin(wait) {
    (wait.on as RWLock).waiters.push(wait);
  },
  abort: (wait) => (wait.on as RWLock).withdraw(wait),
});

/** One task's hold on the lock, in the list of what that task holds. */
class Grip implements Held {
  declare readonly lock: RWLock;
  declare heldAhead: Held | null;
  declare heldBehind: Held | null;

  constructor(lock: RWLock, task: Task) {
    this.lock = lock;
    this.heldAhead = null;
    const first = task.held;
    this.heldBehind = first;
    if (first !== null) first.heldAhead = this;
    task.held = this;
  }

  leave(task: Task): void {
    const { heldAhead: ahead, heldBehind: behind } = this;
    if (ahead === null) task.held = behind;
    else ahead.heldBehind = behind;
    if (behind !== null) behind.heldAhead = ahead;
  }

  abandon(task: Task): void {
    this.lock.abandon(task);
  }
}

/** What {@link RWLock.statistics} gives. */
export interface RWLockStatistics {
  /** The name of the task that writes. */
  readonly writer: string | undefined;
  /** How many tasks read. */
  readonly readers: number;
  readonly waitingReaders: number;
  readonly waitingWriters: number;
}

/**
 * Many may read at once, or one may write. Fair to both; not reentrant; neither up- nor downgraded.
 * `release()` gives up whichever the running task holds. (POSIX's rwlock, with tokio's fairness.)
 *
 * @example
 * ```ts
 * import { all, now, run, RWLock, sleep, VirtualHost } from "rondo";
 *
 * const config = new RWLock({ name: "config" });
 * function* read(name: string) {
 *   yield* config.withRead(sleep(10));
 *   console.log(name, "has read at", now());
 * }
 * function* write() {
 *   using _held = yield* config.holdWrite();
 *   yield* sleep(10);
 *   console.log("written at", now());
 * }
 * await run(() => all([read("a"), read("b"), write(), read("c")]), { host: new VirtualHost() });
 * // prints: a has read at 10
 * // prints: b has read at 10
 * // prints: written at 20
 * // prints: c has read at 30
 * ```
 */
export class RWLock {
  readonly name: string;
  /** Whether it is held by a writer; else by readers, or nobody. */
  private writing: boolean;
  /** Those who hold it, in the order in which they got it. */
  private readonly grips: Map<Task, Grip>;
  /** A task that held it ended without releasing it. */
  broken: boolean;
  /** @internal Readers and writers in one line. */
  readonly waiters: WaitQueue;
  private readonly sharedRead: Wait<void>;
  private readonly sharedWrite: Wait<void>;

  constructor(options: { readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "";
    this.writing = false;
    this.grips = new Map();
    this.broken = false;
    this.waiters = new WaitQueue();
    this.sharedRead = sharedWait<void>(READ, this);
    this.sharedWrite = sharedWait<void>(WRITE, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** The task that writes, or the first of those that read; null where nobody holds it. */
  get holder(): Task | null {
    for (const task of this.grips.keys()) return task;
    return null;
  }

  /** All tasks that hold it. */
  get holders(): readonly Task[] {
    return [...this.grips.keys()];
  }

  /**
   * Waits until it may be read. A switch point only while somebody writes, or waits to. Throws a `BrokenError` if a
   * holder ended with it, and an error where the task holds it already.
   */
  read(): Wait<void> {
    return this.sharedRead;
  }

  /** Waits until it may be written. A switch point only while somebody holds it. Throws as `read` does. */
  write(): Wait<void> {
    return this.sharedWrite;
  }

  /** Takes it for reading if nobody writes or waits. Never waits. */
  tryRead(): boolean {
    return this.take(false);
  }

  /** Takes it for writing if nobody holds it. Never waits. */
  tryWrite(): boolean {
    return this.take(true);
  }

  /** Gives up what the running task holds of it, read or write. Throws where it holds nothing. Not a switch point. */
  release(): void {
    const task = runningTask(this, "release");
    const grip = this.grips.get(task);
    if (grip === undefined) {
      const names = this.holders.map((one) => `"${one.name}"`).join(", ");
      const whose = names === "" ? "nobody holds it" : `${names} ${this.writing ? "writes" : "reads"}`;
      throw new Error(`${this.title} was released by "${task.name}", but ${whose}`);
    }
    this.drop(task, grip);
    if (kernel.tap !== null) tell("released", this, task);
    this.letGo();
  }

  /** Runs `body` while reading. */
  *withRead<T>(body: Body<T>): Coroutine<T> {
    yield* this.read();
    try {
      return yield* operationOf(body);
    } finally {
      this.release();
    }
  }

  /** Runs `body` while writing. */
  *withWrite<T>(body: Body<T>): Coroutine<T> {
    yield* this.write();
    try {
      return yield* operationOf(body);
    } finally {
      this.release();
    }
  }

  /** Reads for a block: `using held = yield* lock.holdRead()`. */
  *holdRead(): Coroutine<Hold> {
    yield* this.read();
    return new Hold(() => this.release());
  }

  /** Writes for a block: `using held = yield* lock.holdWrite()`. */
  *holdWrite(): Coroutine<Hold> {
    yield* this.write();
    return new Hold(() => this.release());
  }

  /** Who writes, how many read, and how many of each wait. */
  statistics(): RWLockStatistics {
    let waitingReaders = 0;
    for (const wait of this.waiters.waits()) if (wait.kind === READ) waitingReaders++;
    return {
      writer: this.writing ? this.holder?.name : undefined,
      readers: this.writing ? 0 : this.grips.size,
      waitingReaders,
      waitingWriters: this.waiters.length - waitingReaders,
    };
  }

  /** @internal */
  get title(): string {
    return this.name === "" ? "the read-write lock" : `the read-write lock "${this.name}"`;
  }

  // ---- for its waits ------------------------------------------------------------------------------------------------

  /** @internal Takes it for the running task, if that passes nobody by. */
  take(write: boolean): boolean {
    const task = runningTask(this, "acquire");
    if (this.broken) throw this.brokenError();
    if (this.grips.has(task)) {
      throw new Error(
        `"${task.name}" acquires ${this.title}, which it ${this.writing ? "writes" : "reads"} already: it would wait for itself`,
      );
    }
    if (this.waiters.length > 0 || !this.free(write)) return false;
    this.give(task, write);
    return true;
  }

  private free(write: boolean): boolean {
    return this.grips.size === 0 || (!write && !this.writing);
  }

  private give(task: Task, write: boolean): void {
    this.writing = write;
    this.grips.set(task, new Grip(this, task));
    if (kernel.tap !== null) tell("acquired", this, task);
  }

  private drop(task: Task, grip: Grip): void {
    grip.leave(task);
    this.grips.delete(task);
    this.writing = false;
  }

  /** Lets in whoever stands first: one writer, or readers up to the next writer. */
  private letGo(): void {
    for (let wait = this.waiters.head; wait !== null; wait = this.waiters.head) {
      const write = wait.kind === WRITE;
      if (!this.free(write)) return;
      this.waiters.remove(wait);
      this.give((wait.waiter as Waiter).owner as Task, write);
      grant(wait, undefined);
    }
  }

  /** @internal A writer that leaves the line may have kept readers waiting. */
  withdraw(wait: Wait): boolean {
    this.waiters.remove(wait);
    this.letGo();
    return true;
  }

  /** @internal A holder has ended. */
  abandon(task: Task): void {
    const how = this.writing ? "wrote" : "read";
    this.drop(task, this.grips.get(task) as Grip);
    this.broken = true;
    task.loop.report({ kind: "lock", message: `"${task.name}" ended while it ${how} ${this.title}` });
    this.waiters.break(new LateError(() => this.brokenError()));
  }

  private brokenError(): BrokenError {
    return new BrokenError(
      `a task that held ${this.title} ended without releasing it: what it protects may be half done`,
    );
  }
}
