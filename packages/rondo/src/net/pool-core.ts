/**
 * What a pool knows and decides: who gets which connection, and when another one is begun. See pool.ts for the rules.
 *
 * Every method that changes something ends in `serve()`, which brings those who wait and what there is together again.
 */
import { kernel } from "../coroutine/kernel.ts";
import { tell } from "../coroutine/tap.ts";
import { type Coroutine, grant, type Operation, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { isOperation } from "../combine/bodies.ts";
import type { Loop } from "../loop/loop.ts";
import { currentLoop } from "../loop/sleep.ts";
import type { Timed } from "../loop/timers.ts";
import { defer } from "../task/defer.ts";
import { cleanup } from "../task/scope.ts";
import { type Backoff, exponential } from "./backoff.ts";
import { Crew, type Employer } from "./pool-crew.ts";
import { clearedError, closedError } from "./pool-errors.ts";
import { Idle } from "./pool-idle.ts";
import { BROKEN, CHECKING, GOOD, Lease, LEAVING, type Lender, LENT, Member } from "./pool-lease.ts";
import { ACQUIRE, Line } from "./pool-line.ts";
import { News } from "./pool-news.ts";
import type { PoolDestroyReason, PoolStatistics } from "./pool-options.ts";
import type { Settings } from "./pool-settings.ts";

/** Connections that are lent to one user at a time; made by `pool()`. */
export class Pool<C> implements Lender<C>, Employer<C> {
  readonly name: string;
  private readonly settings: Settings<C>;
  private readonly loop: Loop;
  /** Whether anything depends on the clock: reading it costs more than lending a connection. */
  private readonly timed: boolean;
  private state: "ready" | "paused" | "closed" = "ready";
  private generation = 0;
  /** What was given to `clear()` last. */
  private cause: unknown = undefined;
  private readonly members: Set<Member<C>> = new Set();
  /** Those that nobody uses; the last one was used last. */
  private readonly idle: Idle<C>;
  private readonly line: Line<C>;
  private connecting = 0;
  private checking = 0;
  private lent = 0;
  private begun = 0;
  private misses = 0;
  private disposals = 0;
  private failures = 0;
  /** The last pause between two tries for `min`, in ms. */
  private pause = 0;
  private readonly backoff: Backoff = exponential();
  /** It may have gone before the pool is closed, and then no connection is made any more. */
  private readonly crew: Crew<C>;
  private readonly news: News;
  /** Where `close()` waits for what is lent, and for what is being destroyed. */
  private readonly closers: WaitQueue = new WaitQueue();
  /** Nobody waits for what `min` asks for: after failures it is tried ever more rarely. */
  private readonly minTimer: Timed = { slot: -1, fire: () => this.serve() };

  /** @internal In the task with whose scope it is to end. */
  constructor(settings: Settings<C>, loop: Loop) {
    this.name = settings.name;
    this.settings = settings;
    this.loop = loop;
    const { idle, maxLifetime, check, onEvent } = settings;
    this.timed = idle !== Infinity || maxLifetime !== Infinity || check !== undefined || onEvent !== undefined;
    this.idle = new Idle<C>(settings, loop, () => this.trim());
    this.news = new News(settings.onEvent, this.name, loop);
    this.line = new Line<C>(settings, loop, this.news, this);
    this.crew = new Crew<C>(settings, this);
    defer(() => this.finish());
    if (kernel.tap !== null) tell("created", this);
    this.serve();
  }

  // ---- for its users --------------------------------------------------------------------------------------------------

  /**
   * Waits for a connection, which is yours until you give the lease back. Best with `using`. A switch point where none is
   * idle.
   *
   * Throws what `create` threw for you; a `TimeoutError` after `waitTimeout`; a `BusyError` where the line is full; a
   * {@link PoolClearedError} where the pool is cleared or paused; a `ClosedError` where it is closed.
   */
  acquire(): Wait<Lease<C>> {
    return new Wait<Lease<C>>(ACQUIRE, this, undefined);
  }

  /**
   * Runs `fn` with a connection and gives it back afterwards. If `fn` fails or is cancelled nobody knows in what state the
   * connection is: then it is checked (`check`) before anybody else gets it, or destroyed where there is no `check`.
   */
  *with<T>(fn: (connection: C, lease: Lease<C>) => Operation<T>): Coroutine<T> {
    const lease = yield* this.acquire();
    let whole = false;
    try {
      const result = yield* fn(lease.connection, lease);
      whole = true;
      return result;
    } finally {
      if (whole) lease.release();
      else lease.suspect();
    }
  }

  /**
   * None of the connections is good any more (the server has failed over, a password was changed): those that are idle are
   * destroyed, those that are lent when they come back (with `interrupt`, now), those that are being made are abandoned. Who
   * stands in line gets a {@link PoolClearedError}, and so does everybody from now on, until `ready()`; with `pause: false`
   * they wait on, for new connections. Not a switch point.
   */
  clear(cause?: unknown, options: { readonly pause?: boolean; readonly interrupt?: boolean } = {}): void {
    if (this.state === "closed") return;
    const { state } = this;
    this.generation++;
    this.cause = cause;
    this.failures = 0;
    if (options.pause !== false) this.state = "paused";
    if (state === "ready") this.news.say({ type: "cleared", generation: this.generation, cause });
    if (this.state === "paused") this.line.refuseAll("cleared", clearedError(this.name, this.cause));
    this.letGo("the pool was cleared", "stale", options.interrupt === true);
    this.serve();
  }

  /** Goes on after `clear()`. Not a switch point. */
  ready(): void {
    if (this.state !== "paused") return;
    this.state = "ready";
    this.news.say({ type: "ready" });
    this.serve();
  }

  /**
   * Ends it before its scope does: nobody gets a connection any more, who stands in line gets a `ClosedError`, and when those
   * that are lent have come back and all are destroyed, this ends. Cancelled, it destroys at once what is still lent. The end
   * of the scope does that too, without waiting.
   */
  *close(): Coroutine<void> {
    this.shut();
    try {
      while (this.lent > 0) yield* this.closers.park(`what ${this.name} has lent`);
    } finally {
      yield* cleanup(this.finish());
    }
  }

  statistics(): PoolStatistics {
    const { idle, lent, connecting, checking, members } = this;
    return {
      state: this.state,
      generation: this.generation,
      total: members.size,
      idle: idle.length,
      lent,
      connecting,
      checking,
      leaving: members.size - idle.length - lent - connecting - checking,
      waiters: this.line.length,
      created: this.begun - this.misses - connecting,
      failed: this.misses,
      destroyed: this.disposals,
    };
  }

  // ---- the line -------------------------------------------------------------------------------------------------------

  /** @internal Takes an idle connection, if that passes nobody by. */
  take(wait: Wait): boolean {
    this.checkOpen();
    const member = this.line.length > 0 ? null : this.freshest(1);
    if (member === null) return false;
    wait.value = this.lend(member, kernel.current, 0);
    this.news.tell();
    return true;
  }

  /** @internal */
  join(wait: Wait): void {
    this.checkOpen();
    const { max, maxConnecting, maxWaiting } = this.settings;
    if (maxWaiting !== Infinity && this.idle.length === 0) {
      const room = Math.max(0, Math.min(max - this.members.size, maxConnecting - this.connecting));
      if (this.line.length - this.underWay >= maxWaiting + room) {
        const error = this.line.full(maxWaiting);
        this.news.tell();
        throw error;
      }
    }
    this.line.join(wait);
    this.serve();
  }

  /** @internal Cancelled: what was being made for him is for the next one. */
  withdraw(wait: Wait): void {
    this.line.withdraw(wait);
    this.serve();
  }

  private checkOpen(): void {
    if (currentLoop(`the acquire() of the pool "${this.name}"`) !== this.loop) {
      throw new Error(`the pool "${this.name}" belongs to another run(): its connections live on that one's loop`);
    }
    if (this.state === "ready") return;
    const paused = this.state === "paused";
    this.news.say({ type: "refused", reason: paused ? "cleared" : "closed", ms: 0 });
    this.news.tell();
    throw (paused ? clearedError(this.name, this.cause) : closedError(this.name, this.state === "closed"))();
  }

  // ---- who gets what --------------------------------------------------------------------------------------------------

  /** @internal Gives what is there to those who wait, and begins what is missing. After every change, at its end. */
  serve(): void {
    if (this.state === "ready") {
      while (this.line.length > 0) {
        const member = this.freshest(this.line.length);
        if (member === null) break;
        this.hand(member);
      }
      this.line.assign(() => this.nobodys() ?? this.begin());
      while (this.members.size < this.settings.min && this.minTimer.slot === -1) if (this.begin() === null) break;
      const hopeless = !this.crew.works && this.lent === 0 && this.idle.length === 0;
      if (hopeless) this.line.refuseAll("closed", closedError(this.name, false));
    }
    this.news.tell();
  }

  /**
   * The idle connection that was used last, if it is good. Those that are not are sent away on the way; those that have to be
   * asked are, while there are fewer under way than are `wanted`.
   */
  private freshest(wanted: number): Member<C> | null {
    const { check, checkAfter } = this.settings;
    const now = this.clock();
    for (let { last: member } = this.idle; member !== undefined; member = this.idle.last) {
      const reason = this.perished(member, now);
      const unsure = check !== undefined && now >= member.since + checkAfter && this.crew.works;
      if (reason === null && unsure && this.underWay >= wanted) return null;
      this.idle.pop();
      if (reason !== null) this.retire(member, reason);
      else if (!unsure || this.examine(member)) return member;
    }
    return null;
  }

  private perished(member: Member<C>, now: number): PoolDestroyReason | null {
    if (this.state === "closed") return "closed";
    return member.generation === this.generation ? this.idle.aged(member, now) : "stale";
  }

  private clock(): number {
    return this.timed ? this.loop.now() : 0;
  }

  private get underWay(): number {
    return this.connecting + this.checking;
  }

  /** Something that is being made or checked for nobody. */
  private nobodys(): Member<C> | null {
    if (this.underWay === 0) return null;
    for (const member of this.members) {
      if (member.state <= CHECKING && member.wait === null && member.generation === this.generation) return member;
    }
    return null;
  }

  /** Begins another connection, if that is allowed. */
  private begin(): Member<C> | null {
    const { max, maxConnecting } = this.settings;
    if (this.members.size >= max || this.connecting >= maxConnecting || !this.crew.works) return null;
    const member = new Member<C>(++this.begun, this.generation, this.loop.now());
    this.members.add(member);
    this.connecting++;
    this.news.say({ type: "connecting", connection: member.id });
    this.crew.connect(member);
    return member;
  }

  /** To the first in line. */
  private hand(member: Member<C>): void {
    const { wait, ms } = this.line.shift() as { readonly wait: Wait; readonly ms: number };
    grant(wait, this.lend(member, (wait.waiter as Waiter).owner as object | null, ms));
  }

  private lend(member: Member<C>, to: object | null, waited: number): Lease<C> {
    member.state = LENT;
    if (this.news.heard) member.since = this.loop.now();
    member.lease = new Lease<C>(this, member);
    this.lent++;
    this.news.say({ type: "lent", connection: member.id, ms: waited });
    if (kernel.tap !== null) tell("acquired", this, to);
    return member.lease;
  }

  /** @internal */
  takeBack(member: Member<C>, how: number): void {
    const now = this.clock();
    this.news.say({ type: "returned", connection: member.id, ms: now - member.since });
    if (kernel.tap !== null) tell("released", this, kernel.current);
    member.lease = null;
    member.since = now;
    this.lent--;
    const reason = how === BROKEN ? "broken" : this.perished(member, now);
    if (reason !== null) this.retire(member, reason);
    else if (how === GOOD) this.rest(member);
    else if (this.settings.check === undefined || !this.crew.works) this.retire(member, "unfinished");
    else if (this.examine(member)) this.rest(member);
    if (this.state === "closed") this.closers.unpark(this.closers.length);
    this.serve();
  }

  /** Nobody uses it: the first in line gets it, or it lies idle. */
  private rest(member: Member<C>): void {
    if (this.line.length > 0) {
      this.hand(member);
      return;
    }
    this.idle.push(member);
  }

  /** Sends away those that have been idle for too long, or are too old. */
  private trim(): void {
    const now = this.loop.now();
    for (const member of this.idle.takeAll()) {
      const reason = this.perished(member, now);
      if (reason === null) this.idle.push(member);
      else this.retire(member, reason);
    }
    this.serve();
  }

  /** Asks whether it is good. True where that is known at once. */
  private examine(member: Member<C>): boolean {
    const check = this.settings.check as (connection: C) => Operation<boolean> | boolean;
    let answer: Operation<boolean> | boolean;
    try {
      answer = check(member.connection as C);
    } catch {
      answer = false; // as documented: what it throws is a no
    }
    if (answer === true) return true;
    if (isOperation(answer)) {
      member.state = CHECKING;
      this.checking++;
      this.crew.check(member, answer as Operation<boolean>);
      return false;
    }
    if (answer !== false) {
      const message = `the check of the pool "${this.name}" gave ${String(answer)}, neither a boolean nor an operation`;
      this.loop.report({ kind: "host", message });
    }
    this.retire(member, "check");
    return false;
  }

  // ---- what its crew tells --------------------------------------------------------------------------------------------

  /** @internal */
  wants(member: Member<C>): boolean {
    return member.generation === this.generation && this.state !== "closed";
  }

  /** @internal */
  connected(member: Member<C>, connection: C): void {
    const now = this.loop.now();
    this.connecting--;
    this.failures = 0;
    this.news.say({ type: "connected", connection: member.id, ms: now - member.born });
    member.connection = connection;
    member.born = now;
    this.welcome(member, now);
    this.serve();
  }

  /** @internal It goes to the one for whom it was, if he waits still; the others get another try. */
  failed(member: Member<C>, error: unknown): void {
    const { wait } = member;
    const now = this.loop.now();
    this.news.say({ type: "failed", connection: member.id, ms: now - member.born, error });
    this.miss(member);
    if (wait !== null) this.line.refuse(wait, "failed", error);
    const draw = (n: number): number => this.loop.host.choose("back-off", n, this.name);
    this.pause = this.backoff({ attempt: ++this.failures, error, previous: this.pause, draw });
    if (this.settings.min > 0 && this.state === "ready") this.loop.timers.set(this.minTimer, now + this.pause);
    this.serve();
  }

  /** @internal */
  abandoned(member: Member<C>): void {
    this.news.say({ type: "abandoned", connection: member.id, ms: this.loop.now() - member.born });
    this.miss(member);
    this.serve();
  }

  private miss(member: Member<C>): void {
    this.connecting--;
    this.misses++;
    member.state = LEAVING;
    this.line.unassign(member);
    this.remove(member);
  }

  /** @internal */
  examined(member: Member<C>, good: boolean): void {
    this.checking--;
    if (good || !this.wants(member)) this.welcome(member, this.loop.now());
    else {
      this.line.unassign(member);
      this.retire(member, "check");
    }
    this.serve();
  }

  /** It is good, as far as it is known. */
  private welcome(member: Member<C>, now: number): void {
    this.line.unassign(member);
    member.task = null;
    member.since = now;
    const reason = this.perished(member, now);
    if (reason !== null) this.retire(member, reason);
    else this.rest(member);
  }

  /** @internal */
  destroyed(member: Member<C>, error: unknown): void {
    this.disposals++;
    const reason = member.reason as PoolDestroyReason;
    this.news.say({ type: "destroyed", connection: member.id, reason, error });
    if (error !== undefined && !this.news.heard) {
      const message = `a connection of the pool "${this.name}" could not be destroyed`;
      this.loop.report({ kind: "cleanup", message, error });
    }
    this.remove(member);
    this.serve();
  }

  /** @internal Those who wait for what nobody will make any more are told. */
  alone(): void {
    this.serve();
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  /** Nobody gets it any more. */
  private retire(member: Member<C>, reason: PoolDestroyReason): void {
    member.state = LEAVING;
    member.reason = reason;
    this.crew.dismiss(member);
  }

  private remove(member: Member<C>): void {
    this.members.delete(member);
    if (this.state === "closed") this.closers.unpark(this.closers.length);
  }

  /** Cancels what is under way and sends away what is idle; what is lent only by force. */
  private letGo(why: string, reason: PoolDestroyReason, byForce: boolean): void {
    for (const member of this.members) {
      if (member.state <= CHECKING) member.task?.cancel(why);
      else if (member.state === LENT && byForce) {
        (member.lease as Lease<C>).over = true;
        member.lease = null;
        this.lent--;
        this.retire(member, reason);
      }
    }
    for (const member of this.idle.takeAll()) this.retire(member, reason);
  }

  /** From now on nobody gets a connection. */
  private shut(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.news.say({ type: "closed" });
    this.line.refuseAll("closed", closedError(this.name, this.state === "closed"));
    this.line.stopClock();
    this.idle.stopClock();
    this.loop.timers.remove(this.minTimer);
    this.letGo("the pool was closed", "closed", false);
    this.news.tell();
  }

  /** Destroys whatever there is. */
  private *finish(): Coroutine<void> {
    this.shut();
    this.letGo("the pool was closed", "closed", true);
    yield* this.crew.dismissAll(this.members);
    while (this.members.size > 0) yield* this.closers.park(`the end of ${this.name}`);
  }

  // ---- what it says ---------------------------------------------------------------------------------------------------

  /** @internal */
  describe(): string {
    const making = this.connecting === 0 ? "" : `, ${this.connecting} being made`;
    return `${this.lent} of ${this.settings.max} connections lent${making}, ${this.line.length} in line`;
  }
}
