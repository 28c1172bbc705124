/**
 * Conditional requests (RFC 9110 section 13): whether what the client has is still good, and whether what it wants to change
 * is still what it has seen.
 */
import type { HttpHeaders } from "./headers.ts";

/** What tells one version of a thing from another. */
export interface Version {
  /** With its quotes: `"abc"`, or `W/"abc"` for one that only means as good as. */
  readonly etag?: string | undefined;
  /** When it was changed last, in ms since 1970. Only whole seconds count. */
  readonly modified?: number | undefined;
}

/** What to do: go on; answer 304, without a body; answer 412. */
export type Verdict = "go on" | "not modified" | "precondition failed";

/**
 * Weighs the conditions of a request against what there is, in the order that RFC 9110 section 13.2.2 gives. `version` is
 * undefined where there is nothing yet.
 *
 * @example
 * ```ts
 * import { HttpHeaders, weigh } from "@rondo/http";
 *
 * const headers = HttpHeaders.from({ "if-none-match": '"a", "b"' });
 * console.log(weigh("GET", headers, { etag: '"b"' })); // prints: not modified
 * console.log(weigh("GET", headers, { etag: '"c"' })); // prints: go on
 * ```
 */
export function weigh(method: string, headers: HttpHeaders, version: Version | undefined): Verdict {
  const reads = method === "GET" || method === "HEAD";
  const match = headers.get("if-match");
  if (match !== undefined) {
    if (!matches(match, version, strongly)) return "precondition failed";
  } else {
    const since = dateOf(headers.get("if-unmodified-since"));
    const modified = secondsOf(version);
    if (since !== undefined && modified !== undefined && modified > since) return "precondition failed";
  }
  const none = headers.get("if-none-match");
  if (none !== undefined) {
    if (matches(none, version, weakly)) return reads ? "not modified" : "precondition failed";
  } else if (reads) {
    const since = dateOf(headers.get("if-modified-since"));
    const modified = secondsOf(version);
    if (since !== undefined && modified !== undefined && modified <= since) return "not modified";
  }
  return "go on";
}

/**
 * Whether a `Range` is to be obeyed: `If-Range` names the version that the client has the other parts of, and parts of two
 * versions must not be put together (RFC 9110 section 13.1.5).
 *
 * @example
 * ```ts
 * import { HttpHeaders, rangeHolds } from "@rondo/http";
 *
 * console.log(rangeHolds(HttpHeaders.from({ "if-range": '"v1"' }), { etag: '"v2"' })); // prints: false
 * ```
 */
export function rangeHolds(headers: HttpHeaders, version: Version): boolean {
  const value = headers.get("if-range")?.trim();
  if (value === undefined) return true;
  if (value.startsWith('"') || value.startsWith("W/"))
    return version.etag !== undefined && strongly(value, version.etag);
  const since = dateOf(value);
  return since !== undefined && since === secondsOf(version);
}

/** Whether the two are the same byte for byte (RFC 9110 section 8.8.3.2). */
function strongly(a: string, b: string): boolean {
  return a === b && !a.startsWith("W/");
}

/** Whether one is as good as the other. */
function weakly(a: string, b: string): boolean {
  return a.replace(/^W\//, "") === b.replace(/^W\//, "");
}

function matches(list: string, version: Version | undefined, same: (a: string, b: string) => boolean): boolean {
  if (version === undefined) return false;
  if (list.trim() === "*") return true;
  const { etag } = version;
  if (etag === undefined) return false;
  for (const [one] of list.matchAll(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g)) if (same(one, etag)) return true;
  return false;
}

function secondsOf(version: Version | undefined): number | undefined {
  return version?.modified === undefined ? undefined : Math.floor(version.modified / 1000);
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * The time that an HTTP date names, in seconds since 1970; undefined for what is no date. The three forms of RFC 9110 section
 * 5.6.7, and nothing else that `Date` would take.
 *
 * @example
 * ```ts
 * import { dateOf } from "@rondo/http";
 *
 * console.log(dateOf("Sun, 06 Nov 1994 08:49:37 GMT"), dateOf("yesterday")); // prints: 784111777 undefined
 * ```
 */
export function dateOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const now = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (now !== null) return time(now[3], now[2], now[1], now[4], now[5], now[6]);
  const obsolete = /^[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/.exec(text);
  if (obsolete !== null) {
    // Two digits of a year mean the last one that is not more than 50 years from now.
    const century = Number(obsolete[3]) < 70 ? 2000 : 1900;
    return time(String(century + Number(obsolete[3])), obsolete[2], obsolete[1], obsolete[4], obsolete[5], obsolete[6]);
  }
  const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/.exec(text);
  return asctime === null
    ? undefined
    : time(asctime[6], asctime[1], asctime[2]?.trim(), asctime[3], asctime[4], asctime[5]);
}

function time(year = "", month = "", day = "", hour = "", minute = "", second = ""): number | undefined {
  const at = MONTHS.indexOf(month);
  if (at < 0 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const ms = Date.UTC(Number(year), at, Number(day), Number(hour), Number(minute), Math.min(59, Number(second)));
  return new Date(ms).getUTCDate() === Number(day) ? ms / 1000 : undefined;
}

/**
 * A time, in ms since 1970, as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
 *
 * @example
 * ```ts
 * import { httpDate } from "@rondo/http";
 *
 * console.log(httpDate(0)); // prints: Thu, 01 Jan 1970 00:00:00 GMT
 * ```
 */
export function httpDate(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  return (
    `${DAYS[date.getUTCDay()]}, ${two(date.getUTCDate())} ${MONTHS[date.getUTCMonth()]} ` +
    `${String(date.getUTCFullYear()).padStart(4, "0")} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} GMT`
  );
}
