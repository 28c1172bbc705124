/** The first to succeed wins. */
import { suppress } from "../coroutine/errors.ts";
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
 * Runs operations at the same time, each as a task, and gives the result of the first that succeeds. The others are
 * cancelled and waited for; a result that one of them had got already is disposed of. A switch point.
 *
 * Where all fail, the failure that came first is thrown as it is, and the others, in the order in which they came, are its
 * `suppressed()`: so `catch` by class works here as it does everywhere. No operations at all are an error.
 *
 * @example
 * ```ts
 * import { any, run, sleep, suppressed, VirtualHost } from "rondo";
 *
 * function* attempt(address: string, ms: number, works: boolean) {
 *   yield* sleep(ms);
 *   if (!works) throw new Error(`${address} refused`);
 *   return address;
 * }
 * const host = new VirtualHost();
 * console.log(await run(() => any([attempt("::1", 1, false), attempt("127.0.0.1", 5, true)]), { host })); // prints: 127.0.0.1
 * try {
 *   await run(() => any([attempt("a", 2, false), attempt("b", 1, false)]), { host });
 * } catch (error) {
 *   console.log(String(error), suppressed(error).map(String)); // prints: Error: b refused [ 'Error: a refused' ]
 * }
 * ```
 */
export function any<const L extends readonly Body[]>(operations: L): Operation<ResultOf<L[number]>>;
export function any<T>(operations: Iterable<Body<T>>): Operation<T>;
export function any<const R extends Bodies>(operations: R): Operation<ResultOf<R[keyof R]>>;
export function any(operations: Iterable<Body> | Bodies): Operation<unknown> {
  const given = listed("any", operations);
  if (given.list.length === 0) throw new RangeError("any() of no operations: none of them can succeed");
  return group((g) => firstSuccess(g, given), ANY);
}

const ANY = { ...LOOKED_AT, collect: true, name: "any" };

function* firstSuccess(g: Group, given: Listed): Coroutine<unknown> {
  const tasks = spawnJoined(g, given);
  const takings = new Takings(tasks);
  const errors: unknown[] = [];
  for (;;) {
    const ended = yield* g.next();
    if (ended === undefined) throw suppress(errors[0], errors);
    if (ended.state !== "done") {
      errors.push(failureOf(ended));
      continue;
    }
    yield* cancelRest(tasks, "another one succeeded first");
    return takings.take(ended);
  }
}
