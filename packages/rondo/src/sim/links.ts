/**
 * The way from one computer to another: how long a packet takes, whether it arrives, and how much fits.
 *
 * One number is drawn for a packet: its rank among 4096. 0 is the quickest, the highest ones are lost, so a smaller number
 * is always a tamer packet; a link without jitter and loss draws nothing. What "lost" means is for the protocols above to
 * say: a datagram is gone, a segment comes again later.
 *
 * Settings come in layers (what a link is at all, the troubles of this seed, what the user has set for all links, what is
 * set for this one) and are flattened into fields, because they are read for every packet.
 */
import type { Timed, Timers } from "../loop/timers.ts";
import type { Choices, ChoiceStream } from "./choices.ts";

/** How the part of a packet's delay that varies is spread. */
export type Distribution = "uniform" | "exponential" | "pareto";

/** What can be set of a link. */
export interface LinkSettings {
  /** How long a packet takes at least, in ms. Default 0.5; within one computer 0.02. */
  latency: number;
  /** How much longer it may take, in ms: at most (`uniform`), on average (`exponential`), at half of them (`pareto`). Default 0. */
  jitter: number;
  /** How the jitter is spread: `uniform`, `exponential`, or `pareto` (most are quick and a few very slow). Default uniform. */
  distribution: Distribution;
  /** Which part of the packets is lost, 0 to 1. TCP sends them again, so that there it is time that is lost. Default 0. */
  loss: number;
  /** Bytes per second. Default Infinity. */
  bandwidth: number;
  /** How many bytes a segment of TCP carries at most. Default 1460. */
  mss: number;
  /** Segments are cut smaller, down to one byte, and are read one by one. Default false. */
  slices: boolean;
  /** Bytes come one by one, with so many ms between them; 0: they do not. Default 0. */
  drip: number;
  /** How many bytes may be on their way, or lie unread at the other end, in one direction of a connection. Default 65536. */
  window: number;
  /** How many bytes the sender's system takes, of those that are not yet read at the other end. Default 131072. */
  sendBuffer: number;
  /** Which part of the datagrams comes twice. Default 0. */
  duplicate: number;
  /** Which part of the datagrams is overtaken by others: takes up to `reorderBy` ms longer. Default 0. */
  reorder: number;
  /** Default 20. */
  reorderBy: number;
}

export const BETWEEN: LinkSettings = {
  latency: 0.5,
  jitter: 0,
  distribution: "uniform",
  loss: 0,
  bandwidth: Infinity,
  mss: 1460,
  slices: false,
  drip: 0,
  window: 65_536,
  sendBuffer: 131_072,
  duplicate: 0,
  reorder: 0,
  reorderBy: 20,
};

/** Within one computer. */
export const WITHIN: LinkSettings = { ...BETWEEN, latency: 0.02, mss: 65_483 };

/** The packet does not arrive. */
export const LOST = -1;

/** Of so many ranks one is drawn. */
const RANKS = 4096;
/** A header of IP and TCP, which takes its time on a narrow link. */
const HEADER = 40;

/** One direction between two computers. */
export class Link {
  /** What a person reads: `a>b`. */
  readonly label: string;
  /** From a computer to itself. */
  readonly local: boolean;
  /** All that holds now. */
  settings: Readonly<LinkSettings>;
  latency: number;
  mss: number;
  slices: boolean;
  drip: number;
  window: number;
  sendBuffer: number;
  duplicate: number;
  reorder: number;
  reorderBy: number;
  /** Nothing arrives. */
  cut: boolean;
  /** What arrives is held, until it is not clogged any more. */
  clogged: boolean;
  /** No draw and no queue: whatever is sent arrives after the latency. */
  plain: boolean;
  private jitter: number;
  private bandwidth: number;
  private spread: Float64Array;
  /** How many of the ranks arrive. */
  private arriving: number;
  /** When the last byte that was sent has left. */
  private busyUntil: number;
  private readonly held: Timed[];
  private own: Partial<LinkSettings>;
  private readonly choices: Choices;
  private ranks: ChoiceStream | null;
  private cuts: ChoiceStream | null;

  constructor(label: string, choices: Choices, local: boolean = false) {
    this.label = label;
    this.local = local;
    this.settings = BETWEEN;
    this.latency = 0;
    this.mss = 1;
    this.slices = false;
    this.drip = 0;
    this.window = 1;
    this.sendBuffer = 1;
    this.duplicate = 0;
    this.reorder = 0;
    this.reorderBy = 0;
    this.cut = false;
    this.clogged = false;
    this.plain = true;
    this.jitter = 0;
    this.bandwidth = Infinity;
    this.spread = spreads.uniform;
    this.arriving = RANKS;
    this.busyUntil = 0;
    this.held = [];
    this.own = {};
    this.choices = choices;
    this.ranks = null;
    this.cuts = null;
  }

  /** Settings of its own, on top of those that all have. */
  set(own: Partial<LinkSettings>): void {
    this.own = { ...this.own, ...checked(own) };
  }

  /** Takes over what holds now. */
  refresh(common: LinkSettings): void {
    const all = { ...common, ...this.own };
    this.settings = all;
    this.latency = all.latency;
    this.mss = all.mss;
    this.slices = all.slices;
    this.drip = all.drip;
    this.window = all.window;
    this.sendBuffer = all.sendBuffer;
    this.duplicate = all.duplicate;
    this.reorder = all.reorder;
    this.reorderBy = all.reorderBy;
    this.jitter = all.jitter;
    this.bandwidth = all.bandwidth;
    this.spread = spreads[all.distribution];
    // A loss that is not nothing is at least one rank, and never all of them unless that was said.
    const lost = Math.min(Math.ceil(all.loss * RANKS), all.loss < 1 ? RANKS - 1 : RANKS);
    this.arriving = RANKS - lost;
    this.plain = all.jitter === 0 && lost === 0 && all.bandwidth === Infinity && !all.slices && all.drip === 0;
  }

  /** When a packet with so many bytes arrives that is sent now, or `LOST`. */
  fate(now: number, bytes: number): number {
    let at = now;
    if (this.bandwidth !== Infinity) {
      at = Math.max(now, this.busyUntil) + ((bytes + HEADER) / this.bandwidth) * 1000;
      this.busyUntil = at;
    }
    at += this.latency;
    const { arriving } = this;
    if (this.jitter === 0 && arriving === RANKS) return at;
    const rank = (this.ranks ??= this.choices.stream(`link ${this.label}`)).draw(RANKS, "packet");
    if (rank >= arriving) return LOST;
    return at + this.jitter * (this.spread[Math.floor((rank / arriving) * RANKS)] as number);
  }

  /** How many of these bytes the next segment carries. */
  slice(left: number): number {
    if (this.drip > 0) return 1;
    const whole = Math.min(left, this.mss);
    if (!this.slices || whole === 1) return whole;
    const stream = (this.cuts ??= this.choices.stream(`slices ${this.label}`));
    switch (stream.draw(8, "slice")) {
      case 4:
        return 1 + stream.draw(whole, "bytes");
      case 5:
        return Math.min(whole, 1 + stream.draw(16, "bytes"));
      case 6:
        return Math.min(whole, 2);
      case 7:
        return 1;
      default:
        return whole;
    }
  }

  /** Whether something happens that happens to this part of the datagrams. */
  strikes(part: number, label: string): boolean {
    if (part <= 0) return false;
    const rank = (this.ranks ??= this.choices.stream(`link ${this.label}`)).draw(RANKS, label);
    return rank >= RANKS * (1 - part);
  }

  /** How much later a datagram comes that others overtake, in ms. */
  lag(): number {
    const rank = (this.ranks ??= this.choices.stream(`link ${this.label}`)).draw(RANKS, "lag");
    return (rank / RANKS) * this.reorderBy;
  }

  /** It has arrived at a clogged link: fired when it is not any more. */
  hold(event: Timed): void {
    this.held.push(event);
  }

  /** What was held arrives. */
  release(events: Timers<Timed>, now: number): void {
    for (const event of this.held.splice(0)) events.set(event, now);
  }
}

/** For each rank, how much of the jitter it has. */
const spreads: Readonly<Record<Distribution, Float64Array>> = {
  uniform: table((u) => u),
  exponential: table((u) => -Math.log(1 - u)),
  // Shape 1.5, moved to begin at 0 and scaled to a median of 1: every thousandth takes a hundred times as long.
  pareto: table((u) => ((1 - u) ** (-1 / 1.5) - 1) / (2 ** (1 / 1.5) - 1)),
};

function table(of: (u: number) => number): Float64Array {
  return Float64Array.from({ length: RANKS }, (_, rank) => of(rank / RANKS));
}

const LIMITS: Readonly<Partial<Record<keyof LinkSettings, readonly [number, number]>>> = {
  latency: [0, Infinity],
  jitter: [0, Infinity],
  loss: [0, 1],
  bandwidth: [1, Infinity],
  mss: [1, 65_535],
  drip: [0, Infinity],
  window: [1, Infinity],
  sendBuffer: [1, Infinity],
  duplicate: [0, 1],
  reorder: [0, 1],
  reorderBy: [0, Infinity],
};

/** Settings without what was left out, or a `RangeError` or `TypeError` for what cannot be. */
export function checked(settings: Partial<LinkSettings>): Partial<LinkSettings> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings) as [keyof LinkSettings, unknown][]) {
    if (value === undefined) continue;
    const limits = LIMITS[name];
    if (limits !== undefined) {
      const [least, most] = limits;
      const finite = name === "bandwidth" || name === "window" || name === "sendBuffer" || value !== Infinity;
      if (!(typeof value === "number" && value >= least && value <= most && finite))
        throw new RangeError(`the ${name} of a link is a number from ${least} to ${most}, not ${String(value)}`);
    } else if (name === "distribution") {
      if (!Object.hasOwn(spreads, value as string))
        throw new RangeError(`the distribution of a link is uniform, exponential or pareto, not ${String(value)}`);
    } else if (name === "slices") {
      if (typeof value !== "boolean") throw new TypeError(`slices is true or false, not ${String(value)}`);
    } else throw new TypeError(`a link has no "${String(name)}" to set`);
    kept[name] = value;
  }
  return kept;
}
