/**
 * The deferred: one value or one error that is not there yet, and any number of tasks that wait for it.
 *
 * It is a promise without the promise's habits: those who wait can be cancelled one by one, settling it twice is an
 * error instead of a silence, and nothing runs while it is being settled.
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { defineKind, grant, type Operation, refuse, sharedWait, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";

const DEFERRED = defineKind({
  label: "deferred",
  open(shared) {
    const deferred = shared.on as Deferred<unknown>;
    if (kernel.fuel > 0 && deferred.state === "resolved") {
      kernel.fuel--;
      shared.value = deferred.outcome;
      return shared;
    }
    return new Wait(DEFERRED, deferred, undefined);
  },
  poll(wait) {
    const deferred = wait.on as Deferred<unknown>;
    if (deferred.state === "pending") return false;
    if (deferred.state === "rejected") throw deferred.outcome;
    wait.value = deferred.outcome;
    return true;
  },
  begin(wait) {
    (wait.on as Deferred<unknown>).waiters.push(wait);
  },
});

/** What {@link Deferred.statistics} gives. */
export interface DeferredStatistics {
  readonly state: "pending" | "resolved" | "rejected";
  /** Tasks that wait for it. */
  readonly waiters: number;
}

/**
 * One value or one error for many waiters, settled once. It is an operation: `yield* deferred` gives the value or
 * throws the error, at once where it is settled. (Effect's and Kotlin's deferred, asyncio's future.)
 *
 * @example
 * ```ts
 * import { Deferred, group, run, sleep, VirtualHost } from "rondo";
 *
 * const address = new Deferred<string>({ name: "address" });
 * function* client(id: number) {
 *   console.log(id, yield* address);
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       g.spawn(client(1)); // prints: 1 localhost:8080
 *       g.spawn(client(2)); // prints: 2 localhost:8080
 *       yield* sleep(5);
 *       address.resolve("localhost:8080");
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export class Deferred<T> implements Operation<T> {
  readonly name: string;
  state: "pending" | "resolved" | "rejected";
  /** @internal The value, or the error. */
  outcome: unknown;
  /** @internal */
  readonly waiters: WaitQueue;
  private readonly shared: Wait<T>;

  constructor(options: { readonly name?: string | undefined } = {}) {
    this.name = options.name ?? "";
    this.state = "pending";
    this.outcome = undefined;
    this.waiters = new WaitQueue();
    this.shared = sharedWait<T>(DEFERRED, this);
    if (kernel.tap !== null) tell("created", this);
  }

  /** Whether it has its value or its error. */
  get settled(): boolean {
    return this.state !== "pending";
  }

  /** Waits for the value; throws the error. A switch point only while it is not settled. For `select`; else `yield* deferred`. */
  wait(): Wait<T> {
    return this.shared;
  }

  [Symbol.iterator](): Iterator<Wait, T, any> {
    return this.shared[Symbol.iterator]();
  }

  /** Gives it its value and wakes all who wait. Throws where it is settled already. Not a switch point. */
  resolve(value: T): void {
    if (!this.tryResolve(value)) throw this.settledTwice("resolved");
  }

  /** Gives it its error, which all who wait are thrown. Throws where it is settled already. Not a switch point. */
  reject(error: unknown): void {
    if (!this.tryReject(error)) throw this.settledTwice("rejected");
  }

  /** As `resolve`, but `false` where it is settled already. */
  tryResolve(value: T): boolean {
    if (this.state !== "pending") return false;
    this.state = "resolved";
    this.outcome = value;
    for (let wait = this.waiters.shift(); wait !== null; wait = this.waiters.shift()) grant(wait, value);
    return true;
  }

  /** As `reject`, but `false` where it is settled already. */
  tryReject(error: unknown): boolean {
    if (this.state !== "pending") return false;
    this.state = "rejected";
    this.outcome = error;
    for (let wait = this.waiters.shift(); wait !== null; wait = this.waiters.shift()) refuse(wait, error);
    return true;
  }

  /** Its state, and how many wait. */
  statistics(): DeferredStatistics {
    return { state: this.state, waiters: this.waiters.length };
  }

  private settledTwice(how: string): Error {
    const title = this.name === "" ? "the deferred" : `the deferred "${this.name}"`;
    return new Error(`${title} was ${how}, but it is ${this.state} already: use try… where several may settle it`);
  }
}
