// A switch: 1,000 tasks, each of which gives way to the others over and over.
import { Effect } from "effect";
import { all, run as runEffection, type Operation as EffectionOperation } from "effection";
import { asapScheduler, interval, lastValueFrom, merge, take } from "rxjs";
import { all as allOf, checkpoint, type Coroutine, run } from "rondo";
import { nextMicrotask } from "../peers/effection.ts";
import { busy, type Workload } from "../workload.ts";

const TASKS = 1000;

function* rondoTurns(count: number): Coroutine<void> {
  for (let i = 0; i < count; i++) yield* checkpoint();
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

const effectTurns = Effect.fnUntraced(function* (count: number) {
  for (let i = 0; i < count; i++) yield* Effect.yieldNow;
});

function* effectionTurns(count: number): EffectionOperation<void> {
  for (let i = 0; i < count; i++) yield* nextMicrotask();
}

export const switching: Workload = {
  name: "switch",
  title: "switch (1,000 tasks)",
  unit: "ns",
  amount: 1_000_000,
  slices: 5,
  python: { share: 0.2 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const tasks = Array.from({ length: TASKS }, () => rondoTurns(amount / TASKS));
        const started = busy();
        await run(() => allOf(tasks));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const tasks: Promise<void>[] = [];
        const started = busy();
        for (let i = 0; i < TASKS; i++) tasks.push(turns(amount / TASKS));
        await Promise.all(tasks);
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.5,
      async run(amount) {
        const tasks = Array.from({ length: TASKS }, () => effectTurns(amount / TASKS));
        const started = busy();
        await Effect.runPromise(Effect.all(tasks, { concurrency: "unbounded", discard: true }));
        return busy() - started;
      },
    },
    {
      name: "Effection",
      share: 0.1,
      async run(amount) {
        const tasks = Array.from({ length: TASKS }, () => effectionTurns(amount / TASKS));
        const started = busy();
        await runEffection(() => all(tasks));
        return busy() - started;
      },
    },
    {
      name: "RxJS",
      share: 0.5,
      async run(amount) {
        const tasks = Array.from({ length: TASKS }, () => interval(0, asapScheduler).pipe(take(amount / TASKS)));
        const started = busy();
        await lastValueFrom(merge(...tasks));
        return busy() - started;
      },
    },
  ],
};
