/**
 * What must hold in a simulated world: always, never, sometimes, or before long.
 *
 * A property is a plain function that is asked between steps: it sees every moment, also those in which no task would look,
 * and it cannot wait. Whatever goes wrong with one is the failure of the run, also where the program under test would have
 * caught an error: it is kept here, not only thrown.
 *
 * `sometimes` is the odd one, and the most useful: it fails a whole campaign in which something never came to pass, for
 * then the other properties were tested less than it seems. (The idea is FoundationDB's and Antithesis'; `liveness` is that of
 * TigerBeetle's simulator.)
 */
import type { Wait } from "../coroutine/wait.ts";
import type { Timed, Timers } from "../loop/timers.ts";
import { suspend } from "../task/suspend.ts";
import { showValue } from "./values.ts";

/** What is asked of a property: true where it holds; false, or what is wrong in words, where it does not. */
export type Condition = () => boolean | string;

/** What a property was, for whom it may concern. */
export type PropertyKind = "always" | "sometimes" | "eventually" | "unreachable" | "liveness";

/**
 * A property does not hold. The message says which, when and why.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { PropertyError, simulate } from "rondo/sim";
 *
 * const run = simulate({}, function* (world) {
 *   let balance = 10;
 *   world.always("no overdraft", () => balance >= 0 || `the balance is ${balance}`);
 *   yield* sleep(5);
 *   balance -= 20;
 *   yield* sleep(5);
 * });
 * console.log(run.error instanceof PropertyError, (run.error as PropertyError).property); // prints: true no overdraft
 * console.log((run.error as Error).message);
 * // prints: "no overdraft" must always hold, and does not at 5 ms (step 2): the balance is -10
 * ```
 */
export class PropertyError extends Error {
  override readonly name: string = "PropertyError";
  readonly kind: PropertyKind;
  /** Its name. */
  readonly property: string;
  /** When it was seen, in ms of the world's time, and after how many steps. */
  readonly time: number;
  readonly step: number;

  constructor(
    kind: PropertyKind,
    property: string,
    at: { readonly time: number; readonly steps: number },
    says: string,
    options?: ErrorOptions,
  ) {
    super(says, options);
    this.kind = kind;
    this.property = property;
    this.time = at.time;
    this.step = at.steps;
  }
}

/** The world as properties see it. */
export interface PropertyWorld {
  readonly time: number;
  readonly steps: number;
  readonly events: Timers<Timed>;
  /** Is called after each step, while there is anything to ask. */
  afterStep: (() => void) | null;
  /** Ends the run with this failure; the first one counts. */
  fail(error: unknown): void;
}

/** Something that is asked after every step. */
interface Watch {
  readonly kind: PropertyKind;
  readonly name: string;
  readonly condition: Condition;
}

/** Something that is to come to pass in time. */
class Promised implements Watch, Timed {
  slot: number;
  readonly kind: PropertyKind;
  readonly name: string;
  readonly condition: Condition;
  readonly within: number;
  /** When it was asked for. */
  readonly since: number;
  /** Undefined while it is open. */
  outcome: "held" | "failed" | undefined;
  /** What it says of itself, where it does. */
  says: string;
  waiters: (() => void)[];
  private readonly due: (promised: Promised) => void;

  constructor(watch: Watch, within: number, since: number, due: (promised: Promised) => void) {
    this.slot = -1;
    this.kind = watch.kind;
    this.name = watch.name;
    this.condition = watch.condition;
    this.within = within;
    this.since = since;
    this.outcome = undefined;
    this.says = "";
    this.waiters = [];
    this.due = due;
  }

  fire(): void {
    this.due(this);
  }
}

/** The properties of one run. */
export class Properties {
  /** How often each `sometimes` held, by name; 0 where it was asked and never did. */
  readonly seen: Map<string, number>;
  private readonly world: PropertyWorld;
  private watches: Watch[];
  private promised: Promised[];
  private failure: PropertyError | null;

  constructor(world: PropertyWorld) {
    this.seen = new Map();
    this.world = world;
    this.watches = [];
    this.promised = [];
    this.failure = null;
  }

  /** See `World.always`. */
  always(name: string, condition: boolean | Condition, detail?: string): () => void {
    if (typeof condition !== "function") {
      if (condition !== true && condition !== false) throw notACondition("always", name, condition);
      if (!condition) throw this.violated("always", name, detail);
      return () => undefined;
    }
    const watch: Watch = { kind: "always", name, condition };
    if (!this.check(watch)) throw this.failure as PropertyError;
    this.watches = [...this.watches, watch];
    this.listen();
    return () => {
      this.watches = this.watches.filter((one) => one !== watch);
      this.listen();
    };
  }

  /** See `World.sometimes`. */
  sometimes(name: string, condition: boolean): void {
    if (typeof condition !== "boolean") throw notACondition("sometimes", name, condition);
    this.seen.set(name, (this.seen.get(name) ?? 0) + (condition ? 1 : 0));
  }

  /** See `World.unreachable`. */
  unreachable(name: string, detail?: string): never {
    throw this.violated("unreachable", name, detail);
  }

  /** See `World.eventually` and `World.liveness`. */
  eventually(kind: "eventually" | "liveness", name: string, within: number, condition: Condition): Wait<void> {
    if (!(within >= 0)) throw new RangeError(`"${name}" needs a time within which it must hold, in ms, not ${within}`);
    if (typeof condition !== "function") throw notACondition(kind, name, condition);
    const promised = new Promised({ kind, name, condition }, within, this.world.time, (due) => this.fallDue(due));
    this.promised = [...this.promised, promised];
    if (within < Infinity) this.world.events.set(promised, this.world.time + within);
    this.look(promised);
    this.listen();
    return suspend<void>((wake) => {
      if (promised.outcome === "held") {
        wake();
        return undefined;
      }
      promised.waiters.push(wake);
      return () => {
        promised.waiters = promised.waiters.filter((one) => one !== wake);
        return true;
      };
    }, `eventually "${name}"`);
  }

  /** A step is over: asks whatever is to be asked after each. The world calls it through `afterStep`. */
  afterStep(): void {
    for (const watch of this.watches) if (!this.check(watch)) return;
    for (const promised of this.promised) this.look(promised);
  }

  /** The body has ended: what has not come to pass will not any more. Nothing is asked from here on. */
  end(): void {
    for (const promised of this.promised) {
      this.look(promised);
      if (promised.outcome === undefined) this.broken(promised, "the run ended before it did");
    }
    this.watches = [];
    this.listen();
  }

  private listen(): void {
    const any = this.watches.length > 0 || this.promised.length > 0;
    this.world.afterStep = any ? () => this.afterStep() : null;
  }

  private check(watch: Watch): boolean {
    const answer = this.ask(watch);
    if (answer === true) return true;
    if (answer !== undefined) this.violated(watch.kind, watch.name, answer === false ? undefined : answer);
    return false;
  }

  private look(promised: Promised): void {
    if (promised.outcome !== undefined) return;
    const answer = this.ask(promised);
    if (answer === undefined) promised.outcome = "failed";
    else if (answer === true) {
      promised.outcome = "held";
      this.promised = this.promised.filter((one) => one !== promised);
      this.world.events.remove(promised);
      this.listen();
      for (const wake of promised.waiters) wake();
    } else promised.says = answer === false ? "" : answer;
  }

  private fallDue(promised: Promised): void {
    this.look(promised);
    if (promised.outcome === undefined) this.broken(promised, "it did not");
  }

  private broken(promised: Promised, how: string): void {
    const { kind, name, within, since, says } = promised;
    promised.outcome = "failed";
    const time = within === Infinity ? "some day" : `within ${within} ms of ${rounded(since)} ms`;
    this.fail(kind, name, `had to hold ${time}, and ${how}`, says === "" ? undefined : says);
  }

  /** What a condition says; undefined where it failed to say anything, which has been told. */
  private ask(watch: Watch): boolean | string | undefined {
    let answer: unknown;
    try {
      answer = watch.condition();
    } catch (error) {
      this.fail(watch.kind, watch.name, "threw", error instanceof Error ? error.message : showValue(error), error);
      return undefined;
    }
    if (typeof answer === "boolean" || typeof answer === "string") return answer;
    this.fail(watch.kind, watch.name, "gave no answer", notACondition(watch.kind, watch.name, answer).message);
    return undefined;
  }

  private violated(kind: PropertyKind, name: string, detail: string | undefined): PropertyError {
    return this.fail(
      kind,
      name,
      kind === "unreachable" ? "must never be reached, and was" : "must always hold, and does not",
      detail,
    );
  }

  private fail(
    kind: PropertyKind,
    name: string,
    what: string,
    detail: string | undefined,
    cause?: unknown,
  ): PropertyError {
    const { time, steps } = this.world;
    const says = `"${name}" ${what} at ${rounded(time)} ms (step ${steps})${detail === undefined ? "" : `: ${detail}`}`;
    const error = new PropertyError(kind, name, this.world, says, cause === undefined ? undefined : { cause });
    this.failure ??= error;
    this.world.fail(error);
    return error;
  }
}

/** Nobody wants to read the thirteenth digit of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function notACondition(kind: PropertyKind, name: string, given: unknown): TypeError {
  const iterates = typeof given === "object" && given !== null && Symbol.iterator in given;
  return new TypeError(
    `the condition of ${kind} "${name}" must give true, false or what is wrong in words, not ` +
      `${iterates ? "an operation: it is asked between steps and cannot wait" : showValue(given)}`,
  );
}

/**
 * What `sometimes` saw in all the runs of a campaign.
 *
 * @example
 * ```ts
 * import { Sightings } from "rondo/sim";
 *
 * const sightings = new Sightings();
 * sightings.add(new Map([["the queue was full", 0], ["a retry", 2]]));
 * sightings.add(new Map([["a retry", 1]]));
 * console.log(sightings.missed); // prints: [ 'the queue was full' ]
 * ```
 */
export class Sightings {
  private readonly seen: Map<string, number>;

  constructor() {
    this.seen = new Map();
  }

  /** Adds what one run saw (`run.sometimes`). */
  add(seen: Iterable<readonly [string, number]>): void {
    for (const [name, times] of seen) this.seen.set(name, (this.seen.get(name) ?? 0) + times);
  }

  /** How often each was seen, in all runs. */
  get counts(): ReadonlyMap<string, number> {
    return this.seen;
  }

  /** What was asked for and never seen. */
  get missed(): readonly string[] {
    return [...this.seen].flatMap(([name, times]) => (times === 0 ? [name] : []));
  }
}
