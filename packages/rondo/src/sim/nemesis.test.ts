import { describe, expect, it } from "vitest";

import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { sleep } from "../loop/sleep.ts";
import { udp } from "../net/udp.ts";
import { timeout } from "../task/scope.ts";
import { resolve } from "../net/names.ts";
import { Grip, type Undo } from "./nemesis.ts";
import {
  badDisk,
  bridge,
  clog,
  crashStorm,
  disk,
  dnsOutage,
  flap,
  isolate,
  lossy,
  type Nemesis,
  type NemesisOptions,
  partition,
  pauses,
  ring,
  type Run,
  simulate,
  type SimNode,
  skew,
  slowLinks,
  slowNode,
  together,
  weighted,
  type World,
} from "./index.ts";

const idle = (): Operation<void> => sleep(1e7);
const NAMES = ["a", "b", "c", "d", "e"];

function nodesOf(world: World, names: readonly string[] = NAMES): SimNode[] {
  return names.map((name) => world.node(name, idle));
}

/** Everything in a world that a nemesis can change. */
function state(world: World): unknown {
  const all = world.engine.nodes;
  return all.map((a) => ({
    name: a.name,
    up: a.up,
    paused: a.paused,
    skew: { offset: a.skew.offset, drift: Math.round(a.skew.drift * 1e9) / 1e9 || 0 },
    disk: [a.disk.slow, a.disk.capacity, a.disk.failReads, a.disk.failWrites, a.disk.failSyncs],
    links: all
      .filter((b) => b !== a)
      .map((b) => {
        const { latency, loss, duplicate, reorder } = world.network.link(a, b, { oneWay: true });
        return [world.network.isCut(a, b), latency, loss, duplicate, reorder];
      }),
  }));
}

interface Seen {
  readonly run: Run;
  readonly strikes: number;
  /** Times at which the world was not as it was at first. */
  readonly harmed: number;
  readonly tries: number;
  readonly healed: boolean;
}

/** Looks at the world again and again while a nemesis is at work. */
function watched(
  nemesis: Nemesis | readonly Nemesis[],
  look: (world: World, nodes: readonly SimNode[]) => void = () => {},
  { seed = 1, ...options }: NemesisOptions & { readonly seed?: number | undefined } = {},
): Seen {
  let harmed = 0;
  let tries = 0;
  let healed = false;
  let strikes = 0;
  const run = simulate({ seed, record: true, network: { faults: "none" } }, function* (world) {
    const nodes = nodesOf(world);
    yield* sleep(1);
    const before = JSON.stringify(state(world));
    const at = world.nemesis(nemesis, { every: [50, 200], for: [50, 300], ...options });
    for (; tries < 60; tries++) {
      yield* sleep(50);
      if (JSON.stringify(state(world)) !== before) {
        harmed++;
        look(world, nodes);
      }
    }
    at.stop();
    strikes = at.strikes;
    yield* sleep(10_000);
    healed = JSON.stringify(state(world)) === before;
    expect(at.active).toBe(false);
    expect(at.strikes).toBe(strikes);
  });
  if (!run.ok) throw run.error;
  return { run, strikes, harmed, tries, healed };
}

const ALL: readonly (readonly [string, () => Nemesis])[] = [
  ["partition", partition],
  ["isolate", isolate],
  ["ring", ring],
  ["bridge", bridge],
  ["flap", flap],
  ["lossy", lossy],
  ["slowLinks", slowLinks],
  ["crashStorm", crashStorm],
  ["pauses", pauses],
  ["slowNode", slowNode],
  ["skew", skew],
  ["badDisk", badDisk],
];

describe.each(ALL)("%s", (_name, make) => {
  it("does harm, heals it after each strike and at its end, and tells of it", () => {
    const { strikes, harmed, tries, healed, run } = watched(make());
    expect(strikes).toBeGreaterThan(5);
    expect(harmed).toBeGreaterThan(10);
    expect(harmed).toBeLessThan(tries);
    expect(healed).toBe(true);
    expect(run.story.filter(({ text }) => text.startsWith(`${make().name}, for`)).length).toBe(strikes);
    expect(run.story.filter(({ text }) => text === `${make().name} is over`).length).toBe(strikes);
  });

  it("does nothing in the tamest world, and the same thing again for the same seed", () => {
    expect(
      simulate({}, function* (world) {
        nodesOf(world);
        const at = world.nemesis(make(), { every: 10 });
        yield* sleep(10_000);
        return at.strikes;
      }).value,
    ).toBe(0);
    const hash = (): string =>
      simulate({ seed: 7 }, function* (world) {
        nodesOf(world);
        world.nemesis(make(), { every: [10, 100] });
        yield* sleep(10_000);
      }).hash;
    expect(hash()).toBe(hash());
  });

  it("leaves no trouble behind for the end of the run", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const run = simulate({ seed }, function* (world) {
        for (const name of NAMES) {
          world.node(name, function* () {
            try {
              yield* idle();
            } finally {
              yield* sleep(1);
            }
          });
        }
        world.nemesis(make(), { every: 5, for: 1000 });
        yield* sleep(100);
      });
      expect(run.error).toBeUndefined();
    }
  });
});

describe("what a nemesis does", () => {
  const cutBetween = (world: World, nodes: readonly SimNode[]): string[] =>
    nodes.flatMap((a) => nodes.filter((b) => b !== a && world.network.isCut(a, b)).map((b) => `${a.name}>${b.name}`));

  it("partition parts into two groups, one way or both", () => {
    const ways = new Set<string>();
    watched(
      partition(),
      (world, nodes) => {
        const cuts = cutBetween(world, nodes);
        const senders = new Set(cuts.map((cut) => cut[0]));
        const one = cuts.length / senders.size;
        if (senders.size < 5) expect(one).toBe(5 - senders.size);
        ways.add(senders.size === 5 ? "both" : "one");
      },
      { seed: 3 },
    );
    expect([...ways].toSorted()).toEqual(["both", "one"]);
  });

  it("partition by minority leaves a majority, if it is told so both ways always", () => {
    watched(partition({ kind: "minority", oneWay: "never" }), (world, nodes) => {
      const cuts = cutBetween(world, nodes);
      const seen = nodes.map((a) => 5 - cuts.filter((cut) => cut.startsWith(a.name)).length);
      expect(seen.filter((count) => count >= 3).length).toBeGreaterThanOrEqual(3);
    });
  });

  it("isolate leaves one node alone, and the others together", () => {
    watched(isolate(), (world, nodes) => {
      const cuts = cutBetween(world, nodes);
      expect(cuts.length).toBe(8);
      const [alone] = nodes.filter((node) => cuts.filter((cut) => cut.startsWith(node.name)).length === 4);
      expect(world.network.isCut("world", alone as SimNode)).toBe(true);
    });
  });

  it("ring leaves each of five its two neighbours, and bridge one node to all", () => {
    watched(ring(), (world, nodes) => {
      const cuts = cutBetween(world, nodes);
      for (const node of nodes) expect(cuts.filter((cut) => cut.startsWith(node.name)).length).toBe(2);
    });
    watched(bridge(), (world, nodes) => {
      const cuts = cutBetween(world, nodes);
      expect(nodes.filter((node) => cuts.every((cut) => !cut.includes(node.name))).length).toBe(1);
    });
  });

  it("crashStorm never has more down than it may", () => {
    let least = 5;
    watched(crashStorm(), (_world, nodes) => {
      least = Math.min(least, nodes.filter((node) => node.up).length);
    });
    expect(least).toBe(3);
  });

  it("crashStorm starts nobody whom it has not crashed", () => {
    const run = simulate({ seed: 1 }, function* (world) {
      const [a, b] = nodesOf(world, ["a", "b"]) as [SimNode, SimNode];
      const done = world.node("done", () => sleep(1));
      a.crash();
      world.nemesis(crashStorm({ most: 3 }), { every: 10, for: 100 });
      yield* sleep(5000);
      return [a.up, done.up, a.incarnation, done.incarnation, b.incarnation > 3];
    });
    expect(run.value).toEqual([false, false, 1, 1, true]);
  });

  it("dnsOutage takes names away, and gives them back", () => {
    const run = simulate({ seed: 2, network: { faults: "none" } }, function* (world) {
      const node = world.node("a", function* (): Coroutine<number[]> {
        const counts = [0, 0];
        for (let i = 0; i < 100; i++) {
          try {
            yield* timeout(5, resolve("b"));
            (counts[0] as number)++;
          } catch {
            // Which of the ways to fail was drawn does not matter here.
            (counts[1] as number)++;
          }
          yield* sleep(20);
        }
        return counts;
      });
      world.node("b", idle);
      world.nemesis(dnsOutage({ nodes: [node] }), { every: [50, 200], for: [50, 300] });
      const counts = (yield* node.ended()).value as number[];
      expect(world.network.names).toBeDefined();
      return counts;
    });
    expect((run.value as number[]).every((count) => count > 10)).toBe(true);
  });

  it("clog holds what is sent, and lets it go", () => {
    const run = simulate({ seed: 2, network: { faults: "none" } }, function* (world) {
      const arrivals: number[] = [];
      const receiver = world.node("a", function* () {
        const socket = yield* udp({ bind: { host: "0.0.0.0", port: 7 } });
        try {
          for (;;) {
            yield* socket.receive();
            arrivals.push(world.time);
          }
        } finally {
          socket.close();
        }
      });
      world.node("b", function* () {
        const socket = yield* udp();
        try {
          for (let i = 0; i < 100; i++) {
            yield* socket.send("x", { host: receiver.address, port: 7 });
            yield* sleep(10);
          }
        } finally {
          socket.close();
        }
      });
      world.nemesis(clog(), { every: [50, 200], for: [50, 300] });
      yield* sleep(5000);
      return arrivals;
    });
    const arrivals = run.value as number[];
    expect(arrivals.length).toBe(100);
    const gaps = arrivals.map((at, i) => at - (arrivals[i - 1] ?? at));
    expect(Math.max(...gaps)).toBeGreaterThan(45);
    expect(gaps.filter((gap) => gap === 0).length).toBeGreaterThan(5);
  });

  it("skew moves the clock on the wall, and the other one never backwards", () => {
    const run = simulate({ seed: 5 }, function* (world) {
      const node = world.node("a", function* () {
        let last = performance.now();
        const offsets = new Set<boolean>();
        for (let i = 0; i < 300; i++) {
          yield* sleep(10);
          expect(performance.now()).toBeGreaterThan(last);
          last = performance.now();
          offsets.add(Math.abs(Date.now() - (946684800000 + world.time)) > 5);
        }
        return offsets.size;
      });
      world.nemesis(skew(), { every: [50, 200], for: [50, 300] });
      return (yield* node.ended()).value;
    });
    expect(run.error).toBeUndefined();
    expect(run.value).toBe(2);
  });

  it("badDisk makes writes fail, or slow", () => {
    const run = simulate({ seed: 3 }, function* (world) {
      const node = world.node("a", function* () {
        const codes = new Set<string>();
        for (let i = 0; i < 800; i++) {
          yield* sleep(1);
          const before = world.time;
          try {
            yield* disk().append("log", "x");
            if (world.time - before > 1) codes.add("slow");
          } catch (error) {
            codes.add((error as { code: string }).code);
          }
        }
        return [...codes].toSorted();
      });
      world.nemesis(badDisk(), { every: [5, 20], for: [5, 30] });
      return (yield* node.ended()).value;
    });
    expect(run.value).toEqual(["EIO", "ENOSPC", "slow"]);
  });
});

describe("several nemeses", () => {
  it("of one call strike one at a time, each as often as its weight says", () => {
    const { run } = watched([weighted(5, skew()), weighted(1, isolate()), pauses()], undefined, { every: 5, for: 5 });
    const count = (name: string): number => run.story.filter(({ text }) => text.startsWith(`${name}, for`)).length;
    expect(count("wrong clocks")).toBeGreaterThan(2 * count("an isolated node"));
    expect(count("an isolated node")).toBeGreaterThan(5);
    expect(count("a pause")).toBeGreaterThan(5);
  });

  it("on the same link heal it when the last one has left", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const run = simulate({ seed, network: { faults: "none" } }, function* (world) {
        nodesOf(world);
        yield* sleep(1);
        const before = JSON.stringify(state(world));
        const all = [partition, isolate, flap, slowLinks, slowNode, lossy, clog, skew, badDisk, pauses, crashStorm].map(
          (make) => world.nemesis(make(), { every: [5, 50], for: [5, 100] }),
        );
        yield* sleep(1000);
        for (const one of world.shuffle(all)) {
          one.stop();
          yield* sleep(1);
        }
        expect(JSON.stringify(state(world))).toBe(before);
        return all.every(({ strikes }) => strikes > 1);
      });
      expect(run.error).toBeUndefined();
      expect(run.value).toBe(true);
    }
  });

  it("hold a thing together: it ends when the last one lets go, and numbers go back to what they were", () => {
    const grip = new Grip();
    const log: string[] = [];
    const hold = (who: string): Undo =>
      grip.hold(
        "x",
        () => void log.push(`begun by ${who}`),
        () => void log.push(`ended for ${who}`),
      );
    const [one, two] = [hold("one"), hold("two")];
    one();
    expect(log).toEqual(["begun by one"]);
    two();
    hold("three")();
    expect(log).toEqual(["begun by one", "ended for one", "begun by three", "ended for three"]);

    let value = 5;
    const change = (wish: (was: number) => number): Undo =>
      grip.change(
        "y",
        () => value,
        (next) => void (value = next),
        wish,
      );
    const [double, more] = [change((was) => was * 2), change((was) => was + 1)];
    expect(value).toBe(11);
    double();
    expect(value).toBe(6);
    const again = change((was) => was * 10);
    expect(value).toBe(60);
    more();
    expect(value).toBe(50);
    again();
    expect(value).toBe(5);
  });

  it("together are one", () => {
    const run = simulate({ seed: 1, record: true }, function* (world) {
      nodesOf(world);
      world.nemesis(together(skew(), pauses()), { every: 10, for: 10, times: 1 });
      yield* sleep(1000);
    });
    const story = run.story.map(({ text }) => text).join("\n");
    expect(story).toMatch(/wrong clocks with a pause, for 10 ms\n(.*\n)*the clock of .*\n(.*\n)*. stands still/);
  });

  it("leave alone what the user has broken", () => {
    const run = simulate({ seed: 1, network: { faults: "none" } }, function* (world) {
      const [a, b] = nodesOf(world) as [SimNode, SimNode];
      world.network.cut(a, b);
      world.network.link(a, b).latency = 77;
      a.clock({ offset: 123 });
      const trouble = world.nemesis([partition(), slowLinks(), skew()], { every: 10, for: 10 });
      yield* sleep(2000);
      trouble.stop();
      return [world.network.isCut(a, b), world.network.link(a, b).latency, a.skew.offset, trouble.strikes > 10];
    });
    expect(run.value).toEqual([true, 77, 123, true]);
  });
});

describe("a calm", () => {
  it("ends all trouble for the core, and leaves what is broken outside of it", () => {
    const broken = new Set<boolean>();
    for (let seed = 1; seed <= 30; seed++) {
      const run = simulate({ seed, network: { faults: "none" } }, function* (world) {
        const nodes = nodesOf(world);
        const core = nodes.slice(0, 3);
        world.nemesis([isolate(), crashStorm(), pauses(), skew(), badDisk()], { every: 1, for: 500 });
        world.network.cut("a", "b");
        yield* sleep(world.integer(100, 900));
        yield* world.liveness({ core, within: 1, progress: () => true });
        for (const a of core) {
          expect([a.up, a.paused, a.skew.offset, a.disk.slow, a.disk.capacity]).toEqual([true, false, 0, 1, Infinity]);
          for (const b of [...core, "world"]) if (a !== b) expect(world.network.isCut(a, b)).toBe(false);
        }
        yield* sleep(1000);
        broken.add(nodes.slice(3).some((a) => !a.up || a.paused || a.skew.offset !== 0 || world.network.isCut(a, "b")));
      });
      expect(run.error).toBeUndefined();
    }
    expect(broken).toContain(true);
  });
});

describe("a calm for some", () => {
  it("heals no link from the core to a node outside that is cut off", () => {
    const run = simulate({ seed: 1, network: { faults: "none" } }, function* (world) {
      const nodes = nodesOf(world);
      const trouble = world.nemesis(isolate({ nodes: ["e"] }), { every: 1, for: 10_000, times: 1 });
      while (!trouble.active) yield* sleep(1);
      yield* world.liveness({ core: nodes.slice(0, 3), within: 1, progress: () => true });
      return [
        world.network.isCut("a", "e"),
        world.network.isCut("e", "a"),
        world.network.isCut("d", "e"),
        trouble.active,
      ];
    });
    expect(run.value).toEqual([true, true, true, false]);
  });
});

describe("a nemesis that is set", () => {
  it("does not start a node again that somebody else has started and crashed since", () => {
    const run = simulate({ seed: 1 }, function* (world) {
      const [node] = nodesOf(world, ["a"]) as [SimNode];
      const trouble = world.nemesis(crashStorm({ down: 100 }), { every: 1, for: 1000, times: 1 });
      while (node.up) yield* sleep(1);
      node.restart();
      node.crash();
      yield* sleep(5000);
      return [node.up, trouble.strikes];
    });
    expect(run.value).toEqual([false, 1]);
  });

  it("strikes as often as it may, at whom it may", () => {
    const { strikes, run } = watched(pauses(), undefined, { times: 2, nodes: ["b"] });
    expect(strikes).toBe(2);
    expect(run.story.filter(({ text }) => text.endsWith("stands still")).map(({ text }) => text[0])).toEqual([
      "b",
      "b",
    ]);
  });

  it("keeps no world alive that has nothing else to do", () => {
    const run = simulate({ seed: 1 }, function* (world) {
      const node = world.node("a", () => sleep(Infinity), { onFailure: "keep" });
      world.nemesis(skew(), { every: 10 });
      return (yield* node.ended()).how;
    });
    // It waits for nothing: that is a deadlock, however long the nemesis would go on.
    expect(run.virtual).toBeLessThan(100_000);
  });

  it("is the last hope of a world whose node it has crashed", () => {
    const run = simulate({ seed: 1 }, function* (world) {
      let starts = 0;
      world.node("a", function* () {
        starts++;
        yield* sleep(starts === 1 ? 1e6 : 1);
      });
      world.nemesis(crashStorm({ most: 1, up: 1e6 }), { every: 10, for: 100, times: 1 });
      yield* world.eventually("it is started again", 1e7, () => starts === 2);
    });
    expect(run.error).toBeUndefined();
  });

  it("says what it is not given", () => {
    const refused = (nemesis: unknown, options: NemesisOptions = {}): unknown =>
      simulate({}, function* (world) {
        world.nemesis(nemesis as Nemesis, options);
      }).error;
    expect(String(refused(partition))).toMatch(/such as partition\(\) with its brackets/);
    expect(String(refused([]))).toMatch(/takes a nemesis/);
    expect(String(refused(partition(), { every: [5, 1] }))).toMatch(/"every" of a nemesis is a time in ms/);
    expect(String(refused(partition({ for: -1 })))).toMatch(/"for" of a nemesis/);
    expect(String(refused(weighted(0, partition())))).toMatch(/a weight above 0/);
  });
});
