// How many steps of tasks a simulated world does in a second of one processor, every step hashed and the fences up.
//
// Sixty-four tasks give way to each other, and as many pairs hand something over: the two things of which every program
// consists. First in, first out is the floor's; a drawn schedule records one number a step more.
import { Channel, type Coroutine, checkpoint, group } from "rondo";
import { fifo, pct, type Policy, randomWalk, simulate } from "rondo/sim";
import { best, floor, judge } from "./measure.ts";

const TASKS = 64;

function* givesWay(times: number): Coroutine<void> {
  for (let i = 0; i < times; i++) yield* checkpoint();
}

function* hands(channel: Channel<number>, times: number): Coroutine<void> {
  for (let i = 0; i < times; i++) yield* channel.send(i);
}

function* takes(channel: Channel<number>, times: number): Coroutine<void> {
  for (let i = 0; i < times; i++) yield* channel.receive();
}

function* program(times: number): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < TASKS; i++) g.spawn(givesWay(times));
    for (let i = 0; i < TASKS; i++) {
      const channel = new Channel<number>(0);
      g.spawn(hands(channel, times / 4));
      g.spawn(takes(channel, times / 4));
    }
  });
}

const amount = Number(process.argv[2] ?? 2_000_000);

/** A policy that thinks longer is given a part of the steps. */
function stepsPerSecond(policy: Policy, share: number = 1): number {
  const times = Math.ceil((amount * share) / TASKS / 2);
  return best(4, () => {
    const run = simulate({ seed: 1, policy, maxSteps: Infinity }, () => program(times));
    if (!run.ok) throw run.error;
    return run.steps;
  });
}

const inOrder = stepsPerSecond(fifo);
judge("steps a second, first in first out", inOrder, floor(1_000_000));
judge("at random", stepsPerSecond(randomWalk, 0.5));
judge("by priorities (depth 3)", stepsPerSecond(pct({ depth: 3 }), 0.2));
