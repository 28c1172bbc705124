/**
 * What a program and its threads (or child processes) say to each other, and how an error travels.
 *
 * The structured clone keeps the message and the stack of an error and loses everything else: its own properties, the
 * classes that are not the language's, the errors that it carries. So an error is taken apart on one side and built anew
 * on the other, from the nearest class that both sides know.
 */
import {
  BrokenError,
  BusyError,
  CancelledError,
  ClosedError,
  suppress,
  suppressed,
  TimeoutError,
} from "../coroutine/errors.ts";

/** To a thread. */
export type ToHand =
  | {
      readonly kind: "job";
      readonly id: number;
      readonly module: string;
      readonly name: string;
      readonly args: readonly unknown[];
    }
  | { readonly kind: "cancel"; readonly id: number };

/** From a thread. */
export type FromHand =
  | { readonly kind: "done"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly error: PackedError }
  | {
      readonly kind: "refused";
      readonly id: number;
      readonly reason: "missing" | "uncloneable";
      readonly message: string;
      readonly error: PackedError | undefined;
    }
  /** Something that nobody caught; the end of the process follows. */
  | { readonly kind: "crash"; readonly error: PackedError };

/** An error on its way. */
export interface PackedError {
  /** The nearest class that both sides know; undefined for a value that is no error, which is `value`. */
  readonly base: string | undefined;
  readonly value?: unknown;
  readonly message: string;
  readonly name: string;
  readonly stack: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly cause: PackedError | undefined;
  readonly errors: readonly PackedError[] | undefined;
  readonly suppressed: readonly PackedError[];
}

const CLASSES: readonly (abstract new (...args: never[]) => Error)[] = [
  AggregateError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  BrokenError,
  BusyError,
  CancelledError,
  ClosedError,
  TimeoutError,
  Error,
];

/** How deep causes of causes are followed: somebody may have tied them into a ring. */
const DEPTH = 8;

/** Whether something can be sent: told by sending it to oneself. */
export function isCloneable(value: unknown): boolean {
  if ((typeof value !== "object" || value === null) && typeof value !== "function" && typeof value !== "symbol")
    return true;
  try {
    structuredClone(value);
    return true;
  } catch {
    return false; // that was the question
  }
}

/** Takes an error apart; what cannot be sent is left out. */
export function packError(error: unknown, depth: number = 0): PackedError {
  if (!(error instanceof Error)) {
    return {
      base: undefined,
      value: isCloneable(error) ? error : String(error),
      message: "",
      name: "",
      stack: undefined,
      properties: {},
      cause: undefined,
      errors: undefined,
      suppressed: [],
    };
  }
  const properties: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    const value: unknown = (error as unknown as Record<string, unknown>)[key];
    if (key !== "cause" && key !== "errors" && key !== "stack" && isCloneable(value)) properties[key] = value;
  }
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  const deeper = depth + 1;
  return {
    base:
      error instanceof DOMException
        ? "DOMException"
        : (CLASSES.find((known) => error instanceof known)?.name ?? "Error"),
    message: String(error.message),
    name: String(error.name),
    stack: typeof error.stack === "string" ? ownLines(error.stack) : undefined,
    properties,
    cause: cause === undefined || depth === DEPTH ? undefined : packError(cause, deeper),
    errors: Array.isArray(errors) && depth < DEPTH ? errors.map((one) => packError(one, deeper)) : undefined,
    suppressed: depth === DEPTH ? [] : suppressed(error).map((one) => packError(one, deeper)),
  };
}

/** The lines of a stack up to where the runtime called the function that was offloaded. */
function ownLines(stack: string): string {
  const lines = stack.split("\n");
  const end = lines.findIndex((line) => /offload-worker\.[tj]s/.test(line));
  return (end < 0 ? lines : lines.slice(0, end)).join("\n");
}

/** Puts an error together again. */
export function unpackError(packed: PackedError): unknown {
  if (packed.base === undefined) return packed.value;
  let error: Error;
  if (packed.base === "DOMException") error = new DOMException(packed.message, packed.name);
  else {
    error = new Error(packed.message);
    const known = CLASSES.find((one) => one.name === packed.base);
    // Not by its constructor: each class takes other arguments, and what they become is among the properties.
    if (known !== undefined && known !== Error) Object.setPrototypeOf(error, known.prototype as object);
    if (error.name !== packed.name) hidden(error, "name", packed.name);
  }
  for (const [key, value] of Object.entries(packed.properties)) {
    Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true });
  }
  if (packed.cause !== undefined) hidden(error, "cause", unpackError(packed.cause));
  if (packed.errors !== undefined) hidden(error, "errors", packed.errors.map(unpackError));
  if (packed.stack !== undefined) hidden(error, "stack", packed.stack);
  if (packed.suppressed.length > 0) suppress(error, packed.suppressed.map(unpackError));
  return error;
}

function hidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true });
}
