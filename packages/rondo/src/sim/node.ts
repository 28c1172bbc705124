/**
 * A simulated computer with the program that runs on it: it can crash, be stopped, be started again, stand still, and have
 * a clock that is wrong.
 */
import { kernel } from "../coroutine/kernel.ts";
import type { DeadlockError } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import type { Operation, Wait } from "../coroutine/wait.ts";
import type { Report } from "../loop/host.ts";
import { Cancellation, cancelledError } from "../task/cancellation.ts";
import { deadlockError, launch } from "../task/run.ts";
import { suspend } from "../task/suspend.ts";
import type { Task } from "../task/task.ts";
import { describeTree } from "../task/tree.ts";
import type { Place } from "./clockwork.ts";
import type { Disk } from "./disk.ts";
import type { Engine } from "./engine.ts";
import { type HostNode, SimHost } from "./host.ts";
import { SimLoop } from "./loop.ts";

/** What a node is like. */
export interface NodeOptions {
  /** Its IP addresses; one of 10.0.0.0/8 where nothing is said. */
  readonly address?: string | readonly string[] | undefined;
  /** Other names that resolve to it, beside its own. */
  readonly names?: readonly string[] | undefined;
  /** How far its wall clock is off, in ms, and how much faster its clocks go (0.01: one second in a hundred). */
  readonly clock?: ClockOptions | undefined;
  /**
   * What becomes of the run when its program throws: `fail` (where nothing is said) ends the run with that error, whoever
   * waits for its end; `keep` leaves it to whoever asks `ended()`.
   */
  readonly onFailure?: "fail" | "keep" | undefined;
}

/** How a clock is wrong. */
export interface ClockOptions {
  readonly offset?: number | undefined;
  readonly drift?: number | undefined;
}

/** How a program on a node came to its end. */
export interface NodeEnd {
  readonly how: "done" | "failed" | "stopped" | "crashed";
  readonly value?: unknown;
  readonly error?: unknown;
}

/** A computer of the world; made by `world.node()`. */
export class SimNode implements Place, HostNode {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly aliases: readonly string[];
  /** Its number in the world, from 0, which is the world's own. */
  readonly index: number;
  /** @internal */
  main: Task | null;
  private readonly engine: Engine;
  private program: (node: SimNode) => Operation<unknown>;
  private readonly onFailure: "fail" | "keep";
  private _loop: SimLoop | null;
  private _incarnation: number;
  private _paused: boolean;
  private host: SimHost;
  /** Programs that wait for its end. */
  private endWaiters: ((end: NodeEnd) => void)[];
  /** The simulation, which only wants to know. */
  private endWatchers: ((end: NodeEnd) => void)[];
  private lastEnd: NodeEnd | undefined;
  /** Its monotonic clock shows `shown` when that of the world shows `since`, and goes `rate` times as fast. */
  private shown: number;
  private since: number;
  private rate: number;
  private offset: number;

  constructor(
    engine: Engine,
    index: number,
    name: string,
    program: (node: SimNode) => Operation<unknown>,
    options: NodeOptions,
  ) {
    const { address } = options;
    this.name = name;
    this.index = index;
    this.addresses =
      address === undefined
        ? [`10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`]
        : typeof address === "string"
          ? [address]
          : address;
    this.aliases = options.names ?? [];
    this.main = null;
    this.engine = engine;
    this.program = program;
    this.onFailure = options.onFailure ?? "fail";
    this._loop = null;
    this._incarnation = 0;
    this._paused = false;
    this.host = new SimHost(this);
    this.endWaiters = [];
    this.endWatchers = [];
    this.lastEnd = undefined;
    this.shown = engine.time;
    this.since = engine.time;
    this.rate = 1;
    this.offset = 0;
    if (options.clock !== undefined) this.clock(options.clock);
  }

  get loop(): SimLoop | null {
    return this._loop;
  }

  get incarnation(): number {
    return this._incarnation;
  }

  get paused(): boolean {
    return this._paused;
  }

  /** Its program runs (or stands still). */
  get up(): boolean {
    return this.main !== null;
  }

  get down(): boolean {
    return this.main === null;
  }

  /** The first of its addresses. */
  get address(): string {
    return this.addresses[0] as string;
  }

  /** Its disk, which outlives its programs. */
  get disk(): Disk {
    return this.service("disk") as Disk;
  }

  /** Its program is gone at once: no `finally` runs, nothing is closed, and nobody is told. Not a switch point. */
  crash(): void {
    if (this.main === null) return;
    this.engine.tell(`${this.name} crashes`);
    (this._loop as SimLoop).drop();
    this.main = null;
    this._loop = null;
    this._paused = false;
    this.engine.crashed(this);
    this.end({ how: "crashed" });
  }

  /** Cancels its program, which may clean up, and waits for its end. A switch point. */
  *stop(reason: unknown = "the node is stopped"): Generator<Wait, NodeEnd, any> {
    this.halt(reason);
    return yield* this.ended();
  }

  /** Cancels its program; `stop()` without the waiting. */
  halt(reason: unknown = "the node is stopped"): void {
    const { main } = this;
    if (main === null) return;
    this.resume();
    this.engine.tell(`${this.name} is stopped`);
    main.cancelBy(new Cancellation(reason, undefined, this.now(), false));
  }

  /**
   * Starts its program again, or another one, with nothing of the earlier one but what is on its disk. One that is up
   * crashes first. Not a switch point.
   */
  restart(program: (node: SimNode) => Operation<unknown> = this.program): void {
    this.crash();
    this.engine.tell(`${this.name} starts again`);
    this.start(program);
  }

  /** @internal */
  start(program: (node: SimNode) => Operation<unknown> = this.program): void {
    this.program = program;
    this._incarnation++;
    this.lastEnd = undefined;
    const loop = new SimLoop(this.host, this.engine.ready, this.index);
    this._loop = loop;
    // No task of the world is its parent: it runs on a computer of its own.
    const { stepper } = kernel;
    kernel.stepper = null;
    const main = launch(loop, (() => program(this)) as Body<unknown> & (() => Operation<unknown>), { name: this.name });
    kernel.stepper = stepper;
    this.main = main;
    let deadlock: DeadlockError | undefined;
    let hopeless = false;
    main.onEnd = () => {
      if (this.main === main) this.programEnded(main, deadlock);
      return true;
    };
    loop.onDeadlock = () => {
      if (hopeless || this.main !== main) return;
      hopeless = deadlock !== undefined;
      if (hopeless) {
        // Its cleanup is deadlocked as well.
        this.engine.fail(deadlock);
        return;
      }
      deadlock = deadlockError(main);
      main.cancelBy(new Cancellation(deadlock, undefined, this.now(), false));
    };
  }

  /** It works again: what has crashed starts, what stands still goes on. What has ended by itself has ended. @internal */
  revive(): void {
    if (this._paused) this.resume();
    else if (this.main === null && this.lastEnd?.how === "crashed") this.restart();
  }

  /** Its program stands still, as a process that the system has stopped; its clocks go on. Not a switch point. */
  pause(): void {
    if (this._paused || this.main === null) return;
    this._paused = true;
    this.engine.tell(`${this.name} stands still`);
    (this._loop as SimLoop).hold();
  }

  /** It goes on, with all that has become due meanwhile. Not a switch point. */
  resume(): void {
    if (!this._paused) return;
    this._paused = false;
    this.engine.tell(`${this.name} goes on`);
    (this._loop as SimLoop).release();
  }

  /**
   * Sets its clocks: the wall clock is off by so many ms, and both go faster by the drift (or slower: below 0, above -1).
   * The monotonic clock never jumps. Not a switch point.
   */
  clock(options: ClockOptions): void {
    const { offset = this.offset, drift = this.rate - 1 } = options;
    if (!(drift > -1)) throw new RangeError(`a clock that drifts by ${drift} would stand still or go backwards`);
    this.shown = this.now();
    this.since = this.engine.time;
    this.rate = 1 + drift;
    this.offset = offset;
    this.engine.tell(`the clock of ${this.name} is off by ${offset} ms and drifts by ${drift}`);
  }

  /** How its clocks are wrong now. */
  get skew(): { readonly offset: number; readonly drift: number } {
    return { offset: this.offset, drift: this.rate - 1 };
  }

  /** Waits until the program that runs on it now has ended, in whatever way. A switch point. */
  ended(): Wait<NodeEnd> {
    return suspend<NodeEnd>((wake) => {
      if (this.main === null) {
        wake(this.lastEnd ?? { how: "crashed" });
        return undefined;
      }
      this.endWaiters.push(wake);
      return () => {
        this.endWaiters = this.endWaiters.filter((one) => one !== wake);
        return true;
      };
    }, `end of ${this.name}`);
  }

  /** Calls back when the program that runs on it now has ended. @internal */
  onEnded(ended: (end: NodeEnd) => void): void {
    this.endWatchers.push(ended);
  }

  // ---- as its host -------------------------------------------------------------------------------------------------

  now(): number {
    return this.shown + (this.engine.time - this.since) * this.rate;
  }

  wallClock(): number {
    return this.engine.wallStart + this.now() + this.offset;
  }

  /** When in the world's time its monotonic clock will show `at`. @internal */
  worldTime(at: number): number {
    return this.since + (at - this.shown) / this.rate;
  }

  choose(stream: string, n: number, label?: string): number {
    return this.engine.choices.choose(stream, n, label);
  }

  report(report: Report): void {
    this.engine.report(this, report);
  }

  service(name: string): unknown {
    return this.engine.serviceFor(this, name);
  }

  forbids(what: string): Error | undefined {
    return this.engine.forbids(what);
  }

  buggify(name: string): boolean {
    return this.engine.buggify(name);
  }

  /** Who waits for what, a line a task. @internal */
  describe(): string {
    return this.main === null ? "" : describeTree(this.main);
  }

  // ---- ends --------------------------------------------------------------------------------------------------------

  private programEnded(main: Task, deadlock: DeadlockError | undefined): void {
    this.main = null;
    const { _loop } = this;
    this._loop = null;
    this._paused = false;
    const end: NodeEnd = main.failed
      ? { how: "failed", error: deadlock ?? main.value }
      : deadlock !== undefined
        ? { how: "failed", error: deadlock }
        : main.state === "done"
          ? { how: "done", value: main.value }
          : { how: "stopped", error: cancelledError(`the program of ${this.name}`, main.value as Cancellation | null) };
    this.engine.programEnded(this, _loop as SimLoop, end);
    this.end(end);
    if (end.how === "failed" && this.onFailure === "fail") this.engine.programFailed(this, end.error);
  }

  private end(end: NodeEnd): void {
    this.lastEnd = end;
    const told = [...this.endWatchers, ...this.endWaiters];
    this.endWatchers = [];
    this.endWaiters = [];
    for (const tell of told) tell(end);
  }
}
