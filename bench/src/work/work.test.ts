// Every contestant still does its work: a benchmark is code too, and the one that rots is the one that flatters.
import { afterAll, describe, expect, it } from "vitest";
import { pythonPeers } from "../python.ts";
import { amountFor } from "../workload.ts";
import { workloads } from "./index.ts";
import { removeLog } from "./lines.ts";

describe("the workloads", () => {
  afterAll(removeLog);

  it("have names of their own", () => {
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
  });

  it("set Rondo beside async/await everywhere, or beside bare Node, as neighbours", () => {
    for (const { name, contestants, table } of workloads) {
      // Where Node has nothing of its own, or nothing that counts, it is what everybody uses.
      const neighbours = table === "net" ? ["Node", "undici", "ws"] : ["async/await", "rss-parser", "Intl.Segmenter"];
      expect([name, contestants[0]?.name]).toEqual([name, "Rondo"]);
      expect(neighbours, name).toContain(contestants[1]?.name);
    }
  });

  // Those that run alone compare heaps, which takes a process of their own and a forced collection; the news run has
  // tests of its own, and hundreds of pages in its smallest amount; echoes are all the same work, and Python may be missing.
  const quick = workloads
    .filter(
      ({ alone, name }) =>
        alone !== true && !name.startsWith("news") && (!name.startsWith("echo-") || name === "echo-10-64-1"),
    )
    .flatMap((workload) => workload.contestants.map((contestant) => ({ workload, contestant })))
    .filter(({ contestant }) => pythonPeers[contestant.name] === undefined && contestant.optional !== true);

  // Real time passes here (timers are what some of it measures); how much is nobody's business but the machine's.
  it.each(quick)("$contestant.name does $workload.name", { timeout: 60_000 }, async ({ workload, contestant }) => {
    const cost = await contestant.run(amountFor(workload, 0, 1));
    expect(typeof cost === "object" ? cost.cost : cost).toBeGreaterThan(0);
  });
});
