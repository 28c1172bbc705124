/**
 * Random programs for property tests: actors that try one thing after the other, each in its own manner and with its
 * own patience, some of them cancelled at a random moment, on a schedule drawn from a seed.
 *
 * Times are small whole numbers on purpose: so that grants, timeouts and cancellations fall into the same turn often.
 */
import * as fc from "fast-check";

import {
  type Coroutine,
  group,
  moveOnAfter,
  run,
  select,
  sleep,
  type Task,
  timeout,
  TimeoutError,
  VirtualHost,
  type Wait,
} from "../src/index.ts";

/** How many plans a property is tried on. The seed is new each time; a failure prints it. */
export const runs: { numRuns: number } = { numRuns: 100 };
/** A property takes as long as it takes: on a busy machine more than a test usually may. */
export const patience: { readonly timeout: number } = { timeout: 600_000 };

/** One thing that an actor tries. */
export interface Move {
  /** Which of several things it is; the test says what the number means. */
  readonly what: number;
  /** In what manner it waits. */
  readonly how: "plain" | "moveOn" | "timeout" | "select";
  /** How long it waits for it, in ms, where it does not wait for ever. */
  readonly patience: number;
  /** How long it pauses after it, in ms. */
  readonly pause: number;
}

export interface Actor {
  readonly moves: readonly Move[];
  /** When it is cancelled, if it is, in ms. */
  readonly cancelAt: number | null;
}

export interface Plan {
  readonly seed: number;
  readonly actors: readonly Actor[];
}

const move: fc.Arbitrary<Move> = fc.record({
  what: fc.nat({ max: 7 }),
  how: fc.constantFrom("plain", "moveOn", "timeout", "select"),
  patience: fc.nat({ max: 4 }),
  pause: fc.nat({ max: 3 }),
});

const actor: fc.Arbitrary<Actor> = fc.record({
  moves: fc.array(move, { minLength: 1, maxLength: 8 }),
  cancelAt: fc.option(fc.nat({ max: 20 })),
});

/** Random plans; they shrink to few actors with few moves. */
export const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
  actors: fc.array(actor, { minLength: 2, maxLength: 10 }),
});

/** Waits for `operation` in the manner of a move: what it got, or undefined where it did not happen. */
export function* attempt<T>(move: Move, operation: () => Wait<T>): Coroutine<{ readonly value: T } | undefined> {
  switch (move.how) {
    case "plain":
      return { value: yield* operation() };
    case "moveOn": {
      const outcome = yield* moveOnAfter(move.patience, operation());
      return outcome.timedOut ? undefined : { value: outcome.value };
    }
    case "timeout":
      try {
        return { value: yield* timeout(move.patience, operation()) };
      } catch (error) {
        if (error instanceof TimeoutError) return undefined;
        throw error;
      }
    case "select": {
      const taken = yield* select({ it: operation(), late: sleep(move.patience) });
      return taken.key === "it" ? { value: taken.value as T } : undefined;
    }
  }
}

/**
 * Plays a plan: `begin` in the group of all, then one task for each actor, which calls `act` for each of its moves. `look` is
 * called every ms, `end` when the actors have ended; those that wait for ever are cancelled at 200 ms.
 */
export async function play(
  plan: Plan,
  parts: {
    readonly begin?: () => Coroutine<void>;
    readonly act: (move: Move, actor: number) => Coroutine<void>;
    readonly look: () => void;
    readonly end: () => void;
  },
): Promise<void> {
  const host = new VirtualHost({ seed: plan.seed });
  await run(
    () =>
      group(function* (g) {
        if (parts.begin !== undefined) yield* parts.begin();
        const tasks: Task[] = plan.actors.map(({ moves }, i) =>
          g.spawn(
            function* () {
              for (const one of moves) {
                yield* parts.act(one, i);
                yield* sleep(one.pause);
              }
            },
            { name: `actor ${i}` },
          ),
        );
        for (const [i, { cancelAt }] of plan.actors.entries()) {
          if (cancelAt === null) continue;
          g.spawn(function* () {
            yield* sleep(cancelAt);
            tasks[i]?.cancel();
          });
        }
        for (let ms = 0; ms < 200 && tasks.some((task) => !task.over); ms++) {
          parts.look();
          yield* sleep(1);
        }
        for (const task of tasks) task.cancel();
        for (const task of tasks) yield* task.ended();
        parts.end();
      }),
    { host },
  );
  if (host.reports.length > 0) throw new Error(`reported: ${host.reports.map((one) => one.message).join("; ")}`);
}
