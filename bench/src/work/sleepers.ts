// 100,000 tasks that sleep: what one costs from its start to its end, and how many bytes it holds while it sleeps.
//
// The sleeps end over a tenth of a second; only the time the thread is busy counts, so waiting for them is free.
import { Effect } from "effect";
import {
  all,
  run as runEffection,
  sleep as effectionSleep,
  spawn,
  suspend,
  type Operation as EffectionOperation,
} from "effection";
import { timer } from "rxjs";
import { type Coroutine, group, type Group, run, sleep } from "rondo";
import { delay } from "../peers/promises.ts";
import { AN_HOUR, busy, heapInUse, type Workload } from "../workload.ts";

/** From 1 to 100 ms, in an order that is neither sorted nor random. */
function pause(i: number): number {
  return 1 + ((i * 7919) % 100);
}

function* rondoSleeper(ms: number): Coroutine<void> {
  yield* sleep(ms);
}

function* rondoSleepers(g: Group, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) g.spawn(rondoSleeper(pause(i)));
}

function* rondoHeld(g: Group, amount: number): Coroutine<number> {
  const before = heapInUse();
  for (let i = 0; i < amount; i++) g.spawn(rondoSleeper(AN_HOUR));
  yield* sleep(1);
  const held = heapInUse() - before;
  g.cancel();
  return held;
}

async function sleeper(ms: number): Promise<void> {
  await delay(ms);
}

const effectSleeper = Effect.fnUntraced(function* (ms: number) {
  yield* Effect.sleep(ms);
});

function* effectionSleeper(ms: number): EffectionOperation<void> {
  yield* effectionSleep(ms);
}

export const sleepers: Workload = {
  name: "sleepers",
  title: "100,000 sleepers",
  unit: "ns",
  amount: 100_000,
  python: { share: 0.5 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const started = busy();
        await run(() => group((g) => rondoSleepers(g, amount)));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const tasks: Promise<void>[] = [];
        const started = busy();
        for (let i = 0; i < amount; i++) tasks.push(sleeper(pause(i)));
        await Promise.all(tasks);
        return busy() - started;
      },
    },
    {
      name: "Effect",
      async run(amount) {
        const tasks = Array.from({ length: amount }, (_, i) => effectSleeper(pause(i)));
        const started = busy();
        await Effect.runPromise(Effect.all(tasks, { concurrency: "unbounded", discard: true }));
        return busy() - started;
      },
    },
    {
      name: "Effection",
      share: 0.05,
      async run(amount) {
        const tasks = Array.from({ length: amount }, (_, i) => effectionSleeper(pause(i)));
        const started = busy();
        await runEffection(() => all(tasks));
        return busy() - started;
      },
    },
    {
      name: "RxJS",
      // Subscribed one by one: `merge` of them all takes time that grows with the square of their number.
      run: (amount) =>
        new Promise((resolve) => {
          let left = amount;
          const started = busy();
          for (let i = 0; i < amount; i++) {
            timer(pause(i)).subscribe(() => {
              if (--left === 0) resolve(busy() - started);
            });
          }
        }),
    },
  ],
};

export const sleeperBytes: Workload = {
  name: "sleeper-bytes",
  title: "bytes a sleeping task",
  unit: "bytes",
  amount: 100_000,
  alone: true,
  python: { share: 1 },
  contestants: [
    {
      name: "Rondo",
      run: (amount) => run(() => group((g) => rondoHeld(g, amount))),
    },
    {
      name: "async/await",
      async run(amount) {
        const before = heapInUse();
        for (let i = 0; i < amount; i++) void sleeper(AN_HOUR);
        await delay(1);
        return heapInUse() - before;
      },
    },
    {
      name: "Effect",
      run: (amount) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const before = heapInUse();
            for (let i = 0; i < amount; i++) yield* Effect.forkChild(effectSleeper(AN_HOUR));
            yield* Effect.sleep(1);
            return heapInUse() - before;
          }),
        ),
    },
    {
      name: "Effection",
      share: 0.05,
      run: (amount) =>
        new Promise((resolve) => {
          void runEffection(function* () {
            const before = heapInUse();
            for (let i = 0; i < amount; i++) yield* spawn(() => effectionSleeper(AN_HOUR));
            yield* effectionSleep(1);
            resolve(heapInUse() - before);
            yield* suspend();
          });
        }),
    },
    {
      name: "RxJS",
      async run(amount) {
        const before = heapInUse();
        for (let i = 0; i < amount; i++) timer(AN_HOUR).subscribe();
        await delay(1);
        return heapInUse() - before;
      },
    },
  ],
};
