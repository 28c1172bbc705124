/**
 * The event loop. Read `turn()` first, then `drain()`: that is all of it.
 *
 * A turn takes the tasks that are ready and steps each once; whatever becomes ready meanwhile waits for the next turn.
 * That snapshot is what makes the loop fair: a task that makes itself ready again cannot come round before the others.
 * The snapshot is a mark in the run queue: what becomes ready stands behind it.
 *
 * A drain is turns until nothing is ready. It runs inside whatever host callback woke the loop, before that callback
 * returns: no promise, no extra macrotask. After its budget it hands over to the host once, so that I/O and timers are
 * served even while some task never stops.
 */
import { backTo } from "../coroutine/fiber.ts";
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { PASSING } from "../coroutine/wait.ts";
import type { Host, Report } from "./host.ts";
import { RunQueue } from "./run-queue.ts";
import { type Timed, Timers } from "./timers.ts";

/** What the run queue holds: a task. */
export interface Runnable {
  step(): void;
  /** For `choose()`, when the order is drawn. */
  readonly name: string;
}

/** How long a drain may go on before the host gets a turn, in ms. */
const BUDGET = 1;
/** The clock costs as much as a switch: it is read once in so many steps. A power of two. */
const STEPS_A_CLOCK = 64;

/** A timer within so many ms may be due after a few steps. */
const SOON = 2;

/**
 * How often microtasks in a row may wake the loop before it lets the host breathe: a task that waits for one settled
 * promise after the other must not keep I/O from being served.
 */
const MICROTASKS = 1000;

/** How many times so many steps a drain may go on while something outside is waited for. */
const ROUNDS = 256;

/** Loops that run now, for `snapshot()`. */
export const loops: Set<Loop> = new Set<Loop>();

/** What a turn found. */
export interface Turn {
  /** Tasks stepped. */
  readonly steps: number;
  /** Timers fired. */
  readonly timers: number;
  /** Tasks ready for the next turn. */
  readonly ready: number;
}

/**
 * An event loop. `run()` makes one and drives it; make your own to drive it turn by turn, for teaching, tests and
 * embedding.
 *
 * @example
 * ```ts
 * import { launch, Loop, sleep, VirtualHost } from "rondo";
 *
 * const loop = new Loop({ host: new VirtualHost() });
 * const task = launch(loop, function* main() {
 *   yield* sleep(10);
 *   return "slept";
 * });
 * console.log(loop.turn()); // prints: { steps: 1, timers: 0, ready: 0 }
 * console.log(task.state, task.waitingFor); // prints: waiting sleep
 * loop.drain();
 * console.log(task.state, loop.now()); // prints: done 10
 * ```
 */
export class Loop {
  readonly host: Host;
  readonly timers: Timers<Timed>;
  private readonly queue: RunQueue<Runnable>;
  /** Waits that only the world outside can end: I/O, promises, `suspend`. While there are any, nothing is deadlocked. */
  outside: number;
  /** Those outside who may cancel the program at any time (an `AbortSignal`): while there are any, it is not deadlocked. */
  followed: number;
  /** Timers that only watch (reports), and keep nothing alive. */
  weak: number;
  /** How long cleanup may take where no region says otherwise, in ms. */
  grace: number | undefined;
  /** Tasks that have not ended. */
  live: number;
  /** Which arm the next `select` looks at first; kept here so that a run does not depend on the one before it. */
  rotor: number;
  /** Turns so far. */
  turns: number;
  /** Steps so far. */
  steps: number;
  private draining: boolean;
  private kicked: boolean;
  /** Wakes by microtasks since the host had its turn, as far as is known here. */
  private microtasks: number;
  /** Called when every task waits for another one; whatever it makes ready goes on. */
  onDeadlock: (() => void) | null;
  /** The main task, for `snapshot()`; opaque on this floor. */
  root: object | null;
  /**
   * Some tasks run in contexts of their own: runs work in the one of the loop. Until then all are in that one, and what
   * they leave with promises and sockets comes back in it.
   */
  apart: ((work: () => void) => void) | null;
  /** The unfinished tasks as text, for the end of the process; filled in by the floors above. */
  describe: (() => string) | null;
  private detach: (() => void) | null;
  private readonly work: () => void;

  constructor(options: { host: Host }) {
    this.host = options.host;
    this.timers = new Timers<Timed>();
    this.queue = new RunQueue<Runnable>();
    this.outside = 0;
    this.followed = 0;
    this.weak = 0;
    this.grace = undefined;
    this.live = 0;
    this.rotor = 0;
    this.turns = 0;
    this.steps = 0;
    this.draining = false;
    this.kicked = false;
    this.microtasks = 0;
    this.onDeadlock = null;
    this.root = null;
    this.apart = null;
    this.describe = null;
    this.detach = null;
    this.work = () => this.drainNow();
  }

  /** The host's monotonic clock, in ms. */
  now(): number {
    return this.host.now();
  }

  /** Puts a task at the end of the run queue. It runs in the next turn, never inside this call. */
  ready(task: Runnable): void {
    this.queue.push(task);
    if (!this.draining && !this.kicked) this.kick();
    if (kernel.tap !== null) tell("ready", task, kernel.current);
  }

  /** How many tasks are ready. */
  get readyCount(): number {
    return this.queue.size;
  }

  /** One turn: step every task that is ready, then fire the timers that are due. For those who drive a loop by hand. */
  turn(): Turn {
    if (this.draining) {
      throw new Error(
        "a loop cannot be turned while it turns: turn() was called by one of its own tasks, or by its host",
      );
    }
    this.draining = true; // what becomes ready now waits for the next turn, and needs no kick
    kernel.clock = Math.floor(this.host.now());
    const { queue } = this;
    if (queue.turned) this.begin();
    const steps = queue.left;
    while (queue.left > 0) this.stepSome(queue.left, false);
    this.draining = false;
    const timers = this.timers.fireDue(this.host.now());
    return { steps, timers, ready: queue.size };
  }

  /** Turns until nothing is ready or the budget is spent; then the host has the word. Called by the host. */
  drain(): void {
    if (this.draining) return;
    this.kicked = false;
    this.draining = true;
    if (kernel.tap !== null) tell("pollEnd", this);
    try {
      const neutral: Loop["apart"] = this.host.neutral ?? this.apart;
      if (neutral === null) this.drainNow();
      else neutral(this.work);
    } finally {
      this.draining = false;
    }
    if (kernel.tap !== null) tell("pollBegin", this);
  }

  /**
   * For the reaction to a promise that was waited for on this loop: what becomes ready from here to `leave()` needs no
   * kick. False where one is on its way already, or the loop is at work; then there is nothing to leave.
   */
  enter(): boolean {
    if (this.draining || this.kicked) return false;
    this.kicked = true;
    return true;
  }

  /**
   * Runs what has become ready since `enter()`, at once: a reaction begins on an empty stack, and in the context in which
   * it was registered, which was this loop's own unless a task has one apart.
   */
  leave(): void {
    if (this.breathes()) return;
    this.kicked = false;
    this.draining = true;
    if (kernel.tap !== null) tell("pollEnd", this);
    try {
      if (this.apart === null) this.drainNow();
      else this.apart(this.work);
    } finally {
      this.draining = false;
    }
    if (kernel.tap !== null) tell("pollBegin", this);
  }

  /** After so many wakes by microtasks: the host's other business first. */
  private breathes(): boolean {
    if (++this.microtasks < MICROTASKS) return false;
    this.microtasks = 0;
    this.host.wakeSoon(this);
    return true;
  }

  private drainNow(): void {
    const { host, timers } = this;
    let clock = host.now();
    kernel.clock = Math.floor(clock);
    let end = clock + BUDGET;
    timers.fireDue(clock);
    let rounds = 0;
    for (;;) {
      const steps = this.stepSome(STEPS_A_CLOCK, true);
      // Most drains are a step or two for one event: then the clock is read again only if a timer may be due by now.
      if (steps === STEPS_A_CLOCK || this.readyCount > 0 || timers.earliest < clock + SOON) {
        clock = host.now();
        kernel.clock = Math.floor(clock);
        timers.fireDue(clock);
      }
      if (this.readyCount > 0) {
        // Not by the clock alone: a virtual one stands still while anything is ready, and somebody may wait for a promise.
        if (clock < end && (this.outside === 0 || ++rounds < ROUNDS)) continue;
        host.wakeSoon(this);
        return;
      }
      PASSING.value = undefined;
      // Twice: the first time the program is cancelled, and if even that moves nobody it is given up.
      for (let tries = 0; tries < 2 && this.stuck; tries++) this.onDeadlock?.();
      if (this.readyCount > 0) continue;
      // A loop without tasks, or without hope, leaves no timer behind in its host.
      if (!host.wakeAt(this, this.live === 0 || this.stuck ? Infinity : timers.earliest)) return;
      // The host has moved its clock by itself: that was no time spent here.
      clock = host.now();
      kernel.clock = Math.floor(clock);
      end = clock + BUDGET;
      timers.fireDue(clock);
    }
  }

  /** There are tasks, and nothing that could ever make one of them ready. */
  get stuck(): boolean {
    return (
      this.live > 0 &&
      this.outside === 0 &&
      this.followed === 0 &&
      this.timers.size === this.weak &&
      this.readyCount === 0
    );
  }

  /** A new turn, of all that are ready; false where nobody is. */
  private begin(): boolean {
    if (!this.queue.turn()) return false;
    this.turns++;
    if (this.host.shuffles) this.shuffle();
    return true;
  }

  /** Another order for this turn, as the host chooses. */
  private shuffle(): void {
    const { queue, host } = this;
    if (queue.left === 1) return;
    // Whoever is asked may look who runs: nobody does.
    const { stepper } = kernel;
    kernel.stepper = null;
    queue.reorder((n, first) => host.choose("schedule", n, first.name));
    kernel.stepper = stepper;
  }

  /** Steps tasks, at most `most`; into the next turns too, or to the end of this one. Gives how many. */
  private stepSome(most: number, onward: boolean): number {
    // A loop may be driven from inside a task of another one, which goes on afterwards.
    const { stepper, fuel } = kernel;
    const { queue } = this;
    let steps = 0;
    let task: Runnable | undefined;
    try {
      kernel.stepper = queue;
      while (steps < most) {
        if (queue.turned && !(onward && this.begin())) break;
        steps++;
        task = queue.take();
        task.step();
      }
    } catch (error) {
      // A step never throws what the program threw. This is a fault of the runtime or of a host, and it must not cost
      // the tasks behind it their turn.
      this.report({ kind: "host", message: `the step of "${task?.name}" failed`, error });
    }
    this.steps += steps;
    if (queue.turned) queue.rest();
    backTo(stepper, fuel);
    return steps;
  }

  /** Tells the host something that is nobody's error to catch. Never throws: whoever reports has work to finish. */
  report(report: Report): void {
    try {
      this.host.report(report);
    } catch (error) {
      globalThis.console?.error("rondo: the host threw while it was told:", report.message, error);
    }
  }

  private kick(): void {
    this.kicked = true;
    if (!this.breathes()) this.host.kick(this);
  }

  /** A task has been made. */
  enlist(): void {
    if (this.live++ > 0) return;
    loops.add(this);
    this.detach = this.host.attach(this);
  }

  /** Nothing of it will ever run again, though tasks have not ended: a simulated program that has crashed. */
  protected abandon(): void {
    loops.delete(this);
    this.detach?.();
    this.detach = null;
  }

  /** A task has ended. */
  discharge(): void {
    if (--this.live > 0) return;
    loops.delete(this);
    this.detach?.();
    this.detach = null;
    if (!this.draining) this.host.wakeAt(this, Infinity);
  }
}
