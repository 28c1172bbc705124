/**
 * Task-local values, in the shape of the proposed `AsyncContext.Variable`: inherited by the tasks that are spawned, and
 * set for the length of an operation only, so that nothing has to be put back.
 */
import { type Body, iteratorOf } from "../coroutine/body.ts";
import type { Fiber } from "../coroutine/fiber.ts";
import type { Frame } from "../coroutine/frames.ts";
import { kernel } from "../coroutine/kernel.ts";
import { push, Segment } from "../coroutine/segment.ts";
import { defineKind, type Operation, Wait } from "../coroutine/wait.ts";
import type { Locals, Task } from "./task.ts";

class LocalSegment extends Segment {
  declare private readonly saved: Locals | null;

  constructor(task: Task, wait: Wait, key: object, value: unknown) {
    super(task, wait);
    this.saved = task.locals;
    // Copied and not changed: tasks that were spawned before keep what they saw.
    task.locals = new Map(task.locals ?? []).set(key, value);
  }

  override left(): void {
    (this.fiber as Task).locals = this.saved;
  }
}

const LOCAL = defineKind({
  label: "local",
  enter(wait: Wait, fiber: Fiber): Frame {
    const { value, body } = wait.arg as { value: unknown; body: unknown };
    push(new LocalSegment(fiber as Task, wait, wait.on as object, value));
    return iteratorOf(body);
  },
});

/**
 * A value that follows a task and the tasks it spawns.
 *
 * @example
 * ```ts
 * import { group, run, TaskLocal } from "rondo";
 *
 * const requestId = new TaskLocal<string>({ name: "request id", defaultValue: "none" });
 * function* handle() {
 *   console.log(requestId.get());
 * }
 * await run(function* () {
 *   yield* requestId.run("r-1", () =>
 *     group(function* (g) {
 *       g.spawn(handle()); // prints: r-1
 *     }),
 *   );
 *   yield* handle(); // prints: none
 * });
 * ```
 */
export class TaskLocal<T> {
  readonly name: string;
  private readonly defaultValue: T | undefined;

  constructor(options: { readonly name?: string; readonly defaultValue?: T } = {}) {
    this.name = options.name ?? "";
    this.defaultValue = options.defaultValue;
  }

  /** The value here, or the default. Outside of tasks, the default. Not a switch point. */
  get(): T | undefined {
    const locals = (kernel.current as Task | null)?.locals;
    if (locals === null || locals === undefined || !locals.has(this)) return this.defaultValue;
    return locals.get(this) as T;
  }

  /** Runs an operation in which, and in the tasks spawned by which, the value is `value`. Entering is no switch point. */
  run<R>(value: T, body: Body<R>): Operation<R> {
    return new Wait<R>(LOCAL, this, { value, body });
  }
}
