/**
 * What goes wrong with an offloaded call besides what the function itself throws, and how an error that comes from
 * another thread shows the lines of both sides.
 */
import { captureText, formatFrames, parseStack } from "../coroutine/stack.ts";
import { LateError } from "../coroutine/wait.ts";

/**
 * A function could not be run somewhere else, or its thread broke. What the function itself throws comes as it is.
 *
 * `reason` says which: `missing` (no such module, or it exports no such function), `uncloneable` (an argument or the result
 * cannot be sent), `crashed` (the thread or the process ended under the job: `process.exit()` in it, its memory limit,
 * an error that nobody caught, which is `cause` then).
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { offload, OffloadError } from "rondo/os";
 *
 * try {
 *   await run(() => offload("node:zlib", "gzipp", "hello"));
 * } catch (error) {
 *   if (error instanceof OffloadError) console.log(error.reason); // prints: missing
 * }
 * ```
 */
export class OffloadError extends Error {
  override readonly name: string = "OffloadError";
  readonly reason: "missing" | "uncloneable" | "crashed";

  constructor(reason: OffloadError["reason"], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** The thread ended before the job did. */
export function crashed(
  title: string,
  label: string,
  how: string,
  error: { readonly error: unknown } | undefined,
): LateError {
  const hint = how.startsWith("exit code") ? ", and no error: did something in it call process.exit()?" : "";
  const why =
    error === undefined
      ? `(${how}${hint})`
      : `(${how}): ${String((error.error as { message?: unknown } | null | undefined)?.message ?? error.error)}`;
  const message = `${label} ended before ${title} had a result ${why}`;
  return new LateError(() => new OffloadError("crashed", message, error === undefined ? {} : { cause: error.error }));
}

/** What the function threw, with the lines of its thread first and those of the caller below. */
export function failedThere(error: unknown, label: string): LateError {
  return new LateError((wait) => {
    if (!(error instanceof Error)) return error;
    const lines = callerLines(wait.next);
    if (lines !== "") error.stack = `${error.stack ?? String(error)}\n  in ${label}, called from\n${lines}`;
    return error;
  });
}

/** The lines of the coroutine that waits, without those of the runtime below it. */
function callerLines(above: Function): string {
  const frames = parseStack(captureText(above));
  const kernel = frames.findIndex(({ file }) => /coroutine[/\\]fiber\.[tj]s/.test(file ?? ""));
  const own = (kernel < 0 ? frames : frames.slice(0, kernel)).filter(
    ({ file, line }) => line !== undefined && file !== undefined && !/os[/\\]offload(-error)?\.[tj]s/.test(file),
  );
  return formatFrames(own);
}
