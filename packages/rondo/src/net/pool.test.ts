import { expect, test } from "vitest";

import { give, ledgerWith, pooling } from "../../tests/connections.ts";
import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import {
  BusyError,
  checkpoint,
  type Coroutine,
  group,
  moveOnAfter,
  now,
  scope,
  select,
  sleep,
  stopping,
  TimeoutError,
} from "../index.ts";
import { pool, type PoolEvent } from "./index.ts";

test("a connection is made when it is needed, lent, kept, and destroyed at the end of the scope", async () => {
  const ledger = ledgerWith({ connectTime: 5 });
  await inGroup(function* () {
    yield* scope(function* () {
      const p = yield* pool(pooling(ledger));
      expect(ledger.made).toEqual([]);
      for (let i = 0; i < 3; i++) {
        using lease = yield* p.acquire();
        expect(lease.id).toBe(1);
        expect(p.statistics()).toMatchObject({ total: 1, lent: 1, idle: 0, created: 1 });
      }
      expect(now()).toBe(5);
      expect(p.statistics()).toMatchObject({ total: 1, lent: 0, idle: 1 });
    });
    expect(ledger.live).toBe(0);
    expect(ledger.made[0]?.open).toBe(false);
  });
});

test("the connection that was used last is lent first", async () => {
  await inGroup(function* () {
    const p = yield* pool(pooling(ledgerWith()));
    const leases = [yield* p.acquire(), yield* p.acquire(), yield* p.acquire()];
    for (const at of [1, 0, 2]) leases[at]?.release();
    const order = [yield* p.acquire(), yield* p.acquire(), yield* p.acquire()].map((lease) => lease.id);
    expect(order).toEqual([3, 1, 2]);
  });
});

test("with() gives the connection back when its body ends, and gives what that gives", async () => {
  await inGroup(function* () {
    const p = yield* pool(pooling(ledgerWith()));
    expect(yield* p.with((connection) => give(connection.id))).toBe(1);
    expect(p.statistics()).toMatchObject({ idle: 1, lent: 0 });
  });
});

test("who comes first is served first, on every schedule", async () => {
  await onEverySchedule(function* (g) {
    const p = yield* pool(pooling(ledgerWith({ connectTime: 2 }), { max: 1 }));
    const got: number[] = [];
    const came: number[] = [];
    for (let i = 0; i < 8; i++) {
      g.spawn(function* () {
        came.push(i);
        using _lease = yield* p.acquire();
        got.push(i);
        yield* sleep(3);
      });
    }
    yield* sleep(100);
    expect(got).toEqual(came);
  });
});

test("nobody passes those who wait, not even where a connection comes back at that moment", async () => {
  await inGroup(function* (g) {
    const p = yield* pool(pooling(ledgerWith(), { max: 1 }));
    const first = yield* p.acquire();
    const got: string[] = [];
    g.spawn(function* () {
      using _lease = yield* p.acquire();
      got.push("waited");
    });
    yield* sleep(1);
    first.release();
    using _lease = yield* p.acquire();
    got.push("came later");
    expect(got).toEqual(["waited", "came later"]);
  });
});

test("there are never more than max, and no more than maxConnecting are made at once", async () => {
  await onEverySchedule(function* (g) {
    const ledger = ledgerWith({ connectTime: 10, destroyTime: 5 });
    const p = yield* pool(pooling(ledger, { max: 4, maxConnecting: 2 }));
    const tasks = Array.from({ length: 20 }, (_, i) =>
      g.spawn(function* () {
        using lease = yield* p.acquire();
        yield* sleep(i);
        if (i % 3 === 0) lease.broken();
      }),
    );
    for (const task of tasks) yield* task;
    expect(ledger.most).toBe(4);
    expect(ledger.mostConnecting).toBe(2);
  });
});

test("a connection that comes back serves the one for whom another is being made, which is then the next one's", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith();
    const p = yield* pool(pooling(ledger, { max: 2 }));
    const first = yield* p.acquire();
    ledger.connectTime = 100;
    const got: string[] = [];
    for (const name of ["a", "b"]) {
      g.spawn(function* () {
        using lease = yield* p.acquire();
        got.push(`${name} ${lease.id} ${now()}`);
        yield* sleep(500);
      });
      yield* checkpoint();
    }
    yield* sleep(10);
    first.release();
    yield* sleep(1000);
    expect(got).toEqual(["a 1 10", "b 2 100"]);
    expect(ledger.made).toHaveLength(2);
  });
});

// ---- failures -------------------------------------------------------------------------------------------------------

test("a failure to connect goes to the one for whom it was, as it is, and the next one gets a try", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ connectTime: 5 });
    let times = 0;
    ledger.fails = () => ++times === 1;
    const p = yield* pool(pooling(ledger, { max: 1 }));
    const got: string[] = [];
    const ask = (name: string): Coroutine<void> =>
      (function* () {
        try {
          using lease = yield* p.acquire();
          got.push(`${name} ${lease.id} ${now()}`);
        } catch (error) {
          got.push(`${name} ${String(error)} ${now()}`);
        }
      })();
    g.spawn(ask("a"));
    g.spawn(ask("b"));
    yield* sleep(100);
    expect(got).toEqual(["a Error: refused 5", "b 2 10"]);
    expect(p.statistics()).toMatchObject({ total: 1, created: 1, failed: 1, idle: 1 });
  });
});

test("of two that are being made the one that fails is an error of its own waiter only", async () => {
  await inGroup(function* (g) {
    let made = 0;
    const p = yield* pool({
      *create() {
        const id = ++made;
        yield* sleep(id === 1 ? 20 : 10);
        if (id === 2) throw new Error("refused");
        return id;
      },
      max: 2,
    });
    const got: string[] = [];
    for (const name of ["a", "b"]) {
      g.spawn(function* () {
        const error = yield* thrownBy(function* () {
          using lease = yield* p.acquire();
          got.push(`${name} ${lease.connection} ${now()}`);
        });
        if (error !== undefined) got.push(`${name} ${String(error)} ${now()}`);
      });
      yield* checkpoint();
    }
    yield* sleep(100);
    expect(got).toEqual(["b Error: refused 10", "a 1 20"]);
  });
});

test("a failure to connect for somebody who has gone is nobody's error", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ connectTime: 10, fails: () => true });
    const events: PoolEvent[] = [];
    const p = yield* pool(pooling(ledger, { onEvent: (event) => void events.push(event) }));
    const task = g.spawn(() => p.acquire());
    yield* sleep(5);
    task.cancel();
    yield* sleep(100);
    expect(events.map(({ type }) => type)).toEqual(["waiting", "connecting", "refused", "failed"]);
  });
});

test("a connection for somebody who has gone goes to the next, or lies idle", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ connectTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 1 }));
    const first = g.spawn(() => p.acquire());
    const second = g.spawn(function* () {
      using lease = yield* p.acquire();
      return `${lease.id} ${now()}`;
    });
    yield* sleep(5);
    first.cancel();
    expect(yield* second).toBe("1 10");
    const third = g.spawn(() => p.acquire());
    yield* checkpoint();
    third.cancel();
    yield* sleep(50);
    expect(p.statistics()).toMatchObject({ total: 1, lent: 1 });
  });
});

test("callers with less time than a handshake takes do not keep it from being finished", async () => {
  await inGroup(function* () {
    const p = yield* pool(pooling(ledgerWith({ connectTime: 100 }), { max: 1 }));
    let tries = 0;
    for (;;) {
      tries++;
      const { timedOut } = yield* moveOnAfter(30, () => p.with(() => give(1)));
      if (!timedOut) break;
    }
    expect(tries).toBe(4);
  });
});

test("a connection that is given back broken is destroyed, and its place is free", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith();
    const p = yield* pool(pooling(ledger, { max: 1 }));
    {
      using lease = yield* p.acquire();
      lease.broken();
      lease.release(); // a second time does nothing
    }
    using lease = yield* p.acquire();
    expect(lease.id).toBe(2);
    expect(ledger.made[0]?.open).toBe(false);
    expect(ledger.live).toBe(1);
  });
});

test("the connection of a use that failed or was cancelled is destroyed where it cannot be checked", async () => {
  await inGroup(function* () {
    const events: PoolEvent[] = [];
    const p = yield* pool(pooling(ledgerWith(), { onEvent: (event) => void events.push(event) }));
    const error = yield* thrownBy(() =>
      p.with(function* () {
        throw new Error("constraint");
      }),
    );
    expect(String(error)).toBe("Error: constraint");
    yield* moveOnAfter(10, () => p.with(() => sleep(1000)));
    yield* sleep(1);
    expect(p.statistics()).toMatchObject({ total: 0, created: 2, destroyed: 2 });
    expect(events.flatMap((event) => (event.type === "destroyed" ? [event.reason] : []))).toEqual([
      "unfinished",
      "unfinished",
    ]);
  });
});

test("where it can be checked it is kept if it is good, and nobody waits for the check but who wants it", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith({ checkTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 1, check: (connection) => ledger.check(connection) }));
    yield* moveOnAfter(10, () => p.with(() => sleep(1000)));
    expect(now()).toBe(10);
    expect(p.statistics()).toMatchObject({ checking: 1, total: 1 });
    yield* p.with(function* (connection) {
      expect(connection.id).toBe(1);
      expect(now()).toBe(20);
      connection.good = false;
      yield* sleep(1);
    });
    yield* thrownBy(() =>
      p.with(function* () {
        throw new Error("no");
      }),
    );
    expect((yield* p.acquire()).id).toBe(2);
  });
});

test("one that has been idle is checked before it is lent, and what check throws is a no", async () => {
  await inGroup(function* () {
    let asked = 0;
    let answer = (): boolean => true;
    const p = yield* pool(
      pooling(ledgerWith(), {
        checkAfter: 50,
        check() {
          asked++;
          return answer();
        },
      }),
    );
    yield* p.with(() => give(1));
    yield* p.with(() => give(1));
    expect(asked).toBe(0);
    yield* sleep(50);
    yield* p.with((connection) => give(expect(connection.id).toBe(1)));
    expect(asked).toBe(1);
    yield* sleep(50);
    answer = () => {
      throw new Error("gone");
    };
    yield* p.with((connection) => give(expect(connection.id).toBe(2)));
    expect(asked).toBe(2);
  });
});

test("no more idle connections are checked than there are those who wait", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ checkTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 5, checkAfter: 0, check: (connection) => ledger.check(connection) }));
    const leases = [yield* p.acquire(), yield* p.acquire(), yield* p.acquire()];
    for (const lease of leases) lease.release();
    const tasks = [g.spawn(() => p.acquire()), g.spawn(() => p.acquire())];
    yield* sleep(1);
    expect(p.statistics()).toMatchObject({ checking: 2, idle: 1, connecting: 0 });
    expect([(yield* tasks[0]!).id, (yield* tasks[1]!).id].toSorted()).toEqual([2, 3]);
    expect(ledger.made).toHaveLength(3);
  });
});

// ---- the line -------------------------------------------------------------------------------------------------------

test("who waits for too long gets a TimeoutError that says how things stand, and the others wait on", async () => {
  await inGroup(function* (g) {
    const p = yield* pool(pooling(ledgerWith(), { max: 1, waitTimeout: 100 }));
    const first = yield* p.acquire();
    const late = g.spawn(() => thrownBy(() => p.acquire()));
    yield* sleep(50);
    const patient = g.spawn(() => p.acquire());
    const error = yield* late;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(String(error)).toBe(
      'TimeoutError: a connection of the pool "db" (1 of 1 connections lent, 2 in line): not done within 100 ms',
    );
    expect(now()).toBe(100);
    yield* sleep(49);
    first.release();
    expect((yield* patient).id).toBe(1);
  });
});

test("each has his own time in line", async () => {
  await inGroup(function* (g) {
    const p = yield* pool(pooling(ledgerWith(), { max: 1, waitTimeout: 100 }));
    using _lease = yield* p.acquire();
    const times: number[] = [];
    for (const at of [0, 30, 60]) {
      g.spawn(function* () {
        yield* sleep(at);
        yield* thrownBy(() => p.acquire());
        times.push(now());
      });
    }
    yield* sleep(200);
    expect(times).toEqual([100, 130, 160]);
  });
});

test("where too many wait the next one is told so at once", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ connectTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 2, maxConnecting: 1, maxWaiting: 1 }));
    const tasks = Array.from({ length: 4 }, () => g.spawn(() => thrownBy(() => p.acquire())));
    yield* sleep(1);
    // One is being connected for, one waits, and there is no place for two.
    const errors = [yield* tasks[2]!, yield* tasks[3]!];
    expect(errors.every((error) => error instanceof BusyError)).toBe(true);
    expect(String(errors[0])).toBe(
      'BusyError: the pool "db" is busy: 0 of 2 connections lent, 1 being made, 2 in line, and no more than 1 may wait',
    );
    expect(yield* tasks[0]!).toBeUndefined();
    expect(yield* tasks[1]!).toBeUndefined();
  });
});

test("with maxWaiting 0 a connection is made while there is room, and nobody waits for another's", async () => {
  await inGroup(function* (g) {
    const p = yield* pool(pooling(ledgerWith({ connectTime: 10 }), { max: 1, maxWaiting: 0 }));
    const first = g.spawn(() => p.acquire());
    yield* sleep(1);
    expect(yield* thrownBy(() => p.acquire())).toBeInstanceOf(BusyError);
    const lease = yield* first;
    expect(yield* thrownBy(() => p.acquire())).toBeInstanceOf(BusyError);
    lease.release();
    expect((yield* p.acquire()).id).toBe(1);
  });
});

test("a wait for a connection can be an arm of a select, and loses nothing", async () => {
  await onEverySchedule(function* (g) {
    const p = yield* pool(pooling(ledgerWith({ connectTime: 5 }), { max: 1 }));
    const first = yield* select({ lease: p.acquire(), late: sleep(2) });
    expect(first.key).toBe("late");
    const second = yield* select({ lease: p.acquire(), stop: stopping() });
    expect(second.key).toBe("lease");
    if (second.key === "lease") second.value.release();
    const inner = g.spawn(() =>
      group(function* (h) {
        using _held = yield* p.acquire();
        h.spawn(function* () {
          const taken = yield* select({ stop: stopping(), lease: p.acquire() });
          expect(taken.key).toBe("stop");
        });
        yield* sleep(5);
        h.stop();
        yield* sleep(5);
      }),
    );
    yield* inner;
    expect(p.statistics()).toMatchObject({ idle: 1, lent: 0, waiters: 0 });
  });
});
