/**
 * The fiber: one line of execution, which is a stack of segments, each a chain of generators. A task is a fiber with
 * a loop and a place in a group; `start()` gives one without either.
 *
 * A step resumes the innermost generator and looks at what comes out: a wait to park on, a boundary to enter, or an
 * end. The hot path is `step`, and a step that parks on a plain wait never leaves it. Everything else is `go`.
 *
 * ## Unwinding
 *
 * Cancellation is a request to return, and native `generator.return()` alone gets it wrong: once an inner `finally`
 * has waited, JavaScript forgets that the outer frames were returning, and they run on with `undefined` in hand. (Try
 * it: `try { x = yield* inner() } finally {…}; use(x)` with an `inner` whose `finally` yields.) So the rule here is:
 * **every frame is returned once, innermost first; no frame goes on after a callee that did not finish.** The frames
 * are taken hold of first (frames.ts); then each gets its `return()`, and if its `finally` waits it is driven alone,
 * by `next()`, until it has ended. Errors thrown by cleanup are collected and no outer `catch` sees them.
 */
import {
  CHECKPOINT,
  describeWait,
  explainRawYield,
  GONE,
  GRANTED,
  OFFERED,
  PARKED,
  PROBE,
  REFUSED,
  RESUMING,
  Wait,
  type Waiter,
  WITHDRAWN,
} from "./wait.ts";
import { BODY, DEFERRING, ERROR, JOINING, LEFT, type Segment, UNWINDING, UNWOUND, VALUE } from "./segment.ts";
import { type Body, iteratorOf, rondoThrough } from "./body.ts";
import { suppress } from "./errors.ts";
import { ALONE, collect, type Frame, GeneratorPrototype, hiddenFrames, throwAtLine } from "./frames.ts";
import { kernel, type Stepper } from "./kernel.ts";
import { passUp, passedUp, stackBelow } from "./shortcut.ts";
import { generatorsAbove, probeFrames, type StackFrame } from "./stack.ts";
import { tell } from "./tap.ts";

/** Some region around it is cancelled: look whether that can be delivered. */
export const INTERRUPTED = 1;
/** Has not had its first step. */
export const UNSTARTED = 2;
/** To be resumed with the end of its top segment, and not with its generator. */
export const CLOSING = 4;
export const ENDED = 8;
/** Its steps run in a context of its own (task.ts): a bit, so that the others pay nothing for it. */
export const IN_CONTEXT = 16;
/** Its one frame is being returned, and no segment stands for that yet; see `unwind`. */
export const RETURNING = 32;

/**
 * The methods of every generator. Called by themselves and not looked up on the frame: each generator function gives
 * its generators a shape of their own, so `frame.next` would be megamorphic in any program of more than four functions.
 */
const { next: resume, return: giveBack, throw: throwInto } = GeneratorPrototype;

/** What to do next with the frame in hand. */
const STOP = 0;
const NEXT = 1;
const RETURN = 2;
const RAISE = 3;
const HAND_UP = 4;
/** As RAISE, with an error of the kernel's own, which is to show the line. */
const COMPLAIN = 5;
type How = typeof STOP | typeof NEXT | typeof RETURN | typeof RAISE | typeof HAND_UP | typeof COMPLAIN;

/** After so many cuts of one cleanup (a `finally` that loops) its frame is abandoned. */
const MAX_CUTS = 100;

/** After how many resumes a chain is looked at, and looked at again if it was flat: a shortcut must pay. See shortcut.ts. */
export const SHORTCUT_AFTER = 24;
const SHORTCUT_AGAIN = 512;
/** After so many resumes a shortcut has paid for the look; and then it is looked rarely whether there is a better one. */
const SHORTCUT_PAYS = 128;
const SHORTCUT_BETTER = 16_384;
const SHORTCUT_DEPTH = 4;
/**
 * While looks find nothing but flat chains, only one in so many that would be due is taken, in the whole process: some ten
 * milliseconds apart, where tasks do nothing but wait. A look captures a stack, 15 to 50 µs; one in 128 was a twentieth of a spawn.
 */
const MAX_STRIDE = 8192;
let stride = 1;
/** The same for looks that found a deep chain which then ended before the shortcut had paid: short calls, deep down. */
const MAX_DEBT = 128;
let debt = 1;
let looksToSkip = 0;
let paid = 0;

export abstract class Fiber implements Waiter {
  /** What is driven now: the innermost frame that the kernel knows. Until the first step, the body that is to be run. */
  declare iter: Frame;
  /** Frames between `iter` and the end of the segment, outermost first, where a shortcut was taken. */
  declare below: Frame[] | null;
  /** Resumes until it is looked at whether a shortcut pays. */
  declare patience: number;
  /** The innermost segment; null while nothing but the base runs. */
  declare seg: Segment | null;
  /** The last wait it parked on. It may be long over: its state tells. */
  declare wait: Wait | null;
  declare bits: number;
  constructor(body: Body) {
    this.iter = body as unknown as Frame;
    this.below = null;
    this.patience = SHORTCUT_AFTER;
    this.seg = null;
    this.wait = null;
    this.bits = UNSTARTED;
  }

  abstract get loop(): unknown;
  get owner(): this {
    return this;
  }
  /** Its wait is settled: make it ready. */
  abstract wake(wait: Wait | null): void;
  /** The cancellation that may be delivered to what runs above (and in) `from`, or null. */
  abstract interruption(from: Segment | null): object | null;
  /** It has ended, with a value, an error, or unwound (then `value` is the list of cleanup errors or null). */
  abstract finished(outcome: number, value: unknown): void;
  /** A segment for the base, made when the base unwinds; one that has something deferred has it already. */
  abstract baseSegment(): Segment;
  /** It has parked inside a cleanup: the place for grace and for reports. */
  abstract cleanupWaits(): void;
  /** Unwinding begins in `segment`: gives the error to record if that cuts a cleanup short, or null. */
  abstract cutShort(segment: Segment): unknown;
  /** A region has ended: see whether it is still interrupted, if that is not `known`. */
  abstract recheck(known: boolean): void;
  abstract report(message: string, error?: unknown): void;

  // ---- stepping ---------------------------------------------------------------------------------------------------

  step(): void {
    if (this.bits !== 0 || kernel.tap !== null) {
      if (this.bits !== UNSTARTED || kernel.tap !== null) {
        this.stepRarely();
        return;
      }
      this.bits = 0;
      try {
        this.iter = iteratorOf(this.iter);
      } catch (error) {
        this.go(error, true);
        return;
      }
    }
    kernel.fuel = kernel.ration;
    if (--this.patience === 0) this.shorten();
    let result: unknown;
    try {
      result = resume.call(this.iter, undefined);
    } catch (error) {
      this.go(error, true);
      return;
    }
    if (result === CHECKPOINT && !CHECKPOINT.done && this.bits === 0) {
      CHECKPOINT.state = RESUMING;
      this.wake(null);
    } else if (
      result instanceof Wait &&
      result.state === OFFERED &&
      !result.done &&
      result.kind.enter === null &&
      kernel.fuel !== 0
    ) {
      // Not `park()`: this is the one place where a call more is felt.
      result.waiter = this;
      result.state = PARKED;
      result.since = kernel.clock;
      this.wait = result;
      try {
        result.kind.begin(result);
      } catch (error) {
        this.beginFailed(result, error);
      }
    } else if (this.seg === null && this.below === null && (result as IteratorResult<unknown>)?.done === true) {
      this.bits |= ENDED;
      this.finished(VALUE, (result as IteratorResult<unknown>).value);
    } else {
      this.go(result, false);
    }
  }

  /** A step of a fiber that is new, interrupted, closing, watched, or in a context of its own. */
  protected stepRarely(): void {
    if ((this.bits & ENDED) !== 0) return;
    kernel.fuel = (this.bits & INTERRUPTED) === 0 ? kernel.ration : 0;
    if (kernel.tap !== null) tell("stepBegin", this);
    this.drive(this.firstMove());
    if (kernel.tap !== null) tell("stepEnd", this);
  }

  private firstMove(): How {
    if ((this.bits & UNSTARTED) !== 0) {
      // A fiber always gets its first step, even when it was cancelled before: its arguments are its own to clean.
      this.bits &= ~UNSTARTED;
      try {
        this.iter = iteratorOf(this.iter);
      } catch (error) {
        return this.bodyEnded(ERROR, error);
      }
      return NEXT;
    }
    if ((this.bits & CLOSING) !== 0) {
      this.bits &= ~CLOSING;
      this.wait = null;
      return this.closing(this.seg as Segment);
    }
    if ((this.bits & INTERRUPTED) !== 0) {
      const wait = this.wait;
      if (wait !== null && wait.state === WITHDRAWN) return this.unwind(null);
      // A wait that had completed is delivered, and the cancellation meets the next one. At a checkpoint (no wait of
      // its own) there is nothing to deliver.
      const settled = wait !== null && (wait.state === GRANTED || wait.state === REFUSED);
      if (!settled && this.interruption(this.seg) !== null) return this.unwind(null);
    }
    return NEXT;
  }

  /** The general loop: acts, looks at the result, decides the next act, until the fiber parks or ends. */
  private go(result: unknown, threw: boolean): void {
    this.drive(threw ? this.frameThrew(result) : this.came(result));
  }

  private drive(how: How): void {
    for (;;) {
      let result: unknown;
      let threw = false;
      try {
        switch (how) {
          case STOP:
            return;
          case NEXT:
            result = resume.call(this.iter, undefined);
            break;
          case RETURN:
            result = giveBack.call(this.iter, GONE);
            break;
          case RAISE:
            result = throwInto.call(this.iter, takeRaise());
            break;
          case COMPLAIN:
            result = throwAtLine(this.iter, takeRaise() as Error);
            break;
          case HAND_UP:
            result = throwInto.call(this.iter, passedUp);
            break;
        }
      } catch (error) {
        result = error;
        threw = true;
      }
      how = threw ? this.frameThrew(result) : this.came(result);
    }
  }

  /** Something came out of the frame in hand. */
  private came(result: unknown): How {
    if (typeof result !== "object" || result === null) {
      return this.complain(new TypeError(`an iterator answered ${String(result)} where an iterator result was due`));
    }
    const done = (result as IteratorResult<unknown>).done === true;
    if ((this.bits & RETURNING) !== 0) {
      if (done && isNothing((result as IteratorResult<unknown>).value)) {
        this.bits |= ENDED;
        this.finished(UNWOUND, null);
        return STOP;
      }
      this.returningBase();
    }
    if (done) return this.frameDone((result as IteratorResult<unknown>).value);
    const top = this.seg;
    if (top !== null && top.phase === UNWINDING && result instanceof Wait && !this.mayWait(top, result)) {
      return this.nextFrame(top);
    }
    if (result === CHECKPOINT) {
      CHECKPOINT.state = RESUMING;
      if ((this.bits & INTERRUPTED) !== 0) {
        if (this.interruption(this.seg) !== null) return this.unwind(null);
        this.cleanupWaits();
      }
      this.wake(null);
      return STOP;
    }
    if (!(result instanceof Wait)) return this.complain(explainRawYield(result));
    if (result.state !== OFFERED) return this.complain(misused(result));
    return result.kind.enter === null ? this.offered(result) : this.enter(result);
  }

  /**
   * A frame that was returned waits in its cleanup. Driving it on is safe only if nothing stands between it and the
   * frames that were noted: otherwise the frames around it would run on with garbage once it ends.
   */
  private mayWait(top: Segment, wait: Wait): boolean {
    const problem = top.problem ?? (top.index === top.checked ? undefined : hiddenFrames(this.iter));
    top.checked = top.index;
    if (problem === undefined) return true;
    if (wait !== CHECKPOINT) wait.state = WITHDRAWN;
    top.addError(
      new Error(
        `a cleanup waited (${describeWait(wait)}) in a coroutine that cannot be unwound frame by frame: ${problem}; ` +
          "the rest of that cleanup was left out",
      ),
    );
    return false;
  }

  /** A plain wait that could not complete at once, or was not let. */
  private offered(wait: Wait): How {
    if ((this.bits & INTERRUPTED) !== 0 && this.interruption(this.seg) !== null) {
      // Never begun, so it did not happen.
      wait.state = WITHDRAWN;
      wait.waiter = this;
      this.wait = wait;
      wait.kind.decline(wait);
      return this.unwind(null);
    }
    if (kernel.fuel === 0) {
      let complete: boolean;
      try {
        complete = wait.kind.poll(wait);
      } catch (error) {
        wait.state = REFUSED;
        wait.value = error;
        return NEXT;
      }
      if (complete) {
        wait.waiter = this;
        wait.state = GRANTED;
        this.wait = wait;
        this.wake(wait);
        return STOP;
      }
    }
    wait.waiter = this;
    wait.state = PARKED;
    wait.since = kernel.clock;
    this.wait = wait;
    try {
      wait.kind.begin(wait);
    } catch (error) {
      this.beginFailed(wait, error);
      return STOP;
    }
    if (kernel.tap !== null) tell("waiting", this, wait.label, wait.on ?? null);
    if ((this.bits & INTERRUPTED) !== 0) this.cleanupWaits();
    return STOP;
  }

  /** `begin` threw: the wait fails, at its line, in a step of its own. */
  private beginFailed(wait: Wait, error: unknown): void {
    if (wait.state !== PARKED) return; // it was settled before it threw: the result stands
    wait.state = REFUSED;
    wait.value = error;
    this.wake(wait);
  }

  private enter(wait: Wait): How {
    const before = this.seg;
    try {
      const enter = wait.kind.enter as (wait: Wait, fiber: Fiber) => Frame;
      this.iter = enter(wait, this);
    } catch (error) {
      if (this.seg !== before) return this.bodyEnded(ERROR, error);
      wait.state = REFUSED;
      wait.value = error;
    }
    return NEXT;
  }

  private frameDone(value: unknown): How {
    const seg = this.seg;
    if (seg !== null && seg.phase !== BODY) return this.cleanupFrameEnded(seg, value);
    if (this.below !== null) {
      passUp(this.iter, value);
      this.popBelow();
      return HAND_UP;
    }
    return this.bodyEnded(VALUE, value);
  }

  private frameThrew(error: unknown): How {
    const seg = (this.bits & RETURNING) === 0 ? this.seg : this.returningBase();
    if (seg !== null && seg.phase !== BODY) {
      seg.addError(error);
      return this.afterCleanupFrame(seg);
    }
    if (this.below !== null) {
      stackBelow(this.iter, this.below[0] as Frame, error);
      this.popBelow();
      return this.raise(error);
    }
    return this.bodyEnded(ERROR, error);
  }

  private raise(error: unknown): How {
    pendingRaise = error;
    return RAISE;
  }

  private complain(error: Error): How {
    pendingRaise = error;
    return COMPLAIN;
  }

  // ---- ends -------------------------------------------------------------------------------------------------------

  /** The body of the top segment, or of the base, ended by itself. */
  private bodyEnded(outcome: number, value: unknown): How {
    const seg = this.seg;
    if (seg === null) {
      this.bits |= ENDED;
      this.finished(outcome, value);
      return STOP;
    }
    seg.outcome = outcome;
    seg.value = value;
    return this.closing(seg);
  }

  /** The body is over, one way or another: wait for what belongs to it, run what was deferred, leave. */
  private closing(seg: Segment): How {
    if (seg.phase < JOINING) {
      seg.phase = JOINING;
      seg.frames = null;
      if (seg.join()) return STOP;
    } else if (seg.phase === JOINING && seg.rejoin()) return STOP;
    seg.phase = DEFERRING;
    const deferred = seg.deferred();
    if (deferred !== null) {
      this.iter = deferred;
      return NEXT;
    }
    return this.leave(seg);
  }

  /** Parks until `proceed()`: for segments that wait for what belongs to them. Cannot be withdrawn. */
  awaitClosing(wait: Wait): void {
    wait.waiter = this;
    wait.state = PARKED;
    wait.since = kernel.clock;
    this.wait = wait;
    this.bits |= CLOSING;
    if ((this.bits & INTERRUPTED) !== 0) this.cleanupWaits();
  }

  private leave(seg: Segment): How {
    seg.phase = LEFT;
    // What was unwound though nothing cancelled it itself is unwound from further out, however far: not looked for again,
    // or the unwinding of a deep recursion of `call`s would be quadratic.
    const passing = seg.outcome === UNWOUND && seg.cancellation === null && !seg.shielded;
    const interrupted = (this.bits & INTERRUPTED) !== 0;
    const outer = passing || (interrupted && seg.wait !== null && this.interruption(seg.parent) !== null);
    seg.left();
    if (seg.wait === null) {
      this.bits |= ENDED;
      this.seg = null;
      this.finishBase(seg);
      return STOP;
    }
    this.seg = seg.parent;
    this.iter = seg.outer as Frame;
    this.below = seg.outerBelow;
    if (interrupted) this.recheck(passing);
    if (outer && (seg.outcome === UNWOUND || seg.yieldsToOuter)) {
      // Unwound from further out, or its outcome came too late: unwinding goes straight on.
      seg.wait.state = WITHDRAWN;
      return this.unwind(seg.carried());
    }
    seg.answer();
    return NEXT;
  }

  private finishBase(seg: Segment): void {
    const errors = seg.carried();
    if (seg.outcome === UNWOUND) this.finished(UNWOUND, errors);
    else if (errors === null) this.finished(seg.outcome, seg.value);
    else this.finished(ERROR, suppress(seg.outcome === ERROR ? seg.value : errors[0], errors));
  }

  // ---- unwinding --------------------------------------------------------------------------------------------------

  /** The segment that the unwinding of a single frame did without so far; see `unwind`. */
  returningBase(): Segment {
    const seg = this.baseSegment();
    seg.phase = UNWINDING;
    seg.outcome = UNWOUND;
    seg.frames = ALONE.frames;
    seg.index = 0;
    this.seg = seg;
    this.bits &= ~RETURNING;
    return seg;
  }

  /** Unwinds the top segment, or cuts its cleanup short. `errors` come from segments that were unwound above it. */
  private unwind(errors: unknown[] | null): How {
    const found = this.seg === null && this.below === null && errors === null ? collect(this.iter) : null;
    if (found === ALONE && kernel.tap === null) {
      // As most do that are cancelled in crowds, it has nothing open and stands in one frame. Unless its cleanup waits, throws,
      // defers or asks where it stands, a segment would have nothing to remember: that saves a fifth of a cancellation.
      this.wait = null;
      this.bits |= RETURNING;
      return RETURN;
    }
    const seg = (this.seg ??= this.baseSegment());
    if (errors !== null) for (const error of errors) seg.addError(error);
    const below = this.below;
    this.below = null;
    const late = this.cutShort(seg);
    if (late !== null) seg.addError(late);
    // What was withdrawn has been dealt with: at a checkpoint, which leaves no wait here, it must not be found again.
    this.wait = null;
    if (seg.phase === BODY) {
      if (kernel.tap !== null) tell("cancelDelivered", this);
      const { frames, problem, caught } = found ?? collect(this.iter);
      if (caught) seg.addError(new Error(CAUGHT_BY_MISTAKE));
      seg.phase = UNWINDING;
      seg.outcome = UNWOUND;
      seg.problem = problem;
      seg.frames = below === null ? frames : [...frames, ...below.reverse()];
      seg.index = -1;
      return this.nextFrame(seg);
    }
    return this.cut(seg);
  }

  /** The grace of a cleanup is over: its frames are returned too, and the frames outside it after them. */
  private cut(seg: Segment): How {
    const outside = seg.frames === null ? [] : seg.frames.slice(seg.index + 1);
    if (++seg.cuts > MAX_CUTS) {
      seg.addError(new Error(`a cleanup went on waiting after it was cut ${MAX_CUTS} times, and was abandoned`));
      seg.cuts = 0;
      seg.frames = outside;
      // The frame outside still delegates to this one, and would return it again, for ever.
      this.iter.return = alreadyGone;
    } else {
      const { frames } = collect(this.iter);
      seg.frames = frames.concat(outside);
    }
    seg.index = -1;
    seg.checked = -1;
    return this.nextFrame(seg);
  }

  private nextFrame(seg: Segment): How {
    const frames = seg.frames as readonly (Frame | null)[];
    if (++seg.index < frames.length) {
      this.iter = frames[seg.index] ?? this.iter;
      return RETURN;
    }
    seg.frames = null;
    return this.closing(seg);
  }

  /** A frame that was returned, or a deferred one, has ended. */
  private cleanupFrameEnded(seg: Segment, value: unknown): How {
    if (seg.frames !== null && !isNothing(value)) {
      this.report(
        "a `return` in a `finally` gave a value while its coroutine was being cancelled; the value was ignored",
        value,
      );
    }
    return this.afterCleanupFrame(seg);
  }

  private afterCleanupFrame(seg: Segment): How {
    return seg.frames === null ? this.closing(seg) : this.nextFrame(seg);
  }

  private popBelow(): void {
    const below = this.below as Frame[];
    this.iter = below.pop() as Frame;
    if (below.length > 0) return;
    this.below = null;
    if (this.patience < SHORTCUT_PAYS) debt = Math.min(debt * 2, MAX_DEBT);
    this.patience = SHORTCUT_AFTER;
  }

  /** Drives the innermost frame directly from now on, if the chain is deep; see shortcut.ts. */
  private shorten(): void {
    this.patience = SHORTCUT_AFTER;
    const top = this.seg;
    // A cleanup has frames of its own.
    if (top !== null && top.phase !== BODY) return;
    if (this.below !== null) {
      this.patience = SHORTCUT_BETTER;
      debt = Math.max(1, debt >> 1);
      // Only one in eight is looked at again: most loops go no deeper than they went before.
      if (++paid % 8 !== 0 || !this.deepEnough()) return;
      this.goDown();
      return;
    }
    // A look costs as much as fifty resumes, so where chains are flat, as most are, it is taken ever more rarely.
    if (--looksToSkip > 0) return;
    if (!this.deepEnough()) {
      this.patience = SHORTCUT_AGAIN;
      stride = Math.min(stride * 2, MAX_STRIDE);
      looksToSkip = stride;
      return;
    }
    stride = 1;
    looksToSkip = debt;
    this.goDown();
  }

  private goDown(): void {
    this.patience = SHORTCUT_PAYS;
    const { frames, problem } = collect(this.iter);
    if (problem !== undefined || frames.length === 1) return;
    const below = (this.below ??= []);
    for (let i = frames.length - 1; i > 0; i--) below.push(frames[i] as Frame);
    this.iter = frames[0] as Frame;
  }

  /**
   * Whether a chain that is about to be resumed is deep, and made of generators only. To take hold of the frames of one
   * with an iterator made by hand in it could end it: where that has no `throw`, the engine throws an error of its own.
   */
  private deepEnough(): boolean {
    const { wait } = this;
    // As if it were still waiting: an iterator made by hand may step the wait without passing on that this is a probe.
    const settled = wait !== null && (wait.state === GRANTED || wait.state === REFUSED) ? wait.state : 0;
    if (settled !== 0) (wait as Wait).state = PARKED;
    const { state, done } = CHECKPOINT;
    CHECKPOINT.state = PARKED;
    CHECKPOINT.done = false;
    try {
      return generatorsAbove(this.iter, PROBE) >= SHORTCUT_DEPTH;
    } finally {
      CHECKPOINT.state = state;
      CHECKPOINT.done = done;
      if (settled !== 0) (wait as Wait).state = settled;
    }
  }

  // ---- looking in -------------------------------------------------------------------------------------------------

  /** The frames of this fiber where it waits, innermost first. Only for one that is parked or ready. */
  suspendedStack(): StackFrame[] {
    const frames = probeFrames(this.below === null ? this.iter : (this.below[0] as Frame), PROBE);
    for (let seg = this.seg; seg !== null; seg = seg.parent) {
      const root = seg.outerBelow === null ? seg.outer : (seg.outerBelow[0] as Frame);
      if (root !== null) frames.push(...probeFrames(root, PROBE));
    }
    return frames.filter((frame) => frame.name !== rondoThrough.name);
  }
}

const CAUGHT_BY_MISTAKE =
  "a `catch` ran for a cancellation: an iterator made by hand stands in the coroutine and has no `throw`; give it one that passes the error on";

/** What a frame that was returned ends in, unless a `return` in a `finally` has given a value. */
function isNothing(value: unknown): boolean {
  return value === GONE || value === undefined;
}

let pendingRaise: unknown;
function takeRaise(): unknown {
  const error = pendingRaise;
  pendingRaise = undefined;
  return error;
}

/** The `return` of a frame that was given up. */
function alreadyGone(value: unknown): IteratorResult<never, unknown> {
  return { done: true, value };
}

/** After something that may have stepped other fibers inside a step of somebody's: goes on with that. */
export function backTo(stepper: Stepper | null, fuel: number): void {
  kernel.stepper = stepper;
  // It may have been cancelled meanwhile, and meets that at its next wait, even one that could complete at once.
  kernel.fuel = stepper === null || (stepper.stepped.bits & INTERRUPTED) !== 0 ? 0 : fuel;
}

function misused(wait: Wait): Error {
  const whose = wait.state === PARKED ? "another coroutine is waiting on it" : "it is over";
  return new Error(
    `${describeWait(wait)} was used twice (${whose}): a generator or a Wait can be run by one task only, make one for each`,
  );
}
