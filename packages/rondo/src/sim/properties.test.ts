import { expect, test } from "vitest";

import { checkpoint, group, sleep, suspend } from "../index.ts";
import { PropertyError, Sightings } from "./properties.ts";
import { simulate } from "./simulate.ts";

test("what must always hold is asked after every step, and its failure says which, when and why", () => {
  const run = simulate({}, function* (world) {
    let balance = 10;
    world.always("no overdraft", () => balance >= 0 || `the balance is ${balance}`);
    yield* sleep(3);
    balance = -5;
    yield* checkpoint();
    balance = 5; // too late to hide it
    yield* sleep(100);
  });
  expect(run.error).toBeInstanceOf(PropertyError);
  expect(run.error).toMatchObject({ kind: "always", property: "no overdraft", time: 3, step: 2 });
  expect(String(run.error)).toBe(
    'PropertyError: "no overdraft" must always hold, and does not at 3 ms (step 2): the balance is -5',
  );
  expect(run.virtual).toBe(3);
});

test("a condition is asked at once, at the place where it is said", () => {
  for (const condition of [false, () => false]) {
    const run = simulate({}, function* (world) {
      yield* sleep(1);
      expect(() => world.always("one and one", condition, "this cannot be")).toThrow(PropertyError);
    });
    expect(run.error).toMatchObject({ kind: "always", property: "one and one", time: 1 });
    if (condition === false) expect(String(run.error)).toMatch(/this cannot be$/);
  }
});

test("a property that fails is the failure of the run, though the program catches what is thrown", () => {
  const run = simulate({}, function* (world) {
    try {
      world.unreachable("the second leader", "both won");
    } catch {
      // the program under test swallows everything
    }
    yield* sleep(10);
    return "fine";
  });
  expect(run.ok).toBe(false);
  expect(String(run.error)).toMatch(/"the second leader" must never be reached, and was at 0 ms \(step 0\): both won/);
});

test("what is watched no more is not asked, and neither is anything after the end of the body", () => {
  const run = simulate({}, function* (world) {
    let n = 0;
    const stop = world.always("small", () => n < 2);
    n = 1;
    yield* checkpoint();
    stop();
    n = 5;
    yield* checkpoint();
    let up = true;
    world.node("server", function* () {
      try {
        yield* sleep(1e6);
      } finally {
        up = false;
      }
    });
    world.always("up", () => up);
    yield* sleep(1);
  });
  expect(run.error).toBeUndefined();
});

test("a property that throws, or gives no answer, is the run's failure with the property's name", () => {
  const bad = new Error("undefined is not a function");
  const throwing = simulate({}, function* (world) {
    world.always("sane", () => {
      throw bad;
    });
    yield* checkpoint();
  });
  expect(String(throwing.error)).toMatch(/"sane" threw at 0 ms \(step 0\): undefined is not a function/);
  expect((throwing.error as Error).cause).toBe(bad);
  const waiting = simulate({}, function* (world) {
    world.always("slow", (() => sleep(1)) as never);
    yield* checkpoint();
  });
  expect(String(waiting.error)).toMatch(
    /"slow" gave no answer.*an operation: it is asked between steps and cannot wait/,
  );
  const silent = simulate({}, function* (world) {
    world.eventually("forgot return", 10, (() => undefined) as never);
    yield* sleep(20);
  });
  expect(String(silent.error)).toMatch(/"forgot return" gave no answer at 0 ms.*not undefined/);
});

test("what must hold eventually ends the wait for it as soon as it does", () => {
  const run = simulate({}, function* (world) {
    let done = 0;
    return yield* group(function* (g) {
      g.spawn(function* () {
        for (; done < 5; done++) yield* sleep(10);
      });
      yield* world.eventually("all done", 1000, () => done === 5 || `${done} of 5`);
      return world.time;
    });
  });
  expect([run.error, run.value]).toEqual([undefined, 50]);
});

test("what does not come in time fails then, and says how far it was", () => {
  const run = simulate({}, function* (world) {
    let done = 0;
    void world.eventually("all done", 25, () => done === 5 || `${done} of 5`); // nobody waits for it
    for (; done < 5; done++) yield* sleep(10);
  });
  expect(String(run.error)).toMatch(
    /"all done" had to hold within 25 ms of 0 ms, and it did not at 25 ms \(step \d+\): 2 of 5/,
  );
  expect(run.virtual).toBe(25);
});

test("what has not come when the body ends will not any more", () => {
  const run = simulate({}, function* (world) {
    void world.eventually("ever", Infinity, () => false);
    yield* sleep(5);
  });
  expect(String(run.error)).toMatch(/"ever" had to hold some day, and the run ended before it did at 5 ms/);
});

test("what has held in time keeps the world waiting no longer", () => {
  const run = simulate({}, function* (world) {
    yield* world.eventually("soon", 1000, () => world.time >= 0);
    yield* suspend(() => undefined, "nothing");
  });
  expect([run.ok, run.virtual]).toEqual([false, 0]);
});

test("what holds at once is not waited for, and several are watched side by side", () => {
  const run = simulate({}, function* (world) {
    yield* world.eventually("now", 0, () => true);
    expect(world.time).toBe(0);
    const late = [5, 3, 8].map((ms) => world.eventually(`at ${ms}`, 10, () => world.time >= ms));
    yield* sleep(9);
    for (const one of late) yield* one;
  });
  expect([run.error, run.virtual]).toEqual([undefined, 9]);
});

test("a wait for a property can be withdrawn, and it is watched all the same", () => {
  const run = simulate({}, function* (world) {
    yield* group(function* (g) {
      const task = g.spawn(world.eventually("later", 50, () => world.time >= 40));
      yield* sleep(10);
      task.cancel();
      yield* task.ended();
      yield* sleep(50);
    });
  });
  expect(run.error).toBeUndefined();
});

test("with liveness what crashed or stands still goes on, in the core alone, and must get there in time", () => {
  const go = (within: number) =>
    simulate({}, function* (world) {
      const ticks = new Map<string, number>();
      const ticking = (name: string) =>
        world.node(name, function* () {
          for (;;) {
            yield* sleep(10);
            ticks.set(name, (ticks.get(name) ?? 0) + 1);
          }
        });
      const [a, b, c] = [ticking("a"), ticking("b"), ticking("c")];
      const ended = world.node("ended", function* () {});
      yield* sleep(35);
      a.crash();
      b.pause();
      c.crash();
      ticks.clear();
      yield* sleep(100);
      expect(ticks.size).toBe(0);
      yield* world.liveness({
        core: [a, b, ended],
        within,
        progress: () => (ticks.get("a") ?? 0) > 2 && ticks.has("b"),
      });
      expect([c.up, ended.up]).toEqual([false, false]);
    });
  expect(go(100).error).toBeUndefined();
  expect(String(go(20).error)).toMatch(/"progress" had to hold within 20 ms of 135 ms, and it did not/);
});

test("with liveness the network between those of the core works, and what is cut elsewhere stays so", () => {
  const run = simulate({}, function* (world) {
    const [a, b, c] = ["a", "b", "c"].map((name) => world.node(name, () => sleep(1e6)));
    world.network.partition([[a!], [b!], [c!]]);
    world.network.clog(a!, b!);
    yield* world.liveness({ core: [a!, b!], within: 1, progress: () => true });
    const { network } = world;
    return [network.isCut("a", "b"), network.isCut("b", "a"), network.isCut("a", "c"), network.isCut("c", "b")];
  });
  expect(run.value).toEqual([false, false, true, true]);
});

test("what is sometimes seen is counted, by name, also where it never was", () => {
  const sightings = new Sightings();
  for (let seed = 0; seed < 5; seed++) {
    const run = simulate({ seed }, function* (world) {
      world.sometimes("a full queue", false);
      world.sometimes("a retry");
      for (let i = 0; i < seed; i++) world.sometimes("many", i > 2);
      yield* checkpoint();
    });
    sightings.add(run.sometimes);
  }
  expect([...sightings.counts]).toEqual([
    ["a full queue", 0],
    ["a retry", 5],
    ["many", 1],
  ]);
  expect(sightings.missed).toEqual(["a full queue"]);
});

test("bad use is said at once", () => {
  const failing = (body: (world: Parameters<Parameters<typeof simulate>[1]>[0]) => void): string =>
    String(
      simulate({}, function* (world) {
        body(world);
      }).error,
    );
  expect(failing((world) => world.always("x", 1 as never))).toMatch(
    /the condition of always "x" must give true, false/,
  );
  expect(failing((world) => world.sometimes("x", 0 as never))).toMatch(/the condition of sometimes "x"/);
  expect(failing((world) => void world.eventually("x", -1, () => true))).toMatch(/a time within which it must hold/);
  expect(failing((world) => void world.eventually("x", 1, true as never))).toMatch(/the condition of eventually "x"/);
});
