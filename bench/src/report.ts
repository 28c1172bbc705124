// What a session found, as a table for people and as a document for programs.
import type { Floor, Judged } from "./floors.ts";
import { median, pairedRatio } from "./statistics.ts";
import type { Result } from "./session.ts";

const OURS = "Rondo";

/** A cost with three digits that count, and its unit. */
export function formatCost(cost: number, unit: "ns" | "bytes"): string {
  if (unit === "bytes") return `${Math.round(cost).toLocaleString("en")} B`;
  if (cost < 1000) return `${cost.toFixed(cost < 100 ? 1 : 0)} ns`;
  if (cost < 1e6) return `${(cost / 1e3).toFixed(cost < 1e4 ? 2 : cost < 1e5 ? 1 : 0)} µs`;
  return `${(cost / 1e6).toFixed(2)} ms`;
}

/** A ratio with two digits that count. */
export function formatRatio(value: number): string {
  return `${value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)}×`;
}

/** The table: a row for each workload, a column for each contestant; a peer's cost is followed by its ratio to Rondo's. */
export function table(results: readonly Result[], contestants: readonly string[]): string {
  const present = contestants.filter((name) => results.some(({ measured }) => measured.has(name)));
  const rows = results.map(({ workload, measured, failures }) => {
    const ours = measured.get(OURS)?.costs;
    const cells = present.map((name) => {
      const costs = measured.get(name)?.costs;
      if (!costs) return failures.has(name) ? "failed" : "–";
      const shown = formatCost(median(costs), workload.unit);
      return name === OURS || !ours ? shown : `${shown} ${formatRatio(pairedRatio(costs, ours)).padStart(5)}`;
    });
    return [workload.title, ...cells];
  });
  return columns([["", ...present], ...rows]);
}

/** How long 99 of 100 requests took at most, in the shape of the table; empty where nothing was requested. */
export function latencyTable(results: readonly Result[], contestants: readonly string[]): string {
  const timed = results.filter(({ measured }) => [...measured.values()].some(({ p99s }) => p99s.length > 0));
  if (timed.length === 0) return "";
  const present = contestants.filter((name) => timed.some(({ measured }) => measured.has(name)));
  const rows = timed.map(({ workload, measured }) => {
    const cells = present.map((name) => {
      const p99s = measured.get(name)?.p99s ?? [];
      return p99s.length > 0 ? formatCost(median(p99s), "ns") : "–";
    });
    return [workload.title, ...cells];
  });
  return columns([["", ...present], ...rows]);
}

/** The floors, one a line, with what was measured. */
export function floorTable(judged: readonly Judged[]): string {
  const rows = judged.map(({ floor, measured, held }) => [
    floor.workload,
    describe(floor),
    floor.kind === "cost" ? formatCost(measured, floor.unit) : `${measured.toFixed(2)}×`,
    held ? "held" : "LOST",
  ]);
  return columns(rows, 2);
}

function describe(floor: Floor): string {
  if (floor.kind === "cost") return `at most ${formatCost(floor.limit, floor.unit)}`;
  if (floor.kind === "ratio") return `at most ${floor.limit} × ${floor.to}`;
  return `${floor.peer} at least ${floor.limit} × slower`;
}

/** The remarks that some figures need, one a line. */
export function notes(results: readonly Result[]): string[] {
  return results.flatMap(({ workload, measured }) =>
    workload.contestants
      .filter(({ name, note }) => note !== undefined && measured.has(name))
      .map(({ name, note }) => `${workload.title}, ${name}: ${note}`),
  );
}

/** The document: everything that was measured, round by round. */
export function document(results: readonly Result[], judged: readonly Judged[], about: object): object {
  return {
    ...about,
    workloads: results.map(({ workload, measured, failures }) => {
      const ours = measured.get(OURS)?.costs;
      return {
        name: workload.name,
        title: workload.title,
        unit: workload.unit,
        contestants: Object.fromEntries(
          [...measured].map(([name, { amount, costs, p99s }]) => [
            name,
            {
              amount,
              median: median(costs),
              ratioToRondo: ours ? pairedRatio(costs, ours) : null,
              costs,
              ...(p99s.length > 0 && { p99: median(p99s), p99s }),
            },
          ]),
        ),
        failures: Object.fromEntries(failures),
      };
    }),
    floors: judged.map(({ floor, measured, held }) => ({ ...floor, measured, held })),
  };
}

/** Lines up cells: the first `left` columns to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[], left = 1): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
