import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Coroutine } from "../coroutine/wait.ts";
import { until } from "../combine/until.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { Lock } from "../sync/lock.ts";
import { group } from "../task/group.ts";
import { NondeterminismError } from "./campaign.ts";
import { check, type CampaignOptions } from "./check.ts";
import { exhaust } from "./exhaust.ts";
import { CheckError } from "./failure.ts";
import { pct } from "./policy-pct.ts";
import { fifo, randomWalk } from "./policy.ts";
import { simulate } from "./simulate.ts";
import type { World } from "./world.ts";

beforeEach(() => {
  for (const name of ["RONDO_SEED", "RONDO_RUNS", "RONDO_REPLAY", "RONDO_JOBS"]) vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What a campaign throws. */
function failure(options: CampaignOptions, body: (world: World) => Coroutine<unknown>): CheckError {
  try {
    check(options, body)();
  } catch (error) {
    return error as CheckError;
  }
  throw new Error("the campaign passed, and should not have");
}

/** A withdrawal reads, waits for a lock that is free, and writes what it read: two of them lose one. */
function* bank(): Coroutine<void> {
  let balance = 10;
  const lock = new Lock({ name: "log" });
  function* withdraw(amount: number): Coroutine<void> {
    const seen = balance;
    yield* lock.acquire();
    lock.release();
    balance = seen - amount;
  }
  yield* group(function* (g) {
    g.spawn(() => withdraw(3), { name: "A" });
    g.spawn(() => withdraw(4), { name: "B" });
  });
  if (balance !== 3) throw new Error(`the balance is ${balance} and not 3`);
}

/** B must not come first; and nothing is lost where it comes second. */
function* ordered(): Coroutine<void> {
  const order: string[] = [];
  yield* group(function* (g) {
    for (const name of ["A", "B", "C"]) {
      g.spawn(
        function* () {
          yield* checkpoint();
          order.push(name);
        },
        { name },
      );
    }
  });
  if (order.indexOf("B") < order.indexOf("A")) throw new Error("B came before A");
}

describe("check", () => {
  test("a program without faults passes, and the report says what was run", () => {
    const report = check({ runs: 20 }, function* (world) {
      yield* sleep(world.integer(1, 10));
    })();
    expect(report).toMatchObject({ runs: 21, complete: undefined });
    expect(report.steps).toBeGreaterThanOrEqual(42);
    expect(report.virtual).toBeGreaterThanOrEqual(21);
    expect(report.summary).toBe(`21 runs passed, ${report.steps} steps`);
  });

  test("is a test function for runners that count parameters", () => {
    expect(check({}, bank)).toHaveLength(0);
  });

  test("a campaign is the same each time", () => {
    const once = (): string => failure({ policy: randomWalk }, ordered).message;
    expect(once()).toBe(once());
  });

  test("a racy program is found, made small, and told in words that say what it takes", () => {
    const error = failure({ policy: randomWalk }, ordered);
    expect(error).toBeInstanceOf(CheckError);
    expect(error.message.split("\n")[0]).toBe("B came before A");
    expect((error.cause as Error).message).toBe("B came before A");
    expect(error.shrunk?.stopped).toBe("minimum");
    expect([...error.run.choices]).toEqual([["schedule", [1]]]);
    expect(error.message).toContain(
      'first in, first out, except\n  - at step 1: "B" before "A"\n  all else that is left to chance is as tame',
    );
  });

  test("a switch inside a step is told as such", () => {
    const error = failure({}, bank);
    expect(error.seed).toBeUndefined();
    expect(error.message).toMatch(
      /^the balance is [67] and not 3\n\nfound in the first run, in which nothing is left to chance and/,
    );
    expect(error.message).toContain(
      '- at step 1: "A" gives way at its 1st wait, though it could go on at once\n  all else',
    );
    // The table: a column a task, a row a step.
    expect(error.message).toMatch(/step +ms \| world +\| A +\| B/);
    expect(error.message).toMatch(/\*1 +0 \| +\| gives way, check\.test\.ts:\d+/);
    expect(error.message).toMatch(/2 +0 \| +\| +\| waits for lock "log", check\.test\.ts:\d+/);
    expect(error.message).toContain(
      "the nearest run that passes parts from it here:\n" +
        '  it differs in this: not at step 1: "A" gives way at its 1st wait, though it could go on at once\n' +
        '  this run: step 1, 0 ms: "A" gives way at ',
    );
    expect(error.message).toMatch(/that run: step 1, 0 ms: "A" done$/);
  });

  test("its token replays it: the same failure, the same run", () => {
    for (const body of [bank, ordered]) {
      const error = failure({ policy: [randomWalk, pct()] }, body);
      const again = simulate({ replay: error.token }, body);
      expect(again.hash).toBe(error.run.hash);
      vi.stubEnv("RONDO_REPLAY", error.token);
      const replayed = failure({}, body);
      vi.stubEnv("RONDO_REPLAY", "");
      expect(replayed.run.hash).toBe(error.run.hash);
      expect(replayed.message.split("\n")[0]).toBe(error.message.split("\n")[0]);
      expect(replayed.message).toContain("replayed from RONDO_REPLAY");
      expect(error.message).toContain(`RONDO_REPLAY=${error.token} `);
    }
  });

  test("a replay that passes says so, and is a test that passes", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { token } = failure({}, bank);
    vi.stubEnv("RONDO_REPLAY", token);
    const report = check({}, function* () {
      yield* checkpoint();
    })();
    expect(report.summary).toContain("the run of RONDO_REPLAY passes: either it is mended");
    expect(warn).toHaveBeenCalledOnce();
  });

  test("the command names the test for vitest, and the variables that replay it", ({ task }) => {
    let message = "";
    try {
      check({}, bank)({ task });
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toMatch(
      /replay it: {2}RONDO_REPLAY=rondo1\.[\w-]+ npx vitest run \S*sim\/check\.test\.ts -t 'the command names the test for vitest, and the variables that replay it'\n/,
    );
  });

  test("faults and data are made small with the schedule, and told by their labels", () => {
    const error = failure({ runs: 300 }, function* (world) {
      const [first, second] = [world.integer(0, 99, "first"), world.integer(0, 99, "second")];
      yield* sleep(1);
      if (first > 20 && second > 30) throw new Error(`${first} and ${second}`);
    });
    expect(error.message).toContain('data "first": 21 out of 100 (draw 0)\n  data "second": 31 out of 100 (draw 1)');
    expect(error.message.split("\n")[0]).toBe("21 and 31");
    expect(error.seed).toBeGreaterThan(0);
    expect(error.message).toMatch(/found in run \d+ of 300: seed \d+, policy .*, after \d+ steps in all\n/);
    // A body may look at its seed, so it is part of the command.
    expect(error.message).toContain(`RONDO_SEED=${error.seed} RONDO_REPLAY=`);
  });

  test("the seed of a failure gives it again, alone", () => {
    const body = function* (world: World): Coroutine<void> {
      yield* sleep(1);
      if (world.integer(0, 30) === 17) throw new Error("seventeen");
    };
    const found = failure({ runs: 1000 }, body);
    vi.stubEnv("RONDO_SEED", String(found.seed));
    vi.stubEnv("RONDO_RUNS", "1");
    expect(failure({}, body).token).toBe(found.token);
  });

  test("a body may look at its seed, which is that of the run also when it is replayed", () => {
    const body = function* (world: World): Coroutine<void> {
      yield* sleep(1);
      if (world.seed > 4) throw new Error("more than four");
    };
    const { message, seed, token } = failure({ runs: 20 }, body);
    expect([message.split("\n")[0], seed]).toEqual(["more than four", 5]);
    vi.stubEnv("RONDO_SEED", "5");
    vi.stubEnv("RONDO_REPLAY", token);
    expect(failure({}, body).message).toContain("replayed from RONDO_REPLAY");
  });

  test("making it small keeps to the failure that was found", () => {
    const body = function* (world: World): Coroutine<void> {
      const drawn = world.integer(0, 999);
      yield* sleep(1);
      if (drawn > 500) throw new TypeError("the large one");
      if (drawn > 10) throw new RangeError("the small one");
    };
    let seed = 1;
    while (!(simulate({ seed }, body).error instanceof TypeError)) seed++;
    const error = failure({ runs: 1, seed }, body);
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.run.choices.get("data")).toEqual([501]);
  });

  test("the nearest run that passes is one that passes, also where the failure was not made small", () => {
    const error = failure({ shrink: false }, function* (world) {
      const first = world.integer(0, 99, "first");
      world.integer(1, 99, "second");
      yield* sleep(1);
      if (first > 0) throw new Error("more than nothing");
    });
    expect(error.message).toMatch(/it differs in this: not \d+ but 0 for data "first" \(draw 0\)\n/);
  });

  test("what was told to the world stands in its place in the table", () => {
    const error = failure({ runs: 1 }, function* (world) {
      yield* sleep(1200);
      world.log("link b>c is cut");
      yield* sleep(5);
      throw new Error("lost");
    });
    expect(error.message).toContain("what was done to the world:\n  1.2 s: link b>c is cut\n");
    expect(error.message).toMatch(/\n +1200 \| == link b>c is cut\n/);
  });

  test("who waited for what when it failed is told, with its lines", () => {
    const error = failure({ runs: 1 }, function* (world) {
      const lock = new Lock({ name: "accounts" });
      yield* group(function* (g) {
        g.spawn(
          function* () {
            yield* lock.acquire();
            yield* sleep(20);
          },
          { name: "teller" },
        );
        g.spawn(() => lock.acquire(), { name: "clerk" });
        yield* sleep(10);
        world.fail(new Error("closed"));
      });
    });
    expect(error.message).toMatch(
      /who waited for what when it failed:\n(.*\n)*.*"clerk" waits for lock "accounts", held by "teller"/,
    );
  });

  test("a program that never ends is given up, with what it was doing", () => {
    const error = failure({ runs: 3, maxSteps: 500, shrink: { runs: 20 } }, function* () {
      const lock = new Lock();
      for (;;) {
        yield* lock.acquire();
        yield* checkpoint();
        lock.release();
      }
    });
    expect(error.message).toMatch(/^the run was given up: 500 steps were done and it had not ended\./);
    expect(error.message).toMatch(/What it was doing:\non world:\n/);
  });

  test("a program that sleeps for ever is given up by its time", () => {
    const error = failure({ runs: 1, maxVirtual: 5000 }, function* () {
      for (;;) yield* sleep(1000);
    });
    expect(error.message).toMatch(/^the run was given up: 5000 ms passed in the world and it had not ended/);
  });

  test("a property that throws is the failure, and says which", () => {
    const error = failure({ runs: 2 }, function* (world) {
      let account: { balance: number } | undefined = { balance: 1 };
      world.always("solvent", () => (account as { balance: number }).balance > 0);
      yield* sleep(1);
      account = undefined;
      yield* sleep(1);
    });
    expect(error.message).toMatch(/^"solvent" threw at 1 ms \(step \d\): Cannot read properties of undefined/);
  });

  test("a body that awaits a real promise is told what to do instead", () => {
    const error = failure({ runs: 1 }, function* () {
      yield* until(Promise.resolve(1));
    });
    expect(error.message).toMatch(/^until\(promise\) would leave the simulation: a run is one synchronous call/);
  });

  test("an async function is no body", () => {
    const error = failure({ runs: 1 }, (async () => {}) as never);
    expect(error.message).toMatch(/a promise, not an operation/);
  });

  test("a deadlock is told with its circle", () => {
    const error = failure({ runs: 100 }, function* () {
      const [one, other] = [new Lock({ name: "one" }), new Lock({ name: "other" })];
      function* both(first: Lock, second: Lock): Coroutine<void> {
        yield* first.acquire();
        yield* second.acquire();
        second.release();
        first.release();
      }
      yield* group(function* (g) {
        g.spawn(() => both(one, other), { name: "A" });
        g.spawn(() => both(other, one), { name: "B" });
      });
    });
    expect(error.message).toMatch(/^every task waits for another one/);
    expect(error.message).toMatch(/in a circle: "[AB]" waits for "[AB]"/);
    expect(error.message).toContain('"A" gives way at its 1st wait');
  });

  test("what is thrown and is no error is told as well", () => {
    const error = failure({ runs: 1 }, function* () {
      yield* checkpoint();
      throw "a string"; // oxlint-disable-line no-throw-literal
    });
    expect(error.message.split("\n")[0]).toBe("thrown: a string");
    expect(error.cause).toBe("a string");
  });

  test("an error that does not say what it is, is told all the same", () => {
    const odd = (define: PropertyDescriptor): CheckError =>
      failure({ runs: 1 }, function* () {
        yield* checkpoint();
        throw Object.defineProperty(new Error("odd"), "message", define);
      });
    expect(odd({ value: { a: 1 } }).message).toMatch(/^\[object Object\]\n/);
    const getter = odd({
      get() {
        throw new Error("no");
      },
    });
    expect(getter.message).toMatch(/^thrown: something that does not say what it is\n/);
    const frozen = failure({ runs: 1 }, function* () {
      yield* checkpoint();
      throw Object.freeze(new TypeError());
    });
    expect(frozen.message).toMatch(/^TypeError\n/);
  });

  test("tasks without a name have the same number in every run", () => {
    const body = function* (): Coroutine<void> {
      yield* group(function* (g) {
        g.spawn(() => checkpoint());
        g.spawn(() => sleep(1));
      });
      throw new Error("after all");
    };
    const { message } = failure({ runs: 1 }, body);
    expect(message).toContain("| task 2");
    expect(failure({ runs: 1 }, body).message).toBe(message);
  });

  test("the stack of the error is that of the program, so that runners show its line", () => {
    const { stack = "" } = failure({ runs: 1 }, bank);
    const lines = stack.split("\n").filter((line) => line.startsWith("    at "));
    expect(lines[0]).toMatch(/bank.*check\.test\.ts/);
    expect(lines.some((line) => line.includes("fiber.ts"))).toBe(false);
  });

  test("the policy that is given is the one that is used", () => {
    const policies = new Set<string>();
    const body = function* (): Coroutine<void> {
      yield* checkpoint();
      policies.add(name);
    };
    let name = "";
    const spy = (policy: typeof fifo): typeof fifo => ({
      ...policy,
      begin: (...args) => {
        ({ name } = policy);
        return policy.begin(...args);
      },
    });
    check({ runs: 10, policy: [spy(fifo), spy(randomWalk)] }, body)();
    expect([...policies].toSorted()).toEqual(["", "fifo", "random"].slice(policies.has("") ? 0 : 1));
  });

  test("a failure in a campaign of one policy is found by that policy alone", () => {
    expect(() => check({ runs: 50, policy: fifo }, ordered)()).not.toThrow();
  });
});

describe("determinism", () => {
  test("a body that is not a function of its seed is told, with the step at which two runs part", () => {
    let runs = 0;
    const error = failure({ runs: 5 }, function* () {
      if (runs++ % 2 === 1) yield* checkpoint();
      yield* sleep(1);
    });
    expect(error).toBeInstanceOf(NondeterminismError);
    expect(error.message).toMatch(/^the body is not deterministic: the run without a seed gave two different runs\./);
    expect(error.message).toMatch(
      /They part here:\n {2}first: step 0, 0 ms: "world" (gives way|waits for sleep) at .*\n {2}then: /,
    );
    expect(error.message).toContain("a variable that outlives the run");
  });

  test("one run in so many is confirmed, and none where that is not wanted", () => {
    let runs = 0;
    const counting = function* (): Coroutine<void> {
      runs++;
      yield* checkpoint();
    };
    check({ runs: 50 }, counting)();
    expect(runs).toBe(51 + 3);
    runs = 0;
    check({ runs: 50, confirm: Infinity }, counting)();
    expect(runs).toBe(52 + 1);
  });

  test("a failure that does not come again is not made small, but told as what it is", () => {
    let runs = 0;
    const error = failure({ runs: 50 }, function* () {
      yield* checkpoint();
      if (++runs === 8) throw new Error("the eighth");
    });
    expect(error).toBeInstanceOf(NondeterminismError);
    expect(error.message).toMatch(
      /^the eighth\n\nThis failure \(found in run 5 of 50: .*\) does not fail when it is replayed\.\n/,
    );
    expect((error.cause as Error).message).toBe("the eighth");
  });
});

describe("sometimes", () => {
  test("is counted over all runs", () => {
    const report = check({ runs: 100 }, function* (world) {
      yield* sleep(1);
      world.sometimes("a six", world.integer(1, 6) === 6);
    })();
    expect(report.sometimes.get("a six")).toBeGreaterThan(3);
  });

  test("a campaign in which it never held fails, and says what to do", () => {
    const error = failure({ runs: 10 }, function* (world) {
      world.sometimes("a seven", world.integer(1, 6) === 7);
      world.sometimes("a number", true);
      yield* checkpoint();
    });
    expect(error.message).toBe(
      '"a seven" had to hold sometimes, and never did in 11 runs: the runs do not reach what it would show. ' +
        "Make it more likely, or check more runs",
    );
  });
});

describe("budgets", () => {
  test("a failure that was not made as small as it goes says so", () => {
    const body = function* (world: World): Coroutine<void> {
      const drawn = Array.from({ length: 40 }, () => world.integer(0, 9));
      yield* sleep(1);
      if (drawn.filter((one) => one > 4).length > 12) throw new Error("too many");
    };
    expect(failure({ shrink: { runs: 5 } }, body).message).toContain(
      "(made smaller in 5 replays, until its number of replays was used up: it may need less)",
    );
    let time = 0;
    const slow = failure({ shrink: { ms: 30, now: () => (time += 10) } }, body);
    expect(slow.message).toContain("until its time was used up: it may need less)");
    const left = failure({ shrink: false }, body);
    expect(left.shrunk).toBeUndefined();
    expect(left.message).toContain("what it takes:\n");
  });
});

describe("exhaust", () => {
  test("finds what needs one deviation, and shows it", () => {
    const error = failure({ policy: exhaust({ preemptions: 1 }) }, ordered);
    expect(error.message).toMatch(/found by exhaust\(1\) in schedule \d+\n/);
    expect([...error.run.choices]).toEqual([["schedule", [1]]]);
  });

  test("says how many schedules there were, and that this was all", () => {
    const report = check({ policy: exhaust({ preemptions: 0 }) }, bank)();
    expect(report).toMatchObject({ complete: true, runs: 1 });
    expect(report.summary).toBe("1 schedule, which is all there are with up to 0 preemptions");
  });

  test("is a campaign in which something that was to be seen may have been missed", () => {
    expect(() =>
      check({ policy: exhaust({ preemptions: 1 }) }, function* (world) {
        yield* checkpoint();
        world.sometimes("a fault", world.chance(0.5));
      })(),
    ).toThrow(/"a fault" had to hold sometimes, and never did in 1 run:/);
  });

  test("says that its budget ended it", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const report = check({ policy: exhaust({ preemptions: 2, schedules: 10 }) }, function* () {
      yield* group(function* (g) {
        for (let i = 0; i < 4; i++) g.spawn(() => checkpoint());
      });
    })();
    expect(report).toMatchObject({ complete: false, runs: 10 });
    expect(report.summary).toContain("exhaust(2) was given up after 10 schedules: there are more of them");
    expect(warn).toHaveBeenCalledOnce();
  });
});

describe("bad use", () => {
  test("is refused where it is written", () => {
    expect(() => check({ runs: 0 }, bank)).toThrow("the runs of check() must be a whole number from 1, not 0");
    expect(() => check({ seed: 1.5 }, bank)).toThrow("the seed of check() must be a whole number from 0, not 1.5");
    expect(() => check({ policy: [] }, bank)).toThrow("a list of no policies");
    expect(() => check({}, "bank" as never)).toThrow("check() takes a function* as its body");
    expect(() => check(bank as never, bank)).toThrow("check() takes options and a body");
    expect(() => check(null as never, bank)).toThrow("check() takes options and a body");
  });

  test("a token of another version, or none, is told when the campaign begins", () => {
    vi.stubEnv("RONDO_REPLAY", "rondo7.abcd");
    expect(() => check({}, bank)()).toThrow(/is of version 7, and this is rondo\/sim with tokens of version 1/);
    vi.stubEnv("RONDO_REPLAY", "/nowhere/at-all");
    expect(() => check({}, bank)()).toThrow(
      /RONDO_REPLAY is "\/nowhere\/at-all", which is no replay token, and no file/,
    );
  });

  test("a variable that is no number is not taken for its absence", () => {
    vi.stubEnv("RONDO_RUNS", "many");
    expect(() => check({}, bank)()).toThrow('RONDO_RUNS is "many", and must be a whole number from 1');
  });
});
