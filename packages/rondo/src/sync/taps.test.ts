/** What the primitives tell an observer: made, acquired, released, waited for. State is the truth; this is the stream. */
import { afterEach, expect, test } from "vitest";

import { inGroup } from "../../tests/virtual.ts";
import {
  Barrier,
  Broadcast,
  Channel,
  Condition,
  Deferred,
  Gate,
  Latch,
  Limiter,
  Lock,
  Queue,
  RateLimiter,
  RWLock,
  Semaphore,
  setTap,
  sleep,
} from "../index.ts";

afterEach(() => {
  setTap(null);
});

test("every primitive says that it was made", () => {
  const made: object[] = [];
  setTap({ created: (resource) => made.push(resource) });
  const all: object[] = [
    new Barrier(1),
    new Broadcast(1),
    new Channel(1),
    new Deferred(),
    new Gate(),
    new Latch(1),
    new Limiter(1),
    new Lock(),
    new Queue(),
    new RateLimiter(1, 1),
    new RWLock(),
    new Semaphore(1),
  ];
  const condition = new Condition();
  all.push(condition.lock, condition);
  expect(made).toHaveLength(all.length);
  for (const [i, one] of all.entries()) expect(made[i] === one, one.constructor.name).toBe(true);
});

test("what is held is told when it is acquired and when it is released, for each that waits too", async () => {
  const makers = {
    lock: () => new Lock(),
    limiter: () => new Limiter(1),
    "write lock": () => {
      const lock = new RWLock();
      return { with: (body: () => Generator) => lock.withWrite(body as never) };
    },
  };
  for (const [label, make] of Object.entries(makers)) {
    const told = { acquired: [] as unknown[], released: [] as unknown[], waiting: [] as unknown[] };
    await inGroup(function* (g) {
      const held = make() as { with(body: unknown): Generator<never, unknown, unknown> };
      setTap({
        acquired: (_resource, task) => told.acquired.push(nameOf(task)),
        released: (_resource, task) => told.released.push(nameOf(task)),
        waiting: (task, label) => told.waiting.push(`${nameOf(task)} ${label}`),
      });
      const tasks = ["a", "b", "c"].map((who) => g.spawn(held.with(sleep(1)), { name: who }));
      for (const task of tasks) yield* task.ended();
      setTap(null);
    });
    expect(told).toMatchObject({ acquired: ["a", "b", "c"], released: ["a", "b", "c"] });
    expect(told.waiting).toContain(`b ${label}`);
    expect(told.waiting).toContain(`c ${label}`);
  }
});

function nameOf(task: object | null): unknown {
  return (task as { name?: unknown } | null)?.name;
}

test("a rate limiter tells of its timer", async () => {
  const told: string[] = [];
  await inGroup(function* () {
    const limiter = new RateLimiter(1, 100);
    setTap({
      timerSet: (timer, at) => told.push(`${timer === limiter} set ${at}`),
      timerFired: (timer) => told.push(`${timer === limiter} fired`),
    });
    yield* limiter.acquire();
    yield* limiter.acquire();
    setTap(null);
  });
  expect(told).toEqual(["true set 100", "true fired"]);
});
