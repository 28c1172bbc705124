/**
 * The events of an emitter as a flow: for Node's `EventEmitter`, and for the `EventTarget` of the web.
 *
 * An emitter cannot be held back, so what comes while nobody pulls has to be kept somewhere: there is a limit to that, and
 * something happens when it is reached. It listens from the moment it is made, since what happens between that and the
 * first pull would be lost otherwise; so it must also be sure to stop. It does at the end of the scope in which it was made.
 */
import { ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { defineKind, grant, LateError, type Operation, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { Ring } from "../sync/ring.ts";
import { currentScope, defer } from "../task/defer.ts";
import { Flow } from "./flow.ts";
import { checkItem, NOT_YET, type Source } from "./flow-source.ts";

/** What Node's `EventEmitter` looks like from here. */
export interface EmitterLike {
  on(name: string | symbol, listener: (...args: any[]) => void): unknown;
  off(name: string | symbol, listener: (...args: any[]) => void): unknown;
}

/** What the web's `EventTarget` looks like from here. */
export interface EventTargetLike {
  addEventListener(name: string, listener: (event: any) => void): void;
  removeEventListener(name: string, listener: (event: any) => void): void;
}

/** How events become items. */
export interface EventsOptions<T> {
  /** How many events are kept that nobody has pulled: 16,384 where nothing is said, Infinity for no limit. */
  readonly max?: number | undefined;
  /**
   * What becomes of one more: `"error"` (the default) ends the flow with a `RangeError`, once what was kept has been pulled;
   * `"drop-oldest"` and `"drop-newest"` go on without one.
   */
  readonly overflow?: "error" | "drop-oldest" | "drop-newest" | undefined;
  /** What ends the flow: one event, or several (`"close"`). */
  readonly end?: string | symbol | readonly (string | symbol)[] | undefined;
  /** Makes an item of what the listeners are given; by default the first argument, and `null` where there is none. */
  readonly map?: ((...args: any[]) => T) | undefined;
}

const MAX = 16_384;

const EVENT = defineKind({
  label: "event",
  begin(wait) {
    const source = wait.on as EventSource<unknown>;
    source.puller = wait;
    // Only the world outside knows whether there will be another one.
    loopOf(wait).outside++;
  },
  abort(wait) {
    (wait.on as EventSource<unknown>).puller = null;
    loopOf(wait).outside--;
    return true;
  },
  labelOf: (wait) => `event ${String((wait.on as EventSource<unknown>).event)}`,
});

function loopOf(wait: Wait): Loop {
  return (wait.waiter as Waiter).loop as Loop;
}

/** Open sources by the scope in which they were made: one deferred function for all of them. */
const openIn = new WeakMap<object, Set<EventSource<unknown>>>();

class EventSource<T> implements Source<T> {
  readonly event: string | symbol;
  private readonly max: number;
  private readonly overflow: "error" | "drop-oldest" | "drop-newest";
  private readonly map: (...args: any[]) => T;
  private readonly kept: Ring<T>;
  private listeners: (() => void)[];
  private siblings: Set<EventSource<unknown>> | null;
  /** It has ended: nothing comes after what is kept, but this error, if there is one. */
  private over: boolean;
  private failure: (() => unknown) | undefined;
  puller: Wait | null;

  constructor(from: EmitterLike | EventTargetLike, event: string | symbol, options: EventsOptions<T>) {
    this.event = event;
    this.max = checkMax(options.max ?? MAX);
    this.overflow = checkOverflow(options.overflow ?? "error");
    this.map = options.map ?? firstOf;
    this.kept = new Ring<T>();
    this.listeners = [];
    this.siblings = null;
    this.over = false;
    this.failure = undefined;
    this.puller = null;
    this.listen(from, event, (...args) => this.happened(args));
    const end = options.end ?? [];
    for (const name of Array.isArray(end) ? (end as readonly (string | symbol)[]) : [end as string | symbol]) {
      this.listen(from, name, () => this.finish(undefined));
    }
    if (event !== "error") {
      this.listen(from, "error", (error) => {
        const thrown = isTarget(from) ? errorOf(error) : error;
        this.finish(() => thrown);
      });
    }
    this.belong();
  }

  private listen(from: EmitterLike | EventTargetLike, name: string | symbol, listener: (...args: any[]) => void): void {
    if (isTarget(from)) {
      from.addEventListener(String(name), listener);
      this.listeners.push(() => from.removeEventListener(String(name), listener));
    } else {
      from.on(name, listener);
      this.listeners.push(() => from.off(name, listener));
    }
  }

  /** It stops with the scope in which it was made, if not before; outside of tasks there is none. */
  private belong(): void {
    if (kernel.current?.loop === undefined) return;
    const scope = currentScope("events()");
    let siblings = openIn.get(scope);
    if (siblings === undefined) {
      const made = new Set<EventSource<unknown>>();
      siblings = made;
      openIn.set(scope, made);
      defer(() => {
        // A base segment serves one task after the other.
        openIn.delete(scope);
        for (const source of [...made]) source.close();
      });
    }
    siblings.add(this as EventSource<unknown>);
    this.siblings = siblings;
  }

  private happened(args: readonly unknown[]): void {
    let item: T;
    try {
      item = checkItem(this.map(...args), `the events "${String(this.event)}"`);
    } catch (error) {
      // Not to be thrown into whoever emits.
      this.finish(() => error);
      return;
    }
    if (this.kept.length >= this.max) {
      if (this.overflow === "drop-newest") return;
      if (this.overflow === "error") {
        const { max, event } = this;
        this.finish(
          () => new RangeError(`${max} events "${String(event)}" were not pulled in time: pull faster, or drop some`),
        );
        return;
      }
      this.kept.shift();
    }
    this.kept.push(item);
    this.wake();
  }

  private wake(): void {
    const { puller } = this;
    if (puller === null) return;
    this.puller = null;
    loopOf(puller).outside--;
    // Only made ready: whoever emits has work to finish, and this is its context and not that of the one who waits.
    grant(puller, undefined);
  }

  private finish(failure: (() => unknown) | undefined): void {
    if (this.over) return;
    this.over = true;
    this.failure = failure;
    this.leave();
    this.wake();
  }

  private leave(): void {
    for (const remove of this.listeners) remove();
    this.listeners = [];
    this.siblings?.delete(this as EventSource<unknown>);
    this.siblings = null;
  }

  take(): T | undefined | typeof NOT_YET {
    if (this.kept.length > 0) return this.kept.shift();
    if (!this.over) return NOT_YET;
    if (this.failure !== undefined) throw this.failure();
    return undefined;
  }

  ready(): Operation<void> {
    return new Wait<void>(EVENT, this, undefined);
  }

  close(): void {
    const gone = (): unknown => new ClosedError(`the flow of the events "${String(this.event)}" is closed`);
    if (!this.over) {
      this.over = true;
      this.failure = gone;
    }
    this.leave();
    this.kept.clear();
    const { puller } = this;
    if (puller === null) return;
    this.puller = null;
    loopOf(puller).outside--;
    refuse(puller, new LateError(gone));
  }
}

function firstOf(...args: any[]): any {
  return args[0] ?? null;
}

function isTarget(from: EmitterLike | EventTargetLike): from is EventTargetLike {
  return typeof (from as Partial<EmitterLike>).on !== "function";
}

/** An event of the web carries its error in `error`, if it has one. */
function errorOf(event: { readonly error?: unknown; readonly message?: unknown }): unknown {
  if (event.error !== undefined && event.error !== null) return event.error;
  const said = typeof event.message === "string" && event.message !== "" ? event.message : 'there was an event "error"';
  return new Error(said, { cause: event });
}

function checkMax(max: number): number {
  if (max !== Infinity && (!Number.isInteger(max) || max < 1)) {
    throw new RangeError(
      `events() takes how many events it may keep, a whole number from 1 or Infinity, not ${String(max)}`,
    );
  }
  return max;
}

function checkOverflow<O extends string>(overflow: O): O {
  if (overflow !== "error" && overflow !== "drop-oldest" && overflow !== "drop-newest") {
    throw new TypeError(
      `the overflow of events() is "error", "drop-oldest" or "drop-newest", not ${JSON.stringify(overflow)}`,
    );
  }
  return overflow;
}

/**
 * The events `name` of an emitter as a flow. It listens at once, keeps what nobody has pulled yet, and stops when it is
 * closed, at its end, and at the latest at the end of the scope or task in which it was made (made outside of tasks: only
 * when it is closed). Not a switch point.
 *
 * An event `"error"` ends the flow: what came before can be pulled, then the error is thrown. `end` names events that end
 * it well. Cancelled pulls take nothing.
 *
 * Throws a `TypeError` where `emitter` is neither an `EventEmitter` nor an `EventTarget`.
 *
 * @example
 * ```ts
 * import { EventEmitter } from "node:events";
 * import { events, run } from "rondo";
 *
 * await run(function* () {
 *   const door = new EventEmitter();
 *   const visitors = events<string>(door, "knock", { end: "close" });
 *   door.emit("knock", "Ada");
 *   door.emit("knock", "Grace");
 *   door.emit("close");
 *   console.log(yield* visitors.toArray()); // prints: [ 'Ada', 'Grace' ]
 *   console.log(door.eventNames()); // prints: []
 * });
 * ```
 */
export function events<T = any>(
  emitter: EmitterLike | EventTargetLike,
  name: string | symbol,
  options: EventsOptions<T> = {},
): Flow<T> {
  const given = emitter as Partial<EmitterLike & EventTargetLike> | null | undefined;
  const listens = typeof given?.on === "function" && typeof given.off === "function";
  if (!listens && typeof given?.addEventListener !== "function") {
    throw new TypeError(`events() takes an EventEmitter or an EventTarget, not ${String(emitter)}`);
  }
  return new Flow(new EventSource<T>(emitter, name, options), { name: `events ${String(name)}` });
}
