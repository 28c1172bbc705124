/**
 * The way in: a loop, a main task on it, and a promise for those outside.
 */
import { kernel } from "../coroutine/kernel.ts";
import { DeadlockError, suppress } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import type { Operation } from "../coroutine/wait.ts";
import { type Host, makeDefaultHost } from "../loop/host.ts";
import { Loop } from "../loop/loop.ts";
import { checkMs } from "../loop/sleep.ts";
import { Cancellation, cancelledError } from "./cancellation.ts";
import { Task } from "./task.ts";
import { describeTree, findCycle, tasksUnder } from "./tree.ts";

/** How a program is run. */
export interface RunOptions {
  /** The world to run on; by default the one of the platform. */
  readonly host?: Host | undefined;
  /** Cancels the main task when it is aborted; the promise then rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** The name of the main task. */
  readonly name?: string | undefined;
  /** How long cleanup may take after a cancellation, in ms, where no group or scope says otherwise. */
  readonly grace?: number | undefined;
  /**
   * Signals of the operating system that cancel the main task: `SIGINT` (Ctrl-C) by default, `false` for none. Only
   * where the process has no listener of its own; the second signal ends the process as if nobody listened.
   */
  readonly signals?: boolean | readonly string[] | undefined;
}

/** What the host offers for signals; see host/node.ts. */
interface Interrupts {
  listen(signals: readonly string[], onSignal: (signal: string) => void): () => void;
}

/**
 * Begins a main task on a loop that you drive yourself, with `loop.turn()` or `loop.drain()`. Everything else wants
 * {@link run}.
 *
 * @example
 * ```ts
 * import { checkpoint, launch, Loop, VirtualHost } from "rondo";
 *
 * const loop = new Loop({ host: new VirtualHost() });
 * const task = launch(loop, function* () {
 *   yield* checkpoint();
 *   return 42;
 * });
 * while (!task.over) loop.turn();
 * console.log(task.resultOrThrow()); // prints: 42
 * ```
 */
export function launch<T>(loop: Loop, main: () => Operation<T>, options: { readonly name?: string } = {}): Task<T> {
  const task = new Task<T>(loop, null, main as Body<T>, options.name ?? (main.name === "" ? "main" : main.name), false);
  loop.root ??= task;
  loop.describe ??= () => describeTree(task);
  loop.ready(task);
  return task;
}

/**
 * Runs a program: starts a loop with `main` as its first task, and gives a promise for what it ends in. The promise is
 * settled when everything has ended; nothing is left running.
 *
 * @example
 * ```ts
 * import { run, sleep } from "rondo";
 *
 * const answer = await run(function* () {
 *   yield* sleep(1);
 *   return 42;
 * });
 * console.log(answer); // prints: 42
 * ```
 */
export function run<T>(main: () => Operation<T>, options: RunOptions = {}): Promise<T> {
  if (typeof main !== "function") {
    return Promise.reject(
      new TypeError("run() takes a function that gives an operation: run(main) or run(() => main(args))"),
    );
  }
  if (options.grace !== undefined) {
    try {
      checkMs(options.grace, "the grace of run()");
    } catch (error) {
      return Promise.reject(error);
    }
  }
  return new Promise<T>((resolve, reject) => {
    const nested = kernel.current !== null;
    const host = options.host ?? makeDefaultHost();
    const loop = new Loop({ host });
    loop.grace = options.grace;
    // The first step of a program is no business of the task that happens to run now: no locals, no parent.
    const { stepper } = kernel;
    kernel.stepper = null;
    const task = launch(loop, main, options.name === undefined ? {} : { name: options.name });
    kernel.stepper = stepper;
    const ending = new Ending(task, resolve as (value: unknown) => void, reject);
    task.onEnd = () => ending.ended();
    loop.onDeadlock = () => ending.deadlock();
    if (options.signal !== undefined) ending.follow(options.signal);
    if (!nested) ending.listen(host, options.signals ?? true);
  });
}

/** How a run ends: its promise, and what has to be let go of. */
class Ending {
  private readonly task: Task;
  private readonly resolve: (value: unknown) => void;
  private readonly reject: (error: unknown) => void;
  private undo: (() => void)[] = [];
  private aborted: { readonly reason: unknown } | undefined;
  private deadlocked: DeadlockError | undefined;
  private over = false;

  constructor(task: Task, resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.task = task;
    this.resolve = resolve;
    this.reject = reject;
  }

  follow(signal: AbortSignal): void {
    const { loop } = this.task;
    const cancel = (): void => {
      this.aborted = { reason: signal.reason as unknown };
      this.task.cancelBy(new Cancellation(signal.reason, undefined, loop.now(), false));
    };
    if (signal.aborted) {
      cancel();
      return;
    }
    // While it may be aborted somebody outside has a say, so a program that waits for nothing else is not deadlocked.
    let following = true;
    loop.followed++;
    const leave = (): void => {
      if (following) loop.followed--;
      following = false;
    };
    const abort = (): void => {
      leave();
      cancel();
    };
    signal.addEventListener("abort", abort, { once: true });
    this.undo.push(leave, () => signal.removeEventListener("abort", abort));
  }

  listen(host: Host, signals: boolean | readonly string[]): void {
    const names = signals === true ? ["SIGINT"] : signals === false ? [] : signals;
    const interrupts = names.length === 0 ? undefined : (host.service?.("interrupts") as Interrupts | undefined);
    if (interrupts === undefined) return;
    this.undo.push(
      interrupts.listen(names, (signal) => {
        this.task.cancelBy(new Cancellation(signal, undefined, this.task.loop.now(), false));
      }),
    );
  }

  /** Every task waits for another one. The first time the program is cancelled, so that cleanup runs. */
  deadlock(): void {
    if (this.over || this.task.over) return;
    if (this.deadlocked === undefined) {
      const error = deadlockError(this.task);
      this.deadlocked = error;
      this.task.cancelBy(new Cancellation(error, undefined, this.task.loop.now(), false));
      return;
    }
    // The cleanup is deadlocked too: there is nothing left to run, so the promise must not hang with it.
    this.end();
    this.reject(suppress(this.deadlocked, [new DeadlockError(`and then its cleanup:\n${describeTree(this.task)}`)]));
  }

  private end(): void {
    this.over = true;
    for (const undo of this.undo) undo();
  }

  ended(): boolean {
    if (this.over) return true;
    this.end();
    const { task } = this;
    if (task.state === "done") this.resolve(task.value);
    else if (this.deadlocked !== undefined) {
      this.reject(task.failed ? suppress(this.deadlocked, [task.value]) : this.deadlocked);
    } else if (task.failed) this.reject(task.value);
    else if (this.aborted !== undefined) this.reject(this.aborted.reason);
    else this.reject(cancelledError(`the run "${task.name}"`, task.value as Cancellation | null));
    return true;
  }
}

/** Every task under `main` waits for another one: who for what, where, and in which circle. */
export function deadlockError(main: Task): DeadlockError {
  const cycle = findCycle(tasksUnder(main));
  const circle =
    cycle === undefined
      ? ""
      : `\nin a circle: ${[...cycle, cycle[0] as Task].map((task) => `"${task.name}"`).join(" waits for ")}`;
  return new DeadlockError(
    `every task waits for another one, and nothing from outside can wake any:\n${describeTree(main)}${circle}`,
  );
}
