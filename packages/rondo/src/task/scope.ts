/**
 * Scopes: regions of a task that can be cancelled, given a deadline, or shielded as one.
 *
 * A scope is a segment of its task (see coroutine/segment.ts) with a cancellation, a deadline and a list of what was
 * deferred to its end. `scope`, `timeout`, `moveOnAfter`, `deadline`, `shield` and `cleanup` are the same thing and
 * differ only in what they answer when their own cancellation unwound the body.
 */
import { type Body, iteratorOf } from "../coroutine/body.ts";
import type { Fiber } from "../coroutine/fiber.ts";
import type { Frame } from "../coroutine/frames.ts";
import { suppress, TimeoutError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { LEFT, push, Segment, UNWOUND, VALUE } from "../coroutine/segment.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, LateError, type Operation, Wait } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { checkAt, checkMs, loopOf } from "../loop/sleep.ts";
import { Cancellation, cancelledError, originOf, reach, tellRequested } from "./cancellation.ts";
import { runDeferred, type Deferred } from "./defer.ts";
import type { Task } from "./task.ts";

/** What a scope answers when its own cancellation has unwound it. */
export const SCOPE_BASE = 0;
export const SCOPE_PLAIN = 1;
export const SCOPE_TIMEOUT = 2;
export const SCOPE_MOVE_ON = 3;
export const SCOPE_DEADLINE = 4;
export const SCOPE_SHIELD = 5;
export const SCOPE_CLEANUP = 6;
export const SCOPE_GROUP = 7;

/** A region of a task, as its body sees it. */
export interface Scope {
  readonly name: string;
  /** Cancels what runs in it: marks and returns. The first reason stays; later calls, and calls after its end, do nothing. */
  cancel(reason?: unknown): void;
  /** When it is cancelled by itself, in ms of `now()`; Infinity for never. May be moved while it runs. */
  deadline: number;
  /** Whether it has been cancelled, by itself or its deadline. */
  readonly cancelled: boolean;
}

/** What every scope can be given. */
export interface ScopeOptions {
  /** For errors, snapshots and traces. */
  readonly name?: string | undefined;
  /** How long cleanup may take after a cancellation, in ms; without one it may take for ever. */
  readonly grace?: number | undefined;
}

export class ScopeSegment extends Segment implements Scope {
  declare readonly mode: number;
  declare readonly name: string;
  /** Place in the timer heap, while a deadline is set. */
  declare slot: number;
  declare private until: number;
  /** The time it was given, for the message. */
  declare ms: number | undefined;
  declare grace: number | undefined;
  declare deferredList: Deferred[] | null;

  constructor(fiber: Fiber, wait: Wait | null, mode: number, name: string) {
    super(fiber, wait);
    this.mode = mode;
    this.name = name;
    this.slot = -1;
    this.until = Infinity;
    this.ms = undefined;
    this.grace = undefined;
    this.deferredList = null;
  }

  get loop(): Loop {
    return this.fiber.loop as Loop;
  }

  get cancelled(): boolean {
    return this.cancellation !== null;
  }

  get deadline(): number {
    return this.until;
  }

  set deadline(at: number) {
    this.until = checkAt(at, "a scope's deadline");
    if (this.phase === LEFT || this.cancellation !== null) return;
    if (at === Infinity) this.loop.timers.remove(this);
    else this.loop.timers.set(this, at);
    if (kernel.tap !== null) tell("timerSet", this, at);
  }

  /** The deadline has come. */
  fire(): void {
    if (kernel.tap !== null) tell("timerFired", this);
    this.cancelBy(new Cancellation(undefined, undefined, this.loop.now(), true));
  }

  cancel(reason?: unknown): void {
    if (this.phase === LEFT || this.cancellation !== null) return;
    this.cancelBy(new Cancellation(reason, originOf(this.cancel), this.loop.now(), false));
  }

  cancelBy(cancellation: Cancellation): void {
    if (this.phase === LEFT || this.cancellation !== null) return;
    this.cancellation = cancellation;
    if (this.slot !== -1) this.loop.timers.remove(this);
    tellRequested(this, cancellation.reason);
    reach(this.fiber as Task, this);
  }

  override deferred(): Frame | null {
    if (this.deferredList === null || this.deferredList.length === 0) return null;
    return runDeferred(this, this.deferredList);
  }

  override left(): void {
    if (this.slot !== -1) this.loop.timers.remove(this);
  }

  override answer(): void {
    if (this.outcome !== UNWOUND) {
      if (this.outcome === VALUE) this.succeed(this.wrap(this.value));
      else this.fail(this.value);
      return;
    }
    const errors = this.errors;
    if (errors !== null) {
      // A cleanup failed: its error is what the caller must hear of first; that it happened in a cancellation is added.
      this.errors = null;
      this.fail(suppress(errors[0], [...errors.slice(1), this.cancelledAs()]));
    } else if (this.mode === SCOPE_PLAIN) this.succeed(CANCELLED_SCOPE);
    else if (this.mode === SCOPE_MOVE_ON) this.succeed(TIMED_OUT);
    else this.fail(new LateError(() => this.cancelledAs()));
  }

  private wrap(value: unknown): unknown {
    if (this.errors !== null) return value;
    if (this.mode === SCOPE_PLAIN) return { cancelled: false, value };
    if (this.mode === SCOPE_MOVE_ON) return { timedOut: false, value };
    return value;
  }

  /** Its own cancellation as an error. */
  cancelledAs(): Error {
    if (this.mode === SCOPE_TIMEOUT || this.mode === SCOPE_DEADLINE) return new TimeoutError(this.name, this.ms);
    return cancelledError(
      `the ${this.mode === SCOPE_GROUP ? "group" : "scope"} "${this.name}"`,
      this.cancellation as Cancellation,
    );
  }
}

const CANCELLED_SCOPE: ScopeOutcome<never> = Object.freeze({ cancelled: true, value: undefined });
const TIMED_OUT: MoveOnOutcome<never> = Object.freeze({ timedOut: true, value: undefined });

/** What `scope` gives. */
export type ScopeOutcome<T> =
  | { readonly cancelled: false; readonly value: T }
  | { readonly cancelled: true; readonly value: undefined };

/** What `moveOnAfter` gives. */
export type MoveOnOutcome<T> =
  | { readonly timedOut: false; readonly value: T }
  | { readonly timedOut: true; readonly value: undefined };

interface ScopeCall {
  readonly ms?: number;
  readonly at?: number;
  readonly options: ScopeOptions & { deadline?: number | undefined };
}

function scopeKind(label: string, mode: number): ReturnType<typeof defineKind> {
  return defineKind({
    label,
    enter(wait: Wait, fiber: Fiber): Frame {
      const loop = loopOf(wait, fiber);
      const call = wait.arg as number | ScopeCall | undefined;
      const options = typeof call === "object" ? call.options : undefined;
      const segment = new ScopeSegment(fiber, wait, mode, options?.name ?? label);
      if (options?.grace !== undefined) segment.grace = options.grace;
      segment.shielded = mode >= SCOPE_SHIELD;
      const ms = typeof call === "number" ? call : call?.ms;
      const at = ms === undefined ? (call as ScopeCall | undefined)?.at : loop.host.now() + ms;
      segment.ms = ms;
      push(segment);
      if (at !== undefined && at !== Infinity) segment.deadline = at;
      const body: unknown = wait.on;
      return mode === SCOPE_PLAIN
        ? iteratorOf(() => (body as (scope: Scope) => Operation<unknown>)(segment))
        : iteratorOf(body);
    },
  });
}

const PLAIN = scopeKind("scope", SCOPE_PLAIN);
const TIMEOUT = scopeKind("timeout", SCOPE_TIMEOUT);
const MOVE_ON = scopeKind("moveOnAfter", SCOPE_MOVE_ON);
const DEADLINE = scopeKind("deadline", SCOPE_DEADLINE);
const SHIELD = scopeKind("shield", SCOPE_SHIELD);
const CLEANUP = scopeKind("cleanup", SCOPE_CLEANUP);

/** The options, checked, or undefined where there are none: then no object is made for the call. */
function checked(options: ScopeOptions | undefined, what: string): ScopeOptions | undefined {
  if (options?.grace !== undefined) checkMs(options.grace, `the grace of ${what}`);
  return options;
}

/**
 * Runs `body` in a region of its own, which it (or anyone it hands `s` to) can cancel. Gives
 * `{ cancelled: false, value }`, or `{ cancelled: true, value: undefined }` where its own cancel unwound the body.
 * Throws what the body throws. Entering is no switch point.
 *
 * The idea is trio's cancel scope.
 *
 * @example
 * ```ts
 * import { run, scope, sleep, VirtualHost } from "rondo";
 *
 * const outcome = await run(
 *   () =>
 *     scope(function* (s) {
 *       s.cancel("changed my mind");
 *       yield* sleep(1000); // the next wait meets the cancellation
 *       return "never";
 *     }),
 *   { host: new VirtualHost() },
 * );
 * console.log(outcome); // prints: { cancelled: true, value: undefined }
 * ```
 */
export function scope<T>(
  body: (s: Scope) => Operation<T>,
  options: ScopeOptions & { readonly deadline?: number } = {},
): Operation<ScopeOutcome<T>> {
  if (options.deadline !== undefined) checkAt(options.deadline, "the deadline of a scope");
  return new Wait<ScopeOutcome<T>>(PLAIN, body, {
    ...(options.deadline === undefined ? {} : { at: options.deadline }),
    options: checked(options, "a scope"),
  });
}

/**
 * Runs an operation for at most `ms` milliseconds; when they are over it is cancelled, its cleanup runs, and a
 * `TimeoutError` is thrown that names the scope. With 0 the operation still gets its first step. Entering is no switch
 * point.
 *
 * @example
 * ```ts
 * import { run, sleep, timeout } from "rondo";
 *
 * const value = await run(() =>
 *   timeout(1000, function* () {
 *     yield* sleep(1);
 *     return "in time";
 *   }),
 * );
 * console.log(value); // prints: in time
 * ```
 */
export function timeout<T>(ms: number, body: Body<T>, options?: ScopeOptions): Operation<T> {
  checkMs(ms, "timeout");
  return new Wait<T>(TIMEOUT, body, options === undefined ? ms : { ms, options: checked(options, "a timeout") });
}

/**
 * As `timeout`, but a result says whether the time was over: `{ timedOut: false, value }` or
 * `{ timedOut: true, value: undefined }`.
 *
 * @example
 * ```ts
 * import { moveOnAfter, run, sleep } from "rondo";
 *
 * console.log(await run(() => moveOnAfter(5, sleep(10_000)))); // prints: { timedOut: true, value: undefined }
 * ```
 */
export function moveOnAfter<T>(ms: number, body: Body<T>, options?: ScopeOptions): Operation<MoveOnOutcome<T>> {
  checkMs(ms, "moveOnAfter");
  return new Wait<MoveOnOutcome<T>>(
    MOVE_ON,
    body,
    options === undefined ? ms : { ms, options: checked(options, "moveOnAfter") },
  );
}

/**
 * As `timeout`, up to a point in time of `now()` in ms. One that has passed still lets the first step run.
 *
 * @example
 * ```ts
 * import { deadline, now, run, sleep, TimeoutError, VirtualHost } from "rondo";
 *
 * await run(
 *   function* () {
 *     const end = now() + 100;
 *     try {
 *       for (;;) yield* deadline(end, sleep(30));
 *     } catch (error) {
 *       console.log(error instanceof TimeoutError, now()); // prints: true 100
 *     }
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function deadline<T>(at: number, body: Body<T>, options: ScopeOptions = {}): Operation<T> {
  checkAt(at, "deadline");
  return new Wait<T>(DEADLINE, body, { at, options: checked(options, "a deadline") });
}

/**
 * Runs an operation that cancellations from further out do not reach: they wait for its end. Its own timeouts work.
 * Nothing bounds it, so use it for what must be done and is short; for cleanup see {@link cleanup}.
 *
 * @example
 * ```ts
 * import { run, moveOnAfter, shield, sleep, VirtualHost } from "rondo";
 *
 * await run(
 *   () =>
 *     moveOnAfter(10, function* () {
 *       yield* shield(sleep(50));
 *       console.log("the letter is sent"); // prints: the letter is sent
 *       yield* sleep(50); // and only here the cancellation arrives
 *       console.log("never");
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function shield<T>(body: Body<T>, options?: ScopeOptions): Operation<T> {
  return new Wait<T>(SHIELD, body, options === undefined ? undefined : { options: checked(options, "a shield") });
}

/**
 * Runs cleanup that waits: shielded, but only within the grace of what is being cancelled around it. For a `finally`
 * that may be entered for any reason: inside one entered for a cancellation waiting is protected anyway.
 *
 * @example
 * ```ts
 * import { cleanup, group, run, sleep, VirtualHost } from "rondo";
 *
 * function* transfer() {
 *   try {
 *     console.log("work");
 *   } finally {
 *     yield* cleanup(sleep(20)); // entered because the body ended; a cancel that comes now waits
 *     console.log("rolled back"); // prints: rolled back
 *   }
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       const task = g.spawn(transfer()); // prints: work
 *       yield* sleep(10);
 *       task.cancel();
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function cleanup<T>(body: Body<T>, options?: ScopeOptions): Operation<T> {
  return new Wait<T>(CLEANUP, body, options === undefined ? undefined : { options: checked(options, "a cleanup") });
}
