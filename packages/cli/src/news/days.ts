// Days as they are typed and as the memory keeps them: `YYYY-MM-DD`, in UTC, as is every day of publication.

import type { Range } from "@rondo/crawl";
import { UsageError } from "../usage.ts";

const DAY = 86_400_000;
const PER_UNIT: Readonly<Record<string, number>> = { d: 1, day: 1, days: 1, w: 7, week: 7, weeks: 7 };

/** The day of a moment. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/**
 * Where `--since` begins: `7d` is seven days, today being the last of them; `2w`; `today`; `yesterday`; `2026-11-01`.
 *
 * @throws {UsageError} for everything else.
 */
export function since(value: string | undefined, today: number): Range | undefined {
  if (value === undefined) return undefined;
  const text = value.trim().toLowerCase();
  if (text === "today") return { from: dayOf(today) };
  if (text === "yesterday") return { from: dayOf(today - DAY) };
  const [, number, unit] = /^(\d{1,5})\s*([a-z]+)$/.exec(text) ?? [];
  const days = Number(number) * (PER_UNIT[unit ?? ""] ?? Number.NaN);
  if (days >= 1 && days <= 36_600) return { from: dayOf(today - (days - 1) * DAY) };
  if (/^\d+\s*(?:ms|s|m|min|h|hours?)$/.test(text)) {
    throw new UsageError(`--since ${JSON.stringify(value)}: what is remembered is kept by day`, "as in --since 1d");
  }
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return { from: date(text, today) };
  throw new UsageError(
    `--since takes a number of days or a date, not ${JSON.stringify(value)}`,
    `as in --since 7d, 2w, yesterday or ${dayOf(today - 6 * DAY)}`,
  );
}

function date(text: string, today: number): string {
  const at = Date.parse(`${text}T00:00:00Z`);
  // The 30th of February parses as the 2nd of March.
  if (Number.isNaN(at) || dayOf(at) !== text) {
    throw new UsageError(`--since ${text}: there is no such day`, `as in --since ${dayOf(today)}`);
  }
  if (at > today) throw new UsageError(`--since ${text} lies ahead: today is ${dayOf(today)}`, "as in --since 7d");
  return text;
}
