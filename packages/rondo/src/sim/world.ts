/**
 * The world as the body of a simulation sees it: its nodes, its network, its draws, and what must hold in it.
 */
import type { Operation } from "../coroutine/wait.ts";
import type { ChoiceStream } from "./choices.ts";
import type { Engine } from "./engine.ts";
import type { NodeOptions, SimNode } from "./node.ts";

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
  private readonly data: ChoiceStream;

  /** @internal */
  constructor(engine: Engine) {
    this.engine = engine;
    this.data = engine.choices.stream("data");
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

  /** A line in the story of the run, which is printed when it fails. */
  log(text: string): void {
    this.engine.tell(text);
  }

  /** Ends the run at once with this error: everything stays as it is, and is told. */
  fail(error: unknown): void {
    this.engine.fail(error);
  }
}
