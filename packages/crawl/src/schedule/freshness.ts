// How much longer an answer may be used without asking again, by RFC 9111 (HTTP caching), for a cache of one reader.
//
// Only what lengthens a wait is looked for: an answer that is stale at once, or that says nothing, is 0. So every doubt (a
// number that is none, a date of a broken clock) is decided for 0, and costs one more question that mostly ends in a 304.

import { httpDate } from "../retry.ts";

/** The fields of an answer, by name. */
export interface FieldReader {
  get(name: string): string | null | undefined;
}

/**
 * How much longer an answer is fresh, in ms from now; 0 where it is not, or says nothing.
 *
 * `max-age` goes before `Expires`; `no-cache` and `no-store` leave nothing; what `Age` and `Date` tell of the time the answer
 * has spent on its way is taken off.
 *
 * @param wallClock now, in ms since 1970.
 *
 * @example
 * ```ts
 * import { freshFor } from "@rondo/crawl";
 *
 * const fields = new Map([
 *   ["cache-control", "public, max-age=3600"],
 *   ["age", "600"],
 * ]);
 * console.log(freshFor(fields, Date.now())); // prints: 3000000
 * ```
 */
export function freshFor(headers: FieldReader, wallClock: number): number {
  const said = directives(headers.get("cache-control") ?? "");
  // With a list of fields behind it, `no-cache` is about those fields and not about the answer.
  if (said.get("no-cache") === "" || said.has("no-store")) return 0;
  const sent = httpDate(headers.get("date"));
  const lifetime = said.has("max-age")
    ? seconds(said.get("max-age"))
    : (httpDate(headers.get("expires")) ?? -Infinity) - (sent ?? wallClock);
  const age = Math.max(seconds(headers.get("age")), sent === undefined ? 0 : wallClock - sent);
  return Math.max(0, lifetime - age);
}

/** Directives in small letters and what stands behind them without its quotes; of one said twice, the first. */
function directives(field: string): Map<string, string> {
  const all = new Map<string, string>();
  for (const [, name, quoted, plain] of field.matchAll(DIRECTIVE)) {
    const key = (name as string).toLowerCase();
    if (!all.has(key)) all.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "");
  }
  return all;
}

/** A token, and behind `=` a quoted string (which may have commas in it) or what comes up to the next comma. */
const DIRECTIVE = /([^\s,=;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]*)))?/g;

/** In ms; what is no number of seconds is 0. Beyond 2^31 a cache may take it for that, and nobody waits for either. */
function seconds(text: string | null | undefined): number {
  return /^\d+$/.test(text?.trim() ?? "") ? Math.min(Number(text), 2 ** 31) * 1000 : 0;
}
