/**
 * A Wait: the one thing a coroutine ever yields, and the one object that a pause costs.
 *
 * A Wait is its own iterator and its own IteratorResult. `yield*` asks it for an iterator (itself), calls `next()`
 * and gets a result (itself again): `done` when the wait could complete at once, not done when the fiber has to park.
 * Because `yield*` hands an inner result outward untouched, the very same object comes out of `gen.next()` at the
 * bottom of any number of nested generators, and the kernel reads from it what to do.
 *
 * There is one class, and a table of kinds that says how each sort of wait polls, begins and is withdrawn. Subclasses
 * read better and were tried: eight of them made every store megamorphic and doubled the cost of a switch.
 *
 * The life of a Wait:
 *
 *     FRESH ──next()──▶ done at once (the kind's poll succeeded)                       → USED
 *       └──────next()──▶ OFFERED ──kernel──▶ PARKED ──grant──▶ GRANTED ──next()──▶ the value → USED
 *                                              │  └─refuse──▶ REFUSED ──next()──▶ thrown    → USED
 *                                              └──abort()──▶ WITHDRAWN (it did not happen)
 */
import type { Frame } from "./frames.ts";
import { kernel, otherCopy, VERSION } from "./kernel.ts";
import { noteStack, writeLines } from "./stack.ts";
import { tell } from "./tap.ts";

export const FRESH = 0;
export const OFFERED = 1;
export const PARKED = 2;
export const GRANTED = 3;
export const REFUSED = 4;
export const WITHDRAWN = 5;
export const USED = 6;
/** A permanent object that stands for "one wait of this kind on this resource"; see `Kind.open`. */
export const SHARED = 7;
/** The one `checkpoint()` object between its turns: whoever steps it now is being resumed. */
export const RESUMING = 8;
/** Asked already and could not complete at once (or is the checkpoint): the first `next()` only offers it. */
const ASKED = 9;

/** Sent through `next()` to ask a parked wait for the stack above it; see stack.ts. */
export const PROBE: unique symbol = Symbol("rondo.probe") as never;
/** Sent through `throw()` to make every frame of a chain known; see frames.ts. */
export const COLLECT: unique symbol = Symbol("rondo.collect") as never;

/** The value with which frames are returned: if another one comes back, a `return` in a `finally` has replaced it. */
export const GONE: unique symbol = Symbol("rondo.unwound") as never;
/** The answer of every wait to that. */
const RETURNED: IteratorResult<never, unknown> = { done: true, value: GONE };

/**
 * Anything that `yield*` can run to an end: a generator, a Wait, a Task, or an object of yours with an iterator.
 */
export interface Operation<T> {
  [Symbol.iterator](): Iterator<Wait, T, any>;
}

/**
 * What a `function*` of Rondo returns: a generator that pauses only by `yield*` on operations and ends in a `T`.
 */
export type Coroutine<T> = Generator<Wait, T, any>;

/** The one a settled wait wakes: a fiber, or an arm of a `select`. */
export interface Waiter {
  /** The loop it runs on, for kinds that need one (timers, outside waits); narrowed by the floors above. */
  readonly loop: unknown;
  /** The fiber that waits, also behind an arm of a `select`: who holds a lock that is handed over. */
  readonly owner: unknown;
  /** The wait has been granted or refused: make its fiber ready. Never runs user code. */
  wake(wait: Wait): void;
}

/** How one sort of wait behaves. One constant object each; all are made by {@link defineKind}, so that V8 sees one shape. */
export interface Kind {
  /** What a person reads in `task.waitingFor`. */
  readonly label: string;
  /** The kernel opens a segment instead of parking; see fiber.ts. */
  readonly enter: ((wait: Wait, fiber: never) => Frame) | null;
  /** Complete at once if that is possible: put the result into `wait.value` and answer true. Must not wake anybody unfairly. */
  poll(wait: Wait): boolean;
  /** Queue the wait; `wait.waiter` is set. The kernel has polled already. */
  begin(wait: Wait): void;
  /** Withdraw: true when it did not happen, false when it is too late and the result will come. */
  abort(wait: Wait): boolean;
  /** It was offered to a fiber that was cancelled already, and never begun; `wait.waiter` is set. */
  decline(wait: Wait): void;
  /** For a shared wait: itself when it can complete at once, else a fresh wait of this kind. */
  open(shared: Wait): Wait;
  /** The label of this very wait, where it depends on more than the kind. */
  labelOf(wait: Wait): string;
}

const never = (): boolean => false;

/** A kind of wait from the parts that differ from the usual: never completes at once, is withdrawn from its queue. */
export function defineKind(parts: Partial<Kind> & { label: string }): Kind {
  return {
    label: parts.label,
    enter: parts.enter ?? null,
    poll: parts.poll ?? never,
    begin: parts.begin ?? nothing,
    abort: parts.abort ?? leaveQueue,
    decline: parts.decline ?? nothing,
    open: parts.open ?? openFresh,
    labelOf: parts.labelOf ?? ownLabel,
  };
}

function nothing(): void {
  // a kind whose resource keeps no list of its waits
}

function leaveQueue(wait: Wait): boolean {
  wait.queue?.remove(wait);
  return true;
}

function openFresh(shared: Wait): Wait {
  return new Wait(shared.kind, shared.on, shared.arg);
}

function ownLabel(wait: Wait): string {
  return wait.kind.label;
}

/** What the wait queue looks like from a wait; wait-queue.ts has the whole. */
interface Leavable {
  remove(wait: Wait): void;
}

/**
 * A point where a coroutine may pause. You get one from `sleep(10)`, `lock.acquire()`, `channel.receive()`, … and give
 * it to `yield*` or `select`, once. A wait either completes or is withdrawn, never both.
 *
 * @example
 * ```ts
 * import { run, sleep, Wait } from "rondo";
 *
 * const pause = sleep(1);
 * console.log(pause instanceof Wait, pause.label); // prints: true sleep
 * await run(() => pause);
 * ```
 */
export class Wait<T = any> implements Operation<T> {
  declare kind: Kind;
  declare state: number;
  /** IteratorResult: whether `value` is the result of the wait. */
  declare done: boolean;
  /** IteratorResult: the result, or the error of a refused wait. */
  declare value: any;
  declare waiter: Waiter | null;
  /** What is waited for: the lock, the channel, the task, … */
  declare on: any;
  /** What the kind needs to know besides: a time, an item, an operation. */
  declare arg: any;
  declare queue: Leavable | null;
  declare ahead: Wait | null;
  declare behind: Wait | null;
  /** Place in the timer heap, or -1. */
  declare slot: number;
  /** When it was parked, in whole ms of the loop's clock as last read. */
  declare since: number;

  constructor(kind: Kind, on: unknown, arg: unknown) {
    this.kind = kind;
    this.state = FRESH;
    this.done = false;
    this.value = undefined;
    this.waiter = null;
    this.on = on;
    this.arg = arg;
    this.queue = null;
    this.ahead = null;
    this.behind = null;
    this.slot = -1;
    this.since = 0;
  }

  [Symbol.iterator](): Iterator<Wait, T, any> {
    // The one checkpoint is never SHARED again once it has been used, and is opened anew from any state: whoever left
    // it half used (a stray `next()` outside a loop) must not break it for the others.
    const wait = this.state === SHARED || (this as Wait) === CHECKPOINT ? this.kind.open(this) : this;
    return wait as unknown as Iterator<Wait, T, any>;
  }

  next(sent?: unknown): this {
    const state = this.state;
    if (state === FRESH) {
      if (kernel.fuel > 0 && this.kind.poll(this)) {
        kernel.fuel--;
        this.state = USED;
        this.done = true;
      } else {
        this.state = OFFERED;
      }
      return this;
    }
    if (state === GRANTED) {
      // Nothing is sent, nearly always, and to compare with nothing is cheaper than to compare with a symbol.
      if (sent !== undefined && sent === PROBE) return noteStack(this);
      this.state = USED;
      this.done = true;
      return this;
    }
    if (state === SHARED) return this;
    if (state === ASKED) {
      this.state = OFFERED;
      return this;
    }
    if (state === RESUMING && (sent === undefined || sent !== PROBE)) {
      this.done = true;
      return this;
    }
    return this.nextRarely(sent);
  }

  /** The cases off the hot path, kept apart so that `next` stays small: it is called twice for each wait. */
  private nextRarely(sent: unknown): this {
    if (sent === PROBE) return noteStack(this);
    switch (this.state) {
      case REFUSED: {
        this.state = USED;
        const error: unknown = this.value;
        // The runtime's own errors are built here and not where they were caused: here every frame of the waiting
        // coroutine is on the stack, so the stack shows the line that waited.
        throw error instanceof LateError ? error.build(this) : error;
      }
      case PARKED:
        // Another fiber steps a chain that is parked already; the kernel sees the foreign wait and says so, without
        // disturbing the one that waits.
        return this;
      case OFFERED:
        throw new Error(
          `${describeWait(this)} was begun outside a loop, or stepped by hand: run the coroutine with run(), spawn() or step()`,
        );
      default:
        throw new Error(
          `${describeWait(this)} was used twice: a Wait is good for one \`yield*\`, make a new one each time`,
        );
    }
  }

  throw(error: unknown): this {
    if (error === COLLECT) {
      this.done = false;
      return this;
    }
    writeLines(error, this.throw);
    throw error;
  }

  return(value: unknown): IteratorResult<never, unknown> {
    return value === GONE ? RETURNED : { done: true, value };
  }

  /** Its time has come, where it stands in the timer heap. */
  fire(): void {
    grant(this, undefined);
    if (kernel.tap !== null) tell("timerFired", this);
  }

  /** What a person reads: `"sleep"`, `"lock"`, … */
  get label(): string {
    return this.kind.labelOf(this);
  }
}

/** An error of the runtime that is built where it is thrown, see `nextRarely`. */
export class LateError {
  declare readonly build: (wait: Wait) => unknown;
  constructor(build: (wait: Wait) => unknown) {
    this.build = build;
  }
}

/** Completes a parked wait with a value. Granted once, it cannot be un-granted. */
export function grant(wait: Wait, value: unknown): void {
  wait.value = value;
  wait.state = GRANTED;
  (wait.waiter as Waiter).wake(wait);
}

/** Completes a parked wait with an error (or a {@link LateError} that builds one). */
export function refuse(wait: Wait, error: unknown): void {
  wait.value = error;
  wait.state = REFUSED;
  (wait.waiter as Waiter).wake(wait);
}

/** A permanent wait: made once for a resource, given out as often as wanted, never an allocation when it completes at once. */
export function sharedWait<T>(kind: Kind, on: unknown, arg?: unknown): Wait<T> {
  const wait = new Wait<T>(kind, on, arg);
  wait.state = SHARED;
  wait.done = true;
  return wait;
}

/**
 * What a shared wait gives to `yield*` when there is a result at once: one object for all of them, so that no wait has to
 * be made. `yield*` takes the value out in the same breath; what is left in it the loop lets go when it comes to rest.
 */
export const PASSING: Wait = sharedWait(defineKind({ label: "result" }), null);

/** A wait that was asked already, and could not complete at once: it is not asked again. For `open`. */
export function askedWait(kind: Kind, on: unknown, arg?: unknown): Wait {
  const wait = new Wait(kind, on, arg);
  wait.state = ASKED;
  return wait;
}

/**
 * The wait behind `checkpoint()`: let the others run. One object for the whole process, since it carries nothing:
 * `yield*` asks for the iterator and steps it at once, so the first `next()` after `open` is the question and every
 * other one a resumption, and no list of who waits is needed.
 */
export const CHECKPOINT: Wait<void> = sharedWait(
  defineKind({
    label: "checkpoint",
    open(shared) {
      shared.state = ASKED;
      shared.done = false;
      return shared;
    },
  }),
  null,
);

/** The wait itself, or a fresh one where it is a shared one: for those who begin waits themselves (`select`). */
export function ownWait(wait: Wait): Wait {
  return wait.state === SHARED ? new Wait(wait.kind, wait.on, wait.arg) : wait;
}

export function describeWait(wait: Wait): string {
  const name: unknown = wait.on?.name;
  return `the wait "${wait.label}"${typeof name === "string" && name !== "" ? ` on "${name}"` : ""}`;
}

/** What to say about something that came out of a coroutine and is no wait of ours. */
export function explainRawYield(yielded: unknown): Error {
  const value: unknown = (yielded as { value?: unknown } | null)?.value;
  const other = otherCopy();
  const foreign = [yielded, value].some(
    (one) => typeof one === "object" && one !== null && one.constructor?.name === "Wait" && !(one instanceof Wait),
  );
  if (foreign) {
    return new TypeError(
      `a wait of another copy of rondo (version ${other ?? "unknown"}, this one is ${VERSION}) came out of the coroutine: ` +
        "make sure that only one version of rondo is installed",
    );
  }
  const looksLikeOperation =
    typeof value === "object" && value !== null && typeof (value as Operation<unknown>)[Symbol.iterator] === "function";
  return new TypeError(
    looksLikeOperation || value instanceof Wait
      ? "a coroutine pauses only at `yield*`: the star is missing in `yield operation`"
      : `a coroutine pauses only at \`yield*\`: it yielded ${typeof value === "string" ? JSON.stringify(value) : String(value)} instead`,
  );
}
