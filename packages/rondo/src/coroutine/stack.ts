/**
 * Probing: on which lines a suspended coroutine waits.
 *
 * A generator that is suspended has no stack, but `next(PROBE)` on the outermost one runs down the whole chain of
 * `yield*` to the leaf wait, and at that moment every frame of the coroutine is on the stack. The wait notes the
 * stack and answers itself again, so all stay suspended and no user code has run. Nothing is paid until somebody asks.
 */
import { kernel } from "./kernel.ts";

/** One level of a coroutine, as a person reads it. */
export interface StackFrame {
  /** The function, or `""` where it has no name. */
  readonly name: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** Deep recursion is shown, endless recursion is cut. */
const DEPTH = 10_000;

/** The stack of this very moment as text, however many frames; `above` is the function whose frames are left out. */
export function captureText(above: Function, limit: number = DEPTH): string {
  const before = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // Frozen intrinsics: the engine's own limit applies, the inner frames are still right.
  }
  try {
    if (typeof Error.captureStackTrace === "function") Error.captureStackTrace(holder, above);
    else holder.stack = new Error("stack").stack ?? "";
    // Some engines and preparers format on first access: read it while the limit is up.
    return String(holder.stack ?? "");
  } finally {
    try {
      Error.stackTraceLimit = before;
    } catch {
      // frozen: it was never changed
    }
  }
}

/** Called by the leaf wait when it is probed. */
export function noteStack<W extends { next(): unknown; done: boolean }>(wait: W): W {
  kernel.probed = captureText(wait.next);
  wait.done = false;
  return wait;
}

const V8_LINE = /^\s*at (?:(.*?) \()?(.*?)(?::(\d+))?(?::(\d+))?\)?$/;
const JSC_LINE = /^(.*?)@(.*?)(?::(\d+))?(?::(\d+))?$/;

/** The lines of a stack text as frames, in the engine's order (innermost first). */
export function parseStack(text: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of text.split("\n")) {
    const v8 = V8_LINE.exec(line);
    const match = v8 ?? JSC_LINE.exec(line);
    if (match === null) continue;
    const file = match[2] === "" ? undefined : match[2];
    frames.push({
      name: cleanName(match[1] ?? ""),
      file,
      line: match[3] === undefined ? undefined : Number(match[3]),
      column: match[4] === undefined ? undefined : Number(match[4]),
    });
  }
  return frames;
}

/** `Object.fetch [as next]`, `async x`, `fetch.next`: the engine's decorations around the function's own name. */
function cleanName(name: string): string {
  return name
    .replace(/ \[as .*\]$/, "")
    .replace(/^(?:async|new) /, "")
    .replace(/\.next$/, "")
    .replace(/^(?:Object|Generator)\./, "");
}

/** A frame of the engine (`Generator.next (<anonymous>)`) or of no file: nothing a person could open. */
function isEngineFrame(frame: StackFrame): boolean {
  return (
    frame.file === undefined ||
    frame.file === "<anonymous>" ||
    frame.file === "native" ||
    frame.file === "[native code]"
  );
}

/**
 * The frames of one segment: steps `root` with `probe` down to its leaf wait and reads the stack there. Everything at
 * and below this function belongs to whoever asks and is left out.
 */
export function probeFrames(root: { next?: (sent: never) => unknown }, probe: symbol): StackFrame[] {
  if (typeof root.next !== "function") return [];
  kernel.probed = "";
  rondoProbe(root as { next(sent: symbol): unknown }, probe);
  const frames = parseStack(kernel.probed);
  kernel.probed = "";
  const end = frames.findIndex((frame) => frame.name === "rondoProbe");
  return (end < 0 ? frames : frames.slice(0, end)).filter((frame) => !isEngineFrame(frame));
}

/** Named so that its own frame can be found in the text and cut away. */
function rondoProbe(root: { next(sent: symbol): unknown }, probe: symbol): void {
  root.next(probe);
}

/** Frames as the lines that errors and warnings show. */
export function formatFrames(frames: readonly StackFrame[], indent: string = "    "): string {
  return frames.map((frame) => `${indent}at ${formatFrame(frame)}`).join("\n");
}

export function formatFrame(frame: StackFrame): string {
  const place = frame.file === undefined ? "" : `${frame.file}:${frame.line ?? "?"}:${frame.column ?? "?"}`;
  if (frame.name === "") return place;
  return place === "" ? frame.name : `${frame.name} (${place})`;
}
