// Programs that campaigns in several threads load by their names; see src/sim/jobs.test.ts.
import { group, sleep } from "../src/index.ts";
import type { Coroutine } from "../src/coroutine/wait.ts";
import type { World } from "../src/sim/world.ts";

/** Passes, and sees a six now and then. */
export function* dice(world: World): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < 3; i++) g.spawn(() => sleep(world.integer(1, 10)));
  });
  world.sometimes("a six", world.integer(1, 6) === 6);
}

/** Fails for one number of two hundred. */
export function* unlucky(world: World): Coroutine<void> {
  yield* sleep(1);
  if (world.integer(0, 199) === 77) throw new RangeError("seventy-seven");
}

/** Fails from some seed on now and then, after more work the lower the seed is: higher ones fail sooner. */
export function* clumsy(world: World): Coroutine<void> {
  for (let i = world.seed; i < 400; i++) yield* sleep(1);
  if (world.seed > 20 && world.integer(0, 2) === 2) throw new Error("dropped");
}

let runs = 0;

/** Depends on how many runs there were before it. */
export function* forgetful(): Coroutine<void> {
  yield* sleep(runs++ % 5);
}

/** Fails where it has been run before: in a thread sooner or later, and in the first run of the one who asks never. */
export function* impatient(world: World): Coroutine<void> {
  yield* sleep(1);
  if (runs++ > 0 && world.seed > 3 && !isMain()) throw new Error("not again");
}

/** Threads have a name of their own. */
function isMain(): boolean {
  return process.getBuiltinModule("node:worker_threads").isMainThread;
}

export const five = 5;
