/** The gate: open, everyone passes; closed, everyone waits. */
import { expect, test } from "vitest";

import { inGroup, onEverySchedule, virtually } from "../../tests/virtual.ts";
import { checkpoint, Gate, now, select, sleep } from "../index.ts";

test("an open gate is passed without a switch", async () => {
  await inGroup(function* (g) {
    const gate = new Gate({ open: true });
    let others = 0;
    g.spawn(function* () {
      others++;
    });
    yield* gate.wait();
    expect(others).toBe(0);
  });
});

test("a closed gate holds everyone until it is opened", () =>
  onEverySchedule(function* (g) {
    const gate = new Gate({ name: "start" });
    const tasks = [1, 2, 3].map(() =>
      g.spawn(function* () {
        yield* gate.wait();
        return now();
      }),
    );
    yield* sleep(5);
    expect(gate.statistics()).toEqual({ open: false, waiters: 3 });
    gate.open();
    for (const task of tasks) expect(yield* task).toBe(5);
    expect(gate.statistics()).toEqual({ open: true, waiters: 0 });
  }));

test("who stood there when it was opened goes, also if it was closed at once; who comes then waits", () =>
  onEverySchedule(function* (g) {
    const gate = new Gate();
    const early = g.spawn(gate.wait());
    yield* sleep(1);
    gate.open();
    gate.close();
    const late = g.spawn(gate.wait());
    yield* early;
    yield* sleep(1);
    expect(late.state).toBe("waiting");
    gate.open();
    yield* late;
  }));

test("one who is cancelled or chooses otherwise leaves no trace", async () => {
  await inGroup(function* (g) {
    const gate = new Gate();
    const task = g.spawn(gate.wait());
    const chooser = g.spawn(select({ gate: gate.wait(), late: sleep(1) }));
    yield* sleep(2);
    task.cancel();
    expect((yield* chooser).key).toBe("late");
    expect(gate.statistics().waiters).toBe(0);
  });
});

test("opening and closing twice changes nothing", async () => {
  await virtually(function* () {
    const gate = new Gate();
    gate.close();
    gate.open();
    gate.open();
    yield* gate.wait();
    gate.close();
    expect(gate.isOpen).toBe(false);
  });
});

test("a task that passes an open gate for ever lets the others run", async () => {
  let rounds = 0;
  await inGroup(function* (g) {
    const gate = new Gate({ open: true });
    g.spawn(function* () {
      yield* checkpoint();
      gate.close();
      yield* sleep(1);
      gate.open();
    });
    while (now() === 0) {
      rounds++;
      yield* gate.wait();
    }
  });
  expect(rounds).toBeLessThan(10_000);
});
