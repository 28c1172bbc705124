import type * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";

import { all } from "../combine/all.ts";
import type { Operation } from "../coroutine/wait.ts";
import { now } from "../loop/sleep.ts";
import { offload, offloader, offloadProcess } from "../os/offload.ts";
import { Limiter } from "../sync/limiter.ts";
import { moveOnAfter } from "../task/scope.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";

const functions = new URL("../../tests/offloaded.ts", import.meta.url);

function inWorld<T>(body: () => Operation<T>, options: SimulateOptions = {}): Run<T> {
  const run = simulate(options, body);
  if (!run.ok) throw run.error;
  return run;
}

/** What it throws. */
function thrown(body: () => Operation<unknown>): unknown {
  return simulate({}, body).error;
}

describe("offload in a simulated world", () => {
  it("runs a function of a module, and takes virtual time", () => {
    const { value, virtual } = inWorld(function* () {
      return [
        yield* offload(functions, "add", 1, 2),
        yield* offloadProcess(functions, "add", 3, 4),
        (yield* offload<Uint8Array>("node:crypto", "scryptSync", "password", "salt", 16)).length,
        (yield* offloader<typeof zlib>("node:zlib")("gzipSync", "hello")).length,
      ];
    });
    expect(value).toEqual([3, 7, 16, 25]);
    expect(virtual).toBe(4);
  });

  it("takes a drawn time, and calls overtake each other", () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      inWorld(
        function* () {
          const order: number[] = [];
          yield* all(
            [1, 2, 3].map(
              (n) => () =>
                (function* () {
                  yield* offload(functions, "echo", n);
                  order.push(n);
                })(),
            ),
          );
          orders.add(order.join(""));
        },
        { seed },
      );
    }
    expect(orders.size).toBeGreaterThan(3);
  });

  it("copies what goes there and what comes back, and hands over what is to be handed over", () => {
    inWorld(function* () {
      const given = { list: [1], at: new Date(5) };
      const [got] = yield* offload<[typeof given]>(functions, "echo", given);
      expect(got).toEqual(given);
      expect(got).not.toBe(given);
      const bytes = new Uint8Array(3);
      yield* offload(functions, "echo", 1, { transfer: [bytes.buffer] });
      expect(bytes.length).toBe(0);
    });
    expect(thrown(() => offload(functions, "echo", () => 1))).toMatchObject({ reason: "uncloneable" });
    expect(thrown(() => offload(functions, "uncloneable"))).toMatchObject({ reason: "uncloneable" });
  });

  it("throws what the function throws, and says what is missing", () => {
    expect(thrown(() => offload(functions, "fail", "odd"))).toMatchObject({ name: "OddError", message: "odd number" });
    expect(thrown(() => offload(functions, "nothing"))).toMatchObject({ name: "OffloadError", reason: "missing" });
    expect(thrown(() => offload(new URL("./none.ts", functions), "nothing"))).toMatchObject({ reason: "missing" });
    expect(thrown(() => offload("node:none", "nothing"))).toMatchObject({ reason: "missing" });
  });

  it("refuses a function that gives a promise, and what leaves the world in it", () => {
    expect(thrown(() => offload(functions, "later", 1))).toMatchObject({ name: "SimFenceError", fence: "promise" });
    expect(thrown(() => offload("node:fs", "readFileSync", "/etc/hosts"))).toMatchObject({ fence: "file" });
  });

  it("is over when it is cancelled, and gives its token back", () => {
    inWorld(function* () {
      const limiter = new Limiter(1);
      yield* moveOnAfter(0.5, () => offload({ module: functions, name: "add", args: [1, 2], limiter }));
      expect(now()).toBe(0.5);
      expect(yield* offload({ module: functions, name: "add", args: [1, 2], limiter })).toBe(3);
    });
  });
});
