/** The rate limiter: exact in virtual time, fair, and cancelling costs nothing. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, virtually } from "../../tests/virtual.ts";
import { DeadlockError, Gate, Loop, moveOnAfter, now, RateLimiter, run, select, sleep, VirtualHost } from "../index.ts";

/** When each of `n` tasks, started one after the other at 0, got its tokens. */
async function times(limiter: RateLimiter, costs: readonly number[]): Promise<number[]> {
  return await inGroup(function* (g) {
    const tasks = costs.map((cost) =>
      g.spawn(function* () {
        yield* limiter.acquire(cost);
        return now();
      }),
    );
    const all: number[] = [];
    for (const task of tasks) all.push(yield* task);
    return all;
  });
}

const ones = (n: number): number[] => Array.from({ length: n }, () => 1);

test("a full bucket goes at once, then one by one at the pace", async () => {
  expect(await times(new RateLimiter(4, 1000), ones(8))).toEqual([0, 0, 0, 0, 250, 500, 750, 1000]);
});

test("a burst of 1 spaces everything evenly", async () => {
  expect(await times(new RateLimiter(10, 1000, { burst: 1 }), ones(4))).toEqual([0, 100, 200, 300]);
});

test("a burst may be larger than what comes in an interval", async () => {
  expect(await times(new RateLimiter(1, 100, { burst: 3 }), ones(5))).toEqual([0, 0, 0, 100, 200]);
});

test("the bucket fills again in a time of rest, and not beyond its burst", async () => {
  await virtually(function* () {
    const limiter = new RateLimiter(10, 1000, { burst: 2 });
    expect([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, true, false]);
    yield* sleep(100);
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, false]);
    yield* sleep(10_000);
    expect(limiter.statistics()).toEqual({ available: 2, waiters: 0 });
    expect([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, true, false]);
    expect(limiter.statistics().available).toBe(0);
  });
});

test("a pace that is no whole number of ms neither stalls nor drifts", async () => {
  const at = await times(new RateLimiter(3, 1000, { burst: 1 }), ones(3001));
  for (const [i, time] of at.entries()) expect(Math.abs(time - (i * 1000) / 3)).toBeLessThan(1e-6);
});

test("several tokens at once come together, and those behind wait their turn", async () => {
  expect(await times(new RateLimiter(10, 1000, { burst: 5 }), [5, 3, 1])).toEqual([0, 300, 400]);
});

test("who needs little does not overtake who needs much", () =>
  onEverySchedule(function* (g) {
    const limiter = new RateLimiter(10, 1000, { burst: 5 });
    yield* limiter.acquire(5);
    const much = g.spawn(function* () {
      yield* limiter.acquire(5);
      return now();
    });
    yield* sleep(150);
    expect(limiter.tryAcquire()).toBe(false);
    yield* limiter.acquire();
    expect(now()).toBe(600);
    expect(yield* much).toBe(500);
  }));

describe("one that is cancelled in line", () => {
  test("costs no token", () =>
    onEverySchedule(function* (g) {
      const limiter = new RateLimiter(10, 1000, { burst: 1 });
      yield* limiter.acquire();
      const gone = g.spawn(limiter.acquire());
      yield* sleep(1);
      const stays = g.spawn(function* () {
        yield* limiter.acquire();
        return now();
      });
      yield* sleep(49);
      gone.cancel();
      expect(yield* stays).toBe(100);
    }));

  test("lets those behind it go who need less, at once", () =>
    onEverySchedule(function* (g) {
      const limiter = new RateLimiter(10, 1000, { burst: 5 });
      yield* limiter.acquire(5);
      const much = g.spawn(limiter.acquire(5));
      yield* sleep(1);
      const little = g.spawn(function* () {
        yield* limiter.acquire(2);
        return now();
      });
      yield* sleep(249);
      much.cancel();
      expect(yield* little).toBe(250);
    }));

  test("as the last one leaves no timer behind", async () => {
    const host = new VirtualHost();
    await virtually(function* () {
      const limiter = new RateLimiter(1, 1_000_000);
      yield* limiter.acquire();
      expect((yield* moveOnAfter(5, limiter.acquire())).timedOut).toBe(true);
      expect((yield* select({ go: limiter.acquire(), late: sleep(5) })).key).toBe("late");
      expect(limiter.statistics().waiters).toBe(0);
    }, host);
    expect(host.now()).toBe(10);
    // Nothing is left to wake this one: a timer that had been forgotten would.
    const late = virtually(function* () {
      const limiter = new RateLimiter(1, 1_000_000);
      yield* limiter.acquire();
      yield* moveOnAfter(5, limiter.acquire());
      yield* new Gate().wait();
    }, host);
    await expect(late).rejects.toThrow(DeadlockError);
    expect(host.now()).toBe(15);
  });

  test("in the turn in which it was let go has its token, and the next comes at the pace", () =>
    onEverySchedule(function* (g) {
      const limiter = new RateLimiter(10, 1000, { burst: 1 });
      yield* limiter.acquire();
      let went = false;
      const first = g.spawn(function* () {
        yield* limiter.acquire();
        went = true;
        yield* sleep(1);
      });
      yield* sleep(1);
      const second = g.spawn(limiter.acquire());
      yield* sleep(99);
      if (!went) expect(limiter.statistics().waiters).toBe(1);
      first.cancel();
      yield* second;
      expect(now()).toBe(went ? 200 : 100);
    }));
});

test("time that passes while the loop is busy is made up for, up to the burst", async () => {
  const host = new VirtualHost();
  const at: number[] = [];
  await inGroup(function* (g) {
    const limiter = new RateLimiter(10, 1000, { burst: 2 });
    for (let i = 0; i < 6; i++) {
      g.spawn(function* () {
        yield* limiter.acquire();
        at.push(now());
      });
    }
    yield* sleep(50);
    host.advance(200); // the loop comes late to its timer, at 250
  }, host);
  expect(at).toEqual([0, 0, 250, 250, 350, 450]);
});

test("it serves two loops one after the other", async () => {
  const limiter = new RateLimiter(10, 1000, { burst: 1 });
  const host = new VirtualHost();
  for (const expected of [0, 100, 200]) {
    await run(
      function* () {
        yield* limiter.acquire();
        expect(now()).toBe(expected);
      },
      { host },
    );
  }
  expect(new Loop({ host }).timers.size).toBe(0);
});

test("what is no rate is an error", async () => {
  for (const count of [0, -1, 1.5, Number.NaN]) expect(() => new RateLimiter(count, 1000)).toThrow(RangeError);
  for (const ms of [0, -1, Number.NaN, Infinity]) expect(() => new RateLimiter(1, ms)).toThrow(RangeError);
  for (const burst of [0, 1.5, Infinity]) expect(() => new RateLimiter(1, 1, { burst })).toThrow(RangeError);
  const limiter = new RateLimiter(2, 1000, { name: "api" });
  for (const tokens of [0, 3, 1.5, Number.NaN]) {
    expect(() => limiter.acquire(tokens)).toThrow(/the rate limiter "api" gives 1 to 2 at once/);
    expect(() => limiter.tryAcquire(tokens)).toThrow(RangeError);
  }
  expect(() => limiter.tryAcquire()).toThrow(/outside a task/);
});
