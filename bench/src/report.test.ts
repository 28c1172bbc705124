import { describe, expect, it } from "vitest";
import { document, floorTable, formatCost, formatRatio, notes, table } from "./report.ts";
import type { Result } from "./session.ts";
import type { Workload } from "./workload.ts";

const workload: Workload = {
  name: "walk",
  title: "a walk",
  unit: "ns",
  amount: 1000,
  contestants: [{ name: "async/await", note: "uphill", run: () => Promise.resolve(0) }],
};

const results: Result[] = [
  {
    workload,
    measured: new Map([
      ["Rondo", { amount: 1000, costs: [100, 120, 110], p99s: [] }],
      ["async/await", { amount: 1000, costs: [50, 60, 55], p99s: [] }],
    ]),
    failures: new Map([["Effect", "it fell"]]),
  },
];

describe("the report", () => {
  it("shows a cost with the digits that count", () => {
    expect([1.234, 123.4, 1234, 12_345, 123_456, 1_234_567].map((cost) => formatCost(cost, "ns"))).toEqual([
      "1.2 ns",
      "123 ns",
      "1.23 µs",
      "12.3 µs",
      "123 µs",
      "1.23 ms",
    ]);
    expect(formatCost(10_702.4, "bytes")).toBe("10,702 B");
  });

  it("shows a ratio below one with two digits behind the point", () => {
    expect([0.456, 4.56, 45.6].map(formatRatio)).toEqual(["0.46×", "4.6×", "46×"]);
  });

  it("puts a peer's ratio to Rondo behind its cost, the lost rows too", () => {
    expect(table(results, ["Rondo", "async/await", "Effect"])).toBe(
      ["         Rondo    async/await", "a walk  110 ns  55.0 ns 0.50×"].join("\n"),
    );
  });

  it("says of each floor whether it was held", () => {
    const floor = { workload: "walk", kind: "ratio", to: "async/await", limit: 1 } as const;
    expect(floorTable([{ floor, measured: 2, held: false }])).toBe("walk  at most 1 × async/await  2.00×  LOST");
  });

  it("gives the remarks of those who took part", () => {
    expect(notes(results)).toEqual(["a walk, async/await: uphill"]);
  });

  it("has every round in its document", () => {
    expect(document(results, [], { node: "v24" })).toMatchObject({
      node: "v24",
      workloads: [
        {
          name: "walk",
          contestants: { "async/await": { median: 55, ratioToRondo: 0.5, costs: [50, 60, 55] } },
          failures: { Effect: "it fell" },
        },
      ],
      floors: [],
    });
  });
});
