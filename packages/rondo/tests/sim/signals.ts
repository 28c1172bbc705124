/** What tells many at once: a value that comes once, a gate, a latch, a barrier. */
import {
  Barrier,
  BrokenError,
  checkpoint,
  type Coroutine,
  Deferred,
  Gate,
  group,
  Latch,
  select,
  sleep,
} from "../../src/index.ts";
import { assertLinearizable, defineModel, type World } from "../../src/sim/index.ts";
import { actors } from "./actors.ts";
import type { Programs } from "./campaign.ts";

const writtenOnce = defineModel<{ readonly value: unknown } | undefined>({
  name: "value that comes once",
  initial: () => undefined,
  apply(state, op, input) {
    switch (op) {
      case "resolve":
        return { state: state ?? { value: input }, output: state === undefined };
      case "wait":
        return state === undefined ? undefined : { state, output: state.value };
      default:
        throw new Error(op);
    }
  },
});

function* deferred(world: World): Coroutine<void> {
  const deferred = new Deferred<number>();
  const failure = new Error("what was waited for has failed");
  // Who waits for a rejected one is thrown the error: that is the answer.
  const history = world.history({ cancelled: "fail", thrown: () => "ok" });
  let next = 0;
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      const asked = world.choose(8, "resolve");
      if (asked === 6) {
        const value = next++;
        actor.now("resolve", value, () => deferred.tryResolve(value));
      } else if (asked === 7) actor.now("resolve", failure, () => deferred.tryReject(failure));
      else {
        try {
          yield* actor.attempt("wait", undefined, () => deferred.wait());
        } catch (error) {
          if (error !== failure) throw error;
        }
      }
    },
    {
      history,
      atRest: () =>
        world.always("nobody waits for what is settled", !deferred.settled || deferred.statistics().waiters === 0),
    },
  );
  world.sometimes("a value came", deferred.state === "resolved");
  world.sometimes("a failure came", deferred.state === "rejected");
  world.always("nobody is left", deferred.statistics().waiters === 0);
  assertLinearizable(history, writtenOnce);
}

const openOrClosed = defineModel<boolean>({
  name: "gate",
  initial: () => false,
  apply(open, op) {
    if (op === "wait") return open ? { state: open } : undefined;
    return { state: op === "open" };
  },
});

function* gate(world: World): Coroutine<void> {
  const gate = new Gate();
  const history = world.history({ cancelled: "fail" });
  world.always("nobody stands before an open gate", () => !gate.isOpen || gate.statistics().waiters === 0);
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      const asked = world.choose(5, "turn");
      if (asked === 3) actor.now("open", undefined, () => gate.open());
      else if (asked === 4) actor.now("close", undefined, () => gate.close());
      else yield* actor.attempt("wait", undefined, () => gate.wait());
    },
    { history },
  );
  world.always("nobody is left", gate.statistics().waiters === 0);
  assertLinearizable(history, openOrClosed);
}

function* latch(world: World): Coroutine<void> {
  const count = world.integer(0, 6);
  const latch = new Latch(count);
  const history = world.history({ cancelled: "fail" });
  const counted = defineModel<number>({
    name: "latch",
    initial: () => count,
    apply: (left, op, input: number) =>
      op === "wait" ? (left === 0 ? { state: left } : undefined) : { state: left - input },
  });
  world.always("nobody waits for an open latch", () => !latch.isOpen || latch.statistics().waiters === 0);
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (world.choose(2, "count down") === 1 && latch.count > 0) {
        const by = world.integer(1, Math.min(2, latch.count), "by");
        actor.now("count down", by, () => latch.countDown(by));
      } else yield* actor.attempt("wait", undefined, () => latch.wait());
    },
    { history },
  );
  world.sometimes("the latch stays closed", !latch.isOpen);
  world.sometimes("the latch opens", count > 0 && latch.isOpen);
  assertLinearizable(history, counted);
}

function* barrier(world: World): Coroutine<void> {
  const parties = world.integer(1, 4);
  const barrier = new Barrier(parties);
  const history = world.history({ cancelled: "fail" });
  const places = Array.from({ length: parties }, () => 0);
  let doubles = 0;
  world.always("never as many wait as parties there are", () => barrier.statistics().waiters < parties);
  world.always("nobody waits at a broken barrier", () => !barrier.broken || barrier.statistics().waiters === 0);
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (barrier.broken && world.choose(2, "mend") === 1) barrier.reset();
      try {
        if (world.choose(6, "twice") === 5 && parties > 2) {
          // One who stands in the line twice takes two places, and is told one of them.
          const { value } = yield* select({ one: barrier.wait(), two: barrier.wait() });
          places[value]!++;
          doubles++;
          return;
        }
        const got = yield* actor.attempt("wait", undefined, () => barrier.wait());
        if (got !== undefined) places[got.value]!++;
      } catch (error) {
        if (!(error instanceof BrokenError)) throw error;
        world.sometimes("a barrier breaks");
      }
    },
    { history },
  );
  world.sometimes("all parties come together", parties > 1 && barrier.generation > 0);
  // A party that is let go learns its place, whatever comes over it in that moment: none is lost, none is given twice.
  world.always(
    "in each generation each place is given once",
    places.every((given) => given <= barrier.generation) &&
      places.reduce((sum, given) => sum + given, 0) >= parties * barrier.generation - doubles,
    `${barrier.generation} generations, places ${places.join(" ")}`,
  );
}

/** A party that is cancelled while it waits breaks the barrier for those who wait with it. */
function* brokenBarrier(world: World): Coroutine<void> {
  const parties = world.integer(2, 5);
  const barrier = new Barrier(parties);
  const ends = { broken: 0, cancelled: 0 };
  yield* group(function* (g) {
    const tasks = Array.from({ length: parties - 1 }, () =>
      g.spawn(function* () {
        let done = false;
        try {
          if (world.choose(2, "first") === 1) yield* checkpoint();
          yield* barrier.wait();
        } catch (error) {
          done = true;
          if (!(error instanceof BrokenError)) throw error;
          ends.broken++;
        } finally {
          if (!done) ends.cancelled++;
        }
      }),
    );
    yield* sleep(1);
    world.always("all wait", barrier.statistics().waiters === parties - 1);
    world.pick(tasks).cancel();
    for (const task of tasks) yield* task.ended();
  });
  world.always("one is cancelled, the others are told", ends.cancelled === 1 && ends.broken === parties - 2);
  world.always("it is broken until it is mended", barrier.broken);
}

export const signals: Programs = {
  "Deferred: settled once, and everybody gets what it was settled with": deferred,
  "Gate: who passes passed while it was open": gate,
  "Latch: who passes passed when it was counted down": latch,
  "Barrier: all parties or none, each with a place of its own": barrier,
  "Barrier: a party that is cancelled breaks it for the others": brokenBarrier,
};
