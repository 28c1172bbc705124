/**
 * What the suites of this folder are made of: named cases that run anywhere, under any test runner or none.
 *
 * A case waits for the thing itself (a task that is parked, bytes that have come) and never for a time, so it holds in
 * virtual time and on real sockets, and on every schedule. Its patience is only for what would hang.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { timeout } from "../task/scope.ts";
import type { Task } from "../task/task.ts";

/** One behaviour, and how to try it. */
export interface Check {
  /** The behaviour, as a sentence. */
  readonly name: string;
  /** Throws where it does not hold. */
  run(): Operation<void>;
}

/** How long a case may take before it counts as hanging, in ms. */
const PATIENCE = 30_000;

/** A case that fails after a while instead of hanging, and says which it was. */
export function check(name: string, body: () => Operation<void>, patience: number = PATIENCE): Check {
  return { name, run: () => named(name, body, patience) };
}

function* named(name: string, body: () => Operation<void>, patience: number): Coroutine<void> {
  try {
    yield* timeout(patience, body, { name });
  } catch (error) {
    throw new Error(`"${name}" does not hold: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Runs them one after the other. */
export function* runAll(checks: readonly Check[]): Coroutine<void> {
  for (const one of checks) yield* one.run();
}

/** How many turns a thing has before time passes as well, without which nothing that hangs would be noticed. */
const TURNS = 50;

/** Waits until something is so. */
export function* untilSo(holds: () => boolean): Coroutine<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns < TURNS) yield* checkpoint();
    else yield* sleep(1);
  }
}

/** Waits until a task is parked. One that has ended instead is thrown as what it is: the case had counted on it. */
export function* parked(task: Task): Coroutine<void> {
  yield* untilSo(() => task.state !== "ready" && task.state !== "running");
  if (task.state === "waiting") return;
  if (task.state === "done") throw new Error(`"${task.name}" has completed, and should have waited`);
  yield* task;
}

/** What an operation throws; an error where it throws nothing. */
export function* thrown(body: () => Operation<unknown>): Coroutine<unknown> {
  let value: unknown;
  try {
    value = yield* body();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown, but ${shown(value)} given`);
}

/** Throws unless the operation throws an error of that class. */
export function* throws(
  what: string,
  kind: new (...args: never[]) => Error,
  body: () => Operation<unknown>,
): Coroutine<void> {
  const error = yield* thrown(body);
  if (!(error instanceof kind))
    throw new Error(`${what}: a ${kind.name} was due, and this was thrown: ${shown(error)}`, { cause: error });
}

/** Throws unless `got` is `wanted`, both plain values. */
export function equal(what: string, got: unknown, wanted: unknown): void {
  if (Object.is(got, wanted)) return;
  const [left, right] = [shown(got), shown(wanted)];
  if (typeof got === "object" && left === right) return;
  throw new Error(`${what}: ${left}, and not ${right}`);
}

function shown(value: unknown): string {
  if (value instanceof Error) return String(value);
  const text =
    typeof value === "string" || (typeof value === "object" && value !== null) ? JSON.stringify(value) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** Numbers that look like chance and are the same each time. (The "minimal standard" of Park and Miller, 1988.) */
export function dice(seed: number): (sides: number) => number {
  let state = (seed % 2147483646) + 1;
  return (sides) => {
    state = (state * 48271) % 2147483647;
    return state % sides;
  };
}
