// The load of the HTTP rows: `wrk`, where the machine has it, since what loads a server must not be what is measured.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is asked for, again and again. */
export interface Shot {
  readonly path: string;
  /** A body makes a POST of it. */
  readonly body?: { readonly type: string; readonly text: string };
}

let found: boolean | undefined;

export function hasWrk(): boolean {
  if (found === undefined) {
    try {
      execFileSync("wrk", ["-v"], { stdio: "ignore" });
      found = true;
    } catch (error) {
      // It says its version with status 1.
      found = (error as { code?: unknown }).code !== "ENOENT";
    }
    if (!found) process.stderr.write("  skipped, since there is no wrk: apt-get install wrk\n");
  }
  return found;
}

const folder = mkdtempSync(join(tmpdir(), "rondo-bench-"));
let scripts = 0;

/** A script for a body: wrk sends it with each request. */
function scriptOf({ body }: Shot): string[] {
  if (body === undefined) return [];
  const file = join(folder, `${++scripts}.lua`);
  const quoted = body.text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  writeFileSync(file, `wrk.method = "POST"\nwrk.headers["Content-Type"] = "${body.type}"\nwrk.body = "${quoted}"\n`);
  return ["-s", file];
}

/** Loads a port for so many seconds; gives how many requests were answered, and within how many ns 99 of 100 were. */
export function shoot(
  port: number,
  shot: Shot,
  connections: number,
  seconds: number,
): Promise<{ readonly requests: number; readonly p99: number }> {
  const url = `http://127.0.0.1:${port}${shot.path}`;
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "--latency", ...scriptOf(shot), url];
  return new Promise((resolve, reject) => {
    execFile("wrk", args, (error, stdout) => {
      if (error !== null) {
        reject(new Error(`wrk has failed: ${error.message}`));
        return;
      }
      if (/Non-2xx|Socket errors/.test(stdout)) {
        reject(new Error(`not every request was answered well:\n${stdout}`));
        return;
      }
      const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
      const [, amount = "0", unit = "ms"] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
      resolve({ requests, p99: Number(amount) * ({ us: 1e3, ms: 1e6, s: 1e9 }[unit] ?? 1e6) });
    });
  });
}
