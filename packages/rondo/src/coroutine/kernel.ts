/**
 * The few words of state that every floor shares: which fiber is running, how much it may still do without
 * giving up its turn, and who is watching.
 *
 * There is one such record for a process and not one for a loop: JavaScript runs one thing at a time, so "the
 * running fiber" is a fact of the thread. It is an object and not a set of `let`s because V8 treats the fields of a
 * constant object as plain memory, and because other modules must be able to write them.
 */
import type { Fiber } from "./fiber.ts";
import type { Tap } from "./tap.ts";

/**
 * How many waits may complete at once within one step before the fiber has to let the others run. Without it a task
 * that always finds its lock free or its channel full would never give up the turn (trio #1757, curio's inline `recv`).
 */
export const FUEL = 128;

/** Whoever steps fibers, and knows which one: a loop's batch, or a coroutine in somebody's hand. */
export interface Stepper {
  readonly stepped: Fiber;
}

class Kernel {
  /** Waits that may still complete at once in this step; 0 outside a step and for a fiber that has been cancelled. */
  declare fuel: number;
  /** What `fuel` is at the start of a step: `FUEL`, unless a simulated world cuts a step short to see what happens. */
  declare ration: number;
  /**
   * Who steps now. The fiber itself is not noted: this record is old and most fibers are young, so noting each would have
   * the garbage collector told of it at each step, which was an eighth of a switch.
   */
  declare stepper: Stepper | null;
  /** The loop's clock as it was last read, in whole ms: good enough to tell since when somebody waits, and free. */
  declare clock: number;
  /** The observer, or null; see tap.ts. */
  declare tap: Tap | null;
  /** Where a probe leaves the stack it found; see stack.ts. */
  declare probed: string;

  constructor() {
    this.fuel = 0;
    this.ration = FUEL;
    this.stepper = null;
    this.clock = 0;
    this.tap = null;
    this.probed = "";
  }

  /** The fiber whose step this is. */
  get current(): Fiber | null {
    const { stepper } = this;
    return stepper === null ? null : stepper.stepped;
  }
}

export type { Kernel };
export const kernel: Kernel = new Kernel();

/**
 * Two copies of the runtime in one process would each have a kernel, and a wait of one could never be woken by the
 * other. The registry holds the version that came first, so that the second can say so instead of failing strangely.
 */
const COPIES = Symbol.for("rondo.runtime");
export const VERSION = "0.1.0";

interface CopyRegistry {
  [COPIES]?: { version: string; mark: object };
}

/** The mark that tells this copy's objects from another copy's; see `foreignWait` in wait.ts. */
export const copyMark: object = { version: VERSION };

const registry = globalThis as CopyRegistry;
registry[COPIES] ??= { version: VERSION, mark: copyMark };

/** The version of the other copy of the runtime in this process, if there is one. */
export function otherCopy(): string | undefined {
  const first = registry[COPIES];
  return first !== undefined && first.mark !== copyMark ? first.version : undefined;
}
