/**
 * Child processes for `offloadProcess`. A process begins in some 50 ms and copies all that it is given, and nothing that
 * happens in it can harm the program: not a crash of native code, not a memory that is full, not a global that is changed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { FromHand, ToHand } from "./offload-message.ts";
import { type Hand, type HandEvents, OffloadPool, type OffloadPoolOptions } from "./offload-pool.ts";
import { inheritedArgv, WORKER } from "./thread-pool.ts";

/** How a pool of processes behaves. */
export interface ProcessPoolOptions extends OffloadPoolOptions {
  /** The environment of the processes; by default this one's. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
  /** What Node is given for them (`["--max-old-space-size=64"]`); by default what this process was given. */
  readonly execArgv?: readonly string[] | undefined;
}

/** Those that have not ended: a program that ends by `process.exit()` takes them along. */
const children = new Set<ChildProcess>();

function killAll(): void {
  for (const child of children) child.kill("SIGKILL");
}

class ProcessHand implements Hand {
  readonly label: string;
  private readonly child: ChildProcess;

  constructor(options: ProcessPoolOptions, events: HandEvents) {
    const execArgv = options.execArgv ?? inheritedArgv();
    const child = fork(fileURLToPath(WORKER), [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: [...execArgv],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child = child;
    this.label = child.pid === undefined ? "a process that never began" : `process ${child.pid}`;
    if (children.size === 0) process.on("exit", killAll);
    children.add(child);
    child.on("message", (message) => events.message(message as FromHand));
    let over = false;
    const gone = (how: string): void => {
      if (over) return;
      over = true;
      children.delete(child);
      if (children.size === 0) process.off("exit", killAll);
      events.gone(how);
    };
    // Where it could not be begun there is no "exit".
    child.on("error", (error) => {
      events.crashed(error);
      if (child.pid === undefined) gone("it could not be started");
    });
    // Not at "exit": what it said last may be in the channel still. But something that it has started may keep that open
    // for ever, so it is read on only for a moment.
    child.on("exit", (code, signal) => {
      const how = signal ?? `exit code ${code}`;
      if (!child.connected) {
        gone(how);
        return;
      }
      const patience = setTimeout(() => {
        child.disconnect();
        gone(how);
      }, 1000);
      child.once("disconnect", () => {
        clearTimeout(patience);
        gone(how);
      });
    });
  }

  send(message: ToHand): void {
    // It may have ended in this moment: then "exit" says so, and there is nobody to tell here.
    this.child.send(message, undefined, undefined, () => {});
  }

  cancel(id: number): void {
    this.send({ kind: "cancel", id });
  }

  hold(held: boolean): void {
    if (held) {
      this.child.ref();
      this.child.channel?.ref();
    } else {
      this.child.unref();
      this.child.channel?.unref();
    }
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}

/**
 * A pool of child processes, for `offloadProcess({ …, pool })`. Processes are started when they are needed, at most `max`;
 * one without a job does not keep the program alive, and ends after a while. Without a pool of its own `offloadProcess`
 * uses one that all share, {@link ProcessPool.shared}.
 *
 * @example
 * ```ts
 * import { run, use } from "rondo";
 * import { offloadProcess, ProcessPool } from "rondo/os";
 *
 * await run(function* () {
 *   const pool = use(new ProcessPool({ max: 1, execArgv: ["--max-old-space-size=64"] }));
 *   const bytes = yield* offloadProcess<Uint8Array>({ module: "node:zlib", name: "gzipSync", args: ["hello"], pool });
 *   console.log(bytes.length, pool.statistics().threads); // prints: 25 1
 * });
 * ```
 */
export class ProcessPool extends OffloadPool {
  private readonly options: ProcessPoolOptions;

  /** Throws a `RangeError` where `max` is no whole number from 1, or `idle` no time. */
  constructor(options: ProcessPoolOptions = {}) {
    super(options, "the pool of processes");
    this.options = options;
  }

  /** The pool that is used where none is named. */
  static get shared(): ProcessPool {
    return (shared ??= new ProcessPool());
  }

  protected override start(events: HandEvents): Hand {
    return new ProcessHand(this.options, events);
  }
}

let shared: ProcessPool | undefined;
