/**
 * What a test may not leave behind: descriptors, handles that keep the process alive, listeners on the process.
 *
 * A thing that has been closed is not gone at once: the host needs a few turns to give it back. So what is left is looked
 * at again after each turn, until nothing is; only what outlasts very many turns is a leak. No time is guessed at.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

/** How many turns of the host a thing may take to be gone. */
const PATIENCE = 2000;

/** What is open: how often there is a thing of each name. */
type Inventory = ReadonlyMap<string, number>;

/** Only Linux shows its descriptors as files; elsewhere handles and listeners are what can be compared. */
const DESCRIPTORS = "/proc/self/fd";

/**
 * Runs `fn`, and throws where it leaves a descriptor, a handle or a listener that was not there before; gives what it
 * gives.
 */
export async function leavesNothing<T>(fn: () => T | PromiseLike<T>): Promise<T> {
  await turn();
  const before = inventory();
  const result = await fn();
  let left: string[] = [];
  for (let turns = 0; turns < PATIENCE; turns++) {
    await turn();
    left = beyond(before, inventory());
    if (left.length === 0) return result;
  }
  throw new Error(`left behind: ${left.join("; ")}`);
}

/** What there is more of than before. */
function beyond(before: Inventory, now: Inventory): string[] {
  const more: string[] = [];
  for (const [name, count] of now) {
    const added = count - (before.get(name) ?? 0);
    if (added > 0) more.push(added === 1 ? name : `${name} (${added} of them)`);
  }
  return more;
}

function inventory(): Inventory {
  const found = new Map<string, number>();
  const count = (name: string, times = 1): void => void found.set(name, (found.get(name) ?? 0) + times);
  for (const descriptor of descriptors()) count(descriptor);
  for (const resource of process.getActiveResourcesInfo()) {
    // The one with which this waits.
    if (resource !== "Immediate") count(resource);
  }
  for (const event of process.eventNames()) {
    count(`a listener for "${String(event)}" on the process`, process.listenerCount(event));
  }
  return found;
}

function descriptors(): string[] {
  let names: string[];
  try {
    names = readdirSync(DESCRIPTORS);
  } catch {
    return []; // not Linux
  }
  const open: string[] = [];
  for (const name of names) {
    try {
      open.push(`descriptor ${name}, ${readlinkSync(`${DESCRIPTORS}/${name}`)}`);
    } catch {
      // The descriptor with which the folder was read is closed again.
    }
  }
  return open;
}
