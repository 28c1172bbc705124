/** Select: exactly one arm is taken, and the others did not happen. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  Channel,
  checkpoint,
  Deferred,
  Gate,
  group,
  type Group,
  Lock,
  moveOnAfter,
  now,
  run,
  scope,
  select,
  Semaphore,
  sleep,
  suspend,
  VirtualHost,
} from "../index.ts";

describe("taking an arm", () => {
  test("one that is ready is taken without a switch", async () => {
    await inGroup(function* (g) {
      const channel = new Channel<number>(1);
      yield* channel.send(7);
      let others = 0;
      g.spawn(function* () {
        others++;
      });
      expect(yield* select({ item: channel.receive(), late: sleep(5) })).toEqual({ key: "item", value: 7 });
      expect(others).toBe(0);
    });
  });

  test("none is ready: it waits for the first, and the others are withdrawn", () =>
    onEverySchedule(function* (g) {
      const [a, b] = [new Channel<string>(0), new Channel<string>(0)];
      const chooser = g.spawn(select({ a: a.receive(), b: b.receive(), late: sleep(100) }));
      yield* sleep(5);
      expect(a.statistics().receiving + b.statistics().receiving).toBe(2);
      expect(b.trySend("x")).toBe(true);
      expect(a.trySend("y")).toBe(false); // withdrawn before the granter went on
      expect(yield* chooser).toEqual({ key: "b", value: "x" });
      expect(now()).toBe(5);
    }));

  test("arms that are always ready take turns, so that none starves", async () => {
    await virtually(function* () {
      const [a, b, c] = [new Gate({ open: true }), new Gate({ open: true }), new Gate({ open: true })];
      const taken = { a: 0, b: 0, c: 0 };
      for (let i = 0; i < 300; i++) taken[(yield* select({ a: a.wait(), b: b.wait(), c: c.wait() })).key]++;
      expect(taken).toEqual({ a: 100, b: 100, c: 100 });
    });
  });

  test("where the schedule is drawn, so is the arm", async () => {
    const taken = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const [a, b] = [new Gate({ open: true }), new Gate({ open: true })];
      const first = await run(() => select({ a: a.wait(), b: b.wait() }), { host: new VirtualHost({ seed }) });
      taken.add(first.key);
    }
    expect([...taken].toSorted()).toEqual(["a", "b"]);
  });

  test("a select over ready arms for ever lets the others run", async () => {
    let rounds = 0;
    await inGroup(function* (g) {
      const gate = new Gate({ open: true });
      let stop = false;
      g.spawn(function* () {
        yield* checkpoint();
        stop = true;
      });
      for (; !stop; rounds++) yield* select({ a: gate.wait() });
    });
    expect(rounds).toBeLessThan(10_000);
  });

  test("two arms granted in one turn: the first is taken, the second did not happen", () =>
    onEverySchedule(function* (g) {
      const [a, b] = [new Channel<number>(0), new Semaphore(1)];
      yield* b.acquire();
      const chooser = g.spawn(select({ item: a.receive(), permit: b.acquire() }));
      yield* sleep(1);
      expect(a.trySend(1)).toBe(true);
      b.release();
      expect((yield* chooser).key).toBe("item");
      expect(b.available).toBe(1);
    }));

  test("a task can be an arm: its value is taken, or its failure thrown", async () => {
    await inGroup(function* (g) {
      const good = g.spawn(function* () {
        yield* sleep(1);
        return "value";
      });
      expect(yield* select({ task: good, late: sleep(5) })).toEqual({ key: "task", value: "value" });
    });
    await virtually(() =>
      group(
        function* (g: Group) {
          const bad = g.spawn(function* () {
            yield* sleep(1);
            throw new Error("bad");
          });
          expect(yield* thrownBy(() => select({ task: bad, late: sleep(5) }))).toEqual(new Error("bad"));
        },
        { onFailure: "keep" },
      ),
    );
  });

  test("what an arm throws is thrown, ready or not, and the others did not happen", () =>
    onEverySchedule(function* (g) {
      const deferred = new Deferred<number>();
      const channel = new Channel<number>(0);
      const chooser = g.spawn(() => thrownBy(() => select({ value: deferred.wait(), item: channel.receive() })));
      yield* sleep(1);
      deferred.reject(new Error("no"));
      expect(yield* chooser).toEqual(new Error("no"));
      expect(channel.trySend(1)).toBe(false);
      expect(yield* thrownBy(() => select({ value: deferred.wait() }))).toEqual(new Error("no"));
    }));

  test("checkpoint() as an arm is taken after the others had their turn", () =>
    onEverySchedule(function* (g) {
      const gate = new Gate();
      g.spawn(function* () {
        gate.open();
      });
      const first = yield* select({ gate: gate.wait(), turn: checkpoint() });
      expect(["gate", "turn"]).toContain(first.key);
    }));
});

describe("arms of one select never meet each other", () => {
  test("a send and a receive on one channel wait for somebody else", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      const chooser = g.spawn(select({ in: channel.receive(), out: channel.send("mine") }));
      yield* sleep(1);
      expect(chooser.state).toBe("waiting");
      expect(channel.tryReceive()).toEqual({ value: "mine" });
      expect((yield* chooser).key).toBe("out");
      expect(channel.statistics()).toMatchObject({ sending: 0, receiving: 0 });
    }));

  test("two receives on one channel take one item", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<number>(2);
      const chooser = g.spawn(select({ a: channel.receive(), b: channel.receive() }));
      yield* sleep(1);
      channel.trySend(1);
      channel.trySend(2);
      expect((yield* chooser).value).toBe(1);
      expect(channel.tryReceive()).toEqual({ value: 2 });
    }));

  test("two acquires of one lock hold it once", () =>
    onEverySchedule(function* (g) {
      const lock = new Lock();
      yield* lock.acquire();
      const chooser = g.spawn(function* () {
        yield* select({ a: lock.acquire(), b: lock.acquire() });
        lock.release();
      });
      yield* sleep(1);
      lock.release();
      yield* chooser;
      expect(lock.statistics()).toEqual({ holder: undefined, waiters: 0 });
    }));

  test("two tasks that both send or receive exchange one item", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      const [a, b] = ["a", "b"].map((name) => g.spawn(select({ in: channel.receive(), out: channel.send(name) })));
      const [first, second] = [yield* a as NonNullable<typeof a>, yield* b as NonNullable<typeof b>];
      expect([first.key, second.key].toSorted()).toEqual(["in", "out"]);
      expect(first.key === "in" ? first.value : second.value).toBe(first.key === "in" ? "b" : "a");
    }));
});

describe("cancellation", () => {
  test("withdraws every arm", () =>
    onEverySchedule(function* (g) {
      const [a, b] = [new Channel<string>(0), new Lock()];
      yield* b.acquire();
      const chooser = g.spawn(select({ a: a.receive(), b: b.acquire(), late: sleep(1000) }));
      yield* sleep(1);
      chooser.cancel();
      expect(a.trySend("x")).toBe(false);
      b.release();
      yield* chooser.ended();
      expect(chooser.state).toBe("cancelled");
      expect(b.locked).toBe(false);
      expect(now()).toBe(1);
    }));

  test("in the turn in which an arm was granted: the arm's value is delivered", () =>
    onEverySchedule(function* (g) {
      const channel = new Channel<string>(0);
      let got: string | undefined;
      const chooser = g.spawn(function* () {
        got = (yield* select({ item: channel.receive(), late: sleep(1000) })).value as string;
        yield* sleep(1);
      });
      yield* sleep(1);
      channel.trySend("x");
      chooser.cancel();
      yield* chooser.ended();
      expect(got).toBe("x");
      expect(chooser.state).toBe("cancelled");
    }));

  test("with an arm that cannot be withdrawn any more waits for what comes of it", async () => {
    await inGroup(function* (g) {
      let wake: (value: string) => void = () => {};
      let late: unknown;
      const chooser = g.spawn(function* () {
        late = yield* select({
          own: suspend<string>((go) => {
            wake = go;
            return () => false;
          }),
          other: sleep(1000),
        });
        yield* sleep(1);
      });
      yield* sleep(1);
      chooser.cancel();
      yield* sleep(1);
      expect(chooser.state).toBe("waiting");
      wake("too late to stop");
      yield* chooser.ended();
      expect(late).toEqual({ key: "own", value: "too late to stop" });
      expect(chooser.state).toBe("cancelled");
    });
  });

  test("in one that cannot be withdrawn: what comes of it too late disturbs nobody", async () => {
    await inGroup(function* (g) {
      const channel = new Channel<string>(0);
      let wake: (value: string) => void = () => {};
      const chooser = g.spawn(function* () {
        const own = suspend<string>((go) => {
          wake = go;
          return () => false;
        });
        const taken = yield* select({ own, item: channel.receive() });
        yield* sleep(10);
        return [taken, now()];
      });
      yield* sleep(1);
      expect(channel.trySend("x")).toBe(true);
      yield* sleep(1);
      wake("too late");
      expect(yield* chooser).toEqual([{ key: "item", value: "x" }, 11]);
    });
  });

  test("by a timeout or by its own scope leaves nothing behind", async () => {
    await virtually(function* () {
      const channel = new Channel<number>(0);
      expect((yield* moveOnAfter(5, select({ item: channel.receive() }))).timedOut).toBe(true);
      const outcome = yield* scope(function* (s) {
        s.cancel();
        yield* select({ item: channel.receive() });
      });
      expect(outcome.cancelled).toBe(true);
      expect(channel.statistics().receiving).toBe(0);
    });
  });
});

test("an arm whose begin throws withdraws those begun before it", async () => {
  await virtually(function* () {
    const channel = new Channel<number>(0);
    const error = yield* thrownBy(() =>
      select({
        item: channel.receive(),
        bad: suspend(() => {
          throw new Error("cannot begin");
        }),
      }),
    );
    expect(error).toEqual(new Error("cannot begin"));
    expect(channel.statistics().receiving).toBe(0);
  });
});

test("an arm that is granted while it begins keeps the rest from beginning", async () => {
  await virtually(function* () {
    const channel = new Channel<number>(0);
    const taken = yield* select({ now: suspend<number>((wake) => wake(1)), item: channel.receive() });
    expect(taken).toEqual({ key: "now", value: 1 });
    expect(channel.statistics().receiving).toBe(0);
  });
});

describe("bad use", () => {
  test("no arms", () => {
    expect(() => select({})).toThrow("select() of no arms would wait for ever");
  });

  test("an operation that is no wait is sent to race()", () => {
    function* body() {
      yield* sleep(1);
    }
    const scoped = moveOnAfter(1, body);
    expect(() => select({ a: body() as never })).toThrow(/the arm "a" of a select must be a wait.*race\(\)/);
    expect(() => select({ a: scoped as never })).toThrow(/race\(\)/);
    expect(() => select({ a: undefined as never })).toThrow(TypeError);
  });

  test("a wait used twice", async () => {
    await virtually(function* () {
      const wait = sleep(1);
      expect(() => select({ a: wait, b: wait })).toThrow(/share one wait/);
      yield* wait;
      expect(() => select({ a: wait })).toThrow(/which was used already/);
      const other = sleep(1);
      const late = select({ a: other });
      yield* other;
      expect(String(yield* thrownBy(() => late))).toMatch(/the arm "a" of a select is a wait that was used already/);
      const loser = sleep(1);
      yield* select({ ready: new Gate({ open: true }).wait(), loser });
      expect(() => select({ loser })).toThrow(/which was used already/);
    });
  });
});

test("a person reads what each arm waits for", async () => {
  await inGroup(function* (g) {
    const chooser = g.spawn(select({ item: new Channel<number>(0).receive(), late: sleep(5) }));
    yield* sleep(1);
    expect(chooser.waitingFor).toBe("select item: receive, late: sleep");
    yield* chooser;
  });
});
