// 100,000 sleepers, all cancelled at once: what one costs from the request to the end of the last.
import { setTimeout as abortableDelay } from "node:timers/promises";
import { Effect, Fiber } from "effect";
import { run as runEffection, sleep as effectionSleep, spawn, type Operation as EffectionOperation } from "effection";
import { Subscription, timer } from "rxjs";
import { type Coroutine, group, type Group, run, sleep, type Task } from "rondo";
import { delay } from "../peers/promises.ts";
import { AN_HOUR, busy, type Workload } from "../workload.ts";

/**
 * When all have begun to sleep, in ms: V8 puts the collection of what was made last off to the next idle moment, and that
 * is none of the cost of a cancel.
 */
const SETTLE = 50;

function* rondoSleeper(): Coroutine<void> {
  yield* sleep(AN_HOUR);
}

function* rondoSleepers(g: Group, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) g.spawn(rondoSleeper());
  yield* sleep(AN_HOUR);
}

function* rondoCancel(g: Group, amount: number): Coroutine<number> {
  const parent: Task = g.spawn(group((inner) => rondoSleepers(inner, amount)));
  yield* sleep(1);
  yield* sleep(SETTLE);
  const started = busy();
  parent.cancel();
  yield* parent.ended();
  return busy() - started;
}

async function sleeper(signal: AbortSignal): Promise<void> {
  await abortableDelay(AN_HOUR, undefined, { signal });
}

const effectSleeper = Effect.fnUntraced(function* () {
  yield* Effect.sleep(AN_HOUR);
});

function* effectionSleeper(): EffectionOperation<void> {
  yield* effectionSleep(AN_HOUR);
}

export const cancelSleepers: Workload = {
  name: "cancel",
  title: "cancel 100,000 sleepers, each",
  unit: "ns",
  amount: 100_000,
  // Until the collector has made room for so many tasks, it marks them while they are being cancelled.
  warmUp: 4,
  python: { share: 1 },
  contestants: [
    {
      name: "Rondo",
      run: (amount) => run(() => group((g) => rondoCancel(g, amount))),
    },
    {
      name: "async/await",
      share: 0.1,
      note: "10,000 sleepers: to add one more listener to an AbortSignal takes time that grows with those it has",
      async run(amount) {
        const controller = new AbortController();
        const tasks: Promise<void>[] = [];
        for (let i = 0; i < amount; i++) tasks.push(sleeper(controller.signal));
        const ended = Promise.allSettled(tasks);
        await delay(1);
        await delay(SETTLE);
        const started = busy();
        controller.abort();
        await ended;
        return busy() - started;
      },
    },
    {
      name: "Effect",
      run: (amount) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const fibers: Fiber.Fiber<void>[] = [];
            for (let i = 0; i < amount; i++) fibers.push(yield* Effect.forkChild(effectSleeper()));
            yield* Effect.sleep(1);
            yield* Effect.sleep(SETTLE);
            const started = busy();
            yield* Fiber.interruptAll(fibers);
            return busy() - started;
          }),
        ),
    },
    {
      name: "Effection",
      share: 0.05,
      run: (amount) =>
        runEffection(function* () {
          const parent = yield* spawn(function* () {
            for (let i = 0; i < amount; i++) yield* spawn(effectionSleeper);
            yield* effectionSleep(AN_HOUR);
          });
          yield* effectionSleep(1);
          yield* effectionSleep(SETTLE);
          const started = busy();
          yield* parent.halt();
          return busy() - started;
        }),
    },
    {
      name: "RxJS",
      async run(amount) {
        const all = new Subscription();
        for (let i = 0; i < amount; i++) all.add(timer(AN_HOUR).subscribe());
        await delay(1);
        await delay(SETTLE);
        const started = busy();
        all.unsubscribe();
        return busy() - started;
      },
    },
  ],
};
