/**
 * Parts of a thing (RFC 9110 section 14): which bytes a client asks for.
 */

/** Bytes from `from` up to and without `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * More parts than this are not served one by one, nor parts that overlap: asking for thousands of overlapping ones is how
 * servers were brought down (RFC 9110 section 17.15). Then the whole thing is sent.
 */
const MOST = 16;

/**
 * The ranges that a `Range` asks for, of something that has `size` bytes, in the order in which they were asked for.
 * `undefined`: it asks for nothing that can be understood, or for too much, so the whole is sent. `"unsatisfiable"`: what it
 * asks for lies all behind the end, which is the answer 416.
 *
 * @example
 * ```ts
 * import { rangesOf } from "@rondo/http";
 *
 * console.log(rangesOf("bytes=0-9,-5", 100)); // prints: [ { from: 0, to: 10 }, { from: 95, to: 100 } ]
 * console.log(rangesOf("bytes=200-", 100)); // prints: unsatisfiable
 * console.log(rangesOf("pages=1-2", 100)); // prints: undefined
 * ```
 */
export function rangesOf(value: string, size: number): ByteRange[] | "unsatisfiable" | undefined {
  const list = /^bytes\s*=(.*)$/i.exec(value)?.[1];
  if (list === undefined) return undefined;
  const parts = list.split(",", MOST + 1);
  if (parts.length > MOST) return undefined;
  const ranges: ByteRange[] = [];
  let some = false;
  for (const part of parts) {
    if (part.trim() === "") continue;
    const found = /^\s*(\d{0,15})-(\d{0,15})\s*$/.exec(part);
    if (found === null || (found[1] === "" && found[2] === "")) return undefined;
    some = true;
    const range = rangeOf(found[1] as string, found[2] as string, size);
    if (range === "malformed") return undefined;
    if (range !== undefined) ranges.push(range);
  }
  if (!some) return undefined;
  if (ranges.length === 0) return "unsatisfiable";
  return overlap(ranges) ? undefined : ranges;
}

function rangeOf(first: string, last: string, size: number): ByteRange | "malformed" | undefined {
  if (first === "") {
    const count = Math.min(Number(last), size);
    return count === 0 ? undefined : { from: size - count, to: size };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return "malformed";
  if (from >= size) return undefined;
  return { from, to: last === "" ? size : Math.min(Number(last) + 1, size) };
}

function overlap(ranges: readonly ByteRange[]): boolean {
  const sorted = ranges.toSorted((a, b) => a.from - b.from);
  return sorted.some((range, i) => i > 0 && range.from < (sorted[i - 1] as ByteRange).to);
}
