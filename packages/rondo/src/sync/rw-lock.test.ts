/** The reader-writer lock: many or one, in one fair line. */
import { describe, expect, test } from "vitest";

import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import {
  BrokenError,
  checkpoint,
  DeadlockError,
  type Group,
  moveOnAfter,
  now,
  RWLock,
  select,
  sleep,
  type Task,
  VirtualHost,
} from "../index.ts";

test("many read at once, one writes, never both, whatever the schedule", () =>
  onEverySchedule(function* (g) {
    const lock = new RWLock();
    let readers = 0;
    let writers = 0;
    let mostReaders = 0;
    function* read() {
      for (let i = 0; i < 3; i++) {
        yield* lock.withRead(function* () {
          mostReaders = Math.max(mostReaders, ++readers);
          expect(writers).toBe(0);
          yield* sleep(1);
          readers--;
        });
      }
    }
    function* write() {
      for (let i = 0; i < 3; i++) {
        yield* lock.withWrite(function* () {
          expect([readers, writers++]).toEqual([0, 0]);
          yield* sleep(1);
          writers--;
        });
      }
    }
    const tasks: Task[] = [];
    for (let i = 0; i < 4; i++) tasks.push(g.spawn(read));
    for (let i = 0; i < 4; i++) tasks.push(g.spawn(write));
    for (const task of tasks) yield* task;
    expect(mostReaders).toBeGreaterThan(1);
    expect(lock.statistics()).toEqual({ writer: undefined, readers: 0, waitingReaders: 0, waitingWriters: 0 });
  }));

/** Starts readers (r) and writers (w) in the given order, each for 10 ms, and tells when each began. */
function* started(g: Group, lock: RWLock, line: string) {
  const tasks: Task<string>[] = [];
  for (const [i, who] of [...line].entries()) {
    tasks.push(
      g.spawn(function* () {
        yield* sleep(i * 0.001);
        using _held = yield* who === "r" ? lock.holdRead() : lock.holdWrite();
        const at = Math.floor(now());
        yield* sleep(10);
        return `${who}${at}`;
      }),
    );
  }
  const starts: string[] = [];
  for (const task of tasks) starts.push(yield* task);
  return starts.join(" ");
}

describe("the line", () => {
  test("readers that stand next to each other go in together, the rest in order", () =>
    onEverySchedule(function* (g) {
      expect(yield* started(g, new RWLock(), "rrwrrwwr")).toBe("r0 r0 w10 r20 r20 w30 w40 r50");
    }));

  test("a writer is not starved by readers that come without end", async () => {
    const written = await inGroup(function* (g) {
      const lock = new RWLock();
      let stop = false;
      function* reader(offset: number) {
        yield* sleep(offset);
        while (!stop) yield* lock.withRead(sleep(10));
      }
      for (const offset of [0, 3, 6]) g.spawn(reader(offset));
      yield* sleep(20);
      yield* lock.write();
      const at = now();
      lock.release();
      stop = true;
      return at;
    });
    expect(written).toBeLessThanOrEqual(30);
  });

  test("a reader is not starved by writers that come without end", async () => {
    const read = await inGroup(function* (g) {
      const lock = new RWLock();
      let stop = false;
      function* writer() {
        while (!stop) yield* lock.withWrite(sleep(10));
      }
      for (let i = 0; i < 3; i++) g.spawn(writer);
      yield* sleep(5);
      yield* lock.read();
      const at = now();
      lock.release();
      stop = true;
      return at;
    });
    expect(read).toBe(30);
  });

  test("a reader that comes while a writer waits stands behind it, and so does tryRead", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.read();
      const writer = g.spawn(lock.withWrite(sleep(10)));
      yield* sleep(1);
      const reader = g.spawn(function* () {
        expect(lock.tryRead()).toBe(false);
        yield* lock.withRead(checkpoint());
        return now();
      });
      yield* sleep(1);
      expect(lock.statistics()).toEqual({ writer: undefined, readers: 1, waitingReaders: 1, waitingWriters: 1 });
      lock.release();
      expect(lock.holder).toBe(writer);
      expect(yield* reader).toBe(12);
    }));

  test("released to one who waits, it is theirs at once", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.write();
      const readers = [g.spawn(lock.withRead(sleep(1))), g.spawn(lock.withRead(sleep(1)))];
      yield* sleep(1);
      lock.release();
      expect(lock.holders).toHaveLength(2);
      expect(lock.tryWrite()).toBe(false);
      for (const reader of readers) yield* reader;
      expect(lock.tryWrite()).toBe(true);
      lock.release();
    }));
});

describe("cancellation", () => {
  test("a writer that leaves the line lets the readers behind it in", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.read();
      const writer = g.spawn(lock.withWrite(sleep(10)));
      yield* sleep(1);
      const reader = g.spawn(lock.withRead(checkpoint()));
      yield* sleep(1);
      writer.cancel();
      yield* reader;
      expect(now()).toBe(2);
      lock.release();
    }));

  test("a writer that leaves a line of writers lets nobody in beside a writer", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.write();
      const gone = g.spawn(lock.withWrite(sleep(10)));
      yield* sleep(1);
      const reader = g.spawn(lock.withRead(checkpoint()));
      yield* sleep(1);
      gone.cancel();
      yield* sleep(1);
      expect(reader.waitingFor).toBe("read lock");
      lock.release();
      yield* reader;
    }));

  test("one who was granted it and is cancelled in the same turn gives it back", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.write();
      const first = g.spawn(lock.withWrite(sleep(10)));
      yield* sleep(1);
      const second = g.spawn(lock.withRead(sleep(1)));
      yield* sleep(1);
      lock.release();
      first.cancel();
      yield* second;
      expect(now()).toBe(3);
      expect(lock.holder).toBe(null);
    }));

  test("timeouts and lost arms leave no trace", async () => {
    await inGroup(function* (g) {
      const lock = new RWLock();
      g.spawn(lock.withWrite(sleep(100)));
      yield* sleep(1);
      expect((yield* moveOnAfter(1, lock.read())).timedOut).toBe(true);
      expect((yield* select({ write: lock.write(), late: sleep(1) })).key).toBe("late");
      expect(lock.statistics()).toMatchObject({ waitingReaders: 0, waitingWriters: 0 });
    });
  });

  test("as an arm of a select it is held by the task that selects", () =>
    onEverySchedule(function* (g) {
      const lock = new RWLock();
      yield* lock.write();
      const chooser: Task = g.spawn(function* () {
        expect((yield* select({ read: lock.read(), late: sleep(100) })).key).toBe("read");
        expect(lock.holder).toBe(chooser);
        lock.release();
      });
      yield* sleep(1);
      lock.release();
      yield* chooser;
    }));
});

describe("bad use", () => {
  test("acquiring what you hold, in either form, is an error and not a deadlock", async () => {
    await virtually(function* () {
      const lock = new RWLock({ name: "config" });
      yield* lock.read();
      expect(String(yield* thrownBy(() => lock.write()))).toMatch(
        /acquires the read-write lock "config", which it reads already/,
      );
      expect(() => lock.tryRead()).toThrow(/which it reads already/);
      lock.release();
      yield* lock.write();
      expect(() => lock.tryRead()).toThrow(/which it writes already/);
      lock.release();
    });
  });

  test("releasing what you do not hold says who does", async () => {
    await inGroup(function* (g) {
      const lock = new RWLock({ name: "config" });
      expect(() => lock.release()).toThrow(/but nobody holds it/);
      g.spawn(lock.withRead(sleep(10)), { name: "ann" });
      g.spawn(lock.withRead(sleep(10)), { name: "bob" });
      yield* sleep(1);
      expect(() => lock.release()).toThrow(/"config" was released by ".*", but "ann", "bob" reads/);
    });
    expect(() => new RWLock().release()).toThrow(/outside a task/);
  });
});

describe("a task that ends while it holds it", () => {
  for (const how of ["read", "wrote"] as const) {
    test(`and ${how} is reported, and those in line and those who come get a BrokenError`, async () => {
      const host = new VirtualHost();
      await inGroup(function* (g) {
        const lock = new RWLock({ name: "config" });
        g.spawn(
          function* () {
            yield* how === "read" ? lock.read() : lock.write();
            yield* sleep(5);
          },
          { name: "forgetful" },
        );
        const writer = g.spawn(() => thrownBy(() => lock.write()));
        const reader = g.spawn(() => thrownBy(() => lock.read()));
        yield* sleep(1);
        expect(lock.statistics()).toMatchObject({ waitingWriters: 1, waitingReaders: 1 });
        expect(yield* writer).toBeInstanceOf(BrokenError);
        expect(yield* reader).toBeInstanceOf(BrokenError);
        expect(yield* thrownBy(() => lock.read())).toBeInstanceOf(BrokenError);
        expect(() => lock.tryWrite()).toThrow(BrokenError);
      }, host);
      expect(host.reports).toMatchObject([
        { kind: "lock", message: `"forgetful" ended while it ${how} the read-write lock "config"` },
      ]);
    });
  }

  test("leaves the others that read their hold, to give back as usual", async () => {
    const host = new VirtualHost();
    await inGroup(function* (g) {
      const lock = new RWLock();
      yield* lock.read();
      yield* g.spawn(lock.read());
      expect(lock.broken).toBe(true);
      lock.release();
      expect(lock.holder).toBe(null);
    }, host);
    expect(host.reports).toHaveLength(1);
  });
});

test("a circle of a reader and a writer is named", async () => {
  const a = new RWLock({ name: "a" });
  const b = new RWLock({ name: "b" });
  const error: unknown = await inGroup(function* (g) {
    g.spawn(
      a.withRead(function* () {
        yield* sleep(1);
        yield* b.write();
      }),
      { name: "left" },
    );
    g.spawn(
      b.withRead(function* () {
        yield* sleep(1);
        yield* a.write();
      }),
      { name: "right" },
    );
  }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DeadlockError);
  expect((error as Error).message).toMatch(/in a circle: "(left|right)" waits for "(?!\1)(left|right)" waits for "\1"/);
});
