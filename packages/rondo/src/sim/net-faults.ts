/**
 * The troubles that a seed gives its network: each kind is on or off by a draw of its own, so that over many seeds every
 * combination comes, and what two of them together break is found. ("Swarm testing", Groce and others, 2012: a
 * configuration that leaves things out finds more than one with everything in it.)
 *
 * None of them breaks a promise: with TCP all arrives in order, only later and in other pieces.
 */
import type { ChoiceStream } from "./choices.ts";
import type { LinkSettings } from "./links.ts";

/** Which troubles a network has by itself. */
export type Faults = "none" | "swarm" | "all";

export interface Troubles {
  readonly between: Partial<LinkSettings>;
  readonly within: Partial<LinkSettings>;
  readonly shuffledNames: boolean;
  readonly text: string;
}

/** A kind is on in one seed of so many. */
const ONE_IN = 3;

const LATENCIES = [2, 10, 40];
const JITTERS = [1, 5, 25];
const LOSSES = [0.001, 0.01, 0.05];
const BANDWIDTHS = [10_000_000, 1_000_000, 100_000];
const WINDOWS = [8192, 1460, 512];
const DISTRIBUTIONS = ["uniform", "exponential", "pareto"] as const;

export function checkedFaults(faults: Faults): Faults {
  if (faults === "none" || faults === "swarm" || faults === "all") return faults;
  throw new RangeError(`the faults of a network are none, swarm or all, not ${String(faults)}`);
}

/** Draws the troubles of a seed. */
export function drawTroubles(stream: ChoiceStream, faults: Faults): Troubles {
  const between: Partial<LinkSettings> = {};
  const within: Partial<LinkSettings> = {};
  const texts: string[] = [];
  const on = (kind: string): boolean => {
    const is = faults === "all" || (faults === "swarm" && stream.draw(ONE_IN, kind) === ONE_IN - 1);
    if (is) texts.push(kind);
    return is;
  };
  const one = <T>(of: readonly T[], kind: string): T => of[stream.draw(of.length, kind)] as T;
  if (on("far apart")) between.latency = one(LATENCIES, "latency");
  if (on("jitter")) {
    between.jitter = one(JITTERS, "jitter");
    between.distribution = one(DISTRIBUTIONS, "distribution");
    within.jitter = 0.1;
  }
  if (on("loss")) between.loss = one(LOSSES, "loss");
  if (on("slices")) between.slices = within.slices = true;
  if (on("narrow")) between.bandwidth = one(BANDWIDTHS, "bandwidth");
  if (on("small windows")) {
    between.window = within.window = one(WINDOWS, "window");
    between.sendBuffer = within.sendBuffer = between.window;
  }
  if (on("datagrams twice")) between.duplicate = 0.05;
  if (on("datagrams overtaken")) between.reorder = 0.1;
  const shuffledNames = on("names in another order");
  return { between, within, shuffledNames, text: texts.join(", ") };
}
