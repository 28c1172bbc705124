// `npm run nightly`: the runtime's own programs in simulation, on a hundred thousand seeds each.
//
// What `npm run test:soak` does on a thousand. Every night begins with other seeds (the day's), so that a year of nights is
// a year of seeds. Each program runs in a process of its own, as many at a time as there are cores.
//
//   RONDO_RUNS=5000       how many seeds each
//   RONDO_SEED=1          the first of them
//   RONDO_JOBS=4          how many processes
//   npm run nightly -- Lock "serve()"     only programs whose sentence has one of these in it
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { all } from "../packages/rondo/tests/sim/all.ts";
import { campaign } from "../packages/rondo/tests/sim/campaign.ts";
import { root } from "./repo.ts";

const DAY = 86_400_000;
const runs = Number(process.env["RONDO_RUNS"] ?? 100_000);
const first = Number(process.env["RONDO_SEED"] ?? 1 + (Math.floor(Date.now() / DAY) % 20_000) * 100_000);
const jobs = Number(process.env["RONDO_JOBS"] ?? availableParallelism());
const ONE = "--one";

/** One program, here. */
function runOne(name: string): void {
  const program = all.get(name);
  if (program === undefined) throw new Error(`there is no program "${name}"`);
  const { missed } = campaign(program, runs, first);
  if (missed.length > 0) throw new Error(`in ${runs} runs never seen: ${missed.join(", ")}`);
}

/** One program, in a process of its own: what it printed where it failed. */
function runApart(name: string): Promise<string | undefined> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--conditions=rondo-source", fileURLToPath(import.meta.url), ONE, name], {
      cwd: root,
      env: { ...process.env, RONDO_RUNS: `${runs}`, RONDO_SEED: `${first}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.on("error", (error) => done(error.message));
    child.on("close", (status, signal) =>
      done(status === 0 ? undefined : `${output.trimEnd()}\n(ended with ${signal ?? status})`),
    );
  });
}

async function runAll(wanted: readonly string[]): Promise<void> {
  const names = [...all.keys()].filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
  if (names.length === 0) throw new Error(`no program has ${wanted.join(" or ")} in its sentence`);
  console.log(`${names.length} programs, ${runs} runs each, from seed ${first} on, ${jobs} at a time`);
  const queue = names.values();
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (const name of queue) {
      const begun = performance.now();
      const failure = await runApart(name);
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      console.log(`${failure === undefined ? "ok  " : "FAIL"}  ${name}  ${seconds} s`);
      if (failure === undefined) continue;
      failed++;
      console.log(failure.replaceAll(/^/gm, "      "));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  console.log(
    `\n${names.length - failed} of ${names.length} programs passed (${join("packages", "rondo", "tests", "sim")})`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

const [mode, name, ...rest] = process.argv.slice(2);
if (mode === ONE && name !== undefined) runOne(name);
else await runAll([mode, name, ...rest].filter((word) => word !== undefined));
