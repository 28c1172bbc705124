import { check, CheckError } from "rondo/sim";
import { expect, test } from "vitest";

import { cluster, forgetful, nemeses } from "./simulation.ts";

test(
  "a replicated log keeps its promises under every nemesis, and goes on when they are gone, in 1,200 worlds",
  check({ runs: 1200, seed: 10_000 }, cluster({ seen: true })),
);

for (const kind of Object.keys(nemeses))
  test(`it does so under ${kind} alone`, check({ runs: 60, seed: 20_000 }, cluster({ kinds: [kind] })));

test("replicas that promise before the disk has it are found out", () => {
  const careless = check({ runs: 2000, shrink: false }, cluster({ kinds: ["crashes"], medium: forgetful }));
  expect(() => careless()).toThrow(CheckError);
});
