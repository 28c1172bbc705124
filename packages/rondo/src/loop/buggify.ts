/**
 * A place in a program where a simulated world may make trouble: a short read, a needless retry, a cache that forgets, a
 * limit that is tiny today.
 */
import { kernel } from "../coroutine/kernel.ts";
import type { Loop } from "./loop.ts";

/**
 * Whether to make trouble here. In a simulation a place, by its name, is either armed for the whole run or not, and an armed
 * one answers true now and then; everywhere else it is false. Not a switch point. The idea is FoundationDB's.
 *
 * @example
 * ```ts
 * import { buggify, run } from "rondo";
 *
 * await run(function* () {
 *   const chunk = buggify("short chunk") ? 1 : 64 * 1024;
 *   console.log(chunk); // prints: 65536
 * });
 * ```
 */
export function buggify(name: string): boolean {
  const { current } = kernel;
  return current !== null && ((current.loop as Loop | null)?.host.buggify?.(name) ?? false);
}
