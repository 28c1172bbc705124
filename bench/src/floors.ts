// The floors: what Rondo promises about its speed, and whether this session held it.
import { median, pairedRatio } from "./statistics.ts";
import type { Result } from "./session.ts";
import { echoes } from "./work/echo.ts";

/** A measurement wobbles; a floor is lost when it is missed by more than this part. */
const TOLERANCE = 0.05;

/** A promise about one workload. */
export type Floor = {
  readonly workload: string;
  readonly limit: number;
} & (
  | { readonly kind: "cost"; readonly unit: "ns" | "bytes" }
  | { readonly kind: "ratio"; readonly to: string }
  | { readonly kind: "slower"; readonly peer: string }
);

/** A floor that was looked at. */
export interface Judged {
  readonly floor: Floor;
  readonly measured: number;
  readonly held: boolean;
}

const ratio = (workload: string, limit: number, to = "async/await"): Floor => ({ workload, kind: "ratio", to, limit });
const cost = (workload: string, limit: number, unit: "ns" | "bytes"): Floor => ({
  workload,
  kind: "cost",
  limit,
  unit,
});
const slower = (workload: string, limit: number, peer = "Effect"): Floor => ({ workload, kind: "slower", peer, limit });

export const floors: readonly Floor[] = [
  ratio("switch", 1),
  ratio("spawn", 2),
  ratio("channel-1", 0.75),
  ratio("resume-10", 1.5),
  ratio("timeout", 0.6),
  ratio("timers", 0.25),
  ratio("news", 1.05),
  ratio("news-by-hand", 0.7),
  cost("lock", 45, "ns"),
  cost("cancel", 2000, "ns"),
  cost("sleeper-bytes", 560, "bytes"),
  slower("switch", 8),
  slower("spawn", 8),
  slower("channel-1", 8),
  slower("lock", 8),
  slower("timeout", 8),
  slower("cancel", 4),
  ...echoes.flatMap(({ name }) => [ratio(name, 1.1, "Node"), ratio(name, 1, "uvloop"), ratio(name, 1, "asyncio")]),
  ratio("copy", 1.1, "Node"),
  slower("lines", 3, "Node"),
  slower("lines-file", 3, "Node"),
  ratio("idle-bytes", 1.15, "Node"),
  ratio("http-hello", 0.55, "Node"),
  ratio("http-client", 0.8, "undici"),
  ratio("http-client", 0.4, "fetch"),
];

/** Looks at one floor; `undefined` where the session did not measure what it takes. */
export function judge(floor: Floor, results: readonly Result[]): Judged | undefined {
  const result = results.find(({ workload }) => workload.name === floor.workload);
  const rondo = result?.measured.get("Rondo")?.costs;
  if (!result || !rondo) return undefined;
  if (floor.kind === "cost") {
    const measured = median(rondo);
    return { floor, measured, held: measured <= floor.limit * (1 + TOLERANCE) };
  }
  const other = result.measured.get(floor.kind === "ratio" ? floor.to : floor.peer)?.costs;
  if (!other) return undefined;
  if (floor.kind === "ratio") {
    const measured = pairedRatio(rondo, other);
    return { floor, measured, held: measured <= floor.limit * (1 + TOLERANCE) };
  }
  const measured = pairedRatio(other, rondo);
  return { floor, measured, held: measured >= floor.limit * (1 - TOLERANCE) };
}
