/**
 * `offload` in a simulated world: the function runs at once, in this thread, and takes a drawn time.
 *
 * What a program can see of another thread is kept: arguments and results are copies, what is cancelled gives nothing, and
 * it is over later than it began. What cannot be had is a function that waits for something real (a promise).
 */
import type { Coroutine } from "../coroutine/wait.ts";
import { sleep } from "../loop/sleep.ts";
import { OffloadError } from "../os/offload-error.ts";
import type { OffloadedCall, OffloadService } from "../os/offload-service.ts";
import type { ChoiceStream } from "./choices.ts";
import { breach, outsideFences } from "./fence-core.ts";

/** How long a call may take, in ms. */
const DURATIONS = [1, 2, 10, 100, 1000] as const;

/** The service `offload` of a node. */
export function offloadAtOnce(draws: ChoiceStream): OffloadService {
  return { perform: (call) => perform(call, draws) };
}

function* perform(call: OffloadedCall, draws: ChoiceStream): Coroutine<unknown> {
  const fn = load(call);
  const args = copied(call.args, call.transfer, `an argument for ${call.title} cannot be sent`) as unknown[];
  const ms = DURATIONS[draws.draw(DURATIONS.length, call.title)] as number;
  let value: unknown;
  let thrown: { readonly error: unknown } | undefined;
  try {
    value = fn(...args);
  } catch (error) {
    thrown = { error };
  }
  // A coroutine runs on a loop of its thread's own; here it has the time of its caller's.
  if (isCoroutine(value)) value = yield* value as Coroutine<unknown>;
  yield* sleep(ms);
  if (thrown !== undefined) throw thrown.error;
  if (typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function")
    throw breach("promise", `the promise that ${call.title} has given`, perform);
  return copied(value, undefined, `what ${call.title} gave cannot be sent back`);
}

function copied(value: unknown, transfer: readonly unknown[] | undefined, what: string): unknown {
  try {
    return structuredClone(value, transfer === undefined ? {} : { transfer: [...transfer] as ArrayBuffer[] });
  } catch (cause) {
    throw new OffloadError("uncloneable", `${what}: ${(cause as Error).message}`, { cause });
  }
}

function isCoroutine(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object Generator]";
}

type Exports = Readonly<Record<string, unknown>>;

/** What was loaded stays loaded: Node would look for the file each time. */
const loaded: Map<string, Exports> = new Map();

function load({ module, export: name, title }: OffloadedCall): (...args: unknown[]) => unknown {
  let exports = loaded.get(module);
  if (exports === undefined) {
    exports = outsideFences(() => moduleOf(module));
    loaded.set(module, exports);
  }
  const found = exports[name] ?? (exports["default"] as Exports | undefined)?.[name];
  if (typeof found === "function") return found as (...args: unknown[]) => unknown;
  throw new OffloadError("missing", `${title}: the module exports no function of this name`);
}

function moduleOf(module: string): Exports {
  try {
    if (module.startsWith("node:")) {
      const found = process.getBuiltinModule(module as "node:fs") as unknown as Exports | undefined;
      if (found !== undefined) return found;
      throw new Error("Node has no such module");
    }
    const { createRequire } = process.getBuiltinModule("node:module");
    const { fileURLToPath } = process.getBuiltinModule("node:url");
    // Not `import()`, which gives a promise: a run cannot wait for it.
    return createRequire(module)(fileURLToPath(module)) as Exports;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const hint =
      code === "ERR_REQUIRE_ASYNC_MODULE" ? "; a module with a top-level await cannot be loaded during a run" : "";
    throw new OffloadError("missing", `${module} cannot be loaded in a simulation: ${message}${hint}`, { cause });
  }
}
