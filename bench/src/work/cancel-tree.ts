// A tree of tasks ten deep, each of which waits for two of its own, cancelled at its root: what one task of it costs.
import { setTimeout as abortableDelay } from "node:timers/promises";
import { Effect, Fiber } from "effect";
import {
  all,
  run as runEffection,
  sleep as effectionSleep,
  spawn,
  type Operation as EffectionOperation,
} from "effection";
import { all as allOf, type Coroutine, group, type Group, run, sleep } from "rondo";
import { delay } from "../peers/promises.ts";
import { AN_HOUR, busy, type Workload } from "../workload.ts";

const DEPTH = 10;
/** Tasks in a tree: 1 + 2 + 4 + ... + 1,024. */
const TASKS = 2 ** (DEPTH + 1) - 1;

function* rondoNode(depth: number): Coroutine<void> {
  if (depth === 0) yield* sleep(AN_HOUR);
  else yield* allOf([rondoNode(depth - 1), rondoNode(depth - 1)]);
}

function* rondoTrees(g: Group, amount: number): Coroutine<number> {
  let took = 0;
  for (let i = 0; i < amount; i += TASKS) {
    const root = g.spawn(rondoNode(DEPTH));
    yield* sleep(1);
    const started = busy();
    root.cancel();
    yield* root.ended();
    took += busy() - started;
  }
  return took;
}

/** Each task has a controller of its own, so that it could be cancelled without the others, and follows its parent's. */
async function node(depth: number, parent: AbortSignal): Promise<void> {
  const controller = new AbortController();
  const signal = AbortSignal.any([parent, controller.signal]);
  if (depth === 0) await abortableDelay(AN_HOUR, undefined, { signal });
  else await Promise.all([node(depth - 1, signal), node(depth - 1, signal)]);
}

const effectNode: (depth: number) => Effect.Effect<void> = Effect.fnUntraced(function* (depth: number) {
  if (depth === 0) yield* Effect.sleep(AN_HOUR);
  else yield* Effect.all([effectNode(depth - 1), effectNode(depth - 1)], { concurrency: "unbounded", discard: true });
});

function* effectionNode(depth: number): EffectionOperation<void> {
  if (depth === 0) yield* effectionSleep(AN_HOUR);
  else yield* all([effectionNode(depth - 1), effectionNode(depth - 1)]);
}

export const cancelTree: Workload = {
  name: "cancel-tree",
  title: "cancel a tree 10 deep, a task",
  unit: "ns",
  amount: TASKS * 10,
  step: TASKS,
  python: { share: 1 },
  contestants: [
    {
      name: "Rondo",
      run: (amount) => run(() => group((g) => rondoTrees(g, amount))),
    },
    {
      name: "async/await",
      async run(amount) {
        let took = 0;
        for (let i = 0; i < amount; i += TASKS) {
          const controller = new AbortController();
          const ended = Promise.allSettled([node(DEPTH, controller.signal)]);
          await delay(1);
          const started = busy();
          controller.abort();
          await ended;
          took += busy() - started;
        }
        return took;
      },
    },
    {
      name: "Effect",
      run: (amount) =>
        Effect.runPromise(
          Effect.gen(function* () {
            let took = 0;
            for (let i = 0; i < amount; i += TASKS) {
              const root = yield* Effect.forkChild(effectNode(DEPTH));
              yield* Effect.sleep(1);
              const started = busy();
              yield* Fiber.interrupt(root);
              took += busy() - started;
            }
            return took;
          }),
        ),
    },
    {
      name: "Effection",
      share: 0.1,
      run: (amount) =>
        runEffection(function* () {
          let took = 0;
          for (let i = 0; i < amount; i += TASKS) {
            const root = yield* spawn(() => effectionNode(DEPTH));
            yield* effectionSleep(1);
            const started = busy();
            yield* root.halt();
            took += busy() - started;
          }
          return took;
        }),
    },
  ],
};
