/** What a program must not leave behind, beside its sockets (net-*.test.ts). */
import { expect, test } from "vitest";

import { sleep } from "../index.ts";
import { currentLoop } from "../loop/sleep.ts";
import { LeakError, simulate } from "./index.ts";

test("a wait of one's own that never takes back its count of what is outside is left behind", () => {
  const forgetful = function* (): Generator<any, void, any> {
    yield* sleep(1);
    currentLoop("the test").outside++;
  };
  const run = simulate({}, function* (world) {
    yield* world.node("client", forgetful).ended();
  });
  expect(run.error).toBeInstanceOf(LeakError);
  expect(String(run.error)).toContain("the program of client has ended and left behind: a wait for something outside");
  const kept = simulate({ leaks: false }, function* (world) {
    yield* world.node("client", forgetful).ended();
  });
  expect(kept.ok).toBe(true);
});

test("a timer of one's own that is still set is left behind", () => {
  const run = simulate({}, function* (world) {
    const client = world.node("client", function* () {
      const loop = currentLoop("the test");
      loop.timers.set({ slot: -1, fire() {} }, loop.now() + 10);
    });
    yield* client.ended();
  });
  expect(String(run.error)).toContain("the program of client has ended and left behind: a timer");
});
