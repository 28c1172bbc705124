/** After each file of tests that shares its worker with others: it has left them no loop that still runs. */
import { afterAll, expect } from "vitest";

import { loops } from "../src/loop/loop.ts";

const before = new Set(loops);

afterAll(() => {
  const left = [...loops].filter((loop) => !before.has(loop));
  expect(left, `${expect.getState().testPath} left loops: let them end, or run the file alone`).toEqual([]);
});
