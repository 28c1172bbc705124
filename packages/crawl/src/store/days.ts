// Days in UTC: as numbers since 1970 inside, as `YYYY-MM-DD` outside.

import type { Range } from "./records.ts";

export const DAY = 86_400_000;

/** The last day that a `Date` can write with four digits of a year. */
const LAST = Math.floor(Date.UTC(9999, 11, 31) / DAY);

/** The number of the day on which a time lies. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY);
}

/** A day as `YYYY-MM-DD`. */
export function nameOf(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

/** A day's number from `YYYY-MM-DD`, or `undefined` for what is no day. */
function numberOf(name: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(name)) return undefined;
  const time = Date.parse(`${name}T00:00:00Z`);
  // February 30 is parsed as March 2 by some.
  return Number.isNaN(time) || nameOf(dayOf(time)) !== name ? undefined : dayOf(time);
}

/** Both included. */
export interface Days {
  readonly from: number;
  readonly to: number;
}

/** @throws {RangeError} for what is no day. A range that ends before it begins has no days, which is no error. */
export function daysOf(range: Range | undefined): Days {
  return { from: edge(range?.from, 0), to: edge(range?.to, LAST) };
}

function edge(name: string | undefined, otherwise: number): number {
  if (name === undefined) return otherwise;
  const day = numberOf(name);
  if (day === undefined) throw new RangeError(`${JSON.stringify(name)} is no day; write YYYY-MM-DD`);
  return day;
}

/** Articles from before the web are a mistake of the feed; so are those from after tomorrow. */
const FIRST_PLAUSIBLE = Date.UTC(1990, 0, 1);

/** A time of publication as a whole number of ms, or `undefined` where it cannot be believed. */
export function plausible(published: number | undefined, now: number): number | undefined {
  if (published === undefined || !(published >= FIRST_PLAUSIBLE) || published > now + DAY) return undefined;
  return Math.trunc(published);
}
