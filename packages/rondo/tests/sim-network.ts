/** What the tests of the simulated network share. */
import { type Coroutine, now, type Operation, sleep } from "../src/index.ts";
import {
  connect,
  ConnectError,
  type ConnectOptions,
  listen,
  type ListenAt,
  serve,
  type SystemError,
} from "../src/net/index.ts";
import { type SimNode, simulate, type SimulateOptions, type World } from "../src/sim/index.ts";

/** A network without troubles of its own. */
export const QUIET: SimulateOptions = { network: { faults: "none" } };

/** What the body gives; what fails in it fails the test. */
export function inWorld<T>(body: (world: World) => Operation<T>, options: SimulateOptions = {}): T {
  const run = simulate({ ...QUIET, ...options }, body);
  if (!run.ok) throw run.error;
  return run.value as T;
}

/** A node that takes connections at port 80 and does this with each. */
export function server(
  world: World,
  name: string,
  handle: Parameters<typeof serve>[1],
  at: Partial<ListenAt> & { address?: string | readonly string[] } = {},
): SimNode {
  const { address, ...where } = at;
  return world.node(
    name,
    function* () {
      yield* serve(yield* listen({ port: 80, ...where }), handle);
    },
    { address },
  );
}

/** Gives back what comes. */
export function* echo(stream: Parameters<Parameters<typeof serve>[1]>[0]): Coroutine<void> {
  for (;;) {
    const chunk = yield* stream.read();
    if (chunk === undefined) return;
    yield* stream.write(chunk);
  }
}

/** Waits until those who listen do. */
export const settle = (): Operation<void> => sleep(1);

/** How an attempt to connect fails, and how long that takes. */
export function* failure(
  options: ConnectOptions,
): Coroutine<{ code: string | undefined; took: number; message: string }> {
  const begun = now();
  try {
    (yield* connect(options)).abort();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const { error: reason } = error.attempts[0] as { error: Error };
    const { code } = (reason.cause ?? {}) as SystemError;
    return { code, took: now() - begun, message: error.message };
  }
  return { code: undefined, took: now() - begun, message: "connected" };
}

/** What it throws; it must. */
export function* thrown(body: () => Operation<unknown>): Coroutine<Error> {
  try {
    yield* body();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not throw");
}

/** What the system said. */
export const causeOf = (error: Error): unknown => {
  const { code, syscall, errno } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return { code, syscall, errno };
};
