/**
 * Taking hold of the frames of a coroutine.
 *
 * A suspended coroutine is a chain: the outermost generator waits in `yield*` on the next one, and so on down to the
 * leaf wait. Only the outermost is known to the kernel. To unwind a chain properly (see fiber.ts) each frame must be
 * returned by itself, innermost first, and JavaScript offers no way to ask a generator what it delegates to. But
 * `yield*` looks `throw` up on its delegate every time it is used, unlike `next`, which it caches. So for the length
 * of one synchronous call the kernel puts its own function in place of `%GeneratorPrototype%.throw` and calls
 * `throw(COLLECT)` on the outermost: each nested generator passes by and is noted, and the leaf wait answers itself,
 * so that all stay suspended. No user code runs in between.
 */
import { forgetLineless, generatorsAbove, rememberLineless, writeLines } from "./stack.ts";
import { COLLECT, OFFERED, PROBE, Wait } from "./wait.ts";

/** A frame: something the kernel can step and return. In all but odd cases a generator. */
export interface Frame {
  next(sent?: unknown): unknown;
  return?(value?: unknown): unknown;
  throw?(error?: unknown): unknown;
}

interface GeneratorLike {
  next(this: unknown, sent?: unknown): unknown;
  return(this: unknown, value?: unknown): unknown;
  throw(this: unknown, error?: unknown): unknown;
}

function* sample(): Generator<never, void, unknown> {}
/** Every generator object of this realm inherits from this one. */
export const GeneratorPrototype: GeneratorLike = Object.getPrototypeOf(sample.prototype);

/** The outermost frame that passed by, and those inside it where there are any: most chains that are unwound are one frame. */
let outermost: Frame | null = null;
let inner: Frame[] | null = null;
const nativeThrow = GeneratorPrototype.throw as (this: unknown, error: unknown) => unknown;

function noteAndThrow(this: Frame, error: unknown): unknown {
  if (error === COLLECT) {
    if (outermost === null) outermost = this;
    else if (inner === null) inner = [this];
    else inner.push(this);
  }
  return nativeThrow.call(this, error);
}

/**
 * Throws an error of the kernel's own into a chain, with the lines on it on which the chain stands. They are written down
 * on the way in, since the error was not made there: at each generator those of its callers, at a wait its own too.
 */
export function throwAtLine(root: Frame, error: Error): unknown {
  const proto = GeneratorPrototype;
  const held = proto.throw;
  try {
    proto.throw = noteLineAndThrow;
  } catch {
    // Frozen intrinsics: the error is thrown where it belongs, without the lines.
    return nativeThrow.call(root, error);
  }
  try {
    return rondoThrow(root, error);
  } finally {
    proto.throw = held;
    forgetLineless();
  }
}

/** Named so that its own frame, and what is below it, can be cut away. */
function rondoThrow(root: Frame, error: Error): unknown {
  rememberLineless(error);
  return noteLineAndThrow.call(root, error);
}

function noteLineAndThrow(this: unknown, error: unknown): unknown {
  writeLines(error, noteLineAndThrow);
  return nativeThrow.call(this, error);
}

/** What `collect` found: the frames, innermost first, or why they could not be had. */
export interface Collected {
  /** Null stands for `root` itself, where it is the only one. */
  readonly frames: readonly (Frame | null)[];
  /** Set where the chain cannot be trusted; the frames are then only the outermost one. */
  readonly problem: string | undefined;
  /**
   * The chain stands at another wait than the one it parked on: the engine has thrown into it on the way, since an
   * iterator in it has no `throw`, and a `catch` has taken that for an error.
   */
  readonly caught: boolean;
}

const NONE: Collected = { frames: [], problem: undefined, caught: false };
/** One frame, as most have that are unwound: nothing has to be made for it. */
export const ALONE: Collected = { frames: [null], problem: undefined, caught: false };

/** The frames from `root` down to its leaf wait, innermost first. */
export function collect(root: Frame): Collected {
  if (root instanceof Wait) return NONE;
  const proto = GeneratorPrototype;
  if (!Object.prototype.isPrototypeOf.call(proto, root)) {
    return { frames: [root], problem: "its outermost frame is no generator of this realm", caught: false };
  }
  const held = proto.throw;
  try {
    proto.throw = noteAndThrow;
  } catch {
    // Frozen intrinsics (SES, Deno's --frozen-intrinsics): there is no way to see the inner frames.
    return {
      frames: [root],
      problem: "the intrinsics are frozen, so the frames inside it cannot be reached",
      caught: false,
    };
  }
  try {
    const answer: unknown = noteAndThrow.call(root, COLLECT);
    const clean = answer instanceof Wait && !answer.done;
    if (clean && inner === null && answer.state !== OFFERED) {
      outermost = null;
      return ALONE;
    }
    return {
      frames: takeNoted(),
      problem: clean ? undefined : "an iterator in it answered `throw` by itself",
      caught: clean && answer.state === OFFERED,
    };
  } catch (error) {
    return {
      frames: takeNoted(),
      problem:
        error === COLLECT
          ? "a frame in it was not suspended at a wait"
          : "an iterator in it has no `throw`, so what is inside it cannot be unwound",
      caught: false,
    };
  } finally {
    proto.throw = held;
  }
}

/** The frames that passed by, innermost first. */
function takeNoted(): Frame[] {
  const first = outermost as Frame;
  const frames = inner;
  outermost = null;
  inner = null;
  if (frames === null) return [first];
  frames.reverse().push(first);
  return frames;
}

/**
 * Why the frames inside `root` cannot be trusted to be the ones that `collect` finds: a generator of another realm
 * (another `vm` context, an iframe) has a `%GeneratorPrototype%` of its own, so it is not noted, but it is on the stack.
 */
export function hiddenFrames(root: Frame): string | undefined {
  if (root instanceof Wait) return undefined;
  // Looked at before it is taken hold of: an iterator without `throw` would make the engine throw into it.
  const depth = generatorsAbove(root, PROBE);
  if (depth === 0) return "an iterator made by hand stands in it";
  const { frames, problem } = collect(root);
  if (problem !== undefined) return problem;
  return depth > frames.length ? "a generator of another realm stands in it" : undefined;
}
