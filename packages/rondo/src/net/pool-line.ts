/**
 * Those who wait for a connection of a pool: one line, first in first out, with a limit of its length and of the time in it.
 */
import { BusyError, TimeoutError } from "../coroutine/errors.ts";
import { defineKind, type Kind, LateError, refuse, type Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import type { Timed } from "../loop/timers.ts";
import type { Member } from "./pool-lease.ts";
import type { News } from "./pool-news.ts";
import type { PoolRefusal } from "./pool-options.ts";

/** The pool, as seen from its line. */
export interface Owner {
  readonly name: string;
  take(wait: Wait): boolean;
  join(wait: Wait): void;
  withdraw(wait: Wait): void;
  /** How things stand, for messages. */
  describe(): string;
  /** Somebody has left because his time was over. */
  serve(): void;
}

export const ACQUIRE: Kind = defineKind({
  label: "connection",
  poll: (wait) => (wait.on as Owner).take(wait),
  begin(wait) {
    (wait.on as Owner).join(wait);
  },
  abort(wait) {
    (wait.on as Owner).withdraw(wait);
    return true;
  },
  labelOf: (wait) => `connection of ${(wait.on as Owner).name}`,
});

/** What is noted of one who stands in line, in the `arg` of his wait. */
class Ticket<C> {
  /** In ms of the loop's clock. */
  readonly since: number;
  /** What is being made or checked for him. */
  member: Member<C> | null;

  constructor(since: number) {
    this.since = since;
    this.member = null;
  }
}

/** One timer for the whole line: all may wait for the same time, so the first one's is over first. */
export class Line<C> implements Timed {
  private readonly waits: WaitQueue;
  private readonly timeout: number;
  private readonly loop: Loop;
  private readonly news: News;
  private readonly owner: Owner;
  /** Its place in the timer heap. */
  slot: number;

  constructor(settings: { readonly waitTimeout: number }, loop: Loop, news: News, owner: Owner) {
    this.waits = new WaitQueue();
    this.timeout = settings.waitTimeout;
    this.loop = loop;
    this.news = news;
    this.owner = owner;
    this.slot = -1;
  }

  get length(): number {
    return this.waits.length;
  }

  join(wait: Wait): void {
    const now = this.loop.now();
    wait.arg = new Ticket<C>(now);
    this.waits.push(wait);
    if (this.timeout !== Infinity && this.slot === -1) this.loop.timers.set(this, now + this.timeout);
    this.news.say({ type: "waiting" });
  }

  /** The limit is one of those for whom nothing is under way. */
  full(limit: number): BusyError {
    this.news.say({ type: "refused", reason: "full", ms: 0 });
    return new BusyError(
      `the pool "${this.owner.name}" is busy: ${this.owner.describe()}, and no more than ${limit} may wait`,
    );
  }

  /** Takes the first one out, to be given something. */
  shift(): { readonly wait: Wait; readonly ms: number } | null {
    const wait = this.waits.head;
    if (wait === null) return null;
    this.leave(wait);
    return { wait, ms: this.waited(wait) };
  }

  /** Cancelled. */
  withdraw(wait: Wait): void {
    this.leave(wait);
    this.news.say({ type: "refused", reason: "cancelled", ms: this.waited(wait) });
  }

  refuse(wait: Wait, reason: PoolRefusal, error: unknown): void {
    this.leave(wait);
    this.news.say({ type: "refused", reason, ms: this.waited(wait) });
    refuse(wait, error);
  }

  refuseAll(reason: PoolRefusal, error: () => Error): void {
    // Built where it is thrown: each who waits gets one with his own lines.
    const late = new LateError(error);
    for (let wait = this.waits.head; wait !== null; wait = this.waits.head) this.refuse(wait, reason, late);
  }

  /** Gives each for whom nothing is under way something that is; until there is no more. */
  assign(next: () => Member<C> | null): void {
    const { head } = this.waits;
    let wait = head;
    // Those in front have something: as many as there is under way, which is few. The line is a ring.
    while (wait !== null) {
      const ticket = wait.arg as Ticket<C>;
      if (ticket.member === null) {
        const member = next();
        if (member === null) return;
        ticket.member = member;
        member.wait = wait;
      }
      wait = wait.behind === head ? null : wait.behind;
    }
  }

  /** It is under way for nobody any more. */
  unassign(member: Member<C>): void {
    if (member.wait !== null) (member.wait.arg as Ticket<C>).member = null;
    member.wait = null;
  }

  stopClock(): void {
    this.loop.timers.remove(this);
  }

  /** The time of the first one may be over. */
  fire(): void {
    const now = this.loop.now();
    for (let wait = this.waits.head; wait !== null; wait = this.waits.head) {
      const at = (wait.arg as Ticket<C>).since + this.timeout;
      if (at > now) {
        this.loop.timers.set(this, at);
        break;
      }
      const scope = `a connection of the pool "${this.owner.name}" (${this.owner.describe()})`;
      this.refuse(wait, "timeout", new LateError(() => new TimeoutError(scope, this.timeout)));
    }
    this.owner.serve();
  }

  private leave(wait: Wait): void {
    this.waits.remove(wait);
    const { member } = wait.arg as Ticket<C>;
    if (member !== null) this.unassign(member);
    if (this.waits.length === 0) this.stopClock();
  }

  private waited(wait: Wait): number {
    return this.loop.now() - (wait.arg as Ticket<C>).since;
  }
}
