// Which source is next, when no host may be asked for more than a few at once.
//
// The sources of a host are a lane. A lane that has sources and a free permit stands in the queue of ready lanes, once;
// taking a source moves its lane to the queue's end, so hosts take turns and one with a thousand sources holds nobody
// up. Nothing is spawned for a source before it is taken: what waits here is an array entry and not a task.
//
// The permits of a host are a semaphore, because a source that is redirected to another host has to wait for one in the
// middle of its work. Those waiters come before new sources of that host: tryAcquire gives nothing while they stand in
// line.

import { Channel, type Coroutine, Semaphore } from "rondo";
import type { Source } from "./source.ts";

interface Lane {
  readonly host: string;
  readonly permits: Semaphore;
  /** Sources in order; those before `head` have been taken. */
  readonly sources: Source[];
  head: number;
  /** Permits held and waited for. A lane that nobody uses and nothing waits in is forgotten. */
  users: number;
  ready: boolean;
}

/** The sources that have not been begun, and the limit for each host. */
export class Frontier {
  readonly #perHost: number;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that may have something to take, each once. A queue as an array with a head, as arrays shift in O(n). */
  #ready: Lane[] = [];
  #readyHead = 0;
  #size = 0;
  /** More may be added. */
  #open = false;
  /** Rings when a lane has become ready. One place is enough: whoever hears it passes it on. */
  readonly #bell = new Channel<true>(1);

  constructor(sources: Iterable<Source>, perHost: number) {
    this.#perHost = perHost;
    for (const source of sources) this.add(source);
  }

  /** From now on it waits for more when it has none, until `close()`. */
  open(): void {
    this.#open = true;
  }

  /** Puts a source in. */
  add(source: Source): void {
    const lane = this.#lane(source.host);
    lane.sources.push(source);
    this.#size++;
    if (!lane.ready) this.#enqueue(lane);
    this.#bell.trySend(true);
  }

  /** Nothing comes any more, and what was not taken is not wanted either. */
  close(): void {
    this.#open = false;
    for (const [host, lane] of this.#lanes) {
      lane.head = lane.sources.length;
      if (lane.users === 0) this.#lanes.delete(host);
    }
    this.#size = 0;
    this.#bell.trySend(true);
  }

  /** Whether sources of this host are still to come. */
  hasMore(host: string): boolean {
    const lane = this.#lanes.get(host);
    return lane !== undefined && lane.head < lane.sources.length;
  }

  /** Sources not yet taken. */
  get size(): number {
    return this.#size;
  }

  /** Hosts that are remembered. */
  get hosts(): number {
    return this.#lanes.size;
  }

  /**
   * The next source, with a permit of its host that the taker has to give back by `leave`; `undefined` when all have
   * been taken and it is not open. Waits while every host with sources left is busy. A switch point then.
   */
  *next(): Coroutine<Source | undefined> {
    let source: Source | undefined;
    while ((this.#size > 0 || this.#open) && (source = this.take()) === undefined) yield* this.#bell.receive();
    // One ring wakes one: who was woken passes it on while there is more to take, or to tell that there is nothing.
    if ((this.#size === 0 && !this.#open) || this.#readyHead < this.#ready.length) this.#bell.trySend(true);
    return source;
  }

  /** As `next`, and never waits: `undefined` also where every host is busy. */
  take(): Source | undefined {
    while (this.#readyHead < this.#ready.length) {
      const lane = this.#ready[this.#readyHead++] as Lane;
      if (this.#readyHead > 1000 && this.#readyHead * 2 > this.#ready.length) {
        this.#ready = this.#ready.slice(this.#readyHead);
        this.#readyHead = 0;
      }
      lane.ready = false;
      // A busy lane goes back into the queue when somebody leaves its host.
      if (lane.head >= lane.sources.length || !lane.permits.tryAcquire()) continue;
      const source = lane.sources[lane.head++] as Source;
      lane.users++;
      this.#size--;
      if (lane.head < lane.sources.length) this.#enqueue(lane);
      return source;
    }
    return undefined;
  }

  /** Takes a permit of a host in the middle of the work: a redirect leads there. A switch point where it is busy. */
  *enter(host: string): Coroutine<void> {
    const lane = this.#lane(host);
    lane.users++;
    let entered = false;
    try {
      yield* lane.permits.acquire();
      entered = true;
    } finally {
      if (!entered) this.#left(lane);
    }
  }

  /** Gives a permit back. */
  leave(host: string): void {
    const lane = this.#lanes.get(host);
    if (lane === undefined) throw new Error(`nobody is at ${host}`);
    lane.permits.release();
    this.#left(lane);
  }

  #left(lane: Lane): void {
    lane.users--;
    if (lane.head < lane.sources.length) {
      if (!lane.ready) this.#enqueue(lane);
      this.#bell.trySend(true);
    } else if (lane.users === 0) {
      this.#lanes.delete(lane.host);
    }
  }

  #lane(host: string): Lane {
    let lane = this.#lanes.get(host);
    if (lane === undefined) {
      lane = { host, permits: new Semaphore(this.#perHost), sources: [], head: 0, users: 0, ready: false };
      this.#lanes.set(host, lane);
    }
    return lane;
  }

  #enqueue(lane: Lane): void {
    lane.ready = true;
    this.#ready.push(lane);
  }
}
