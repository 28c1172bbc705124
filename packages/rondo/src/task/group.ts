/**
 * Groups: every task belongs to one, and a group ends only when its tasks have ended.
 *
 * A group is a scope whose end waits for tasks. The rules, all held here:
 * - The first failure cancels the rest, is waited out, and is thrown as it is; later ones are its `suppressed()`.
 * - A failure cancels the group *before* it wakes those who joined the task: inside, it surfaces once, at the group.
 * - A cancelled task is no failure. A daemon's failure is one, its early end is not.
 */
import { type Body, iteratorOf } from "../coroutine/body.ts";
import { type Fiber, INTERRUPTED, RETURNING } from "../coroutine/fiber.ts";
import type { Frame } from "../coroutine/frames.ts";
import { suppress } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { DEFERRING, ERROR, JOINING, push, type Segment, UNWOUND } from "../coroutine/segment.ts";
import { type Coroutine, defineKind, grant, type Operation, PARKED, refuse, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Timed } from "../loop/timers.ts";
import { checkMs, loopOf } from "../loop/sleep.ts";
import { Cancellation } from "./cancellation.ts";
import { SCOPE_GROUP, type Scope, type ScopeOptions, ScopeSegment } from "./scope.ts";
import { spawnedTwice, Task } from "./task.ts";

/** How a task is begun. */
export interface SpawnOptions {
  /** For errors, snapshots and traces. */
  readonly name?: string | undefined;
  /** Cancelled when the rest of the group has ended. Its failure counts, its end does not. */
  readonly daemon?: boolean | undefined;
}

/** How a group behaves. */
export interface GroupOptions extends ScopeOptions {
  /** Keep finished tasks for `yield* g.next()`. */
  readonly collect?: boolean | undefined;
  /**
   * `"cancel"` (the default): a failure cancels the rest. `"keep"`: failures go to those who join the task; what
   * nobody joined is thrown at the end.
   */
  readonly onFailure?: "cancel" | "keep" | undefined;
}

/** A group, as its body sees it. */
export interface Group extends Scope {
  /** Begins a task. Its first step comes in the next turn, never inside `spawn`. */
  spawn<T>(body: Body<T>, options?: SpawnOptions): Task<T>;
  /**
   * Begins a task and waits until it says that it is ready: `fn` gets a function `ready(value)`, and `start` gives that
   * value while the task goes on. A failure before that is thrown here and nowhere else; ending before that is an error.
   */
  start<R = void>(fn: (ready: (value: R) => void) => Operation<unknown>, options?: SpawnOptions): Operation<R>;
  /** The next finished task, in the order of ending; undefined when all have ended. Needs `collect: true`. */
  next(): Operation<Task | undefined>;
  /** Softly: `stopping()` and `isStopping()` tell the tasks; what is left after `within` ms is cancelled. Marks and returns. */
  stop(options?: { readonly within?: number }): void;
  /** Waits until the group has ended, from outside of it. */
  ended(): Operation<void>;
  /** Tasks that have not ended, without daemons. */
  readonly size: number;
}

const GROUP = defineKind({
  label: "group",
  enter(wait: Wait, fiber: Fiber): Frame {
    loopOf(wait, fiber);
    const options = wait.arg as GroupOptions | undefined;
    const segment = new GroupSegment(fiber, wait, options);
    push(segment);
    const body = wait.on as (g: Group) => Operation<unknown>;
    return iteratorOf(() => body(segment));
  },
});

/** What a group's task parks on while the rest of the group ends. Cannot be withdrawn: its tasks have been told. */
const CHILDREN = defineKind({
  label: "tasks",
  abort: () => false,
  labelOf: (wait) => `tasks of ${(wait.on as GroupSegment).name}`,
});

const NEXT_TASK = defineKind({
  label: "next task",
  poll(wait) {
    const group = wait.on as GroupSegment;
    const finished = group.finishedTasks as Task[];
    if (finished.length > 0) wait.value = finished.shift();
    else if (group.size > 0) return false;
    return true;
  },
  begin(wait) {
    (wait.on as GroupSegment).collectors.push(wait);
  },
});

const GROUP_ENDED = defineKind({
  label: "group",
  poll(wait) {
    const group = wait.on as GroupSegment;
    if (group.isOver) return true;
    for (
      let task = kernel.current as Task | null;
      task !== null;
      task = (task.group?.fiber as Task | undefined) ?? null
    ) {
      if (task.group === group || (task === group.fiber && group.isOpen)) {
        throw new Error(
          `a task of the group "${group.name}" waits for the end of its own group: it would wait for ever`,
        );
      }
    }
    return false;
  },
  begin(wait) {
    (wait.on as GroupSegment).enders.push(wait);
  },
  labelOf: (wait) => `group ${(wait.on as GroupSegment).name}`,
});

const READY = defineKind({
  label: "start",
  poll: (wait) => (wait.on as Handshake).settled(wait),
  begin(wait) {
    (wait.on as Handshake).wait = wait;
  },
  abort(wait) {
    // Withdrawn, so it did not happen: a ready() that comes before the starter has had its next step must not count.
    (wait.on as Handshake).withdrawn();
    return true;
  },
});

export class GroupSegment extends ScopeSegment implements Group {
  /**
   * The tasks that have not ended: an intrusive list, first to last. The first one's `siblingAhead` is the last one, so
   * that the group itself needs no second reference: writing a young object into an old one is what a spawn pays for.
   */
  declare children: Task | null;
  declare size: number;
  declare private daemons: number;
  declare private failure: unknown;
  declare private hasFailure: boolean;
  declare private moreFailures: unknown[] | null;
  declare private readonly keep: boolean;
  /** Tasks that failed and that nobody has joined, where failures are kept. */
  declare private unjoined: Task[] | null;
  declare finishedTasks: Task[] | null;
  declare readonly collectors: WaitQueue;
  declare readonly enders: WaitQueue;
  declare stopping: boolean;
  declare stoppers: WaitQueue;
  declare private stopTimer: StopTimer | null;
  /** It waited for tasks after its body had ended. */
  declare private waited: boolean;

  constructor(fiber: Fiber, wait: Wait | null, options: GroupOptions | undefined) {
    super(fiber, wait, SCOPE_GROUP, options?.name ?? "group");
    if (options?.grace !== undefined) this.grace = options.grace;
    this.children = null;
    this.size = 0;
    this.daemons = 0;
    this.failure = undefined;
    this.hasFailure = false;
    this.moreFailures = null;
    this.keep = options?.onFailure === "keep";
    this.unjoined = null;
    this.finishedTasks = options?.collect === true ? [] : null;
    this.collectors = new WaitQueue();
    this.enders = new WaitQueue();
    this.stopping = isStoppingIn(fiber as Task);
    this.stoppers = new WaitQueue();
    this.stopTimer = null;
    this.waited = false;
  }

  /** Whether tasks can still be spawned on it. */
  get isOpen(): boolean {
    return this.phase < DEFERRING;
  }

  get isOver(): boolean {
    return this.phase > DEFERRING;
  }

  // ---- what its body calls ------------------------------------------------------------------------------------------

  spawn<T>(body: Body<T>, options?: SpawnOptions): Task<T> {
    if (this.phase >= DEFERRING)
      throw new Error(`the group "${this.name}" has ended: nothing can be spawned on it any more`);
    // The function stands for its name: reading that is not free, and most tasks are never asked.
    const label = options?.name ?? body;
    const daemon = options !== undefined && options.daemon === true;
    const last = this.children === null ? null : (this.children.siblingAhead as Task);
    if (last !== null && last.iter === (body as unknown) && isGenerator(body)) throw spawnedTwice(last.name);
    const owner = this.fiber as Task;
    const task = new Task<T>(owner.loop, this, body, label, daemon);
    if (daemon) this.daemons++;
    else this.size++;
    this.append(task);
    // Born into a cancelled region: it gets its first step, and meets the cancellation at its first wait.
    if (this.cancellation !== null || (owner.bits & INTERRUPTED) !== 0) task.bits |= INTERRUPTED;
    owner.loop.ready(task);
    return task;
  }

  *start<R = void>(fn: (ready: (value: R) => void) => Operation<unknown>, options?: SpawnOptions): Coroutine<R> {
    const handshake = new Handshake(this, options?.name ?? fn.name);
    const task = this.spawn(() => fn((value) => handshake.ready(value)), {
      name: handshake.name,
      daemon: options?.daemon,
    });
    handshake.watch(task);
    try {
      return yield* new Wait<R>(READY, handshake, undefined);
    } finally {
      // The starter was cancelled first: a task that nobody knows to be ready must not go on.
      if (!handshake.over) {
        handshake.leave();
        task.cancel("the one who started it was cancelled");
        yield* task.ended();
      }
    }
  }

  next(): Operation<Task | undefined> {
    if (this.finishedTasks === null)
      throw new Error(`the group "${this.name}" keeps no finished tasks: make it with group(fn, { collect: true })`);
    return new Wait<Task | undefined>(NEXT_TASK, this, undefined);
  }

  stop(options: { readonly within?: number } = {}): void {
    const within = options.within ?? Infinity;
    checkMs(within, "the `within` of stop()");
    if (this.isOver) return;
    softly(this);
    if (within === Infinity) return;
    this.stopTimer ??= new StopTimer(this);
    const at = this.loop.now() + within;
    // A second stop() may only shorten the time.
    if (this.stopTimer.slot === -1 || at < this.loop.timers.timeOf(this.stopTimer))
      this.loop.timers.set(this.stopTimer, at);
  }

  ended(): Operation<void> {
    return new Wait<void>(GROUP_ENDED, this, undefined);
  }

  private append(task: Task): void {
    const first = this.children;
    if (first === null) {
      this.children = task;
      task.siblingAhead = task;
      return;
    }
    const last = first.siblingAhead as Task;
    last.siblingBehind = task;
    task.siblingAhead = last;
    first.siblingAhead = task;
  }

  private unlink(task: Task): void {
    const first = this.children as Task;
    const { siblingAhead: ahead, siblingBehind: behind } = task;
    if (task === first) {
      this.children = behind;
      if (behind !== null) behind.siblingAhead = ahead;
    } else {
      (ahead as Task).siblingBehind = behind;
      (behind ?? first).siblingAhead = ahead;
    }
    task.siblingAhead = null;
    task.siblingBehind = null;
  }

  // ---- what its tasks cause -----------------------------------------------------------------------------------------

  childEnded(task: Task, failed: boolean): void {
    this.unlink(task);
    if (task.daemon) this.daemons--;
    else this.size--;
    if (failed) {
      if (!this.keep) this.fail_(task.value);
      else if (!task.wanted) (this.unjoined ??= []).push(task);
    }
    if (this.finishedTasks !== null && !task.daemon) this.deliver(task);
    if (this.phase === JOINING && this.size === 0) {
      if (this.daemons > 0) this.cancelDaemons();
      else if (this.fiber.wait?.on === this && this.fiber.wait.state === PARKED) grant(this.fiber.wait, undefined);
    }
  }

  /** A failure inside: the first one cancels the group and is thrown at its end. */
  private fail_(error: unknown): void {
    if (this.hasFailure) {
      (this.moreFailures ??= []).push(error);
      return;
    }
    this.hasFailure = true;
    this.failure = error;
    this.cancelBy(new Cancellation(error, undefined, this.loop.now(), false));
  }

  private deliver(task: Task): void {
    const wait = this.collectors.shift();
    if (wait === null) (this.finishedTasks as Task[]).push(task);
    else grant(wait, task);
    if (this.size === 0) this.collectors.unpark(this.collectors.length, undefined);
  }

  private cancelDaemons(): void {
    const why = new Cancellation("the rest of its group has ended", undefined, this.loop.now(), false);
    for (let task = this.children; task !== null;) {
      const next: Task | null = task.siblingBehind;
      task.cancelBy(why);
      task = next;
    }
  }

  // ---- what the kernel asks -----------------------------------------------------------------------------------------

  override join(): boolean {
    if (this.outcome === ERROR) this.fail_(this.value);
    // Unwound by something that its tasks do not see (the cut of a cleanup): they have to go as well.
    if (this.outcome === UNWOUND && this.cancellation === null) this.tell("its body was cancelled");
    return this.rejoin();
  }

  override hurry(): boolean {
    return this.tell("the grace of the cleanup that waits for it is over");
  }

  /** Cancels the tasks, unless they see a cancellation already: telling a deep tree once more for each level is quadratic. */
  private tell(reason: string): boolean {
    if (this.children === null || this.children.interruptionOutside() !== null) return false;
    this.cancelBy(new Cancellation(reason, undefined, this.loop.now(), false));
    return true;
  }

  /** Between the end of its last task and its own next step somebody may have spawned another one. */
  override rejoin(): boolean {
    if (this.size === 0 && this.daemons > 0) this.cancelDaemons();
    if (this.size === 0 && this.daemons === 0) return false;
    this.waited = true;
    this.fiber.awaitClosing(new Wait(CHILDREN, this, undefined));
    return true;
  }

  override get yieldsToOuter(): boolean {
    return this.waited;
  }

  override left(): void {
    super.left();
    if (this.stopTimer !== null) this.loop.timers.remove(this.stopTimer);
    this.enders.unpark(this.enders.length, undefined);
    this.stoppers.unpark(this.stoppers.length, undefined);
    if (this.unjoined !== null) for (const task of this.unjoined) if (!task.wanted) this.fail_(task.value);
  }

  override answer(): void {
    if (!this.hasFailure) {
      super.answer();
      return;
    }
    this.outcome = ERROR;
    this.value = this.moreFailures === null ? this.failure : suppress(this.failure, this.moreFailures);
    super.answer();
  }

  override carried(): unknown[] | null {
    if (!this.hasFailure) return this.errors;
    return [this.failure, ...(this.moreFailures ?? []), ...(this.errors ?? [])];
  }
}

/** The deadline of a soft stop. */
class StopTimer implements Timed {
  slot = -1;
  readonly group: GroupSegment;
  constructor(group: GroupSegment) {
    this.group = group;
  }
  fire(): void {
    const { group } = this;
    group.cancelBy(new Cancellation("it did not stop in time", undefined, group.loop.now(), false));
  }
}

/** The readiness handshake between the one who starts a task and the task. */
class Handshake {
  readonly group: GroupSegment;
  readonly name: string;
  wait: Wait | null = null;
  over = false;
  /** The starter has gone; the task, which is being cancelled, may not know yet. */
  private left = false;
  private value: unknown;
  private error: { readonly error: unknown } | undefined;
  private task: Task | undefined;

  constructor(group: GroupSegment, name: string) {
    this.group = group;
    this.name = name;
  }

  watch(task: Task): void {
    this.task = task;
    task.onEnd = () => this.ended(task);
  }

  ready(value: unknown): void {
    if (this.left) return;
    if (this.over) throw new Error(`ready() of "${this.name}" was called twice, or after the task had ended`);
    this.over = true;
    if (this.task !== undefined) this.task.onEnd = null;
    this.value = value;
    if (this.wait !== null) grant(this.wait, value);
  }

  /** The task ended before it was ready: only the starter hears of it. Answers whether it is the starter's business. */
  private ended(task: Task): boolean {
    if (this.over || this.left) return false;
    this.over = true;
    const failed = task.failed;
    const error = failed
      ? task.value
      : new Error(`"${this.name}" ${task.state === "cancelled" ? "was cancelled" : "ended"} before it called ready()`);
    this.error = { error };
    if (this.wait !== null) refuse(this.wait, error);
    return failed;
  }

  settled(wait: Wait): boolean {
    if (!this.over) return false;
    if (this.error !== undefined) throw this.error.error;
    wait.value = this.value;
    return true;
  }

  withdrawn(): void {
    this.wait = null;
    this.left = true;
  }

  /** The starter goes: what the task ends in is the group's business again, except that it was not ready. */
  leave(): void {
    this.over = true;
    this.left = true;
    if (this.task !== undefined) this.task.onEnd = null;
  }
}

// ---- soft stop ------------------------------------------------------------------------------------------------------

/** Marks a group and every group inside it as stopping, and wakes those who wait to be told. */
function softly(first: GroupSegment): void {
  const groups: GroupSegment[] = [];
  const gather = (task: Task, upTo: GroupSegment | null): void => {
    for (let seg = task.seg; seg !== null; seg = seg.parent) {
      if (seg instanceof GroupSegment) groups.push(seg);
      if (seg === upTo) break;
    }
  };
  gather(first.fiber as Task, first);
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as GroupSegment;
    group.stopping = true;
    group.stoppers.unpark(group.stoppers.length, undefined);
    for (let child = group.children; child !== null; child = child.siblingBehind) gather(child, null);
  }
}

/** The group whose `stop()` concerns what runs now: the innermost one open in the task, or the one it belongs to. */
export function nearestGroup(task: Task): GroupSegment | null {
  for (let seg = task.seg; seg !== null; seg = seg.parent) if (seg instanceof GroupSegment) return seg;
  return task.group;
}

/**
 * The group to which something belongs that goes on beside the code that runs now: the innermost one that is open, or
 * the base of the main task.
 */
export function groupAround(task: Task): GroupSegment {
  let lowest: Segment | null = null;
  if ((task.bits & RETURNING) !== 0) task.returningBase();
  for (let seg = task.seg; seg !== null; seg = seg.parent) {
    if (seg instanceof GroupSegment && seg.isOpen) return seg;
    lowest = seg;
  }
  if (task.group !== null) return task.group;
  if (lowest instanceof GroupSegment && lowest.wait === null) return lowest;
  const base = task.baseSegment() as GroupSegment;
  if (lowest === null) task.seg = base;
  else lowest.parent = base;
  return base;
}

export function isStoppingIn(task: Task): boolean {
  return nearestGroup(task)?.stopping === true;
}

function isGenerator(body: unknown): boolean {
  if (typeof body !== "object" || body instanceof Wait || body instanceof Task) return false;
  return typeof (body as { throw?: unknown }).throw === "function";
}

/**
 * Runs `body` with a group in which it can spawn tasks. Gives what the body gives, when the body and all its tasks have
 * ended. If one fails, the others are cancelled and waited for, and the first failure is thrown as it is. Entering is
 * no switch point; the end waits if there are tasks.
 *
 * The idea is trio's nursery.
 *
 * @example
 * ```ts
 * import { group, run, sleep, VirtualHost } from "rondo";
 *
 * function* fetchPage(url: string, ms: number) {
 *   yield* sleep(ms);
 *   return `<${url}>`;
 * }
 * const pages = await run(
 *   () =>
 *     group(function* (g) {
 *       const a = g.spawn(fetchPage("a", 20));
 *       const b = g.spawn(fetchPage("b", 10), { name: "b" });
 *       return [yield* a, yield* b];
 *     }),
 *   { host: new VirtualHost() },
 * );
 * console.log(pages); // prints: [ '<a>', '<b>' ]
 * ```
 */
export function group<T>(body: (g: Group) => Operation<T>, options?: GroupOptions): Operation<T> {
  if (typeof body !== "function") throw new TypeError("group() takes a function* (g) {…}, not an operation");
  if (options?.grace !== undefined) checkMs(options.grace, "the grace of a group");
  return new Wait<T>(GROUP, body, options);
}
