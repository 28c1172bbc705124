// How a robot behaves that is let in again: it asks for the rules first and goes by them, makes one request to a host at a
// time with a rest between two, and stays away when it is told to. All of it is known by host, so one of these serves for
// as long as a program runs.

import { type Coroutine, now } from "rondo";
import type { Meter } from "../exchange.ts";
import { SourceError } from "../failure.ts";
import { isPassing, retryAfter } from "../retry.ts";
import { get, type GetOptions, type Got, ROBOTS_TYPES } from "../robots/get.ts";
import { RobotsKeeper } from "../robots/keeper.ts";
import { duration } from "../visit.ts";
import { LONGEST_MEMORY, Turns } from "./turns.ts";

/** How to behave. Times in ms. */
export interface MannersOptions {
  /** Who asks. Its product token is what robots.txt is read for. Default: `rondo-news`. */
  readonly userAgent?: string;
  /** From the end of a request to a host to the beginning of the next one. Default: 1,000. */
  readonly delay?: number;
  /**
   * The longest that is waited where a host asks for more than `delay`. A `Crawl-delay` beyond it is taken for it; a host
   * whose `Retry-After` is beyond it is not asked until then, and what was wanted of it fails. Default: 30,000; at most 5 minutes.
   */
  readonly longestDelay?: number;
  /** The rules that are known. Default: none yet. */
  readonly robots?: RobotsKeeper;
}

/** How a request is made, beside what manners decide. */
export interface PoliteOptions extends Omit<GetOptions, "userAgent"> {
  /** Now, in ms since 1970: what a `Retry-After` with a date is compared with. */
  readonly wallClock: () => number;
}

/**
 * What is known of hosts and what is owed to them. Give one to all runs of {@link followArticles} in a program, and a host
 * that asked to be left alone in one run is left alone in the next.
 *
 * @example
 * ```ts
 * import { Manners } from "@rondo/crawl";
 *
 * const manners = new Manners({ userAgent: "example-bot/1.0 (+https://example.org/bot)", delay: 5000 });
 * console.log(manners.delay, manners.robots.userAgent); // prints: 5000 example-bot/1.0 (+https://example.org/bot)
 * ```
 */
export class Manners {
  readonly robots: RobotsKeeper;
  readonly turns: Turns = new Turns();
  readonly delay: number;
  readonly longestDelay: number;

  constructor(options: MannersOptions = {}) {
    this.robots =
      options.robots ?? new RobotsKeeper(options.userAgent === undefined ? {} : { userAgent: options.userAgent });
    this.delay = options.delay ?? 1000;
    this.longestDelay = Math.min(Math.max(options.longestDelay ?? 30_000, this.delay), LONGEST_MEMORY);
    for (const name of ["delay", "longestDelay"] as const) {
      const ms = options[name];
      if (ms !== undefined && !(ms >= 0 && ms <= LONGEST_MEMORY)) {
        throw new RangeError(`${name} is from 0 to ${LONGEST_MEMORY} ms, not ${ms}`);
      }
    }
  }

  /**
   * When it is worth coming to this host again, on the loop's clock: when it may be asked, and at once where that is so far
   * away that whoever comes is told so.
   */
  readyAt(host: string): number {
    const at = this.turns.readyAt(host);
    return at - now() > this.longestDelay ? now() : at;
  }

  /**
   * Asks for an address, if it may be asked for and when it may. A switch point.
   *
   * @throws {SourceError} of kind `robots` or `asked-to-wait`, and for what goes wrong on the way.
   */
  *get(url: string, options: PoliteOptions, meter: Meter): Coroutine<Got> {
    const verdict = yield* this.robots.ask(url, (at, limit) =>
      // What the rules say about themselves is not known before they are there.
      this.#turn(
        at,
        this.delay,
        { ...options, accept: ROBOTS_TYPES, limit, keepAlive: true, wants: () => true },
        meter,
      ),
    );
    if (!verdict.allowed) throw new SourceError("robots", verdict.why as string, { retryable: verdict.passing });
    const delay = Math.max(this.delay, Math.min(verdict.delay ?? 0, this.longestDelay));
    return yield* this.#turn(url, delay, options, meter);
  }

  *#turn(url: string, delay: number, options: PoliteOptions, meter: Meter): Coroutine<Got> {
    const { host } = new URL(url);
    const { turns, robots } = this;
    const begun = now();
    const request = function* (): Coroutine<Got> {
      meter.waited += now() - begun;
      const got = yield* get(url, { ...options, userAgent: robots.userAgent }, meter);
      const wait = isPassing(got.status) ? retryAfter(got.retryAfter, options.wallClock()) : undefined;
      // Still in the turn, so that whoever is next knows of it.
      if (wait !== undefined) turns.rest(host, wait);
      return got;
    };
    return yield* turns.take(host, delay, () => this.#check(host), request);
  }

  #check(host: string): void {
    const wait = this.turns.restUntil(host) - now();
    if (wait > this.longestDelay) {
      throw new SourceError("asked-to-wait", `${host} asks to be left alone for ${duration(wait)}`, {
        retryAfter: wait,
      });
    }
  }
}
