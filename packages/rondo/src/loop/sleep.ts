/**
 * Time: sleeping, and letting the others run. A sleep is a wait that is its own timer.
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { CHECKPOINT, defineKind, describeWait, Wait, type Waiter } from "../coroutine/wait.ts";
import type { Loop } from "./loop.ts";

/** The loop whose task runs now. */
export function currentLoop(what: string): Loop {
  const fiber = kernel.current;
  const loop = fiber === null ? undefined : (fiber.loop as Loop | undefined);
  if (loop === undefined)
    throw new Error(`${what} was called outside a task: it works only inside run(), where there is a loop`);
  return loop;
}

/** Checks a duration: a number of ms that is not negative and not NaN. Infinity is for ever. */
export function checkMs(ms: unknown, what: string): number {
  if (typeof ms !== "number" || !(ms >= 0)) {
    throw new RangeError(
      `${what} takes a time in ms that is 0 or more, not ${typeof ms === "string" ? JSON.stringify(ms) : String(ms)}`,
    );
  }
  return ms;
}

/** Checks a point in time of the loop's clock, in ms. The past is allowed. */
export function checkAt(at: unknown, what: string): number {
  if (typeof at !== "number" || Number.isNaN(at)) {
    throw new RangeError(
      `${what} takes a time of now() in ms, not ${typeof at === "string" ? JSON.stringify(at) : String(at)}`,
    );
  }
  return at;
}

const SLEEP = defineKind({
  label: "sleep",
  begin(wait) {
    const loop = loopOf(wait);
    setSleep(wait, loop, loop.host.now() + (wait.arg as number));
  },
  abort: stopSleep,
});

const SLEEP_UNTIL = defineKind({
  label: "sleep",
  begin(wait) {
    setSleep(wait, loopOf(wait), wait.arg as number);
  },
  abort: stopSleep,
});

/** The loop on which a wait begins: that of its waiter, or says that there is none. */
export function loopOf(wait: Wait, waiter: Waiter = wait.waiter as Waiter): Loop {
  const loop = waiter.loop as Loop | undefined;
  if (loop === undefined)
    throw new Error(
      `${describeWait(wait)} needs a loop: it works only inside run(), not in a coroutine stepped by hand`,
    );
  return loop;
}

function setSleep(wait: Wait, loop: Loop, at: number): void {
  // For ever is no timer: nothing would ever fire it, and a program in which all sleep for ever is deadlocked.
  if (at === Infinity) return;
  loop.timers.set(wait, at);
  if (kernel.tap !== null) tell("timerSet", wait, at);
}

function stopSleep(wait: Wait): boolean {
  loopOf(wait).timers.remove(wait);
  return true;
}

/**
 * Waits for `ms` milliseconds of the loop's clock. `sleep(0)` lets the others run, `sleep(Infinity)` waits to be
 * cancelled. A switch point, always.
 *
 * Throws a `RangeError` at once where `ms` is negative or NaN.
 *
 * @example
 * ```ts
 * import { now, run, sleep, VirtualHost } from "rondo";
 *
 * await run(
 *   function* () {
 *     yield* sleep(60_000);
 *     console.log(now()); // prints: 60000
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function sleep(ms: number): Wait<void> {
  return new Wait<void>(SLEEP, null, checkMs(ms, "sleep"));
}

/**
 * Waits until `now()` is `at` (ms of the loop's clock). A time that has passed lets the others run once. A switch
 * point, always.
 *
 * @example
 * ```ts
 * import { now, run, sleepUntil, VirtualHost } from "rondo";
 *
 * await run(
 *   function* () {
 *     const start = now();
 *     for (let i = 1; i <= 3; i++) yield* sleepUntil(start + i * 100); // no drift
 *     console.log(now() - start); // prints: 300
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function sleepUntil(at: number): Wait<void> {
  return new Wait<void>(SLEEP_UNTIL, null, checkAt(at, "sleepUntil"));
}

/**
 * Lets every other task that is ready run once. A switch point, always; it costs no allocation. Put one into loops
 * that compute for long.
 *
 * @example
 * ```ts
 * import { all, checkpoint, run } from "rondo";
 *
 * function* count(name: string) {
 *   for (let i = 1; i <= 2; i++) {
 *     console.log(name, i);
 *     yield* checkpoint();
 *   }
 * }
 * await run(() => all([count("a"), count("b")]));
 * // prints: a 1
 * // prints: b 1
 * // prints: a 2
 * // prints: b 2
 * ```
 */
export function checkpoint(): Wait<void> {
  return CHECKPOINT;
}

/**
 * The loop's clock: monotonic, in ms, from an origin of the host's own. Virtual where time is. Works inside `run()`
 * only. Not a switch point.
 *
 * @example
 * ```ts
 * import { now, run, sleep, VirtualHost } from "rondo";
 *
 * await run(
 *   function* () {
 *     const start = now();
 *     yield* sleep(250);
 *     console.log(now() - start); // prints: 250
 *   },
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function now(): number {
  return currentLoop("now()").host.now();
}
