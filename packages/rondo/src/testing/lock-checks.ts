/**
 * What a lock has to do: one holder, first come first served, and no permit lost to whoever is cancelled at the wrong
 * moment (bpo-27585, bpo-32734, bpo-45997, gh-90155, anyio #1145: the commonest bug of all runtimes).
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { group, type Group } from "../task/group.ts";
import { timeout } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { type Check, check, dice, equal, parked, runAll, thrown } from "./check.ts";

/** What the suite uses of a lock; a semaphore of one permit has it too. */
export interface CheckedLock {
  acquire(): Operation<unknown>;
  tryAcquire(): boolean;
  release(): void;
}

/** Gives a lock that nobody holds. */
export type MakeLock = () => CheckedLock;

/** What is to be known of the locks that are checked. */
export interface LockCheckOptions {
  /** Whether it knows its holder, so that it refuses a release by another task and a second acquire: a semaphore does not. */
  readonly owned?: boolean | undefined;
}

type Body = (lock: CheckedLock, g: Group) => Coroutine<void>;

/** Acquires, notes its name, and releases when it is told to. */
function holder(g: Group, lock: CheckedLock, name: string, log: string[], turns = 0): Task {
  return g.spawn(
    function* () {
      yield* lock.acquire();
      log.push(name);
      for (let i = 0; i < turns; i++) yield* checkpoint();
      lock.release();
    },
    { name },
  );
}

/** The same, begun: it holds the lock or stands in line. */
function* inLine(g: Group, lock: CheckedLock, name: string, log: string[], turns = 0): Coroutine<Task> {
  const task = holder(g, lock, name, log, turns);
  yield* parked(task);
  return task;
}

/**
 * The behaviours of a lock as named cases, for the test runner of your choice.
 *
 * @example
 * ```ts
 * import { Lock, run } from "rondo";
 * import { lockChecks } from "rondo/testing";
 *
 * const checks = lockChecks(() => new Lock());
 * await run(() => checks[0]!.run());
 * console.log("holds:", checks[0]?.name); // prints: holds: a lock that is free is taken at once
 * ```
 */
export function lockChecks(make: MakeLock, options: LockCheckOptions = {}): Check[] {
  const { owned = true } = options;
  const on = (name: string, body: Body): Check => check(name, () => group((g) => body(make(), g), { name: "check" }));

  const checks = [
    on("a lock that is free is taken at once", function* (lock) {
      yield* lock.acquire();
      lock.release();
      equal("tryAcquire()", lock.tryAcquire(), true);
      lock.release();
      yield* lock.acquire();
      lock.release();
    }),

    on("tryAcquire() does not wait, and says no where somebody holds it", function* (lock, g) {
      yield* lock.acquire();
      const other = g.spawn(
        function* () {
          return lock.tryAcquire();
        },
        { name: "other" },
      );
      equal("tryAcquire()", yield* other, false);
      lock.release();
    }),

    on("those who wait get it in the order in which they came", function* (lock, g) {
      const log: string[] = [];
      yield* lock.acquire();
      for (const name of ["a", "b", "c", "d"]) yield* inLine(g, lock, name, log);
      lock.release();
      yield* lock.acquire(); // behind all of them
      equal("the order", log.join(""), "abcd");
      lock.release();
    }),

    on("a release hands it over: nobody gets in between", function* (lock, g) {
      const log: string[] = [];
      yield* lock.acquire();
      const next = yield* inLine(g, lock, "next", log);
      lock.release();
      // The next one has not run yet, and still it is his.
      if (lock.tryAcquire()) throw new Error("whoever released it took it again, although somebody waited");
      yield* next;
      equal("who got it", log.join(""), "next");
    }),

    on("whoever releases and acquires again takes turns with the others", function* (lock, g) {
      let log = "";
      const turns = function* (name: string): Coroutine<void> {
        for (let i = 0; i < 10; i++) {
          yield* lock.acquire();
          log += name;
          yield* checkpoint();
          lock.release();
        }
      };
      yield* lock.acquire();
      const [a, b] = [g.spawn(() => turns("a"), { name: "a" }), g.spawn(() => turns("b"), { name: "b" })];
      yield* parked(a);
      yield* parked(b);
      lock.release();
      yield* a;
      yield* b;
      if (/aa|bb/.test(log.slice(0, 19))) throw new Error(`the turns were not taken: ${log}`);
    }),

    on("one who waits and is cancelled leaves the line", function* (lock, g) {
      const log: string[] = [];
      yield* lock.acquire();
      yield* inLine(g, lock, "a", log);
      const gone = yield* inLine(g, lock, "gone", log);
      const last = yield* inLine(g, lock, "b", log);
      gone.cancel();
      yield* gone.ended();
      lock.release();
      yield* last;
      equal("who got it", log.join(""), "ab");
      equal("free again", lock.tryAcquire(), true);
      lock.release();
    }),

    on(
      "one who is cancelled in the moment in which it is handed over does not take it to the grave",
      function* (lock, g) {
        const log: string[] = [];
        for (const first of ["cancel", "release"]) {
          yield* lock.acquire();
          const doomed = yield* inLine(g, lock, "doomed", log);
          const next = yield* inLine(g, lock, "next", log);
          if (first === "cancel") doomed.cancel();
          lock.release();
          if (first === "release") doomed.cancel();
          yield* doomed.ended();
          yield* next;
          yield* timeout(1000, () => lock.acquire());
          lock.release();
        }
      },
    ),

    on("one who gives up waiting in time leaves it to the others", function* (lock, g) {
      yield* lock.acquire();
      const late = g.spawn(
        function* () {
          return yield* thrown(() => timeout(1, () => lock.acquire()));
        },
        { name: "late" },
      );
      yield* late;
      lock.release();
      equal("free", lock.tryAcquire(), true);
      lock.release();
    }),

    on("there is never more than one holder, whoever is cancelled and when", function* (lock, g) {
      const roll = dice(7);
      let holders = 0;
      let rounds = 0;
      const tasks: Task[] = [];
      for (let i = 0; i < 20; i++) {
        const turns = [roll(4), roll(4), roll(3)] as const;
        tasks.push(
          g.spawn(
            function* () {
              for (let round = 0; round < 5; round++) {
                for (let turn = turns[0]; turn > 0; turn--) yield* checkpoint();
                yield* lock.acquire();
                try {
                  holders++;
                  if (holders > 1) throw new Error(`${holders} tasks hold it at once`);
                  for (let turn = turns[1]; turn > 0; turn--) yield* checkpoint();
                  if (turns[2] === 0) yield* sleep(1);
                } finally {
                  holders--;
                  rounds++;
                  lock.release();
                }
              }
            },
            { name: `task ${i}` },
          ),
        );
      }
      for (let i = 0; i < tasks.length; i += 3) {
        for (let turn = roll(6); turn > 0; turn--) yield* checkpoint();
        (tasks[i] as Task).cancel();
      }
      for (const task of tasks) yield* task.ended();
      equal("holders at the end", holders, 0);
      if (rounds < 5 * 13) throw new Error(`only ${rounds} rounds were done: somebody was starved`);
      equal("free at the end", lock.tryAcquire(), true);
      lock.release();
    }),
  ];
  if (!owned) return checks;
  return [
    ...checks,
    on("a release by somebody who does not hold it is an error, and changes nothing", function* (lock, g) {
      yield* thrown(function* () {
        lock.release();
      });
      yield* lock.acquire();
      yield* g.spawn(
        () =>
          thrown(function* () {
            lock.release();
          }),
        { name: "other" },
      );
      const again = g.spawn(
        function* () {
          return lock.tryAcquire();
        },
        { name: "another" },
      );
      equal("free", yield* again, false);
      lock.release();
    }),

    on("whoever acquires what it holds is told so, and does not wait for itself", function* (lock) {
      yield* lock.acquire();
      yield* thrown(() => lock.acquire());
      lock.release();
    }),
  ];
}

/**
 * Runs all of {@link lockChecks}, one after the other. The first behaviour that does not hold is thrown, with its name.
 *
 * @example
 * ```ts
 * import { run, Semaphore } from "rondo";
 * import { checkLock } from "rondo/testing";
 *
 * await run(() => checkLock(() => new Semaphore(1), { owned: false }));
 * console.log("a lock"); // prints: a lock
 * ```
 */
export function checkLock(make: MakeLock, options: LockCheckOptions = {}): Coroutine<void> {
  return runAll(lockChecks(make, options));
}
