/**
 * What a fiber runs: whatever has an iterator, as a generator.
 */
import { type Frame, GeneratorPrototype } from "./frames.ts";
import type { Operation, Wait } from "./wait.ts";

const { next: resume } = GeneratorPrototype;

/** What a fiber runs: an operation, or a function that gives one. */
export type Body<T = unknown> = Operation<T> | (() => Operation<T>);

/** The iterator of an operation, or of what a function gives. */
export function iteratorOf(body: unknown): Frame {
  // A generator is its own iterator.
  if (typeof body === "object" && (body as Partial<Frame> | null)?.next === resume) return body as Frame;
  const operation: unknown = typeof body === "function" ? (body as () => unknown)() : body;
  if (
    typeof operation !== "object" ||
    operation === null ||
    typeof (operation as Partial<Operation<unknown>>)[Symbol.iterator] !== "function" ||
    Array.isArray(operation)
  ) {
    throw notAnOperation(body, operation);
  }
  const iterator = (operation as Operation<unknown>)[Symbol.iterator]() as unknown as Frame;
  return iterator.next === resume ? iterator : rondoThrough(iterator);
}

/**
 * What is no generator (a Wait, a Task, an iterator made by hand) gets one around it, so that every frame is one. The
 * iterator is passed on and not the operation: a shared wait may have been completed by asking it for the iterator.
 */
export function* rondoThrough(iterator: Frame): Generator<Wait, unknown, unknown> {
  return yield* { [Symbol.iterator]: () => iterator } as unknown as Operation<unknown>;
}

function notAnOperation(body: unknown, operation: unknown): TypeError {
  const source =
    typeof body === "function" ? `the function ${body.name === "" ? "given" : `"${body.name}"`} gave` : "this is";
  const promise = typeof (operation as { then?: unknown } | null | undefined)?.then === "function";
  return new TypeError(
    promise
      ? `${source} a promise, not an operation: wait for it with until(promise), and write function* and not async function`
      : `${source} ${operation === null || typeof operation !== "object" ? String(operation) : Array.isArray(operation) ? "an array" : "an object"} and not an operation ` +
          "(a generator, a Wait, a Task, or an object with an iterator of those)",
  );
}
