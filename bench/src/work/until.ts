// Waiting for a promise that is resolved already: the price of the bridge.
import { Effect } from "effect";
import { run as runEffection, until as effectionUntil } from "effection";
import { from, lastValueFrom } from "rxjs";
import { type Coroutine, run, until } from "rondo";
import { busy, type Workload } from "../workload.ts";

const resolved = Promise.resolve(1);

function* rondoUntil(amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) yield* until(resolved);
}

export const untilResolved: Workload = {
  name: "until",
  title: "until(resolved promise)",
  unit: "ns",
  amount: 200_000,
  slices: 5,
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const started = busy();
        await run(() => rondoUntil(amount));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const started = busy();
        for (let i = 0; i < amount; i++) await resolved;
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.5,
      async run(amount) {
        const main = Effect.gen(function* () {
          for (let i = 0; i < amount; i++) yield* Effect.promise(() => resolved);
        });
        const started = busy();
        await Effect.runPromise(main);
        return busy() - started;
      },
    },
    {
      name: "Effection",
      share: 0.1,
      async run(amount) {
        const started = busy();
        await runEffection(function* () {
          for (let i = 0; i < amount; i++) yield* effectionUntil(resolved);
        });
        return busy() - started;
      },
    },
    {
      name: "RxJS",
      share: 0.5,
      async run(amount) {
        const started = busy();
        for (let i = 0; i < amount; i++) await lastValueFrom(from(resolved));
        return busy() - started;
      },
    },
  ],
};
