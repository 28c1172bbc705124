/**
 * Cancellation: what it is, whom it reaches, and who may be interrupted by it.
 *
 * A cancellation is addressed to a region (a scope, a group, a task), never to "whatever the task is doing": that is
 * the root of asyncio's largest family of bugs (gh-95289, gh-116720, gh-155433: nested timeouts that count each
 * other's cancels). `cancel()` only marks the region, withdraws the parked waits inside and makes their tasks ready;
 * each task unwinds itself in its own next step, up to the outermost cancelled region that it can see. So it does not
 * matter which of two timeouts fired first, the outer one wins.
 *
 * The mark stays (level, not edge): every later wait inside meets it again, so that nothing can swallow it.
 */
import { tell } from "../coroutine/tap.ts";
import { kernel } from "../coroutine/kernel.ts";
import { INTERRUPTED } from "../coroutine/fiber.ts";
import { BODY, type Segment } from "../coroutine/segment.ts";
import { PARKED, WITHDRAWN } from "../coroutine/wait.ts";
import { CancelledError } from "../coroutine/errors.ts";
import { captureText } from "../coroutine/stack.ts";
import type { Task } from "./task.ts";
import type { GroupSegment } from "./group.ts";

/** Why a region was cancelled, since when, and by whom. */
export class Cancellation {
  declare readonly reason: unknown;
  /** A short stack of the `cancel()` call; undefined for timers and for the runtime's own. */
  declare readonly origin: string | undefined;
  /** When, in ms of the loop's clock: grace runs from here. */
  declare readonly at: number;
  /** Whether it was the region's deadline. */
  declare readonly timedOut: boolean;

  constructor(reason: unknown, origin: string | undefined, at: number, timedOut: boolean) {
    this.reason = reason;
    this.origin = origin;
    this.at = at;
    this.timedOut = timedOut;
  }
}

/** How many lines the origin of a cancel keeps: one stack for each `cancel()` call is affordable if it is short. */
const ORIGIN_LINES = 6;

/** Where `cancel()` was called, without the runtime's own frame. */
export function originOf(method: Function): string {
  const text = captureText(method, ORIGIN_LINES);
  const start = text.indexOf("\n");
  return start < 0 ? text : text.slice(start + 1);
}

/** What a joiner of something cancelled is thrown. */
export function cancelledError(what: string, cancellation: Cancellation | null): CancelledError {
  const reason = cancellation?.reason;
  let because = "";
  if (cancellation?.timedOut === true) because = ": its time was over";
  else if (reason instanceof Error) because = `: ${reason.message}`;
  else if (reason !== undefined) because = `: ${String(reason)}`;
  return new CancelledError(`${what} was cancelled${because}`, reason, cancellation?.origin);
}

/** Tells everyone inside `upTo`, which stands in the stack of `task`; null means the whole task. */
export function reach(task: Task, upTo: Segment | null): void {
  const told: (Task | null)[] = [task];
  collectChildren(task, upTo, told);
  // A list and no recursion: trees may be deeper than the engine's stack.
  for (let i = 1; i < told.length; i++) {
    const child = told[i] as Task;
    if (child.seg !== null) collectChildren(child, null, told);
  }
  if (told.length === 1) {
    if (interrupt(task)) task.wake(null);
    return;
  }
  // Withdrawn from the last to the first, because the youngest timers stand at the end of the heap, where taking one out
  // is free; made ready from the first to the last, because that is the order in which they should clean up.
  for (let i = told.length - 1; i >= 0; i--) {
    const one = told[i] as Task;
    // A task with no region of its own, in a group that the cancellation reaches: nothing in it could be in the way.
    if (!interrupt(one, i > 0 && one.seg === null)) told[i] = null;
  }
  // Not `wake`, for which each would have to be looked at: they are many, and have long left the cache.
  const { loop } = task;
  for (const one of told) if (one !== null) loop.ready(one);
}

/** The tasks in the groups that `task` has open above `upTo`, except those behind a shield or inside a cleanup. */
function collectChildren(task: Task, upTo: Segment | null, into: (Task | null)[]): void {
  let groups: GroupSegment[] | null = null;
  for (let seg = task.seg; seg !== null; seg = seg.parent) {
    // What was opened by a cleanup of this segment is protected with the cleanup. The segment's own tasks are not:
    // they are reached at once, also while their parent is cleaning up.
    if (seg.phase !== BODY) groups = null;
    if ((seg as Partial<GroupSegment>).children !== undefined) (groups ??= []).push(seg as GroupSegment);
    if (seg === upTo) break;
    if (seg.shielded) groups = null;
  }
  if (groups === null) return;
  for (let i = groups.length - 1; i >= 0; i--) {
    for (let child = (groups[i] as GroupSegment).children; child !== null; child = child.siblingBehind)
      into.push(child);
  }
}

/** Marks one task, and withdraws its wait if the cancellation can be delivered there; true where it is to be made ready. */
export function interrupt(task: Task, deliverable: boolean = false): boolean {
  task.bits |= INTERRUPTED;
  if (kernel.current === task) {
    kernel.fuel = 0; // it meets the cancellation at its next wait, even one that could complete at once
    return false;
  }
  const wait = task.wait;
  if (wait === null || wait.state !== PARKED || wait.waiter !== task) return false;
  if (!deliverable && task.interruption(task.seg) === null) {
    task.cleanupWaits();
    return false;
  }
  let withdrawn: boolean;
  try {
    withdrawn = wait.kind.abort(wait);
  } catch (error) {
    task.report(`withdrawing the wait "${wait.label}" threw; it is taken as withdrawn`, error);
    withdrawn = true;
  }
  // Too late: the result comes and stands, and the cancellation waits for the next wait.
  if (!withdrawn || wait.state !== PARKED) return false;
  wait.state = WITHDRAWN;
  return true;
}

/** For the tap, at each request. */
export function tellRequested(scope: object, reason: unknown): void {
  if (kernel.tap !== null) tell("cancelRequested", scope, reason);
}
