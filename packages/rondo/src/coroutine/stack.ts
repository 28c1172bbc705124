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
  // Some engines and preparers format on first access: `captured` reads it while the limit is up.
  return String(captured(above, limit) ?? "");
}

function captured(above: Function, limit: number): unknown {
  const before = Error.stackTraceLimit;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // Frozen intrinsics: the engine's own limit applies, the inner frames are still right.
  }
  try {
    if (typeof Error.captureStackTrace === "function") Error.captureStackTrace(holder, above);
    else holder.stack = new Error("stack").stack ?? "";
    return holder.stack;
  } finally {
    try {
      Error.stackTraceLimit = before;
    } catch {
      // frozen: it was never changed
    }
  }
}

/** What the next probe asks for where it is not the text: see `generatorsAbove`. */
let asked: { limit: number; depth: number } | null = null;

/** Called by the leaf wait when it is probed. */
export function noteStack<W extends { next(): unknown; done: boolean }>(wait: W): W {
  if (asked === null) kernel.probed = captureText(wait.next);
  else asked.depth = countGenerators(wait.next, asked.limit);
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

/** What `countGenerators` answers where the chain is longer than it was to look. */
const UNKNOWN = -1;
/** How deep the last chain was that was looked at: most are like the one before. No less than where looking begins to pay. */
const SHALLOW = 4;
let expected = SHALLOW;

/**
 * How many frames stand between `root` and its leaf wait if all of them are generators; 0 where something else stands
 * among them. A generator's frame is followed by one of the engine's, that of its resumption; the `next` of an iterator
 * made by hand is a frame like any other. Nothing but that tells them apart. Each frame that is captured costs about a
 * microsecond, so it is tried first with no more than the last chain had, which leaves out those of the loop.
 */
export function generatorsAbove(root: { next?: (sent: never) => unknown }, probe: symbol): number {
  asked = { limit: 2 * expected + 1, depth: 0 };
  try {
    rondoProbe(root as { next(sent: symbol): unknown }, probe);
    if (asked.depth === UNKNOWN) {
      asked.limit = DEPTH;
      rondoProbe(root as { next(sent: symbol): unknown }, probe);
    }
    expected = Math.max(SHALLOW, asked.depth);
    return asked.depth;
  } finally {
    asked = null;
  }
}

/** Generators from the probe up to `above`; 0 where there are others, and UNKNOWN where `limit` frames do not reach. */
function countGenerators(above: Function, limit: number): number {
  const before: unknown = Error.prepareStackTrace;
  let sites: unknown;
  try {
    // V8 hands out the frames themselves, which is many times cheaper than writing them down.
    Error.prepareStackTrace = (_error, frames) => frames;
    sites = captured(above, limit);
  } catch {
    // frozen intrinsics
  } finally {
    try {
      Error.prepareStackTrace = before as typeof Error.prepareStackTrace;
    } catch {
      // frozen: it was never changed
    }
  }
  if (!Array.isArray(sites)) return countInText(captureText(above));
  for (let i = 0; i < sites.length; i++) {
    const site = sites[i] as NodeJS.CallSite;
    const name = site.getFunctionName();
    if (i % 2 === 0) {
      if (name === "rondoProbe") return i / 2;
    } else if (name !== "next" || (site.getFileName() ?? null) !== null) return 0;
  }
  return sites.length < limit ? 0 : UNKNOWN;
}

function countInText(text: string): number {
  const frames = parseStack(text);
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as StackFrame;
    if (i % 2 === 0) {
      if (frame.name === "rondoProbe") return i / 2;
    } else if (!isEngineFrame(frame)) return 0;
  }
  return 0;
}

/** An error of the kernel's own that is on its way to the line that caused it. */
let lineless: Error | null = null;

export function rememberLineless(error: Error): void {
  lineless = error;
}
export function forgetLineless(): void {
  lineless = null;
}

/** Puts the lines of this moment on the error, if it is the one that waits for them; see `throwAtLine` in frames.ts. */
export function writeLines(error: unknown, above: Function): void {
  if (error !== lineless || lineless === null) return;
  const lines = captureText(above).split("\n");
  const end = lines.findIndex((line) => line.includes("rondoThrow"));
  const own = lines.slice(0, end < 0 ? 0 : end).filter((line) => {
    const frame = parseStack(line)[0];
    return (
      frame !== undefined && !isEngineFrame(frame) && frame.name !== above.name && !line.includes("noteLineAndThrow")
    );
  });
  if (own.length === 0) return;
  try {
    lineless.stack = `${lineless.name}: ${lineless.message}\n${own.join("\n")}`;
  } catch {
    // frozen: it keeps the stack it has
  }
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
