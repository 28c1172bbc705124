import { describe, expect, it } from "vitest";

import { all } from "../combine/all.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { now, sleep } from "../loop/sleep.ts";
import { FileError } from "../os/errors.ts";
import { moveOnAfter } from "../task/scope.ts";
import { type Disk, disk } from "./disk.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";
import type { World } from "./world.ts";

function inWorld<T>(body: (world: World) => Operation<T>, options: SimulateOptions = {}): Run<T> {
  const run = simulate(options, body);
  if (!run.ok) throw run.error;
  return run;
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** A node that does this and then waits to be crashed; gives its disk when it has crashed. */
function* crashedAfter(world: World, body: () => Operation<void>, name: string = "a"): Coroutine<Disk> {
  const node = world.node(name, function* () {
    yield* body();
    yield* sleep(1e6);
  });
  yield* sleep(1000);
  node.crash();
  return node.disk;
}

/** What is left of the files after a crash, over many seeds: each outcome once. */
function outcomes(body: () => Operation<void>, seeds: number = 120): Set<string> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) {
    inWorld(
      function* (world) {
        const left = yield* crashedAfter(world, body);
        seen.add(left.files.map((name) => `${name}=${text(left.contents(name))}`).join(" "));
      },
      { seed },
    );
  }
  return seen;
}

function* codeOf(body: () => Operation<unknown>): Coroutine<string> {
  try {
    yield* body();
    return "none";
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.code;
  }
}

describe("a disk", () => {
  it("keeps files: written, added to, cut, renamed, removed, listed", () => {
    inWorld(function* () {
      yield* disk().write("a/one", "hello");
      yield* disk().append("/a//one", ", world");
      yield* disk().writeAt("a/one", 1, "E");
      yield* disk().writeAt("a/hole", 2, "x");
      yield* disk().append("b", new Uint8Array([1]));
      expect(text(yield* disk().read("a/one"))).toBe("hEllo, world");
      expect([...(yield* disk().read("a/hole"))]).toEqual([0, 0, 120]);
      expect(yield* disk().list()).toEqual(["a", "b"]);
      expect(yield* disk().list("a")).toEqual(["hole", "one"]);
      expect(yield* disk().stat("a/one")).toEqual({ size: 12 });
      yield* disk().truncate("a/one", 2);
      yield* disk().truncate("a/one", 4);
      expect([...(yield* disk().read("a/one"))]).toEqual([104, 69, 0, 0]);
      yield* disk().rename("a/one", "b");
      expect(yield* disk().exists("a/one")).toBe(false);
      expect((yield* disk().read("b")).length).toBe(4);
      yield* disk().remove("b");
      expect(disk().files).toEqual(["a/hole"]);
      expect(disk().used).toBe(3);
    });
  });

  it("says what went wrong as the system does", () => {
    inWorld(function* () {
      yield* disk().write("a/b", "x");
      expect(yield* codeOf(() => disk().read("c"))).toBe("ENOENT");
      expect(yield* codeOf(() => disk().rename("c", "d"))).toBe("ENOENT");
      expect(yield* codeOf(() => disk().remove("c"))).toBe("ENOENT");
      expect(yield* codeOf(() => disk().fsync("c"))).toBe("ENOENT");
      expect(yield* codeOf(() => disk().read("a"))).toBe("EISDIR");
      expect(yield* codeOf(() => disk().write("a", "x"))).toBe("EISDIR");
      expect(yield* codeOf(() => disk().rename("a/b", "a"))).toBe("EISDIR");
    });
  });

  it("takes virtual time, and more where it is slow", () => {
    inWorld(function* (world) {
      const timed = function* (body: () => Operation<unknown>): Coroutine<number> {
        const start = now();
        yield* body();
        return Math.round((now() - start) * 100) / 100;
      };
      const { disk: own } = world.node("a", () => sleep(1));
      expect(yield* timed(() => own.write("x", "y"))).toBe(0.05);
      expect(yield* timed(() => own.fsync("x"))).toBe(2);
      own.slow = 100;
      expect(yield* timed(() => own.read("x"))).toBe(5);
      expect(yield* timed(() => own.fsync("x"))).toBe(200);
    });
  });

  it("gives copies, and takes copies", () => {
    inWorld(function* () {
      const bytes = new Uint8Array([1, 2]);
      const writing = disk().write("a", bytes);
      yield* writing;
      bytes[0] = 9;
      const read = yield* disk().read("a");
      read[1] = 9;
      expect([...(yield* disk().read("a"))]).toEqual([1, 2]);
    });
  });

  it("belongs to its node, and outlives its programs", () => {
    inWorld(function* (world) {
      const node = world.node("a", function* () {
        yield* disk().append("starts", "x");
      });
      yield* node.ended();
      node.restart();
      yield* node.ended();
      expect(text(node.disk.contents("starts"))).toBe("xx");
      expect(disk().files).toEqual([]);
    });
  });

  it("is there only in a simulated world", () => {
    expect(() => disk()).toThrow(/outside a task/);
  });

  it("does nothing where an operation is cancelled", () => {
    inWorld(function* () {
      disk().slow = 100;
      yield* moveOnAfter(1, () => disk().write("a", "x"));
      expect(disk().files).toEqual([]);
    });
  });
});

describe("a crash", () => {
  it("loses nothing that was synced, on any seed", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "one");
      yield* disk().append("a", "two");
      yield* disk().fsync("a");
    });
    expect([...seen]).toEqual(["a=onetwo"]);
  });

  it("keeps a prefix of what was not, with the last write whole or torn", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "");
      yield* disk().fsync("a");
      yield* disk().append("a", "12");
      yield* disk().append("a", "34");
    });
    expect([...seen].toSorted()).toEqual(["a=", "a=1", "a=12", "a=123", "a=1234"]);
  });

  it("in the tamest world loses nothing", () => {
    inWorld(function* (world) {
      const left = yield* crashedAfter(world, function* () {
        yield* disk().write("a", "x");
        yield* disk().rename("a", "b");
      });
      expect([left.files, text(left.contents("b"))]).toEqual([["b"], "x"]);
    });
  });

  it("may forget a file that was never synced, and never one that was", () => {
    const body = (sync: boolean) =>
      function* (): Coroutine<void> {
        yield* disk().write("a", "x");
        if (sync) yield* disk().fsync("a");
      };
    expect([...outcomes(body(false))].toSorted()).toEqual(["", "a=", "a=x"]);
    expect([...outcomes(body(true))]).toEqual(["a=x"]);
  });

  it("leaves the old file or the new one where the new one was synced and renamed", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "old");
      yield* disk().fsync("a");
      yield* disk().write("a.new", "new");
      yield* disk().fsync("a.new");
      yield* disk().rename("a.new", "a");
    });
    expect([...seen].toSorted()).toEqual(["a=new", "a=old a.new=new"]);
  });

  it("may leave an empty file where the new one was renamed and not synced", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "old");
      yield* disk().fsync("a");
      yield* disk().write("a.new", "new");
      yield* disk().rename("a.new", "a");
      yield* disk().fsync("");
    });
    expect(seen).toContain("a=");
    expect(seen).toContain("a=new");
    expect(seen).not.toContain("a=old");
  });

  it("undoes no rename and no removal whose directory was synced", () => {
    const seen = outcomes(function* () {
      yield* disk().write("d/a", "x");
      yield* disk().write("d/b", "y");
      yield* disk().fsync("d/a");
      yield* disk().fsync("d/b");
      yield* disk().rename("d/a", "d/c");
      yield* disk().remove("d/b");
      yield* disk().fsync("d");
    });
    expect([...seen]).toEqual(["d/c=x"]);
  });

  it("does not let an old removal take a file that was made and synced after it", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "1");
      yield* disk().fsync("a");
      yield* disk().remove("a");
      yield* disk().write("a", "2");
      yield* disk().fsync("a");
    });
    expect([...seen]).toEqual(["a=2"]);
  });

  it("loses what was written while the sync was under way", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "1");
      yield* all([
        () => disk().fsync("a"),
        function* () {
          yield* sleep(1);
          yield* disk().append("a", "2");
        },
      ]);
    });
    expect([...seen].toSorted()).toEqual(["a=1", "a=12"]);
  });

  it("is told in the story", () => {
    for (let seed = 1; ; seed++) {
      const { story } = inWorld(
        function* (world) {
          yield* crashedAfter(world, function* () {
            yield* disk().write("log", "x");
            yield* disk().fsync("log");
            yield* disk().append("log", "y");
          });
        },
        { seed, record: true },
      );
      const lost = story.filter(({ text: line }) => line.startsWith("disk of a:"));
      if (lost.length === 0) continue;
      expect(lost.map(({ text: line }) => line)).toEqual(["disk of a: 1 of 1 writes to log are lost"]);
      break;
    }
  });
});

describe("whatever was done to a file", () => {
  /** As a plain array, so that it is another way to do it. */
  function after(bytes: readonly number[], [at, data]: readonly [number, readonly number[] | null]): number[] {
    const result = [...bytes];
    if (data === null) {
      result.length = Math.min(at, result.length);
      while (result.length < at) result.push(0);
      return result;
    }
    while (result.length < at) result.push(0);
    result.splice(at, data.length, ...data);
    return result;
  }

  it("a crash leaves a state that it had since the last sync, or one with a torn write", () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 150; seed++) {
      inWorld(
        function* (world) {
          const node = world.node("a", () => sleep(1e6));
          const { disk: own } = node;
          yield* own.write("f", "");
          yield* own.fsync("f");
          for (let round = 0; round < 3; round++) {
            let states: number[][] = [[...(own.contents("f") as Uint8Array)]];
            let ops: (readonly [number, readonly number[] | null])[] = [];
            for (let i = world.integer(0, 8); i > 0; i--) {
              const now_ = states.at(-1) as number[];
              const data = Array.from({ length: world.integer(1, 5) }, () => world.integer(1, 255));
              const what = world.choose(5);
              if (what === 4) {
                yield* own.fsync("f");
                states = [now_];
                ops = [];
                continue;
              }
              const at = what === 0 ? now_.length : world.integer(0, now_.length + 3);
              const op = [at, what === 3 ? null : data] as const;
              if (what === 0) yield* own.append("f", new Uint8Array(data));
              else if (what === 3) yield* own.truncate("f", at);
              else yield* own.writeAt("f", at, new Uint8Array(data));
              ops.push(op);
              states.push(after(now_, op));
              expect([...(own.contents("f") as Uint8Array)]).toEqual(states.at(-1));
            }
            node.crash();
            node.restart();
            const left = JSON.stringify([...(own.contents("f") as Uint8Array)]);
            const whole = states.findIndex((one) => JSON.stringify(one) === left);
            const torn = ops.some(
              ([at, data], i) =>
                data !== null &&
                data.some(
                  (_, part) => JSON.stringify(after(states[i] as number[], [at, data.slice(0, part)])) === left,
                ),
            );
            expect(whole >= 0 || torn).toBe(true);
            kinds.add(whole === states.length - 1 ? "all" : whole >= 0 ? "some" : "torn");
          }
          node.crash();
        },
        { seed },
      );
    }
    expect([...kinds].toSorted()).toEqual(["all", "some", "torn"]);
  });
});

describe("the faults of a disk", () => {
  it("are no space: what goes beyond does not happen, and what is given back can be used again", () => {
    inWorld(function* () {
      disk().capacity = 5;
      yield* disk().write("a", "1234");
      expect(yield* codeOf(() => disk().append("a", "56"))).toBe("ENOSPC");
      expect(yield* codeOf(() => disk().write("b", "12"))).toBe("ENOSPC");
      expect(disk().files).toEqual(["a"]);
      yield* disk().append("a", "5");
      yield* disk().write("a", "12345");
      yield* disk().remove("a");
      yield* disk().write("b", "12345");
    });
  });

  it("are errors by chance, none in the tamest world unless they are certain", () => {
    const failures = (seed: number | undefined, chance: number): number => {
      let count = 0;
      inWorld(
        function* () {
          Object.assign(disk(), { failReads: chance, failWrites: chance, failSyncs: chance });
          for (let i = 0; i < 100; i++) {
            if ((yield* codeOf(() => disk().append("a", "x"))) === "EIO") count++;
            if ((yield* codeOf(() => disk().list())) === "EIO") count++;
          }
        },
        { seed },
      );
      return count;
    };
    expect(failures(undefined, 0.2)).toBe(0);
    expect(failures(undefined, 1)).toBe(200);
    const some = failures(1, 0.2);
    expect(some > 10 && some < 90).toBe(true);
  });

  it("lose for ever what a sync has failed to write, though it can be read until the crash", () => {
    const seen = outcomes(function* () {
      yield* disk().write("a", "1");
      yield* disk().fsync("a");
      yield* disk().append("a", "2");
      disk().failSyncs = 1;
      if ((yield* codeOf(() => disk().fsync("a"))) !== "EIO") throw new Error("it should have failed");
      disk().failSyncs = 0;
      yield* disk().fsync("a");
      if (text(yield* disk().read("a")) !== "12") throw new Error("it should be readable");
    }, 20);
    expect([...seen]).toEqual(["a=1"]);
  });

  it("are over when the world is calm", () => {
    inWorld(function* (world) {
      const node = world.node("a", () => sleep(1e5));
      Object.assign(node.disk, { slow: 10, capacity: 0, failWrites: 1 });
      yield* world.liveness({ core: [node], within: 10, progress: () => true });
      yield* node.disk.write("a", "x");
      node.crash();
    });
  });
});

describe("a log on a disk", () => {
  /** Appends whole lines and syncs each before it counts it; after a crash it must find at least what it has counted. */
  function* appending(counted: number[], synced: boolean): Coroutine<void> {
    const before = (yield* disk().exists("log")) ? (text(yield* disk().read("log")) as string) : "";
    const lines = before.split("\n").slice(0, -1);
    yield* disk().write("log.new", lines.map((line) => `${line}\n`).join(""));
    yield* disk().fsync("log.new");
    yield* disk().rename("log.new", "log");
    yield* disk().fsync("");
    for (let i = lines.length; ; i++) {
      yield* disk().append("log", `line ${i}\n`);
      if (synced) yield* disk().fsync("log");
      counted.push(i);
      yield* sleep(1);
    }
  }

  const lost = (synced: boolean): number => {
    let bad = 0;
    for (let seed = 1; seed <= 60; seed++) {
      inWorld(
        function* (world) {
          const counted: number[] = [];
          const node = world.node("log", () => appending(counted, synced));
          for (let i = 0; i < 4; i++) {
            yield* sleep(world.integer(1, 60));
            node.crash();
            const lines = text(node.disk.contents("log"))?.split("\n").slice(0, -1) ?? [];
            if (counted.some((n) => lines[n] !== `line ${n}`)) bad++;
            counted.length = 0;
            node.restart();
          }
          node.crash();
        },
        { seed },
      );
    }
    return bad;
  };

  it("keeps every line that was synced over crash after crash, and without sync does not", () => {
    expect(lost(true)).toBe(0);
    expect(lost(false)).toBeGreaterThan(20);
  });
});
