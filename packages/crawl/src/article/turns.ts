// Hosts are asked one request at a time, with a rest between two. A turn is the right to make one request: it is taken
// just before and given back with the last byte, and nobody who has one waits for anything but time and the network. So
// turns cannot wait for each other, wherever redirects lead.
//
// The rest is counted from the end of a request, and it is a fact about the host, not something that somebody does: so it
// holds whoever comes next, and nobody has to stay behind for it.

import { type Coroutine, now, Semaphore, sleepUntil } from "rondo";

interface Host {
  readonly turn: Semaphore;
  /** Turns that are held and waited for. */
  users: number;
  /** When the last request ended, and from when on the host wants to be asked again; on the loop's clock. */
  ended: number;
  restUntil: number;
  /** The rest that was owed before its last request, in ms. */
  delay: number;
}

/** Who may ask which host, and when. */
export class Turns {
  readonly #hosts = new Map<string, Host>();
  /** How many hosts are remembered before those are looked for that need not be. */
  #many = 1000;

  /** Hosts that are remembered. */
  get size(): number {
    return this.#hosts.size;
  }

  /** When a host may be asked again, on the loop's clock, if the rest is as long as it was before its last request. */
  readyAt(host: string): number {
    const known = this.#hosts.get(host);
    return known === undefined ? -Infinity : Math.max(known.ended + known.delay, known.restUntil);
  }

  /** Until when a host asked to be left alone, on the loop's clock; `-Infinity` where it did not. */
  restUntil(host: string): number {
    return this.#hosts.get(host)?.restUntil ?? -Infinity;
  }

  /** Leaves a host alone for so many ms, because it asked for that. */
  rest(host: string, ms: number): void {
    const known = this.#host(host);
    known.restUntil = Math.max(known.restUntil, now() + ms);
  }

  /**
   * Makes a request in its turn. A switch point.
   *
   * @param delay how many ms lie between the last request to the host and this one.
   * @param check is called when the host would be asked, before a rest is slept through and after it; throws if what is
   * left of it is too long.
   */
  *take<T>(host: string, delay: number, check: () => void, request: () => Coroutine<T>): Coroutine<T> {
    const known = this.#host(host);
    known.users++;
    try {
      yield* known.turn.acquire();
      try {
        check();
        known.delay = delay;
        while (this.readyAt(host) > now()) {
          yield* sleepUntil(this.readyAt(host));
          // Meanwhile a longer rest may have been asked for.
          check();
        }
        try {
          return yield* request();
        } finally {
          known.ended = now();
        }
      } finally {
        known.turn.release();
      }
    } finally {
      known.users--;
    }
  }

  #host(host: string): Host {
    let known = this.#hosts.get(host);
    if (known === undefined) {
      if (this.#hosts.size >= this.#many) this.#forget();
      known = { turn: new Semaphore(1, { name: host }), users: 0, ended: -Infinity, restUntil: -Infinity, delay: 0 };
      this.#hosts.set(host, known);
    }
    return known;
  }

  /** Forgets hosts that were asked so long ago that no rest is due any more. */
  #forget(): void {
    const old = now() - LONGEST_MEMORY;
    for (const [host, { users, ended, restUntil }] of this.#hosts) {
      if (users === 0 && ended < old && restUntil < now()) this.#hosts.delete(host);
    }
    // Those that have to be remembered are not looked through again for each new host.
    this.#many = Math.max(1000, this.#hosts.size * 2);
  }
}

/** Longer than any delay between two requests, in ms. */
export const LONGEST_MEMORY: number = 5 * 60 * 1000;
