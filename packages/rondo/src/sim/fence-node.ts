/**
 * Node's modules in a run: files, sockets, names, processes, threads, chance.
 *
 * These functions are wrapped once for ever, when the first run begins, and each looks whether a fence is up. Putting them
 * in place at each run would be the cleaner way; but what a program has imported by name (`import { readFile } from
 * "node:fs"`) follows only when Node is told to look (`syncBuiltinESMExports`), and that takes 0.1 to 0.2 ms, the time of a
 * whole run. Where one method of a class is the door to everything (`Socket.prototype.connect`), it is that one.
 *
 * Nothing is imported here: a browser has none of it.
 */
import { breach, type Fenced, type FenceName, fencedBy, outsideFences, shownCall } from "./fence-core.ts";
import { patch, sealed } from "./fence-globals.ts";
import { simFill, simInteger, simUuid } from "./fence-random.ts";
import { simClear, simImmediate, simInterval, simSoon, simTimeout } from "./fence-timers.ts";

type Any = (...args: any[]) => any;
type Module = Record<string, unknown>;
type Done = (error: Error | null, value?: unknown) => void;

/** What may not be called in a run. */
function close(holder: unknown, prefix: string, fence: FenceName, keys: readonly string[], unless?: Unless): void {
  for (const key of keys) {
    patch(holder, key, (real) => {
      const mine = function (this: unknown, ...args: unknown[]): unknown {
        if (fencedBy(fence) === null) return real.apply(this, args);
        // Nor is anything else asked about what is let through: functions of a module call each other.
        if (unless?.(mine, key, args) ?? false) return outsideFences(() => real.apply(this, args));
        throw breach(fence, shownCall(`${prefix}.${key}`, args), mine);
      };
      return mine;
    });
  }
}

type Unless = (mine: Any, key: string, args: readonly unknown[]) => boolean;

/** What gives a result of the world's own. */
function answer(holder: unknown, key: string, fence: FenceName, inside: (fenced: Fenced, args: any) => unknown): void {
  patch(
    holder,
    key,
    (real) =>
      function (this: unknown, ...args: unknown[]): unknown {
        const fenced = fencedBy(fence);
        return fenced === null ? real.apply(this, args) : inside(fenced, args);
      },
  );
}

function functionsOf(module: unknown, more: (key: string) => boolean = () => true): string[] {
  const found = module as Module;
  return Object.keys(found).filter((key) => /^[a-z]/.test(key) && typeof found[key] === "function" && more(key));
}

/** Standard output and error are not files of the world. */
const PRINTS: ReadonlySet<string> = new Set(["write", "writev", "writeSync", "writevSync"]);

/**
 * Node reads files by its own functions too (modules that are loaded, source maps), and so do others for stacks. Only a call
 * that is about to be refused is looked at, so this may take its time.
 */
const mayTouchFiles: Unless = (mine, key, [descriptor]) => {
  if (PRINTS.has(key) && (descriptor === 1 || descriptor === 2)) return true;
  const frames = outsideFences(() => {
    const holder: { stack?: string } = {};
    const { prepareStackTrace, stackTraceLimit } = Error;
    Error.stackTraceLimit = 40;
    // As a text: while a stack is being formatted there is nothing else.
    (Error as { prepareStackTrace?: unknown }).prepareStackTrace = undefined;
    Error.captureStackTrace(holder, mine);
    const lines = (holder.stack ?? "").split("\n").slice(1);
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
    return lines;
  });
  if (frames.some((frame) => frame.includes("prepareStackTrace"))) return true;
  // Who has kept an older `readFileSync` comes here from that.
  const caller = frames.find((frame) => !/\(node:fs:\d/.test(frame)) ?? "";
  return /\(?node:internal\/(?!fs\/)/.test(caller);
};

/** Wraps what there is; to be done once, and after the globals. */
export function patchNode(): void {
  const get = typeof process === "undefined" ? undefined : process.getBuiltinModule;
  if (get === undefined) return;
  const module = (name: string): Module => get(name as never) as unknown as Module;
  patchFiles(module("node:fs"));
  patchNetwork(module);
  patchProcesses(module);
  patchThreads(module);
  patchChance(module("node:crypto"));
  patchTimers(module("node:timers"), module("node:timers/promises"));
  (get("node:module") as { syncBuiltinESMExports(): void }).syncBuiltinESMExports();
  // What is printed past the console is printed at once all the same.
  for (const stream of [process.stdout, process.stderr]) {
    patch(
      stream,
      "write",
      (real) =>
        function (this: unknown, ...args: unknown[]): unknown {
          return outsideFences(() => real.apply(this, args));
        },
    );
  }
}

function patchFiles(fs: Module): void {
  close(fs, "fs", "file", functionsOf(fs), mayTouchFiles);
  close(fs["promises"], "fs.promises", "file", functionsOf(fs["promises"]), mayTouchFiles);
}

function patchNetwork(module: (name: string) => Module): void {
  const prototype = (of: unknown): unknown => (of as { prototype?: unknown } | undefined)?.prototype;
  const net = module("node:net");
  const dgram = module("node:dgram");
  const dns = module("node:dns");
  close(prototype(net["Socket"]), "net.Socket.prototype", "network", ["connect"]);
  close(prototype(net["Server"]), "net.Server.prototype", "network", ["listen"]);
  close(dgram, "dgram", "network", ["createSocket"]);
  close(prototype(dgram["Socket"]), "dgram.Socket.prototype", "network", ["bind", "connect", "send"]);
  const asks = (key: string): boolean => /^(lookup|resolve|reverse)/.test(key);
  close(dns, "dns", "network", functionsOf(dns, asks));
  close(dns["promises"], "dns.promises", "network", functionsOf(dns["promises"], asks));
  for (const [from, prefix] of [
    [dns["Resolver"], "dns.Resolver.prototype"],
    [(dns["promises"] as Module)["Resolver"], "dns.promises.Resolver.prototype"],
  ] as const) {
    for (let at = prototype(from); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
      close(at, prefix, "network", Object.getOwnPropertyNames(at).filter(asks));
  }
}

function patchProcesses(module: (name: string) => Module): void {
  const processes = module("node:child_process");
  close(
    processes,
    "child_process",
    "process",
    functionsOf(processes, (key) => /^(spawn|exec|fork)/.test(key)),
  );
  const threads = module("node:worker_threads");
  threads["Worker"] = sealed("Worker", threads["Worker"] as new () => object, "worker");
}

/** What has a form that gives its result at once, and another one that works on a thread. */
function patchThreads(module: (name: string) => Module): void {
  for (const [name, text] of [
    ["node:zlib", "zlib"],
    ["node:crypto", "crypto"],
  ] as const) {
    const found = module(name);
    const later = functionsOf(found, (key) => typeof found[`${key}Sync`] === "function" && !key.startsWith("random"));
    close(found, text, "thread", later);
  }
}

/**
 * Node's `WebSocket` is not wrapped where it was not loaded when the first run began. The first thing that it does, in the
 * call that makes it, is to draw a key of 16 bytes.
 */
function refuseWebSocket(): void {
  if (fencedBy("network") === null) return;
  const holder: { stack?: string } = {};
  outsideFences(() => Error.captureStackTrace(holder, refuseWebSocket));
  if (/node:internal\/deps\/undici/.test(holder.stack ?? ""))
    throw breach("network", "new WebSocket(…)", WebSocket as never);
}

function patchChance(crypto: Module): void {
  answer(crypto, "randomUUID", "random", simUuid);
  const bytesOf = (view: ArrayBuffer | ArrayBufferView, offset = 0, size?: number): Uint8Array => {
    const all = ArrayBuffer.isView(view)
      ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
      : new Uint8Array(view);
    return all.subarray(offset, size === undefined ? undefined : offset + size);
  };
  const filled = (fenced: Fenced, args: [ArrayBuffer | ArrayBufferView, number?, number?]): unknown => {
    simFill(fenced, bytesOf(...args));
    return args[0];
  };
  const later = (fenced: Fenced, done: Done, value: unknown): void => simSoon(fenced, "random", done, [null, value]);
  answer(crypto, "randomBytes", "random", (fenced, [size, done]: [number, Done?]) => {
    if (size === 16 && done === undefined) refuseWebSocket();
    if (!(size >= 0 && size < 2 ** 31))
      throw new RangeError(`randomBytes() takes a number of bytes, not ${String(size)}`);
    const bytes = Buffer.alloc(size);
    simFill(fenced, bytes);
    return done === undefined ? bytes : later(fenced, done, bytes);
  });
  answer(crypto, "randomFillSync", "random", filled);
  answer(crypto, "randomFill", "random", (fenced, args: any[]) => {
    const done = args.pop() as Done;
    later(fenced, done, filled(fenced, args as [ArrayBufferView]));
  });
  answer(crypto, "randomInt", "random", (fenced, args: any[]) => {
    const done = typeof args.at(-1) === "function" ? (args.pop() as Done) : undefined;
    const [least, end] = (args.length > 1 ? args : [0, args[0]]) as [number, number];
    if (!(Number.isSafeInteger(least) && Number.isSafeInteger(end) && end > least && end - least < 2 ** 48))
      throw new RangeError(
        `randomInt() takes whole numbers, the second one greater, not ${String(least)} and ${String(end)}`,
      );
    const value = least + simInteger(fenced, end - least);
    return done === undefined ? value : later(fenced, done, value);
  });
}

/** For those who import timers by name. Those of `timers/promises` cannot settle in a run. */
function patchTimers(timers: Module, promises: Module): void {
  answer(timers, "setTimeout", "timers", (fenced, [fn, ms, ...args]) => simTimeout(fenced, fn, ms, args));
  answer(timers, "setInterval", "timers", (fenced, [fn, ms, ...args]) => simInterval(fenced, fn, ms, args));
  answer(timers, "setImmediate", "timers", (fenced, [fn, ...args]) => simImmediate(fenced, fn, args));
  for (const key of ["clearTimeout", "clearInterval", "clearImmediate"]) {
    patch(timers, key, (real) => (handle: unknown) => {
      if (handle === undefined || handle === null || (fencedBy("timers") !== null && simClear(handle))) return;
      real(handle);
    });
  }
  close(promises, "timers/promises", "timers", ["setTimeout", "setInterval", "setImmediate"]);
  close(promises["scheduler"], "timers/promises.scheduler", "timers", ["wait", "yield"]);
}
