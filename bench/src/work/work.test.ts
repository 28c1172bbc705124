// Every contestant still does its work: a benchmark is code too, and the one that rots is the one that flatters.
import { describe, expect, it } from "vitest";
import { amountFor } from "../workload.ts";
import { workloads } from "./index.ts";

describe("the workloads", () => {
  it("have names of their own", () => {
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
  });

  it("set Rondo beside async/await everywhere, as neighbours", () => {
    for (const { name, contestants } of workloads) {
      expect([name, contestants[0]?.name, contestants[1]?.name]).toEqual([name, "Rondo", "async/await"]);
    }
  });

  // Those that run alone compare heaps, which takes a process of their own and a forced collection; the news run has
  // tests of its own, and hundreds of pages in its smallest amount.
  const quick = workloads
    .filter(({ alone, name }) => alone !== true && name !== "news")
    .flatMap((workload) => workload.contestants.map((contestant) => ({ workload, contestant })));

  // Real time passes here (timers are what some of it measures); how much is nobody's business but the machine's.
  it.each(quick)("$contestant.name does $workload.name", { timeout: 60_000 }, async ({ workload, contestant }) => {
    const cost = await contestant.run(amountFor(workload, 0, 1));
    expect(cost).toBeGreaterThan(0);
  });
});
