/**
 * How long a server waits for what, and how much it takes. Every wait of a connection has an end, and every amount a bound,
 * so that what a slow or hostile client costs is known.
 *
 * No request sets or clears a timer. A connection notes until when what it waits for may take; one task of the server
 * sleeps until the earliest of those, looks who is late, and sleeps until the next. A connection's deadlines move on with
 * every request, so it looks a few times a minute, however many requests there are.
 */
import { type Coroutine, Gate, type Operation, scope, type Scope } from "rondo";

/** How long a server waits, in ms; `Infinity` for ever. */
export interface Timeouts {
  /** For the rest of a head, from its first byte; for the first one from the beginning of the connection. 408. */
  readonly head: number;
  /**
   * For more of a body, while the handler wants it. What comes buys more time, a second for each `limits.rate` bytes, up to
   * this much, so that a drip of single bytes ends and a slow line does not. 408.
   */
  readonly body: number;
  /** Between two requests. The connection is closed. */
  readonly idle: number;
  /** For the handler to give its answer. 503. */
  readonly handler: number;
  /** For the client to take a piece of the answer (64 KiB at most). The connection is reset. */
  readonly write: number;
}

/** How much a server takes. */
export interface ServerLimits {
  /** Connections at once; further ones wait in the listener's queue. */
  readonly connections: number;
  /** Requests on one connection; the last one is answered with `Connection: close`. */
  readonly requests: number;
  /**
   * Handlers at work at once on one connection, of requests that are pipelined, change nothing (GET, HEAD, OPTIONS), and have
   * come whole. Default 1: one after the other, which for handlers that hardly wait is quicker.
   */
  readonly pipelined: number;
  /** What `text()`, `json()`, `bytes()` and `form()` put together, in bytes. 413. */
  readonly buffered: number;
  /** What is read of a body that nobody wanted, in bytes, so that the connection can be kept. */
  readonly drain: number;
  /** How slow a body may come on average, in bytes a second. */
  readonly rate: number;
}

/**
 * What holds where nothing is said.
 *
 * @example
 * ```ts
 * import { TIMEOUTS } from "@rondo/http";
 *
 * console.log(TIMEOUTS.head, TIMEOUTS.handler); // prints: 10000 Infinity
 * ```
 */
export const TIMEOUTS: Timeouts = { head: 10_000, body: 30_000, idle: 65_000, handler: Infinity, write: 30_000 };

/**
 * What holds where nothing is said; for messages see `REQUEST_LIMITS`.
 *
 * @example
 * ```ts
 * import { SERVER_LIMITS } from "@rondo/http";
 *
 * console.log(SERVER_LIMITS.buffered); // prints: 1048576
 * ```
 */
export const SERVER_LIMITS: ServerLimits = {
  connections: Infinity,
  requests: Infinity,
  pipelined: 1,
  buffered: 1024 * 1024,
  drain: 64 * 1024,
  rate: 1024,
};

/** The numbers that are given, checked, and the others. */
export function numbersFrom<T extends object>(given: Partial<T> | undefined, defaults: T, what: string): T {
  if (given === undefined) return defaults;
  const all: Record<string, number> = {};
  for (const [name, usual] of Object.entries(defaults) as [string, number][]) {
    const value: unknown = (given as Record<string, unknown>)[name] ?? usual;
    if (!(typeof value === "number" && value >= 0))
      throw new RangeError(`${what}.${name} is a number, 0 or more, not ${String(value)}`);
    all[name] = value;
  }
  return all as T;
}

/** Somebody who waits for something only so long. */
export interface Mortal {
  /** Until when, in ms of `now()`; Infinity where it waits for nothing. */
  readonly deadline: number;
  /** It is over. */
  expire(): void;
}

/** Looks after deadlines of many, with one timer. */
export class Watch {
  declare private readonly all: Iterable<Mortal>;
  declare private next: number;
  declare private alarm: Scope | null;
  declare private readonly never: Gate;

  constructor(all: Iterable<Mortal>) {
    this.all = all;
    this.next = Infinity;
    this.alarm = null;
    this.never = new Gate();
  }

  /** Somebody's deadline was set, perhaps before all others. */
  sooner(deadline: number): void {
    if (deadline >= this.next) return;
    this.next = deadline;
    if (this.alarm !== null) this.alarm.deadline = deadline;
  }

  /** Runs for ever: a daemon of the group that serves. `now` is the clock of its loop. */
  *run(now: () => number): Coroutine<void> {
    const sleep = (s: Scope): Operation<void> => {
      this.alarm = s;
      s.deadline = this.next;
      return this.never.wait();
    };
    for (;;) {
      yield* scope(sleep, { name: "deadlines" });
      this.alarm = null;
      this.next = Infinity;
      const time = now();
      let next = Infinity;
      for (const one of this.all) {
        if (one.deadline <= time) one.expire();
        else if (one.deadline < next) next = one.deadline;
      }
      this.sooner(next);
    }
  }
}
