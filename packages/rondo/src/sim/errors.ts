/** What a simulated run ends in, beside the errors of the program itself. */

/**
 * A run did more than it was allowed to: it may never end. The message says what everybody was doing.
 *
 * @example
 * ```ts
 * import { checkpoint } from "rondo";
 * import { SimBudgetError, simulate } from "rondo/sim";
 *
 * const run = simulate({ maxSteps: 1000 }, function* () {
 *   for (;;) yield* checkpoint();
 * });
 * console.log(run.ok, run.error instanceof SimBudgetError); // prints: false true
 * ```
 */
export class SimBudgetError extends Error {
  override readonly name: string = "SimBudgetError";
  /** Which budget: `steps` or `time`. */
  readonly budget: "steps" | "time";

  constructor(budget: "steps" | "time", spent: string, doing: string) {
    super(
      `the run was given up: ${spent} and it had not ended. If that is no endless loop, allow it more ` +
        `(${budget === "steps" ? "maxSteps" : "maxVirtual"}). What it was doing:\n${doing}`,
    );
    this.budget = budget;
  }
}

/**
 * A program ended and left something behind. The message says what.
 *
 * @example
 * ```ts
 * import { LeakError } from "rondo/sim";
 *
 * console.log(new LeakError("server", ["listener tcp 10.0.0.1:80"]).message);
 * // prints: the program of server has ended and left behind: listener tcp 10.0.0.1:80
 * ```
 */
export class LeakError extends Error {
  override readonly name: string = "LeakError";
  readonly node: string;
  readonly left: readonly string[];

  constructor(node: string, left: readonly string[]) {
    super(`the program of ${node} has ended and left behind: ${left.join(", ")}`);
    this.node = node;
    this.left = left;
  }
}

/** What was thrown, as text, whatever it is. */
export function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    // A getter of its own that throws, or something that does not become text.
    return "something that does not say what it is";
  }
}
