/**
 * The task: a fiber with a loop, a place in a group, and an end that others can wait for.
 *
 * Its fields are few and flat, because there may be a million of them; what only some tasks need (joiners, a base
 * segment, held locks, a watch over a cleanup) is made when it is needed.
 */
import type { Body } from "../coroutine/body.ts";
import { Fiber, IN_CONTEXT, INTERRUPTED, SHORTCUT_AFTER, UNSTARTED } from "../coroutine/fiber.ts";
import { GraceError, suppress } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { BODY, ERROR, type Segment, UNWOUND, VALUE } from "../coroutine/segment.ts";
import { captureText, formatFrames, parseStack, type StackFrame } from "../coroutine/stack.ts";
import { tell } from "../coroutine/tap.ts";
import {
  askedWait,
  defineKind,
  GRANTED,
  LateError,
  type Operation,
  PARKED,
  refuse,
  REFUSED,
  Wait,
} from "../coroutine/wait.ts";
import { joinRing, leaveRing } from "../coroutine/wait-queue.ts";
import type { Loop, Runnable } from "../loop/loop.ts";
import { Cancellation, cancelledError, originOf, reach, tellRequested } from "./cancellation.ts";
import { GroupSegment } from "./group.ts";
import { ScopeSegment, SCOPE_BASE } from "./scope.ts";
import { CleanupWatch } from "./watch.ts";

/** What a task is doing. */
export type TaskState = "ready" | "running" | "waiting" | "done" | "failed" | "cancelled";

const RUNNING = 0;
const DONE = 1;
const FAILED = 2;
const CANCELLED = 3;

const DAEMON = 1;
const WANTED = 2;
/** It was given an operation and not a function. */
const GENERATOR = 4;

/** On a generator whose task has ended with nothing. */
const RAN: unique symbol = Symbol("rondo.ran") as never;

/** A resource that belongs to a task for a while (a lock), in the task's list of what it holds. */
export interface Held {
  heldAhead: Held | null;
  heldBehind: Held | null;
  /** Its holder has ended. */
  abandon(task: Task): void;
}

/** The values of `TaskLocal`s; never changed, only replaced. */
export type Locals = ReadonlyMap<object, unknown>;

/** Among the locals, and so inherited like them: runs a step in the host's context that was captured for this task. */
export const CONTEXT: object = { name: "context" };

/** Withdraws a wait for the end of a task. */
function leave(wait: Wait): boolean {
  (wait.on as Task).removeJoiner(wait);
  return true;
}

function labelOf(wait: Wait): string {
  return `task ${(wait.on as Task).name}`;
}

/** Stands in line for the end of a task, which must not be the one who waits. */
function standInLine(wait: Wait): void {
  const task = wait.on as Task;
  if (wait.waiter?.owner !== task) task.addJoiner(wait);
  else refuse(wait, new LateError(() => new Error(`the task "${task.name}" awaits itself: it would wait for ever`)));
}

const JOIN = defineKind({
  label: "task",
  poll(wait) {
    const task = wait.on as Task;
    if (task.outcome === RUNNING) return false;
    task.flags |= WANTED;
    wait.value = task.resultOrThrow();
    return true;
  },
  begin(wait) {
    const task = wait.on as Task;
    if (task.outcome === RUNNING) standInLine(wait);
    else {
      // The iterator was asked for while it ran, and is used only now.
      settleJoin(task, wait);
      wait.waiter?.wake(wait);
    }
  },
  abort: leave,
  labelOf,
});

const TASK_ENDED = defineKind({
  label: "task",
  poll: (wait) => (wait.on as Task).over,
  begin: standInLine,
  abort: leave,
  labelOf,
});

export function spawnedTwice(name: string): Error {
  return new Error(
    `one generator was spawned twice ("${name}"): call its function anew for each task, or spawn the function`,
  );
}

let nextId = 1;

/**
 * A running coroutine: `yield* task` gives its value or throws its failure. Made by `g.spawn()`; the class is exported
 * as a type only.
 */
export class Task<T = any> extends Fiber implements Operation<T>, Runnable {
  declare private readonly ownLoop: Loop;
  declare readonly group: GroupSegment | null;
  declare siblingAhead: Task | null;
  declare siblingBehind: Task | null;
  /** Counts up from 1 in the process. */
  declare readonly id: number;
  /** Its name, or the function it runs, or a generator, which has no name to give. */
  declare private readonly label: unknown;
  declare outcome: number;
  /** What it ended in: the value, the failure, or the cancellation. */
  declare value: unknown;
  /** The first of those who wait for its end; a ring, so that its last is `joiners.ahead`. Mostly there is just one. */
  declare private joiners: Wait | null;
  declare flags: number;
  declare locals: Locals | null;
  declare cancellation: Cancellation | null;
  declare held: Held | null;
  declare watch: CleanupWatch | null;
  /** Called once at the end: for `run`, and for the readiness handshake. */
  declare onEnd: ((task: Task) => boolean) | null;

  constructor(loop: Loop, group: GroupSegment | null, body: Body<T>, label: unknown, daemon: boolean) {
    super(body);
    this.ownLoop = loop;
    this.group = group;
    this.siblingAhead = null;
    this.siblingBehind = null;
    this.id = nextId++;
    this.label = typeof label === "object" ? "" : label;
    this.outcome = RUNNING;
    this.value = undefined;
    this.joiners = null;
    this.flags = (daemon ? DAEMON : 0) | (typeof body === "object" ? GENERATOR : 0);
    const spawner = kernel.current as Task | null;
    this.locals = spawner === null ? null : (spawner.locals ?? null);
    this.cancellation = null;
    this.held = null;
    this.watch = null;
    this.onEnd = null;
    if (this.locals !== null && this.locals.has(CONTEXT)) this.bits |= IN_CONTEXT;
    loop.enlist();
    if (kernel.tap !== null) tell("spawn", this, spawner);
  }

  get name(): string {
    const name = typeof this.label === "function" ? this.label.name : this.label;
    return typeof name === "string" && name !== "" ? name : `task ${this.id}`;
  }

  /** Cancelled when the rest of its group has ended. */
  get daemon(): boolean {
    return (this.flags & DAEMON) !== 0;
  }

  /** Somebody joined it, so its failure has a place to go (`onFailure: "keep"`). */
  get wanted(): boolean {
    return (this.flags & WANTED) !== 0;
  }

  /** As if it had been joined: whoever calls this will look at how it ends. */
  want(): void {
    this.flags |= WANTED;
  }

  get loop(): Loop {
    return this.ownLoop;
  }

  /** `ready`, `running`, `waiting`, or how it ended: `done`, `failed`, `cancelled`. */
  get state(): TaskState {
    if (this.outcome !== RUNNING)
      return this.outcome === DONE ? "done" : this.outcome === FAILED ? "failed" : "cancelled";
    if (kernel.current === this) return "running";
    return this.wait !== null && this.wait.state === PARKED ? "waiting" : "ready";
  }

  /** What it waits for (`"sleep"`, `"lock"`, …), or undefined. */
  get waitingFor(): string | undefined {
    return this.state === "waiting" ? (this.wait as Wait).label : undefined;
  }

  /** Since when it waits, in whole ms of the loop's clock, or undefined. */
  get waitingSince(): number | undefined {
    return this.state === "waiting" ? (this.wait as Wait).since : undefined;
  }

  /** Waits for the end: the value, or throws the failure; a `CancelledError` if it was cancelled. A switch point. */
  [Symbol.iterator](): Iterator<Wait, T, any> {
    if (this.outcome === DONE && kernel.fuel > 0) {
      // Done: the task itself is the iterator and its result (see `next`), so joining it costs nothing.
      kernel.fuel--;
      return this as unknown as Iterator<Wait, T, any>;
    }
    // Running, mostly: then there is nothing to ask.
    const wait = this.outcome === RUNNING ? askedWait(JOIN, this) : this.join();
    return wait as unknown as Iterator<Wait, T, any>;
  }

  /** For `yield*` on a task that is done: see `[Symbol.iterator]`. */
  next(): this {
    return this;
  }
  /** IteratorResult: only ever read where the task is done. */
  get done(): boolean {
    return this.outcome === DONE;
  }

  /** Waits for the end and never throws. A switch point. */
  ended(): Wait<void> {
    return new Wait<void>(TASK_ENDED, this, undefined);
  }

  /** `yield* task` as a Wait, for `select`. */
  join(): Wait<T> {
    return new Wait<T>(JOIN, this, undefined);
  }

  /** Asks the task to return: its `finally` blocks run. Marks and returns. An ended task is left as it is. */
  cancel(reason?: unknown): void {
    if (this.outcome !== RUNNING || this.cancellation !== null) return;
    this.cancelBy(new Cancellation(reason, originOf(this.cancel), this.loop.now(), false));
  }

  /** As `cancel`, for the runtime's own: no stack is kept. */
  cancelBy(cancellation: Cancellation): void {
    if (this.outcome !== RUNNING || this.cancellation !== null) return;
    this.cancellation = cancellation;
    tellRequested(this, cancellation.reason);
    reach(this, null);
  }

  /** The lines on which it waits, innermost first; nothing is paid for it before you ask. */
  stack(): StackFrame[] {
    if (this.outcome !== RUNNING) return [];
    if (kernel.current === this) return parseStack(captureText(this.stack)).filter((frame) => frame.line !== undefined);
    if ((this.bits & UNSTARTED) !== 0) {
      return [{ name: this.name, file: undefined, line: undefined, column: undefined }];
    }
    return this.suspendedStack();
  }

  // ---- what the kernel asks -----------------------------------------------------------------------------------------

  wake(_wait: Wait | null): void {
    this.ownLoop.ready(this);
  }

  protected override stepRarely(): void {
    const context = (this.bits & IN_CONTEXT) === 0 ? undefined : this.locals?.get(CONTEXT);
    if (context === undefined) super.stepRarely();
    else (context as (work: () => void) => void)(() => super.stepRarely());
  }

  /** From its next step on it runs where `context` does, and so do the tasks that it spawns. */
  enterContext(context: <T>(work: () => T) => T): void {
    this.locals = new Map(this.locals ?? []).set(CONTEXT, context);
    this.bits |= IN_CONTEXT;
  }

  interruption(from: Segment | null): object | null {
    let found: object | null = null;
    for (let seg = from; seg !== null; seg = seg.parent) {
      if (seg.phase !== BODY) {
        // A cleanup runs here, or the end of a group: what comes from further out waits, unless the grace is over.
        return found ?? (this.watch?.over === true ? seg : null);
      }
      if (seg.cancellation !== null) found = seg;
      if (seg.shielded) {
        if (found === null && this.watch?.over === true && this.watch.covers(seg)) return seg;
        return found;
      }
    }
    if (this.cancellation !== null) found = this;
    return this.interruptionOutside() ?? found;
  }

  /** The cancellation that reaches it from its group or from further out, or null. */
  interruptionOutside(): object | null {
    let found: object | null = null;
    let group = this.group;
    while (group !== null) {
      if (group.cancellation !== null) found = group;
      if (group.shielded) return found;
      // Into the task that opened the group. Whether that one is cleaning up inside it is no protection for its tasks.
      const task = group.fiber as Task;
      for (let seg = group.parent; seg !== null; seg = seg.parent) {
        if (seg.phase !== BODY) return found;
        if (seg.cancellation !== null) found = seg;
        if (seg.shielded) return found;
      }
      if (task.cancellation !== null) found = task;
      group = task.group;
    }
    return found;
  }

  recheck(known: boolean): void {
    let task: Task = this;
    let seg = this.seg;
    this.watch?.recheck();
    if (known) return;
    for (;;) {
      for (; seg !== null; seg = seg.parent) if (seg.cancellation !== null) return;
      if (task.cancellation !== null) return;
      const group = task.group;
      if (group === null) break;
      if (group.cancellation !== null) return;
      task = group.fiber as Task;
      seg = group.parent;
    }
    this.bits &= ~INTERRUPTED;
  }

  baseSegment(): ScopeSegment {
    // The main task belongs to no group: what begins beside it (the tasks of a flow) belongs to its base.
    return this.group === null
      ? new GroupSegment(this, null, { name: this.name })
      : new ScopeSegment(this, null, SCOPE_BASE, "");
  }

  /** It waits in a cleanup, or a cancellation has reached it there: the grace runs. */
  cleanupWaits(): void {
    (this.watch ??= new CleanupWatch(this)).look();
  }

  cutShort(_segment: Segment): unknown {
    return this.watch === null ? null : this.watch.takeError();
  }

  /** The error for a cleanup that outlived its grace, with the lines on which it waits. */
  graceError(grace: number): GraceError {
    const error = new GraceError(
      `a cleanup of "${this.name}" was still waiting for "${this.wait?.label ?? "checkpoint"}" after its grace of ${grace} ms`,
    );
    const frames = this.suspendedStack();
    if (frames.length > 0) error.stack = `${error.name}: ${error.message}\n${formatFrames(frames)}`;
    return error;
  }

  report(message: string, error?: unknown): void {
    this.loop.report({
      kind: "task",
      message: `"${this.name}": ${message}`,
      ...(error === undefined ? {} : { error }),
    });
  }

  finished(outcome: number, value: unknown): void {
    if (this.watch !== null) this.watch.stop();
    if (value === undefined && outcome === VALUE && (this.flags & GENERATOR) !== 0 && this.ranBefore()) {
      outcome = ERROR;
      value = spawnedTwice(this.name);
    }
    while (this.held !== null) this.held.abandon(this);
    if (outcome === VALUE) {
      this.outcome = DONE;
      this.value = value;
    } else if (outcome === UNWOUND && value === null) {
      this.outcome = CANCELLED;
      this.value = this.deliveredCancellation();
    } else {
      this.outcome = FAILED;
      this.value = outcome === ERROR ? value : this.cleanupFailure(value as unknown[]);
    }
    // What it stood on is over: a task that is kept must not keep its frames alive.
    this.wait = null;
    this.seg = null;
    this.below = null;
    this.iter = OVER;
    if (kernel.tap !== null) tell("exit", this, this.state);
    const mine = this.onEnd === null ? false : this.onEnd(this);
    if (this.group !== null) this.group.childEnded(this, this.outcome === FAILED && !mine);
    if (this.joiners !== null) this.wakeJoiners();
    this.ownLoop.discharge();
  }

  /**
   * A generator object can be run by one task only. The group notices the same one twice in a row, and the kernel one
   * that two tasks step at once. What is left is one that has ended: it would end again in its first step, with nothing
   * in hand. So generators that ended with nothing are marked, and such an end is looked at twice. (A mark on every
   * generator would cost a fifth of a spawn.)
   */
  private ranBefore(): boolean {
    const generator = this.iter as { [RAN]?: true };
    if (this.wait === null && this.patience >= SHORTCUT_AFTER - 1 && generator[RAN] === true) return true;
    if (Object.isExtensible(generator)) generator[RAN] = true;
    return false;
  }

  private cleanupFailure(errors: unknown[]): unknown {
    const cancellation = this.deliveredCancellation();
    return suppress(errors[0], [...errors.slice(1), cancelledError(`the task "${this.name}"`, cancellation)]);
  }

  /** The outermost cancellation around it: the one that ended it. */
  deliveredCancellation(): Cancellation | null {
    let found = this.cancellation;
    for (let group = this.group; group !== null;) {
      if (group.cancellation !== null) found = group.cancellation as Cancellation;
      if (group.shielded) break;
      const owner = group.fiber as Task;
      for (let seg = group.parent; seg !== null; seg = seg.parent) {
        if (seg.cancellation !== null) found = seg.cancellation as Cancellation;
        if (seg.shielded) return found;
      }
      if (owner.cancellation !== null) found = owner.cancellation;
      group = owner.group;
    }
    return found;
  }

  addJoiner(wait: Wait): void {
    this.joiners = joinRing(this.joiners, wait);
  }

  removeJoiner(wait: Wait): void {
    if (wait.behind !== null) this.joiners = leaveRing(this.joiners as Wait, wait);
  }

  private wakeJoiners(): void {
    for (let wait = this.joiners; wait !== null; wait = this.joiners) {
      if (wait.behind === wait) this.joiners = null;
      else this.removeJoiner(wait);
      if (wait.kind === TASK_ENDED) {
        wait.value = undefined;
        wait.state = GRANTED;
      } else settleJoin(this, wait);
      wait.waiter?.wake(wait);
    }
  }

  /** The value of an ended task; throws its failure, or a `CancelledError`. */
  resultOrThrow(): unknown {
    if (this.outcome === DONE) return this.value;
    if (this.outcome === FAILED) throw this.value;
    if (this.outcome === RUNNING) throw new Error(`the task "${this.name}" has not ended: it has no result yet`);
    throw cancelledError(`the task "${this.name}"`, this.value as Cancellation | null);
  }

  /** Whether it has ended, for the floors above. */
  get over(): boolean {
    return this.outcome !== RUNNING;
  }

  get failed(): boolean {
    return this.outcome === FAILED;
  }
}

/** What an ended task drives. */
const OVER = { next: (): unknown => ({ done: true, value: undefined }) };

function settleJoin(task: Task, wait: Wait): void {
  task.flags |= WANTED; // only here: a join that gave up before has heard of nothing
  if (task.outcome === DONE) {
    wait.value = task.value;
    wait.state = GRANTED;
  } else {
    wait.value =
      task.outcome === FAILED
        ? task.value
        : new LateError(() => cancelledError(`the task "${task.name}"`, task.value as Cancellation | null));
    wait.state = REFUSED;
  }
}
