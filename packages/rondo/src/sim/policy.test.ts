import { describe, expect, test } from "vitest";

import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { Channel } from "../sync/channel.ts";
import { Lock } from "../sync/lock.ts";
import { group } from "../task/group.ts";
import { delayBounded } from "./policy-delay.ts";
import { pct } from "./policy-pct.ts";
import { fifo, type Policy, randomWalk } from "./policy.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";

const policies: readonly Policy[] = [fifo, randomWalk, pct(), pct({ depth: 3 }), delayBounded()];

/** Two tasks read, give way, and write: one of the writes is lost unless the tasks run one after the other. */
function* lostUpdate(): Coroutine<number> {
  let balance = 0;
  const lock = new Lock();
  function* add(): Coroutine<void> {
    const seen = balance;
    // Free, so that it completes at once and no switch happens here by itself.
    yield* lock.acquire();
    lock.release();
    balance = seen + 1;
  }
  yield* group(function* (g) {
    g.spawn(add);
    g.spawn(add);
  });
  return balance;
}

function runs(count: number, options: SimulateOptions, body: () => Coroutine<unknown>): Run[] {
  return Array.from({ length: count }, (_, seed) => simulate({ ...options, seed }, body));
}

describe("every policy", () => {
  for (const policy of policies) {
    test(`${policy.name} gives the same run for the same seed, and its recording gives it without the policy`, () => {
      for (let seed = 0; seed < 20; seed++) {
        const one = simulate({ seed, policy }, busy);
        expect(one.ok).toBe(true);
        expect(simulate({ seed, policy }, busy).hash).toBe(one.hash);
        const replayed = simulate({ replay: one.choices }, busy);
        expect(replayed.hash).toBe(one.hash);
        expect(replayed.choices).toEqual(one.choices);
      }
    });

    test(`${policy.name} lets a program end whose tasks wait for each other in a loop`, () => {
      for (const [spinner, most] of spinners) {
        for (const { ok, error, steps } of runs(8, { policy, maxSteps: 100_000 }, spinner)) {
          expect([ok, error]).toEqual([true, undefined]);
          expect(steps).toBeLessThan(most);
        }
      }
    });
  }
});

function* busy(): Coroutine<string> {
  const order: string[] = [];
  const lock = new Lock();
  yield* group(function* (g) {
    for (const name of ["a", "b", "c", "d"]) {
      g.spawn(function* () {
        for (let i = 0; i < 3; i++) {
          yield* lock.acquire();
          order.push(name);
          lock.release();
          yield* i === 1 ? sleep(1) : checkpoint();
        }
      });
    }
  });
  return order.join("");
}

function* spinsWithCheckpoints(): Coroutine<void> {
  let flag = false;
  yield* group(function* (g) {
    for (let i = 0; i < 3; i++) {
      g.spawn(function* () {
        while (!flag) yield* checkpoint();
      });
    }
    g.spawn(function* () {
      for (let i = 0; i < 20; i++) yield* checkpoint();
      flag = true;
    });
  });
}

/** It never says checkpoint, and its lock is free whenever it asks. */
function* spinsOnALock(): Coroutine<void> {
  let flag = false;
  const lock = new Lock();
  yield* group(function* (g) {
    g.spawn(function* () {
      while (!flag) {
        yield* lock.acquire();
        lock.release();
      }
    });
    g.spawn(function* () {
      yield* checkpoint();
      flag = true;
    });
  });
}

/** Two who wake each other, so that neither is ever twice in a row. */
function* spinsInPairs(): Coroutine<void> {
  let flag = false;
  const one = new Lock();
  yield* group(function* (g) {
    for (let i = 0; i < 2; i++) {
      g.spawn(function* () {
        while (!flag) {
          yield* one.acquire();
          yield* checkpoint();
          one.release();
        }
      });
    }
    g.spawn(function* () {
      yield* checkpoint();
      flag = true;
    });
  });
}

/** Two who wake each other and never say checkpoint, so that neither can be told from one who gets on with its work. */
function* spinsInAHandshake(): Coroutine<void> {
  const [there, back] = [new Channel<number>(0), new Channel<number>(0)];
  yield* group(function* (g) {
    const pair = [
      g.spawn(function* () {
        for (;;) {
          yield* there.send(1);
          yield* back.receive();
        }
      }),
      g.spawn(function* () {
        for (;;) {
          yield* there.receive();
          yield* back.send(1);
        }
      }),
    ];
    g.spawn(function* () {
      yield* checkpoint();
      for (const task of pair) task.cancel();
    });
  });
}

/** With how many steps each may take at most: what asks for the others to be let on gets them at once. */
const spinners: readonly (readonly [() => Coroutine<void>, number])[] = [
  [spinsWithCheckpoints, 500],
  [spinsInPairs, 2000],
  [spinsOnALock, 3000],
  [spinsInAHandshake, 30_000],
];

describe("what policies find", () => {
  test("a switch at a wait that completes at once is found by those that cut steps, and never without", () => {
    expect(runs(200, { policy: fifo }, lostUpdate).every(({ value }) => value === 2)).toBe(true);
    for (const policy of [randomWalk, pct(), delayBounded()]) {
      const lost = runs(200, { policy, expected: 10 }, lostUpdate).filter(({ value }) => value === 1);
      expect(lost.length).toBeGreaterThan(5);
    }
  });

  test("first in, first out draws nothing of the schedule", () => {
    for (const { choices } of runs(20, { policy: fifo }, busy)) {
      expect([...choices.keys()]).toEqual([]);
    }
  });

  test("a bounded number of delays is all that differs from first in, first out", () => {
    for (const { choices } of runs(300, { policy: delayBounded({ delays: 1 }), expected: 20 }, busy)) {
      // Passed over for some decisions, or cut once.
      const cuts = (choices.get("cuts") ?? []).filter((cut) => cut > 0);
      const turns = (choices.get("schedule") ?? []).filter((at) => at > 1);
      expect(turns).toEqual([]);
      expect(cuts.length).toBeLessThanOrEqual(1);
      if (cuts.length > 0) expect(choices.get("schedule")).toBeUndefined();
    }
  });

  test("a delay lets others go first, for a while", () => {
    const orders = runs(200, { policy: delayBounded({ delays: 1 }), expected: 6 }, function* () {
      let order = "";
      yield* group(function* (g) {
        for (const name of ["a", "b", "c"]) {
          g.spawn(function* () {
            order += name;
            yield* checkpoint();
            order += name;
          });
        }
      });
      return order;
    }).map(({ value }) => value);
    expect(orders).toContain("abcabc");
    expect(orders).toContain("bacbac");
    // Held back for longer.
    expect(orders).toContain("bcabca");
    expect(orders).toContain("bcbcaa");
  });

  test("priorities keep one task going as far as it can", () => {
    const orders = runs(50, { policy: pct({ depth: 1 }) }, inTurns).map(({ value }) => value);
    // Without a change of priorities each task does all of its turns in one go.
    expect(new Set(orders)).toEqual(new Set(["aaabbb", "bbbaaa"]));
    const changed = runs(200, { policy: pct({ depth: 2 }), expected: 6 }, inTurns).map(({ value }) => value);
    expect(new Set(changed).size).toBeGreaterThan(4);
  });
});

test("of very many that are ready the last one may be the next, and the one in the middle has its turn", () => {
  const firsts = new Set<number>();
  for (const run of runs(60, { policy: pct() }, manyTasks)) {
    const order = run.value as number[];
    expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    firsts.add(order[0] as number);
  }
  expect(firsts.size).toBeGreaterThan(20);
  expect([...firsts].some((first) => first >= 68 && first < 95)).toBe(true);
});

function* manyTasks(): Coroutine<number[]> {
  const order: number[] = [];
  yield* group(function* (g) {
    for (let i = 0; i < 100; i++) {
      g.spawn(function* () {
        order.push(i);
        yield* checkpoint();
      });
    }
  });
  return order;
}

function* inTurns(): Coroutine<string> {
  let order = "";
  const lock = new Lock();
  yield* group(function* (g) {
    for (const name of ["a", "b"]) {
      g.spawn(function* () {
        for (let i = 0; i < 3; i++) {
          order += name;
          yield* lock.acquire();
          lock.release();
        }
      });
    }
  });
  return order;
}

describe("bad use", () => {
  test("a depth or a number of delays that is none is refused where it is given", () => {
    expect(() => pct({ depth: 0 })).toThrow("the depth of pct() is a whole number from 1, not 0");
    expect(() => pct({ depth: 1.5 })).toThrow(RangeError);
    expect(() => delayBounded({ delays: 0 })).toThrow("the delays of delayBounded() are a whole number from 1, not 0");
  });
});
