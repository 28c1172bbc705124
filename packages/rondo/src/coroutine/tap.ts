/**
 * The tap: what an observer may hear of the kernel. State is the truth (see `snapshot()`); the tap is the stream of
 * changes, for recorders and profilers.
 *
 * Every site is one test of `kernel.tap !== null`, so a program that nobody watches pays a predictable branch. All
 * methods are optional. A tap must not wait, and what it throws is its own fault: it is taken off and reported, and
 * the program goes on (the lesson of trio's instruments). A tap may be set or taken off from inside a tap.
 */
import { kernel } from "./kernel.ts";

/** What the kernel tells an observer. Tasks, groups and resources are passed as they are; do not change them. */
export interface Tap {
  /** A task was made, by the task `parent` (null: from outside). */
  spawn?(task: object, parent: object | null): void;
  /** A task was put on the run queue; `by` is the task whose step caused it, or null for the host. */
  ready?(task: object, by: object | null): void;
  stepBegin?(task: object): void;
  stepEnd?(task: object): void;
  /** A task ended: `done`, `failed` or `cancelled`. */
  exit?(task: object, outcome: string): void;
  /** Somebody cancelled `scope` (a scope, a group or a task). */
  cancelRequested?(scope: object, reason: unknown): void;
  /** The unwinding of `task` began. */
  cancelDelivered?(task: object): void;
  /** A lock, channel, … was made. */
  created?(resource: object): void;
  acquired?(resource: object, task: object | null): void;
  released?(resource: object, task: object | null): void;
  /** `task` began to wait for `label`, on `resource` where there is one. */
  waiting?(task: object, label: string, resource: object | null): void;
  timerSet?(timer: object, at: number): void;
  timerFired?(timer: object): void;
  /** The loop handed over to the host (`begin`) and came back (`end`). */
  pollBegin?(loop: object): void;
  pollEnd?(loop: object): void;
}

/**
 * Sets the observer, or takes it off with `null`; gives the one before, so that it can be put back.
 *
 * Not a switch point. The idea is trio's instruments.
 *
 * @example
 * ```ts
 * import { run, setTap, sleep } from "rondo";
 *
 * const before = setTap({ exit: (task, outcome) => console.log(outcome) }); // prints: done
 * await run(() => sleep(1));
 * setTap(before);
 * ```
 */
export function setTap(tap: Tap | null): Tap | null {
  const before = kernel.tap;
  kernel.tap = tap;
  return before;
}

/** Calls one site of the tap. Only for callers that have seen `kernel.tap !== null`. */
export function tell<Site extends keyof Tap>(site: Site, ...args: Parameters<NonNullable<Tap[Site]>>): void {
  const tap = kernel.tap;
  const method = tap?.[site] as ((...args: unknown[]) => void) | undefined;
  if (method === undefined) return;
  try {
    method.apply(tap, args);
  } catch (error) {
    // Only the tap that threw is taken off: it may have set another one meanwhile.
    if (kernel.tap === tap) kernel.tap = null;
    globalThis.console?.error("rondo: a tap threw and was taken off", error);
  }
}
