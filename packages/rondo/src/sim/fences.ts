/**
 * The fences around a simulated run: clocks, chance and timers are the world's, and what would leave it is an error.
 *
 * They are up only while a run is active. A run is one synchronous call, so nobody else sees them. What they cost is paid
 * where it is used; to raise and to lower them is less than a microsecond (see fence-globals.ts for what is put in place at
 * each run, and fence-node.ts for what is wrapped once).
 */
import { type Fenced, fences } from "./fence-core.ts";
import { prepareGlobals, putInPlace, takeBack } from "./fence-globals.ts";
import { patchNode } from "./fence-node.ts";
import { forgetTimers } from "./fence-timers.ts";

export { type Fenced, type FenceName, forbidden, SimFenceError } from "./fence-core.ts";

let prepared = false;

/**
 * Raises the fences for a world; the function that is given lowers them again, to where they were: a run may stand in
 * another one. Call it in a `finally`.
 */
export function raiseFences(world: Fenced): () => void {
  const outer = fences.up;
  if (!prepared) {
    prepared = true;
    prepareGlobals();
    patchNode();
  }
  if (outer === null) putInPlace();
  fences.up = world;
  let lowered = false;
  return () => {
    if (lowered) return;
    lowered = true;
    fences.up = outer;
    if (outer !== null) return;
    takeBack();
    forgetTimers();
  };
}
