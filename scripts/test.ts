// `npm test`: everything that must hold while a change is made, in one command and about two minutes on two cores. What takes
// long is apart (`npm run test:long`, `test:drivers`, `test:soak`), and must hold before a change may land.
//
// A step is a command that succeeds or fails. Two lanes run side by side, because there are rarely fewer than two cores:
// one runs the tests, the other everything that only looks at the sources and at what they are built into. A step speaks
// up only when it fails; the last line counts the tests and the steps. Steps can be chosen: `npm test -- types lint`.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { tarballOf } from "./pack.ts";
import { packages, root } from "./repo.ts";
import type { TestReport } from "./vitest-reporter.ts";

interface Step {
  readonly name: string;
  /** Commands that run one after the other; the first that fails ends the step. */
  readonly commands: readonly (readonly string[])[];
  /** The steps that must have succeeded before this one, from the same lane. */
  readonly after?: readonly string[];
  /** Where vitest's report will be, if this step runs tests. */
  readonly report?: string;
}

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

/** How to start a tool of node_modules: by this very Node, because on Windows the links in .bin cannot be spawned. */
function tool(name: string, of: string = name): string[] {
  const folder = join(root, "node_modules", of);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    bin: string | Record<string, string>;
  };
  const path = typeof bin === "string" ? bin : bin[name];
  if (path === undefined) throw new Error(`${of} has no command ${name}`);
  return [process.execPath, join(folder, path)];
}
const node = (...args: string[]): string[] => [process.execPath, "--conditions=rondo-source", ...args];
const reportOf = (name: string): string => join(root, ".reports", `${name}.json`);

const vitest = (name: string, ...args: string[]): Step => ({
  name,
  commands: [[...tool("vitest"), "run", "--reporter=default", "--reporter=./scripts/vitest-reporter.ts", ...args]],
  report: reportOf(name),
});

/** The projects of tests that have programs of others at the other end or beside them. */
const beside = ["drivers", "pages", "peers"];

/** A test that takes long is a pleasure to nobody who only wants to know whether his change is sound. */
const quick = "--tags-filter=!long";

const plain = ["--no-definitely-typed", "--no-emoji", "--no-color"];
const lanes: Record<string, Step[]> = {
  tests: [vitest("tests", quick, ...beside.map((name) => `--project=!${name}`))],
  sources: [
    { name: "types", commands: [[...tool("tsc", "typescript"), "--noEmit"]] },
    {
      name: "types of the documentation's programs",
      commands: [
        node("scripts/doc-examples.ts"),
        [...tool("tsc", "typescript"), "--noEmit", "-p", "tsconfig.examples.json"],
      ],
    },
    { name: "lint", commands: [[...tool("oxlint"), "--deny-warnings"]] },
    { name: "format", commands: [[...tool("oxfmt"), "--check"]] },
    { name: "floors", commands: [node("scripts/floors.ts")] },
    { name: "unused code", commands: [[...tool("knip")]] },
    { name: "build", commands: [[process.execPath, "scripts/build.ts"]] },
    { name: "pack", after: ["build"], commands: [node("scripts/pack.ts")] },
    {
      name: "packages",
      after: ["pack"],
      commands: packages().flatMap((one) => [
        [...tool("publint"), "run", tarballOf(one), "--strict"],
        [...tool("attw", "@arethetypeswrong/cli"), tarballOf(one), "--profile", "esm-only", ...plain],
      ]),
    },
    { name: "a stranger's project", after: ["pack"], commands: [node("scripts/consume.ts")] },
    { name: "size", after: ["build"], commands: [[...tool("size-limit")]] },
  ],
};
/** Only when they are asked for: what takes minutes, and what needs servers of the machine. */
const apart: Step[] = [
  vitest("soak", "--config", "vitest.soak.config.ts"),
  vitest("long", "--tags-filter=long", ...beside.map((name) => `--project=!${name}`)),
  vitest("drivers", ...beside.map((name) => `--project=${name}`)),
];

/** No step comes near this many minutes; what does has stopped moving. (The soak tests take twenty.) */
const limit = 60;
const running = new Set<ChildProcess>();

/** Ends a command with everything that it started: it leads a process group of its own. */
function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // It had ended already.
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const child of running) end(child);
    process.kill(process.pid, signal);
  });
}

function runCommand([command, ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((done) => {
    const detached = process.platform !== "win32";
    const child = spawn(command as string, args, { cwd: root, env, detached, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    }
    const timer = setTimeout(() => {
      output += `ended after ${limit} minutes\n`;
      end(child);
    }, limit * 60_000);
    const ended = (ok: boolean, why: string): void => {
      running.delete(child);
      clearTimeout(timer);
      done({ ok, output: output + why });
    };
    child.on("error", (error) => ended(false, `${error.message}\n`));
    child.on("close", (status, signal) => ended(status === 0, signal === null ? "" : `ended by ${signal}\n`));
  });
}

async function runStep({ commands, report }: Step): Promise<Outcome> {
  if (report !== undefined) rmSync(report, { force: true });
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, RONDO_REPORT: report };
  let output = "";
  for (const command of commands) {
    const outcome = await runCommand(command, env);
    output += outcome.output;
    if (!outcome.ok) return { ok: false, output: `${output}(${command.join(" ")})\n` };
  }
  return { ok: true, output };
}

const counts = { passed: 0, failed: 0 };
const good = new Set<string>();

async function runLane(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const missing = step.after?.find((name) => !good.has(name));
    const began = performance.now();
    const { ok, output } =
      missing === undefined ? await runStep(step) : { ok: false, output: `needs the step "${missing}"\n` };
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    counts[ok ? "passed" : "failed"]++;
    if (ok) good.add(step.name);
    const lines = [`${ok ? "ok  " : "FAIL"}  ${step.name}  ${seconds} s`];
    if (step.report !== undefined && existsSync(step.report)) {
      const report = JSON.parse(readFileSync(step.report, "utf8")) as TestReport;
      counts.passed += report.passed;
      counts.failed += report.failed;
      lines[0] += `: ${report.passed} tests passed, ${report.failed} failed, ${report.skipped.length} skipped`;
      if (report.leftOut > 0) lines[0] += `, ${report.leftOut} not asked for`;
      const slowest = report.slowest.map(({ file, ms }) => `${file} ${(ms / 1000).toFixed(1)} s`);
      if (slowest.length > 0) lines.push(`      slowest  ${slowest.join(", ")}`);
      for (const name of report.running) lines.push(`      not over ${name}`);
      for (const name of report.skipped) lines.push(`      skipped  ${name}`);
      for (const name of report.failures) lines.push(`      failed   ${name}`);
    }
    if (!ok) lines.push(output.trimEnd().replace(/^/gm, "      "));
    console.log(lines.join("\n"));
  }
}

const wanted = process.argv.slice(2);
const every = [...Object.values(lanes).flat(), ...apart];
const unknown = wanted.filter((name) => !every.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No step is called ${unknown.join(", ")}. There are: ${every.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const chosen =
  wanted.length === 0
    ? Object.values(lanes)
    : [...Object.values(lanes), apart].map((lane) => lane.filter(({ name }) => wanted.includes(name)));
await Promise.all(chosen.map(runLane));
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
