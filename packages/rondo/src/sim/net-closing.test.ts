/** How a connection of the simulated network ends while its link is cut. */
import { expect, test } from "vitest";

import { inWorld, settle } from "../../tests/sim-network.ts";
import { streamsUnderTrouble } from "../../tests/sim-streams.ts";
import { sleep } from "../index.ts";
import { connect, listen } from "../net/index.ts";

test("one that was closed in order behind a cut is not reset when the peer asks again: its end comes when the link is healed", () => {
  const heard = inWorld(function* (world) {
    const heard: (number | undefined)[] = [];
    const server = world.node("server", function* () {
      using listener = yield* listen({ port: 80 });
      const stream = yield* listener.accept();
      yield* stream.write("all of it");
      yield* stream.end();
      for (;;) {
        const chunk = yield* stream.read();
        heard.push(chunk?.length);
        if (chunk === undefined) break;
      }
      yield* stream.close();
    });
    const client = world.node("client", function* () {
      yield* sleep(1);
      const stream = yield* connect({ host: "server", port: 80 });
      while ((yield* stream.read()) !== undefined);
      // From here on the server hears nothing: no acknowledgement, no bytes, no end.
      world.network.cut("client", "server", { oneWay: true });
      yield* stream.write("hello");
      yield* stream.end();
      yield* stream.close();
    });
    yield* settle();
    yield* client.ended();
    yield* sleep(150);
    world.network.heal(client, server);
    yield* server.ended();
    return heard;
  });
  expect(heard).toEqual([5, undefined]);
});

test("what was closed before its way was clogged and cut still brings its last bytes, in the world that once lost them", () => {
  const run = streamsUnderTrouble(2009, false);
  expect(run.error).toBeUndefined();
  expect(run.virtual).toBeLessThan(60_000);
});
