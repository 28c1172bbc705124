/**
 * The connections of a pool that nobody uses: a stack, so that the one that was used last is lent first and the others can
 * grow old, and a timer that sends those away that have.
 */
import type { Loop } from "../loop/loop.ts";
import type { Timed } from "../loop/timers.ts";
import { IDLE, type Member } from "./pool-lease.ts";
import type { PoolDestroyReason } from "./pool-options.ts";

export class Idle<C> implements Timed {
  private readonly stack: Member<C>[];
  private readonly idle: number;
  private readonly maxLifetime: number;
  private readonly loop: Loop;
  /** Called when some may have to go. */
  private readonly trim: () => void;
  /** Its place in the timer heap. */
  slot: number;

  constructor(settings: { readonly idle: number; readonly maxLifetime: number }, loop: Loop, trim: () => void) {
    this.stack = [];
    this.idle = settings.idle;
    this.maxLifetime = settings.maxLifetime;
    this.loop = loop;
    this.trim = trim;
    this.slot = -1;
  }

  get length(): number {
    return this.stack.length;
  }

  /** The one that was used last. */
  get last(): Member<C> | undefined {
    return this.stack.at(-1);
  }

  push(member: Member<C>): void {
    member.state = IDLE;
    this.stack.push(member);
    const at = Math.min(member.since + this.idle, member.born + this.maxLifetime);
    const { timers } = this.loop;
    if (at < timers.timeOf(this)) timers.set(this, at);
  }

  pop(): Member<C> | undefined {
    return this.stack.pop();
  }

  /** Takes all of them out, the one that was used first before the others. */
  takeAll(): Member<C>[] {
    return this.stack.splice(0);
  }

  /** Why it has to go for its age, or null. */
  aged(member: Member<C>, now: number): PoolDestroyReason | null {
    // Sums and no differences, as they stand in the timer: what is due by the one must be due by the other.
    if (now >= member.born + this.maxLifetime) return "lifetime";
    if (now >= member.since + this.idle) return "idle";
    return null;
  }

  fire(): void {
    this.trim();
  }

  stopClock(): void {
    this.loop.timers.remove(this);
  }
}
