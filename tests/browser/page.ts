// What is tried inside a browser: each function is called by its name from browser.test.ts, and its result, as JSON, is what
// that test compares. Only what differs between worlds belongs here: the clock, the timers, the turn-yield, and fetch.
import { all, now, run, sleep, timeout, TimeoutError, until } from "rondo";

/** A sleeping task wakes, in the order of the deadlines and not of the spawns. */
export function sleepers(): Promise<string[]> {
  return run(function* () {
    const order: string[] = [];
    function* sleeper(ms: number) {
      yield* sleep(ms);
      order.push(`${ms} ms`);
    }
    yield* all([sleeper(30), sleeper(1), sleeper(15)]);
    return order;
  });
}

/** The clock goes forward by at least the time slept. */
export function clock(): Promise<boolean> {
  return run(function* () {
    const start = now();
    yield* sleep(20);
    return now() - start >= 19;
  });
}

/** A page is fetched through the promise bridge. */
export function fetched(): Promise<string> {
  return run(function* () {
    const response = yield* until((signal) => fetch("/hello", { signal }));
    return yield* until(response.text());
  });
}

/** A fetch that takes too long is aborted, and the timeout says so. */
export async function abandoned(): Promise<{ timedOut: boolean; aborted: boolean }> {
  let aborted = false;
  const never = (signal: AbortSignal): Promise<Response> => {
    signal.addEventListener("abort", () => (aborted = true));
    return fetch("/never", { signal });
  };
  try {
    await run(() => timeout(20, until(never)));
    return { timedOut: false, aborted };
  } catch (error) {
    return { timedOut: error instanceof TimeoutError, aborted };
  }
}

/** A task that never waits for the world does not keep the page's own timers from firing. */
export function fair(): Promise<boolean> {
  let fired = false;
  setTimeout(() => (fired = true), 1);
  return run(function* () {
    for (let turn = 0; turn < 1_000_000 && !fired; turn++) yield* sleep(0);
    return fired;
  });
}
