/**
 * What is fenced off in a simulated run, and how that is said.
 *
 * A run is a function of its choices only as long as nothing else has a say in it: the clock on the wall, real chance, a
 * file, a socket. Most of it is caught where it happens, by functions that look at one word, `fences.up`: null outside a
 * run, and then everything is as it always was.
 */
import type { Loop } from "../loop/loop.ts";
import type { Clockwork } from "./clockwork.ts";

/**
 * What can be let through, by `simulate({ allow: [...] })`: `clock` (`Date`, `performance.now`, `process.hrtime`), `random`
 * (`Math.random`, `crypto`), `timers` (`setTimeout`, `queueMicrotask`, …), `network` (sockets, name servers, `fetch`,
 * `WebSocket`), `file`, `process` (child processes), `worker` (worker threads), `thread` (what Node computes on threads of
 * its own), `promise` (`until`).
 */
export type FenceName =
  | "clock"
  | "random"
  | "timers"
  | "network"
  | "file"
  | "process"
  | "worker"
  | "thread"
  | "promise";

/** What to do instead. */
const INSTEAD: Readonly<Record<FenceName, string>> = {
  clock: "use now(), or Date, which show the time of the node",
  random: "use Math.random(), randomUUID() or world.choose(), which are drawn from the seed",
  timers: "no promise settles during a run: use sleep(ms) of rondo",
  network:
    "nobody out there lives in virtual time: use connect(), listen(), udp() and resolve() of rondo/net, which run on the " +
    "world's own network, and make the other side a node",
  file: "the files of this machine are not part of the world: use disk() of rondo/sim, or read it before the run begins",
  process: "a program of this machine is not part of the world: make it a node, by world.node(name, main)",
  worker: "a thread runs in real time: use offload() of rondo/os, which the world runs at once",
  thread: "it works on a thread, and calls back in real time: use the form that gives its result at once (…Sync)",
  promise:
    "a run is one synchronous call, in which no promise can settle: wait for an operation instead (sleep, channel, " +
    "event, suspend), or await the promise before the run and give it the value",
};

/**
 * A simulated program was about to leave its world: what it would have waited for comes in real time or not at all, and
 * the run could not be repeated. The message says what it was and what to use instead, the stack where. What has to be let
 * through all the same is named in `simulate({ allow: [...] })`.
 *
 * @example
 * ```ts
 * import { simulate, SimFenceError } from "rondo/sim";
 *
 * const { error } = simulate({}, function* () {
 *   fetch("https://example.org");
 * });
 * console.log(error instanceof SimFenceError, (error as SimFenceError).fence); // prints: true network
 * ```
 */
export class SimFenceError extends Error {
  override readonly name: string = "SimFenceError";
  /** What it would take to let it through. */
  readonly fence: FenceName;

  constructor(message: string, fence: FenceName) {
    super(message);
    this.fence = fence;
  }
}

/** What the fences need to know of the world that is running. */
export interface Fenced {
  readonly clockwork: Clockwork;
  readonly allow: ReadonlySet<FenceName>;
  /** What `Date` shows where no node runs (in a callback of the world's own). */
  wallClock(): number;
  /** What the node of a loop is called, for the streams of its choices. */
  nameOf(loop: Loop): string;
  /** The callback of a timer threw; on a real machine that is the end of the process. */
  uncaught(error: unknown, loop: Loop | null): void;
}

/** The one word that everything looks at. */
export const fences: { up: Fenced | null } = { up: null };

/** The world that has this fence up, or null where one may pass. */
export function fencedBy(fence: FenceName): Fenced | null {
  const { up } = fences;
  return up === null || up.allow.has(fence) ? null : up;
}

/** The error for `what`, without the frames from `from` on down. */
export function breach(fence: FenceName, what: string, from: (...args: never[]) => unknown): SimFenceError {
  // Whoever formats a stack (source maps) may read files.
  return outsideFences(() => {
    const error = new SimFenceError(
      `${what} would leave the simulation: ${INSTEAD[fence]}. To let it through all the same: simulate({ allow: ["${fence}"] })`,
      fence,
    );
    // Not of the language, but of every engine that Rondo runs on under test; elsewhere the stack has a line more.
    (Error as { captureStackTrace?: (error: Error, from: unknown) => void }).captureStackTrace?.(error, from);
    return error;
  });
}

/** For `Host.forbids`: the error for something that goes through the runtime and not through Node. */
export function forbidden(what: string): SimFenceError | undefined {
  const known = THROUGH_RONDO[what];
  if (known === undefined || fencedBy(known[0]) === null) return undefined;
  return breach(known[0], known[1], forbidden);
}

const THROUGH_RONDO: Readonly<Record<string, readonly [FenceName, string] | undefined>> = {
  promise: ["promise", "until(promise)"],
  file: ["file", "a file of rondo/os"],
  asyncDispose: ["promise", "the promise of a Symbol.asyncDispose"],
  webStream: ["promise", "a stream of the web, which works by promises,"],
};

/** Runs work with the fences down: what the simulator itself has to do out there (loading a module, printing). */
export function outsideFences<T>(work: () => T): T {
  const { up } = fences;
  fences.up = null;
  try {
    return work();
  } finally {
    fences.up = up;
  }
}

/** A call as text, for errors: `fs.readFileSync("/etc/hosts")`. */
export function shownCall(name: string, args: readonly unknown[]): string {
  const [first] = args;
  const text =
    typeof first === "string" ? JSON.stringify(first) : first instanceof URL ? first.href : args.length > 0 ? "…" : "";
  return `${name}(${text.length > 80 ? `${text.slice(0, 79)}…` : text})`;
}
