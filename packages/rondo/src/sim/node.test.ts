import { describe, expect, test } from "vitest";
import { type CancelledError, Channel, checkpoint, DeadlockError, group, Lock, now, sleep } from "../index.ts";
import type { Host } from "../loop/host.ts";
import { loops } from "../loop/loop.ts";
import { type NodeEnd, simulate } from "./index.ts";

const hostHere = (): Host => ([...loops].at(-1) as { host: Host }).host;

describe("a node", () => {
  test("runs its program, and tells how it ended", () => {
    const run = simulate({}, function* (world) {
      const node = world.node("a", function* (self) {
        yield* sleep(5);
        return `${self.name} at ${self.address}`;
      });
      expect(node.up).toBe(true);
      const end = yield* node.ended();
      return [end, node.up, yield* node.ended()];
    });
    const end: NodeEnd = { how: "done", value: "a at 10.0.0.1" };
    expect(run.value).toEqual([{ ...end, value: "a at 10.0.0.1" }, false, end]);
  });

  test("starts on a step of its own and not inside the call", () => {
    const log: string[] = [];
    simulate({}, function* (world) {
      const node = world.node("a", function* () {
        log.push("program");
      });
      log.push("made");
      yield* node.ended();
    });
    expect(log).toEqual(["made", "program"]);
  });

  test("has an address of its own, or the ones it is given, and a name that nobody else has", () => {
    const run = simulate({}, function* (world) {
      const one = world.node("one", () => checkpoint());
      const two = world.node("two", () => checkpoint(), { address: ["192.0.2.1", "2001:db8::1"], names: ["db"] });
      expect(() => world.node("one", () => checkpoint())).toThrow('there is a node "one" already');
      return [one.address, two.addresses, two.aliases, world.nodes.map((node) => node.name)];
    });
    expect(run.value).toEqual(["10.0.0.1", ["192.0.2.1", "2001:db8::1"], ["db"], ["one", "two"]]);
  });

  test("that crashes is gone at once: no cleanup runs, no step more is done", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      const node = world.node("a", function* () {
        try {
          for (;;) {
            log.push("tick");
            yield* sleep(10);
          }
        } finally {
          log.push("cleaned");
        }
      });
      yield* sleep(25);
      node.crash();
      expect(node.up).toBe(false);
      node.crash(); // it is gone already
      yield* sleep(100);
      return (yield* node.ended()).how;
    });
    expect(run.value).toBe("crashed");
    expect(log).toEqual(["tick", "tick", "tick"]);
  });

  test("may crash itself: it goes no further than its next wait", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      const node = world.node("a", function* (self) {
        self.crash();
        log.push("before the wait");
        yield* checkpoint();
        log.push("after it");
      });
      return (yield* node.ended()).how;
    });
    expect([run.value, log]).toEqual(["crashed", ["before the wait"]]);
  });

  test("that is stopped cleans up, in its own time, and its end is waited for", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      const node = world.node("a", function* () {
        try {
          yield* sleep(1e6);
        } finally {
          yield* sleep(30);
          log.push("cleaned");
        }
      });
      yield* sleep(1);
      const end = yield* node.stop("enough");
      return [end.how, (end.error as CancelledError).reason, world.time];
    });
    expect(run.value).toEqual(["stopped", "enough", 31]);
    expect(log).toEqual(["cleaned"]);
  });

  test("that is started again begins anew, with nothing of the earlier one", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      let starts = 0;
      const node = world.node("a", function* (self) {
        log.push(`start ${++starts} of incarnation ${self.incarnation}`);
        yield* sleep(10);
        log.push(`end ${starts}`);
      });
      yield* sleep(5);
      node.restart();
      yield* sleep(6);
      log.push("looked");
      yield* node.ended();
      node.restart(function* () {
        log.push("another program");
      });
      yield* node.ended();
    });
    expect(run.ok).toBe(true);
    expect(log).toEqual(["start 1 of incarnation 1", "start 2 of incarnation 2", "looked", "end 2", "another program"]);
  });

  test("that stands still does nothing, and then all that has become due", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      const channel = new Channel<number>(10);
      const node = world.node("a", () =>
        group(function* (g) {
          g.spawn(function* () {
            for (let i = 0; i < 3; i++) {
              yield* sleep(10);
              log.push(`tick at ${now()}`);
            }
          });
          log.push(`got ${yield* channel.receive()} at ${now()}`);
        }),
      );
      yield* sleep(5);
      node.pause();
      node.pause(); // it stands still already
      yield* channel.send(7);
      yield* sleep(45);
      log.push("looked");
      node.resume();
      yield* node.ended();
    });
    expect(run.ok).toBe(true);
    expect(log).toEqual(["looked", "got 7 at 50", "tick at 50", "tick at 60", "tick at 70"]);
  });

  test("may crash while it stands still, and be stopped while it does", () => {
    const run = simulate({}, function* (world) {
      const ends: string[] = [];
      for (const how of ["crash", "stop"] as const) {
        const node = world.node(how, () => sleep(1000));
        yield* sleep(1);
        node.pause();
        if (how === "crash") node.crash();
        else yield* node.stop();
        ends.push((yield* node.ended()).how);
      }
      return ends;
    });
    expect(run.value).toEqual(["crashed", "stopped"]);
  });

  test("has a monotonic clock that drifts and a wall clock that is off, and neither is the world's", () => {
    const run = simulate({ wallClock: 1_000_000 }, function* (world) {
      const node = world.node(
        "a",
        function* () {
          yield* sleep(1100);
          return [now(), hostHere().wallClock()];
        },
        { clock: { offset: -500, drift: 0.1 } },
      );
      const end = yield* node.ended();
      return [end.value, world.time];
    });
    const [[monotonic, wall], time] = run.value as [[number, number], number];
    expect(monotonic).toBeCloseTo(1100, 6);
    expect(wall).toBeCloseTo(1_000_000 - 500 + 1100, 6);
    expect(time).toBeCloseTo(1000, 6);
  });

  test("whose clock is set anew has no jump in its monotonic time, and its timers keep their own time", () => {
    const run = simulate({}, function* (world) {
      const log: number[] = [];
      const node = world.node("a", function* () {
        yield* sleep(100);
        log.push(now());
        yield* sleep(100);
        log.push(now());
      });
      yield* sleep(50);
      node.clock({ drift: 1 });
      yield* node.ended();
      expect(() => node.clock({ drift: -1 })).toThrow("stand still");
      return [log.map(Math.round), world.time];
    });
    expect(run.value).toEqual([[100, 200], 125]);
  });

  test("that drifts by an odd amount never leaves the world waiting for its timer", () => {
    for (const drift of [0.1, 1 / 3, -0.1, 1e-9, Math.PI]) {
      const run = simulate({}, function* (world) {
        const node = world.node(
          "a",
          function* () {
            for (let i = 0; i < 200; i++) yield* sleep(0.1 + i / 7);
          },
          { clock: { drift } },
        );
        yield* node.ended();
      });
      expect(run.ok).toBe(true);
    }
  });

  test("whose program throws fails the run at once, whoever waits for its end, unless it is to be kept", () => {
    const error = new Error("broke");
    function* broken(): Generator<any, void, any> {
      yield* sleep(1);
      throw error;
    }
    const failing = simulate({}, function* (world) {
      world.node("a", broken);
      yield* sleep(100);
    });
    expect([failing.error, failing.virtual]).toEqual([error, 1]);
    expect(failing.waiting).toContain("on world:");
    const asked = simulate({}, function* (world) {
      return yield* world.node("a", broken).ended();
    });
    expect(asked.error).toBe(error);
    const kept = simulate({}, function* (world) {
      const node = world.node("a", broken, { onFailure: "keep" });
      yield* sleep(100);
      return yield* node.ended();
    });
    expect(kept.value).toEqual({ how: "failed", error });
  });

  test("that is deadlocked by itself fails, though others are still at work", () => {
    const run = simulate({}, function* (world) {
      world.node("a", function* () {
        const lock = new Lock();
        yield* lock.acquire();
        yield* group(function* (g) {
          g.spawn(() => lock.acquire(), { name: "second" });
        });
      });
      yield* sleep(100);
    });
    expect(run.error).toBeInstanceOf(DeadlockError);
    expect(run.virtual).toBe(0);
  });

  test("whose cleanup is deadlocked too is given up", () => {
    const run = simulate({}, function* (world) {
      const node = world.node("a", function* () {
        const lock = new Lock();
        yield* lock.acquire();
        try {
          yield* group(function* (g) {
            g.spawn(() => lock.acquire());
          });
        } finally {
          yield* new Channel<number>(0).receive();
        }
      });
      yield* node.ended();
    });
    expect(run.error).toBeInstanceOf(DeadlockError);
  });

  test("that still runs when the body ends is stopped, and its cleanup is waited for", () => {
    const log: string[] = [];
    const run = simulate({}, function* (world) {
      world.node("a", function* () {
        try {
          yield* sleep(1e6);
        } finally {
          yield* sleep(20);
          log.push("cleaned");
        }
      });
      yield* sleep(1);
      return "over";
    });
    expect(run).toMatchObject({ ok: true, value: "over", virtual: 21 });
    expect(log).toEqual(["cleaned"]);
  });

  test("whose cleanup fails at the end of the simulation fails the run", () => {
    const error = new Error("cleanup");
    const run = simulate({}, function* (world) {
      world.node("a", function* () {
        try {
          yield* sleep(1e6);
        } finally {
          throw error;
        }
      });
      yield* sleep(1);
    });
    expect(run.error).toBe(error);
  });

  test("many nodes are interleaved step by step by a random policy, in one schedule", () => {
    const run = simulate({}, function* (world) {
      const log: string[] = [];
      for (const name of ["a", "b"]) {
        world.node(name, function* () {
          for (let i = 0; i < 2; i++) {
            log.push(name);
            yield* checkpoint();
          }
        });
      }
      for (const node of world.nodes) yield* node.ended();
      return log.join("");
    });
    expect(run.value).toBe("abab");
  });

  test("what was done to nodes is in the story, with its time", () => {
    const run = simulate({ record: true }, function* (world) {
      const node = world.node("a", () => sleep(1e6));
      yield* sleep(5);
      node.pause();
      yield* sleep(5);
      node.resume();
      node.restart();
      node.clock({ offset: 7 });
      world.log("that was all");
      yield* node.stop();
    });
    expect(run.story.map(({ time, text }) => `${time}: ${text}`)).toEqual([
      "5: a stands still",
      "10: a goes on",
      "10: a crashes",
      "10: a starts again",
      "10: the clock of a is off by 7 ms and drifts by 0",
      "10: that was all",
      "10: a is stopped",
    ]);
  });
});
