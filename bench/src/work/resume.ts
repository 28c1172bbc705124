// Resume at a depth: 100 tasks that give way in a loop, at the bottom of 1, 10 and 100 nested calls.
//
// An async function is resumed directly, however deep; a chain of generators is resumed through all its levels unless
// the runtime knows better.
import { Effect } from "effect";
import { all, run as runEffection, type Operation as EffectionOperation } from "effection";
import { all as allOf, checkpoint, type Coroutine, run } from "rondo";
import { nextMicrotask } from "../peers/effection.ts";
import { busy, type Workload } from "../workload.ts";

const TASKS = 100;

function* rondoDescend(depth: number, turns: number): Coroutine<void> {
  if (depth > 1) return yield* rondoDescend(depth - 1, turns);
  for (let i = 0; i < turns; i++) yield* checkpoint();
}

async function descend(depth: number, turns: number): Promise<void> {
  if (depth > 1) return await descend(depth - 1, turns);
  for (let i = 0; i < turns; i++) await undefined;
}

const effectDescend: (depth: number, turns: number) => Effect.Effect<void> = Effect.fnUntraced(
  function* (depth, turns) {
    if (depth > 1) return yield* effectDescend(depth - 1, turns);
    for (let i = 0; i < turns; i++) yield* Effect.yieldNow;
  },
);

function* effectionDescend(depth: number, turns: number): EffectionOperation<void> {
  if (depth > 1) return yield* effectionDescend(depth - 1, turns);
  for (let i = 0; i < turns; i++) yield* nextMicrotask();
}

function resumeAt(depth: number): Workload {
  return {
    name: `resume-${depth}`,
    title: `resume at depth ${depth}`,
    unit: "ns",
    amount: 500_000,
    slices: 5,
    python: { share: 0.1 },
    contestants: [
      {
        name: "Rondo",
        async run(amount) {
          const tasks = Array.from({ length: TASKS }, () => rondoDescend(depth, amount / TASKS));
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
          for (let i = 0; i < TASKS; i++) tasks.push(descend(depth, amount / TASKS));
          await Promise.all(tasks);
          return busy() - started;
        },
      },
      {
        name: "Effect",
        share: 0.5,
        async run(amount) {
          const tasks = Array.from({ length: TASKS }, () => effectDescend(depth, amount / TASKS));
          const started = busy();
          await Effect.runPromise(Effect.all(tasks, { concurrency: "unbounded", discard: true }));
          return busy() - started;
        },
      },
      {
        name: "Effection",
        share: 0.04,
        async run(amount) {
          const tasks = Array.from({ length: TASKS }, () => effectionDescend(depth, amount / TASKS));
          const started = busy();
          await runEffection(() => all(tasks));
          return busy() - started;
        },
      },
    ],
  };
}

export const resumeAt1: Workload = resumeAt(1);
export const resumeAt10: Workload = resumeAt(10);
export const resumeAt100: Workload = resumeAt(100);
