// Checks: scripts that hold one limit each and have no peer to be compared with. They speak for themselves, and their
// exit status says whether the limit was held.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Check {
  /** What `--only` takes. */
  readonly name: string;
  readonly title: string;
  readonly script: string;
  /** The script's argument at full size. */
  readonly amount: number;
}

export interface Verdict {
  readonly check: Check;
  readonly held: boolean;
  readonly output: string;
}

export const checks: readonly Check[] = [
  {
    name: "news-memory",
    title: "memory of a news run over 10,000 sources",
    script: "news-memory.ts",
    amount: 10_000,
  },
  { name: "article-lag", title: "lag of the loop while articles are found", script: "article-lag.ts", amount: 500 },
  { name: "sim-steps", title: "steps of a simulated world", script: "sim/steps.ts", amount: 2_000_000 },
  { name: "sim-idle", title: "a simulated world that mostly waits", script: "sim/idle.ts", amount: 24 },
  { name: "sim-packets", title: "packets of a simulated network", script: "sim/packets.ts", amount: 400_000 },
  { name: "sim-runs", title: "runs of a small program", script: "sim/runs.ts", amount: 2000 },
  { name: "sim-memory", title: "memory of a long run", script: "sim/memory.ts", amount: 1000 },
];

/** Runs a check in a process of its own. Never rejects: a crash is a limit not held. */
export function runCheck(check: Check, scale: number): Promise<Verdict> {
  const script = fileURLToPath(new URL(check.script, import.meta.url));
  const args = ["--conditions=rondo-source", script, String(Math.round(check.amount * scale))];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ check, held: error === null, output: `${stdout}${error === null ? "" : stderr}`.trimEnd() });
    });
  });
}
