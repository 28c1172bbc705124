/**
 * What the tests of the runtime share: programs in virtual time, run on one schedule or on many.
 *
 * A behaviour that holds only for the order in which tasks happen to become ready is no behaviour. So what does not
 * concern that order is run on every schedule here: first in first out, and thirty that are drawn from a seed.
 */
import { group, type Group, type Operation, run, VirtualHost, type Wait } from "../src/index.ts";

/** The seeds of `onEverySchedule`; undefined stands for first in, first out. */
export const seeds: readonly (number | undefined)[] = [undefined, ...Array.from({ length: 30 }, (_, i) => i + 1)];

/** Runs a program in virtual time and gives what it gives. */
export function virtually<T>(main: () => Operation<T>, host: VirtualHost = new VirtualHost()): Promise<T> {
  return run(main, { host });
}

/** Runs a program whose body is that of a group, in virtual time. */
export function inGroup<T>(body: (g: Group) => Operation<T>, host: VirtualHost = new VirtualHost()): Promise<T> {
  return run(() => group(body, { name: "test" }), { host });
}

/** Runs the same program on many schedules; `body` is called afresh for each. */
export async function onEverySchedule(body: (g: Group, host: VirtualHost) => Operation<unknown>): Promise<void> {
  for (const seed of seeds) {
    const host = new VirtualHost(seed === undefined ? {} : { seed });
    try {
      await inGroup((g) => body(g, host), host);
    } catch (error) {
      if (error instanceof Error) error.message += ` (seed ${seed ?? "none"})`;
      throw error;
    }
  }
}

/** What an operation throws, or undefined. */
export function* thrownBy(body: () => Operation<unknown>): Generator<Wait, unknown, any> {
  try {
    yield* body();
  } catch (error) {
    return error;
  }
  return undefined;
}
