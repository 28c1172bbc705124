/**
 * The wait queue: the one place where fibers stand in line. Every lock, channel and gate of Rondo is a few fields
 * and a wait queue.
 *
 * The idea is Linux's wait queues and trio's `ParkingLot`. It is intrusive: the wait is its own list node, so parking
 * allocates nothing and leaving the middle of the line (a cancel, a lost `select`) is O(1). A waiter that has been
 * let go is granted for good: handing over is direct, nobody can barge in between, and a cancellation that comes later
 * meets the task's next wait. That is what makes the whole family of lost-wake-up bugs impossible
 * (bpo-27585, bpo-45997, gh-90155, anyio #1145: a waiter chosen and then cancelled).
 */
import { BrokenError } from "./errors.ts";
import { defineKind, grant, type Kind, refuse, Wait } from "./wait.ts";

const PARK: Kind = defineKind({
  label: "queue",
  begin(wait) {
    (wait.on as WaitQueue).push(wait);
  },
  labelOf: (wait) => String(wait.arg),
});

/**
 * A line of waiting tasks, first in first out, for primitives of your own.
 *
 * @example
 * ```ts
 * import { group, run, WaitQueue } from "rondo";
 *
 * const queue = new WaitQueue();
 * function* waiter(name: string) {
 *   console.log(name, yield* queue.park("my turn"));
 * }
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(waiter("a")); // prints: a go
 *     g.spawn(waiter("b")); // prints: b go
 *     yield* g.spawn(function* () {}); // both are parked when this has ended
 *     queue.unpark(2, "go");
 *   }),
 * );
 * ```
 */
export class WaitQueue {
  /**
   * The first in line; the line is a ring, so the last one is the one ahead of it. With one reference from the queue and
   * not two, one old object less comes to know of a young one each time somebody waits.
   */
  declare head: Wait | null;
  /** How many wait. */
  declare length: number;

  constructor() {
    this.head = null;
    this.length = 0;
  }

  /** Wait in line until somebody lets you go: gives the value passed to `unpark`. A switch point. */
  park<T = void>(label: string = "queue"): Wait<T> {
    return new Wait<T>(PARK, this, label);
  }

  /** Let the first `count` go, with `value`; gives how many there were. Not a switch point. */
  unpark(count: number = 1, value?: unknown): number {
    let freed = 0;
    while (freed < count) {
      const wait = this.shift();
      if (wait === null) break;
      freed++;
      grant(wait, value);
    }
    return freed;
  }

  /** Move the first `count` to the end of another line, without waking them; gives how many there were. */
  repark(to: WaitQueue, count: number = 1): number {
    // Moving a line onto itself would never end; only those who stand there now are moved.
    let left = Math.min(count, this.length);
    const moved = left;
    while (left-- > 0) to.push(this.shift() as Wait);
    return moved;
  }

  /** Fail everyone in line with `error`; gives how many there were. */
  break(error: unknown = new BrokenError("what was waited for is gone")): number {
    let broken = 0;
    for (let wait = this.shift(); wait !== null; wait = this.shift()) {
      broken++;
      refuse(wait, error);
    }
    return broken;
  }

  /** Adds a begun wait at the end. For kinds of your own. */
  push(wait: Wait): void {
    wait.queue = this;
    this.head = joinRing(this.head, wait);
    this.length++;
  }

  /** Takes the first one out, without waking it. */
  shift(): Wait | null {
    const wait = this.head;
    if (wait !== null) this.remove(wait);
    return wait;
  }

  /** Takes one out wherever it stands. One that stands in no line, or in another, is left alone. */
  remove(wait: Wait): void {
    if (wait.queue !== this) return;
    wait.queue = null;
    this.head = leaveRing(this.head as Wait, wait);
    this.length--;
  }

  /** The waits in line, first to last. Those that leave while you go through them are left out. */
  *waits(): Generator<Wait, void, undefined> {
    const waits: Wait[] = [];
    for (let wait = this.head; wait !== null; wait = wait.behind) {
      if (wait === waits[0]) break;
      waits.push(wait);
    }
    for (const wait of waits) if (wait.queue === this) yield wait;
  }
}

/** Puts a wait at the end of a ring, of which the first one is given; gives the first one. */
export function joinRing(first: Wait | null, wait: Wait): Wait {
  if (first === null) {
    wait.ahead = wait;
    wait.behind = wait;
    return wait;
  }
  const last = first.ahead as Wait;
  wait.ahead = last;
  wait.behind = first;
  last.behind = wait;
  first.ahead = wait;
  return first;
}

/** Takes a wait out of its ring, of which the first one is given; gives the first of those that are left. */
export function leaveRing(first: Wait, wait: Wait): Wait | null {
  const { ahead, behind } = wait as { ahead: Wait; behind: Wait };
  wait.ahead = null;
  wait.behind = null;
  if (behind === wait) return null;
  ahead.behind = behind;
  behind.ahead = ahead;
  return first === wait ? behind : first;
}
