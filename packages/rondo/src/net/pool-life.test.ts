/** The life of a pool: cleared and paused, in the background, and its end. See pool.test.ts for its use. */
import { expect, test } from "vitest";

import { type Connection, give, ledgerWith, pooling } from "../../tests/connections.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  ClosedError,
  type Coroutine,
  DeadlockError,
  defer,
  group,
  type Group,
  moveOnAfter,
  now,
  scope,
  shield,
  sleep,
  suppressed,
  TaskLocal,
  timeout,
  VirtualHost,
} from "../index.ts";
import { type Pool, pool, PoolClearedError, type PoolEvent, type PoolOptions } from "./index.ts";

// ---- clearing and pausing -------------------------------------------------------------------------------------------

test("clear() refuses those who wait and those who come, with its cause, until ready()", async () => {
  await inGroup(function* (g) {
    const p = yield* pool(pooling(ledgerWith(), { max: 1 }));
    using _first = yield* p.acquire();
    function* impatient(): Coroutine<void> {
      yield* p.acquire();
    }
    const waiting = g.spawn(() => thrownBy(impatient));
    yield* sleep(1);
    const cause = new Error("failover");
    p.clear(cause);
    for (const error of [yield* waiting, yield* thrownBy(impatient)]) {
      expect(error).toBeInstanceOf(PoolClearedError);
      expect((error as Error).cause).toBe(cause);
      expect(String(error)).toBe(
        'PoolClearedError: the pool "db" was cleared, and gives no connections before ready() is called',
      );
      expect((error as Error).stack).toContain("impatient");
    }
    expect(p.statistics()).toMatchObject({ state: "paused", generation: 1 });
    p.ready();
    expect(p.statistics().state).toBe("ready");
  });
});

test("clear() destroys what is idle at once, what is lent when it comes back, and drops what is being made", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith();
    const events: PoolEvent[] = [];
    const p = yield* pool(pooling(ledger, { max: 4, onEvent: (event) => void events.push(event) }));
    const [first, second, lent] = [yield* p.acquire(), yield* p.acquire(), yield* p.acquire()];
    ledger.connectTime = 50;
    const third = g.spawn(() => p.acquire());
    yield* sleep(10);
    first.release(); // goes to the third one, for whom another is being made
    (yield* third).release();
    second.release();
    expect(p.statistics()).toMatchObject({ idle: 2, lent: 1, connecting: 1 });
    p.clear();
    yield* sleep(1);
    expect(p.statistics()).toMatchObject({ total: 1, lent: 1, idle: 0, connecting: 0 });
    expect(ledger.live).toBe(1);
    lent.release();
    yield* sleep(1);
    expect(ledger.live).toBe(0);
    const reasons = events.flatMap((event) => (event.type === "destroyed" ? [event.reason] : []));
    expect(new Set(reasons)).toEqual(new Set(["stale"]));
    p.ready();
    expect((yield* p.acquire()).id).toBe(5);
  });
});

test("clear({ interrupt }) destroys what is lent under its user's hands, whose release does nothing", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith();
    const p = yield* pool(pooling(ledger, { max: 1 }));
    const lease = yield* p.acquire();
    p.clear(undefined, { interrupt: true });
    yield* sleep(1);
    expect(ledger.live).toBe(0);
    lease.release();
    expect(p.statistics()).toMatchObject({ total: 0, lent: 0, destroyed: 1 });
  });
});

test("clear({ pause: false }) keeps the line, which gets new connections", async () => {
  await onEverySchedule(function* (g) {
    const ledger = ledgerWith({ connectTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 2, maxConnecting: 1 }));
    const tasks = [1, 2].map(() => g.spawn(() => p.acquire()));
    yield* sleep(5);
    p.clear(undefined, { pause: false });
    expect([(yield* tasks[0]!).id, (yield* tasks[1]!).id].toSorted()).toEqual([2, 3]);
    expect(ledger.mostConnecting).toBe(1);
  });
});

test("what has not begun to be made when the pool is cleared is not begun", async () => {
  await inGroup(function* () {
    let created = 0;
    const p = yield* pool({
      *create() {
        created++;
      },
      max: 1,
      onEvent: (event) => {
        if (event.type === "connecting") p.clear();
      },
    });
    expect(yield* thrownBy(() => p.acquire())).toBeInstanceOf(PoolClearedError);
    yield* sleep(10);
    expect(created).toBe(0);
    expect(p.statistics()).toMatchObject({ total: 0, connecting: 0, created: 0, failed: 1 });
  });
});

test("a pool may be cleared from its own events", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ connectTime: 5, fails: () => true });
    const p = yield* pool(
      pooling(ledger, {
        max: 3,
        onEvent: (event) => {
          if (event.type === "failed") p.clear(event.error);
        },
      }),
    );
    const tasks = Array.from({ length: 5 }, () => g.spawn(() => thrownBy(() => p.acquire())));
    yield* sleep(20);
    const errors: unknown[] = [];
    for (const task of tasks) errors.push(yield* task);
    expect(errors.map((error) => (error as Error).name).toSorted()).toEqual([
      "Error",
      "PoolClearedError",
      "PoolClearedError",
      "PoolClearedError",
      "PoolClearedError",
    ]);
    expect(p.statistics()).toMatchObject({ total: 0, waiters: 0, state: "paused" });
  });
});

// ---- in the background ----------------------------------------------------------------------------------------------

test("min connections are made before anybody asks, at most maxConnecting at once, and again when some have gone", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith({ connectTime: 10 });
    const p = yield* pool(pooling(ledger, { max: 5, min: 3, maxConnecting: 2 }));
    yield* sleep(21);
    expect(p.statistics()).toMatchObject({ idle: 3, total: 3 });
    expect(ledger.mostConnecting).toBe(2);
    const lease = yield* p.acquire();
    lease.broken();
    yield* sleep(11);
    expect(p.statistics()).toMatchObject({ idle: 3, total: 3 });
    p.clear();
    yield* sleep(100);
    expect(p.statistics().total).toBe(0);
    p.ready();
    yield* sleep(21);
    expect(p.statistics().idle).toBe(3);
  });
});

test("where min cannot be made it is tried ever more rarely, and nobody is disturbed", async () => {
  const host = new VirtualHost();
  await inGroup(function* () {
    const ledger = ledgerWith({ fails: () => true });
    const times: number[] = [];
    const onEvent = (event: PoolEvent): void => {
      if (event.type === "connecting") times.push(host.now());
    };
    const p = yield* pool(pooling(ledger, { max: 2, min: 1, onEvent }));
    yield* sleep(60_000);
    // Without chance the pauses are 0.1, 0.2, 0.4, … ms, up to 30.
    expect(times.length).toBeLessThan(2100);
    expect(times.slice(0, 4).map((at) => Math.round(at * 10) / 10)).toEqual([0, 0.1, 0.3, 0.7]);
    ledger.fails = () => false;
    yield* sleep(100);
    expect(p.statistics()).toMatchObject({ idle: 1 });
  }, host);
});

test("one that is idle for too long goes, by itself", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith();
    const p = yield* pool(pooling(ledger, { idle: 100 }));
    const leases = [yield* p.acquire(), yield* p.acquire()];
    leases[0]?.release();
    yield* sleep(60);
    leases[1]?.release();
    yield* sleep(50);
    expect(p.statistics()).toMatchObject({ idle: 1, destroyed: 1 });
    yield* sleep(49);
    expect(p.statistics()).toMatchObject({ idle: 1 });
    yield* sleep(2);
    expect(p.statistics()).toMatchObject({ idle: 0, destroyed: 2 });
    expect(ledger.live).toBe(0);
  });
});

test("one that is too old goes when nobody uses it, and min is made up for", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith();
    const p = yield* pool(pooling(ledger, { maxLifetime: 100, min: 1 }));
    yield* sleep(1);
    const lease = yield* p.acquire();
    yield* sleep(500);
    expect(ledger.made[0]?.open).toBe(true);
    lease.release();
    yield* sleep(10);
    expect(ledger.made[0]?.open).toBe(false);
    expect(p.statistics()).toMatchObject({ idle: 1, total: 1 });
    yield* sleep(1000);
    expect(ledger.made.length).toBe(Math.floor(1010 / 100) + 2);
  });
});

test("times that are no whole numbers do not make the clock of the pool go round and round", async () => {
  const host = new VirtualHost({ start: 1234.567_89 });
  await inGroup(function* () {
    const p = yield* pool(pooling(ledgerWith(), { idle: 0.1 + 0.2, maxLifetime: 0.7 }));
    for (let i = 0; i < 50; i++) {
      yield* p.with(() => sleep(0.1));
      yield* sleep(1 / 3);
    }
  }, host);
});

test("a destroy that does not end is cancelled, and its place is free", async () => {
  await inGroup(function* () {
    const events: PoolEvent[] = [];
    const ledger = ledgerWith({ destroyTime: 1e9 });
    const p = yield* pool(
      pooling(ledger, { max: 1, destroyTimeout: 100, onEvent: (event) => void events.push(event) }),
    );
    (yield* p.acquire()).broken();
    expect((yield* p.acquire()).id).toBe(2);
    expect(now()).toBe(100);
    const end = events.find((event) => event.type === "destroyed");
    expect(String(end?.error)).toBe('TimeoutError: destroying a connection of the pool "db": not done within 100 ms');
  });
});

test("a destroy that fails is reported where nobody listens, and fails nobody", async () => {
  const host = new VirtualHost();
  await inGroup(function* () {
    const p = yield* pool({
      create: () => give("connection"),
      destroy() {
        throw new Error("no");
      },
      max: 1,
    });
    (yield* p.acquire()).broken();
    yield* sleep(10);
    expect(p.statistics().total).toBe(0);
  }, host);
  expect(host.reports.map((report) => `${report.message}: ${String(report.error)}`)).toEqual([
    'a connection of the pool "pool" could not be destroyed: Error: no',
  ]);
});

test("a promise in place of an operation is reported", async () => {
  const host = new VirtualHost();
  await inGroup(function* () {
    const p = yield* pool({
      create: () => give("connection"),
      destroy: (async () => undefined) as never,
      check: (async () => true) as never,
      max: 1,
    });
    (yield* p.acquire()).suspect();
    yield* sleep(10);
    expect(p.statistics()).toMatchObject({ total: 0, destroyed: 1 });
  }, host);
  expect(host.reports.map((report) => `${report.message} ${String(report.error)}`)).toEqual([
    'the check of the pool "pool" gave [object Promise], neither a boolean nor an operation undefined',
    'a connection of the pool "pool" could not be destroyed TypeError: the destroy of the pool "pool" gave [object Promise], no operation: give until(promise)',
  ]);
});

test("without destroy a connection is disposed of", async () => {
  const gone: string[] = [];
  await virtually(function* () {
    const p = yield* pool({
      *create() {
        return {
          [Symbol.asyncDispose]: async () => void gone.push("gone"),
        };
      },
      max: 1,
    });
    yield* p.with(() => sleep(1));
  });
  expect(gone).toEqual(["gone"]);
});

test("connections are made with the locals of the one who opened the pool, and not of the one who asks", async () => {
  const who = new TaskLocal<string>({ defaultValue: "nobody" });
  const seen: string[] = [];
  await inGroup(function* (g) {
    const p = yield* who.run("owner", () =>
      pool({
        *create() {
          seen.push(String(who.get()));
          return 1;
        },
        max: 1,
      }),
    );
    g.spawn(() => who.run("guest", () => p.with(() => give(1))));
    yield* sleep(5);
  });
  expect(seen).toEqual(["owner"]);
});

// ---- the end --------------------------------------------------------------------------------------------------------

test("at the end of the scope all are destroyed, also those that are lent, being made or being destroyed", async () => {
  await onEverySchedule(function* (g) {
    for (const at of [0, 1, 5, 9, 10, 11, 15, 25]) {
      const ledger = ledgerWith({ connectTime: 10, destroyTime: 5 });
      const outside: Group = g;
      const asking: { cancel(): void; ended(): unknown }[] = [];
      yield* moveOnAfter(at, function* () {
        const p = yield* pool(pooling(ledger, { max: 3, maxConnecting: 3 }));
        for (let i = 0; i < 5; i++) {
          asking.push(
            outside.spawn(() =>
              thrownBy(function* () {
                using lease = yield* p.acquire();
                yield* sleep(i * 3);
                if (i === 2) lease.broken();
              }),
            ),
          );
        }
        yield* sleep(1000);
      });
      expect(ledger.live).toBe(0);
      expect(ledger.complaints).toEqual([]);
      expect(ledger.made.every((one) => !one.open)).toBe(true);
      yield* sleep(100);
      expect(ledger.live).toBe(0);
    }
  });
});

test("who waits when the scope ends gets a ClosedError, and so does who comes later", async () => {
  await inGroup(function* (g) {
    let late: unknown;
    let afterwards: unknown;
    yield* scope(function* () {
      const p = yield* pool(pooling(ledgerWith(), { max: 1 }));
      const lease = yield* p.acquire();
      g.spawn(function* () {
        late = yield* thrownBy(() => p.acquire());
        lease.release();
        afterwards = yield* thrownBy(() => p.acquire());
      });
      yield* sleep(1);
    });
    yield* sleep(1);
    for (const error of [late, afterwards]) {
      expect(error).toBeInstanceOf(ClosedError);
      expect(String(error)).toBe('ClosedError: the pool "db" is closed');
    }
  });
});

test("close() waits for what is lent, refuses the rest, and is done when all are destroyed", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ destroyTime: 5 });
    const p = yield* pool(pooling(ledger, { max: 2 }));
    const lease = yield* p.acquire();
    const closing = [g.spawn(() => p.close()), g.spawn(() => p.close())];
    yield* sleep(10);
    expect(yield* thrownBy(() => p.acquire())).toBeInstanceOf(ClosedError);
    expect(closing[0]?.over).toBe(false);
    lease.release();
    for (const task of closing) yield* task;
    expect(now()).toBe(15);
    expect(ledger.live).toBe(0);
    yield* p.close();
    expect(p.statistics()).toMatchObject({ state: "closed", total: 0 });
  });
});

test("a close() that is cancelled destroys what is lent at once", async () => {
  await inGroup(function* () {
    const ledger = ledgerWith({ destroyTime: 5 });
    const p = yield* pool(pooling(ledger));
    const lease = yield* p.acquire();
    const { timedOut } = yield* moveOnAfter(10, () => p.close());
    expect(timedOut).toBe(true);
    expect(now()).toBe(15);
    expect(ledger.live).toBe(0);
    lease.release();
    expect(ledger.complaints).toEqual([]);
  });
});

test("a second close() is done when the first one has destroyed everything, and not before", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ destroyTime: 50 });
    const p = yield* pool(pooling(ledger));
    yield* p.acquire();
    const first = g.spawn(() => p.close());
    yield* sleep(1);
    first.cancel();
    yield* sleep(10);
    yield* p.close();
    expect(now()).toBe(51);
    expect(ledger.live).toBe(0);
  });
});

test("a close() beside the end of the scope is done with it, and destroys nothing twice", async () => {
  await inGroup(function* (g) {
    const ledger = ledgerWith({ destroyTime: 50 });
    let p!: Pool<Connection>;
    g.spawn(() =>
      group(function* () {
        p = yield* pool(pooling(ledger));
        (yield* p.acquire()).release();
      }),
    );
    yield* sleep(10);
    expect(ledger.live).toBe(1);
    yield* p.close();
    expect(now()).toBe(50);
    expect(ledger.live).toBe(0);
    expect(ledger.complaints).toEqual([]);
  });
});

test("cleanup in a group that is cancelled can use the connections that there are", async () => {
  await onEverySchedule(function* () {
    const ledger = ledgerWith({ connectTime: 1 });
    const done: string[] = [];
    yield* thrownBy(() =>
      group(function* (g) {
        const p = yield* pool(pooling(ledger, { max: 2 }));
        for (let i = 0; i < 4; i++) {
          g.spawn(function* () {
            try {
              yield* p.with(() => sleep(1000));
            } finally {
              yield* p.with(function* (connection) {
                ledger.begin(connection);
                yield* sleep(3);
                ledger.end(connection);
                done.push("cleaned up");
              });
            }
          });
        }
        // Some have a connection, and one lies idle that cleanup can have.
        yield* sleep(10);
        throw new Error("down");
      }),
    );
    expect(ledger.live).toBe(0);
    expect(ledger.complaints).toEqual([]);
  });
});

test("what is deferred later than the pool was opened can use it still", async () => {
  await virtually(function* () {
    const ledger = ledgerWith();
    const said: string[] = [];
    yield* group(function* () {
      const p = yield* pool(pooling(ledger));
      defer(() => p.with((connection) => give(said.push(`saved by ${connection.id}`))));
      yield* p.with(() => sleep(1));
    });
    expect(said).toEqual(["saved by 1"]);
    expect(ledger.live).toBe(0);
  });
});

test("where the group has ended and nothing is left, who asks is told so and does not wait for ever", async () => {
  await virtually(function* () {
    let error: unknown;
    yield* group(function* () {
      const p = yield* pool(pooling(ledgerWith()));
      defer(function* () {
        error = yield* thrownBy(() => p.acquire());
      });
    });
    expect(error).toBeInstanceOf(ClosedError);
    expect(String(error)).toContain("makes no more connections: the tasks of the group");
  });
});

test("a task that waits for the connection that it holds is a deadlock, and is told so", async () => {
  const ledger = ledgerWith();
  const failed = virtually(function* () {
    const p = yield* pool(pooling(ledger, { max: 1 }));
    using _lease = yield* p.acquire();
    yield* p.acquire();
  });
  await expect(failed).rejects.toBeInstanceOf(DeadlockError);
  await expect(failed).rejects.toThrow("connection of db");
  expect(ledger.live).toBe(0);
});

test("a listener that throws is reported and disturbs nobody", async () => {
  const host = new VirtualHost();
  await inGroup(function* () {
    const p = yield* pool(
      pooling(ledgerWith(), {
        onEvent() {
          throw new Error("mine");
        },
      }),
    );
    yield* p.with(() => sleep(1));
  }, host);
  expect(host.reports.every((report) => report.message === 'the onEvent of the pool "db" threw')).toBe(true);
  expect(host.reports.length).toBeGreaterThan(4);
});

test("each step is an event", async () => {
  const events: PoolEvent[] = [];
  await inGroup(function* () {
    yield* scope(function* () {
      const p = yield* pool(
        pooling(ledgerWith({ connectTime: 5 }), {
          max: 1,
          waitTimeout: 20,
          onEvent: (event) => void events.push(event),
        }),
      );
      const lease = yield* p.acquire();
      yield* thrownBy(() => p.acquire());
      lease.release();
      p.clear("why");
      yield* thrownBy(() => p.acquire());
      p.ready();
      yield* sleep(1);
    });
  });
  expect(events).toEqual([
    { type: "waiting" },
    { type: "connecting", connection: 1 },
    { type: "connected", connection: 1, ms: 5 },
    { type: "lent", connection: 1, ms: 5 },
    { type: "waiting" },
    { type: "refused", reason: "timeout", ms: 20 },
    { type: "returned", connection: 1, ms: 20 },
    { type: "cleared", generation: 1, cause: "why" },
    { type: "refused", reason: "cleared", ms: 0 },
    { type: "ready" },
    { type: "destroyed", connection: 1, reason: "stale", error: undefined },
    { type: "closed" },
  ]);
});

test("options that make no sense are refused", async () => {
  await virtually(function* () {
    const bad: Partial<PoolOptions<Connection>>[] = [
      { create: undefined as never },
      { max: 0 },
      { max: 1.5 },
      { min: -1 },
      { min: 4 },
      { maxConnecting: 0 },
      { maxWaiting: -1 },
      { idle: -1 },
      { waitTimeout: Number.NaN },
    ];
    for (const one of bad) {
      const error = yield* thrownBy(() => pool(pooling(ledgerWith(), one)));
      expect(error).toBeInstanceOf(Error);
      expect(suppressed(error)).toEqual([]);
    }
    expect(yield* shield(() => timeout(5, () => give("whole")))).toBe("whole");
  });
});
