/**
 * The watch over a cleanup that waits: after a second it is reported with its line, and when its grace is over its
 * wait is ended.
 *
 * Grace is that of the nearest region around the cleanup that has one, and runs from the moment of the cancellation.
 * One watch for a task, made when a cleanup of it first waits.
 */
import { BODY, JOINING, type Segment } from "../coroutine/segment.ts";
import { formatFrame } from "../coroutine/stack.ts";
import { type Cancellation, interrupt } from "./cancellation.ts";
import { SCOPE_CLEANUP, type ScopeSegment } from "./scope.ts";
import type { Task } from "./task.ts";

/** After this long a waiting cleanup is reported, in ms. */
const REPORT_AFTER = 1000;

export class CleanupWatch {
  declare private readonly task: Task;
  declare slot: number;
  /** The grace is over: every wait of the cleanup is cut. */
  declare over: boolean;
  /** The cleanup it watches. */
  declare private segment: Segment | null;
  declare private cutAt: number;
  declare private grace: number;
  declare private reportAt: number;
  /** Whether its timer is only there to report, and keeps nothing alive. */
  declare private weak: boolean;
  declare private error: unknown;

  constructor(task: Task) {
    this.task = task;
    this.slot = -1;
    this.over = false;
    this.segment = null;
    this.cutAt = Infinity;
    this.grace = Infinity;
    this.reportAt = Infinity;
    this.weak = false;
    this.error = null;
  }

  /** The task waits in a cleanup, or a cancellation has reached it there. */
  look(): void {
    const segment = this.protectedSegment();
    if (segment === null) return;
    // One cleanup may stand inside another; the one whose grace ends first ends them all.
    let first: { grace: number; at: number } | undefined;
    for (let seg: Segment | null = segment; seg !== null; seg = seg.parent) {
      if (seg.phase !== BODY || this.covers(seg)) {
        const terms = this.terms(seg);
        if (terms !== undefined && (first === undefined || terms.at + terms.grace < first.at + first.grace))
          first = terms;
      }
      if (seg.shielded && !this.covers(seg)) break;
    }
    if (first === undefined) return; // a cleanup of a normal end: nobody is in a hurry
    if (this.segment !== segment) {
      this.stop();
      this.segment = segment;
      this.reportAt = this.task.loop.now() + REPORT_AFTER;
    }
    this.grace = first.grace;
    this.cutAt = first.at + first.grace;
    this.arm();
  }

  /** A region has ended: if it was the watched cleanup, the watch is over. */
  recheck(): void {
    if (this.segment !== null && this.protectedSegment() !== this.segment) this.stop();
  }

  stop(): void {
    this.disarm();
    this.segment = null;
    this.over = false;
    this.error = null;
  }

  /** Whether a shield stands back when the grace is over. */
  covers(segment: Segment): boolean {
    return (segment as Partial<ScopeSegment>).mode === SCOPE_CLEANUP;
  }

  /** The error of the cut that is about to be made; once. */
  takeError(): unknown {
    const error = this.error;
    this.error = null;
    return error;
  }

  fire(): void {
    const { task } = this;
    if (this.weak) task.loop.weak--;
    this.weak = false;
    const now = task.loop.now();
    const top = task.seg;
    if (top !== null && top.phase === JOINING) {
      // It waits for the tasks of a group. Those that were cancelled with it have their own grace, and their own reports;
      // those of a group that the cleanup itself has opened have to be told now.
      if (now < this.cutAt || !top.hurry()) return;
      top.addError(task.graceError(this.grace));
      this.over = true;
      return;
    }
    if (now >= this.cutAt) {
      if (!this.over) this.error = task.graceError(this.grace);
      this.over = true;
      if (interrupt(task)) task.wake(null);
      return;
    }
    if (now >= this.reportAt) {
      this.reportAt = Infinity;
      const frame = task.suspendedStack()[0];
      task.loop.report({
        kind: "cleanup",
        message:
          `a cleanup of "${task.name}" has been waiting for "${task.wait?.label ?? "checkpoint"}" for ${REPORT_AFTER / 1000} s after its cancellation` +
          (frame === undefined ? "" : `, at ${formatFrame(frame)}`),
      });
    }
    this.arm();
  }

  private arm(): void {
    const at = Math.min(this.cutAt, this.reportAt);
    this.disarm();
    if (at === Infinity) return;
    const { loop } = this.task;
    this.weak = this.cutAt === Infinity;
    if (this.weak) loop.weak++;
    loop.timers.set(this, at);
  }

  private disarm(): void {
    const { loop } = this.task;
    if (this.slot !== -1) {
      loop.timers.remove(this);
      if (this.weak) loop.weak--;
    }
    this.weak = false;
  }

  /** The innermost cleanup that runs in the task, unless a shield of the program's own stands before it. */
  private protectedSegment(): Segment | null {
    for (let seg = this.task.seg; seg !== null; seg = seg.parent) {
      if (seg.phase !== BODY) return seg;
      if (seg.shielded) return this.covers(seg) ? seg : null;
    }
    return null;
  }

  /** The nearest grace around `from`, and when the nearest cancellation was; undefined where nothing is cancelled. */
  private terms(from: Segment): { grace: number; at: number } | undefined {
    let grace: number | undefined;
    let cancellation: Cancellation | null = null;
    let task = this.task;
    let seg: Segment | null = from;
    for (;;) {
      for (; seg !== null; seg = seg.parent) {
        grace ??= (seg as Partial<ScopeSegment>).grace;
        cancellation ??= seg.cancellation as Cancellation | null;
        // What is cancelled beyond a shield is not what made this cleanup run.
        if (seg.shielded && !this.covers(seg))
          return cancellation === null ? undefined : this.within(grace, cancellation);
      }
      cancellation ??= task.cancellation;
      const group = task.group;
      if (group === null) break;
      grace ??= group.grace;
      cancellation ??= group.cancellation as Cancellation | null;
      task = group.fiber as Task;
      seg = group.parent;
    }
    return cancellation === null ? undefined : this.within(grace, cancellation);
  }

  private within(grace: number | undefined, cancellation: Cancellation): { grace: number; at: number } {
    return { grace: grace ?? this.task.loop.grace ?? Infinity, at: cancellation.at };
  }
}
