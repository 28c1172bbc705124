/**
 * Actors: tasks that try one thing after the other, each time in another manner and with another patience, some of them
 * cancelled at a random moment. Everything is drawn from the world, so a run that fails can be replayed and made smaller.
 *
 * Times are small whole numbers on purpose: so that grants, timeouts and cancellations often fall into the same moment.
 */
import {
  checkpoint,
  type Coroutine,
  group,
  type Group,
  moveOnAfter,
  scope,
  select,
  sleep,
  timeout,
  TimeoutError,
  type Wait,
} from "../../src/index.ts";
import type { Call, History, World } from "../../src/sim/index.ts";

/** An arm that only ends the wait. */
export const LATE = "late";

/** What came of an attempt; undefined where it did not happen. */
export type Attempted<T> = { readonly value: T } | undefined;

export interface ActorsOptions {
  /** Where attempts are written down. */
  readonly history?: History | undefined;
  /** How many there are, at least and at most. */
  readonly count?: readonly [number, number] | undefined;
  /** How often each acts, at most. */
  readonly moves?: number | undefined;
  /** When those that still wait are cancelled, in ms. */
  readonly until?: number | undefined;
  /** Looks at what is left when nothing has moved for long, before those that still wait are cancelled. */
  readonly atRest?: (() => void) | undefined;
}

/** The group that all actors of a run live in, and one of them. */
export class Actor {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  readonly group: Group;
  private readonly history: History | undefined;

  constructor(world: World, group: Group, index: number, history: History | undefined) {
    this.name = `actor ${index}`;
    this.index = index;
    this.world = world;
    this.group = group;
    this.history = history;
  }

  /** Waits for something in a manner that is drawn; `wait` is called once, when the wait begins. */
  *attempt<T>(op: string, input: unknown, wait: () => Wait<T>): Coroutine<Attempted<T>> {
    if (this.world.choose(6, "manner") !== 5) return yield* this.within(() => this.note(op, input, wait));
    const taken = yield* this.choose({ it: [op, input, wait()], late: [LATE, undefined, sleep(this.patience())] });
    return taken.key === "it" ? { value: taken.value as T } : undefined;
  }

  /** A `select` of calls, of which at most one happens. */
  *choose(arms: Readonly<Record<string, readonly [op: string, input: unknown, wait: Wait]>>): Coroutine<{
    readonly key: string;
    readonly value: unknown;
  }> {
    const { history } = this;
    const calls = new Map<string, Call>();
    const waits: Record<string, Wait> = {};
    for (const [key, [op, input, wait]] of Object.entries(arms)) {
      waits[key] = wait;
      if (op !== LATE && history !== undefined) calls.set(key, history.begin(this.name, op, input));
    }
    let won: Call | undefined;
    try {
      const taken = yield* select(waits);
      won = calls.get(taken.key);
      if (won !== undefined) history?.ok(won, taken.value);
      return taken;
    } catch (error) {
      // Of an arm; with one call it is known whose it is.
      if (calls.size > 1) throw error;
      for (const call of calls.values()) history?.threw((won = call), error);
      throw error;
    } finally {
      for (const call of calls.values()) if (call !== won) history?.fail(call);
    }
  }

  /** Does something that may take long, perhaps for a limited time only. */
  *within<T>(body: () => Coroutine<T>): Coroutine<Attempted<T>> {
    switch (this.world.choose(5, "limit")) {
      case 1: {
        const outcome = yield* moveOnAfter(this.patience(), body);
        return outcome.timedOut ? undefined : { value: outcome.value };
      }
      case 2:
        try {
          return { value: yield* timeout(this.patience(), body) };
        } catch (error) {
          if (error instanceof TimeoutError) return undefined;
          throw error;
        }
      case 3: {
        const outcome = yield* scope((inner) => {
          this.later(this.patience(), () => inner.cancel());
          return body();
        });
        return outcome.cancelled ? undefined : { value: outcome.value };
      }
      default:
        return { value: yield* body() };
    }
  }

  /** Something that does not wait; it is a call that begins and ends at once. */
  now<T>(op: string, input: unknown, act: () => T): T {
    const call = this.history?.begin(this.name, op, input);
    try {
      const value = act();
      if (call !== undefined) this.history?.ok(call, value);
      return value;
    } catch (error) {
      if (call !== undefined) this.history?.threw(call, error);
      throw error;
    }
  }

  /** Waits for nothing, or for some ms. */
  *pause(most: number = 3): Coroutine<void> {
    const ms = this.world.choose(most + 2, "pause");
    if (ms === 1) yield* checkpoint();
    else if (ms > 1) yield* sleep(ms - 1);
  }

  /** A number of ms that is often the same as another's. */
  patience(): number {
    return this.world.choose(5, "patience");
  }

  /** Has something done by somebody else, after so many ms. */
  later(ms: number, act: () => void): void {
    this.group.spawn(
      function* () {
        yield* sleep(ms);
        act();
      },
      { daemon: true, name: "later" },
    );
  }

  private *note<T>(op: string, input: unknown, wait: () => Wait<T>): Coroutine<T> {
    return this.history === undefined ? yield* wait() : yield* this.history.call(this.name, op, input, wait);
  }
}

/** Lets actors act, until all have done or the time is over; then nobody is left. */
export function* actors(
  world: World,
  act: (actor: Actor) => Coroutine<unknown>,
  options: ActorsOptions = {},
): Coroutine<void> {
  const { history, count = [2, 6], moves = 7, until = 200, atRest } = options;
  yield* group(function* (g) {
    const tasks = Array.from({ length: world.integer(count[0], count[1], "actors") }, (_, index) => {
      const actor = new Actor(world, g, index, history);
      return g.spawn(
        function* () {
          for (let left = world.integer(1, moves, "moves"); left > 0; left--) {
            yield* act(actor);
            yield* actor.pause();
          }
        },
        { name: actor.name },
      );
    });
    for (const task of tasks) {
      if (!world.chance(0.3, "cancelled")) continue;
      const at = world.integer(0, 15, "cancelled at");
      g.spawn(
        function* () {
          yield* sleep(at);
          task.cancel();
        },
        { daemon: true, name: "canceller" },
      );
    }
    yield* moveOnAfter(until, function* () {
      for (const task of tasks) yield* task.ended();
    });
    atRest?.();
    for (const task of tasks) task.cancel();
    for (const task of tasks) yield* task.ended();
  });
}
