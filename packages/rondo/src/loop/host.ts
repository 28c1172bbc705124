/**
 * The host: the only door to the world. Clock, chance and waking come from here and never from globals, so the same
 * program runs on Node, in a browser, in virtual time and in the simulator, on the same loop code.
 */
import { LateError } from "../coroutine/wait.ts";
import type { Loop } from "./loop.ts";

/** Something a person should hear of that is nobody's error to catch. */
export interface Report {
  /** `cleanup`, `lock`, `return`, `tap`, `unfinished`, `late`, `host`: what it is about. */
  readonly kind: string;
  readonly message: string;
  readonly error?: unknown;
}

/**
 * A world to run on. Write your own to embed Rondo (see `host/node.ts` and `host/virtual.ts`, which are short).
 */
export interface Host {
  /** A monotonic clock, in ms. */
  now(): number;
  /** The time of day, in ms since 1970 as of `Date`. */
  wallClock(): number;
  /** Soon, from foreign code: call `loop.drain()` once, before the host goes on to anything else (a microtask). */
  kick(loop: Loop): void;
  /** Let the host's other business run first, then call `loop.drain()` (one `setImmediate`). */
  wakeSoon(loop: Loop): void;
  /**
   * Nothing is ready. Have `loop.drain()` called at `at` (ms of `now()`, Infinity: not at all); an earlier call
   * replaced. A host whose clock is its own may move it and answer true: then the loop goes on at once.
   */
  wakeAt(loop: Loop, at: number): boolean;
  /**
   * Chance and schedule: a whole number from 0 to n - 1, where 0 is always the tamest (first in, no fault, least
   * delay). `stream` names the purpose, `label` the draw.
   */
  choose(stream: string, n: number, label?: string): number;
  /** Whether the order of ready tasks is drawn through `choose`. */
  readonly shuffles: boolean;
  report(report: Report): void;
  /** A loop has begun to run; the function is called when it has ended. */
  attach(loop: Loop): () => void;
  /**
   * Runs `drain` where one request's context cannot leak into another's (`AsyncLocalStorage`); undefined where the
   * host has no such thing.
   */
  readonly neutral?: (<T>(work: () => T) => T) | undefined;
  /** What runs work in the context of this moment later on; for tasks that ask to keep theirs. */
  capture?(): <T>(work: () => T) => T;
  /** A host of the same world for another loop; itself where one host serves many. */
  another(): Host;
  /** What the floors above need of the world (network, names, files), by name. */
  service?(name: string): unknown;
  /** An error where this world cannot have such a thing (`promise`, `offload`, …); a simulated one forbids what would escape it. */
  forbids?(what: string): Error | undefined;
  /** Whether to make trouble at a place of that name; see `buggify`. */
  buggify?(name: string): boolean;
}

/**
 * What this world forbids, to be thrown by a wait as it begins; undefined where it does not. The stack is made where it is
 * thrown, so that it shows the line that waits.
 */
export function forbidden(host: Host, what: string): LateError | undefined {
  const error = host.forbids?.(what);
  if (error === undefined) return undefined;
  return new LateError(() => {
    (Error as { captureStackTrace?: (error: Error) => void }).captureStackTrace?.(error);
    return error;
  });
}

let factory: (() => Host) | undefined;

/** Says which world `run()` uses where none is named. The public face does it, so that this floor knows no world. */
export function setDefaultHost(make: () => Host): void {
  factory = make;
}

/** The context of this moment, where the host (or, for one without a world of its own, the platform) knows such a thing. */
export function captureContext(host: Host | undefined): (<T>(work: () => T) => T) | undefined {
  if (host?.capture !== undefined) return host.capture();
  platform ??= factory?.();
  return platform?.capture?.();
}
let platform: Host | undefined;

export function makeDefaultHost(): Host {
  if (factory === undefined)
    throw new Error('no host is known: import from "rondo", or name one in run(main, { host })');
  return factory();
}
