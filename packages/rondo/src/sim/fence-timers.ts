/**
 * `setTimeout` and its kin in virtual time, and what is to happen "soon".
 *
 * A timer stands among those of the loop that runs, beside its sleeps: so it goes by the clock of its node, waits while the
 * node is paused, is forgotten in a crash, and is found by the search for leaks. What was set outside every node (in a
 * callback of the world's own) stands among the world's events.
 *
 * `queueMicrotask`, `process.nextTick`: the call becomes a step of the node's loop, in line with its tasks. On a real host
 * it would come after all tasks that are ready, here the schedule may put it before some of them: whoever relies on either
 * is told.
 */
import { kernel } from "../coroutine/kernel.ts";
import type { Loop, Runnable } from "../loop/loop.ts";
import type { Timed } from "../loop/timers.ts";
import { type Fenced, fences } from "./fence-core.ts";

type Callback = (...args: unknown[]) => unknown;

/** Whose callback runs now: the kernel knows only tasks. */
let calling: Loop | null = null;

/** The loop of the node that runs now, or null. */
export function runningLoop(): Loop | null {
  return (kernel.current?.loop as Loop | undefined) ?? calling;
}

/** Calls what was set to be called; a throw does not go through the world. */
function call(fenced: Fenced, loop: Loop | null, callback: Callback, args: readonly unknown[]): void {
  const outer = calling;
  calling = loop;
  try {
    callback(...args);
  } catch (error) {
    fenced.uncaught(error, loop);
  } finally {
    calling = outer;
  }
}

/** Node's limits: what is no time, or too long, is 1 ms. */
const LONGEST = 2 ** 31 - 1;

function delayOf(ms: unknown): number {
  const delay = Number(ms);
  return delay >= 1 && delay <= LONGEST ? Math.trunc(delay) : 1;
}

/** Where handles are numbers, as in browsers and in `clearTimeout(Number(timer))`: by number. */
const numbered: Map<number, SimTimer> = new Map();
let lastNumber = 0;

/** A run is over: what it has set is nothing to anybody. */
export function forgetTimers(): void {
  if (lastNumber === 0) return;
  numbered.clear();
  lastNumber = 0;
}

/** Real handles are objects on Node and numbers everywhere else. */
const NUMBERS: boolean = typeof process === "undefined" || process.versions?.node === undefined;

/** What `setTimeout` gives in a run: the face of Node's `Timeout`. */
export class SimTimer implements Timed {
  slot: number;
  private readonly fenced: Fenced;
  private readonly loop: Loop | null;
  private readonly callback: Callback;
  private readonly args: readonly unknown[];
  private readonly delay: number;
  private readonly repeats: boolean;
  private held: boolean;
  private number: number;

  constructor(fenced: Fenced, callback: Callback, args: readonly unknown[], delay: number, repeats: boolean) {
    this.slot = -1;
    this.fenced = fenced;
    this.loop = runningLoop();
    this.callback = callback;
    this.args = args;
    this.delay = delay;
    this.repeats = repeats;
    this.held = true;
    this.number = 0;
    this.set();
  }

  private set(): void {
    const { loop, fenced } = this;
    if (loop === null) fenced.clockwork.events.set(this, fenced.clockwork.time + this.delay);
    else {
      loop.timers.set(this, loop.host.now() + this.delay);
      if (!this.held) loop.weak++;
    }
  }

  /** @internal Its time has come. */
  fire(): void {
    if (!this.held && this.loop !== null) this.loop.weak--;
    if (this.repeats) this.set();
    else numbered.delete(this.number);
    // A run within the run, or one that is over, leaves no timer behind that could be meant for this one.
    if (fences.up === this.fenced) call(this.fenced, this.loop, this.callback, this.args);
  }

  /** @internal */
  clear(): void {
    const { loop, fenced } = this;
    numbered.delete(this.number);
    if (loop === null) fenced.clockwork.events.remove(this);
    else if (loop.timers.remove(this) && !this.held) loop.weak--;
  }

  close(): this {
    this.clear();
    return this;
  }

  /** Begins its time anew. */
  refresh(): this {
    this.clear();
    this.set();
    return this;
  }

  ref(): this {
    return this.hold(true);
  }

  unref(): this {
    return this.hold(false);
  }

  hasRef(): boolean {
    return this.held;
  }

  private hold(held: boolean): this {
    if (this.held !== held && this.loop !== null && this.slot >= 0) this.loop.weak += held ? -1 : 1;
    this.held = held;
    return this;
  }

  [Symbol.toPrimitive](): number {
    if (this.number === 0) {
      this.number = ++lastNumber;
      if (this.slot >= 0) numbered.set(this.number, this);
    }
    return this.number;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

function setTimer(fenced: Fenced, callback: unknown, delay: number, args: unknown[], repeats: boolean): unknown {
  if (typeof callback !== "function")
    throw new TypeError(`a timer takes a function to call, not ${callback === null ? "null" : typeof callback}`);
  const timer = new SimTimer(fenced, callback as Callback, args, delay, repeats);
  return NUMBERS ? Number(timer) : timer;
}

export function simTimeout(fenced: Fenced, callback: unknown, ms: unknown, args: unknown[]): unknown {
  return setTimer(fenced, callback, delayOf(ms), args, false);
}

export function simInterval(fenced: Fenced, callback: unknown, ms: unknown, args: unknown[]): unknown {
  return setTimer(fenced, callback, delayOf(ms), args, true);
}

/** After everything that is ready now, at the same time. */
export function simImmediate(fenced: Fenced, callback: unknown, args: unknown[]): unknown {
  return setTimer(fenced, callback, 0, args, false);
}

/** Clears a timer of a run; false where it is none. */
export function simClear(handle: unknown): boolean {
  const timer = handle instanceof SimTimer ? handle : numbered.get(Number(handle));
  if (timer === undefined) return false;
  timer.clear();
  return true;
}

/** A call as a step of its node. */
class Soon implements Runnable, Timed {
  readonly name: string;
  /** In the run queue it stands among tasks, whose numbers begin with 1: this is none. */
  readonly id = 0;
  slot: number;
  private readonly fenced: Fenced;
  private readonly loop: Loop | null;
  private readonly callback: Callback;
  private readonly args: readonly unknown[];

  constructor(name: string, fenced: Fenced, loop: Loop | null, callback: Callback, args: readonly unknown[]) {
    this.name = name;
    this.slot = -1;
    this.fenced = fenced;
    this.loop = loop;
    this.callback = callback;
    this.args = args;
  }

  /** What is caused in it is caused by no task. */
  step(): void {
    const { stepper } = kernel;
    kernel.stepper = null;
    try {
      this.fire();
    } finally {
      kernel.stepper = stepper;
    }
  }

  fire(): void {
    if (fences.up === this.fenced) call(this.fenced, this.loop, this.callback, this.args);
  }
}

/** Calls `callback` in a step of its own: a microtask, a tick, the callback of something that is done at once. */
export function simSoon(fenced: Fenced, name: string, callback: unknown, args: readonly unknown[]): void {
  if (typeof callback !== "function") throw new TypeError(`${name} takes a function to call, not ${typeof callback}`);
  const loop = runningLoop();
  const soon = new Soon(name, fenced, loop, callback as Callback, args);
  if (loop === null) fenced.clockwork.events.set(soon, fenced.clockwork.time);
  else loop.ready(soon);
}
