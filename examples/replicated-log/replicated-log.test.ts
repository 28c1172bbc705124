import { check } from "rondo/sim";
import { test } from "vitest";

import { cluster } from "./simulation.ts";

test(
  "a replicated log keeps its promises under every nemesis, and goes on when they are gone",
  { tags: ["long"] },
  check({ runs: 6 }, cluster()),
);
