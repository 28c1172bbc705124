import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import {
  all,
  type Coroutine,
  type Emit,
  Flow,
  formatSnapshot,
  group,
  launch,
  Lock,
  Loop,
  moveOnAfter,
  run,
  RWLock,
  scope,
  shield,
  sleep,
  snapshot,
  type Snapshot,
  type TaskSnapshot,
  timeout,
  until,
  VirtualHost,
} from "../index.ts";

/** Every task of a snapshot, parents first. */
function tasksOf(taken: Snapshot): TaskSnapshot[] {
  const found: TaskSnapshot[] = taken.loops.flatMap((loop) => (loop.main === undefined ? [] : [loop.main]));
  for (const task of found) for (const region of task.regions) found.push(...(region.tasks ?? []));
  return found;
}

function named(taken: Snapshot, name: string): TaskSnapshot {
  const task = tasksOf(taken).find((one) => one.name === name);
  if (task === undefined) throw new Error(`no task "${name}"`);
  return task;
}

describe("a snapshot", () => {
  test("says of every task what it waits for, since when, on which lines", async () => {
    await inGroup(function* (g) {
      function* inner(): Coroutine<void> {
        yield* sleep(100);
      }
      function* outer(): Coroutine<void> {
        yield* inner();
      }
      yield* sleep(5);
      g.spawn(outer, { name: "sleeper" });
      g.spawn(until(new Promise<void>(() => {})), { name: "waiter", daemon: true });
      const fresh = g.spawn(outer, { name: "fresh" });
      const before = snapshot();
      expect(named(before, "sleeper")).toMatchObject({ state: "ready", stack: ["sleeper"], daemon: false });
      yield* sleep(10);
      const taken = snapshot();
      expect(named(taken, "sleeper")).toMatchObject({ state: "waiting", waitingFor: "sleep", since: 5, daemon: false });
      const stack = named(taken, "sleeper").stack;
      expect(stack.map((line) => line.split(" ")[0])).toEqual(["inner", "outer"]);
      expect(stack[0]).toMatch(/snapshot\.test\.ts:\d+:\d+\)$/);
      expect(named(taken, "waiter")).toMatchObject({ waitingFor: "promise", daemon: true });
      expect(taken.loops[0]).toMatchObject({ now: 15, live: 4, outside: 1, timers: 2, nextTimer: 105 });
      fresh.cancel();
    });
  });

  test("says of the task that runs where it is, and leaves the kernel's own lines out", async () => {
    await virtually(function* () {
      function* looking(): Coroutine<Snapshot> {
        return snapshot();
      }
      const { state, stack } = named(yield* looking(), "main");
      expect(state).toBe("running");
      expect(stack.map((line) => line.split(" ")[0])).toEqual(["looking", expect.stringContaining("")]);
      expect(stack.join()).not.toMatch(/Task\.|Loop\./);
    });
  });

  test("says who holds what, and whom it holds up", async () => {
    await inGroup(function* (g) {
      const lock = new Lock({ name: "account" });
      g.spawn(() => lock.with(sleep(100)), { name: "holder" });
      g.spawn(() => lock.with(sleep(1)), { name: "waiter" });
      yield* sleep(10);
      const taken = snapshot();
      const holder = named(taken, "holder");
      expect(holder).toMatchObject({ holds: ["account"], blockedBy: [] });
      expect(named(taken, "waiter")).toMatchObject({
        waitingFor: "lock",
        on: "account",
        blockedBy: [{ id: holder.id, name: "holder" }],
      });
    });
  });

  test("shows the regions of a task, outermost first, with deadlines, shields and cancellations", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(
        function* () {
          yield* scope(
            function* () {
              yield* timeout(
                100,
                shield(function* () {
                  yield* group(() => sleep(50), { name: "inside" });
                }),
                { name: "answer" },
              );
            },
            { name: "request" },
          );
        },
        { name: "server" },
      );
      yield* sleep(10);
      task.cancel(new Error("leave"));
      const { regions, cancelled } = named(snapshot(), "server");
      expect(regions).toMatchObject([
        { kind: "scope", name: "request", shielded: false, phase: "body" },
        { kind: "timeout", name: "answer", deadline: 100 },
        { kind: "shield", shielded: true },
        { kind: "group", name: "inside", tasks: [] },
      ]);
      expect(cancelled).toMatchObject({ reason: "Error: leave", timedOut: false, at: 10 });
      expect(cancelled?.origin).toMatch(/snapshot\.test\.ts/);
    });
  });

  test("shows what a region is at: unwinding, waiting for its tasks, running what was deferred", async () => {
    await inGroup(function* (g) {
      function* stubborn(): Coroutine<void> {
        try {
          yield* sleep(1000);
        } finally {
          yield* sleep(20);
        }
      }
      g.spawn(() => moveOnAfter(5, stubborn()), { name: "late" });
      g.spawn(
        () =>
          group(function* (inner) {
            inner.spawn(sleep(50));
          }),
        { name: "parent" },
      );
      yield* sleep(10);
      const taken = snapshot();
      expect(named(taken, "late").regions).toMatchObject([
        { kind: "moveOnAfter", phase: "unwinding", cancelled: { timedOut: true, at: 5 } },
      ]);
      expect(named(taken, "parent").regions).toMatchObject([
        { kind: "group", phase: "joining", tasks: [{ state: "waiting" }] },
      ]);
    });
  });

  test("shows circles among some tasks, while others go on", async () => {
    await inGroup(function* (g) {
      const [a, b, c] = ["a", "b", "c"].map((name) => new Lock({ name })) as [Lock, Lock, Lock];
      const take = (first: Lock, second: Lock) =>
        function* (): Coroutine<void> {
          yield* first.acquire();
          yield* sleep(1);
          yield* second.acquire();
        };
      const tasks = [
        g.spawn(take(a, b), { name: "ab" }),
        g.spawn(take(b, c), { name: "bc" }),
        g.spawn(take(c, a), { name: "ca" }),
        g.spawn(sleep(100), { name: "free" }),
      ];
      yield* sleep(5);
      const { cycles } = snapshot().loops[0] as Snapshot["loops"][0];
      expect(cycles).toHaveLength(1);
      expect(cycles[0]?.map(({ name }) => name).toSorted()).toEqual(["ab", "bc", "ca"]);
      for (const task of tasks) task.cancel();
    }, new VirtualHost());
  });

  test("shows in a circle only those who are in it, and no circle where two wait for a third", async () => {
    await inGroup(function* (g) {
      const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
      function* take(first: Lock, second: Lock): Coroutine<void> {
        yield* first.acquire();
        yield* sleep(1);
        yield* second.acquire();
      }
      function* outsider(): Coroutine<void> {
        yield* sleep(2);
        yield* a.acquire();
      }
      // Before and after the circle, so that the search comes into it from outside.
      const first = g.spawn(outsider);
      const third = g.spawn(sleep(50), { name: "third" });
      g.spawn(
        function* () {
          yield* group(function* (inner) {
            for (let i = 0; i < 2; i++)
              inner.spawn(function* () {
                yield* third;
              });
          });
        },
        { name: "parent" },
      );
      const tasks = [
        first,
        g.spawn(() => take(a, b), { name: "ab" }),
        g.spawn(() => take(b, a), { name: "ba" }),
        g.spawn(outsider),
      ];
      yield* sleep(5);
      const cycles = snapshot().loops[0]?.cycles ?? [];
      expect(cycles.map((cycle) => cycle.map(({ name }) => name).toSorted())).toEqual([["ab", "ba"]]);
      for (const task of tasks) task.cancel();
    });
  });

  test("sees no circle where a producer waits for those who pull from it", async () => {
    await inGroup(function* (g) {
      const flow = Flow.from(function* numbers(emit: Emit<number>) {
        yield* emit(1);
      });
      yield* flow.next();
      yield* sleep(1);
      const taken = snapshot();
      expect(named(taken, "numbers")).toMatchObject({ waitingFor: "emit numbers", blockedBy: [] });
      expect(taken.loops[0]?.cycles).toEqual([]);
      expect(g.size).toBe(0);
    });
  });

  test("shows tasks that belong to the main task itself", async () => {
    await virtually(function* () {
      const flow = Flow.from(function* numbers(emit: Emit<number>) {
        yield* emit(1);
      });
      yield* flow.next();
      const main = named(snapshot(), "main");
      expect(main.regions).toMatchObject([{ kind: "base", tasks: [{ name: "numbers", daemon: true }] }]);
    });
  });

  test("works outside of all tasks, for every loop that runs, and for one of them", async () => {
    expect(snapshot()).toEqual({ loops: [] });
    const loop = new Loop({ host: new VirtualHost() });
    const task = launch(loop, () => sleep(10), { name: "by hand" });
    loop.turn();
    const running = run(() => sleep(1), { name: "by itself" });
    const taken = snapshot();
    expect(tasksOf(taken).map(({ name }) => name)).toEqual(["by hand", "by itself"]);
    expect(named(taken, "by hand")).toMatchObject({ state: "waiting", waitingFor: "sleep" });
    expect(tasksOf(snapshot({ loop })).map(({ name }) => name)).toEqual(["by hand"]);
    await running;
    loop.drain();
    expect(task.state).toBe("done");
    expect(snapshot()).toEqual({ loops: [] });
  });

  test("is plain data, also where a reason or a deadline is not", async () => {
    await inGroup(function* (g) {
      const task = g.spawn(() => timeout(Infinity, shield(sleep(10))), { name: "odd" });
      yield* sleep(1);
      task.cancel({ toString: () => "an object" });
      const taken = snapshot();
      expect(JSON.parse(JSON.stringify(taken))).toEqual(taken);
      expect(structuredClone(taken)).toEqual(taken);
      expect(named(taken, "odd").cancelled?.reason).toBe("an object");
    });
  });

  test("leaves the lines out where they are not wanted", async () => {
    await inGroup(function* (g) {
      g.spawn(sleep(10));
      yield* sleep(1);
      expect(tasksOf(snapshot({ stacks: false })).flatMap(({ stack }) => stack)).toEqual([]);
    });
  });

  test("disturbs nothing: a program that is looked at all the time does the same", async () => {
    const program = (look: boolean): Promise<string[]> =>
      virtually(function* () {
        const log: string[] = [];
        const lock = new Lock();
        function* worker(name: string): Coroutine<void> {
          for (let i = 0; i < 3; i++) {
            yield* lock.with(function* () {
              yield* sleep(2);
              log.push(`${name}${i}`);
            });
            if (look) snapshot();
          }
        }
        function* looker(): Coroutine<void> {
          for (let i = 0; i < 30; i++) {
            yield* sleep(1);
            if (look) snapshot();
          }
        }
        yield* all([worker("a"), worker("b"), looker(), timeout(100, worker("c"))]);
        return log;
      });
    expect(await program(true)).toEqual(await program(false));
  });

  test("of tasks 5,000 deep is taken and written without overflowing anything", async () => {
    await virtually(function* () {
      const depth = 5000;
      function* nest(left: number): Coroutine<void> {
        if (left === 0) {
          const taken = snapshot({ stacks: false });
          expect(taken.loops[0]?.live).toBe(depth + 1);
          const { length } = formatSnapshot(taken);
          expect(length).toBeGreaterThan(depth * 100);
          expect(length).toBeLessThan(depth * 1000);
          return;
        }
        yield* group(function* (g) {
          g.spawn(() => nest(left - 1));
        });
      }
      yield* nest(depth);
    });
  });

  test("names those who read and those who write a lock", async () => {
    await inGroup(function* (g) {
      const lock = new RWLock({ name: "table" });
      g.spawn(
        function* () {
          yield* lock.write();
          yield* sleep(50);
          lock.release();
        },
        { name: "writer" },
      );
      g.spawn(
        function* () {
          yield* lock.read();
          lock.release();
        },
        { name: "reader" },
      );
      yield* sleep(1);
      const taken = snapshot();
      expect(named(taken, "writer").holds).toEqual(["table"]);
      expect(named(taken, "reader").blockedBy.map(({ name }) => name)).toEqual(["writer"]);
    });
  });
});

describe("a snapshot as text", () => {
  test("is a tree that says it all", async () => {
    const lines = await virtually(function* () {
      const lock = new Lock({ name: "account" });
      return yield* timeout(
        100,
        group(
          function* (g) {
            g.spawn(() => lock.with(sleep(30)), { name: "holder" });
            const waiter = g.spawn(() => shield(() => lock.with(sleep(1))), { name: "waiter" });
            g.spawn(sleep(60), { name: "clock", daemon: true });
            yield* sleep(10);
            waiter.cancel("enough");
            return formatSnapshot(snapshot());
          },
          { name: "work" },
        ),
        { name: "all of it" },
      );
    });
    const text = lines
      .split("\n")
      .filter((line) => !/ at /.test(line) || line.startsWith("loop"))
      .join("\n")
      .replaceAll(/#\d+/g, "#");
    expect(text).toBe(
      `loop at 10 ms: 4 tasks, 0 ready, 0 outside, 3 timers, the next in 20 ms
└─ "main" # is running
   ├─ timeout "all of it", 90 ms left
   └─ group "work"
      ├─ "holder" # has waited 10 ms for sleep, holds "account"
      ├─ "waiter" # has waited 10 ms for lock "account", held up by "holder", cancelled: enough
      │  └─ shield, shielded
      └─ "clock" # (daemon) has waited 10 ms for sleep`,
    );
  });

  test("shows circles, deadlines that have passed, and long stacks cut short", async () => {
    await inGroup(function* (g) {
      const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
      function* deep(depth: number, lock: Lock): Coroutine<void> {
        if (depth > 0) yield* deep(depth - 1, lock);
        else yield* lock.acquire();
      }
      const tasks = [
        g.spawn(
          function* () {
            yield* a.acquire();
            yield* sleep(1);
            yield* deep(9, b);
          },
          { name: "one" },
        ),
        g.spawn(
          function* () {
            yield* b.acquire();
            yield* sleep(1);
            yield* deep(1, a);
          },
          { name: "two" },
        ),
      ];
      g.spawn(
        () =>
          moveOnAfter(2, function* () {
            try {
              yield* sleep(10);
            } finally {
              yield* sleep(10);
            }
          }),
        { name: "late" },
      );
      yield* sleep(5);
      const text = formatSnapshot(snapshot());
      expect(text).toMatch(
        /^in a circle: "(one" waits for "two" waits for "one|two" waits for "one" waits for "two)"$/m,
      );
      expect(text).toMatch(/… and 7 more lines/);
      expect(text).toMatch(/moveOnAfter, .*cancelled: its time was over, unwinding/);
      for (const task of tasks) task.cancel();
    });
  });

  test("is what console.log prints", async () => {
    await virtually(function* () {
      const taken = snapshot();
      expect(inspect(taken)).toBe(formatSnapshot(taken));
      expect(inspect(taken)).toMatch(/^loop at 0 ms: 1 task, 0 ready, 0 outside, no timers\n└─ "main"/);
    });
    expect(inspect(snapshot())).toBe("no loop runs");
  });
});
