/** How long a server asks to wait (RFC 9110 section 10.2.3). */
import { dateOf } from "../conditional.ts";

/**
 * The pause that `Retry-After` asks for, in ms from `now` (ms since 1970); undefined where it asks for none that can be
 * understood.
 */
export function pauseOf(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = dateOf(text);
  return date === undefined ? undefined : Math.max(0, date * 1000 - now);
}
