/**
 * The signals of the operating system as a flow.
 *
 * A signal says that something is to be done and not how often: those of one name that nobody has taken are one, as in the
 * system itself. And none may be lost: what has come and was not looked at when the flow ends is passed on to whoever would have
 * got it without the flow (trio's rule). A program that stops looking for `SIGTERM` at the moment when it comes still ends.
 */
import { constants } from "node:os";
import { isMainThread } from "node:worker_threads";

import { ClosedError } from "../coroutine/errors.ts";
import { defineKind, grant, type Operation, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Flow } from "../combine/flow.ts";
import { NOT_YET, type Source } from "../combine/flow-source.ts";
import type { Interrupts } from "../host/node.ts";
import { currentLoop, loopOf } from "../loop/sleep.ts";
import { defer } from "../task/defer.ts";

/** Longer than anybody waits; what fires then does nothing. */
const LONG = 2 ** 30;

const SIGNAL = defineKind({
  label: "signal",
  poll: (wait) => (wait.on as Signals).hasNews,
  begin(wait) {
    (wait.on as Signals).park(wait);
  },
  abort(wait) {
    (wait.on as Signals).leave(wait);
    return true;
  },
  labelOf: (wait) => (wait.on as Signals).title,
});

class Signals implements Source<NodeJS.Signals> {
  readonly title: string;
  private readonly interrupts: Interrupts | undefined;
  private readonly release: (() => void) | undefined;
  /** Have come, and nobody has taken them. */
  private readonly pending: Set<NodeJS.Signals>;
  private readonly waiters: WaitQueue;
  /** A listener for signals keeps no process alive; somebody who waits for one does. */
  private awake: NodeJS.Timeout | undefined;
  private closed: boolean;

  constructor(names: readonly NodeJS.Signals[], interrupts: Interrupts | undefined) {
    this.title = `signal ${names.join(" or ")}`;
    this.interrupts = interrupts;
    this.pending = new Set();
    this.waiters = new WaitQueue();
    this.awake = undefined;
    this.closed = false;
    this.release = interrupts?.claim(names, (name) => this.came(name as NodeJS.Signals));
  }

  get hasNews(): boolean {
    return this.pending.size > 0 || this.closed;
  }

  private came(name: NodeJS.Signals): void {
    this.pending.add(name);
    this.wakeAll();
  }

  private wakeAll(): void {
    const first = this.waiters.head;
    if (first === null) return;
    const loop = loopOf(first);
    const mine = loop.enter();
    for (let wait = this.waiters.head; wait !== null; wait = this.waiters.head) {
      this.leave(wait);
      grant(wait, undefined);
    }
    if (mine) loop.leave();
  }

  take(): NodeJS.Signals | typeof NOT_YET {
    for (const name of this.pending) {
      this.pending.delete(name);
      return name;
    }
    if (this.closed) throw new ClosedError(`"${this.title}": it has ended with the scope in which it began`);
    return NOT_YET;
  }

  ready(): Operation<void> {
    return new Wait<void>(SIGNAL, this, undefined);
  }

  park(wait: Wait): void {
    this.waiters.push(wait);
    // In a world without signals none will come, and a program that waits for nothing else is deadlocked.
    if (this.interrupts === undefined) return;
    loopOf(wait).outside++;
    this.awake ??= setInterval(() => {}, LONG);
  }

  leave(wait: Wait): void {
    this.waiters.remove(wait);
    if (this.interrupts === undefined) return;
    loopOf(wait).outside--;
    if (this.waiters.length > 0) return;
    clearInterval(this.awake);
    this.awake = undefined;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.release?.();
    const unseen = [...this.pending];
    this.pending.clear();
    this.wakeAll();
    for (const name of unseen) this.interrupts?.raise(name);
  }
}

/**
 * The signals of these names, from this call on until the end of the current scope: a flow that ends only with that, or when it is
 * closed. Signals that come while nobody pulls are kept, each name once. Not a switch point; pulling is.
 *
 * Who gets a signal? The last `signals()` that is open for it, alone: not those that were opened before, and not `run()`, which without it
 * is cancelled by `SIGINT`. Listeners that the program has put on `process` get it too. When the flow ends, signals that have come and
 * were not pulled go to whoever is next: an outer `signals()`, then `run()`, and where there is nobody the signal does what it does
 * by itself (`SIGTERM` ends the process).
 *
 * While somebody pulls, the process stays alive. `SIGKILL` and `SIGSTOP` cannot be heard (`TypeError`). On a host without signals
 * (virtual time) none come.
 *
 * The idea is trio's `open_signal_receiver`.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { signals } from "rondo/os";
 *
 * await run(function* () {
 *   const hangups = signals("SIGHUP");
 *   process.kill(process.pid, "SIGHUP");
 *   console.log(yield* hangups.next()); // prints: SIGHUP
 * });
 * ```
 */
export function signals(...names: readonly NodeJS.Signals[]): Flow<NodeJS.Signals> {
  if (names.length === 0) throw new TypeError('signals() takes the names of signals: signals("SIGTERM", "SIGINT")');
  for (const name of names) {
    if (!(name in constants.signals))
      throw new TypeError(`signals() was given ${String(name)}, which is no signal here`);
    if (name === "SIGKILL" || name === "SIGSTOP")
      throw new TypeError(`nobody can hear ${name}: the system sees to that`);
  }
  if (!isMainThread) throw new Error("signals() works in the main thread only: a worker hears none");
  const loop = currentLoop("signals()");
  const source = new Signals([...new Set(names)], loop.host.service?.("interrupts") as Interrupts | undefined);
  defer(() => source.close());
  return new Flow(source, { name: source.title });
}
