/** Links of a simulated network: what they do to packets, what is done to them, and that a tame world draws nothing. */
import { describe, expect, test } from "vitest";
import { causeOf, echo, failure, inWorld, QUIET, server, settle, thrown } from "../../tests/sim-network.ts";
import { BrokenError, type Coroutine, group, now, type Operation, sleep, use } from "../index.ts";
import { type ByteStream, connect } from "../net/index.ts";
import { type LinkSettings, type SimNode, simulate, type World } from "./index.ts";

/** How long each of several questions takes until its answer is there, over a link with these settings. */
function roundTrips(settings: Partial<LinkSettings>, count: number, seed?: number, size: number = 1): number[] {
  return inWorld(
    function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      world.network.link("world", one).set(settings);
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      const times = [];
      for (let i = 0; i < count; i++) times.push(yield* asked(stream, size));
      return times;
    },
    { seed },
  );
}

function* asked(stream: ByteStream, size: number): Coroutine<number> {
  const begun = now();
  yield* stream.write(new Uint8Array(size));
  yield* stream.readExactly(size);
  return now() - begun;
}

const near = (ms: number): unknown => expect.closeTo(ms, 6);

/** A world with two connected nodes; the server gives back what comes. */
function connected<T>(body: (world: World, stream: ByteStream, one: SimNode) => Operation<T>): T {
  return inWorld(function* (world) {
    const one = server(world, "server", echo);
    yield* settle();
    const stream = use(yield* connect({ host: one.address, port: 80 }));
    yield* asked(stream, 1);
    return yield* body(world, stream, one);
  });
}

describe("a link", () => {
  test("takes its latency, each way", () => {
    expect(roundTrips({ latency: 25 }, 2)).toEqual([near(50), near(50)]);
  });

  test("has settings for each direction", () => {
    const seen = connected(function* (world, stream, one) {
      world.network.link("world", one, { oneWay: true }).latency = 100;
      const { latency } = world.network.link(one, "world");
      return [latency, yield* asked(stream, 1), world.network.link("world", one).latency];
    });
    expect(seen).toEqual([0.5, near(100.5), 100]);
  });

  test("jitters as its distribution says", () => {
    const means = (["uniform", "exponential", "pareto"] as const).map((distribution) => {
      const times = roundTrips({ latency: 0, jitter: 10, distribution }, 2000, 5).toSorted((a, b) => a - b);
      return [times[1000], times[1999]] as [number, number];
    });
    const [uniform, exponential, pareto] = means as [[number, number], [number, number], [number, number]];
    expect(uniform[0]).toBeGreaterThan(9);
    expect(uniform[0]).toBeLessThan(11);
    expect(uniform[1]).toBeLessThanOrEqual(20);
    expect(exponential[0]).toBeGreaterThan(14);
    expect(exponential[1]).toBeGreaterThan(60);
    expect(pareto[1]).toBeGreaterThan(400);
  });

  test("without a seed does not jitter and loses nothing", () => {
    expect(roundTrips({ jitter: 10, loss: 0.5 }, 3)).toEqual([near(1), near(1), near(1)]);
  });

  test("that loses packets costs TCP time, and nothing else", () => {
    const times = roundTrips({ loss: 0.2 }, 200, 3);
    const late = times.filter((ms) => ms > 100).length;
    expect(late).toBeGreaterThan(40);
    expect(late).toBeLessThan(110);
    // A segment that is lost again waits twice as long.
    expect(Math.max(...times)).toBeGreaterThan(600);
  });

  test("sends no faster than its bandwidth, whoever uses it", () => {
    const took = connected(function* (world, stream, one) {
      world.network.link("world", one, { oneWay: true }).bandwidth = 10_000;
      const other = use(yield* connect({ host: one.address, port: 80 }));
      const begun = now();
      yield* group(function* (g) {
        g.spawn(asked(stream, 9000));
        g.spawn(asked(other, 9000));
      });
      return now() - begun;
    });
    expect(took).toBeGreaterThan(1800);
    expect(took).toBeLessThan(2000);
  });

  test("drips: one byte, then the next", () => {
    const [took] = roundTrips({ drip: 50 }, 1, undefined, 11) as [number];
    expect(took).toBeGreaterThanOrEqual(500);
    expect(took).toBeLessThan(600);
  });

  test("cuts what is written into slices, down to one byte", () => {
    const sizes = inWorld(
      function* (world) {
        const seen = new Map<number, number>();
        const one = server(world, "server", function* (stream) {
          for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read())
            seen.set(chunk.length, (seen.get(chunk.length) ?? 0) + 1);
        });
        yield* settle();
        world.network.link("world", one).slices = true;
        const stream = yield* connect({ host: one.address, port: 80 });
        yield* stream.write(new Uint8Array(100_000));
        yield* stream.close();
        yield* sleep(1000);
        return seen;
      },
      { seed: 2 },
    );
    expect(sizes.get(1)).toBeGreaterThan(5);
    expect(sizes.get(1460)).toBeGreaterThan(5);
    expect(sizes.size).toBeGreaterThan(20);
  });

  test("has sane settings, or says which is not", () => {
    const errors = connected(function* (world, _stream, one) {
      const link = world.network.link("world", one);
      const tried: string[] = [];
      const tries: (() => void)[] = [
        () => (link.latency = -1),
        () => (link.loss = 1.5),
        () => (link.mss = 0),
        () => (link.distribution = "normal" as "uniform"),
        () => (link.slices = 1 as unknown as boolean),
        () => link.set({ speed: 3 } as object),
        () => (link.jitter = Infinity),
        () => world.network.link("world", "nobody"),
      ];
      for (const one of tries) {
        try {
          one();
          tried.push("taken");
        } catch (error) {
          tried.push((error as Error).message);
        }
      }
      return tried;
    });
    expect(errors).toEqual([
      "the latency of a link is a number from 0 to Infinity, not -1",
      "the loss of a link is a number from 0 to 1, not 1.5",
      "the mss of a link is a number from 1 to 65535, not 0",
      "the distribution of a link is uniform, exponential or pareto, not normal",
      "slices is true or false, not 1",
      'a link has no "speed" to set',
      "the jitter of a link is a number from 0 to Infinity, not Infinity",
      'there is no computer "nobody" in this network',
    ]);
  });

  test("takes the defaults where it has no settings of its own, also later ones", () => {
    const seen = connected(function* (world, stream, one) {
      const { network } = world;
      network.defaults = { latency: 7 };
      const first = yield* asked(stream, 1);
      network.link("world", one).latency = 3;
      network.defaults = { latency: 20, mss: 100 };
      const within = network.link("world", "world").latency;
      return [first, yield* asked(stream, 1), network.link("world", one).mss, network.defaults.latency, within];
    });
    expect(seen).toEqual([near(14), near(6), 100, 20, 0.02]);
  });
});

describe("a cut", () => {
  test("holds up a connection until an attempt to send again gets through", () => {
    const times = connected(function* (world, stream, one) {
      world.network.cut("world", one);
      return yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(1000);
          world.network.heal("world", one);
        });
        return [yield* asked(stream, 5), yield* asked(stream, 5)];
      });
    });
    // Attempts after 202, 606 and 1414 ms.
    expect(times).toEqual([near(1415), near(1)]);
  });

  test("also takes what was on its way", () => {
    const took = connected(function* (world, stream, one) {
      return yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(0.2);
          world.network.cut("world", one);
          yield* sleep(10);
          world.network.healAll();
        });
        return yield* asked(stream, 5);
      });
    });
    expect(took).toBeGreaterThan(200);
  });

  test("that stays is a timeout for whoever has sent something, and nothing for whoever has not", () => {
    const seen = connected(function* (world, stream, one) {
      world.network.cut("world", one);
      yield* stream.write("x");
      const error = yield* thrown(() => stream.read());
      return [world.time > 900_000, causeOf(error), (yield* failure({ host: one.address, port: 80 })).code];
    });
    expect(seen).toEqual([true, { code: "ETIMEDOUT", syscall: "read", errno: -110 }, "ETIMEDOUT"]);
  });

  test("of one way only: what is sent arrives, and nobody hears of that", () => {
    const seen = inWorld(function* (world) {
      let got = 0;
      const one = server(world, "server", function* (stream) {
        for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read()) got += chunk.length;
      });
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      world.network.cut(one, "world", { oneWay: true });
      yield* stream.write("into the void");
      yield* sleep(10);
      const arrived = got;
      const error = yield* thrown(() => stream.read());
      return [arrived, world.network.isCut(one, "world"), world.network.isCut("world", one), causeOf(error)];
    });
    expect(seen).toEqual([13, true, false, { code: "ETIMEDOUT", syscall: "read", errno: -110 }]);
  });

  test("of the way back is noticed also where the peer does not read", () => {
    const seen = inWorld(function* (world) {
      const one = server(world, "server", () => sleep(10_000_000));
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      yield* settle();
      world.network.cut(one, "world", { oneWay: true });
      yield* stream.write("into the void");
      return causeOf(yield* thrown(() => stream.read()));
    });
    expect(seen).toMatchObject({ code: "ETIMEDOUT" });
  });

  test("of the way back is over as soon as an answer comes, which says what the lost ones said", () => {
    const took = inWorld(function* (world) {
      const { network } = world;
      network.defaults = { window: 1000, sendBuffer: 1000 };
      const one = server(world, "server", echo);
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      yield* settle();
      network.link("world", one, { oneWay: true }).latency = 1000;
      network.cut(one, "world", { oneWay: true });
      const begun = now();
      yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(2300);
          network.healAll();
        });
        yield* stream.write(new Uint8Array(500));
        yield* sleep(1500);
        yield* stream.write(new Uint8Array(500));
        yield* stream.write(new Uint8Array(900));
        yield* stream.write("x");
      });
      return now() - begun;
    });
    // It was asked after 2201 ms, and would be again after 6603; what arrives after 2500 is answered.
    expect(took).toBeCloseTo(2500.5);
  });

  test("of one way is healed, and the connection goes on", () => {
    const seen = connected(function* (world, stream, one) {
      world.network.cut(one, "world", { oneWay: true });
      yield* stream.write("one");
      yield* sleep(5000);
      world.network.healAll();
      yield* stream.write("two");
      return String.fromCharCode(...((yield* stream.readExactly(6)) ?? []));
    });
    expect(seen).toBe("onetwo");
  });

  test("a partition cuts between groups, and not within them", () => {
    const reached = inWorld(function* (world) {
      const nodes = ["a", "b", "c", "d"].map((name) => server(world, name, echo));
      world.network.partition([
        ["a", "b"],
        ["c", nodes[3] as SimNode],
      ]);
      const text: string[] = [];
      for (const a of "abcd")
        for (const b of "abcd") if (a < b && world.network.isCut(a, b) && world.network.isCut(b, a)) text.push(a + b);
      world.network.healAll();
      world.network.isolate("b");
      for (const a of "abcd") if (a !== "b" && world.network.isCut(a, "b")) text.push(`${a} b`);
      if (world.network.isCut("world", "b")) text.push("world b");
      return text;
    });
    expect(reached).toEqual(["ac", "ad", "bc", "bd", "a b", "c b", "d b", "world b"]);
  });
});

describe("a clog", () => {
  test("holds everything, and then all of it arrives: a delay, and no loss", () => {
    const seen = connected(function* (world, stream, one) {
      const { network } = world;
      network.clog("world", one, { oneWay: true });
      yield* stream.write("held");
      yield* sleep(60_000);
      const before = stream.buffered;
      const begun = now();
      network.unclog("world", one);
      yield* stream.readExactly(4);
      return [before, now() - begun, network.statistics().retransmitted];
    });
    expect(seen).toEqual([0, near(0.5), 0]);
  });

  test("of the way back holds acknowledgements, so that the sender stops when its window is full", () => {
    const seen = inWorld(function* (world) {
      world.network.defaults = { window: 1000, sendBuffer: 1000 };
      let got = 0;
      const one = server(world, "server", function* (stream) {
        for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read()) got += chunk.length;
      });
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      world.network.clog(one, "world", { oneWay: true });
      return yield* group(function* (g) {
        const writer = g.spawn(() => stream.write(new Uint8Array(5000)));
        yield* sleep(10_000);
        const during = got;
        world.network.unclog(one, "world", { oneWay: true });
        yield* writer;
        yield* sleep(100);
        return [during, got];
      });
    });
    expect(seen).toEqual([1000, 5000]);
  });

  test("holds a handshake as well", () => {
    const took = inWorld(function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      world.network.clog("world", one);
      return yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(30_000);
          world.network.healAll();
        });
        return (yield* failure({ host: one.address, port: 80 })).took;
      });
    });
    expect(took).toBeCloseTo(30_000.5);
  });
});

describe("the troubles of a seed", () => {
  const program = function* (world: World): Coroutine<number> {
    const one = server(world, "server", echo);
    yield* settle();
    const stream = use(yield* connect({ host: one.address, port: 80 }));
    for (let i = 0; i < 3; i++) yield* asked(stream, 500);
    return world.time;
  };

  test("are different ones, each in some seeds and not in others, and the same for the same seed", () => {
    const texts = Array.from({ length: 40 }, (_, seed) => {
      const run = simulate({ seed, record: true }, program);
      expect(run.ok).toBe(true);
      return run.story.find(({ text }) => text.startsWith("the network has troubles"))?.text ?? "none";
    });
    for (const kind of ["far apart", "jitter", "loss", "slices", "narrow", "small windows", "datagrams twice"]) {
      const having = texts.filter((text) => text.includes(kind)).length;
      expect(having, kind).toBeGreaterThan(4);
      expect(having, kind).toBeLessThan(28);
    }
    expect(texts).toContain("none");
    expect(simulate({ seed: 7 }, program).hash).toBe(simulate({ seed: 7 }, program).hash);
  });

  test("are none without a seed, and where none are wanted", () => {
    expect([...simulate({}, program).choices.keys()]).toEqual([]);
    const quiet = simulate({ ...QUIET, seed: 3 }, program);
    expect([...quiet.choices.keys()].filter((name) => /link|slices|network/.test(name))).toEqual([]);
  });

  test("are made again by a replay, and are gone in the tamest one", () => {
    const wild = simulate({ seed: 4, network: { faults: "all" } }, program);
    const again = simulate({ replay: wild.choices, network: { faults: "all" } }, program);
    expect([again.hash, again.virtual]).toEqual([wild.hash, wild.virtual]);
    const tame = simulate({ replay: new Map() }, program);
    expect(tame.virtual).toBeLessThan(30);
  });
});

test("a reset that a cut has swallowed leaves the peer in the dark", () => {
  const seen = inWorld(function* (world) {
    let mine: ByteStream | undefined;
    const one = server(world, "server", function* (stream) {
      mine = stream;
      yield* stream.read();
      stream.abort();
    });
    yield* settle();
    const stream = use(yield* connect({ host: one.address, port: 80 }));
    yield* stream.write("go");
    yield* sleep(0.6);
    world.network.cut(one, "world", { oneWay: true });
    yield* sleep(1000);
    world.network.healAll();
    const before = stream.statistics().state;
    // It is known as soon as it sends something.
    yield* stream.write("still there?");
    const error = yield* thrown(() => stream.read());
    return [mine !== undefined, before, error instanceof BrokenError];
  });
  expect(seen).toEqual([true, "open", true]);
});

test("what the network does is counted", () => {
  const counted = connected(function* (world, stream, one) {
    yield* asked(stream, 10_000);
    yield* failure({ host: one.address, port: 81 });
    const other = yield* connect({ host: one.address, port: 80 });
    other.abort();
    yield* sleep(10);
    return world.network.statistics();
  });
  expect(counted).toEqual({
    packets: 25,
    bytes: 20_002,
    lost: 0,
    retransmitted: 0,
    duplicated: 0,
    connections: 2,
    refused: 1,
    resets: 1,
    timeouts: 0,
  });
});
