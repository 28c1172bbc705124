/** Where in a run something is to happen, when it is to happen only once or twice. */
import type { ChoiceStream } from "./choices.ts";
import { CUTS } from "./policy.ts";

/** A run of unknown length has at most so many doublings. */
const DOUBLINGS = 14;

/**
 * A random decision of a run that will have about `expected` of them. Every other time, and where nothing is known of its
 * length, each order of magnitude is as likely: runs differ in length, and one that is shorter than expected should be
 * met as well.
 */
export function drawPoint(random: ChoiceStream, expected: number | undefined): number {
  if (expected !== undefined && random.fresh(2) === 0) return random.fresh(Math.max(1, expected));
  const doublings = expected === undefined ? DOUBLINGS : Math.ceil(Math.log2(expected + 1)) + 1;
  const low = 2 ** random.fresh(doublings);
  return low - 1 + random.fresh(low);
}

/** Where a step is cut that is to be cut: mostly at its first wait, since most steps have no more. */
export function drawCut(random: ChoiceStream): number {
  return random.fresh(2) === 0 ? 1 : 1 + random.fresh(CUTS - 1);
}
