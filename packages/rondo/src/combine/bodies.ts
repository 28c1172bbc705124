/**
 * What `all`, `allSettled`, `race` and `any` share: how operations are given to them, and what becomes of results that
 * nobody takes.
 *
 * Each runs its operations as tasks of a group of its own, so none outlives it. A task that was too quick to be
 * cancelled may end with a socket in its hands that nobody will ever see: such a result is disposed of.
 */
import { CancelledError, suppress, suppressed } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import { type Coroutine, type Operation, Wait } from "../coroutine/wait.ts";
import { Cancellation } from "../task/cancellation.ts";
import { defer, disposing, isDisposable } from "../task/defer.ts";
import type { Group, GroupOptions } from "../task/group.ts";
import { Task } from "../task/task.ts";

/** What an operation, or a function that gives one, ends in. */
export type ResultOf<B> = B extends Operation<infer T> ? T : B extends () => Operation<infer T> ? T : never;

/** The results of a list (a tuple where the list is one) or of a record of operations. */
export type ResultsOf<L> = { -readonly [Key in keyof L]: ResultOf<L[Key]> };

/** Operations by name. */
export type Bodies = Readonly<Record<string, Body>>;

/** Operations in order, and their names where they were given by name. */
export interface Listed {
  readonly list: readonly Body[];
  readonly keys: readonly string[] | null;
}

/** The list out of an array, another iterable, or a record. */
export function listed(what: string, given: Iterable<Body> | Bodies): Listed {
  if (Array.isArray(given)) return { list: given as Body[], keys: null };
  if (typeof given !== "object" || given === null || isOperation(given)) {
    throw new TypeError(
      `${what}() takes a list of operations, as ${what}([a, b]) or ${what}({ a, b }), and was given ${
        isOperation(given) ? "one operation" : typeof given === "function" ? "a function" : String(given)
      }`,
    );
  }
  if (typeof (given as Partial<Iterable<Body>>)[Symbol.iterator] === "function")
    return { list: [...(given as Iterable<Body>)], keys: null };
  const keys = Object.keys(given);
  return { list: keys.map((key) => (given as Bodies)[key] as Body), keys };
}

/** Whether something is to be run by `yield*`: a generator, a Wait or a Task, and not just any iterable. */
export function isOperation(value: unknown): value is Operation<unknown> {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Wait || value instanceof Task) return true;
  const { next, throw: raise } = value as { next?: unknown; throw?: unknown };
  return typeof next === "function" && typeof raise === "function";
}

/** The results by the names under which the operations were given. */
export function named({ keys }: Listed, results: readonly unknown[]): unknown {
  return keys === null ? results : Object.fromEntries(keys.map((key, i) => [key, results[i]]));
}

export function spawnAll(g: Group, { list, keys }: Listed): Task[] {
  return list.map((body, i) => g.spawn(body, keys === null ? undefined : { name: keys[i] as string }));
}

/** As `spawnAll`, for those who look themselves at how each task ended: a failure is not thrown by the group. */
export function spawnJoined(g: Group, given: Listed): Task[] {
  const tasks = spawnAll(g, given);
  for (const task of tasks) task.want();
  return tasks;
}

/** The group of those tasks. */
export const LOOKED_AT: GroupOptions = { onFailure: "keep" };

/** Who takes which results of a list of tasks. */
export class Takings {
  private readonly tasks: readonly Task[];
  private all: boolean;
  private one: Task | null;

  /** To be made in the group's body: when the group ends, it disposes of what nobody took. */
  constructor(tasks: readonly Task[]) {
    this.tasks = tasks;
    this.all = false;
    this.one = null;
    defer(() => (this.tasks.some((task) => this.isLeftOver(task)) ? this.clear() : undefined));
  }

  takeAll(): void {
    this.all = true;
  }

  /** Gives its result. */
  take(task: Task): unknown {
    this.one = task;
    return task.value;
  }

  private isLeftOver(task: Task): boolean {
    if (task.failed) return !this.all && cleanupFailed(task);
    return !this.all && task !== this.one && task.state === "done" && isDisposable(task.value);
  }

  private *clear(): Coroutine<void> {
    const errors: unknown[] = [];
    for (const task of this.tasks) {
      if (!this.isLeftOver(task)) continue;
      if (task.failed) errors.push(task.value);
      else yield* this.dispose(task, errors);
    }
    if (errors.length === 0) return;
    // Then it is these errors that the caller gets, and not the result.
    if (this.one !== null) yield* this.dispose(this.one, errors);
    throw suppress(errors[0], errors);
  }

  private *dispose(task: Task, errors: unknown[]): Coroutine<void> {
    try {
      yield* disposing(task.value);
    } catch (error) {
      errors.push(error);
    }
  }
}

/** Whether it failed because its cleanup did, when it was cancelled: then nobody has asked for that error yet. */
function cleanupFailed(task: Task): boolean {
  return suppressed(task.value).some((error) => error instanceof CancelledError);
}

/** Cancels those who have not ended, and waits until they have. */
export function* cancelRest(tasks: readonly Task[], why: string): Coroutine<void> {
  for (const task of tasks) {
    if (!task.over) task.cancelBy(new Cancellation(why, undefined, task.loop.now(), false));
  }
  for (const task of tasks) yield* task.ended();
}

/** What a task that did not succeed ended in, as an error. */
export function failureOf(task: Task): unknown {
  try {
    task.resultOrThrow();
  } catch (error) {
    return error;
  }
  return undefined;
}
