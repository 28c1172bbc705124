/**
 * Nemeses: those who make trouble in a world, now and then, for a while, and then no more.
 *
 * A nemesis is a value that knows one sort of harm. `world.nemesis()` sets it on the world: after a drawn time it strikes,
 * picks its victims by draws, and after another drawn time all is healed; and so on. Draw 0 is always that nothing happens,
 * so a world without a seed has none of it, and a run that is made smaller has less. (Jepsen's word, and most of its zoo.)
 *
 * What it does is a list of small effects, each on certain nodes and with its own way back. So two nemeses may harm the same
 * link at once, and the last one to leave heals it; and when the world becomes calm for some nodes, what concerns only them
 * is healed and the rest stays broken.
 */
import type { Timed } from "../loop/timers.ts";
import type { ChoiceStream } from "./choices.ts";
import type { Engine } from "./engine.ts";
import type { SimNetwork } from "./network.ts";
import type { SimNode } from "./node.ts";

/** A time in ms, or from when to when it may be. */
export type Span = number | readonly [least: number, most: number];

/** When a nemesis strikes, and whom. */
export interface NemesisOptions {
  /** How long it waits before each strike, in ms. Default 100 to 3000. */
  readonly every?: Span | undefined;
  /** How long a strike lasts, in ms. Default 50 to 2000. */
  readonly for?: Span | undefined;
  /** How often it strikes at most. Default: until the run ends, or the world becomes calm. */
  readonly times?: number | undefined;
  /** Whom it may harm. Default: all nodes that there are when it strikes, the world's own left out. */
  readonly nodes?: readonly (string | { readonly name: string })[] | undefined;
}

/**
 * One sort of harm. Make your own: an object with a name and a `strike`.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { type Nemesis, simulate } from "rondo/sim";
 *
 * const thief: Nemesis = {
 *   name: "a thief",
 *   strike(field) {
 *     const node = field.pick(field.nodes, "victim");
 *     field.effect([node], () => {
 *       console.log(`${node.name} is out`);
 *       node.pause();
 *       return () => node.resume();
 *     });
 *   },
 * };
 * simulate({ seed: 1 }, function* (world) {
 *   world.node("a", () => sleep(100_000));
 *   world.nemesis(thief, { every: 1000, times: 1 });
 *   yield* sleep(60_000);
 * });
 * // prints: a is out
 * ```
 */
export interface Nemesis {
  /** What a person reads. */
  readonly name: string;
  /** How likely it is beside others, 1 where nothing is said. */
  readonly weight?: number | undefined;
  /** Its own times and victims, in place of what `world.nemesis()` was told. */
  readonly options?: Pick<NemesisOptions, "for" | "nodes"> | undefined;
  /** Does its harm, by effects of the field; they are undone when the strike is over. */
  strike(field: Field): void;
}

/** How an effect is undone. */
export type Undo = () => void;

/** Something that happens at a time, and can be taken back. */
export class Later implements Timed {
  slot: number;
  private readonly work: () => void;

  constructor(work: () => void) {
    this.slot = -1;
    this.work = work;
  }

  fire(): void {
    this.work();
  }
}

/** Times are drawn in so many steps. */
const STEPS = 16;

/** A time between these; the shortest is the tamest, or with `longest` the longest. */
export function drawSpan(draws: ChoiceStream, span: Span, label: string, longest: boolean = false): number {
  if (typeof span === "number") return span;
  const [least, most] = span;
  const part = ((most - least) * draws.draw(STEPS, label)) / (STEPS - 1);
  return longest ? most - part : least + part;
}

/** What all nemeses of a world have in hand together. */
export class Grip {
  /** The body of the simulation has ended. */
  ending: boolean;
  /** How many want it so, by what it is. */
  private readonly holders: Map<string, { count: number; readonly end: () => void }>;
  private readonly changes: Map<string, { readonly base: number; wishes: ((was: number) => number)[] }>;

  constructor() {
    this.ending = false;
    this.holders = new Map();
    this.changes = new Map();
  }

  /** Begun by the first, ended when the last one lets go, by the first one's way back. */
  hold(key: string, begin: () => void, end: () => void): Undo {
    let held = this.holders.get(key);
    if (held === undefined) {
      held = { count: 0, end };
      this.holders.set(key, held);
      begin();
    }
    held.count++;
    const { holders } = this;
    const mine = held;
    return () => {
      if (--mine.count > 0) return;
      holders.delete(key);
      mine.end();
    };
  }

  /** Changes a number, over the changes of others; when all have let go it is what it was. */
  change(key: string, get: () => number, set: (value: number) => void, wish: (was: number) => number): Undo {
    let entry = this.changes.get(key);
    if (entry === undefined) {
      entry = { base: get(), wishes: [] };
      this.changes.set(key, entry);
    }
    const { base, wishes } = entry;
    wishes.push(wish);
    set(wish(get()));
    return () => {
      wishes.splice(wishes.indexOf(wish), 1);
      if (wishes.length === 0) this.changes.delete(key);
      set(wishes.reduce((value, one) => one(value), base));
    };
  }
}

interface Effect {
  readonly nodes: readonly SimNode[];
  undo: Undo | null;
}

/** What a nemesis has at hand when it strikes. */
export class Field {
  /** Whom it may harm, in the order in which they were made. */
  readonly nodes: readonly SimNode[];
  /** All nodes, the world's own too. */
  readonly everybody: readonly SimNode[];
  readonly network: SimNetwork;
  /** How long this strike lasts, in ms. */
  readonly duration: number;
  private readonly engine: Engine;
  private readonly grip: Grip;
  private readonly draws: ChoiceStream;
  private readonly effects: Effect[];
  private readonly timers: Later[];

  /** @internal */
  constructor(
    engine: Engine,
    network: SimNetwork,
    grip: Grip,
    draws: ChoiceStream,
    nodes: readonly SimNode[],
    duration: number,
  ) {
    this.nodes = nodes;
    this.everybody = engine.nodes;
    this.network = network;
    this.duration = duration;
    this.engine = engine;
    this.grip = grip;
    this.draws = draws;
    this.effects = [];
    this.timers = [];
  }

  /** The run is over: what was crashed need not be started again. */
  get ending(): boolean {
    return this.grip.ending;
  }

  /** A whole number from 0 to n - 1; 0 is to be the tamest. */
  draw(n: number, label: string): number {
    return this.draws.draw(n, label);
  }

  /** One of these. */
  pick<T>(items: readonly T[], label: string): T {
    if (items.length === 0) throw new RangeError(`there is nothing to pick from: ${label}`);
    return items[this.draws.draw(items.length, label)] as T;
  }

  /** At least one of these and at most `most`, in their order. */
  some<T>(items: readonly T[], most: number, label: string): T[] {
    const count = 1 + this.draws.draw(Math.max(1, Math.min(most, items.length)), `how many: ${label}`);
    const left = items.map((_, index) => index);
    const taken: number[] = [];
    while (taken.length < count && left.length > 0) taken.push(...left.splice(this.draws.draw(left.length, label), 1));
    return taken.toSorted((a, b) => a - b).map((index) => items[index] as T);
  }

  /** A time in ms; the shortest is the tamest. */
  between(span: Span, label: string): number {
    return drawSpan(this.draws, span, label);
  }

  /** A line in the story of the run. */
  tell(text: string): void {
    this.engine.tell(text);
  }

  /**
   * Does something to these nodes, or to the link between two, and keeps how it is undone: when the strike is over, or
   * earlier by what is given.
   */
  effect(nodes: readonly SimNode[], begin: () => Undo): Undo {
    const effect: Effect = { nodes, undo: begin() };
    this.effects.push(effect);
    return () => undo(effect);
  }

  /** Does something that others may do as well: begun by the first, ended by the last who lets go. */
  share(nodes: readonly SimNode[], key: string, begin: () => void, end: () => void): Undo {
    return this.effect(nodes, () => this.grip.hold(key, begin, end));
  }

  /** Changes a number that others may change as well; when all have let go it is what it was. */
  change(
    nodes: readonly SimNode[],
    key: string,
    get: () => number,
    set: (value: number) => void,
    wish: (was: number) => number,
  ): Undo {
    return this.effect(nodes, () => this.grip.change(key, get, set, wish));
  }

  /** Calls back in so many ms, if the strike is still on. */
  after(ms: number, work: () => void): void {
    const later = new Later(work);
    this.timers.push(later);
    this.engine.events.set(later, this.engine.time + ms);
  }

  /** Nothing arrives from `a` at `b` any more. What the user has cut stays cut. */
  cut(a: SimNode, b: SimNode): Undo {
    const { network } = this;
    const oneWay = { oneWay: true };
    let mine = false;
    return this.share(
      [a, b],
      `cut ${a.name}>${b.name}`,
      () => {
        mine = !network.isCut(a, b);
        if (mine) network.cut(a, b, oneWay);
      },
      () => {
        if (mine) network.heal(a, b, oneWay);
      },
    );
  }

  /** @internal Undoes what concerns only these nodes, or all. The last thing that was done is undone first. */
  heal(only: ReadonlySet<SimNode> | undefined): void {
    for (const timer of this.timers.splice(0)) this.engine.events.remove(timer);
    for (const effect of this.effects.toReversed())
      if (only === undefined || effect.nodes.every((node) => only.has(node))) undo(effect);
  }
}

function undo(effect: Effect): void {
  const { undo: back } = effect;
  effect.undo = null;
  back?.();
}

/**
 * The same nemesis, more or less likely beside others.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { isolate, pauses, simulate, weighted } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, record: true }, function* (world) {
 *   for (const name of ["a", "b"]) world.node(name, () => sleep(1_000_000));
 *   world.nemesis([weighted(9, pauses()), isolate()], { every: 10, for: 10 });
 *   yield* sleep(10_000);
 * });
 * const count = (name: string) => run.story.filter(({ text }) => text.startsWith(name)).length;
 * console.log(count("a pause") > 4 * count("an isolated node")); // prints: true
 * ```
 */
export function weighted(weight: number, nemesis: Nemesis): Nemesis {
  return { ...nemesis, name: nemesis.name, weight, strike: (field) => nemesis.strike(field) };
}

/**
 * Several at once, as one.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { pauses, simulate, skew, together } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", () => sleep(1_000_000));
 *   const trouble = world.nemesis(together(pauses(), skew({ offset: 1000 })), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   return node.paused && node.skew.offset !== 0;
 * });
 * console.log(run.value); // prints: true
 * ```
 */
export function together(...nemeses: readonly Nemesis[]): Nemesis {
  return {
    name: nemeses.map(({ name }) => name).join(" with "),
    strike(field) {
      for (const one of nemeses) one.strike(field);
    },
  };
}
