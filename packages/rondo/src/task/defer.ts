/**
 * What a scope does at its end: functions and disposables, last first.
 *
 * They run when everything in the scope has ended, its tasks too, whatever the reason; protected from cancellation
 * like every cleanup, within the grace. The idea is Go's `defer` and Python's `ExitStack`.
 */
import { type Fiber, RETURNING } from "../coroutine/fiber.ts";
import { kernel } from "../coroutine/kernel.ts";
import { BODY } from "../coroutine/segment.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { currentLoop } from "../loop/sleep.ts";
import { ScopeSegment } from "./scope.ts";
import { suspend } from "./suspend.ts";
import type { Task } from "./task.ts";

/** Something to do at the end: may wait, if it gives an operation. */
export type Deferred = () => Operation<unknown> | void;

/** The innermost scope or group of the running task, or its base. */
export function currentScope(what: string): ScopeSegment {
  const fiber = kernel.current as Task | null;
  if (fiber === null || fiber.loop === undefined) {
    throw new Error(`${what} was called outside a task: there is no scope whose end it could wait for`);
  }
  for (let seg = fiber.seg; seg !== null; seg = seg.parent) {
    if (seg instanceof ScopeSegment && seg.phase === BODY) return seg;
    // In a cleanup there may be no scope but the one that is ending; it runs what is added.
    if (seg instanceof ScopeSegment) return seg;
    if (seg.parent === null && seg.wait !== null) return baseOf(fiber, seg);
  }
  return (fiber.bits & RETURNING) === 0 ? (fiber.seg = fiber.baseSegment()) : (fiber.returningBase() as ScopeSegment);
}

/** Puts a base segment under the segments that are open already. */
function baseOf(fiber: Fiber, lowest: { parent: unknown }): ScopeSegment {
  const base = fiber.baseSegment() as ScopeSegment;
  lowest.parent = base;
  return base;
}

/**
 * Runs `fn` at the end of the current scope (or group, or task); what was deferred last runs first. `fn` may give an
 * operation, which may wait. What it throws is thrown at the scope's boundary, after the rest has run. Not a switch point.
 *
 * Gives a function that takes it back, for what has been done before the end: a scope that lives for months and opens a
 * thing each minute must not remember them all.
 *
 * @example
 * ```ts
 * import { defer, run } from "rondo";
 *
 * await run(function* () {
 *   defer(() => console.log("opened first, closed last"));
 *   defer(() => console.log("opened last, closed first"));
 *   console.log("work");
 * });
 * // prints: work
 * // prints: opened last, closed first
 * // prints: opened first, closed last
 * ```
 */
export function defer(fn: Deferred): () => void {
  const list = (currentScope("defer()").deferredList ??= []);
  list.push(fn);
  return () => {
    // From the end: what was opened last is mostly what is done first.
    const at = list.lastIndexOf(fn);
    if (at >= 0) list.splice(at, 1);
  };
}

/**
 * Gives `resource` back and disposes of it at the end of the current scope, by its `Symbol.asyncDispose` or
 * `Symbol.dispose`. Not a switch point.
 *
 * @example
 * ```ts
 * import { run, use } from "rondo";
 *
 * await run(function* () {
 *   const file = use({ name: "notes", [Symbol.dispose]: () => console.log("closed") });
 *   console.log(file.name);
 * });
 * // prints: notes
 * // prints: closed
 * ```
 */
export function use<R extends Disposable | AsyncDisposable>(resource: R): R {
  const given = resource as Partial<Disposable & AsyncDisposable> | null | undefined;
  if (typeof given?.[Symbol.asyncDispose] !== "function" && typeof given?.[Symbol.dispose] !== "function") {
    throw new TypeError("use() takes something with Symbol.dispose or Symbol.asyncDispose");
  }
  defer(() => disposing(resource));
  return resource;
}

/** Disposes of something that nobody took, if it can be. */
export function* disposing(resource: unknown): Coroutine<void> {
  if ((typeof resource !== "object" && typeof resource !== "function") || resource === null) return;
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = resource as Partial<Disposable & AsyncDisposable>;
  if (typeof later === "function") {
    const promise = later.call(resource) as PromiseLike<void> | undefined;
    if (typeof promise?.then === "function") {
      const refused = promise instanceof Promise ? currentLoop("disposing").host.forbids?.("asyncDispose") : undefined;
      if (refused !== undefined) throw refused;
      yield* suspend<void>((wake, fail) => {
        promise.then(wake, fail);
        return () => true;
      }, "dispose");
    }
  } else if (typeof now === "function") now.call(resource);
}

/** Whether a value would be disposed of. */
export function isDisposable(value: unknown): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const given = value as Partial<Disposable & AsyncDisposable>;
  return typeof given[Symbol.asyncDispose] === "function" || typeof given[Symbol.dispose] === "function";
}

/** Runs the list from its end. One that is cut is over; the kernel asks for a new runner for the rest. */
export function* runDeferred(scope: ScopeSegment, list: Deferred[]): Coroutine<void> {
  for (let fn = list.pop(); fn !== undefined; fn = list.pop()) {
    try {
      const operation = fn();
      if (operation !== undefined && operation !== null && typeof operation[Symbol.iterator] === "function")
        yield* operation;
    } catch (error) {
      scope.addError(error);
    }
  }
}
