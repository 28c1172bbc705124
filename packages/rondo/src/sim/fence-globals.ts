/**
 * The globals of a run. What is used all the time, and asked who it is and not only what it does (`Date` above all), is put in
 * place when a run begins and taken back when it ends: outside of runs there is nothing in between. That is a dozen stores
 * each way, a fraction of a microsecond. What was there when the run began is put back, also where that was somebody's fake
 * timers. The rest is wrapped once, and looks whether a fence is up.
 *
 * What code has kept in a variable of its own before (`const { now } = Date`) is out of reach.
 */
import { breach, fencedBy, outsideFences, shownCall } from "./fence-core.ts";
import { simFill, simRandom, simUuid } from "./fence-random.ts";
import { runningLoop, simClear, simImmediate, simInterval, simSoon, simTimeout } from "./fence-timers.ts";
import type { Fenced } from "./fence-core.ts";

type Any = (...args: any[]) => any;

/** The platform's, whoever has put something else there since. */
const RealDate = Date;
const realPerformance = globalThis.performance as { now: Any; readonly timeOrigin?: number } | undefined;
const realProcess = (typeof process === "undefined" ? undefined : process) as
  | { nextTick: Any; hrtime: Any }
  | undefined;

function monotonic(fenced: Fenced): number {
  const loop = runningLoop();
  return loop === null ? fenced.clockwork.time : loop.host.now();
}

function wall(fenced: Fenced): number {
  const loop = runningLoop();
  return Math.floor(loop === null ? fenced.wallClock() : loop.host.wallClock());
}

// ---- Date -----------------------------------------------------------------------------------------------------------

/** What makes dates is real, and so are they: only what time it is comes from elsewhere. */
function SimDate(this: unknown, ...args: unknown[]): unknown {
  const fenced = fencedBy("clock");
  if (new.target === undefined) return new RealDate(fenced === null ? RealDate.now() : wall(fenced)).toString();
  const given = args.length === 0 && fenced !== null ? [wall(fenced)] : args;
  return Reflect.construct(RealDate, given, new.target);
}
Object.defineProperty(SimDate, "name", { value: "Date" });
Object.defineProperty(SimDate, "length", { value: 7 });
SimDate.prototype = RealDate.prototype;
Object.setPrototypeOf(SimDate, RealDate);
SimDate.now = function now(): number {
  const fenced = fencedBy("clock");
  return fenced === null ? RealDate.now() : wall(fenced);
};

// ---- what stands there during a run ---------------------------------------------------------------------------------

type Global = Record<string, unknown>;

/** What is put in place at each run, by name. */
interface Names {
  Date: unknown;
  setTimeout: Any;
  setInterval: Any;
  setImmediate: Any;
  clearTimeout: Any;
  clearInterval: Any;
  clearImmediate: Any;
  queueMicrotask: Any;
  /** Of `Math`. */
  random: Any;
  /** Of `performance`. */
  now: Any;
  /** Of `process`. */
  nextTick: Any;
  /** Of `console`. */
  log: Any;
  info: Any;
  warn: Any;
  error: Any;
  debug: Any;
}

function absent(): never {
  throw new Error("this platform has no such function");
}

/** What was there when the run began. */
const real: Names = {
  Date: undefined,
  setTimeout: absent,
  setInterval: absent,
  setImmediate: absent,
  clearTimeout: absent,
  clearInterval: absent,
  clearImmediate: absent,
  queueMicrotask: absent,
  random: absent,
  now: absent,
  nextTick: absent,
  log: absent,
  info: absent,
  warn: absent,
  error: absent,
  debug: absent,
};

/** Real handles come through as well: a timer that was set before the run may be cleared in it. */
function clearing(key: "clearTimeout" | "clearInterval" | "clearImmediate"): Any {
  return (handle: unknown) => {
    if (handle === undefined || handle === null || (fencedBy("timers") !== null && simClear(handle))) return;
    real[key](handle);
  };
}

const mine: Names = {
  Date: SimDate,
  setTimeout(callback: unknown, ms: unknown, ...args: unknown[]): unknown {
    const fenced = fencedBy("timers");
    return fenced === null ? real.setTimeout(callback, ms, ...args) : simTimeout(fenced, callback, ms, args);
  },
  setInterval(callback: unknown, ms: unknown, ...args: unknown[]): unknown {
    const fenced = fencedBy("timers");
    return fenced === null ? real.setInterval(callback, ms, ...args) : simInterval(fenced, callback, ms, args);
  },
  setImmediate(callback: unknown, ...args: unknown[]): unknown {
    const fenced = fencedBy("timers");
    return fenced === null ? real.setImmediate(callback, ...args) : simImmediate(fenced, callback, args);
  },
  clearTimeout: clearing("clearTimeout"),
  clearInterval: clearing("clearInterval"),
  clearImmediate: clearing("clearImmediate"),
  queueMicrotask(callback: unknown): void {
    const fenced = fencedBy("timers");
    if (fenced === null) real.queueMicrotask(callback);
    else simSoon(fenced, "microtask", callback, []);
  },
  random(): number {
    const fenced = fencedBy("random");
    return fenced === null ? (real.random() as number) : simRandom(fenced);
  },
  now(): number {
    const fenced = fencedBy("clock");
    return fenced === null ? (real.now.call(realPerformance) as number) : monotonic(fenced);
  },
  nextTick(callback: unknown, ...args: unknown[]): void {
    const fenced = fencedBy("timers");
    if (fenced === null) real.nextTick.call(realProcess, callback, ...args);
    else simSoon(fenced, "tick", callback, args);
  },
  log: printing("log"),
  info: printing("info"),
  warn: printing("warn"),
  error: printing("error"),
  debug: printing("debug"),
};

/** Printing is not part of the world, and what a console does on the way (ticks, times, files) is not either. */
function printing(key: "log" | "info" | "warn" | "error" | "debug"): Any {
  return (...args: unknown[]) => outsideFences(() => real[key].apply(console, args) as unknown);
}

const all = globalThis as unknown as Names;
const ofMath = Math as unknown as { random: Any };
/** Browsers have no such functions. */
const IMMEDIATES: boolean = typeof all.setImmediate === "function";

/** Written out: a loop over a list of names takes twenty times as long, and this is done at each run. */
export function putInPlace(): void {
  real.Date = all.Date;
  all.Date = mine.Date;
  real.setTimeout = all.setTimeout;
  all.setTimeout = mine.setTimeout;
  real.setInterval = all.setInterval;
  all.setInterval = mine.setInterval;
  real.clearTimeout = all.clearTimeout;
  all.clearTimeout = mine.clearTimeout;
  real.clearInterval = all.clearInterval;
  all.clearInterval = mine.clearInterval;
  real.queueMicrotask = all.queueMicrotask;
  all.queueMicrotask = mine.queueMicrotask;
  if (IMMEDIATES) {
    real.setImmediate = all.setImmediate;
    all.setImmediate = mine.setImmediate;
    real.clearImmediate = all.clearImmediate;
    all.clearImmediate = mine.clearImmediate;
  }
  real.random = ofMath.random;
  ofMath.random = mine.random;
  if (realPerformance !== undefined) {
    real.now = realPerformance.now;
    realPerformance.now = mine.now;
  }
  if (realProcess !== undefined) {
    real.nextTick = realProcess.nextTick;
    realProcess.nextTick = mine.nextTick;
  }
  const printer = console as unknown as Names;
  real.log = printer.log;
  printer.log = mine.log;
  real.info = printer.info;
  printer.info = mine.info;
  real.warn = printer.warn;
  printer.warn = mine.warn;
  real.error = printer.error;
  printer.error = mine.error;
  real.debug = printer.debug;
  printer.debug = mine.debug;
}

export function takeBack(): void {
  all.Date = real.Date;
  all.setTimeout = real.setTimeout;
  all.setInterval = real.setInterval;
  all.clearTimeout = real.clearTimeout;
  all.clearInterval = real.clearInterval;
  all.queueMicrotask = real.queueMicrotask;
  if (IMMEDIATES) {
    all.setImmediate = real.setImmediate;
    all.clearImmediate = real.clearImmediate;
  }
  ofMath.random = real.random;
  if (realPerformance !== undefined) realPerformance.now = real.now;
  if (realProcess !== undefined) realProcess.nextTick = real.nextTick;
  const printer = console as unknown as Names;
  printer.log = real.log;
  printer.info = real.info;
  printer.warn = real.warn;
  printer.error = real.error;
  printer.debug = real.debug;
}

// ---- what is wrapped once -------------------------------------------------------------------------------------------

/** Replaces `holder[key]` for ever by what `wrap` makes of it, where there is such a function. */
export function patch(holder: unknown, key: string, wrap: (real: Any) => Any): void {
  const real = (holder as Global | undefined)?.[key];
  if (typeof real === "function") (holder as Global)[key] = named(key, real as Any, wrap(real as Any));
}

/** With the name, the length and whatever else hangs on the real one (`util.promisify.custom`). */
function named<F extends Any>(name: string, real: Any, mine: F): F {
  const { prototype: _, ...own } = Object.getOwnPropertyDescriptors(real) as PropertyDescriptorMap;
  Object.defineProperties(mine, own);
  Object.defineProperty(mine, "name", { value: name, configurable: true });
  return mine;
}

/** A class of which nothing may be made in a run. */
export function sealed(name: string, real: new () => object, fence: "network" | "worker"): new () => object {
  return new Proxy(real, {
    construct: function construct(target, args: unknown[], newTarget): object {
      if (fencedBy(fence) !== null) throw breach(fence, `new ${shownCall(name, args)}`, construct);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
}

/** Wraps what is not worth a change at each run, because it is rare or only a door; to be done once. */
export function prepareGlobals(): void {
  for (const key of ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "queueMicrotask"] as const)
    if (typeof all[key] === "function") named(key, all[key], mine[key]);
  patch(globalThis, "fetch", (real) => {
    return function fetch(this: unknown, ...args: unknown[]): unknown {
      if (fencedBy("network") !== null) throw breach("network", shownCall("fetch", args), fetch);
      return real.apply(this, args);
    };
  });
  const classes = globalThis as unknown as Global;
  const { moduleLoadList } = (realProcess ?? {}) as { readonly moduleLoadList?: readonly string[] };
  // To look at it makes Node load all of its HTTP client, which takes longer than most test files: see fence-node.ts.
  const notLoaded = moduleLoadList?.includes("NativeModule internal/deps/undici/undici") === false;
  for (const [key, fence] of CLASSES) {
    if (notLoaded && key === "WebSocket") continue;
    if (typeof classes[key] === "function") classes[key] = sealed(key, classes[key] as new () => object, fence);
  }
  patchClocks();
  patchCrypto();
  for (const key of ["trace", "dir", "table"]) {
    patch(console, key, (real) => {
      return function (this: unknown, ...args: unknown[]): unknown {
        return outsideFences(() => real.apply(this, args));
      };
    });
  }
}

const CLASSES: readonly (readonly [string, "network" | "worker"])[] = [
  ["WebSocket", "network"],
  ["EventSource", "network"],
  ["XMLHttpRequest", "network"],
  ["WebTransport", "network"],
  ["RTCPeerConnection", "network"],
  ["Worker", "worker"],
  ["SharedWorker", "worker"],
  // What is sent over them comes in a turn of the real host.
  ["MessageChannel", "worker"],
  ["BroadcastChannel", "worker"],
];

/** Once for ever: Node gives out the methods of its one object by name, too. */
function patchCrypto(): void {
  const prototype = globalThis.Crypto?.prototype;
  patch(prototype, "randomUUID", (real) => {
    return function (this: unknown, ...args: unknown[]): unknown {
      const fenced = fencedBy("random");
      return fenced === null ? real.apply(this, args) : simUuid(fenced);
    };
  });
  patch(prototype, "getRandomValues", (real) => {
    return function (this: unknown, view: ArrayBufferView): unknown {
      const fenced = fencedBy("random");
      // What is no good is refused by the platform, in its words.
      if (fenced === null || !fillable(view)) return real.call(this, view);
      simFill(fenced, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      return view;
    };
  });
}

/** Integers, at most 65,536 bytes: the Web Crypto API takes nothing else. */
function fillable(view: ArrayBufferView): boolean {
  return (
    ArrayBuffer.isView(view) &&
    !(view instanceof DataView) &&
    !(view instanceof Float32Array) &&
    !(view instanceof Float64Array) &&
    Object.prototype.toString.call(view) !== "[object Float16Array]" &&
    view.byteLength <= 65536
  );
}

function patchClocks(): void {
  const origin = realPerformance?.timeOrigin;
  if (origin !== undefined)
    Object.defineProperty(realPerformance, "timeOrigin", {
      configurable: true,
      enumerable: true,
      get(): number {
        const fenced = fencedBy("clock");
        return fenced === null ? origin : wall(fenced) - monotonic(fenced);
      },
    });
  patch(realProcess, "hrtime", (real) => {
    const hrtime = function (earlier?: [number, number]): unknown {
      const fenced = fencedBy("clock");
      if (fenced === null) return real(earlier);
      const nanoseconds = Math.round(monotonic(fenced) * 1e6);
      const [seconds, rest] = [Math.floor(nanoseconds / 1e9), nanoseconds % 1e9];
      if (earlier === undefined) return [seconds, rest];
      const [s, n] = [seconds - earlier[0], rest - earlier[1]];
      return n < 0 ? [s - 1, n + 1e9] : [s, n];
    };
    return hrtime;
  });
  patch(realProcess?.hrtime, "bigint", (real) => () => {
    const fenced = fencedBy("clock");
    return fenced === null ? (real() as bigint) : BigInt(Math.round(monotonic(fenced) * 1e6));
  });
  patch(realProcess, "uptime", (real) => () => {
    const fenced = fencedBy("clock");
    return fenced === null ? (real() as number) : monotonic(fenced) / 1000;
  });
  patch(globalThis.AbortSignal, "timeout", (real) => (ms: number) => {
    const fenced = fencedBy("timers");
    if (fenced === null || !(ms >= 0)) return real.call(AbortSignal, ms) as AbortSignal;
    const controller = new AbortController();
    const abort = (): void =>
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    // As the platform's own: it keeps nothing alive.
    const timer = simTimeout(fenced, abort, ms, []);
    (timer as { unref?: () => void }).unref?.();
    return controller.signal;
  });
}
