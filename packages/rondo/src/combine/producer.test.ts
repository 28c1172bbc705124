import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BusyError,
  checkpoint,
  ClosedError,
  type Coroutine,
  DeadlockError,
  type Emit,
  Flow,
  group,
  Lock,
  moveOnAfter,
  now,
  race,
  run,
  sleep,
  TaskLocal,
  timeout,
  TimeoutError,
  VirtualHost,
} from "../index.ts";
import { loops } from "../loop/loop.ts";

/** Numbers from 1, each `ms` after it was asked for; notes what it does. */
function counting(log: string[], ms = 10): (emit: Emit<number>) => Coroutine<void> {
  return function* numbers(emit) {
    try {
      for (let n = 1; ; n++) {
        yield* sleep(ms);
        log.push(`give ${n} at ${now()}`);
        yield* emit(n);
      }
    } finally {
      yield* sleep(5);
      log.push(`closed at ${now()}`);
    }
  };
}

describe("a flow made of a coroutine", () => {
  test("begins with the first pull, and stands still between pulls", async () => {
    const log: string[] = [];
    await inGroup(function* () {
      const flow = Flow.from(counting(log));
      yield* sleep(100);
      expect(log).toEqual([]);
      expect(yield* flow.next()).toBe(1);
      yield* sleep(100);
      expect(yield* flow.next()).toBe(2);
      yield* sleep(100);
      expect(log).toEqual(["give 1 at 110", "give 2 at 220"]);
    });
  });

  test("ends when the coroutine ends", async () => {
    function* two(emit: Emit<string>): Coroutine<void> {
      yield* emit("a");
      yield* emit("b");
    }
    await virtually(function* () {
      const flow = Flow.from(two);
      expect(yield* flow.toArray()).toEqual(["a", "b"]);
      expect(yield* flow.next()).toBeUndefined();
      expect(yield* Flow.from(function* () {}).toArray()).toEqual([]);
    });
  });

  test("gives its failure to whoever pulls, as it is and again, and to nobody else", () =>
    onEverySchedule(function* (g) {
      const error = new RangeError("no");
      const flow = Flow.from(function* (emit: Emit<number>) {
        yield* emit(1);
        throw error;
      });
      const other = g.spawn(sleep(50));
      expect(yield* flow.next()).toBe(1);
      expect(yield* thrownBy(() => flow.next())).toBe(error);
      expect(yield* thrownBy(() => flow.map((n) => n).next())).toBe(error);
      yield* other;
    }));

  test("loses nothing to a cancelled next, by whatever it is cancelled", () =>
    onEverySchedule(function* () {
      const flow = Flow.from(counting([], 7)).map((n) => n);
      const got: (number | undefined)[] = [];
      while (got.length < 6) {
        const outcome = yield* moveOnAfter(3, flow.next());
        if (!outcome.timedOut) got.push(outcome.value);
        const raced = yield* race([flow.next(), sleep(3)]);
        if (raced !== undefined) got.push(raced);
        yield* group(function* (g) {
          const task = g.spawn(function* () {
            const item = yield* flow.next();
            got.push(item);
          });
          yield* sleep(3);
          task.cancel();
        });
      }
      expect(got).toEqual(Array.from(got, (_, i) => i + 1));
      flow.close();
    }));

  test("stands still also after a pull that was cancelled has had its item left over", async () => {
    const log: string[] = [];
    await inGroup(function* () {
      const flow = Flow.from(counting(log));
      expect((yield* moveOnAfter(5, flow.next())).timedOut).toBe(true);
      yield* sleep(100);
      expect(log).toEqual(["give 1 at 10"]);
      expect(yield* flow.next()).toBe(1);
      yield* sleep(100);
      expect(log).toEqual(["give 1 at 10"]);
      expect(yield* flow.next()).toBe(2);
      flow.close();
    });
  });

  test("loses nothing, whatever the times, the cancellations and the schedule", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(4), { minLength: 1, maxLength: 15 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 10 }),
        fc.boolean(),
        fc.nat(10_000),
        async (times, patience, concurrently, seed) => {
          const got = await inGroup(function* () {
            const items: number[] = [];
            let flow = Flow.from(function* (emit: Emit<number>) {
              for (const [i, ms] of times.entries()) {
                if (ms > 0) yield* sleep(ms);
                yield* emit(i);
              }
            });
            if (concurrently) {
              flow = flow.mapConcurrent(2, function* (i) {
                yield* sleep((i * 7) % 4);
                return i;
              });
            }
            for (let pull = 0; ; pull++) {
              const ms = patience[pull % patience.length] as number;
              // At least one patient pull a round, or it might never come to an end.
              const limit = pull % patience.length === 0 ? 100 : ms;
              const outcome = yield* moveOnAfter(limit, flow.next());
              if (outcome.timedOut) continue;
              if (outcome.value === undefined) return items;
              items.push(outcome.value);
            }
          }, new VirtualHost({ seed }));
          expect(got).toEqual(times.map((_, i) => i));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is cancelled when it is closed: its cleanup runs, and may wait", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      yield* group(function* () {
        const flow = Flow.from(counting(log));
        yield* flow.next();
        flow.close();
        expect(yield* thrownBy(() => flow.next())).toBeInstanceOf(ClosedError);
      });
      expect(now() - start).toBe(15);
      expect(log).toHaveLength(2);
    }));

  test("has cleaned up before whoever used it up goes on", () =>
    onEverySchedule(function* () {
      const start = now();
      const log: string[] = [];
      yield* Flow.from(counting(log))
        .map((n) => n)
        .take(2)
        .forEach(() => {});
      expect([now() - start, log.length]).toEqual([25, 3]);
      yield* thrownBy(() =>
        Flow.from(counting(log)).forEach(() => {
          throw new Error("enough");
        }),
      );
      expect([now() - start, log.length]).toEqual([40, 5]);
    }));

  test("that was never pulled has nothing to clean", async () => {
    const log: string[] = [];
    await inGroup(function* () {
      Flow.from(counting(log)).close();
      yield* sleep(100);
    });
    expect(log).toEqual([]);
  });

  test("may have several tasks that emit; they take turns", () =>
    onEverySchedule(function* () {
      const flow = Flow.from(function* (emit: Emit<string>) {
        yield* group(function* (g) {
          for (const name of ["a", "b"]) {
            g.spawn(function* () {
              for (let n = 1; n <= 3; n++) yield* emit(`${name}${n}`);
            });
          }
        });
      });
      const items = yield* flow.toArray();
      expect(items.toSorted()).toEqual(["a1", "a2", "a3", "b1", "b2", "b3"]);
      for (const name of ["a", "b"]) {
        expect(items.filter((item) => item.startsWith(name))).toEqual([`${name}1`, `${name}2`, `${name}3`]);
      }
    }));

  test("may not emit undefined, nor after its end", async () => {
    await inGroup(function* () {
      const flow = Flow.from(
        function* (emit: Emit<undefined>) {
          yield* emit(undefined);
        },
        { name: "nothing" },
      );
      expect(String(yield* thrownBy(() => flow.next()))).toContain('the flow "nothing" gave undefined as an item');

      let kept: Emit<number> | undefined;
      yield* Flow.from(function* (emit: Emit<number>) {
        kept = emit;
      }).toArray();
      const error = yield* thrownBy(() => (kept as Emit<number>)(1));
      expect(error).toBeInstanceOf(ClosedError);
    });
  });

  test("is pulled by one task at a time", async () => {
    await inGroup(function* (g) {
      const flow = Flow.from(counting([]), { name: "numbers" });
      const first = g.spawn(flow.next());
      yield* sleep(1);
      for (const another of [flow, flow.map((n) => n), flow.take(1)]) {
        expect(yield* thrownBy(() => another.next())).toBeInstanceOf(BusyError);
      }
      expect(yield* first).toBe(1);
    });
  });

  test("keeps its scopes to itself: a timeout inside it is not open in whoever pulls (trio #638)", async () => {
    await inGroup(function* () {
      const flow = Flow.from(function* (emit: Emit<number>) {
        yield* timeout(10, function* () {
          yield* emit(1);
          yield* emit(2);
        });
      });
      expect(yield* flow.next()).toBe(1);
      yield* sleep(50); // longer than its timeout, and nothing happens to us
      expect(yield* thrownBy(() => flow.next())).toBeInstanceOf(TimeoutError);
    });
  });

  test("has the task-local values of whoever pulls it first", async () => {
    const local = new TaskLocal<string>({ defaultValue: "none" });
    await inGroup(function* () {
      const flow = Flow.from(function* (emit: Emit<string>) {
        for (;;) yield* emit(local.get() as string);
      });
      expect(yield* local.run("first", () => flow.next())).toBe("first");
      expect(yield* local.run("second", () => flow.next())).toBe("first");
    });
  });
});

describe("a flow's tasks", () => {
  test("belong to the group in which it was made, also when it is first pulled inside a race", () =>
    onEverySchedule(function* () {
      const flow = Flow.from(counting([]));
      expect(yield* race([flow.next(), sleep(3)])).toBeUndefined();
      expect(yield* flow.next()).toBe(1);
      yield* group(function* () {
        expect(yield* flow.next()).toBe(2);
      });
      expect(yield* flow.next()).toBe(3);
    }));

  test("end with that group, which waits for their cleanup; then the flow is closed", () =>
    onEverySchedule(function* () {
      const log: string[] = [];
      const start = now();
      const flow = yield* group(function* () {
        const made = Flow.from(counting(log), { name: "numbers" });
        yield* made.next();
        return made;
      });
      expect(now() - start).toBe(15);
      const error = yield* thrownBy(() => flow.next());
      expect(error).toBeInstanceOf(ClosedError);
      expect(String(error)).toContain("was cancelled, together with the group to which it belongs");
    }));

  test("belong to the group of the first pull where the maker's has ended, or where nobody runs", () =>
    onEverySchedule(function* () {
      const made = yield* group(function* () {
        return Flow.from(counting([]));
      });
      expect(yield* made.next()).toBe(1);
      expect(yield* made.next()).toBe(2);
    }));

  test("belong to the main task where there is no group, and are gone when the run is over", async () => {
    const log: string[] = [];
    const flow = Flow.from(counting(log));
    const host = new VirtualHost();
    const running = loops.size;
    expect(await run(() => flow.next(), { host })).toBe(1);
    expect(log).toEqual(["give 1 at 10", "closed at 15"]);
    expect(loops.size).toBe(running);

    const cancelled: string[] = [];
    const controller = new AbortController();
    const program = run(
      function* () {
        yield* Flow.from(counting(cancelled)).next();
        controller.abort("stop");
        yield* checkpoint();
      },
      { host: new VirtualHost(), signal: controller.signal },
    );
    await expect(program).rejects.toBe("stop");
    expect(cancelled).toEqual(["give 1 at 10", "closed at 15"]);
  });

  test("whose cleanup fails make their group fail, wherever they were closed", () =>
    onEverySchedule(function* () {
      const error = new Error("cleanup");
      function* fragile(emit: Emit<number>): Coroutine<void> {
        try {
          yield* emit(1);
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- that is the point
          throw error;
        }
      }
      const caught = yield* thrownBy(() =>
        group(function* () {
          const flow = Flow.from(fragile);
          yield* flow.next();
          flow.close();
          yield* sleep(10);
        }),
      );
      expect(caught).toBe(error);
    }));

  test("whose cleanup fails make a run without groups fail", async () => {
    const error = new Error("cleanup");
    const program = virtually(function* () {
      const flow = Flow.from(function* (emit: Emit<number>) {
        try {
          yield* emit(1);
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- that is the point
          throw error;
        }
      });
      yield* flow.next();
    });
    await expect(program).rejects.toBe(error);
  });

  test("are seen in a deadlock: who pulls waits for the producer, and the producer for who pulls", async () => {
    const lock = new Lock({ name: "pen" });
    const program = virtually(function* () {
      yield* lock.acquire();
      yield* Flow.from(function* writer(emit: Emit<number>) {
        yield* lock.acquire();
        yield* emit(1);
      }).next();
    });
    const error: unknown = await program.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(String(error)).toMatch(/in a circle: "main" waits for "writer" waits for "main"/);
  });
});
