/**
 * The other side of `offload`: what runs in a thread or a child process. It takes one job at a time, calls the function,
 * and says what came of it.
 */
import { parentPort, workerData, type MessagePort, type Transferable } from "node:worker_threads";

import type { Operation } from "../coroutine/wait.ts";
import { type CurrentJob, isTransferred, jobSignal, setCurrentJob } from "./offload-job.ts";
import { type FromHand, packError, type ToHand } from "./offload-message.ts";

/** What a thread is given at its birth. */
export interface HandData {
  readonly port: MessagePort;
  /** Holds the number of the job that was cancelled last. */
  readonly flag: Int32Array;
}

type Reply = (message: FromHand, transfer?: readonly Transferable[]) => void;

const modules = new Map<string, Record<string, unknown>>();
let current: (CurrentJob & { readonly id: number }) | undefined;

/** What is wrong with the module or its export, and not with what the function did. */
class Missing extends Error {}

async function load(module: string, name: string): Promise<Function> {
  let loaded = modules.get(module);
  if (loaded === undefined) {
    try {
      loaded = (await import(module)) as Record<string, unknown>;
    } catch (error) {
      const { code, url } = error as { code?: unknown; url?: unknown };
      // A module that is there and imports one that is not has an error of its own.
      const itself = url === undefined || url === module;
      if ((code === "ERR_MODULE_NOT_FOUND" || code === "ERR_UNKNOWN_BUILTIN_MODULE") && itself) {
        throw new Missing(`there is no module ${module}`, { cause: error });
      }
      throw error;
    }
    modules.set(module, loaded);
  }
  const found = loaded[name] ?? (loaded["default"] as Record<string, unknown> | undefined)?.[name];
  if (typeof found === "function") return found;
  const names = Object.keys(loaded).filter((key) => typeof loaded[key] === "function");
  throw new Missing(
    `${module} exports no function "${name}"${found === undefined ? "" : ` but a ${typeof found}`}; ` +
      `${names.length === 0 ? "it exports none at all" : `its functions are: ${names.join(", ")}`}`,
  );
}

async function work(job: ToHand & { kind: "job" }, flag: Int32Array | undefined, reply: Reply): Promise<void> {
  const { id } = job;
  let told = false;
  current = {
    id,
    controller: undefined,
    cancelled: () => told || (flag !== undefined && Atomics.load(flag, 0) === id),
  };
  cancelCurrent = () => {
    told = true;
    current?.controller?.abort();
  };
  setCurrentJob(current);
  try {
    const fn = await load(job.module, job.name);
    let value: unknown = fn(...job.args);
    // A coroutine is run here, on a loop of the thread's own; cancelled, it cleans up within the grace of its caller.
    if (isCoroutine(value)) {
      const coroutine = value;
      // Most threads never need a loop of their own, and each would have to load it.
      const { run } = await import("../task/run.ts");
      const { defaultHost } = await import("../host/node.ts");
      value = run(() => coroutine, { host: defaultHost(), signal: jobSignal(), signals: false, name: job.name });
    }
    value = await value;
    current = undefined;
    setCurrentJob(undefined);
    try {
      if (isTransferred(value)) reply({ kind: "done", id, value: value.value }, value.list);
      else reply({ kind: "done", id, value });
    } catch (error) {
      const message = `what "${job.name}" of ${job.module} gave cannot be sent back: ${(error as Error).message}`;
      reply({ kind: "refused", id, reason: "uncloneable", message, error: undefined });
    }
  } catch (error) {
    current = undefined;
    setCurrentJob(undefined);
    if (error instanceof Missing) {
      reply({ kind: "refused", id, reason: "missing", message: error.message, error: packCause(error) });
    } else replyError(id, error, reply);
  }
}

function packCause(error: Error): ReturnType<typeof packError> | undefined {
  return error.cause === undefined ? undefined : packError(error.cause);
}

function replyError(id: number, error: unknown, reply: Reply): void {
  const packed = packError(error);
  try {
    reply({ kind: "failed", id, error: packed });
  } catch {
    // Something in it cannot take this way (a child process knows less than a thread): the error without its extras.
    reply({
      kind: "failed",
      id,
      error: { ...packed, properties: {}, cause: undefined, errors: undefined, suppressed: [] },
    });
  }
}

function isCoroutine(value: unknown): value is Operation<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return Object.prototype.toString.call(value) === "[object Generator]";
}

let cancelCurrent: () => void = () => {};

function handle(message: ToHand, flag: Int32Array | undefined, reply: Reply): void {
  if (message.kind === "job") void work(message, flag, reply);
  else if (current?.id === message.id) cancelCurrent();
}

if (parentPort !== null) {
  const { port, flag } = workerData as HandData;
  // A port of our own: what the modules do with `parentPort` is their business.
  const reply: Reply = (message, transfer) => port.postMessage(message, transfer ?? []);
  port.on("message", (message: ToHand) => handle(message, flag, reply));
} else if (process.send !== undefined) {
  const send = process.send.bind(process);
  const reply: Reply = (message) => {
    // The channel may close at any time: whoever was to hear of it is gone.
    send(message, undefined, undefined, () => {});
  };
  process.on("message", (message: ToHand) => handle(message, undefined, reply));
  process.on("uncaughtExceptionMonitor", (error) => reply({ kind: "crash", error: packError(error) }));
  // Ctrl-C goes to every process of the terminal, and what becomes of this one is for the program to say.
  process.on("SIGINT", () => {});
  // The program is gone: nobody wants the result.
  process.on("disconnect", () => process.exit());
}
