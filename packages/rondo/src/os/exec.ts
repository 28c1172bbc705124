/**
 * Running a command to its end, and what it printed.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { BrokenError } from "../coroutine/errors.ts";
import { LimitError } from "../net/errors.ts";
import type { ByteStream } from "../net/stream.ts";
import { group } from "../task/group.ts";
import { timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { type ExitStatus, ProcessError, shown } from "./errors.ts";
import type { FileData } from "./file.ts";
import { howItEnded, type Process, type ProcessOptions, spawnProcess, type Stdio } from "./process.ts";

/** How a command is run. */
export interface ExecOptions extends Omit<ProcessOptions, "stdin"> {
  /** What it gets on its standard input; without it, the end at once. */
  readonly input?: FileData | Flow<Uint8Array | string> | undefined;
  /** Where it reads instead, if there is no `input`: `ignore` by default. */
  readonly stdin?: Exclude<Stdio, "pipe"> | undefined;
  /** `pipe` by default, to be collected. */
  readonly stdout?: Stdio | undefined;
  /** `pipe` by default, to be collected. */
  readonly stderr?: Stdio | undefined;
  /** How long it may take, in ms; then it is ended, and a `TimeoutError` thrown. */
  readonly timeout?: number | undefined;
  /** The most bytes to collect of each output: 64 MiB by default. With more the process is ended, and a `LimitError` thrown. */
  readonly maxBuffer?: number | undefined;
  /** Whether an exit code that is not 0, or an end by a signal, is a `ProcessError`. True by default. */
  readonly check?: boolean | undefined;
  /** How its output is to be read: `utf8` by default; `bytes` leaves it as it is. */
  readonly encoding?: BufferEncoding | "bytes" | undefined;
}

/** What became of a command. */
export interface ExecResult<T = string> extends ExitStatus {
  readonly stdout: T;
  readonly stderr: T;
}

const MAX_BUFFER = 64 * 1024 * 1024;
/** So many turns of the host without a byte: one may be taken up by going on with what was held back. */
const QUIET = 3;

/**
 * Runs a command to its end, without a shell, and gives `{ code, signal, stdout, stderr }`. Throws `ProcessError` where it
 * cannot be started, or (unless `check` is false) ends otherwise than with code 0; `TimeoutError` and `LimitError` by its options. A
 * switch point.
 *
 * Cancelled, or when it throws, the command is ended first: `SIGTERM`, and `SIGKILL` after the grace. Where it ends before it has read all of its
 * `input`, the rest is dropped. It is over when the command has ended and what it had written has been read; what it may have started in
 * the background, and left with its output open, is not waited for.
 * What a shell runs is another process than the shell: `group: true` ends that with it.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { exec } from "rondo/os";
 *
 * await run(function* () {
 *   const { stdout } = yield* exec("tr", ["a-z", "A-Z"], { input: "rondo" });
 *   console.log(stdout); // prints: RONDO
 *   const { code } = yield* exec("sh", ["-c", "exit 3"], { check: false });
 *   console.log(code); // prints: 3
 * });
 * ```
 */
export function exec(
  command: string,
  args: readonly string[] | undefined,
  options: ExecOptions & { readonly encoding: "bytes" },
): Coroutine<ExecResult<Uint8Array>>;
export function exec(
  command: string,
  args?: readonly string[],
  options?: ExecOptions & { readonly encoding?: BufferEncoding | undefined },
): Coroutine<ExecResult>;
export function* exec(
  command: string,
  args: readonly string[] = [],
  options: ExecOptions = {},
): Coroutine<ExecResult<string | Uint8Array>> {
  const { encoding = "utf8", check = true } = options;
  if (encoding !== "bytes" && !Buffer.isEncoding(encoding))
    throw new TypeError(`no such encoding: ${String(encoding)}`);
  const running = (): Operation<Collected> => collecting(command, args, options);
  const { status, out, err } =
    options.timeout === undefined
      ? yield* group(running)
      : yield* timeout(options.timeout, group(running), { name: shown(command, args) });
  const stdout = Buffer.concat(out);
  const stderr = Buffer.concat(err);
  if (check && status.code !== 0) {
    throw new ProcessError(howItEnded(status), {
      command,
      args,
      status,
      stdout: stdout.toString("utf8"),
      stderr: stderr.toString("utf8"),
    });
  }
  if (encoding === "bytes") return { ...status, stdout: plain(stdout), stderr: plain(stderr) };
  return { ...status, stdout: stdout.toString(encoding), stderr: stderr.toString(encoding) };
}

interface Collected {
  readonly status: ExitStatus;
  readonly out: Uint8Array[];
  readonly err: Uint8Array[];
}

function* collecting(command: string, args: readonly string[], options: ExecOptions): Coroutine<Collected> {
  const { input, stdin = "ignore", stdout = "pipe", stderr = "pipe", maxBuffer = MAX_BUFFER } = options;
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const child = yield* spawnProcess(command, args, {
    ...options,
    stdin: input === undefined ? stdin : "pipe",
    stdout,
    stderr,
  });
  const status = yield* group(function* (g) {
    const collected: ByteStream[] = [];
    const collect = (stream: ByteStream, chunks: Uint8Array[]): void => {
      collected.push(stream);
      g.spawn(() => reading(stream, chunks, maxBuffer), { name: stream.label, daemon: true });
    };
    if (input !== undefined) g.spawn(() => feeding(child, input), { name: child.stdin.label, daemon: true });
    if (stdout === "pipe") collect(child.stdout, out);
    if (stderr === "pipe") collect(child.stderr, err);
    const ended = yield* child.wait();
    yield* emptied(collected);
    return ended;
  });
  return { status, out, err };
}

function* reading(stream: ByteStream, chunks: Uint8Array[], max: number): Coroutine<void> {
  let length = 0;
  for (let bytes = yield* stream.read(); bytes !== undefined; bytes = yield* stream.read()) {
    length += bytes.length;
    if (length > max) throw new LimitError(`${stream.label}: more than the ${max} bytes that were allowed`, max);
    chunks.push(bytes);
  }
}

function* feeding(child: Process, input: NonNullable<ExecOptions["input"]>): Coroutine<void> {
  try {
    if (input instanceof Flow) yield* input.forEach((data) => child.stdin.write(data));
    else yield* child.stdin.write(input);
    yield* child.stdin.close();
  } catch (error) {
    // It did not want to read all of it. What came of that, its exit code says.
    if (!(error instanceof BrokenError)) throw error;
  }
}

/**
 * Waits until what a process had written when it ended has been read. The end of the pipe may never come; but what is in a
 * pipe is brought by the next turns of the host, so a few of them in which nothing came are the end of it. (Where Node tells of
 * bytes before it tells of ends, as it does on Linux, only what had been held back is still to come.)
 */
function* emptied(streams: readonly ByteStream[]): Coroutine<void> {
  const open = (): boolean => streams.some((stream) => !stream.statistics().ended);
  const came = (): number => streams.reduce((sum, stream) => sum + stream.bytesRead, 0);
  for (let quiet = 0, before = came(); quiet < QUIET && open();) {
    yield* turn();
    const after = came();
    quiet = after === before ? quiet + 1 : 0;
    before = after;
  }
}

/** A whole turn of the host, in which all that is there to be read is read. */
function turn(): Operation<void> {
  return suspend<void>((wake) => {
    const soon = setImmediate(() => wake());
    return () => clearImmediate(soon);
  }, "turn");
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
