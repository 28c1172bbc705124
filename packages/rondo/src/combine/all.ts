/** Everything at once: all results, or the first failure. */
import type { Body } from "../coroutine/body.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { group, type Group } from "../task/group.ts";
import { type Bodies, type Listed, listed, named, type ResultsOf, spawnAll, Takings } from "./bodies.ts";

/**
 * Runs operations at the same time, each as a task, and gives their results: in a list as they were given, or by name.
 * If one fails the others are cancelled and waited for, and its error is thrown; results that the others had got are
 * disposed of. A switch point, unless the list is empty.
 *
 * @example
 * ```ts
 * import { all, run, sleep, VirtualHost } from "rondo";
 *
 * function* after(ms: number, value: string) {
 *   yield* sleep(ms);
 *   return value;
 * }
 * const host = new VirtualHost();
 * console.log(await run(() => all([after(20, "a"), after(10, "b")]), { host })); // prints: [ 'a', 'b' ]
 * const { left, right } = await run(() => all({ left: after(1, "l"), right: () => after(2, "r") }), { host });
 * console.log(left, right); // prints: l r
 * ```
 */
export function all<const L extends readonly Body[]>(operations: L): Operation<ResultsOf<L>>;
export function all<T>(operations: Iterable<Body<T>>): Operation<T[]>;
export function all<const R extends Bodies>(operations: R): Operation<ResultsOf<R>>;
export function all(operations: Iterable<Body> | Bodies): Operation<unknown> {
  const given = listed("all", operations);
  return group((g) => joinAll(g, given), ALL);
}

const ALL = { name: "all" };

function* joinAll(g: Group, given: Listed): Coroutine<unknown> {
  const tasks = spawnAll(g, given);
  const takings = new Takings(tasks);
  const results: unknown[] = [];
  for (const task of tasks) results.push(yield* task);
  takings.takeAll();
  return named(given, results);
}
