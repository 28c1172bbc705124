/**
 * What the tests of cancellation share: a task that is cancelled at a given time, and a coroutine that writes down how
 * far it came.
 */
import {
  type Coroutine,
  group,
  type GroupOptions,
  type Operation,
  type Report,
  run,
  sleep,
  type Task,
  VirtualHost,
} from "../src/index.ts";

/** How a task ended that was cancelled. */
export interface Ended {
  /** What the group around it threw. */
  readonly error: unknown;
  readonly state: string;
  /** When all was over, in ms. */
  readonly at: number;
  readonly reports: readonly Report[];
}

/** Runs `body` as a task of its own, cancels it at `ms`, and tells how it ended. */
export async function cancelledAt(
  ms: number,
  body: () => Operation<unknown>,
  options: GroupOptions = {},
  host: VirtualHost = new VirtualHost(),
): Promise<Ended> {
  let task: Task | undefined;
  let error: unknown;
  await run(
    () =>
      group(function* (g) {
        task = g.spawn(body, { name: "victim" });
        yield* sleep(ms);
        task.cancel("test");
      }, options),
    { host },
  ).catch((thrown: unknown) => {
    error = thrown;
  });
  return { error, state: (task as Task).state, at: host.now(), reports: host.reports };
}

/** Runs `inner`, or sleeps for long, and writes down every place it reaches; its `finally` waits for `wait` ms. */
export function* witness(log: string[], name: string, inner?: () => Operation<unknown>, wait = 10): Coroutine<string> {
  try {
    log.push(`${name} in`);
    if (inner === undefined) yield* sleep(1000);
    else yield* inner();
    log.push(`${name} WENT ON`);
    return name;
  } catch {
    log.push(`${name} CAUGHT`);
    return name;
  } finally {
    log.push(`${name} cleans`);
    if (wait > 0) yield* sleep(wait);
    log.push(`${name} clean`);
  }
}
