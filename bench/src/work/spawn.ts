// Spawn and join: start a task that gives way once and gives a value, wait for it, and start the next one.
//
// It gives way because a task that never waits is a mere call in async/await, which starts its functions eagerly.
import { Effect, Fiber } from "effect";
import { run as runEffection, spawn, type Operation as EffectionOperation } from "effection";
import { checkpoint, type Coroutine, group, type Group, run } from "rondo";
import { nextMicrotask } from "../peers/effection.ts";
import { busy, type Workload } from "../workload.ts";

function* rondoChild(value: number): Coroutine<number> {
  yield* checkpoint();
  return value;
}

function* rondoParent(g: Group, amount: number): Coroutine<number> {
  let sum = 0;
  for (let i = 0; i < amount; i++) {
    const task = g.spawn(rondoChild(i));
    sum += yield* task;
  }
  return sum;
}

async function child(value: number): Promise<number> {
  await undefined;
  return value;
}

const effectChild = Effect.fnUntraced(function* (value: number) {
  yield* Effect.yieldNow;
  return value;
});

function* effectionChild(value: number): EffectionOperation<number> {
  yield* nextMicrotask();
  return value;
}

/** The time taken; or an error if a child's value got lost, for then it was not the same work. */
function finish(started: number, sum: number, amount: number): number {
  const took = busy() - started;
  if (sum !== (amount * (amount - 1)) / 2) throw new Error(`the children's values add up to ${sum}`);
  return took;
}

export const spawnAndJoin: Workload = {
  name: "spawn",
  title: "spawn and join",
  unit: "ns",
  amount: 200_000,
  slices: 5,
  python: { share: 0.1 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const started = busy();
        const sum = await run(() => group((g) => rondoParent(g, amount)));
        return finish(started, sum, amount);
      },
    },
    {
      name: "async/await",
      async run(amount) {
        let sum = 0;
        const started = busy();
        for (let i = 0; i < amount; i++) {
          const task = child(i);
          sum += await task;
        }
        return finish(started, sum, amount);
      },
    },
    {
      name: "Effect",
      share: 0.25,
      async run(amount) {
        let sum = 0;
        const main = Effect.gen(function* () {
          for (let i = 0; i < amount; i++) {
            const fiber = yield* Effect.forkChild(effectChild(i));
            sum += yield* Fiber.join(fiber);
          }
        });
        const started = busy();
        await Effect.runPromise(main);
        return finish(started, sum, amount);
      },
    },
    {
      name: "Effection",
      share: 0.01,
      async run(amount) {
        let sum = 0;
        const started = busy();
        await runEffection(function* () {
          for (let i = 0; i < amount; i++) {
            const task = yield* spawn(() => effectionChild(i));
            sum += yield* task;
          }
        });
        return finish(started, sum, amount);
      },
    },
  ],
};
