import { describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import { setTap } from "../coroutine/tap.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { type Coroutine, PASSING } from "../coroutine/wait.ts";
import { VirtualHost } from "../host/virtual.ts";
import { Channel } from "../sync/channel.ts";
import { group } from "../task/group.ts";
import { launch, run } from "../task/run.ts";
import { suspend } from "../task/suspend.ts";
import type { Task } from "../task/task.ts";
import { Loop, loops } from "./loop.ts";
import { checkpoint, now, sleep } from "./sleep.ts";

function* counting(log: string[], name: string, rounds: number): Coroutine<void> {
  for (let i = 1; i <= rounds; i++) {
    log.push(`${name}${i}`);
    yield* checkpoint();
  }
}

describe("a loop driven turn by turn", () => {
  test("steps each ready task once a turn, and says what it did", () => {
    const loop = new Loop({ host: new VirtualHost() });
    const log: string[] = [];
    launch(loop, () => counting(log, "a", 2));
    launch(loop, () => counting(log, "b", 3));
    expect(loop.turn()).toEqual({ steps: 2, timers: 0, ready: 2 });
    expect(log).toEqual(["a1", "b1"]);
    expect(loop.turn()).toEqual({ steps: 2, timers: 0, ready: 2 });
    expect(loop.turn()).toEqual({ steps: 2, timers: 0, ready: 1 });
    expect(loop.turn()).toEqual({ steps: 1, timers: 0, ready: 0 });
    expect(loop.turn()).toEqual({ steps: 0, timers: 0, ready: 0 });
    expect(log).toEqual(["a1", "b1", "a2", "b2", "b3"]);
    expect([loop.steps, loop.turns, loop.readyCount, loop.live]).toEqual([7, 4, 0, 0]);
  });

  // Edge 15: snapshot the ready list for each pass.
  test("what becomes ready during a turn waits for the next one", () => {
    const loop = new Loop({ host: new VirtualHost() });
    const log: string[] = [];
    launch(loop, () =>
      group(function* (g) {
        log.push("main");
        g.spawn(() => counting(log, "child", 1));
      }),
    );
    loop.turn();
    expect(log).toEqual(["main"]);
    loop.turn();
    expect(log).toEqual(["main", "child1"]);
  });

  test("fires the timers that are due when its tasks have been stepped", () => {
    const host = new VirtualHost();
    const loop = new Loop({ host });
    const task = launch(loop, () => sleep(10));
    expect(loop.turn()).toEqual({ steps: 1, timers: 0, ready: 0 });
    host.advance(9);
    expect(loop.turn()).toEqual({ steps: 0, timers: 0, ready: 0 });
    host.advance(1);
    expect(loop.turn()).toEqual({ steps: 0, timers: 1, ready: 1 });
    expect(task.state).toBe("ready");
    loop.turn();
    expect(task.state).toBe("done");
  });

  test("says since when a task waits, by its own clock", () => {
    const host = new VirtualHost({ start: 500 });
    const loop = new Loop({ host });
    const task = launch(loop, () => sleep(10));
    loop.turn();
    expect([task.waitingFor, task.waitingSince]).toEqual(["sleep", 500]);
  });

  test("a drain runs virtual time through to the end, without handing over to the real world", () => {
    const host = new VirtualHost();
    const loop = new Loop({ host });
    const task = launch(loop, function* () {
      for (let i = 0; i < 100; i++) {
        yield* sleep(100);
        for (let j = 0; j < 100; j++) yield* checkpoint();
      }
      return now();
    });
    loop.drain();
    expect(task.resultOrThrow()).toBe(10_000);
  });

  test("can be driven from inside a task of another loop, which goes on as if nothing had been", async () => {
    const log: unknown[] = [];
    await inGroup(function* (g) {
      const loop = new Loop({ host: new VirtualHost({ start: 7000 }) });
      const inner = launch(loop, function* () {
        yield* sleep(5);
        return now();
      });
      yield* sleep(1);
      loop.turn();
      log.push(now());
      const self: Task = g.spawn(function* () {
        loop.drain();
        log.push(now(), inner.resultOrThrow());
        yield* sleep(1);
        log.push(now());
        return self.state;
      });
      log.push(yield* self);
    });
    expect(log).toEqual([1, 1, 7005, 2, "running"]);
  });

  test("a task that is cancelled by another loop it drives itself meets that at its next wait", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const self: Task = g.spawn(function* () {
        const loop = new Loop({ host: new VirtualHost() });
        launch(loop, function* () {
          self.cancel("from inside");
        });
        loop.turn();
        log.push("still here");
        yield* sleep(1000);
        log.push("NEVER");
      });
      yield* self.ended();
      log.push(`${self.state} at ${now()}`);
    });
    expect(log).toEqual(["still here", "cancelled at 0"]);
  });

  test("loops are listed while they have tasks", () => {
    const loop = new Loop({ host: new VirtualHost() });
    expect(loops.has(loop)).toBe(false);
    launch(loop, () => sleep(5));
    expect(loops.has(loop)).toBe(true);
    loop.drain();
    expect(loops.has(loop)).toBe(false);
  });
});

describe("fairness", () => {
  // Edge 7 and 8: a fast path that never yields starves the others.
  test("waits that complete at once give up the turn after a while, so nobody starves", async () => {
    let other = 0;
    const counts = await inGroup(function* (g) {
      const done = g.spawn(function* () {});
      yield* sleep(1);
      let over = false;
      g.spawn(function* () {
        while (!over) {
          other++;
          yield* checkpoint();
        }
      });
      for (let i = 0; i < 10_000; i++) yield* done.ended();
      over = true;
      return other;
    });
    expect(counts).toBeGreaterThan(50);
    expect(counts).toBeLessThan(200);
  });

  test("a task that makes itself ready again cannot come round before the others", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      for (const name of ["a", "b", "c", "d"]) g.spawn(counting(log, name, 5));
    });
    for (let i = 0; i < 20; i += 4) expect(log.slice(i, i + 4).map((entry) => entry[0])).toEqual(["a", "b", "c", "d"]);
  });

  // Edge 15: loops of sleep(0) must not freeze timers.
  test("tasks that never stop do not keep timers from firing", async () => {
    const host = new VirtualHost();
    const log: string[] = [];
    await inGroup(function* (g) {
      let over = false;
      for (let i = 0; i < 3; i++) {
        g.spawn(function* () {
          while (!over) {
            host.advance(0.01); // as if each step took a while
            yield* i === 0 ? sleep(0) : checkpoint();
          }
        });
      }
      yield* sleep(20);
      log.push("timer");
      over = true;
    }, host);
    expect(log).toEqual(["timer"]);
    expect(host.now()).toBeLessThan(25);
  });

  test("tasks that never stop do not keep the real world out of virtual time", async () => {
    let rounds = 0;
    const value = await virtually(() =>
      group(function* (g) {
        const spinner = g.spawn(
          function* () {
            for (;;) {
              rounds++;
              yield* checkpoint();
            }
          },
          { daemon: true },
        );
        const result = yield* suspend<string>((wake) => {
          setImmediate(() => wake("rang"));
        }, "bell");
        expect(spinner.state).toBe("ready");
        return result;
      }),
    );
    expect(value).toBe("rang");
    expect(rounds).toBeGreaterThan(100);
  });
});

describe("what a host does wrong", () => {
  test("a report that throws costs no task its turn", async () => {
    const errors: unknown[] = [];
    const host = new VirtualHost({
      onReport: (report) => {
        errors.push(report.message);
        throw new Error("the reporter is broken");
      },
    });
    const log: string[] = [];
    const silenced = globalThis.console.error;
    globalThis.console.error = () => {};
    try {
      await virtually(
        () =>
          group(function* (g) {
            const victim = g.spawn(function* () {
              try {
                yield* sleep(1000);
              } finally {
                // oxlint-disable-next-line no-unsafe-finally -- it makes a report
                return 5;
              }
            });
            g.spawn(function* () {
              try {
                yield* sleep(10);
              } finally {
                yield* sleep(3000);
              }
              log.push("other");
            });
            yield* sleep(1);
            victim.cancel();
            yield* sleep(2);
            log.push("main");
          }),
        host,
      );
    } finally {
      globalThis.console.error = silenced;
    }
    expect(errors).toHaveLength(1);
    expect(log).toEqual(["main", "other"]);
  });

  test("a step that throws is reported, and the tasks behind it have their turn", () => {
    const host = new VirtualHost();
    const loop = new Loop({ host });
    const log: string[] = [];
    launch(loop, () => sleep(1));
    loop.ready({
      name: "broken",
      step: () => {
        throw new Error("a fault of the runtime");
      },
    });
    launch(loop, () => counting(log, "after", 1));
    loop.drain();
    expect(log).toEqual(["after1"]);
    expect(host.reports).toMatchObject([{ kind: "host", message: 'the step of "broken" failed' }]);
  });

  test("choose() that throws loses nobody", async () => {
    class Sulking extends VirtualHost {
      left = 1;
      override choose(stream: string, n: number, label?: string): number {
        if (this.left-- > 0) throw new Error("no more choices");
        return super.choose(stream, n, label);
      }
    }
    const host = new Sulking({ seed: 1 });
    const loop = new Loop({ host });
    const log: string[] = [];
    for (const name of ["a", "b", "c"]) launch(loop, () => counting(log, name, 1));
    loop.drain();
    expect(log.toSorted()).toEqual(["a1", "b1", "c1"]);
    expect(String(host.reports[0]?.error)).toBe("Error: no more choices");
  });
});

describe("waking", () => {
  test("a wake during a step only enqueues", async () => {
    const log: string[] = [];
    await inGroup(function* (g) {
      const queue = new WaitQueue();
      g.spawn(function* () {
        yield* queue.park("signal");
        log.push("woken");
      });
      yield* sleep(1);
      queue.unpark();
      log.push("after the wake");
    });
    expect(log).toEqual(["after the wake", "woken"]);
  });

  test("a wake from foreign code runs the task before the host goes on to anything else", async () => {
    const log: string[] = [];
    let wake: (() => void) | undefined;
    const promise = run(
      function* () {
        yield* suspend<void>((go) => {
          wake = () => go();
        }, "foreign");
        log.push("woken");
      },
      { host: new VirtualHost() },
    );
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    setImmediate(() => log.push("next macrotask"));
    wake?.();
    expect(log).toEqual([]);
    await promise;
    expect(log).toEqual(["woken"]);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(log).toEqual(["woken", "next macrotask"]);
  });

  test("the tap hears when the loop hands over to the host and comes back", async () => {
    const log: string[] = [];
    const before = setTap({ pollBegin: () => log.push("begin"), pollEnd: () => log.push("end") });
    try {
      await virtually(() => sleep(5));
    } finally {
      setTap(before);
    }
    expect(log.slice(0, 2)).toEqual(["end", "begin"]);
  });
});

test("a loop is not turned by one of its own tasks", () => {
  const loop = new Loop({ host: new VirtualHost() });
  let error: unknown;
  const task = launch(loop, function* () {
    try {
      loop.turn();
    } catch (thrown) {
      error = thrown;
    }
    yield* checkpoint();
    return "went on";
  });
  loop.drain();
  expect(String(error)).toContain("a loop cannot be turned while it turns");
  expect(task.resultOrThrow()).toBe("went on");
});

test("a result that was had at once is let go when the loop comes to rest", async () => {
  const item = { large: true };
  const channel = new Channel<object>(1);
  let held: unknown;
  await virtually(function* () {
    channel.trySend(item);
    expect(yield* channel.receive()).toBe(item);
    yield* sleep(1);
    held = PASSING.value;
  });
  expect(held).toBeUndefined();
});

test("a drain of a few steps reads the clock once, and again only where a timer may be due", () => {
  let reads = 0;
  class Counting extends VirtualHost {
    override now(): number {
      reads++;
      return super.now();
    }
    override wakeAt(): boolean {
      return false;
    }
  }
  const readsOf = (at: number): number => {
    const loop = new Loop({ host: new Counting() });
    const queue = new WaitQueue();
    launch(loop, () =>
      group(function* (g) {
        g.spawn(sleep(at));
        yield* queue.park();
        yield* queue.park();
      }),
    );
    loop.drain();
    queue.unpark();
    reads = 0;
    loop.drain();
    return reads;
  };
  expect(readsOf(1000)).toBe(1);
  expect(readsOf(1)).toBe(2);
});
