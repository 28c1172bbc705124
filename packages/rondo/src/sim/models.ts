/**
 * What a shared thing would do if nobody did two things with it at once: what a history is compared with.
 *
 * A model is a state and what each operation makes of it. It says nothing of time, of processes or of failures: those are
 * the checker's (linearizability.ts). An operation that would have to wait (a get from an empty queue) is one that cannot
 * happen in this state; the checker then tries the others first.
 */
import { keyOfValue, sameValue, showValue } from "./values.ts";

/** One call as a model sees it. */
export interface Asked<Input = any, Output = any> {
  readonly op: string;
  readonly input: Input;
  /** What it gave; meaningless where it is not known. */
  readonly output: Output;
  /** Whether it is known what it gave. Where it is not, any output will do. */
  readonly known: boolean;
}

/**
 * How a thing behaves when it is used by one at a time. Most are made by {@link defineModel}; write the interface itself
 * where one operation may leave several states.
 */
export interface Model<State = any, Input = any, Output = any> {
  readonly name: string;
  initial(): State;
  /** The states that the call may leave; none where it cannot happen in this state, or cannot have given what it gave. */
  step(state: State, asked: Asked<Input, Output>): readonly State[];
  /** A text that is the same for equal states; that of their contents where this is missing. */
  key?(state: State): string;
  /** Calls with different keys do not concern each other, and are checked apart: by far the best way to be fast. */
  partition?(op: string, input: Input): string | number;
  /** What the call would have given in this state, in words, for the report of a failure. */
  expects?(state: State, asked: Asked<Input, Output>): string;
}

/** A model whose every operation has one outcome. */
export interface ModelParts<State, Input = any, Output = any> {
  readonly name: string;
  initial(): State;
  /**
   * What the operation does: the new state (never the old one changed in place) and what it gives. Undefined where it cannot
   * happen in this state: it would wait. Throws where it knows no such operation.
   */
  apply(state: State, op: string, input: Input): { readonly state: State; readonly output?: Output } | undefined;
  key?(state: State): string;
  partition?(op: string, input: Input): string | number;
}

/**
 * A model from what its operations do. Outputs are compared by what they hold.
 *
 * @example
 * ```ts
 * import { checkLinearizable, defineModel, History } from "rondo/sim";
 *
 * const counter = defineModel<number>({
 *   name: "counter",
 *   initial: () => 0,
 *   apply: (state) => ({ state: state + 1, output: state + 1 }),
 * });
 * const history = new History();
 * const [a, b] = [history.begin("a", "add"), history.begin("b", "add")];
 * history.ok(a, 1);
 * history.ok(b, 1); // both read 0: an update is lost
 * console.log(checkLinearizable(history, counter).answer); // prints: not linearizable
 * ```
 */
export function defineModel<State, Input = any, Output = any>(
  parts: ModelParts<State, Input, Output>,
): Model<State, Input, Output> {
  const { name, key, partition } = parts;
  return {
    name,
    initial: () => parts.initial(),
    step(state, { op, input, output, known }) {
      const outcome = parts.apply(state, op, input);
      return outcome === undefined || (known && !sameValue(outcome.output, output)) ? NONE : [outcome.state];
    },
    expects(state, { op, input }) {
      const outcome = parts.apply(state, op, input);
      if (outcome === undefined) return `${op} cannot happen now`;
      return `${op} gives ${outcome.output === undefined ? "nothing" : showValue(outcome.output)}`;
    },
    ...(key === undefined ? {} : { key }),
    ...(partition === undefined ? {} : { partition }),
  };
}

const NONE: readonly never[] = [];

/** For a model that is asked for what it does not have. */
function unknownOperation(model: string, op: string, known: string): Error {
  return new TypeError(`the model "${model}" knows no operation "${op}": it has ${known}`);
}

/**
 * One value: `read` gives it, `write` replaces it with its input.
 *
 * @example
 * ```ts
 * import { checkLinearizable, History, register } from "rondo/sim";
 *
 * const history = new History();
 * const write = history.begin("a", "write", 1);
 * history.ok(history.begin("b", "read"), 1);
 * history.ok(history.begin("b", "read"), 0); // seen, and unseen again
 * history.ok(write);
 * console.log(checkLinearizable(history, register(0)).answer); // prints: not linearizable
 * ```
 */
export function register<T = unknown>(initial?: T): Model<T | undefined> {
  return defineModel<T | undefined>({
    name: "register",
    initial: () => initial,
    apply(state, op, input: T) {
      switch (op) {
        case "read":
          return { state, output: state };
        case "write":
          return { state: input };
        default:
          throw unknownOperation("register", op, "read and write");
      }
    },
  });
}

/**
 * A register that also has `cas`, with the input `[from, to]`: gives whether the value was `from`, and is `to` now.
 *
 * @example
 * ```ts
 * import { casRegister, checkLinearizable, History } from "rondo/sim";
 *
 * const history = new History();
 * const [a, b] = [history.begin("a", "cas", ["free", "a"]), history.begin("b", "cas", ["free", "b"])];
 * history.ok(a, true);
 * history.ok(b, true); // two winners
 * console.log(checkLinearizable(history, casRegister("free")).answer); // prints: not linearizable
 * ```
 */
export function casRegister<T = unknown>(initial?: T): Model<T | undefined> {
  return defineModel<T | undefined>({
    name: "compare-and-swap register",
    initial: () => initial,
    apply(state, op, input) {
      switch (op) {
        case "read":
          return { state, output: state };
        case "write":
          return { state: input as T };
        case "cas": {
          const [from, to] = input as readonly [T, T];
          const swaps = sameValue(state, from);
          return { state: swaps ? to : state, output: swaps };
        }
        default:
          throw unknownOperation("compare-and-swap register", op, "read, write and cas");
      }
    },
  });
}

/**
 * Values by key. Inputs are arrays that begin with the key: `get [key]` gives the value or undefined, `put [key, value]`,
 * `delete [key]` gives whether there was one, `cas [key, from, to]` gives whether it was `from`. Checked key by key.
 *
 * @example
 * ```ts
 * import { checkLinearizable, History, keyValue } from "rondo/sim";
 *
 * const history = new History();
 * history.info(history.begin("a", "put", ["x", 1])); // no answer came: it may have happened, or will
 * history.ok(history.begin("b", "get", ["x"]), undefined);
 * history.ok(history.begin("b", "get", ["x"]), 1);
 * console.log(checkLinearizable(history, keyValue()).answer); // prints: linearizable
 * ```
 */
export function keyValue(): Model {
  return defineModel<{ readonly value: unknown } | undefined, readonly [string | number, ...unknown[]]>({
    name: "key-value",
    initial: () => undefined,
    apply(state, op, input) {
      switch (op) {
        case "get":
          return { state, output: state?.value };
        case "put":
          return { state: { value: input[1] } };
        case "delete":
          return { state: undefined, output: state !== undefined };
        case "cas": {
          const swaps = sameValue(state?.value, input[1]);
          return { state: swaps ? { value: input[2] } : state, output: swaps };
        }
        default:
          throw unknownOperation("key-value", op, "get, put, delete and cas");
      }
    },
    partition(_op, input) {
      if (!Array.isArray(input)) {
        throw new TypeError(
          `an input of the model "key-value" is an array that begins with the key, not ${showValue(input)}`,
        );
      }
      return input[0];
    },
  });
}

/**
 * A queue, first in first out. `put` adds its input, and waits where the queue holds `capacity` items; `get` gives the
 * oldest, and waits where there is none. `tryPut` gives whether it was added; `tryGet` gives `{ value }`, or undefined where there is none.
 *
 * @example
 * ```ts
 * import { checkLinearizable, fifoQueue, History } from "rondo/sim";
 *
 * const history = new History();
 * for (const item of ["one", "two"]) history.ok(history.begin("a", "put", item));
 * history.ok(history.begin("b", "get"), "two"); // out of its turn
 * console.log(checkLinearizable(history, fifoQueue()).answer); // prints: not linearizable
 * ```
 */
export function fifoQueue(options: { readonly capacity?: number | undefined } = {}): Model<readonly unknown[]> {
  const { capacity = Infinity } = options;
  return defineModel<readonly unknown[]>({
    name: "FIFO queue",
    initial: () => [],
    apply(state, op, input: unknown) {
      const full = state.length >= capacity;
      switch (op) {
        case "put":
          return full ? undefined : { state: [...state, input] };
        case "get":
          return state.length === 0 ? undefined : { state: state.slice(1), output: state[0] };
        case "tryPut":
          return { state: full ? state : [...state, input], output: !full };
        case "tryGet":
          return state.length === 0 ? { state } : { state: state.slice(1), output: { value: state[0] } };
        default:
          throw unknownOperation("FIFO queue", op, "put, get, tryPut and tryGet");
      }
    },
  });
}

/**
 * `permits` that are taken and given back: `acquire` (so many as its input says, or one) waits where there are too few,
 * `tryAcquire` gives whether it got them, `release` gives them back. With one permit it is a lock.
 *
 * @example
 * ```ts
 * import { checkLinearizable, History, permits } from "rondo/sim";
 *
 * const history = new History();
 * for (const process of ["a", "b"]) history.ok(history.begin(process, "acquire")); // both hold the lock
 * console.log(checkLinearizable(history, permits(1)).answer); // prints: not linearizable
 * ```
 */
export function permits(count: number): Model<number> {
  return defineModel<number>({
    name: count === 1 ? "lock" : `${count} permits`,
    initial: () => count,
    key: String,
    apply(state, op, input: number | undefined) {
      const wanted = input ?? 1;
      switch (op) {
        case "acquire":
          return state < wanted ? undefined : { state: state - wanted };
        case "tryAcquire":
          return { state: state < wanted ? state : state - wanted, output: state >= wanted };
        case "release":
          // More than there are cannot come back: whoever does that is at fault, and the history with it.
          return state + wanted > count ? undefined : { state: state + wanted };
        default:
          throw unknownOperation("permits", op, "acquire, tryAcquire and release");
      }
    },
  });
}

/** The text of a state by which equal ones are known. */
export function keyOfState(model: Model, state: unknown): string {
  return model.key === undefined ? keyOfValue(state) : model.key(state);
}
