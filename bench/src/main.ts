// `npm run bench`: the same work in Rondo and in its peers, in one session, and whether Rondo's floors held.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { floors, judge } from "./floors.ts";
import { checks, runCheck, type Verdict } from "./checks.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { interpreter, PythonPeer, pythonPeers } from "./python.ts";
import { document, floorTable, latencyTable, notes, table } from "./report.ts";
import { measureWorkload, type Result } from "./session.ts";
import { workloads } from "./work/index.ts";

const output = fileURLToPath(new URL("../results/latest.json", import.meta.url));
const order = [
  "Rondo",
  "async/await",
  "Node",
  "read and write",
  "Effect",
  "Effection",
  "RxJS",
  "Fastify",
  "Hono",
  "Bun",
  "aiohttp",
  "Tornado",
  "undici",
  "fetch",
  "ws",
  "tuned",
  "rss-parser",
  "Intl.Segmenter",
  ...Object.keys(pythonPeers),
];

function readOptions(): Options {
  try {
    return parseOptions(
      process.argv.slice(2),
      [...workloads, ...checks].map(({ name }) => name),
    );
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

/** The Python peers that are there, each with its version. */
async function findPython(wanted: boolean): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (!wanted) return found;
  for (const name of Object.keys(pythonPeers)) {
    const peer = await PythonPeer.start(name);
    if (!peer) continue;
    found.set(name, peer.version);
    peer.stop();
  }
  return found;
}

const options = readOptions();
const python = await findPython(options.python);
const skipped = Object.keys(pythonPeers).filter((name) => !python.has(name));
const processor = cpus()[0]?.model ?? "unknown processor";
process.stdout.write(`Node ${process.version}, ${processor}, ${options.rounds} rounds\n`);
if (python.size > 0) process.stdout.write(`Python peers: ${[...python.values()].join(", ")}\n`);
if (skipped.length > 0) {
  const reason = options.python ? `not found by ${interpreter()}` : "left out";
  process.stdout.write(`Skipped: ${skipped.join(", ")} (${reason})\n`);
}

const plan = { rounds: options.rounds, scale: options.scale, python: [...python.keys()] };
const isWanted = ({ name, extra = false }: { name: string; extra?: boolean }): boolean =>
  options.only.includes(name) ||
  ((!extra || options.full) &&
    (options.only.length === 0 || options.only.some((first) => name.startsWith(`${first}-`))));
const results: Result[] = [];
for (const workload of workloads.filter(isWanted)) {
  const started = performance.now();
  const result = await measureWorkload(workload, plan);
  results.push(result);
  process.stderr.write(`  ${workload.name}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

const verdicts: Verdict[] = [];
for (const check of checks.filter(isWanted)) verdicts.push(await runCheck(check, options.scale));

// With --quick the engine is not warm yet, and a floor would be judged by what compiling costs.
const judged = options.scale < 1 ? [] : floors.map((floor) => judge(floor, results)).filter((one) => one !== undefined);
const failures = results.flatMap(({ workload, failures: list }) =>
  [...list].map(([name, error]) => `${workload.name}, ${name}: ${error}`),
);

if (results.length > 0)
  process.stdout.write(`\nMedians of one unit of work; behind a peer's, how many times Rondo's it is.\n\n`);
for (const some of [
  results.filter(({ workload }) => !workload.table),
  results.filter(({ workload }) => workload.table),
])
  if (some.length > 0) process.stdout.write(`${table(some, order)}\n\n`);
const latencies = latencyTable(results, order);
if (latencies !== "") process.stdout.write(`99 of 100 requests were answered within:\n\n${latencies}\n\n`);
for (const note of notes(results)) process.stdout.write(`${note}\n`);
if (judged.length > 0) process.stdout.write(`\nFloors, with 5 % tolerance:\n\n${floorTable(judged)}\n`);
for (const { check, output: said } of verdicts) process.stdout.write(`\n${check.title}:\n${said}\n`);
for (const failure of failures) process.stdout.write(`\nFAILED: ${failure}\n`);

const about = { node: process.version, processor, options, python: Object.fromEntries(python), skipped };
await mkdir(fileURLToPath(new URL("../results", import.meta.url)), { recursive: true });
await writeFile(output, `${JSON.stringify({ ...document(results, judged, about), checks: verdicts }, null, 2)}\n`);
process.stdout.write(`\nWritten to ${output}\n`);

const lost = judged.some(({ held }) => !held) || verdicts.some(({ held }) => !held);
process.exitCode = failures.length > 0 || (options.check && lost) ? 1 : 0;
