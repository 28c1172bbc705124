/** Unix sockets of a simulated computer, their files, and what a program leaves open. */
import { describe, expect, test } from "vitest";
import { echo, inWorld, QUIET, settle, thrown } from "../../tests/sim-network.ts";
import { type Coroutine, group, type Operation, sleep, use } from "../index.ts";
import { connectUnix, listen, listenUnix, serve, type SystemError } from "../net/index.ts";
import { simulate } from "./index.ts";

describe("Unix sockets", () => {
  test("are reached by their path on the same computer only", () => {
    const result = inWorld(function* (world) {
      const seen: unknown[] = [];
      const one = world.node("server", () =>
        group(function* (g) {
          const listener = yield* listenUnix("/run/service");
          g.spawn(serve(listener, echo), { daemon: true });
          const stream = yield* connectUnix("/run/service");
          yield* stream.write("hi");
          seen.push(stream.label, (yield* stream.read())?.length);
          yield* stream.close();
        }),
      );
      yield* one.ended();
      const error = yield* thrown(() => connectUnix("/run/service"));
      return [...seen, error.message];
    });
    expect(result).toEqual(["unix /run/service", 2, "connect to /run/service: there is no such file (ENOENT)"]);
  });

  test("leave their file behind in a crash, and not after a close", () => {
    const result = inWorld(function* (world) {
      const seen: string[] = [];
      const tried = function* (body: () => Operation<unknown>): Coroutine<void> {
        try {
          yield* body();
          seen.push("works");
        } catch (error) {
          seen.push((error as SystemError).message.replace(/;.*/, ""));
        }
      };
      const one = world.node("server", function* () {
        const closed = yield* listenUnix("/run/closed");
        closed.close();
        yield* listenUnix("/run/service");
        yield* listenUnix("\0abstract");
        yield* tried(() => listenUnix("/run/service"));
        yield* sleep(1000);
      });
      yield* settle();
      one.crash();
      one.restart(function* () {
        yield* tried(() => connectUnix("/run/closed"));
        yield* tried(() => connectUnix("/run/service"));
        yield* tried(() => listenUnix("/run/service"));
        yield* tried(() => connectUnix("\0abstract"));
        const listener = yield* listenUnix("/run/service", { replaceStale: true });
        listener.close();
        yield* tried(() => listenUnix(`/${"long".repeat(40)}`));
      });
      yield* one.ended();
      return seen;
    });
    expect(result).toEqual([
      "listen on unix /run/service: listen EADDRINUSE: /run/service exists",
      "connect to /run/closed: there is no such file (ENOENT)",
      "connect to /run/service: nobody listens there (ECONNREFUSED)",
      "listen on unix /run/service: listen EADDRINUSE: /run/service exists",
      "connect to @abstract: nobody listens there (ECONNREFUSED)",
      expect.stringContaining("may have 107 bytes"),
    ]);
  });

  test("know no reset: an abort is the end for the peer", () => {
    const end = inWorld(function* (world) {
      const one = world.node("server", function* () {
        const listener = use(yield* listenUnix("/run/service"));
        const client = yield* connectUnix("/run/service");
        const stream = use(yield* listener.accept());
        client.abort();
        return yield* stream.read();
      });
      return yield* one.ended();
    });
    expect(end).toEqual({ how: "done", value: undefined });
  });
});

test("what a program leaves open is named", () => {
  const run = simulate(QUIET, function* (world) {
    const one = world.node("server", function* () {
      yield* listen({ port: 80 });
      yield* listenUnix("/run/service");
    });
    yield* one.ended();
  });
  expect(String(run.error)).toContain("listener tcp [::]:80, listener unix /run/service");
});
