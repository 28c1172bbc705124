/**
 * The pool behind `offload`: hands (threads or child processes), and jobs that wait for one.
 *
 * A hand works on one job at a time, so a job can be ended by ending its hand. And it counts until it has *really* ended:
 * a cancelled job may sit in a native function for seconds, and a pool that started another thread meanwhile would have
 * more of them than it may (the tokens of trio's threads are held in the same way).
 *
 * Why our own: piscina (5.3: 83 kB of JavaScript and an optional native module) and tinypool (2.2: 33 kB) both end a job
 * by ending its thread too, but tell the caller before the thread has ended, so nobody can wait for it; neither lets a job
 * see that it is to end, nor runs one in a process that is killed. What is left of them without that is this file, and the
 * runtime has no dependencies.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { availableParallelism } from "node:os";

import { ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, LateError, type Operation, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { checkMs } from "../loop/sleep.ts";
import { suspend } from "../task/suspend.ts";
import { crashed, failedThere, OffloadError } from "./offload-error.ts";
import { type FromHand, type ToHand, unpackError } from "./offload-message.ts";

/** One thread, or one child process. */
export interface Hand {
  /** What a person reads: `thread 3`, `process 4711`. */
  readonly label: string;
  /** Throws where something in the message cannot be sent. */
  send(message: ToHand, transfer: readonly unknown[] | undefined): void;
  /** Tells the job that it is to end. */
  cancel(id: number): void;
  /** Whether it keeps the program alive. */
  hold(held: boolean): void;
  /** Ends it; `gone` comes when it has ended. */
  kill(): void;
}

/** What a hand tells its pool. */
export interface HandEvents {
  message(message: FromHand): void;
  /** Something in it was thrown that nobody caught; `gone` follows. */
  crashed(error: unknown): void;
  /** It has ended; `how` says with what: `exit code 3`, `SIGKILL`. */
  gone(how: string): void;
}

/** How a pool behaves. */
export interface OffloadPoolOptions {
  /** How many jobs run at the same time; by default as many as the machine runs threads in parallel. */
  readonly max?: number | undefined;
  /** After how many ms without a job a thread ends: 10,000 by default, 0 to use none twice, Infinity to keep it. */
  readonly idle?: number | undefined;
  /** For errors and snapshots. */
  readonly name?: string | undefined;
}

/** What a pool tells about itself. */
export interface OffloadStatistics {
  readonly max: number;
  /** Threads (or processes) that there are; those that are ending count until they have ended. */
  readonly threads: number;
  /** Threads that wait for a job. */
  readonly idle: number;
  /** Jobs that run, and those whose caller has left and that have not ended. */
  readonly running: number;
  /** Of these: cancelled. */
  readonly ending: number;
  /** Jobs that wait for a thread. */
  readonly queued: number;
  /** So far: jobs that gave a result, that threw, that were cancelled (in line, or while they ran), and threads that broke. */
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly crashed: number;
}

/** One call of a function somewhere else. */
export class Job {
  readonly id: number;
  readonly module: string;
  readonly export: string;
  readonly args: readonly unknown[];
  readonly transfer: readonly unknown[] | undefined;
  /** How long it may go on after it was cancelled, in ms. */
  readonly grace: number;
  /** Its caller, until that has been told or has left. */
  wait: Wait | null = null;
  loop: Loop | null = null;
  /** Nothing of it runs any more, and no thread is bound by it. */
  over: boolean = false;
  /** Called when that is so. */
  onOver: (() => void)[] = [];

  constructor(
    module: string,
    name: string,
    args: readonly unknown[],
    transfer: readonly unknown[] | undefined,
    grace: number,
  ) {
    this.id = nextId = (nextId % 0x3fff_ffff) + 1;
    this.module = module;
    this.export = name;
    this.args = args;
    this.transfer = transfer;
    this.grace = grace;
  }

  /** What a person reads. */
  get title(): string {
    return `"${this.export}" of ${this.module.length > 200 ? `${this.module.slice(0, 200)}…` : this.module}`;
  }
}

let nextId = 0;

const OFFLOAD = defineKind({
  label: "offload",
  begin(wait) {
    const { pool, job } = wait.on as { pool: OffloadPool; job: Job };
    const loop = (wait.waiter as Waiter).loop as Loop;
    job.wait = wait;
    job.loop = loop;
    loop.outside++;
    pool.submit(job);
  },
  abort(wait) {
    const { pool, job } = wait.on as { pool: OffloadPool; job: Job };
    (job.loop as Loop).outside--;
    job.wait = null;
    pool.cancel(job);
    return true;
  },
  decline(wait) {
    const { pool, job } = wait.on as { pool: OffloadPool; job: Job };
    pool.end(job);
  },
  labelOf: (wait) => `offload ${(wait.on as { job: Job }).job.export}`,
});

/** Created outside of everybody's context: a thread serves many, and lives longer than any of them. */
const neutral = AsyncLocalStorage.snapshot();

/** A hand and what it works on. */
class Member {
  hand!: Hand;
  job: Job | null = null;
  /** It has been told to end. */
  dying: boolean = false;
  /** Runs while it waits for a job, or while a cancelled job has its grace. */
  timer: NodeJS.Timeout | undefined;
  /** What broke it. */
  error: { readonly error: unknown } | undefined;
  /** Who hears of what happens in it when it has no job. */
  loop: Loop | null = null;
}

/** What a `ThreadPool` and a `ProcessPool` have in common. */
export abstract class OffloadPool {
  readonly name: string;
  readonly max: number;
  private readonly idleMs: number;
  private readonly members: Set<Member> = new Set();
  /** The one that worked last is the first to work again, so that those too many can end. */
  private readonly idle: Member[] = [];
  private readonly queue: Set<Job> = new Set();
  private closed: boolean = false;
  private onEmpty: (() => void)[] = [];
  private readonly counts: { done: number; failed: number; cancelled: number; crashed: number };

  constructor(options: OffloadPoolOptions, name: string) {
    this.name = options.name ?? name;
    const max = options.max ?? availableParallelism();
    if (!Number.isInteger(max) || max < 1) {
      throw new RangeError(
        `${this.name} takes how many jobs may run at once, a whole number from 1, not ${String(max)}`,
      );
    }
    this.max = max;
    this.idleMs = checkMs(options.idle ?? 10_000, `the idle time of ${this.name}`);
    this.counts = { done: 0, failed: 0, cancelled: 0, crashed: 0 };
    if (kernel.tap !== null) tell("created", this);
  }

  /** Starts a hand; it tells what happens to it by `events`, and never from inside of this call. */
  protected abstract start(events: HandEvents): Hand;

  /** How many threads there are and what they do. */
  statistics(): OffloadStatistics {
    let running = 0;
    let ending = 0;
    for (const { job } of this.members) {
      if (job === null) continue;
      running++;
      if (job.wait === null) ending++;
    }
    return {
      max: this.max,
      threads: this.members.size,
      idle: this.idle.length,
      running,
      ending,
      queued: this.queue.size,
      ...this.counts,
    };
  }

  /**
   * Ends all threads and waits until they have ended. Jobs that wait or run fail with a `ClosedError`, and so does every
   * later one. Any number of times; once begun it cannot be called back.
   */
  close(): Operation<void> {
    return suspend<void>((wake) => {
      const done = (): void => wake();
      this.shut(done);
      return () => {
        this.onEmpty = this.onEmpty.filter((one) => one !== done);
      };
    }, `close ${this.name}`);
  }

  /** For `use(pool)` and `await using`: as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.shut(resolve));
  }

  private shut(then: () => void): void {
    this.closed = true;
    for (const job of this.queue) {
      this.end(job);
      this.settle(job, this.closedError(), true);
    }
    this.queue.clear();
    for (const member of this.members) {
      if (member.job !== null) this.settle(member.job, this.closedError(), true);
      // One that has nothing to do keeps nothing alive, but its end is waited for now.
      member.hand.hold(true);
      this.kill(member);
    }
    if (this.members.size === 0) queueMicrotask(then);
    else this.onEmpty.push(then);
  }

  private closedError(): LateError {
    return new LateError(() => new ClosedError(`${this.name} was closed`));
  }

  // ---- jobs ---------------------------------------------------------------------------------------------------------

  /** @internal The wait for a job: it begins when the wait does. */
  wait<T>(job: Job): Wait<T> {
    return new Wait<T>(OFFLOAD, { pool: this, job }, undefined);
  }

  /** @internal */
  submit(job: Job): void {
    if (this.closed) {
      this.end(job);
      this.settle(job, new LateError(() => new ClosedError(`${this.name} is closed: it takes no jobs any more`)), true);
      return;
    }
    const free = this.idle.pop();
    if (free !== undefined) this.give(free, job);
    else if (this.members.size < this.max) this.open(job);
    else this.queue.add(job);
  }

  /** @internal Its caller has left. */
  cancel(job: Job): void {
    this.counts.cancelled++;
    if (this.queue.delete(job)) {
      this.end(job);
      return;
    }
    for (const member of this.members) {
      if (member.job !== job || member.dying) continue;
      if (job.grace === 0) this.kill(member);
      else {
        member.hand.cancel(job.id);
        if (job.grace !== Infinity) member.timer = neutral(() => setTimeout(() => this.kill(member), job.grace));
      }
    }
  }

  private open(job: Job): void {
    const member = new Member();
    this.members.add(member);
    try {
      member.hand = neutral(() =>
        this.start({
          message: (message) => this.heard(member, message),
          crashed: (error) => (member.error ??= { error }),
          gone: (how) => this.gone(member, how),
        }),
      );
    } catch (error) {
      this.members.delete(member);
      this.end(job);
      this.settle(job, error, true);
      return;
    }
    this.give(member, job);
  }

  private give(member: Member, job: Job): void {
    clearTimeout(member.timer);
    member.timer = undefined;
    member.loop = job.loop;
    const { id, module, export: name, args, transfer } = job;
    try {
      member.hand.send({ kind: "job", id, module, name, args }, transfer);
    } catch (cause) {
      const message = `an argument for ${job.title} cannot be sent: ${(cause as Error).message}`;
      this.end(job);
      this.settle(job, new LateError(() => new OffloadError("uncloneable", message, { cause })), true);
      this.free(member);
      return;
    }
    member.job = job;
    member.hand.hold(true);
  }

  /** It has no job any more. */
  private free(member: Member): void {
    clearTimeout(member.timer);
    member.timer = undefined;
    if (member.dying) return;
    const next = this.queue.values().next().value;
    if (next !== undefined) {
      this.queue.delete(next);
      this.give(member, next);
      return;
    }
    member.hand.hold(false);
    if (this.idleMs === 0) {
      this.kill(member);
      return;
    }
    this.idle.push(member);
    if (this.idleMs === Infinity) return;
    member.timer = neutral(() => setTimeout(() => this.kill(member), this.idleMs));
    member.timer.unref();
  }

  private kill(member: Member): void {
    if (member.dying) return;
    member.dying = true;
    clearTimeout(member.timer);
    member.timer = undefined;
    const at = this.idle.indexOf(member);
    if (at >= 0) this.idle.splice(at, 1);
    member.hand.kill();
  }

  // ---- what hands tell ----------------------------------------------------------------------------------------------

  private heard(member: Member, message: FromHand): void {
    const { job } = member;
    if (message.kind === "crash") {
      member.error ??= { error: unpackError(message.error) };
      return;
    }
    if (job === null || job.id !== message.id) return;
    member.job = null;
    const { label } = member.hand;
    switch (message.kind) {
      case "done":
        this.settle(job, message.value, false);
        break;
      case "failed":
        this.settle(job, failedThere(unpackError(message.error), label), true);
        break;
      case "refused": {
        const { reason, error } = message;
        const options = error === undefined ? {} : { cause: unpackError(error) };
        this.settle(job, new LateError(() => new OffloadError(reason, message.message, options)), true);
        break;
      }
    }
    this.end(job);
    this.free(member);
  }

  private gone(member: Member, how: string): void {
    const { job, error, dying } = member;
    clearTimeout(member.timer);
    this.members.delete(member);
    const at = this.idle.indexOf(member);
    if (at >= 0) this.idle.splice(at, 1);
    member.job = null;
    if (!dying) {
      this.counts.crashed++;
      if (job?.wait != null) this.settle(job, crashed(job.title, member.hand.label, how, error), true);
      else {
        member.loop?.report({
          kind: "offload",
          message: `${member.hand.label} of ${this.name} ended by itself (${how})`,
          ...(error === undefined ? {} : { error: error.error }),
        });
      }
    }
    if (job !== null) this.end(job);
    const next = this.queue.values().next().value;
    if (next !== undefined) {
      this.queue.delete(next);
      this.open(next);
    }
    if (this.members.size > 0) return;
    const then = this.onEmpty;
    this.onEmpty = [];
    for (const tell of then) tell();
  }

  /** Tells the caller, if there is one left. */
  private settle(job: Job, outcome: unknown, failed: boolean): void {
    const { wait } = job;
    if (wait === null) return;
    job.wait = null;
    (job.loop as Loop).outside--;
    if (failed) this.counts.failed++;
    else this.counts.done++;
    // No `enter()` here: the pool serves many loops, and the context of its callbacks is none of theirs.
    if (failed) refuse(wait, outcome);
    else grant(wait, outcome);
  }

  /** @internal Nothing of it runs, now and later. */
  end(job: Job): void {
    job.over = true;
    const then = job.onOver;
    job.onOver = [];
    for (const tell of then) tell();
  }
}
