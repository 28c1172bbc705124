// A million tasks that wait for one gate to open: how many bytes each of them holds.
import { Deferred, Effect } from "effect";
import {
  run as runEffection,
  sleep as effectionSleep,
  spawn,
  suspend,
  withResolvers,
  type Operation as EffectionOperation,
} from "effection";
import { type Coroutine, Gate, group, type Group, run, sleep } from "rondo";
import { delay } from "../peers/promises.ts";
import { heapInUse, type Workload } from "../workload.ts";

function* rondoParked(gate: Gate): Coroutine<void> {
  yield* gate.wait();
}

function* rondoHeld(g: Group, amount: number): Coroutine<number> {
  const gate = new Gate();
  const before = heapInUse();
  for (let i = 0; i < amount; i++) g.spawn(rondoParked(gate));
  yield* sleep(1);
  const held = heapInUse() - before;
  g.cancel();
  return held;
}

const kept: unknown[] = [];

async function parked(gate: Promise<void>): Promise<void> {
  await gate;
}

const effectParked = Effect.fnUntraced(function* (gate: Deferred.Deferred<void>) {
  yield* Deferred.await(gate);
});

function* effectionParked(gate: EffectionOperation<void>): EffectionOperation<void> {
  yield* gate;
}

export const parkedBytes: Workload = {
  name: "parked-bytes",
  title: "bytes a parked task, of 1 M",
  unit: "bytes",
  amount: 1_000_000,
  alone: true,
  python: { share: 0.2 },
  contestants: [
    {
      name: "Rondo",
      run: (amount) => run(() => group((g) => rondoHeld(g, amount))),
    },
    {
      name: "async/await",
      async run(amount) {
        const { promise, resolve } = Promise.withResolvers<void>();
        // A gate that nobody can open any more is garbage, and all that wait for it with it.
        kept.push(resolve);
        const before = heapInUse();
        for (let i = 0; i < amount; i++) void parked(promise);
        await delay(1);
        return heapInUse() - before;
      },
    },
    {
      name: "Effect",
      // A million would take it minutes to start.
      share: 0.1,
      run: (amount) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const gate = yield* Deferred.make<void>();
            const before = heapInUse();
            for (let i = 0; i < amount; i++) yield* Effect.forkChild(effectParked(gate));
            yield* Effect.sleep(1);
            return heapInUse() - before;
          }),
        ),
    },
    {
      name: "Effection",
      share: 0.01,
      run: (amount) =>
        new Promise((resolve) => {
          void runEffection(function* () {
            const gate = withResolvers<void>();
            const before = heapInUse();
            for (let i = 0; i < amount; i++) yield* spawn(() => effectionParked(gate.operation));
            yield* effectionSleep(1);
            resolve(heapInUse() - before);
            yield* suspend();
          });
        }),
    },
  ],
};
