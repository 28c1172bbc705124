/**
 * Coroutines in a context of the host (`AsyncLocalStorage`), for libraries that look there: tracing, logging.
 *
 * The loop itself runs in the context in which it was started, whoever wakes it, so that no request's context leaks into
 * another one's task; within Rondo a `TaskLocal` does what contexts are for. A task that has to have one pays for it with
 * a call in each of its steps; nobody else does.
 */
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Operation } from "../coroutine/wait.ts";
import { captureContext } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";
import { group } from "../task/group.ts";
import type { Task } from "../task/task.ts";

type Context = <T>(work: () => T) => T;

/**
 * Runs an operation in the context (`AsyncLocalStorage`) in which `inContext` was *called*: in each of its steps, in its
 * cleanup, and in all tasks that it spawns. It is a task of its own, waited for: what it gives, throws, and a cancellation
 * pass through. A switch point, always.
 *
 * So `storage.run(value, () => inContext(body))` gives an operation that sees the value, to be waited for or spawned. Where
 * the host knows no contexts (a browser) it just runs the operation.
 *
 * The idea is the snapshot of the proposed `AsyncContext`.
 *
 * @example
 * ```ts
 * import { AsyncLocalStorage } from "node:async_hooks";
 * import { all, inContext, run, sleep } from "rondo";
 *
 * const storage = new AsyncLocalStorage<string>();
 * function* handle() {
 *   yield* sleep(1);
 *   console.log(storage.getStore());
 * }
 * await run(() => all([storage.run("request 1", () => inContext(handle())), storage.run("request 2", () => inContext(handle()))]));
 * // prints: request 1
 * // prints: request 2
 * ```
 */
export function inContext<T>(body: Body<T>): Operation<T> {
  const loop = kernel.current?.loop as Loop | undefined;
  const context = captureContext(loop?.host);
  return group((g) => {
    const task = g.spawn(body, { name: nameOf(body) });
    if (context !== undefined) keepApart(task, context);
    return task;
  });
}

function keepApart(task: Task, context: Context): void {
  const { loop } = task;
  // What tasks in contexts of their own leave behind, the reaction to a promise for one, calls back in those contexts.
  loop.apart ??= loop.host.neutral ?? captureContext(loop.host) ?? null;
  task.enterContext(context);
}

function nameOf(body: Body): string {
  return typeof body === "function" && body.name !== "" ? body.name : "inContext";
}
