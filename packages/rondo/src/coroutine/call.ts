/**
 * The trampolined call: recursion without a bound.
 *
 * `yield* f()` nests a generator in a generator: about 40 ns a level each time it is resumed, and the engine's stack
 * overflows near 4,500 levels. `yield* call(f)` opens a segment instead: the kernel drives `f` from the outside, so
 * a resume costs the same at any depth and the depth is bounded by memory only.
 */
import { type Body, iteratorOf } from "./body.ts";
import type { Fiber } from "./fiber.ts";
import type { Frame } from "./frames.ts";
import { push, Segment } from "./segment.ts";
import { defineKind, type Operation, Wait } from "./wait.ts";

const CALL = defineKind({
  label: "call",
  enter(wait: Wait, fiber: Fiber): Frame {
    push(new Segment(fiber, wait));
    return iteratorOf(wait.arg);
  },
});

/**
 * Runs an operation as a call of its own, at any depth. Gives what it gives and throws what it throws. Entering is no
 * switch point.
 *
 * @example
 * ```ts
 * import { call, start, step, type Coroutine } from "rondo/coroutine";
 *
 * function* count(n: number): Coroutine<number> {
 *   return n === 0 ? 0 : 1 + (yield* call(() => count(n - 1)));
 * }
 * console.log(step(start(() => count(100_000)))); // prints: { done: true, value: 100000, finished: false }
 * ```
 */
export function call<T>(body: Body<T>): Operation<T> {
  return new Wait<T>(CALL, null, body);
}
