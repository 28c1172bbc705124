// A timeout around a body that is done after one switch: the price of a limit that is never reached.
import { Effect } from "effect";
import { race, run as runEffection, sleep as effectionSleep, type Operation as EffectionOperation } from "effection";
import { from, lastValueFrom, timeout as rxTimeout } from "rxjs";
import { checkpoint, type Coroutine, run, timeout } from "rondo";
import { nextMicrotask } from "../peers/effection.ts";
import { withTimeout } from "../peers/promises.ts";
import { busy, type Workload } from "../workload.ts";

const LIMIT = 10_000;

function* rondoQuick(value: number): Coroutine<number> {
  yield* checkpoint();
  return value;
}

function* rondoTimeouts(amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) yield* timeout(LIMIT, rondoQuick(i));
}

async function quick(value: number): Promise<number> {
  await undefined;
  return value;
}

const effectQuick = Effect.fnUntraced(function* (value: number) {
  yield* Effect.yieldNow;
  return value;
});

function* effectionQuick(value: number): EffectionOperation<number> {
  yield* nextMicrotask();
  return value;
}

function* effectionLimit(): EffectionOperation<never> {
  yield* effectionSleep(LIMIT);
  throw new Error(`not done after ${LIMIT} ms`);
}

export const timeouts: Workload = {
  name: "timeout",
  title: "timeout around a quick body",
  unit: "ns",
  amount: 100_000,
  slices: 5,
  step: 100,
  python: { share: 0.1 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const started = busy();
        await run(() => rondoTimeouts(amount));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const started = busy();
        for (let i = 0; i < amount; i++) await withTimeout(LIMIT, quick(i));
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.2,
      async run(amount) {
        const main = Effect.gen(function* () {
          for (let i = 0; i < amount; i++) yield* Effect.timeout(effectQuick(i), LIMIT);
        });
        const started = busy();
        await Effect.runPromise(main);
        return busy() - started;
      },
    },
    {
      name: "Effection",
      share: 0.02,
      async run(amount) {
        const started = busy();
        await runEffection(function* () {
          for (let i = 0; i < amount; i++) yield* race([effectionQuick(i), effectionLimit()]);
        });
        return busy() - started;
      },
    },
    {
      name: "RxJS",
      share: 0.5,
      async run(amount) {
        const started = busy();
        for (let i = 0; i < amount; i++) await lastValueFrom(from(quick(i)).pipe(rxTimeout(LIMIT)));
        return busy() - started;
      },
    },
  ],
};
