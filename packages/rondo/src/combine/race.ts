/** The first to end wins. */
import type { Body } from "../coroutine/body.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { group, type Group } from "../task/group.ts";
import {
  type Bodies,
  cancelRest,
  failureOf,
  type Listed,
  listed,
  LOOKED_AT,
  type ResultOf,
  spawnJoined,
  Takings,
} from "./bodies.ts";

/**
 * Runs operations at the same time, each as a task, and gives the result of the one that ends first, or throws its
 * failure. The others are cancelled *and waited for*; a result that one of them had got already is disposed of, a
 * failure of its own in the same moment is dropped, an error of its cleanup is thrown. A switch point.
 *
 * What a loser had taken from somewhere when it lost (an item, a connection) is its own to put back: where nothing may be
 * lost, use `select`. No operations at all are an error: that race would never end.
 *
 * @example
 * ```ts
 * import { race, run, sleep, VirtualHost } from "rondo";
 *
 * function* mirror(name: string, ms: number) {
 *   try {
 *     yield* sleep(ms);
 *     return name;
 *   } finally {
 *     console.log("closed", name);
 *   }
 * }
 * const fastest = await run(() => race([mirror("far", 300), mirror("near", 20)]), { host: new VirtualHost() });
 * // prints: closed near
 * // prints: closed far
 * console.log(fastest); // prints: near
 * ```
 */
export function race<const L extends readonly Body[]>(operations: L): Operation<ResultOf<L[number]>>;
export function race<T>(operations: Iterable<Body<T>>): Operation<T>;
export function race<const R extends Bodies>(operations: R): Operation<ResultOf<R[keyof R]>>;
export function race(operations: Iterable<Body> | Bodies): Operation<unknown> {
  const given = listed("race", operations);
  if (given.list.length === 0) throw new RangeError("race() of no operations would wait for ever");
  return group((g) => firstOf(g, given), RACE);
}

const RACE = { ...LOOKED_AT, collect: true, name: "race" };

function* firstOf(g: Group, given: Listed): Coroutine<unknown> {
  const tasks = spawnJoined(g, given);
  const takings = new Takings(tasks);
  const first = yield* g.next();
  yield* cancelRest(tasks, "another one of its race was first");
  if (first === undefined) throw new Error("a race ended without a first: this is a fault of the runtime");
  if (first.state !== "done") throw failureOf(first);
  return takings.take(first);
}
