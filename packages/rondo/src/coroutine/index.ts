/** `rondo/coroutine`: the hand tools. Coroutines with no loop under them. */
export { call } from "./call.ts";
export { ask, fail, finish, start, step, type Started, type Stepped } from "./hand.ts";
export type { StackFrame } from "./stack.ts";
export { type Coroutine, type Operation, Wait } from "./wait.ts";
