// When to ask a source again. Pure functions: what was said goes in, a time comes out.
//
// What a feed says of itself (`ttl`, the syndication module) is a rhythm, and taken as it is. What HTTP says (`max-age`,
// `Expires`) is how long an answer may be used again, not how often there is something new: it makes a wait longer, never
// shorter. Who says neither is asked at the usual pace. There is no learning from how often a feed changes: with conditional
// requests a question that finds nothing new costs a few hundred bytes, and a rule that a person can work out beats one
// that saves some of these.
//
// Every wait has an end: nobody, whatever they send, is left alone for more than a week. That also tells when a time that
// was remembered cannot be right: further ahead than any wait, it was made by a clock that has been put back since.

import type { FeedHints } from "../feed.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How often to ask who says nothing, in ms. */
export const USUAL: number = 30 * MINUTE;
/** How often to ask at most, whatever a feed says, in ms. */
export const MINIMUM: number = 5 * MINUTE;
/** The longest wait there is, in ms. */
export const LONGEST: number = 7 * DAY;
/** An answer that may be used for a year is a setting meant for pictures: after a day it is asked for again. In ms. */
const LONGEST_FRESH = DAY;
/** The longest wait after failures, in ms. */
const LONGEST_BACK_OFF = DAY;
/** A draw has this many outcomes; finer makes no difference to a server. */
const STEPS = 1000;

/** How often to ask, in ms. */
export interface Pace {
  /** Sources that say nothing of it. Default: half an hour. */
  readonly usual?: number | undefined;
  /** At most so often, whatever they say. Default: five minutes. */
  readonly minimum?: number | undefined;
}

/** What is known when a source has answered 200 or 304. */
export interface Answered {
  /** Now, in ms since 1970. */
  readonly now: number;
  /** What the feed said when it was last read. */
  readonly hints: FeedHints;
  /** How much longer the answer is fresh, in ms: see `freshFor`. */
  readonly fresh: number;
  /** What its `Retry-After` asked for, in ms, if it had one. */
  readonly retryAfter?: number | undefined;
}

/**
 * When to ask a source again that has answered, in ms since 1970.
 *
 * @example
 * ```ts
 * import { dueAfterAnswer } from "@rondo/crawl";
 *
 * const minutes = (due: number) => due / 60_000;
 * console.log(minutes(dueAfterAnswer({ now: 0, hints: {}, fresh: 0 }))); // prints: 30
 * console.log(minutes(dueAfterAnswer({ now: 0, hints: { every: 900_000 }, fresh: 0 }))); // prints: 15
 * console.log(minutes(dueAfterAnswer({ now: 0, hints: { skipHours: [0, 1] }, fresh: 0 }))); // prints: 120
 * ```
 */
export function dueAfterAnswer({ now, hints, fresh, retryAfter = 0 }: Answered, pace: Pace = {}): number {
  const { usual = USUAL, minimum = MINIMUM } = pace;
  const wait = Math.max(hints.every ?? usual, Math.min(fresh, LONGEST_FRESH), retryAfter, minimum);
  return notSkipped(now + Math.min(wait, LONGEST), hints);
}

/** What is known when a source has failed. */
export interface FailedAgain {
  /** Now, in ms since 1970. */
  readonly now: number;
  readonly hints: FeedHints;
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** The status of the answer, if there was one. */
  readonly status?: number | undefined;
  /** What its `Retry-After` asked for, in ms, if it had one. */
  readonly retryAfter?: number | undefined;
}

/**
 * When to ask a source again that has failed, in ms since 1970: the first time after half of the usual wait up to the whole,
 * after each further failure twice as long, up to a day. 410 (Gone) says that it will not come back: it is asked a week
 * later, in case somebody was wrong.
 *
 * @param draw gives a whole number from 0 to below `n`: the chance of the host the work runs on.
 *
 * @example
 * ```ts
 * import { dueAfterFailure } from "@rondo/crawl";
 *
 * const minutes = [1, 2, 3, 20].map((failures) => dueAfterFailure({ now: 0, hints: {}, failures }, () => 0) / 60_000);
 * console.log(minutes.join()); // prints: 15,30,60,720
 * ```
 */
export function dueAfterFailure(facts: FailedAgain, draw: (n: number) => number, pace: Pace = {}): number {
  const { now, hints, failures, status, retryAfter = 0 } = facts;
  const { usual = USUAL, minimum = MINIMUM } = pace;
  if (status === 410) return now + LONGEST;
  // 2 ** 40 times anything is beyond the limit; more would be Infinity in the end, and Infinity times 0 no number.
  const limit = Math.min(LONGEST_BACK_OFF, usual * 2 ** Math.min(failures - 1, 40));
  const drawn = Math.round(limit / 2 + ((limit / 2) * draw(STEPS)) / STEPS);
  return notSkipped(now + Math.min(Math.max(drawn, retryAfter, minimum), LONGEST), hints);
}

/**
 * Whether it is time to ask.
 *
 * @param due as remembered; 0 for a source that was never asked.
 *
 * @example
 * ```ts
 * import { isDue } from "@rondo/crawl";
 *
 * console.log(isDue(5000, 5000), isDue(5001, 5000)); // prints: true false
 * console.log(isDue(Date.UTC(2100, 0), Date.UTC(2026, 0))); // prints: true
 * ```
 */
export function isDue(due: number, now: number): boolean {
  // Written so that what is no number at all is due as well. A wait may be prolonged by a week of skipped days.
  return !(due > now && due - now <= LONGEST + 7 * DAY);
}

/**
 * The first moment from `at` on that is in no hour and on no day that the feed wants to be left alone in. Who wants all of
 * them skipped has said nothing.
 */
function notSkipped(at: number, { skipHours, skipDays }: FeedHints): number {
  const hours = leaving(24, skipHours);
  const days = leaving(7, skipDays);
  let time = Math.ceil(at);
  // At least one hour of one day in seven is free, so this ends.
  for (;;) {
    const date = new Date(time);
    if (!days.has(date.getUTCDay())) {
      if (!hours.has(date.getUTCHours())) return time;
      time = Math.floor(time / HOUR + 1) * HOUR;
    } else {
      time = Math.floor(time / DAY + 1) * DAY;
    }
  }
}

function leaving(all: number, skipped: readonly number[] | undefined): ReadonlySet<number> {
  const set = new Set(skipped?.filter((each) => Number.isInteger(each) && each >= 0 && each < all));
  return set.size < all ? set : NONE;
}
const NONE: ReadonlySet<number> = new Set();
