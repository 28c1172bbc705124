import { describe, expect, test } from "vitest";
import {
  buggify,
  Channel,
  checkpoint,
  DeadlockError,
  group,
  Lock,
  now,
  run as runForReal,
  sleep,
  suspend,
  timeout,
  TimeoutError,
} from "../index.ts";
import { loops } from "../loop/loop.ts";
import { fifo, randomWalk, type Run, SimBudgetError, simulate, type World } from "./index.ts";

/** Two increments with a switch point between reading and writing; the lock is free, so on the real loop nothing shows. */
function* lostUpdate(): Generator<any, number, any> {
  let count = 0;
  const lock = new Lock();
  function* increment(): Generator<any, void, any> {
    const seen = count;
    yield* lock.acquire();
    lock.release();
    count = seen + 1;
  }
  yield* group(function* (g) {
    g.spawn(increment());
    g.spawn(increment());
  });
  return count;
}

describe("simulate", () => {
  test("runs a program to its end within the call, and gives its value, time and steps", () => {
    const run = simulate({}, function* () {
      yield* sleep(24 * 60 * 60 * 1000 - 1);
      return "slept";
    });
    expect(run).toMatchObject({
      ok: true,
      value: "slept",
      virtual: 24 * 60 * 60 * 1000 - 1,
      steps: 2,
      error: undefined,
    });
  });

  test("a body that throws is a failed run with that very error", () => {
    const error = new RangeError("no");
    const run = simulate({}, function* () {
      yield* checkpoint();
      throw error;
    });
    expect(run.ok).toBe(false);
    expect(run.error).toBe(error);
    expect(run.value).toBeUndefined();
  });

  test("is a mistake without a body", () => {
    expect(() => simulate({}, undefined as never)).toThrow("simulate() takes options and a function");
  });

  test("without a seed the schedule is first in, first out", () => {
    const order: string[] = [];
    function* walker(name: string): Generator<any, void, any> {
      for (let i = 0; i < 2; i++) {
        order.push(name);
        yield* checkpoint();
      }
    }
    simulate({ policy: randomWalk }, () =>
      group(function* (g) {
        for (const name of ["a", "b", "c"]) g.spawn(walker(name));
      }),
    );
    expect(order.join("")).toBe("abcabc");
  });

  test("with a seed and a random policy other orders come up, the same for the same seed", () => {
    const orderOf = (seed: number): string => {
      const order: string[] = [];
      function* walker(name: string): Generator<any, void, any> {
        for (let i = 0; i < 3; i++) {
          order.push(name);
          yield* checkpoint();
        }
      }
      simulate({ seed, policy: randomWalk }, () =>
        group(function* (g) {
          for (const name of ["a", "b", "c"]) g.spawn(walker(name));
        }),
      );
      return order.join("");
    };
    const orders = Array.from({ length: 50 }, (_, seed) => orderOf(seed));
    expect(new Set(orders).size).toBeGreaterThan(20);
    expect(Array.from({ length: 50 }, (_, seed) => orderOf(seed))).toEqual(orders);
    // Not only another order within a turn: a task may be passed over for several turns.
    expect(orders.some((order) => order.includes("aaa"))).toBe(true);
  });

  test("a preempting policy makes a switch of a wait that would complete at once, and a tame run does not", () => {
    expect(simulate({}, () => lostUpdate()).value).toBe(2);
    const values = new Set<unknown>();
    for (let seed = 0; seed < 100; seed++) values.add(simulate({ seed, policy: randomWalk }, () => lostUpdate()).value);
    expect(values).toEqual(new Set([1, 2]));
    for (let seed = 0; seed < 100; seed++) expect(simulate({ seed, policy: fifo }, () => lostUpdate()).value).toBe(2);
  });

  test("a recording replays a run step by step, without its seed and its policy", () => {
    let seed = 0;
    let found: Run<number>;
    do found = simulate({ seed: seed++, policy: randomWalk }, () => lostUpdate());
    while (found.value !== 1);
    const again = simulate({ replay: found.choices }, () => lostUpdate());
    expect(again.value).toBe(1);
    expect(again.hash).toBe(found.hash);
    expect(again.steps).toBe(found.steps);
    expect(again.choices).toEqual(found.choices);
  });

  test("the hash tells runs apart that did something else, and is the same for the same run", () => {
    const body = (extra: boolean) =>
      function* (): Generator<any, void, any> {
        yield* sleep(5);
        if (extra) yield* checkpoint();
        yield* sleep(5);
      };
    const hashes = [body(false), body(true), body(false)].map((one) => simulate({}, one).hash);
    expect(hashes[0]).toBe(hashes[2]);
    expect(hashes[0]).not.toBe(hashes[1]);
    const later = simulate({}, function* () {
      yield* sleep(5);
      yield* sleep(6);
    });
    expect(later.hash).not.toBe(hashes[0]);
  });

  test("the hash does not depend on runs, tasks and loops before it", async () => {
    const first = simulate({ seed: 3, policy: randomWalk }, () => lostUpdate()).hash;
    await runForReal(() =>
      group(function* (g) {
        for (let i = 0; i < 10; i++) g.spawn(checkpoint());
      }),
    );
    expect(simulate({ seed: 3, policy: randomWalk }, () => lostUpdate()).hash).toBe(first);
  });

  test("a program in which all wait for each other is told so, with its cleanup run", () => {
    const log: string[] = [];
    const run = simulate({}, () =>
      group(function* (g) {
        const [a, b] = [new Lock(), new Lock()];
        function* taker(one: Lock, other: Lock): Generator<any, void, any> {
          try {
            yield* one.acquire();
            yield* checkpoint();
            yield* other.acquire();
          } finally {
            log.push("cleaned");
          }
        }
        g.spawn(taker(a, b), { name: "one" });
        g.spawn(taker(b, a), { name: "two" });
      }),
    );
    expect(run.error).toBeInstanceOf(DeadlockError);
    expect((run.error as Error).message).toMatch(/"one" waits for lock.*held by "two"/);
    expect(log).toEqual(["cleaned", "cleaned"]);
  });

  test("a world in which nothing can happen any more is told so, with who waits where on which node", () => {
    const run = simulate({}, function* (world) {
      const node = world.node("server", function* serve() {
        yield* suspend(() => {}, "nothing");
      });
      yield* node.ended();
    });
    expect(run.error).toBeInstanceOf(DeadlockError);
    expect((run.error as Error).message).toMatch(/on world:\n.*end of server.*\non server:\n.*waits for nothing/);
    expect(run.waiting).toMatch(/simulate\.test\.ts/);
  });

  test("a program that never ends is given up when its steps are spent, with what it was doing", () => {
    const run = simulate({ maxSteps: 500 }, function* forever() {
      for (;;) yield* checkpoint();
    });
    expect(run.error).toBeInstanceOf(SimBudgetError);
    expect((run.error as SimBudgetError).budget).toBe("steps");
    expect((run.error as Error).message).toMatch(/500 steps.*maxSteps.*\n.*"world"/s);
  });

  test("a program that waits for ever is given up when its time is over", () => {
    const run = simulate({ maxVirtual: 1000 }, function* forever() {
      for (;;) yield* sleep(300);
    });
    expect((run.error as SimBudgetError).budget).toBe("time");
    expect(run.virtual).toBe(1000);
    expect((run.error as Error).message).toMatch(/waits for sleep/);
  });

  test("one who looks again and again whether it is time yet sees it come", () => {
    const run = simulate({}, function* () {
      const start = now();
      while (now() < start + 5) yield* checkpoint();
      return now() >= 5;
    });
    expect(run).toMatchObject({ ok: true, value: true });
  });

  test("a timer fires in time though others are always ready", () => {
    const run = simulate({}, () =>
      group(function* (g) {
        g.spawn(
          (function* () {
            for (;;) yield* checkpoint();
          })(),
          { daemon: true },
        );
        try {
          yield* timeout(1, sleep(1000));
          return undefined;
        } catch (error) {
          return error;
        }
      }),
    );
    expect(run.value).toBeInstanceOf(TimeoutError);
  });

  test("leaves no loop behind, however it ends", () => {
    const before = loops.size;
    simulate({}, () => sleep(1));
    simulate({}, function* () {
      throw new Error("no");
    });
    simulate({ maxSteps: 10 }, function* () {
      for (;;) yield* checkpoint();
    });
    simulate({}, function* (world) {
      world.node("idle", () => suspend(() => {}, "nothing"));
      yield* sleep(1);
      world.nodes[0]?.crash();
    });
    expect(loops.size).toBe(before);
  });

  test("can be called from inside a task of a real loop, which goes on as it was", async () => {
    const value = await runForReal(function* () {
      yield* checkpoint();
      const run = simulate({ seed: 1, policy: randomWalk }, () => lostUpdate());
      const lock = new Lock();
      yield* lock.acquire();
      lock.release();
      return run.ok;
    });
    expect(value).toBe(true);
  });

  test("a recorded run tells every step: who, where, and what it waits for", () => {
    const run = simulate({ record: true }, () =>
      group(function* (g) {
        const channel = new Channel<number>(0);
        g.spawn(() => channel.send(1), { name: "sender" });
        return yield* channel.receive();
      }),
    );
    expect(run.table.map((step) => [step.task, step.before, step.after])).toEqual([
      ["world", undefined, "receive"],
      ["sender", undefined, "done"],
      ["world", "receive", "done"],
    ]);
    expect(run.table[0]?.stack.some((frame) => frame.file?.endsWith("simulate.test.ts"))).toBe(true);
    expect(run.table.map((step) => step.index)).toEqual([0, 1, 2]);
  });

  test("recording changes nothing in a run", () => {
    const [plain, recorded] = [false, true].map((record) =>
      simulate({ seed: 4, policy: randomWalk, record }, () => lostUpdate()),
    );
    expect(recorded?.hash).toBe(plain?.hash);
  });

  test("a place that makes trouble does so in some runs and never outside of one", async () => {
    const counts = Array.from(
      { length: 40 },
      (_, seed) =>
        simulate({ seed }, function* () {
          let troubles = 0;
          for (let i = 0; i < 100; i++) if (buggify("short read")) troubles++;
          return troubles;
        }).value as number,
    );
    expect(counts.some((count) => count === 0)).toBe(true);
    expect(counts.some((count) => count > 5)).toBe(true);
    expect(counts.every((count) => count < 100)).toBe(true);
    expect(
      simulate({}, function* () {
        return buggify("short read");
      }).value,
    ).toBe(false);
    expect(buggify("short read")).toBe(false);
    expect(
      await runForReal(function* () {
        return buggify("short read");
      }),
    ).toBe(false);
  });
});

describe("draws of a world", () => {
  const drawing = <T>(seed: number | undefined, draw: (world: World) => T): T =>
    simulate({ seed }, function* (world) {
      return draw(world);
    }).value as T;

  test("are tame without a seed", () => {
    expect(
      drawing(undefined, (world) => [
        world.choose(10),
        world.chance(0.9),
        world.integer(3, 9),
        world.integer(-9, -3),
        world.integer(-5, 5),
        world.pick(["a", "b"]),
        world.shuffle([1, 2, 3]),
      ]),
    ).toEqual([0, false, 3, -3, 0, "a", [1, 2, 3]]);
  });

  test("stay within their bounds and reach them", () => {
    for (const [min, max] of [
      [0, 3],
      [-2, 5],
      [-5, 2],
      [-3, -1],
      [2, 2],
    ] as const) {
      const seen = new Set(drawing(1, (world) => Array.from({ length: 300 }, () => world.integer(min, max))));
      expect([...seen].toSorted((a, b) => a - b)).toEqual(Array.from({ length: max - min + 1 }, (_, i) => min + i));
    }
  });

  test("a chance happens about as often as it is said to", () => {
    const often = drawing(2, (world) => Array.from({ length: 2000 }, () => world.chance(0.1)).filter(Boolean).length);
    expect(often).toBeGreaterThan(120);
    expect(often).toBeLessThan(280);
    expect(
      drawing(2, (world) => [world.chance(0), world.chance(1), world.chance(-1), world.chance(Number.NaN)]),
    ).toEqual([false, true, false, false]);
  });

  test("a shuffle keeps what it is given, and gives every order", () => {
    const orders = new Set(
      drawing(3, (world) => Array.from({ length: 200 }, () => world.shuffle(["a", "b", "c"]).join(""))),
    );
    expect([...orders].toSorted()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });

  test("refuse what makes no sense", () => {
    expect(
      simulate({}, function* (world) {
        world.pick([]);
      }).error,
    ).toBeInstanceOf(RangeError);
    expect(
      simulate({}, function* (world) {
        world.choose(0);
      }).error,
    ).toBeInstanceOf(RangeError);
    expect(
      simulate({}, function* (world) {
        world.integer(2, 1);
      }).error,
    ).toBeInstanceOf(RangeError);
  });
});
