/**
 * Back-off: how long to wait before the next try.
 *
 * What fails at many clients at once (a server that restarts) must not be asked again by all of them at once, so a pause
 * grows and is drawn by chance. The chance is the host's (`Host.choose`) and never `Math.random`, so that a simulated run
 * can be replayed. It follows M. Brooker, "Exponential backoff and jitter" (AWS, 2015), who measured the forms below:
 * "full" costs the server least and the client little more.
 */
import { checkMs } from "../loop/sleep.ts";

/** A try that failed, as those see it who decide what comes next. */
export interface FailedTry {
  /** Which try it was: 1 for the first. */
  readonly attempt: number;
  readonly error: unknown;
  /** The pause before that try, in ms; 0 before the first. */
  readonly previous: number;
  /** A whole number from 0 to n - 1 by the chance of the host, where 0 is the tamest. */
  readonly draw: (n: number) => number;
}

/** Gives the pause before the next try in ms. Infinity means that there shall be none. */
export type Backoff = (failed: FailedTry) => number;

/** How {@link exponential} grows. */
export interface ExponentialOptions {
  /** The bound of the first pause, in ms. By default 100. */
  readonly base?: number | undefined;
  /** No pause is longer, in ms. By default 30,000. */
  readonly cap?: number | undefined;
  /** Each bound is so many times the one before. By default 2. */
  readonly factor?: number | undefined;
  /**
   * What is drawn by chance: `"full"` (the default) anything up to the bound; `"equal"` the upper half of it;
   * `"decorrelated"` between `base` and three times the pause before, whatever the try; `"none"` nothing.
   */
  readonly jitter?: "full" | "equal" | "decorrelated" | "none" | undefined;
}

/** A draw has so many outcomes; a finer one makes no difference to anybody. */
const STEPS = 1000;

/**
 * A pause that grows from try to try, drawn by chance. It is never 0: where the tamest chance is always taken (virtual time
 * without a seed) time passes all the same.
 *
 * Throws a `RangeError` where a time is no number of ms, or `factor` is below 1.
 *
 * @example
 * ```ts
 * import { exponential } from "rondo/net";
 *
 * const pause = exponential({ base: 100, cap: 1000 });
 * for (const attempt of [1, 2, 10]) {
 *   const error = new Error("refused");
 *   console.log(pause({ attempt, error, previous: 0, draw: (n) => n - 1 }));
 * }
 * // prints: 100
 * // prints: 200
 * // prints: 1000
 * ```
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const { base = 100, cap = 30_000, factor = 2, jitter = "full" } = options;
  checkMs(base, "the base of a back-off");
  checkMs(cap, "the cap of a back-off");
  if (!(factor >= 1)) throw new RangeError(`a back-off grows by a factor of 1 or more, not ${String(factor)}`);
  const between = (least: number, most: number, draw: FailedTry["draw"]): number =>
    least + (Math.max(0, most - least) * (draw(STEPS) + 1)) / STEPS;
  return ({ attempt, previous, draw }) => {
    const bound = Math.min(cap, base * factor ** (attempt - 1));
    switch (jitter) {
      case "full":
        return between(0, bound, draw);
      case "equal":
        return between(bound / 2, bound, draw);
      case "decorrelated":
        return Math.min(cap, between(base, Math.max(base, previous) * 3, draw));
      case "none":
        return bound;
    }
  };
}
