/**
 * Coroutines by hand: no loop, no tasks, just generators that are started, stepped and finished. It is how the rest is
 * built, small enough to be tried at a prompt, and the place to learn what a coroutine is (after David Beazley's
 * course, where `send()` and `close()` do the same for Python).
 */
import type { Body } from "./body.ts";
import { backTo, Fiber, INTERRUPTED } from "./fiber.ts";
import { BODY, ERROR, Segment, UNWOUND } from "./segment.ts";
import { suppress } from "./errors.ts";
import { defineKind, GRANTED, PARKED, REFUSED, Wait } from "./wait.ts";
import { kernel, type Stepper } from "./kernel.ts";

/** Where a hand-driven coroutine stands. */
export type Stepped<T> =
  | { readonly done: false; readonly wait: Wait }
  | { readonly done: true; readonly value: T; readonly finished: boolean };

class Hand extends Fiber implements Stepper {
  name: string;
  ready = true;
  result: Stepped<unknown> | undefined;
  failure: { error: unknown } | undefined;
  finishing = false;

  constructor(body: Body, name: string) {
    super(body);
    this.name = name;
  }

  get loop(): undefined {
    return undefined;
  }
  get stepped(): this {
    return this;
  }
  wake(): void {
    this.ready = true;
  }
  interruption(from: Segment | null): object | null {
    for (let seg = from; seg !== null; seg = seg.parent) if (seg.phase !== BODY) return null;
    return this.finishing ? this : null;
  }
  finished(outcome: number, value: unknown): void {
    if (outcome === ERROR) this.failure = { error: value };
    else if (outcome === UNWOUND && value !== null) {
      const errors = value as unknown[];
      this.failure = { error: suppress(errors[0], errors) };
    } else this.result = { done: true, value: outcome === UNWOUND ? undefined : value, finished: outcome === UNWOUND };
  }
  baseSegment(): Segment {
    return new Segment(this, null);
  }
  cleanupWaits(): void {
    // no clock, no grace
  }
  cutShort(): null {
    return null;
  }
  recheck(): void {
    // `finishing` is for good
  }
  report(message: string): void {
    globalThis.console?.warn(`rondo: ${this.name}: ${message}`);
  }
}

/** A coroutine in your hand; see {@link start}. */
export interface Started<T> {
  readonly name: string;
  /** Only for the type: what it ends in. */
  readonly result: Stepped<T> | undefined;
}

/**
 * Takes a coroutine in hand, without running any of it.
 *
 * @example
 * ```ts
 * import { ask, start, step } from "rondo/coroutine";
 *
 * function* greet() {
 *   const name = yield* ask<string>("name");
 *   return `Hello, ${name}!`;
 * }
 * const coroutine = start(greet);
 * const first = step(coroutine);
 * if (!first.done) console.log(first.wait.label); // prints: name
 * console.log(step(coroutine, "Ada")); // prints: { done: true, value: 'Hello, Ada!', finished: false }
 * ```
 */
export function start<T>(
  body: Body<T>,
  name: string = typeof body === "function" ? body.name || "coroutine" : "coroutine",
): Started<T> {
  return new Hand(body, name) as unknown as Started<T>;
}

/**
 * Runs a coroutine up to its next wait, and tells which it is, or what it ended in. The wait it stood at gets `value`.
 * What the coroutine throws is thrown here.
 *
 * @example
 * ```ts
 * import { ask, start, step } from "rondo/coroutine";
 *
 * function* adder() {
 *   let sum = 0;
 *   for (;;) sum += yield* ask<number>(`so far ${sum}`);
 * }
 * const coroutine = start(adder);
 * for (const number of [undefined, 1, 2]) {
 *   const stepped = step(coroutine, number);
 *   if (!stepped.done) console.log(stepped.wait.label);
 * }
 * // prints: so far 0
 * // prints: so far 1
 * // prints: so far 3
 * ```
 */
export function step<T>(coroutine: Started<T>, value?: unknown): Stepped<T> {
  const hand = coroutine as unknown as Hand;
  if (hand.result !== undefined || hand.failure !== undefined) {
    throw new Error(`the coroutine "${hand.name}" has ended: it cannot be stepped again`);
  }
  if (kernel.current === hand) throw new Error(`the coroutine "${hand.name}" is running: it cannot step itself`);
  const wait = hand.wait;
  if (wait !== null && wait.state === PARKED) {
    wait.state = GRANTED;
    wait.value = value;
  }
  return advance(hand) as Stepped<T>;
}

/**
 * As {@link step}, but the wait it stood at fails with `error`, at its line.
 *
 * @example
 * ```ts
 * import { ask, fail, start, step } from "rondo/coroutine";
 *
 * function* careful() {
 *   try {
 *     return yield* ask<string>("word");
 *   } catch (error) {
 *     return `no word: ${(error as Error).message}`;
 *   }
 * }
 * const coroutine = start(careful);
 * step(coroutine);
 * console.log(fail(coroutine, new Error("silence"))); // prints: { done: true, value: 'no word: silence', finished: false }
 * ```
 */
export function fail<T>(coroutine: Started<T>, error: unknown): Stepped<T> {
  const hand = coroutine as unknown as Hand;
  const wait = hand.wait;
  if (wait === null || wait.state !== PARKED)
    throw new Error(`the coroutine "${hand.name}" stands at no wait that could fail`);
  wait.state = REFUSED;
  wait.value = error;
  return advance(hand) as Stepped<T>;
}

/**
 * Returns every frame of a coroutine, innermost first: its `finally` blocks run, its `catch` blocks do not. A cleanup
 * that waits is answered like any other wait: go on with {@link step} until it is done. Errors of cleanup are thrown.
 *
 * @example
 * ```ts
 * import { ask, finish, start, step } from "rondo/coroutine";
 *
 * function* inner() {
 *   try {
 *     yield* ask("work");
 *   } finally {
 *     yield* ask("inner cleanup");
 *   }
 * }
 * function* outer() {
 *   try {
 *     yield* inner();
 *   } finally {
 *     console.log("outer cleanup");
 *   }
 * }
 * const coroutine = start(outer);
 * step(coroutine);
 * const cleaning = finish(coroutine);
 * if (!cleaning.done) console.log(cleaning.wait.label); // prints: inner cleanup
 * console.log(step(coroutine).done);
 * // prints: outer cleanup
 * // prints: true
 * ```
 */
export function finish<T>(coroutine: Started<T>): Stepped<T> {
  const hand = coroutine as unknown as Hand;
  if (hand.result !== undefined) return hand.result as Stepped<T>;
  if (hand.finishing) throw new Error(`the coroutine "${hand.name}" is finishing already: go on with step()`);
  hand.finishing = true;
  hand.bits |= INTERRUPTED;
  const wait = hand.wait;
  if (wait !== null && wait.state === PARKED) wait.kind.abort(wait);
  return advance(hand) as Stepped<T>;
}

function advance(hand: Hand): Stepped<unknown> {
  const { stepper, fuel } = kernel;
  kernel.stepper = hand;
  try {
    do {
      hand.ready = false;
      hand.step();
    } while (hand.ready); // a checkpoint lets the others run: here there are none
  } finally {
    backTo(stepper, fuel);
  }
  if (hand.failure !== undefined) throw hand.failure.error;
  return hand.result ?? { done: false, wait: hand.wait as Wait };
}

const ASK = defineKind({ label: "ask", labelOf: (wait) => String(wait.arg) });

/**
 * A wait with a label and nothing behind it: whoever steps the coroutine answers it. For hand-driven coroutines; under
 * a loop nobody would.
 *
 * @example
 * ```ts
 * import { ask, start, step } from "rondo/coroutine";
 *
 * const coroutine = start(() => ask<number>("a number"));
 * step(coroutine);
 * console.log(step(coroutine, 42)); // prints: { done: true, value: 42, finished: false }
 * ```
 */
export function ask<T = unknown>(label: string): Wait<T> {
  return new Wait<T>(ASK, null, label);
}
