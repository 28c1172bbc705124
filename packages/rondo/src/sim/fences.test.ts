import * as childProcess from "node:child_process";
import { randomBytes, randomFillSync, randomInt, randomUUID } from "node:crypto";
import * as dgram from "node:dgram";
import * as dns from "node:dns";
import * as fs from "node:fs";
import { readFileSync } from "node:fs";
import * as net from "node:net";
import { performance as perf } from "node:perf_hooks";
import { Readable } from "node:stream";
import * as timers from "node:timers";
import * as timersPromises from "node:timers/promises";
import { Worker } from "node:worker_threads";
import * as zlib from "node:zlib";
import { describe, expect, it, vi } from "vitest";

import { fromAsyncIterable } from "../combine/async-iterable.ts";
import { until } from "../combine/until.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import { readFile } from "../os/whole.ts";
import { memoryPair } from "../net/memory.ts";
import { fromWebStream } from "../net/web-streams.ts";
import { use } from "../task/defer.ts";
import { group } from "../task/group.ts";
import { suspend } from "../task/suspend.ts";
import { type FenceName, raiseFences, SimFenceError } from "./fences.ts";
import { type Run, simulate } from "./simulate.ts";
import type { World } from "./world.ts";

function fenced<T>(
  body: (world: World) => Operation<T>,
  options: { readonly seed?: number; readonly allow?: readonly FenceName[] } = {},
): Run<T> {
  return simulate(options, body);
}

/** What `work` throws when it is called in a run. */
function refusedIn(work: () => unknown, allow: readonly FenceName[] = []): unknown {
  return fenced(
    function* () {
      try {
        work();
        return undefined;
      } catch (error) {
        return error;
      }
    },
    { allow },
  ).value;
}

const realDate = Date;

describe("clocks in a run", () => {
  it("show the time of the node, and go on with it", () => {
    const { value } = fenced(function* () {
      const before = [new Date().toISOString(), Date.now(), performance.now(), process.hrtime.bigint()];
      yield* sleep(1500.5);
      return [before, [new Date().toISOString(), performance.now(), perf.now(), process.hrtime(), process.uptime()]];
    });
    expect(value).toEqual([
      ["2000-01-01T00:00:00.000Z", 946684800000, 0, 0n],
      ["2000-01-01T00:00:01.500Z", 1500.5, 1500.5, [1, 500500000], 1.5005],
    ]);
  });

  it("begin at the start of the world", () => {
    const real = performance.timeOrigin;
    const { value } = fenced(function* () {
      yield* sleep(100);
      return performance.timeOrigin;
    });
    expect(value).toBe(946684800000);
    expect(performance.timeOrigin).toBe(real);
  });

  it("are those of the node that asks, wrong or not", () => {
    const seen: number[] = [];
    const { error } = fenced(function* (world) {
      const node = world.node(
        "late",
        function* () {
          yield* sleep(1000);
          seen.push(Date.now(), performance.now());
        },
        { clock: { offset: 60_000, drift: 1 } },
      );
      yield* node.ended();
      seen.push(Date.now(), performance.now());
    });
    expect(error).toBeUndefined();
    expect(seen).toEqual([946684800000 + 61_000, 1000, 946684800000 + 500, 500]);
  });

  it("make real dates: of the same class, formatted as always, also for subclasses and without new", () => {
    class Day extends realDate {}
    const { value } = fenced(function* () {
      const date = new Date(2020, 1, 29, 12);
      return [
        date instanceof realDate,
        new realDate(0) instanceof Date,
        date.constructor === realDate,
        new Day(0) instanceof Date,
        Date.UTC(2000, 0, 1),
        new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" }).format(new Date()),
        Date() === new Date().toString(),
        Date.name,
        structuredClone(new Date(5)).getTime(),
      ];
    });
    expect(value).toEqual([true, true, true, true, 946684800000, "January 1, 2000", true, "Date", 5]);
    expect(Date).toBe(realDate);
  });
});

describe("chance in a run", () => {
  const drawn = (): unknown[] => {
    const bytes = new Uint8Array(7);
    randomFillSync(bytes, 2, 3);
    return [
      Math.random(),
      crypto.randomUUID(),
      [...crypto.getRandomValues(new Uint8Array(5))],
      crypto.getRandomValues(new Uint32Array(2))[1],
      randomBytes(6).toString("hex"),
      randomInt(10, 20),
      randomInt(1e12),
      randomUUID(),
      [...bytes],
    ];
  };

  it("is drawn from the seed", () => {
    const of = (seed?: number): unknown =>
      fenced(
        function* () {
          return drawn();
        },
        seed === undefined ? {} : { seed },
      ).value;
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    // The tamest world has chance too: identifiers do not collide in it.
    const [, uuid, , , , , , other] = of() as string[];
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(other).not.toBe(uuid);
  });

  it("costs one choice a node, however often it is asked", () => {
    const { choices } = fenced(
      function* (world) {
        for (let i = 0; i < 100; i++) Math.random();
        yield* world
          .node("a", function* () {
            randomBytes(1000);
          })
          .ended();
      },
      { seed: 3 },
    );
    expect([choices.get("random world")?.length, choices.get("random a")?.length]).toEqual([1, 1]);
  });

  it("is spread evenly, and within its bounds", () => {
    fenced(
      function* () {
        let sum = 0;
        for (let i = 0; i < 10_000; i++) {
          const one = Math.random();
          expect(one >= 0 && one < 1).toBe(true);
          sum += one;
        }
        expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.02);
      },
      { seed: 5 },
    );
  });

  it("refuses what the platform refuses", () => {
    expect(refusedIn(() => crypto.getRandomValues(new Float64Array(1) as never))).toMatchObject({
      name: "TypeMismatchError",
    });
    expect(refusedIn(() => crypto.getRandomValues(new Uint8Array(65537)))).toMatchObject({
      name: "QuotaExceededError",
    });
    expect(refusedIn(() => randomInt(5, 5))).toBeInstanceOf(RangeError);
    expect(refusedIn(() => randomBytes(-1))).toBeInstanceOf(RangeError);
  });

  it("calls back where that was asked for", () => {
    const { value } = fenced(function* () {
      return yield* suspend<unknown>((wake) => randomBytes(3, (error, bytes) => wake([error, bytes.length])));
    });
    expect(value).toEqual([null, 3]);
  });
});

describe("timers in a run", () => {
  it("fire in virtual time", () => {
    const seen: unknown[] = [];
    const { virtual } = fenced(function* () {
      setTimeout((...args: unknown[]) => seen.push(["timeout", args, now_()]), 86_000_000, 1, 2);
      timers.setTimeout(() => seen.push(["module", now_()]), 50);
      const interval = setInterval(() => {
        seen.push(["interval", now_()]);
        if (now_() === 20) clearInterval(interval);
      }, 10);
      setImmediate(() => seen.push(["immediate", now_()]));
      clearTimeout(setTimeout(() => seen.push("never"), 5));
      clearTimeout(Number(setTimeout(() => seen.push("never"), 5)));
      yield* sleep(86_000_001);
    });
    expect(seen).toEqual([
      ["immediate", 0],
      ["interval", 10],
      ["interval", 20],
      ["module", 50],
      ["timeout", [1, 2], 86_000_000],
    ]);
    expect(virtual).toBe(86_000_001);
  });

  const now_ = (): number => performance.now();

  it("go by the clock of their node, wait while it stands still, and are forgotten when it crashes", () => {
    const seen: string[] = [];
    fenced(function* (world) {
      const slow = world.node(
        "slow",
        function* () {
          setTimeout(() => seen.push(`slow at ${world.time}`), 100);
          yield* sleep(200);
        },
        { clock: { drift: -0.5 } },
      );
      const crashing = world.node("crashing", function* () {
        setTimeout(() => seen.push("of the dead"), 100);
        setInterval(() => {}, 10);
        queueMicrotask(() => seen.push("alive"));
        yield* sleep(200);
      });
      yield* sleep(50);
      crashing.crash();
      slow.pause();
      yield* sleep(400);
      slow.resume();
      yield* slow.ended();
    });
    expect(seen).toEqual(["alive", "slow at 450"]);
  });

  it("have handles like Node's", () => {
    const seen: string[] = [];
    fenced(function* () {
      const timer = setTimeout(() => seen.push(`fired at ${now()}`), 10);
      expect(timer.hasRef()).toBe(true);
      expect(timer.unref().hasRef()).toBe(false);
      timer.ref();
      yield* sleep(6);
      timer.refresh();
      yield* sleep(6);
      expect(seen).toEqual([]);
      yield* sleep(6);
      using other = setTimeout(() => seen.push("never"), 1);
      other.close();
    });
    expect(seen).toEqual([]);
  });

  it("have the same numbers in every run", () => {
    const numbers = (): unknown =>
      fenced(function* () {
        return [1, 2].map(() => Number(setTimeout(() => {}, 1).unref()));
      }).value;
    expect([numbers(), numbers()]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it("that are unref'd keep nothing alive: who waits for nothing else is deadlocked", () => {
    const { error } = fenced(function* () {
      setInterval(() => {}, 10).unref();
      yield* group(function* () {
        yield* sleep(Infinity);
      });
    });
    expect(error).toMatchObject({ name: "DeadlockError" });
  });

  it.each([setTimeout, queueMicrotask, process.nextTick])("that throw end the run (%o)", (real) => {
    const { error, virtual } = fenced(function* () {
      const set = (globalThis as never)[real.name] ?? process.nextTick;
      (set as (callback: () => void) => void)(() => {
        throw new Error("from a callback");
      });
      yield* sleep(20);
    });
    expect(String(error)).toBe("Error: from a callback");
    expect(virtual).toBeLessThan(20);
  });

  it("set by a callback belong to the node of the callback", () => {
    const seen: number[] = [];
    fenced(function* (world) {
      const node = world.node(
        "a",
        function* () {
          setTimeout(() => setTimeout(() => seen.push(Date.now() - 946684800000), 10), 10);
          yield* sleep(30);
        },
        { clock: { offset: 5000 } },
      );
      yield* node.ended();
    });
    expect(seen).toEqual([5020]);
  });

  it("take Node's limits: nothing, too much and no number are 1 ms", () => {
    const seen: unknown[] = [];
    fenced(function* () {
      for (const ms of [undefined, -5, Number.NaN, 2 ** 31, 0.5]) setTimeout(() => seen.push(performance.now()), ms);
      yield* sleep(2);
    });
    expect(seen).toEqual([1, 1, 1, 1, 1]);
  });

  it("make microtasks and ticks steps of the node, so that streams of Node run in it", () => {
    const { value } = fenced(function* () {
      const seen: string[] = [];
      queueMicrotask(() => seen.push("microtask"));
      process.nextTick((what: string) => seen.push(what), "tick");
      yield* checkpoint();
      const readable = Readable.from(["a"], { objectMode: true });
      readable.destroy();
      const plain = new Readable({ read() {} });
      plain.on("data", (chunk) => seen.push(String(chunk)));
      plain.push("bytes");
      plain.push(null);
      yield* suspend<void>((wake) => void plain.on("end", () => wake()));
      return seen;
    });
    expect(value).toEqual(["microtask", "tick", "bytes"]);
  });

  it("abort a signal of AbortSignal.timeout", () => {
    const { value } = fenced(function* () {
      const signal = AbortSignal.timeout(100);
      yield* sleep(99);
      const before = signal.aborted;
      yield* sleep(2);
      return [before, signal.aborted, (signal.reason as Error).name];
    });
    expect(value).toEqual([false, true, "TimeoutError"]);
  });
});

describe("what would leave the world", () => {
  const cases: readonly (readonly [string, FenceName, () => unknown])[] = [
    ["fs.readFileSync", "file", () => fs.readFileSync("/etc/hosts")],
    ["fs.readFileSync", "file", () => readFileSync("/etc/hosts")],
    ["fs.readFile", "file", () => fs.readFile("/etc/hosts", () => {})],
    ["fs.promises.readFile", "file", () => fs.promises.readFile("/etc/hosts")],
    ["fs.createReadStream", "file", () => fs.createReadStream("/etc/hosts")],
    ["fs.existsSync", "file", () => fs.existsSync("/etc/hosts")],
    ["net.Socket.prototype.connect", "network", () => net.connect(1, "127.0.0.1")],
    ["net.Server.prototype.listen", "network", () => net.createServer().listen(0)],
    ["dgram.createSocket", "network", () => dgram.createSocket("udp4")],
    ["dns.lookup", "network", () => dns.lookup("localhost", () => {})],
    ["dns.resolve4", "network", () => dns.resolve4("localhost", () => {})],
    ["dns.promises.lookup", "network", () => dns.promises.lookup("localhost")],
    ["dns.Resolver.prototype.resolve4", "network", () => new dns.Resolver().resolve4("localhost", () => {})],
    ["fetch", "network", () => fetch("http://localhost:1")],
    ["new WebSocket", "network", () => new WebSocket("ws://localhost:1")],
    ["child_process.spawn", "process", () => childProcess.spawn("true")],
    ["child_process.execSync", "process", () => childProcess.execSync("true")],
    ["new Worker", "worker", () => new Worker("0", { eval: true })],
    ["zlib.gzip", "thread", () => zlib.gzip("x", () => {})],
    ["timers/promises.setTimeout", "timers", () => timersPromises.setTimeout(1)],
    ["timers/promises.setTimeout", "timers", () => process.getBuiltinModule("node:util").promisify(setTimeout)(1)],
    ["new MessageChannel", "worker", () => new MessageChannel()],
  ];

  it.each(cases)("%s throws, with the line and what to do instead", (name, fence, work) => {
    const error = refusedIn(work) as SimFenceError;
    expect(error).toBeInstanceOf(SimFenceError);
    expect(error.fence).toBe(fence);
    expect(error.message).toContain(name);
    expect(error.message).toContain(`allow: ["${fence}"]`);
    expect(error.stack?.split("\n").slice(1, 6).join("\n")).toContain("fences.test.ts");
  });

  it("names what was asked for", () => {
    expect(String(refusedIn(() => fs.readFileSync("/etc/hosts")))).toMatch(
      /^SimFenceError: fs\.readFileSync\("\/etc\/hosts"\) would leave the simulation: .*disk\(\)/,
    );
  });

  it("begins its stack at the line that did it", () => {
    const first = (error: unknown): string => (error as Error).stack?.split("\n")[1] ?? "";
    expect(first(refusedIn(() => fs.readFileSync("/etc/hosts")))).toContain("fences.test.ts");
    expect(first(refusedIn(() => fetch("http://localhost")))).toContain("fences.test.ts");
    expect(first(refusedIn(() => new WebSocket("ws://localhost")))).toContain("fences.test.ts");
  });

  it("is caught in rondo/os as well", () => {
    const { error } = fenced(reading);
    expect(error).toMatchObject({ name: "SimFenceError", fence: "file" });
    expect((error as Error).stack).toMatch(/at reading.*fences\.test\.ts/);
  });

  it("is let through by its name, and by no other", () => {
    expect(refusedIn(() => fs.readFileSync("/etc/hosts"), ["file"])).toBeUndefined();
    expect(refusedIn(() => fs.readFileSync("/etc/hosts"), ["network"])).toBeInstanceOf(SimFenceError);
    expect(
      fenced(
        function* () {
          return Date.now();
        },
        { allow: ["clock"] },
      ).value,
    ).toBeGreaterThan(1e12);
  });

  it("does not stop Node from loading a module", () => {
    expect(
      refusedIn(() => process.getBuiltinModule("node:module").createRequire(import.meta.url)("tough-cookie")),
    ).toBeUndefined();
  });

  it("does not stop those who read files to format a stack", () => {
    const { prepareStackTrace } = Error;
    Error.prepareStackTrace = function prepareStackTrace(error) {
      return `${error.name} with ${readFileSync("/etc/hosts").length} bytes`;
    };
    try {
      const { value, error } = fenced(function* () {
        return new Error("x").stack;
      });
      expect(error).toBeUndefined();
      expect(value).toMatch(/^Error with \d+ bytes$/);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
  });

  it("does not stop printing", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      const { steps, error } = fenced(function* () {
        console.log(new Date(0), "of", 1);
        expect(Date.now()).toBe(946684800000);
        log.mockImplementationOnce(() => {
          throw new Error("the console is broken");
        });
        expect(() => console.log()).toThrow("broken");
        expect(Date.now()).toBe(946684800000);
      });
      const silent = fenced(function* () {});
      expect(error).toBeUndefined();
      expect(steps).toBe(silent.steps);
      expect(log).toHaveBeenCalledTimes(2);
    } finally {
      log.mockRestore();
    }
  });
});

function* reading(): Coroutine<unknown> {
  return yield* readFile("/etc/hosts");
}

function* waiting(given: Promise<unknown> | (() => Promise<unknown>)): Coroutine<unknown> {
  return yield* until(given);
}

describe("until in a run", () => {
  it("throws, since no promise can settle, and calls no function for one", () => {
    const make = vi.fn(() => Promise.resolve(1));
    for (const given of [Promise.resolve(1), make]) {
      const { error } = fenced(() => waiting(given));
      expect(error).toMatchObject({ name: "SimFenceError", fence: "promise" });
      expect((error as Error).message).toMatch(/until\(promise\) would leave the simulation: .*no promise can settle/);
      expect((error as Error).stack).toMatch(/at waiting.*fences\.test\.ts/);
    }
    expect(make).not.toHaveBeenCalled();
  });

  it("throws at its line: who catches it goes on", () => {
    const { value } = fenced(function* () {
      try {
        yield* until(new Promise(() => {}));
      } catch (error) {
        return (error as Error).name;
      }
      return "settled";
    });
    expect(value).toBe("SimFenceError");
  });
});

describe("what else waits for promises", () => {
  it.each([
    ["the promise of a Symbol.asyncDispose", () => disposed({ [Symbol.asyncDispose]: () => Promise.resolve() })],
    ["until(promise)", () => fromAsyncIterable(forever()).take(1).toArray()],
    ["a stream of the web", () => webStream()],
  ])("throws: %s", (what, body) => {
    const { error } = fenced(body as () => Operation<unknown>);
    expect(String(error)).toContain("SimFenceError");
    expect(String(error)).toContain(what);
  });

  function* disposed(resource: AsyncDisposable): Coroutine<void> {
    use(resource);
    yield* checkpoint();
  }

  async function* forever(): AsyncGenerator<number> {
    for (;;) yield 1;
  }

  function* webStream(): Coroutine<void> {
    yield* fromWebStream(new TransformStream()).close();
  }

  it("does not throw where a `then` of somebody's own calls back in the world", () => {
    const { value } = fenced(function* () {
      // oxlint-disable-next-line no-thenable
      const thenable = { then: (settle: (value: number) => void) => void setTimeout(() => settle(7), 5) };
      return yield* until(thenable as unknown as PromiseLike<number>);
    });
    expect(value).toBe(7);
  });

  it("lets streams be used as disposables", () => {
    const { error } = fenced(function* () {
      const [a, b] = memoryPair();
      yield* group(function* () {
        use(a);
        use(b);
        yield* checkpoint();
      });
      return a.statistics();
    });
    expect(error).toBeUndefined();
  });
});

describe("the fences", () => {
  const names = ["Date", "setTimeout", "clearTimeout", "setImmediate", "queueMicrotask", "fetch", "WebSocket"] as const;
  const inventory = (): unknown[] => [
    ...names.map((name) => globalThis[name]),
    Math.random,
    performance.now,
    process.nextTick,
    process.hrtime,
    console.log,
  ];
  const down = {
    clockwork: undefined as never,
    allow: new Set<FenceName>(),
    wallClock: () => 0,
    nameOf: () => "",
    uncaught: () => {},
  };

  it("are down again after a run, one that failed, and one within another", () => {
    const before = inventory();
    fenced(function* () {});
    expect(inventory()).toEqual(before);
    fenced(function* () {
      throw new Error("failed");
    });
    expect(inventory()).toEqual(before);
    const { value } = fenced(function* () {
      yield* sleep(1000);
      const inner = fenced(function* () {
        yield* sleep(5);
        return Date.now();
      }).value;
      return [inner, Date.now(), refusedIn(() => fs.readFileSync("/etc/hosts"))];
    });
    expect(value).toEqual([946684800005, 946684801000, expect.any(SimFenceError)]);
    expect(inventory()).toEqual(before);
    expect(fs.readFileSync("/etc/hosts").length).toBeGreaterThan(0);
    expect(refusedIn(() => fs.readFileSync("/etc/hosts"))).toBeInstanceOf(SimFenceError);
  });

  it("put back what they found, also somebody's fake timers", () => {
    vi.useFakeTimers({ now: 0 });
    try {
      const faked = Date;
      fenced(function* () {
        expect(Date.now()).toBe(946684800000);
        expect(new Date().getTime()).toBe(946684800000);
      });
      expect(Date).toBe(faked);
      expect(Date.now()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("may be lowered twice", () => {
    const before = inventory();
    const lower = raiseFences(down);
    expect(globalThis.setTimeout).not.toBe(before[1]);
    lower();
    lower();
    expect(inventory()).toEqual(before);
  });

  it("leave the functions of Node what they were for everybody else", async () => {
    raiseFences(down)();
    expect(fs.readFile.length).toBe(3);
    expect(fs.realpathSync.native).toBeTypeOf("function");
    const { promisify } = process.getBuiltinModule("node:util");
    expect((await promisify(fs.readFile)("/etc/hosts")).length).toBeGreaterThan(0);
    expect(await promisify(fs.exists)("/etc/hosts")).toBe(true);
    await promisify(setTimeout)(1);
    expect(zlib.gunzipSync(await promisify(zlib.gzip)("x")).toString()).toBe("x");
  });
});
