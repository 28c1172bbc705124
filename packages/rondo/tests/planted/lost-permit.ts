/** A permit is taken, the connection that comes with it is looked over, and only then begins the block that gives it back. */
import { type Coroutine, group, Semaphore, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

const PERMITS = 2;

function* work(permits: Semaphore, dice: Dice): Coroutine<void> {
  yield* permits.acquire();
  if (dice.chance(0.1, "stale")) yield* sleep(dice.integer(1, 4, "made anew"));
  try {
    yield* sleep(dice.integer(1, 5, "work"));
  } finally {
    permits.release();
  }
}

function* mendedWork(permits: Semaphore, dice: Dice): Coroutine<void> {
  using _permit = yield* permits.hold();
  if (dice.chance(0.1, "stale")) yield* sleep(dice.integer(1, 4, "made anew"));
  yield* sleep(dice.integer(1, 5, "work"));
}

function* program(job: typeof work, dice: Dice): Coroutine<void> {
  const permits = new Semaphore(PERMITS, { name: "permits" });
  yield* group(
    function* (g) {
      const tasks = Array.from({ length: 4 }, (_, i) => g.spawn(job(permits, dice), { name: `job ${i}` }));
      yield* sleep(dice.integer(0, 12, "until the user leaves"));
      for (const task of tasks) task.cancel("the user has left");
    },
    { onFailure: "keep" },
  );
  must(permits.available === PERMITS, `${permits.available} of ${PERMITS} permits came back`);
}

export const lostPermit: Planted = {
  name: "permit lost on cancel",
  about: "a wait stands between taking a permit and the block that gives it back",
  on: "tasks",
  budget: 200,
  broken: (dice) => program(work, dice),
  mended: (dice) => program(mendedWork, dice),
};
