/**
 * Worker threads for `offload`. A thread shares memory with the program where both want to, begins in some 20 ms, and is
 * ended in the middle of whatever it computes.
 */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type ResourceLimits,
  type Transferable,
  Worker,
} from "node:worker_threads";

import type { FromHand, ToHand } from "./offload-message.ts";
import { type Hand, type HandEvents, OffloadPool, type OffloadPoolOptions } from "./offload-pool.ts";
import type { HandData } from "./offload-worker.ts";

/** How a pool of threads behaves. */
export interface ThreadPoolOptions extends OffloadPoolOptions {
  /** What each thread may use of memory, in MB (as Node's `Worker` takes it). Above it the thread ends, and its job fails. */
  readonly resourceLimits?: ResourceLimits | undefined;
  /** What Node is given for the threads (`["--conditions=…"]`); by default what this process was given. */
  readonly execArgv?: readonly string[] | undefined;
}

/** Beside this file, and compiled with it. */
export const WORKER: URL = new URL(
  `./offload-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/**
 * What this process was given, without what is about its own main program: a text to evaluate, a debugger's port that two
 * cannot have.
 */
export function inheritedArgv(): string[] {
  const argv: string[] = [];
  for (let i = 0; i < process.execArgv.length; i++) {
    const arg = process.execArgv[i] as string;
    if (/^(-e|--eval|-p|-pe|--print|--input-type)$/.test(arg)) i++;
    else if (!/^--(eval|print|input-type|inspect)/.test(arg)) argv.push(arg);
  }
  return argv;
}

/** For threads: undefined is "all of it", which includes flags that Node does not let one name for a thread. */
function threadArgv(): string[] | undefined {
  return process.execArgv.some((arg) => arg.startsWith("--input-type")) ? inheritedArgv() : undefined;
}

class ThreadHand implements Hand {
  readonly label: string;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly flag: Int32Array;

  constructor(options: ThreadPoolOptions, name: string, events: HandEvents) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.flag = new Int32Array(new SharedArrayBuffer(4));
    const data: HandData = { port: port2, flag: this.flag };
    const execArgv = options.execArgv ?? threadArgv();
    this.worker = new Worker(WORKER, {
      name,
      workerData: data,
      transferList: [port2],
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    });
    this.label = `thread ${this.worker.threadId}`;
    port1.on("message", (message: FromHand) => events.message(message));
    port1.on("messageerror", (error) => events.crashed(error));
    this.worker.on("error", (error) => events.crashed(error));
    // The thread and its port, in either order: a descriptor is free only when both are gone.
    let left = 2;
    let how = "";
    const ended = (): void => {
      if (--left === 0) events.gone(how);
    };
    port1.on("close", ended);
    this.worker.on("exit", (code) => {
      how = `exit code ${code}`;
      // What it said in its last moment.
      for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) {
        events.message(last.message as FromHand);
      }
      port1.close();
      ended();
    });
  }

  send(message: ToHand, transfer: readonly unknown[] | undefined): void {
    this.port.postMessage(message, (transfer ?? []) as readonly Transferable[]);
  }

  cancel(id: number): void {
    Atomics.store(this.flag, 0, id);
    this.send({ kind: "cancel", id }, undefined);
  }

  hold(held: boolean): void {
    if (held) {
      this.worker.ref();
      this.port.ref();
    } else {
      this.worker.unref();
      this.port.unref();
    }
  }

  kill(): void {
    // "exit" tells when it is over; the promise says the same, and cannot fail.
    void this.worker.terminate();
  }
}

/**
 * A pool of worker threads, for `offload({ …, pool })`. Threads are started when they are needed, at most `max`; one without
 * a job does not keep the program alive, and ends after a while. Without a pool of its own `offload` uses one that all
 * share, {@link ThreadPool.shared}.
 *
 * @example
 * ```ts
 * import { run, use } from "rondo";
 * import { offload, ThreadPool } from "rondo/os";
 *
 * await run(function* () {
 *   const pool = use(new ThreadPool({ max: 2, resourceLimits: { maxOldGenerationSizeMb: 64 } }));
 *   const bytes = yield* offload<Uint8Array>({ module: "node:zlib", name: "gzipSync", args: ["hello"], pool });
 *   console.log(bytes.length, pool.statistics().done); // prints: 25 1
 * });
 * ```
 */
export class ThreadPool extends OffloadPool {
  private readonly options: ThreadPoolOptions;
  private count: number = 0;

  /** Throws a `RangeError` where `max` is no whole number from 1, or `idle` no time. */
  constructor(options: ThreadPoolOptions = {}) {
    super(options, "the pool of threads");
    this.options = options;
  }

  /** The pool that is used where none is named. */
  static get shared(): ThreadPool {
    return (shared ??= new ThreadPool());
  }

  protected override start(events: HandEvents): Hand {
    return new ThreadHand(this.options, `rondo ${++this.count}`, events);
  }
}

let shared: ThreadPool | undefined;
