/**
 * Child processes.
 *
 * Three things are decided here. A process belongs to the scope in which it was started, as a task belongs to its group:
 * when the scope ends, so does the process. That it has ended is what the system says of *it*, and not that its pipes are closed:
 * a grandchild may hold those open for years (python/cpython gh-119710). And it is ended in two steps, `SIGTERM` and, when it has not
 * ended within the grace, `SIGKILL`; whatever cuts the wait in between, the second step is taken.
 */
import childProcess from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";

import { BrokenError } from "../coroutine/errors.ts";
import { type Coroutine, defineKind, grant, type Operation, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { checkMs, loopOf, now, sleep } from "../loop/sleep.ts";
import { NodeTransport } from "../net/node/transport.ts";
import { ByteStream } from "../net/stream.ts";
import type { Sink } from "../net/transport.ts";
import { currentScope, defer } from "../task/defer.ts";
import { cleanup, moveOnAfter } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { type Path, shownPath } from "./call.ts";
import { type ExitStatus, inWords, ProcessError, shown } from "./errors.ts";
import { File } from "./file.ts";

/** What stands at one end of a process: a pipe, what this process has there, nothing, or an open file (or its descriptor). */
export type Stdio = "pipe" | "inherit" | "ignore" | File | number;

/** How a process is started. */
export interface ProcessOptions {
  readonly cwd?: Path | undefined;
  /** All of its environment; by default that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** `pipe` by default. */
  readonly stdin?: Stdio | undefined;
  /** `pipe` by default: read it, or the process will stand still when the pipe is full. */
  readonly stdout?: Stdio | undefined;
  /** `inherit` by default. */
  readonly stderr?: Stdio | undefined;
  /**
   * Whether it gets a process group (and session) of its own, and signals go to the whole group: to the processes that it has
   * started too, as far as they have not left the group. Ctrl-C in the terminal does not reach such a group.
   */
  readonly group?: boolean | undefined;
  /** How long it may take to end after `SIGTERM`, in ms, before it gets `SIGKILL`: 5,000 by default. */
  readonly grace?: number | undefined;
  /** The user and group to run as; for root. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** How long a process may take to end when it is asked to. */
const GRACE = 5000;
/** How often the rest of a process group is looked at, in ms: the system tells only about children. */
const LOOK = 20;

const EXIT = defineKind({
  label: "process",
  poll(wait) {
    const { status } = wait.on as Process;
    wait.value = status;
    return status !== undefined;
  },
  begin(wait) {
    loopOf(wait).outside++;
    (wait.on as Process)._waiters.push(wait);
  },
  abort(wait) {
    loopOf(wait).outside--;
    (wait.on as Process)._waiters.remove(wait);
    return true;
  },
  labelOf: (wait) => `process ${(wait.on as Process).pid}`,
});

/**
 * A process that was started by {@link spawnProcess}, with a `ByteStream` for each end that is a pipe.
 *
 * To what has ended nothing can be written: that is a `BrokenError`. What it wrote before can be read, to the end.
 *
 * @example
 * ```ts
 * import { run, scope } from "rondo";
 * import { type Process, spawnProcess } from "rondo/os";
 *
 * let cat: Process | undefined;
 * await run(() =>
 *   scope(function* () {
 *     cat = yield* spawnProcess("cat");
 *     console.log(cat.status); // prints: undefined
 *     yield* cat.stdin.end();
 *     console.log(yield* cat.stdout.read(), yield* cat.wait()); // prints: undefined { code: 0, signal: null }
 *   }),
 * );
 * ```
 */
export class Process {
  /** The system's number for it. */
  readonly pid: number;
  readonly command: string;
  readonly args: readonly string[];
  /** How it ended; undefined while it runs. */
  status: ExitStatus | undefined;
  /** @internal Those who wait for its end. */
  readonly _waiters: WaitQueue;
  private readonly child: childProcess.ChildProcess;
  private readonly streams: (ByteStream | undefined)[];
  private readonly pipes: ChildPipe[];
  private readonly grouped: boolean;
  private readonly grace: number;
  /** Nobody of its group is left: its number may be another one's some day. */
  private groupGone: boolean;

  /** @internal Made by `spawnProcess`. */
  constructor(child: childProcess.ChildProcess, command: string, args: readonly string[], options: ProcessOptions) {
    this.pid = child.pid as number;
    this.command = command;
    this.args = args;
    this.status = undefined;
    this._waiters = new WaitQueue();
    this.child = child;
    this.pipes = [];
    this.grouped = options.group === true;
    this.grace = options.grace ?? GRACE;
    this.groupGone = !this.grouped;
    const names = ["stdin", "stdout", "stderr"];
    this.streams = child.stdio.slice(0, 3).map((socket, i) => {
      if (socket === null || socket === undefined) return undefined;
      const pipe = new ChildPipe(socket as Socket, this, names[i] as string);
      this.pipes.push(pipe);
      return new ByteStream(pipe);
    });
    alive.add(this);
    if (alive.size === 1) process.on("exit", endAll);
    child.on("exit", (code, signal) => this.exited({ code, signal }));
  }

  /** What it reads; end it with `end()`. */
  get stdin(): ByteStream {
    return this.stream(0, "stdin");
  }

  /** What it writes to its standard output. */
  get stdout(): ByteStream {
    return this.stream(1, "stdout");
  }

  /** What it writes to its standard error. */
  get stderr(): ByteStream {
    return this.stream(2, "stderr");
  }

  private stream(index: number, name: string): ByteStream {
    const stream = this.streams[index];
    if (stream === undefined)
      throw new TypeError(`${name} of ${this.title} is no pipe: start it with { ${name}: "pipe" }`);
    return stream;
  }

  /** The command as one would type it. */
  get title(): string {
    return shown(this.command, this.args);
  }

  /**
   * Waits until it has ended, and gives its exit code or the signal that ended it. What it has written may not have been
   * read yet, and its pipes may be open still: other processes may hold them. A switch point only where it must wait. Cancelled, the
   * process goes on.
   */
  wait(): Wait<ExitStatus> {
    return new Wait<ExitStatus>(EXIT, this, undefined);
  }

  /**
   * Sends a signal to it, or to its whole group where it has one of its own; false where there is nobody left to get it. Not
   * a switch point.
   */
  kill(signal: NodeJS.Signals = "SIGTERM"): boolean {
    if (this.grouped) return this.killGroup(signal);
    return this.status === undefined && this.child.kill(signal);
  }

  private killGroup(signal: NodeJS.Signals | 0): boolean {
    if (this.groupGone) return false;
    try {
      return process.kill(-this.pid, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ESRCH" && this.status !== undefined) this.groupGone = true;
      // Some may not be signalled (they have become another user), others have been.
      if (code === "ESRCH") return false;
      if (code === "EPERM") return true;
      throw error;
    }
  }

  /**
   * Ends it: `SIGTERM`, and after `grace` ms (by default that of its options) `SIGKILL`; then waits. Whatever ends this
   * wait early, the process gets its `SIGKILL`. With a group of its own all of that is ended. A switch point unless it has ended.
   */
  *terminate(options: { readonly grace?: number | undefined } = {}): Coroutine<ExitStatus> {
    const grace = checkMs(options.grace ?? this.grace, "the grace of a process");
    let ended = this.isOver();
    if (!ended) {
      try {
        this.kill("SIGTERM");
        const end = now() + grace;
        ended = !(yield* moveOnAfter(grace, this.wait())).timedOut;
        // The system does not tell of the others in the group: they are looked at.
        while (ended && !this.isOver()) {
          if (now() >= end) ended = false;
          else yield* sleep(LOOK);
        }
      } finally {
        if (!ended) this.kill("SIGKILL");
      }
    }
    return yield* this.wait();
  }

  private isOver(): boolean {
    if (this.status === undefined) return false;
    if (!this.groupGone) this.killGroup(0);
    return this.groupGone;
  }

  /** What happens at the end of its scope. */
  *_end(): Coroutine<void> {
    try {
      yield* this.terminate();
    } finally {
      for (const stream of this.streams) stream?.abort();
      for (const stream of this.streams) if (stream !== undefined) yield* cleanup(stream.close());
    }
  }

  private exited(status: ExitStatus): void {
    this.status = status;
    alive.delete(this);
    if (alive.size === 0) process.off("exit", endAll);
    if (this.grouped) this.killGroup(0);
    for (const pipe of this.pipes) pipe.processEnded();
    const first = this._waiters.head;
    if (first === null) return;
    const loop = loopOf(first);
    const mine = loop.enter();
    for (let wait = this._waiters.shift(); wait !== null; wait = this._waiters.shift()) {
      loopOf(wait).outside--;
      grant(wait, status);
    }
    if (mine) loop.leave();
  }
}

/** One end of a process. */
class ChildPipe extends NodeTransport {
  private readonly pipe: Socket;
  private readonly owner: Process;
  private asked: boolean;

  constructor(socket: Socket, owner: Process, name: string) {
    super(socket, { kind: `${name} of ${shown(owner.command, [])} (${owner.pid})` });
    this.pipe = socket;
    this.owner = owner;
    this.asked = false;
  }

  override open(sink: Sink): void {
    super.open({
      received: (chunk) => sink.received(chunk),
      ended: () => sink.ended(),
      drained: () => sink.drained(),
      closed: (error) => sink.closed(error === null ? null : this.better(error)),
    });
  }

  override resume(): void {
    this.asked = true;
    super.resume();
  }

  override pause(): void {
    this.asked = false;
    super.pause();
  }

  /**
   * Node now lets all that is left flow, wanted or not: without end, where a grandchild goes on writing. It does so in the
   * next tick, and here it is held again before anything has come.
   */
  processEnded(): void {
    setImmediate(() => {
      if (!this.asked && !this.pipe.destroyed) super.pause();
    });
  }

  /** Node destroys the standard input of a process that has ended. */
  private better(error: Error): Error {
    const { status } = this.owner;
    if (status === undefined || !(error instanceof BrokenError)) return error;
    return new BrokenError(`${this.label}: the process has ended (${howItEnded(status)})`, { cause: error });
  }
}

/** Processes that run: asked to end when this one does, which may happen without any cleanup (`process.exit`). */
const alive = new Set<Process>();

function endAll(): void {
  for (const process of alive) process.kill("SIGTERM");
}

/** In words: `exited with code 3`, `was ended by SIGKILL`. */
export function howItEnded({ code, signal }: ExitStatus): string {
  return signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
}

/**
 * Starts a process, without a shell. It belongs to the current scope: at the end of that it gets `SIGTERM`, after the grace
 * `SIGKILL`, and is waited for; so wait for it yourself where it is to end by itself. Throws `ProcessError` where it cannot be
 * started (`ENOENT`, `EACCES`, `EMFILE`, …). A switch point only where that happens.
 *
 * To collect what a command prints there is {@link exec}.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { spawnProcess } from "rondo/os";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const sort = yield* spawnProcess("sort", ["-n"]);
 *     g.spawn(function* () {
 *       for (const n of [10, 9, 1]) yield* sort.stdin.write(`${n}\n`);
 *       yield* sort.stdin.end();
 *     });
 *     console.log(yield* sort.stdout.lines().toArray()); // prints: [ '1', '9', '10' ]
 *     console.log(yield* sort.wait()); // prints: { code: 0, signal: null }
 *   }),
 * );
 * ```
 */
export function* spawnProcess(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Coroutine<Process> {
  const { stdin = "pipe", stdout = "pipe", stderr = "inherit" } = options;
  checkMs(options.grace ?? GRACE, "the grace of a process");
  // First: one that no scope would end must not be started.
  currentScope("spawnProcess()");
  let child: childProcess.ChildProcess;
  try {
    child = childProcess.spawn(command, args, {
      stdio: [stdin, stdout, stderr].map((one) => (one instanceof File ? one.fd : one)),
      detached: options.group === true,
      windowsHide: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
  } catch (error) {
    throw notStarted(error, command, args, options);
  }
  if (child.pid === undefined) {
    const error = yield* suspend<unknown>((wake) => {
      child.on("error", wake);
      // A moment, and not to be left: pipes that were made for it are closed with it.
      return () => false;
    }, `start ${command}`);
    // Without descriptors it did not come to making any.
    for (const socket of (child.stdio as childProcess.ChildProcess["stdio"] | undefined) ?? []) socket?.destroy();
    throw notStarted(error, command, args, options);
  }
  // That a signal could not be sent is known from `kill`.
  child.on("error", () => {});
  const started = new Process(child, command, args, options);
  defer((): Operation<void> => started._end());
  return started;
}

function notStarted(error: unknown, command: string, args: readonly string[], options: ProcessOptions): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  const { cwd } = options;
  const noDirectory = code === "ENOENT" && cwd !== undefined && !existsSync(cwd);
  const why = noDirectory
    ? `there is no directory ${shownPath(cwd)} to start it in`
    : code === "ENOENT"
      ? "there is no such command"
      : inWords(code, errno);
  return new ProcessError(`could not be started: ${why} (${code})`, { command, args, code, cause: error });
}
