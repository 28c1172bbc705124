/** The files that a test has left open: looked for by the folder in which they are. */
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

/** What this process has open under a folder; nothing where the system does not show it. */
export function openUnder(folder: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
}

/** Waits until nothing under a folder is open, and throws where that does not come: a call that was left may close late. */
export async function nothingOpenUnder(folder: string): Promise<void> {
  for (let turns = 0; turns < 5000; turns++) {
    if (openUnder(folder).length === 0) return;
    await turn();
  }
  throw new Error(`left open: ${openUnder(folder).join(", ")}`);
}
