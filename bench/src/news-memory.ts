// Does memory grow with the number of sources? Runs `rondo news` over ten thousand sources that are due at once, each a real
// page on a loopback host of its own, all of them stored, and asks the kernel for the most memory the process ever had.
//
//   node --conditions=rondo-source bench/src/news-memory.ts [SOURCES]
//
// The exit status is 1 when the limit was passed. Linux only: elsewhere 127.0.0.1 is the only loopback address.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "@rondo/crawl";
import type { ServerReady } from "./news-server.ts";

/** In bytes of resident memory. */
const LIMIT = 300_000_000;
const SOURCES = Number(process.argv[2] ?? 10_000);

const folder = mkdtempSync(join(tmpdir(), "rondo-memory-"));
const server = fork(new URL("./news-server.ts", import.meta.url), { execArgv: ["--conditions=rondo-source"] });
try {
  const [{ port }] = (await once(server, "message")) as [ServerReady];
  const { report, most, seconds } = await download(listOf(port));
  const { done, failed, bytes, words } = report.totals;
  const failure = report.sources.find((source) => source.failure !== undefined);
  console.log(
    `${SOURCES} sources on as many hosts: ${done} read, ${failed} failed, ${mb(bytes)}, ${words} words, ${seconds} s`,
  );
  if (failure !== undefined) console.log(`first failure: ${JSON.stringify(failure)}`);
  console.log(`memory: at most ${mb(most)} resident; limit ${mb(LIMIT)}: ${most < LIMIT ? "held" : "LOST"}`);
  process.exitCode = most < LIMIT && failed === 0 ? 0 : 1;
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}

function listOf(port: number): string {
  const lines = Array.from(
    { length: SOURCES },
    (_, at) => `http://127.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}:${port}/${at}`,
  );
  const list = join(folder, "sources.txt");
  writeFileSync(list, lines.join("\n"));
  return list;
}

async function download(list: string): Promise<{ report: Report; most: number; seconds: string }> {
  const command = fileURLToPath(import.meta.resolve("@rondo/cli")).replace(/index\.(\w+)$/, "main.$1");
  const begun = performance.now();
  const args = [
    "--conditions=rondo-source",
    command,
    "news",
    "--feeds",
    list,
    "--top",
    "10",
    "--timeout",
    "2m",
    "--allow-private",
    "--db",
    join(folder, "news.db"),
    "--allow-private",
    "--json",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, peakOf(child))), 50);
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) text += chunk;
  clearInterval(watch);
  return { report: JSON.parse(text) as Report, most, seconds: ((performance.now() - begun) / 1000).toFixed(1) };
}

/** The most resident memory a process has had so far ("high water mark"), in bytes; 0 when it is gone. */
function peakOf(child: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    // It has ended between two looks.
    return 0;
  }
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
