// A channel: one task sends, another receives, and neither may run further ahead than the capacity lets it.
import { Effect, Queue } from "effect";
import { all, Channel, type Coroutine, run } from "rondo";
import { PromiseQueue } from "../peers/promises.ts";
import { busy, type Contestant, type Workload } from "../workload.ts";

function contestants(capacity: number): Contestant[] {
  return [
    {
      name: "Rondo",
      async run(amount) {
        const channel = new Channel<number>(capacity);
        const started = busy();
        await run(() => all([rondoSendAll(channel, amount), rondoReceiveAll(channel, amount)]));
        return busy() - started;
      },
    },
    {
      name: "async/await",
      async run(amount) {
        const queue = new PromiseQueue<number>(capacity);
        const started = busy();
        await Promise.all([sendAll(queue, amount), receiveAll(queue, amount)]);
        return busy() - started;
      },
    },
    {
      name: "Effect",
      share: 0.25,
      async run(amount) {
        const main = Effect.gen(function* () {
          const queue = yield* Queue.bounded<number>(capacity);
          const work = [effectSendAll(queue, amount), effectReceiveAll(queue, amount)];
          yield* Effect.all(work, { concurrency: "unbounded", discard: true });
        });
        const started = busy();
        await Effect.runPromise(main);
        return busy() - started;
      },
    },
  ];
}

function* rondoSendAll(channel: Channel<number>, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) yield* channel.send(i);
}

function* rondoReceiveAll(channel: Channel<number>, amount: number): Coroutine<void> {
  for (let i = 0; i < amount; i++) yield* channel.receive();
}

async function sendAll(queue: PromiseQueue<number>, amount: number): Promise<void> {
  for (let i = 0; i < amount; i++) await queue.send(i);
}

async function receiveAll(queue: PromiseQueue<number>, amount: number): Promise<void> {
  for (let i = 0; i < amount; i++) await queue.receive();
}

const effectSendAll = Effect.fnUntraced(function* (queue: Queue.Queue<number>, amount: number) {
  for (let i = 0; i < amount; i++) yield* Queue.offer(queue, i);
});

const effectReceiveAll = Effect.fnUntraced(function* (queue: Queue.Queue<number>, amount: number) {
  for (let i = 0; i < amount; i++) yield* Queue.take(queue);
});

// Effection's queue has no capacity and RxJS has no back-pressure, so neither does this work.

export const channelOfOne: Workload = {
  name: "channel-1",
  title: "channel of capacity 1",
  unit: "ns",
  amount: 300_000,
  slices: 5,
  python: { share: 0.1 },
  contestants: contestants(1),
};

export const channelOfMany: Workload = {
  name: "channel-1024",
  title: "channel of capacity 1,024",
  unit: "ns",
  amount: 500_000,
  slices: 5,
  python: { share: 0.1 },
  contestants: contestants(1024),
};
