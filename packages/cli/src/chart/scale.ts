// Axes: where they end and what stands beside them.

/** The next number from `most` on that people count in, a digit with noughts; of counts, at least 1. */
export function niceTop(most: number): number {
  if (!(most > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  for (const step of [1, 2, 3, 4, 5, 6, 8]) if (step * power >= most) return step * power;
  return 10 * power;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `2026-11-22` as `22 Nov`, or `22 Nov 2026`. */
export function dayName(day: string, withYear = false): string {
  const [year, month, date] = day.split("-").map(Number);
  return `${date} ${MONTHS[(month ?? 1) - 1]}${withYear ? ` ${year}` : ""}`;
}

/** Two days and what lies between: `24 Oct to 22 Nov`, with years where there are two of them. */
export function dayRange(days: readonly string[]): string {
  const first = days[0];
  const last = days.at(-1);
  if (first === undefined || last === undefined) return "";
  const years = first.slice(0, 4) !== last.slice(0, 4);
  return first === last ? dayName(last) : `${dayName(first, years)} to ${dayName(last, years)}`;
}
