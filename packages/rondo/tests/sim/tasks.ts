/** Groups, scopes and timeouts: who lives in what, who is cancelled when, and how all of it ends. */
import {
  CancelledError,
  cleanup,
  type Coroutine,
  group,
  type Group,
  isStopping,
  moveOnAfter,
  now,
  race,
  select,
  sleep,
  stopping,
  type Task,
  timeout,
  TimeoutError,
} from "../../src/index.ts";
import type { World } from "../../src/sim/index.ts";
import { Interpreter } from "../programs.ts";
import { mayReport, type Programs } from "./campaign.ts";
import { drawProgram } from "./programs.ts";

/** Random programs against the rules of the kernel; see ../programs.ts. */
function* anything(world: World): Coroutine<void> {
  const interpreter = new Interpreter(false);
  const program = drawProgram(world);
  try {
    yield* interpreter.main(program);
  } catch (error) {
    interpreter.hear(error);
  }
  interpreter.finish();
  const { complaints } = interpreter;
  world.always("the rules of the kernel hold", complaints.length === 0, complaints.join("; "));
}

/** A soft stop: those who hear it end by themselves, the others when the time is over, and nobody outlives the group. */
function* softStop(world: World): Coroutine<void> {
  const within = world.integer(0, 20);
  const at = world.integer(0, 30);
  let stopped = Infinity;
  let alive = 0;
  const tidying = world.choose(4, "cleanup");
  const deadline = (): number => stopped + within;
  function* worker(kind: number): Coroutine<string> {
    alive++;
    let unwound = true;
    try {
      if (kind === 0) {
        // Polite: looks between its jobs.
        while (!isStopping()) yield* sleep(1 + world.choose(3, "job"));
        unwound = false;
        return "looked";
      }
      if (kind === 1) {
        // Attentive: waits to be told while it waits for anything else.
        const heard = yield* select({ stop: stopping(), job: sleep(1000) });
        world.always("a stop is heard at once", heard.key !== "stop" || now() <= stopped + 0);
        unwound = false;
        return heard.key;
      }
      if (kind === 3) {
        // With a group of its own, which may be opened after the stop.
        yield* sleep(world.choose(40, "opens"));
        yield* group(function* (): Coroutine<void> {
          world.always(
            "a group is told of a stop around it, before or after it was opened",
            isStopping() === now() > stopped || now() === stopped,
          );
          while (!isStopping()) yield* sleep(1);
        });
        unwound = false;
        return "looked, in a group";
      }
      // Deaf (kind 2).
      yield* sleep(1000);
      unwound = false;
      return "slept";
    } finally {
      if (unwound) {
        world.always("nobody is cancelled before the time is over", now() >= deadline(), `${now()} < ${deadline()}`);
        if (tidying > 0) yield* sleep(tidying);
      }
      alive--;
    }
  }
  yield* group(function* (outer) {
    outer.spawn(
      function* () {
        yield* group(function* (g) {
          for (let n = world.integer(1, 4, "workers"); n > 0; n--) g.spawn(worker(world.choose(4, "kind")));
          if (world.choose(2, "nested") === 1) {
            g.spawn(() =>
              group(function* (inner) {
                inner.spawn(worker(world.choose(4, "kind")));
              }),
            );
          }
          outer.spawn(function* () {
            yield* sleep(at);
            stopped = now();
            g.stop({ within });
            if (world.choose(3, "again") === 2) {
              // A second stop may shorten the time, and never lengthens it.
              yield* sleep(world.choose(5));
              g.stop({ within: within + 50 });
            }
          });
        });
      },
      { name: "stopped group" },
    );
  });
  world.always("nobody outlives the group", alive === 0);
  world.always("it is over when the time is, and the cleanup", now() <= deadline() + tidying + 5, `${now()}`);
}

/** `start()` gives what the child was ready with, or throws what it failed with; a caller that goes away leaves no child behind. */
function* handshake(world: World): Coroutine<void> {
  let open = 0;
  const failure = new Error("could not start");
  yield* group(function* (g) {
    for (let n = world.integer(1, 4, "callers"); n > 0; n--) {
      g.spawn(function* () {
        const child = world.choose(4, "child");
        const took = world.choose(5, "takes");
        try {
          const got = yield* moveOnAfter(world.choose(6, "patience"), () =>
            group(function* (own): Coroutine<number> {
              const port = yield* own.start(function* (ready: (port: number) => void) {
                open++;
                try {
                  yield* sleep(took);
                  if (child === 3) throw failure;
                  if (child === 2) return; // ends without ever being ready
                  ready(80 + took);
                  yield* sleep(100);
                } finally {
                  open--;
                }
              });
              own.cancel();
              return port;
            }),
          );
          world.always("only who was ready in time starts", got.timedOut || child < 2);
          if (!got.timedOut) world.always("what it was ready with is what one gets", got.value === 80 + took);
        } catch (error) {
          if (error instanceof CancelledError) return;
          world.always("a child that fails, or ends before it is ready, is the caller's error", child >= 2);
          if (child === 3 && error !== failure) throw error;
        }
      });
    }
  });
  world.always("no child is left", open === 0);
}

/** Whoever takes tasks as they end gets each once, also when it gives up waiting and comes back. */
function* collecting(world: World): Coroutine<void> {
  const expected = new Set<number>();
  const got: number[] = [];
  yield* group(
    function* (g: Group): Coroutine<void> {
      const spawn = (id: number): void => {
        expected.add(id);
        g.spawn(
          function* () {
            yield* sleep(world.choose(6, "works"));
            return id;
          },
          { name: `job ${id}` },
        );
      };
      const count = world.integer(1, 6, "jobs");
      for (let id = 0; id < count; id++) spawn(id);
      let more = world.choose(3, "more");
      while (got.length < expected.size) {
        const taken = yield* moveOnAfter(world.choose(4, "patience"), g.next());
        if (taken.timedOut) {
          yield* sleep(1);
          continue;
        }
        world.always("there is one while there are any left", taken.value !== undefined);
        got.push((taken.value as Task<number>).value as number);
        if (more-- > 0) spawn(expected.size);
      }
      world.always("and none after that", (yield* g.next()) === undefined);
    },
    { collect: true },
  );
  world.always("each task is taken once", got.length === expected.size && new Set(got).size === got.length);
}

/** Timeouts inside each other: the outermost that is over is the one that is thrown, and time is what it says. */
function* nestedTimeouts(world: World): Coroutine<void> {
  const limits = Array.from({ length: world.integer(1, 4, "levels") }, () => world.choose(6, "limit"));
  const takes = world.choose(7, "takes");
  const begun = now();
  let innermost = "waits";
  const nest = (level: number): Coroutine<string> =>
    (function* (): Coroutine<string> {
      const ms = limits[level];
      if (ms === undefined) {
        yield* sleep(takes);
        innermost = "done";
        return "done";
      }
      try {
        return yield* timeout(ms, nest(level + 1));
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        // It is mine where no other around me was over before, or at the same time.
        const around = Math.min(Infinity, ...limits.slice(0, level));
        world.always("an outer timeout that is over goes first", now() - begun < around || ms < around);
        return `level ${level}`;
      }
    })();
  const came = yield* nest(0);
  const least = Math.min(...limits);
  const took = now() - begun;
  world.always("no longer than the shortest of them", took <= Math.min(least, takes), `${took} ms`);
  if (takes < least) world.always("what is in time is done", came === "done" && innermost === "done");
  if (takes > least) world.always("the outermost of the shortest", came === `level ${limits.indexOf(least)}`, came);
}

/** A race has one winner, and is over only when the losers are. */
function* racing(world: World): Coroutine<void> {
  const live = new Set<number>();
  const times = Array.from({ length: world.integer(1, 5, "racers") }, () => world.choose(5, "takes"));
  const tidying = world.choose(3, "cleanup");
  const winner = yield* race(
    times.map((ms, id) =>
      (function* (): Coroutine<number> {
        live.add(id);
        try {
          yield* sleep(ms);
          return id;
        } finally {
          // As cleanup, whether it has lost or not: what is cancelled in an ordinary finally ends there.
          yield* cleanup(sleep(tidying));
          live.delete(id);
        }
      })(),
    ),
  );
  world.always("nobody still runs", live.size === 0, `${[...live].join(" ")}`);
  world.always("the first has won", times[winner] === Math.min(...times), `${winner} of ${times.join(" ")}`);
}

export const tasks: Programs = {
  "no random program of groups, scopes, timeouts and cleanups breaks a rule": mayReport(anything, ["cleanup"]),
  "stop(): who hears ends by itself, who does not is cancelled in time": softStop,
  "start(): ready, failed, or gone with its caller": handshake,
  "next(): each task that ended is taken once, whoever gives up between": collecting,
  "timeouts inside each other: the outermost that is over goes first": nestedTimeouts,
  "race(): one winner, and no loser left": racing,
};
