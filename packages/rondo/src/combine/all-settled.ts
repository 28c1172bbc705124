/** Everything at once, whatever becomes of each. */
import type { Body } from "../coroutine/body.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { group, type Group } from "../task/group.ts";
import {
  type Bodies,
  failureOf,
  type Listed,
  listed,
  LOOKED_AT,
  named,
  type ResultOf,
  spawnJoined,
  Takings,
} from "./bodies.ts";

/** How each ended, in the shape of `Promise.allSettled`. */
export type SettledOf<L> = { -readonly [Key in keyof L]: PromiseSettledResult<ResultOf<L[Key]>> };

/**
 * Runs operations at the same time, each as a task, and tells how each ended: `{ status: "fulfilled", value }` or
 * `{ status: "rejected", reason }`. A failure cancels nobody. A switch point, unless the list is empty.
 *
 * @example
 * ```ts
 * import { allSettled, run } from "rondo";
 *
 * function* failing() {
 *   throw new Error("no");
 * }
 * function* working() {
 *   return 1;
 * }
 * const ends = await run(() => allSettled([working(), failing()]));
 * console.log(ends.map((end) => end.status)); // prints: [ 'fulfilled', 'rejected' ]
 * ```
 */
export function allSettled<const L extends readonly Body[]>(operations: L): Operation<SettledOf<L>>;
export function allSettled<T>(operations: Iterable<Body<T>>): Operation<PromiseSettledResult<T>[]>;
export function allSettled<const R extends Bodies>(operations: R): Operation<SettledOf<R>>;
export function allSettled(operations: Iterable<Body> | Bodies): Operation<unknown> {
  const given = listed("allSettled", operations);
  return group((g) => settleAll(g, given), ALL_SETTLED);
}

const ALL_SETTLED = { ...LOOKED_AT, name: "allSettled" };

function* settleAll(g: Group, given: Listed): Coroutine<unknown> {
  const tasks = spawnJoined(g, given);
  const takings = new Takings(tasks);
  for (const task of tasks) yield* task.ended();
  takings.takeAll();
  const results: PromiseSettledResult<unknown>[] = tasks.map((task) =>
    task.state === "done"
      ? { status: "fulfilled", value: task.value }
      : { status: "rejected", reason: failureOf(task) },
  );
  return named(given, results);
}
