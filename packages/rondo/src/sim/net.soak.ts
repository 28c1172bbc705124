/** The promises of the streams of the simulated network, on very many seeds, and what an hour of a busy world weighs. */
import { describe, expect, test } from "vitest";
import { type Coroutine, group, sleep, use } from "../index.ts";
import { connect, listen, serve } from "../net/index.ts";
import { simulate } from "./index.ts";
import { streamSuites } from "../../tests/sim-conformance.ts";
import { streamsUnderTrouble } from "../../tests/sim-streams.ts";

describe("the suites of streams", () => {
  streamSuites(10);
});

const SEEDS = Number(process.env["RONDO_RUNS"] ?? 1000);

test.each([false, true])(
  "what is written arrives on every seed (with crashes: %s)",
  (wild) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = streamsUnderTrouble(seed, wild);
      if (!run.ok) throw new Error(`seed ${seed}: ${String(run.error)}\n${run.waiting}`, { cause: run.error });
    }
    expect(SEEDS).toBeGreaterThan(0);
  },
  600_000,
);

const CONNECTIONS = 1000;
const HOUR = 3_600_000;
const PAUSE = 5000;
/** Of everything, the engine's slack included. */
const MOST = 500_000_000;

test("an hour with a thousand connections and every trouble stays below 500 MB", { timeout: 600_000 }, () => {
  let peak = 0;
  const before = process.memoryUsage.rss();
  function* asks(): Coroutine<void> {
    const stream = use(yield* connect({ host: "server", port: 80 }));
    const message = new Uint8Array(200);
    for (let passed = 0; passed < HOUR; passed += PAUSE) {
      yield* stream.write(message);
      yield* stream.readExactly(message.length);
      yield* sleep(PAUSE);
    }
  }
  const run = simulate({ seed: 7, network: { faults: "all" }, maxSteps: Infinity }, function* (world) {
    world.node("server", function* () {
      const listener = yield* listen({ port: 80 });
      yield* serve(listener, function* (stream) {
        for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read())
          yield* stream.write(chunk);
      });
    });
    yield* sleep(1);
    const client = world.node("client", () =>
      group(function* (g) {
        for (let i = 0; i < CONNECTIONS; i++) g.spawn(asks());
      }),
    );
    yield* group(function* (g) {
      const looks = g.spawn(function* () {
        for (;;) {
          yield* sleep(60_000);
          peak = Math.max(peak, process.memoryUsage.rss() - before);
        }
      });
      yield* client.ended();
      looks.cancel();
    });
    return world.network.statistics().connections;
  });
  if (!run.ok) throw run.error;
  expect(run.value).toBe(CONNECTIONS);
  expect(run.virtual).toBeGreaterThan(HOUR);
  expect(peak).toBeLessThan(MOST);
});
