/**
 * The shortcut: driving the innermost frame of a deep chain directly.
 *
 * `yield*` resumes from the outside in, so a loop ten calls down pays ten hops a wait, where `async` functions pay
 * one. Once the frames are known (frames.ts) the kernel may step the innermost one itself. When that ends, its end has to
 * be handed to the frame that waits for it in `yield*`. An error can be thrown there as it is; a value needs a trick:
 * `yield*` looks `throw` up on its delegate afresh, and takes a `done` result from it as the value of the expression.
 * So the finished generator gets a `throw` of its own, which answers with the value.
 *
 * The frames stay linked as JavaScript linked them: stepping the outermost one undoes the shortcut at any time.
 * An error that leaves a frame driven like this gets the frames around it added to its stack, so stacks stay whole.
 */
import { GeneratorPrototype, type Frame } from "./frames.ts";
import { captureText, parseStack, type StackFrame } from "./stack.ts";

/** Thrown into the frame below to make it ask its finished callee for the value. */
export const passedUp: unique symbol = Symbol("rondo.passedUp") as never;
/** Thrown into the outermost frame to see the stack down to the finished callee; nobody's code runs. */
const show: unique symbol = Symbol("rondo.show") as never;

let value: unknown;

function answerValue(this: Frame, error: unknown): unknown {
  if (error !== passedUp) return Reflect.apply(GeneratorPrototype.throw, this, [error]);
  const result = { done: true, value };
  value = undefined;
  return result;
}

/** `callee` has ended with `result`: what its caller gets when it is resumed by `throw(passedUp)`. */
export function passUp(callee: Frame, result: unknown): void {
  value = result;
  callee.throw = answerValue;
}

let shown = "";
const suspended = { done: false, value: undefined };

function answerStack(this: Frame, error: unknown): unknown {
  if (error !== show) return Reflect.apply(GeneratorPrototype.throw, this, [error]);
  shown = captureText(answerStack);
  return suspended;
}

/** Adds to `error.stack` the frames outside of `callee`, which is about to hand the error to them. */
export function stackBelow(callee: Frame, root: Frame, error: unknown): void {
  if (!(error instanceof Error) || typeof error.stack !== "string") return;
  callee.throw = answerStack;
  try {
    rondoShow(root);
  } finally {
    delete callee.throw;
  }
  const lines = shown.split("\n");
  shown = "";
  const end = lines.findIndex((line) => line.includes("rondoShow"));
  const wanted = lines
    .slice(0, end < 0 ? 0 : end)
    .filter((line) => isUserLine(line) && !(error.stack as string).includes(line.trim()));
  if (wanted.length === 0) return;
  try {
    error.stack = `${error.stack}\n${wanted.join("\n")}`;
  } catch {
    // a frozen error keeps the stack it has
  }
}

function isUserLine(line: string): boolean {
  const frame: StackFrame | undefined = parseStack(line)[0];
  return frame !== undefined && frame.file !== undefined && frame.line !== undefined && frame.name !== "answerStack";
}

function rondoShow(root: Frame): void {
  (root as { throw(error: unknown): unknown }).throw(show);
}
