import { describe, expect, it } from "vitest";
import { floors, judge, type Floor } from "./floors.ts";
import type { Result } from "./session.ts";
import { workloads } from "./work/index.ts";

function result(name: string, costs: Record<string, number[]>): Result {
  const workload = workloads.find((one) => one.name === name);
  if (!workload) throw new Error(`there is no workload "${name}"`);
  const measured = new Map(Object.entries(costs).map(([who, list]) => [who, { amount: 1, costs: list, p99s: [] }]));
  return { workload, measured, failures: new Map() };
}

const toAsync: Floor = { workload: "switch", kind: "ratio", to: "async/await", limit: 1 };
const absolute: Floor = { workload: "lock", kind: "cost", unit: "ns", limit: 40 };
const effect: Floor = { workload: "lock", kind: "slower", peer: "Effect", limit: 8 };

describe("floors", () => {
  it("every floor is about a workload that exists, and a contestant that does it", () => {
    for (const floor of floors) {
      const workload = workloads.find(({ name }) => name === floor.workload);
      const names = workload?.contestants.map(({ name }) => name) ?? [];
      expect(names).toContain("Rondo");
      if (floor.kind === "ratio") expect(names).toContain(floor.to);
      if (floor.kind === "slower") expect(names).toContain(floor.peer);
    }
  });

  it("a ratio is held up to five parts in a hundred above its limit", () => {
    expect(judge(toAsync, [result("switch", { Rondo: [104], "async/await": [100] })])).toMatchObject({ held: true });
    expect(judge(toAsync, [result("switch", { Rondo: [106], "async/await": [100] })])).toMatchObject({ held: false });
  });

  it("a cost is compared by its median", () => {
    expect(judge(absolute, [result("lock", { Rondo: [30, 41, 900] })])).toMatchObject({ measured: 41, held: true });
    expect(judge(absolute, [result("lock", { Rondo: [30, 43, 44] })])).toMatchObject({ measured: 43, held: false });
  });

  it("a peer that has to be slower is held to that many times", () => {
    expect(judge(effect, [result("lock", { Rondo: [10], Effect: [77] })])).toMatchObject({ measured: 7.7, held: true });
    expect(judge(effect, [result("lock", { Rondo: [10], Effect: [75] })])).toMatchObject({
      measured: 7.5,
      held: false,
    });
  });

  it("what was not measured is not judged", () => {
    expect(judge(toAsync, [])).toBeUndefined();
    expect(judge(toAsync, [result("switch", { "async/await": [100] })])).toBeUndefined();
    expect(judge(toAsync, [result("switch", { Rondo: [100] })])).toBeUndefined();
  });
});
