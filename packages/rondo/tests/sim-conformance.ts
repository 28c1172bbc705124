/** The streams of the simulated network through the exported suites, over good links and bad ones, on so many seeds. */
import { describe, expect, test } from "vitest";
import { type Coroutine, type Operation, sleep, suspend } from "../src/index.ts";
import { ByteStream, type ByteStreamOptions } from "../src/net/stream.ts";
import type { ListeningDoor } from "../src/net/network.ts";
import type { Transport } from "../src/net/transport.ts";
import { halfCloseableChecks, type StreamCheckOptions, streamChecks } from "../src/testing/index.ts";
import { type LinkSettings, randomWalk, simulate, type SimNetworkOptions, type World } from "../src/sim/index.ts";

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
  /** How many, beside the tame run. */
  readonly seeds: number;
}

const tight = { highWaterMark: 16, lowWaterMark: 15, writeAhead: 0 };

const cases: readonly Case[] = [
  { name: "a good link", options: { clog: 400_000, payload: 20_000 }, seeds: 1 },
  {
    name: "whatever troubles a seed has",
    network: { faults: "swarm" },
    options: { clog: 400_000, payload: 5000 },
    seeds: 5,
  },
  {
    name: "one byte in a segment and in a window",
    link: { mss: 1, window: 1, sendBuffer: 1 },
    marks: { highWaterMark: 1, lowWaterMark: 0, writeAhead: 0 },
    options: { clog: 300, payload: 500 },
    seeds: 1,
  },
  {
    name: "a small window, slices and loss",
    link: { window: 100, sendBuffer: 150, slices: true, loss: 0.1, jitter: 3, distribution: "exponential" },
    marks: tight,
    options: { clog: 2000, payload: 2000 },
    seeds: 3,
  },
  {
    name: "a narrow link with a long tail",
    link: { bandwidth: 100_000, jitter: 2, distribution: "pareto", window: 5000, sendBuffer: 5000 },
    marks: tight,
    options: { clog: 30_000, payload: 5000 },
    seeds: 1,
  },
  {
    name: "a link that drips",
    link: { drip: 0.5, window: 50, sendBuffer: 50 },
    marks: tight,
    options: { clog: 400, payload: 300 },
    seeds: 1,
  },
  {
    name: "a Unix socket",
    path: "/run/service",
    options: { clog: 400_000, payload: 20_000, resets: false },
    seeds: 1,
  },
];

/** Registers the cases; each runs on so many times as many seeds. */
export function streamSuites(factor: number): void {
  for (const { name, link, network = QUIET, options, marks = {}, path, seeds } of cases) {
    describe(name, () => {
      // The suites name their cases before there is a world; each run makes its own.
      let world: World;
      const make = () => pair(world, marks, path);
      // A few losses in a row are minutes of silence, as on a real network.
      const patient = { patience: DAY / 2, ...options };
      const checks = [...streamChecks(make, patient), ...halfCloseableChecks(make, patient)];
      test.each(checks)("$name", (check) => {
        for (let i = 0; i <= seeds * factor; i++) {
          const seed = i === 0 ? undefined : i;
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
}
