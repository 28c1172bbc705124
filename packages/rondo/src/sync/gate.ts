/**
 * The gate: open, and everyone passes; closed, and everyone waits. What asyncio and trio call an event, with the way
 * back. Opening lets everyone go who stands there, also if it is closed again before they take their next step.
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, sharedWait, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";

const GATE = defineKind({
  label: "gate",
  open(shared) {
    if (kernel.fuel > 0 && (shared.on as Gate).isOpen) {
      kernel.fuel--;
      return shared;
    }
    return new Wait(GATE, shared.on, undefined);
  },
  poll: (wait) => (wait.on as Gate).isOpen,
  begin(wait) {
    (wait.on as Gate).waiters.push(wait);
  },
});

/** What {@link Gate.statistics} gives. */
export interface GateStatistics {
  readonly open: boolean;
  /** Tasks that stand before it. */
  readonly waiters: number;
}

/**
 * Holds tasks back while it is closed. It is closed at first, unless made with `{ open: true }`.
 * (asyncio's and trio's `Event`, with the way back.)
 *
 * @example
 * ```ts
 * import { Gate, group, now, run, sleep, VirtualHost } from "rondo";
 *
 * const start = new Gate();
 * function* runner(name: string) {
 *   yield* start.wait();
 *   console.log(name, now());
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       g.spawn(runner("hare")); // prints: hare 50
 *       g.spawn(runner("tortoise")); // prints: tortoise 50
 *       yield* sleep(50);
 *       start.open();
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export class Gate {
  readonly name: string;
  /** Whether one can pass. */
  isOpen: boolean;
  /** @internal */
  readonly waiters: WaitQueue;
  private readonly shared: Wait<void>;

  constructor(options: { readonly open?: boolean | undefined; readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "";
    this.isOpen = options.open ?? false;
    this.waiters = new WaitQueue();
    this.shared = sharedWait<void>(GATE, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Passes when it is open. A switch point only while it is closed. */
  wait(): Wait<void> {
    return this.shared;
  }

  /** Opens it and lets everyone go who waits. Nothing where it is open. Not a switch point. */
  open(): void {
    this.isOpen = true;
    this.waiters.unpark(Infinity);
  }

  /** Closes it for those who come from now on. Nothing where it is closed. Not a switch point. */
  close(): void {
    this.isOpen = false;
  }

  /** Whether it is open, and how many wait. */
  statistics(): GateStatistics {
    return { open: this.isOpen, waiters: this.waiters.length };
  }
}
