/**
 * The world as the body of a simulation sees it: its nodes, its network, its draws, and what must hold in it.
 */
import type { Operation, Wait } from "../coroutine/wait.ts";
import type { ChoiceStream } from "./choices.ts";
import type { Engine } from "./engine.ts";
import { History, type HistoryOptions } from "./history.ts";
import type { Nemesis, NemesisOptions } from "./nemesis.ts";
import { Nemeses, type NemesisRun } from "./nemesis-run.ts";
import type { SimNetwork } from "./network.ts";
import type { NodeOptions, SimNode } from "./node.ts";
import { type Condition, Properties } from "./properties.ts";

/** What must get somewhere once the faults have stopped; see {@link World.liveness}. */
export interface LivenessOptions {
  /** The nodes that are to work from here on. */
  readonly core: readonly SimNode[];
  /** Within how many ms. */
  readonly within: number;
  /** Whether they have got there. */
  readonly progress: Condition;
  /** What a person calls it; `progress` where nothing is said. */
  readonly name?: string | undefined;
}

/**
 * A simulated world; the body of {@link simulate} gets one.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { simulate } from "rondo/sim";
 *
 * const run = simulate({}, function* (world) {
 *   const clock = world.node("clock", function* () {
 *     yield* sleep(60 * 60 * 1000);
 *     return "cuckoo";
 *   });
 *   return (yield* clock.ended()).value;
 * });
 * console.log(run.value, run.virtual); // prints: cuckoo 3600000
 * ```
 */
export class World {
  /** @internal */
  readonly engine: Engine;
  /** @internal */
  readonly properties: Properties;
  /** Its network: links, what is done to them, and names. */
  readonly network: SimNetwork;
  private readonly data: ChoiceStream;
  private readonly nemeses: Nemeses;

  /** @internal */
  constructor(engine: Engine, network: SimNetwork) {
    this.engine = engine;
    this.network = network;
    this.properties = new Properties(engine);
    this.data = engine.choices.stream("data");
    this.nemeses = new Nemeses(engine, network);
    engine.parts.push(this.nemeses);
  }

  /** The time of the world, in ms since its start. The clocks of nodes may be wrong; this is not. */
  get time(): number {
    return this.engine.time;
  }

  /** The seed of this run. */
  get seed(): number {
    return this.engine.seed;
  }

  /** The nodes, in the order in which they were made, the world's own left out. */
  get nodes(): readonly SimNode[] {
    return this.engine.nodes.slice(1);
  }

  /**
   * A computer with a program on it, which starts at once (on a turn of its own, never inside this call). Not a switch
   * point.
   */
  node(name: string, program: (node: SimNode) => Operation<unknown>, options: NodeOptions = {}): SimNode {
    const node = this.engine.addNode(name, program, options);
    node.start();
    return node;
  }

  /** A whole number from 0 to n - 1, 0 the tamest. */
  choose(n: number, label?: string): number {
    if (!(n >= 1)) throw new RangeError(`choose() takes a number of 1 or more, not ${String(n)}`);
    return this.data.draw(Math.floor(n), label);
  }

  /** Whether something happens that happens with this probability; in a tame world it does not. */
  chance(probability: number, label?: string): boolean {
    if (!(probability > 0)) return false;
    if (probability >= 1) return true;
    return this.data.draw(1000, label) >= 1000 * (1 - probability);
  }

  /** A whole number from `min` to `max`, both of them possible. The tamest is the one nearest to 0. */
  integer(min: number, max: number, label?: string): number {
    if (!(min <= max)) throw new RangeError(`integer() takes a least and a greatest number, not ${min} and ${max}`);
    if (max < 0) return max - this.data.draw(max - min + 1, label);
    if (min >= 0) return min + this.data.draw(max - min + 1, label);
    // Around 0, by turns to both sides, so that a smaller draw is a smaller number.
    const drawn = this.data.draw(max - min + 1, label);
    const reach = Math.min(max, -min);
    if (drawn <= 2 * reach) return (drawn & 1) === 1 ? (drawn + 1) / 2 : -drawn / 2 || 0;
    return max > -min ? drawn - reach : reach - drawn;
  }

  /** One of these; the tamest is the first. */
  pick<T>(items: readonly T[], label?: string): T {
    if (items.length === 0) throw new RangeError("pick() has nothing to pick from");
    return items[this.data.draw(items.length, label)] as T;
  }

  /** These in another order; the tamest is the one they are in. */
  shuffle<T>(items: readonly T[], label?: string): T[] {
    const shuffled = [...items];
    for (let i = 0; i < shuffled.length - 1; i++) {
      const from = i + this.data.draw(shuffled.length - i, label);
      const [moved] = shuffled.splice(from, 1);
      shuffled.splice(i, 0, moved as T);
    }
    return shuffled;
  }

  /**
   * A condition that must hold: here and now, or (given as a function) after every step from here to the end of the body.
   * The function gives true, false, or what is wrong in words; it cannot wait. Gives what ends the watch. A condition that
   * does not hold is the failure of the run, whoever catches the {@link PropertyError} that is thrown here.
   */
  always(name: string, condition: boolean | Condition, detail?: string): () => void {
    return this.properties.always(name, condition, detail);
  }

  /**
   * Notes whether something came to pass that a good test should see now and then (a retry, a full queue). A campaign
   * (`check`) fails when it never did in any run.
   */
  sometimes(name: string, condition: boolean = true): void {
    this.properties.sometimes(name, condition);
  }

  /**
   * A condition that must come to hold within so many ms, for a moment at least. It is watched from this call on, whether or
   * not anybody waits; waiting for it is a switch point. The run fails when the time is over, or when its body ends before.
   */
  eventually(name: string, within: number, condition: Condition): Wait<void> {
    return this.properties.eventually("eventually", name, within, condition);
  }

  /** A place where no run may ever come. Throws, and is the failure of the run, whoever catches it. */
  unreachable(name: string, detail?: string): never {
    return this.properties.unreachable(name, detail);
  }

  /**
   * Says that from here on the world is kind to a part of it, and that this part must then get somewhere: no more faults are
   * made, the nodes of the core are up and go on, the network between them works; what is broken outside it stays broken.
   * `progress` must come to hold within so many ms. Waiting for it is a switch point.
   *
   * Safety (`always`) says that nothing bad happens; a system that does nothing has it. This is the other half.
   */
  liveness(options: LivenessOptions): Wait<void> {
    const { core, within, progress, name = "progress" } = options;
    this.engine.calm(core);
    return this.properties.eventually("liveness", name, within, progress);
  }

  /**
   * Sets a nemesis on the world, or several of which one strikes at a time: now and then, for a while, until the run ends or
   * the world becomes calm. Then all that it has done is healed. Several calls give several that know nothing of each other.
   * Not a switch point.
   *
   * @example
   * ```ts
   * import { sleep } from "rondo";
   * import { crashStorm, partition, simulate, skew, weighted } from "rondo/sim";
   *
   * const run = simulate({ seed: 1 }, function* (world) {
   *   for (const name of ["a", "b", "c"]) world.node(name, () => sleep(1_000_000));
   *   const trouble = world.nemesis([weighted(2, partition()), crashStorm(), skew()], { every: [100, 1000] });
   *   yield* sleep(60_000);
   *   return trouble.strikes > 10;
   * });
   * console.log(run.ok, run.value); // prints: true true
   * ```
   */
  nemesis(nemesis: Nemesis | readonly Nemesis[], options: NemesisOptions = {}): NemesisRun {
    return this.nemeses.begin(Array.isArray(nemesis) ? nemesis : [nemesis as Nemesis], options);
  }

  /** A history of calls, in the world's time; see {@link History}. */
  history(options: HistoryOptions = {}): History {
    return new History({ now: () => this.engine.time, ...options });
  }

  /** A line in the story of the run, which is printed when it fails. */
  log(text: string): void {
    this.engine.tell(text);
  }

  /** Ends the run at once with this error: everything stays as it is, and is told. */
  fail(error: unknown): void {
    this.engine.fail(error);
  }
}
