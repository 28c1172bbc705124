/**
 * The errors of the operating system, one class for each thing that is asked of it: files and processes. The code
 * (`ENOENT`, `EACCES`, …) is kept as it is, since programs ask for it and people search for it; the message says in words
 * what was tried, on what, and what there is to do.
 */
/** What some codes mean for the one who meets them, beyond the system's own words. */
const ADVICE: Readonly<Record<string, string>> = {
  EMFILE: "this process has as many descriptors open as it may: close some, or raise `ulimit -n`",
  ENFILE: "the whole system has as many files open as it can",
  ENOSPC: "no space is left on the device",
  EDQUOT: "the quota of this user is used up",
  EROFS: "the file system is mounted read-only",
};

/** What a file system call failed at. */
export interface FileErrorDetails {
  readonly code: string;
  readonly operation: string;
  readonly path: string;
  readonly destination?: string | undefined;
}

/**
 * A file system call failed: `code` says how (`ENOENT`, `EACCES`, `EISDIR`, `ENOSPC`, `EMFILE`, …), `operation` what was tried,
 * `path` on what. The stack is that of the coroutine which waited for it. `cause` is Node's own error, where there is one.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { FileError, readFile } from "rondo/os";
 *
 * try {
 *   await run(() => readFile("/no/such/file"));
 * } catch (error) {
 *   if (error instanceof FileError) console.log(error.code, error.operation, error.path); // prints: ENOENT open /no/such/file
 *   console.log((error as Error).message); // prints: open /no/such/file: no such file or directory (ENOENT)
 * }
 * ```
 */
export class FileError extends Error {
  override readonly name: string = "FileError";
  /** The system's name for what went wrong. */
  readonly code: string;
  /** What was tried: `open`, `read`, `write`, `rename`, … */
  readonly operation: string;
  readonly path: string;
  /** The second path, where the operation has two. */
  readonly destination: string | undefined;
  /** How many bytes of a write were written before it failed. */
  written: number | undefined;

  constructor(details: FileErrorDetails, what: string, cause?: unknown) {
    const { code, operation, path, destination } = details;
    const to = destination === undefined ? "" : ` to ${destination}`;
    super(`${operation} ${path}${to}: ${what} (${code})`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.operation = operation;
    this.path = path;
    this.destination = destination;
    this.written = undefined;
  }
}

/** One of Node's errors as one of ours; what is no error of the system (a wrong argument) stays as it is. */
export function fileError(error: unknown, operation: string, path: string, destination?: string): unknown {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined || errno === undefined) return error;
  return new FileError({ code, operation, path, destination }, inWords(code, errno), error);
}

/** What a code of the system means, in words. */
export function inWords(code: string, errno: number): string {
  const advice = ADVICE[code];
  if (advice !== undefined) return advice;
  // Not imported: a simulated disk throws these errors in a browser too, with words of its own.
  const words = process.getBuiltinModule("node:util").getSystemErrorMessage(errno);
  return words === undefined || words === "" ? "it failed" : words;
}

/** Whether an error is one of the system's, with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof FileError && codes.includes(error.code);
}

/** How much of what a process wrote to its standard error is shown in the message. */
const TAIL = 2000;

/** How a process ended. */
export interface ExitStatus {
  /** What it gave to `exit()`; null where a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, or null. */
  readonly signal: NodeJS.Signals | null;
}

/**
 * A process could not be started, or ended otherwise than with code 0. The message ends in the last lines that it wrote to
 * its standard error.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { exec, ProcessError } from "rondo/os";
 *
 * try {
 *   await run(() => exec("sh", ["-c", "echo no such thing >&2; exit 3"]));
 * } catch (error) {
 *   if (error instanceof ProcessError) console.log(error.exitCode, error.stderr.trim()); // prints: 3 no such thing
 * }
 * ```
 */
export class ProcessError extends Error {
  override readonly name: string = "ProcessError";
  readonly command: string;
  readonly args: readonly string[];
  /** The system's name for why it could not be started (`ENOENT`, `EACCES`, …). */
  readonly code: string | undefined;
  /** What it gave to `exit()`; null where a signal ended it or it was never started. */
  readonly exitCode: number | null;
  /** The signal that ended it, or null. */
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to its standard output, where that was collected. */
  readonly stdout: string;
  /** What it wrote to its standard error, where that was collected. */
  readonly stderr: string;

  constructor(
    what: string,
    details: {
      readonly command: string;
      readonly args: readonly string[];
      readonly code?: string | undefined;
      readonly status?: ExitStatus | undefined;
      readonly stdout?: string | undefined;
      readonly stderr?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    const stderr = details.stderr ?? "";
    const tail = tailOf(stderr);
    super(
      `${shown(details.command, details.args)}: ${what}${tail === "" ? "" : `\n${tail}`}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.command = details.command;
    this.args = details.args;
    this.code = details.code;
    this.exitCode = details.status?.code ?? null;
    this.signal = details.status?.signal ?? null;
    this.stdout = details.stdout ?? "";
    this.stderr = stderr;
  }
}

/** A command as a person would type it, cut where it is long. */
export function shown(command: string, args: readonly string[]): string {
  const words = [command, ...args].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)));
  const line = words.join(" ");
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

function tailOf(stderr: string): string {
  const text = stderr.trimEnd();
  if (text.length <= TAIL) return text;
  const cut = text.slice(-TAIL);
  const line = cut.indexOf("\n");
  return `…${line >= 0 && line < TAIL / 2 ? cut.slice(line) : cut}`;
}
