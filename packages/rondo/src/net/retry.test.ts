import { expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  CancelledError,
  type Coroutine,
  group,
  moveOnAfter,
  now,
  sleep,
  suppressed,
  timeout,
  TimeoutError,
  VirtualHost,
} from "../index.ts";
import { retry, type Retry } from "./retry.ts";

/** Fails so many times, then gives the number of the try. */
function flaky(failures: number): (attempt: number) => Coroutine<number> {
  return function* (attempt) {
    yield* sleep(1);
    if (attempt <= failures) throw new Error(`failure ${attempt}`);
    return attempt;
  };
}

test("what succeeds at once is run once, without a pause", async () => {
  await virtually(function* () {
    expect(yield* retry(flaky(0))).toBe(1);
    expect(now()).toBe(1);
  });
});

test("what fails is tried again after the pause", async () => {
  await virtually(function* () {
    expect(yield* retry(flaky(2), { backoff: 100 })).toBe(3);
    expect(now()).toBe(203);
  });
});

test("a total failure is the last error, and the earlier ones are kept with it", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() => retry(flaky(9), { attempts: 3, backoff: 10 }));
    expect(String(error)).toBe("Error: failure 3");
    expect(suppressed(error).map(String)).toEqual(["Error: failure 1", "Error: failure 2"]);
  });
});

test("one attempt is no retry: the error is thrown as it is", async () => {
  await virtually(function* () {
    const own = new Error("own");
    const error = yield* thrownBy(() =>
      retry(
        function* () {
          throw own;
        },
        { attempts: 1 },
      ),
    );
    expect(error).toBe(own);
    expect(suppressed(error)).toEqual([]);
  });
});

test("what is tried for ever keeps the last errors and not all of them", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() => retry(flaky(1e9), { attempts: Infinity, when: (_, attempt) => attempt < 500 }));
    expect(String(error)).toBe("Error: failure 500");
    expect(suppressed(error).map(String)).toEqual(Array.from({ length: 16 }, (_, i) => `Error: failure ${484 + i}`));
  });
});

test("an error that is not worth it is thrown at once", async () => {
  await virtually(function* () {
    const asked: unknown[] = [];
    const error = yield* thrownBy(() =>
      retry(flaky(9), {
        attempts: 5,
        backoff: 10,
        when(error, attempt) {
          asked.push(`${String(error)} ${attempt}`);
          return attempt < 2;
        },
      }),
    );
    expect(String(error)).toBe("Error: failure 2");
    expect(asked).toEqual(["Error: failure 1 1", "Error: failure 2 2"]);
  });
});

test("the pause is drawn by the chance of the host, under the name that was given", async () => {
  class Chance extends VirtualHost {
    drawn: string[] = [];
    override choose(stream: string, n: number, label?: string): number {
      if (stream === "back-off") this.drawn.push(`${label} of ${n}`);
      return n - 1;
    }
  }
  const host = new Chance();
  await virtually(function* () {
    yield* retry(flaky(2), { name: "database" });
    expect(now()).toBe(1 + 100 + 1 + 200 + 1);
  }, host);
  expect(host.drawn).toEqual(["database of 1000", "database of 1000"]);
});

test("an error that asks for a longer pause gets it, one that asks for a shorter one does not", async () => {
  await virtually(function* () {
    const pauses: number[] = [];
    yield* retry(flaky(2), {
      backoff: 100,
      retryAfter: (error) => (String(error).endsWith("1") ? 5000 : 7),
      onRetry: ({ pause }) => void pauses.push(pause),
    });
    expect(pauses).toEqual([5000, 100]);
  });
});

test("an error that says never again is thrown at once", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() => retry(flaky(9), { attempts: Infinity, retryAfter: () => Infinity }));
    expect(String(error)).toBe("Error: failure 1");
  });
});

test("what is done before each pause may wait, and hears of the try and the pause", async () => {
  await virtually(function* () {
    const heard: (Partial<Retry> & { at: number })[] = [];
    yield* retry(flaky(2), {
      backoff: ({ attempt, previous }) => attempt * 10 + previous,
      *onRetry({ attempt, previous, pause }) {
        yield* sleep(1000);
        heard.push({ attempt, previous, pause, at: now() });
      },
    });
    expect(heard).toEqual([
      { attempt: 1, previous: 0, pause: 10, at: 1001 },
      { attempt: 2, previous: 10, pause: 30, at: 2012 },
    ]);
  });
});

test("a pause that would last beyond the deadline is not begun: the failure comes at once", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() => timeout(500, retry(flaky(9), { attempts: 9, backoff: 300 })));
    expect(String(error)).toBe("Error: failure 2");
    expect(now()).toBe(302);
  });
});

test("a try that runs when the deadline comes is cancelled", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() =>
      timeout(
        500,
        retry(() => sleep(1000)),
      ),
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(now()).toBe(500);
  });
});

test("a time limit of the try itself is a failure like any other", async () => {
  await virtually(function* () {
    const error = yield* thrownBy(() => retry(() => timeout(10, sleep(1000)), { attempts: 3, backoff: 5 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(suppressed(error)).toHaveLength(2);
    expect(now()).toBe(40);
  });
});

test("a cancellation ends a try or a pause, and nothing is tried again", async () => {
  await onEverySchedule(function* (g) {
    for (const at of [0, 1, 50, 101, 102]) {
      let tries = 0;
      const task = g.spawn(() =>
        retry(
          function* () {
            tries++;
            yield* sleep(1);
            throw new Error("no");
          },
          { attempts: Infinity, backoff: 100 },
        ),
      );
      yield* sleep(at);
      const before = tries;
      task.cancel();
      yield* task.ended();
      expect(task.state).toBe("cancelled");
      // A pause that was over when the cancellation came is over: that one try begins, and no other.
      expect(tries).toBeLessThanOrEqual(before + 1);
      const ended = tries;
      yield* sleep(1000);
      expect(tries).toBe(ended);
    }
  });
});

test("a failure that meets a cancellation is not thrown in its place", async () => {
  await virtually(function* () {
    let inside: CancelledError | undefined;
    const outcome = yield* moveOnAfter(1000, () =>
      group(function* (g) {
        const task = g.spawn(() =>
          retry(function* () {
            task.cancel("enough");
            throw new Error("no");
          }),
        );
        try {
          yield* task;
        } catch (error) {
          inside = error as CancelledError;
        }
      }),
    );
    expect(outcome.timedOut).toBe(false);
    expect(inside).toBeInstanceOf(CancelledError);
    expect(now()).toBe(0);
  });
});

test("an operation in place of a function is refused, and so are numbers that make no sense", async () => {
  await inGroup(function* () {
    const bad = [
      () => retry(sleep(1) as never),
      () => retry(flaky(0), { attempts: 0 }),
      () => retry(flaky(0), { attempts: 1.5 }),
      () => retry(flaky(1), { backoff: -1 }),
      () => retry(flaky(1), { backoff: () => Number.NaN }),
      () => retry(flaky(1), { retryAfter: () => -1 }),
    ];
    const said: string[] = [];
    for (const one of bad) said.push(String(yield* thrownBy(one)));
    expect(said).toEqual([
      "TypeError: retry() takes a function that gives an operation: an operation itself can be run only once",
      "RangeError: retry() takes a whole number of attempts, 1 or more, or Infinity, not 0",
      "RangeError: retry() takes a whole number of attempts, 1 or more, or Infinity, not 1.5",
      "RangeError: the back-off of retry() takes a time in ms that is 0 or more, not -1",
      "RangeError: the back-off of retry() takes a time in ms that is 0 or more, not NaN",
      "RangeError: the `retryAfter` of retry() takes a time in ms that is 0 or more, not -1",
    ]);
  });
});
