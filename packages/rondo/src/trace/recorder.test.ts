import { afterEach, describe, expect, test } from "vitest";

import { inGroup, virtually } from "../../tests/virtual.ts";
import {
  all,
  checkpoint,
  type Coroutine,
  Lock,
  moveOnAfter,
  run,
  setTap,
  sleep,
  type Tap,
  VirtualHost,
} from "../index.ts";
import { Recorder, toChromeTrace, type TraceEvent } from "./index.ts";

afterEach(() => {
  setTap(null);
});

async function recorded(main: () => Coroutine<unknown>, capacity?: number): Promise<Recorder> {
  const recorder = new Recorder(capacity === undefined ? {} : { capacity });
  recorder.start();
  await run(main, { host: new VirtualHost(), name: "main" });
  recorder.stop();
  return recorder;
}

function said(events: readonly TraceEvent[]): string[] {
  return events.map(({ at, what, name, detail }) => [at, what, name, detail].filter((part) => part !== "").join(" "));
}

describe("a recorder", () => {
  test("tells the story of a task from its spawn to its end", async () => {
    const recorder = await recorded(function* () {
      yield* sleep(10);
    });
    expect(said(recorder.events())).toEqual([
      "0 spawn main",
      "0 ready main",
      "0 pollEnd loop",
      "0 stepBegin main",
      "0 timerSet timer 10",
      "0 waiting main sleep",
      "0 stepEnd main",
      "10 ready main",
      "10 timerFired timer",
      "10 stepBegin main",
      "10 exit main done",
      "10 stepEnd main",
      "10 pollBegin loop",
    ]);
  });

  test("tells who spawned and who woke whom, who cancelled whom and why, and what became of locks", async () => {
    const recorder = await recorded(function* () {
      const lock = new Lock({ name: "pen" });
      yield* all({
        holder: () => lock.with(sleep(5)),
        waiter: () => lock.with(sleep(5)),
        late: () => moveOnAfter(2, sleep(100)),
      });
    });
    const events = recorder.events();
    const find = (what: string, name: string): TraceEvent | undefined =>
      events.find((one) => one.what === what && one.name === name);
    const main = find("spawn", "main")?.task;
    const holder = find("spawn", "holder");
    expect(holder?.by).toBe(main);
    expect(events.findLast((one) => one.what === "ready" && one.name === "waiter" && one.at === 5)?.by).toBe(
      holder?.task,
    );
    expect(find("created", "pen")?.task).toBe(main);
    expect(events.filter(({ what, name }) => what === "acquired" && name === "pen").length).toBeGreaterThan(0);
    expect(find("waiting", "waiter")?.detail).toBe("lock");
    expect(find("cancelRequested", "moveOnAfter")).toMatchObject({ at: 2 });
    expect(find("cancelDelivered", "late")).toMatchObject({ at: 2 });
  });

  test("keeps the last of what happened, and counts what it has forgotten", async () => {
    const all_ = (await recorded(many)).events();
    const recorder = await recorded(many, 10);
    expect(recorder.events()).toHaveLength(10);
    expect(recorder.lost).toBe(all_.length - 10);
    expect(said(recorder.events())).toEqual(said(all_.slice(-10)));
    recorder.clear();
    expect([recorder.events(), recorder.lost]).toEqual([[], 0]);
  });

  function* many(): Coroutine<void> {
    for (let i = 0; i < 50; i++) yield* sleep(1);
  }

  test("records only between start and stop, and can be started again", async () => {
    const recorder = new Recorder();
    await virtually(() => sleep(1));
    recorder.start();
    expect(recorder.recording).toBe(true);
    expect(() => recorder.start()).toThrow("the recorder records already");
    await virtually(() => sleep(1));
    recorder.stop();
    const count = recorder.events().length;
    await virtually(() => sleep(1));
    expect([recorder.recording, recorder.events().length]).toEqual([false, count]);
    recorder.start();
    await virtually(() => sleep(1));
    recorder.stop();
    expect(recorder.events().length).toBe(2 * count);
  });

  test("leaves the tap that was there before to hear everything, and puts it back", async () => {
    const heard: string[] = [];
    const tap: Tap = { exit: (_task, outcome) => void heard.push(outcome) };
    setTap(tap);
    const recorder = await recorded(function* () {
      yield* sleep(1);
    });
    expect(heard).toEqual(["done"]);
    expect(recorder.events().some(({ what }) => what === "exit")).toBe(true);
    expect(setTap(null)).toBe(tap);
  });

  test("survives a tap before it that throws, which is taken off (edge 27)", async () => {
    const complaints: unknown[] = [];
    const error = console.error;
    console.error = (...args) => void complaints.push(args);
    try {
      setTap({
        stepBegin: () => {
          throw new Error("bad monitor");
        },
      });
      const recorder = await recorded(function* () {
        yield* sleep(1);
        yield* sleep(1);
      });
      expect(recorder.events().filter(({ what }) => what === "stepBegin")).toHaveLength(3);
      expect(complaints).toHaveLength(1);
      expect(setTap(null)).toBeNull();
    } finally {
      console.error = error;
    }
  });

  test("may be stopped, and may have the tap before it changed, from inside a tap (edge 27)", async () => {
    const recorder = new Recorder();
    const heard: string[] = [];
    setTap({
      exit: () => {
        recorder.stop();
        setTap({ spawn: () => void heard.push("spawn") });
      },
    });
    recorder.start();
    await virtually(() => sleep(1));
    expect(recorder.recording).toBe(false);
    await virtually(() => sleep(1));
    expect(heard).toEqual(["spawn"]);
  });

  test("keeps no task alive", async () => {
    const recorder = await recorded(function* () {
      yield* sleep(1);
    });
    const seen = JSON.stringify(recorder.events());
    expect(seen).toContain('"name":"main"');
    for (const event of recorder.events()) {
      for (const value of Object.values(event)) expect(["string", "number"]).toContain(typeof value);
    }
  });

  test("takes a whole number of events, 1 or more", () => {
    for (const capacity of [0, -1, 1.5, NaN]) expect(() => new Recorder({ capacity })).toThrow(RangeError);
  });
});

describe("a trace for Chrome", () => {
  test("shows when a task ran, waited and was ready, on a row of its own", async () => {
    const recorder = await recorded(function* () {
      yield* all({ a: sleep(10), b: sleep(20) });
    });
    const { traceEvents, displayTimeUnit } = toChromeTrace(recorder.events());
    expect(displayTimeUnit).toBe("ms");
    const rows = new Map(traceEvents.filter(({ ph }) => ph === "M").map(({ tid, args }) => [args?.["name"], tid]));
    expect([...rows.keys()]).toEqual(["loop", "main", "a", "b"]);
    const waits = traceEvents
      .filter(({ cat }) => cat === "wait")
      .map(({ name, tid, ts, dur }) => ({ name, tid, ts, dur }));
    expect(waits).toContainEqual({ name: "sleep", tid: rows.get("a"), ts: 0, dur: 10_000 });
    expect(waits).toContainEqual({ name: "sleep", tid: rows.get("b"), ts: 0, dur: 20_000 });
    expect(waits.filter(({ tid }) => tid === rows.get("main")).map(({ name }) => name)).toEqual(["task a", "task b"]);
    expect(traceEvents.filter(({ cat, tid }) => cat === "step" && tid === rows.get("a"))).toHaveLength(2);
  });

  test("joins who woke with who was woken by an arrow", async () => {
    const recorder = await recorded(function* () {
      yield* all({ a: sleep(10) });
    });
    const { traceEvents } = toChromeTrace(recorder.events());
    const starts = traceEvents.filter(({ ph }) => ph === "s");
    const ends = traceEvents.filter(({ ph }) => ph === "f");
    expect(starts.map(({ id }) => id)).toEqual(ends.map(({ id }) => id));
    expect(new Set(starts.map(({ id }) => id)).size).toBe(starts.length);
    expect(starts.map(({ name }) => name)).toContain("wake");
  });

  test("nests: no two stretches of one row overlap in part", async () => {
    const recorder = await recorded(function* () {
      const lock = new Lock();
      function* worker(): Coroutine<void> {
        for (let i = 0; i < 5; i++) {
          yield* lock.with(sleep(2));
          yield* checkpoint();
          yield* moveOnAfter(1, sleep(3));
        }
      }
      yield* all([worker(), worker(), worker()]);
    });
    const stretches = toChromeTrace(recorder.events()).traceEvents.filter(({ ph }) => ph === "X");
    for (const a of stretches) {
      for (const b of stretches) {
        if (a.tid !== b.tid || a === b) continue;
        const [aEnd, bEnd] = [a.ts + (a.dur as number), b.ts + (b.dur as number)];
        const apart = aEnd <= b.ts || bEnd <= a.ts;
        const inside = (a.ts <= b.ts && bEnd <= aEnd) || (b.ts <= a.ts && aEnd <= bEnd);
        expect(apart || inside).toBe(true);
      }
    }
  });

  test("counts the time of a task that gave way as ready from the end of its step", () => {
    const event = (at: number, what: TraceEvent["what"]): TraceEvent => ({
      at,
      what,
      task: 1,
      by: 0,
      name: "one",
      detail: "",
    });
    const events = [
      event(0, "stepBegin"),
      event(1, "ready"),
      event(2, "stepEnd"),
      event(5, "stepBegin"),
      event(6, "stepEnd"),
    ];
    const stretches = toChromeTrace(events).traceEvents.filter(({ ph }) => ph === "X");
    expect(stretches.map(({ cat, ts, dur }) => [cat, ts, dur])).toEqual([
      ["step", 0, 2000],
      ["ready", 2000, 3000],
      ["step", 5000, 1000],
    ]);
  });

  test("leaves out what began before the ring remembers", async () => {
    const recorder = await recorded(function* () {
      yield* all({ a: sleep(10), b: sleep(20) });
    }, 12);
    const { traceEvents } = toChromeTrace(recorder.events());
    for (const event of traceEvents) {
      expect(event.ts).toBeGreaterThanOrEqual(0);
      if (event.ph === "X") expect(event.dur).toBeGreaterThanOrEqual(0);
    }
    expect(toChromeTrace([]).traceEvents.map(({ ph }) => ph)).toEqual(["M"]);
  });

  test("shows a cancellation where it was asked for and where it was delivered", async () => {
    const recorder = new Recorder();
    recorder.start();
    await inGroup(function* (g) {
      const task = g.spawn(sleep(100), { name: "victim" });
      yield* sleep(1);
      task.cancel("because");
    });
    recorder.stop();
    const moments = toChromeTrace(recorder.events()).traceEvents.filter(({ cat }) => cat === "cancel");
    expect(moments.map(({ name, args }) => [name, args?.["reason"]])).toEqual([
      ["cancel victim", "because"],
      ["unwinding", undefined],
    ]);
  });
});
