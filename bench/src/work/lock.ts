// A lock, taken and given back: by one task that nobody disputes it with, and by a hundred that all want it.
import { Effect, Semaphore } from "effect";
import { all, checkpoint, type Coroutine, Lock, run } from "rondo";
import { PromiseLock } from "../peers/promises.ts";
import { busy, type Workload } from "../workload.ts";

const RIVALS = 100;

function* rondoPairs(lock: Lock, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) {
    yield* lock.acquire();
    lock.release();
  }
}

async function pairs(lock: PromiseLock, amount: number): Promise<void> {
  for (let i = 0; i < amount; i++) {
    await lock.acquire();
    lock.release();
  }
}

const effectPairs = Effect.fnUntraced(function* (lock: Semaphore.Semaphore, amount: number) {
  for (let i = 0; i < amount; i++) yield* lock.withPermit(Effect.void);
});

export const lockPair: Workload = {
  name: "lock",
  title: "uncontended lock, a pair",
  unit: "ns",
  amount: 1_000_000,
  slices: 5,
  python: { share: 0.1 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const lock = new Lock();
        const started = busy();
        await run(() => rondoPairs(lock, amount));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const lock = new PromiseLock();
        const started = busy();
        await pairs(lock, amount);
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.5,
      async run(amount) {
        const main = effectPairs(Semaphore.makeUnsafe(1), amount);
        const started = busy();
        await Effect.runPromise(main);
        return busy() - started;
      },
    },
  ],
};

function* rondoRival(lock: Lock, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) {
    yield* lock.acquire();
    yield* checkpoint();
    lock.release();
  }
}

async function rival(lock: PromiseLock, amount: number): Promise<void> {
  for (let i = 0; i < amount; i++) {
    await lock.acquire();
    await undefined;
    lock.release();
  }
}

const effectRival = Effect.fnUntraced(function* (lock: Semaphore.Semaphore, amount: number) {
  for (let i = 0; i < amount; i++) yield* lock.withPermit(Effect.yieldNow);
});

export const lockContended: Workload = {
  name: "lock-contended",
  title: "lock that 100 tasks want",
  unit: "ns",
  amount: 200_000,
  slices: 5,
  python: { share: 0.1 },
  contestants: [
    {
      name: "Rondo",
      async run(amount) {
        const lock = new Lock();
        const tasks = Array.from({ length: RIVALS }, () => rondoRival(lock, amount / RIVALS));
        const started = busy();
        await run(() => all(tasks));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const lock = new PromiseLock();
        const tasks: Promise<void>[] = [];
        const started = busy();
        for (let i = 0; i < RIVALS; i++) tasks.push(rival(lock, amount / RIVALS));
        await Promise.all(tasks);
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.5,
      async run(amount) {
        const lock = Semaphore.makeUnsafe(1);
        const tasks = Array.from({ length: RIVALS }, () => effectRival(lock, amount / RIVALS));
        const started = busy();
        await Effect.runPromise(Effect.all(tasks, { concurrency: "unbounded", discard: true }));
        return busy() - started;
      },
    },
  ],
};
