/**
 * A segment: the stretch of a fiber between a boundary (a scope, a group, a trampolined call) and the next one.
 *
 * A boundary is a Wait whose body the kernel drives as frames of their own above the frame that waits for it. So a
 * scope costs nothing a resume, cannot be left in the wrong order (trio #264, #638: misnested scopes), and the kernel
 * knows where each begins and ends. Scopes and groups are segments with more to them; see the task floor.
 */
import type { Fiber } from "./fiber.ts";
import type { Frame } from "./frames.ts";
import { suppress } from "./errors.ts";
import { GRANTED, PARKED, REFUSED, type Wait } from "./wait.ts";

/** The body runs. */
export const BODY = 0;
/** The frames of the body are being returned, one by one. */
export const UNWINDING = 1;
/** The body is over, the segment waits for what belongs to it (the tasks of a group). */
export const JOINING = 2;
/** The deferred functions run. */
export const DEFERRING = 3;
/** It is over, and its fiber has gone on. */
export const LEFT = 4;

/** How a body ended: with a value, with an error, or returned by a cancellation. */
export const VALUE = 0;
export const ERROR = 1;
export const UNWOUND = 2;

export class Segment {
  declare readonly fiber: Fiber;
  /** The segment below, or null where that is the fiber's base. */
  declare parent: Segment | null;
  /** The boundary: the wait in the frame below that this segment answers; null for the base. */
  declare readonly wait: Wait | null;
  /** What the fiber drove when the segment was opened: it goes on there. */
  declare outer: Frame | null;
  declare outerBelow: Frame[] | null;
  declare phase: number;
  declare outcome: number;
  declare value: unknown;
  /** While unwinding: the frames, innermost first, and the one that is being returned. */
  declare frames: readonly (Frame | null)[] | null;
  declare index: number;
  /** The frame whose waiting cleanup was looked at last; see `mayWait` in fiber.ts. */
  declare checked: number;
  /** Errors of cleanup, in the order in which they happened. */
  declare errors: unknown[] | null;
  /** How often a cleanup in it was cut because its grace was over. */
  declare cuts: number;
  /** Set for good when this region is cancelled; what it holds is the task floor's business. */
  declare cancellation: object | null;
  /** Whether cancellations from further out stop here. */
  declare shielded: boolean;
  /** Why the frames cannot be unwound one by one, where they cannot. */
  declare problem: string | undefined;

  constructor(fiber: Fiber, wait: Wait | null) {
    this.fiber = fiber;
    this.parent = null;
    this.wait = wait;
    this.outer = null;
    this.outerBelow = null;
    this.phase = BODY;
    this.outcome = VALUE;
    this.value = undefined;
    this.frames = null;
    this.index = 0;
    this.checked = -1;
    this.errors = null;
    this.cuts = 0;
    this.cancellation = null;
    this.shielded = false;
    this.problem = undefined;
  }

  /** The body is over: answer true to keep the fiber parked until `fiber.proceed()`. */
  join(): boolean {
    return false;
  }

  /** What belongs to it had ended, and its fiber has come round: answer true if there is more by now. */
  rejoin(): boolean {
    return false;
  }

  /** The grace is over while it waits for what belongs to it: answer true if that had to be told. */
  hurry(): boolean {
    return false;
  }

  /** The next piece of deferred cleanup to run, or null. Asked again until it answers null. */
  deferred(): Frame | null {
    return null;
  }

  /** Whether an outcome of its own is dropped for a cancellation from further out. */
  get yieldsToOuter(): boolean {
    return false;
  }

  /** The segment is over and off the fiber: let go of timers and the like. */
  left(): void {
    // a plain segment holds nothing
  }

  /** Settle the boundary: the body ended by itself, or was unwound by this segment's own cancel. */
  answer(): void {
    if (this.outcome === VALUE) this.succeed(this.value);
    else this.fail(this.value);
  }

  /** What goes along when the unwinding passes through to the segment below. */
  carried(): unknown[] | null {
    return this.errors;
  }

  protected succeed(value: unknown): void {
    if (this.errors !== null) {
      this.fail(suppress(this.errors[0], this.errors));
      return;
    }
    const wait = this.wait as Wait;
    wait.state = GRANTED;
    wait.value = value;
  }

  /** Throws `error` at the boundary (it may be a `LateError`), with the errors of cleanup among its `suppressed()`. */
  protected fail(error: unknown): void {
    const wait = this.wait as Wait;
    wait.state = REFUSED;
    wait.value = this.errors === null ? error : suppress(error, this.errors);
  }

  addError(error: unknown): void {
    (this.errors ??= []).push(error);
  }
}

/** Opens a boundary: what the fiber drives from now on belongs to `segment`. */
export function push(segment: Segment): void {
  const fiber = segment.fiber;
  const wait = segment.wait as Wait;
  // Parked and owned like every other wait, so that a probe runs down to it and a second user is found out.
  wait.state = PARKED;
  wait.waiter = fiber;
  segment.parent = fiber.seg;
  segment.outer = fiber.iter;
  segment.outerBelow = fiber.below;
  fiber.seg = segment;
  fiber.below = null;
}
