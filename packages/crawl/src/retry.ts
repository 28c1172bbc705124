// When to try again: which failures may pass, how long to wait, and what the server asked for.

/** Answers after which another try may go better (RFC 9110; 425 is RFC 8470, 429 is RFC 6585). */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A zone at the end: without one `Date.parse` would take the machine's. */
const ZONE = /(?: [a-z]+| ?[+-]\d\d:?\d\d)$/i;

/** Whether a status is one that may pass by itself. */
export function isPassing(status: number): boolean {
  return PASSING.has(status);
}

/** The first wait is at most this long, in ms; each later one at most twice the one before. */
const BASE = 500;
const LONGEST = 30_000;
/** A draw has this many outcomes; finer makes no difference to a server. */
const STEPS = 1000;

/**
 * How long to wait before the next try, in ms: between half and the whole of an exponentially growing limit, so that
 * clients that failed together do not come back together, and none comes back at once.
 * (M. Brooker, "Exponential backoff and jitter", 2015: the form called "equal jitter".)
 *
 * @param tries how many have been made: 1 or more.
 * @param draw gives a whole number from 0 to below `n`: the chance of the host the work runs on.
 *
 * @example
 * ```ts
 * import { backOff } from "@rondo/crawl";
 *
 * console.log(backOff(1, () => 0), backOff(3, (n) => n - 1)); // prints: 250 1999
 * ```
 */
export function backOff(tries: number, draw: (n: number) => number): number {
  const limit = Math.min(LONGEST, BASE * 2 ** (tries - 1));
  return Math.round(limit / 2 + ((limit / 2) * draw(STEPS)) / STEPS);
}

/**
 * What a `Retry-After` header asks for, in ms from now; `undefined` where there is none or it makes no sense (then it is
 * as if it had not been sent). Seconds or an HTTP date (RFC 9110, section 10.2.3); a date that has passed is 0.
 *
 * @param wallClock now, in ms since 1970.
 *
 * @example
 * ```ts
 * import { retryAfter } from "@rondo/crawl";
 *
 * console.log(retryAfter("120", 0)); // prints: 120000
 * console.log(retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 15_000)); // prints: 45000
 * console.log(retryAfter("soon", 0)); // prints: undefined
 * ```
 */
export function retryAfter(header: string | null | undefined, wallClock: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = httpDate(text);
  return date === undefined ? undefined : Math.max(0, date - wallClock);
}

/**
 * The time that a header names, in ms since 1970; `undefined` for what is no date. Servers of feeds write more forms than the
 * three of HTTP (another zone, none, a day of one digit), and what is wanted here is what they mean.
 */
export function httpDate(header: string | null | undefined): number | undefined {
  const text = header?.trim() ?? "";
  // Date.parse alone would take "-1", "0" and "2.5" for dates; every HTTP date starts with the day of the week.
  if (!/^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return undefined;
  const date = Date.parse(ZONE.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : date;
}
