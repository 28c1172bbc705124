import { expect, test } from "vitest";

import { thrownBy, virtually } from "../../tests/virtual.ts";
import { group, now, sleep } from "../index.ts";
import { History, showCall } from "./history.ts";

test("a call is written down with who, what, when, and what it gave", async () => {
  await virtually(function* () {
    const history = new History({ now });
    yield* sleep(3);
    const value = yield* history.call("a", "read", { key: "x" }, function* () {
      yield* sleep(4);
      return "found";
    });
    expect(value).toBe("found");
    expect(history.calls).toMatchObject([
      {
        index: 0,
        process: "a",
        op: "read",
        outcome: "ok",
        output: "found",
        began: 0,
        ended: 1,
        beganAt: 3,
        endedAt: 7,
      },
    ]);
    expect(String(history)).toBe('3 to 7 ms  a: read { key: "x" } -> "found"');
  });
});

test("a cancelled call is of unknown outcome, or did not happen where that is promised", async () => {
  for (const cancelled of ["info", "fail"] as const) {
    const history = new History({ cancelled });
    await virtually(() =>
      group(function* (g) {
        const task = g.spawn(() => history.call("a", "write", 1, sleep(100)));
        yield* sleep(1);
        task.cancel();
        yield* task.ended();
      }),
    );
    expect(history.calls[0]?.outcome).toBe(cancelled);
  }
});

test("a call that throws is of unknown outcome, unless it is known better", async () => {
  const failing = function* (): Generator<never, never> {
    throw new Error("refused");
  };
  for (const outcome of ["ok", "fail", "info"] as const) {
    const history = new History(outcome === "info" ? {} : { thrown: () => outcome });
    const error = await virtually(() => thrownBy(() => history.call("a", "write", 1, failing)));
    expect(String(error)).toBe("Error: refused");
    expect(history.calls[0]).toMatchObject({ outcome, error });
    expect(history.calls[0]?.output).toBe(outcome === "ok" ? error : undefined);
  }
});

test("one that never ends stays open, and is told so", () => {
  const history = new History();
  const call = history.begin("a", "write", 1);
  expect(showCall(call)).toBe("a: write 1 -> not ended");
  expect(call).toMatchObject({ outcome: "open", ended: Infinity });
});

test("a call ends once, and in its own history", () => {
  const history = new History();
  const call = history.begin("a", "write", [1, new Map([["x", { y: 2n }]])]);
  history.info(call);
  expect(() => history.ok(call)).toThrow("the call a: write [1, Map { x: { y: 2n } }] -> unknown has ended already");
  expect(() => new History().ok(call)).toThrow(/none of this history's/);
});
