// How much faster than real time passes in a simulated world that mostly waits: a hundred tasks that each look around once a
// second, and a hundred timeouts of an hour that are set and taken back, for a virtual day.
import { type Coroutine, group, sleep, timeout } from "rondo";
import { simulate } from "rondo/sim";
import { best, floor, judge } from "./measure.ts";

const HOUR = 3_600_000;

function* looksAround(ms: number): Coroutine<void> {
  for (let passed = 0; passed < ms; passed += 1000) yield* timeout(HOUR, () => sleep(1000));
}

function* program(ms: number, tasks: number): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < tasks; i++) g.spawn(looksAround(ms));
  });
}

const ms = Math.ceil(Number(process.argv[2] ?? 24)) * HOUR;

function factor(tasks: number): number {
  return best(3, () => {
    const run = simulate({ seed: 1, maxSteps: Infinity, maxVirtual: ms + HOUR }, () => program(ms, tasks));
    if (!run.ok) throw run.error;
    return run.virtual / 1000;
  });
}

judge("times faster than real, one task that looks around once a second", factor(1), floor(20_000));
judge("with ten", factor(10), floor(20_000));
