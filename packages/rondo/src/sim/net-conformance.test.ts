/** The streams of the simulated network through the exported suites, over good links and bad ones, on many seeds. */
import { describe, expect, test } from "vitest";
import { type Coroutine, type Operation, sleep, suspend } from "../index.ts";
import { ByteStream, type ByteStreamOptions } from "../net/stream.ts";
import type { ListeningDoor } from "../net/network.ts";
import type { Transport } from "../net/transport.ts";
import { halfCloseableChecks, type StreamCheckOptions, streamChecks } from "../testing/index.ts";
import { type LinkSettings, randomWalk, simulate, type SimNetworkOptions, type World } from "./index.ts";

const DAY = 24 * 60 * 60 * 1000;
const QUIET: SimNetworkOptions = { faults: "none" };

/** Two ends of one connection, on two computers or on one, in the hands of one program. */
function* pair(
  world: World,
  marks: ByteStreamOptions,
  path: string | undefined,
): Coroutine<readonly [ByteStream, ByteStream]> {
  const idle = (): Operation<void> => sleep(DAY);
  const [a, b] = ["a", "b"].map((name) => world.nodes.find((one) => one.name === name) ?? world.node(name, idle));
  const there = path === undefined ? { host: b!.address, port: 80 } : { path };
  const from = world.network.networkFor(a!);
  const to = world.network.networkFor(path === undefined ? b! : a!);
  let taken: ((transport: Transport) => void) | undefined;
  const early: Transport[] = [];
  const sink = {
    accepted: (transport: Transport) => void (taken === undefined ? early.push(transport) : taken(transport)),
    dropped() {},
    closed() {},
  };
  const door = yield* suspend<ListeningDoor>((wake, fail) => {
    to.listen(there, {}, sink, (error, opened) => (opened === null ? fail(error) : wake(opened)));
  }, "listen");
  const client = yield* suspend<Transport>((wake, fail) => {
    from.connect(there, {}, (error, transport) => (transport === null ? fail(error) : wake(transport)));
  }, "connect");
  const server =
    early[0] ??
    (yield* suspend<Transport>((wake) => {
      taken = wake;
    }, "accept"));
  door.close();
  return [new ByteStream(client, marks), new ByteStream(server, marks)];
}

interface Case {
  readonly name: string;
  readonly link?: Partial<LinkSettings>;
  readonly network?: SimNetworkOptions;
  readonly options: StreamCheckOptions;
  readonly marks?: ByteStreamOptions;
  readonly path?: string;
  readonly seeds: readonly (number | undefined)[];
}

const seeds = (count: number): (number | undefined)[] => [undefined, ...Array.from({ length: count }, (_, i) => i + 1)];
const tight = { highWaterMark: 16, lowWaterMark: 15, writeAhead: 0 };

const cases: readonly Case[] = [
  { name: "a good link", options: { clog: 400_000, payload: 20_000 }, seeds: seeds(3) },
  {
    name: "whatever troubles a seed has",
    network: { faults: "swarm" },
    options: { clog: 400_000, payload: 5000 },
    seeds: seeds(12),
  },
  {
    name: "one byte in a segment and in a window",
    link: { mss: 1, window: 1, sendBuffer: 1 },
    marks: { highWaterMark: 1, lowWaterMark: 0, writeAhead: 0 },
    options: { clog: 300, payload: 500 },
    seeds: seeds(4),
  },
  {
    name: "a small window, slices and loss",
    link: { window: 100, sendBuffer: 150, slices: true, loss: 0.1, jitter: 3, distribution: "exponential" },
    marks: tight,
    options: { clog: 2000, payload: 2000 },
    seeds: seeds(10),
  },
  {
    name: "a narrow link with a long tail",
    link: { bandwidth: 100_000, jitter: 2, distribution: "pareto", window: 5000, sendBuffer: 5000 },
    marks: tight,
    options: { clog: 30_000, payload: 5000 },
    seeds: seeds(4),
  },
  {
    name: "a link that drips",
    link: { drip: 0.5, window: 50, sendBuffer: 50 },
    marks: tight,
    options: { clog: 400, payload: 300 },
    seeds: seeds(2),
  },
  {
    name: "a Unix socket",
    path: "/run/service",
    options: { clog: 400_000, payload: 20_000, resets: false },
    seeds: seeds(3),
  },
];

for (const { name, link, network = QUIET, options, marks = {}, path, seeds: chosen } of cases) {
  describe(name, () => {
    // The suites name their cases before there is a world; each run makes its own.
    let world: World;
    const make = () => pair(world, marks, path);
    const checks = [...streamChecks(make, options), ...halfCloseableChecks(make, options)];
    test.each(checks)("$name", (check) => {
      for (const seed of chosen) {
        const run = simulate(
          {
            ...(seed === undefined ? {} : { seed, policy: randomWalk }),
            network: link === undefined ? network : { ...network, link },
            maxSteps: 10_000_000,
          },
          function* (one) {
            world = one;
            yield* check.run();
          },
        );
        if (run.error instanceof Error) run.error.message += ` (seed ${seed ?? "none"})\n${run.waiting}`;
        if (!run.ok) throw run.error;
        expect(run.ok).toBe(true);
      }
    });
  });
}
