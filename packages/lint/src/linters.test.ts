// The rule under the two real linters, as their users run them: the same files, the same findings, and TypeScript too.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import lintPlugin from "./index.ts";

const plugin = fileURLToPath(new URL("index.ts", import.meta.url));
const require = createRequire(import.meta.url);

const javascript = `import { sleep, Lock } from "rondo";
const lock = new Lock();
export function* work() {
  yield sleep(10);
  sleep(20);
  lock.acquire();
  yield 5;
  yield* sleep(30);
}
`;

const typescript = `import { Channel, type Coroutine, type Lock, type Operation, type Wait, sleep } from "rondo";
export function* numbers(): Generator<number> { yield 1; }
export function* jobs(): Iterable<Operation<void>> { yield sleep(1); }
export function* one(): Coroutine<void> { yield 5; }
export function* two(): Generator<Wait, void, unknown> { yield 5; }
export function* three(lock: Lock): Coroutine<void> {
  lock.acquire();
  (sleep(10) as unknown);
  numbers();
}
export class Pipe {
  readonly items: Channel<number> = new Channel<number>(1);
  *read(): Coroutine<void> { this.items.receive(); }
}
export async function four(lock: Lock): Promise<void> { await lock.acquire(); }
`;

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rondo-lint-"));
  await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
  await writeFile(join(folder, "work.js"), javascript);
  await writeFile(
    join(folder, "eslint.config.js"),
    `import lint from ${JSON.stringify(pathToFileURL(plugin).href)};\nexport default [lint.configs.recommended];\n`,
  );
  await writeFile(
    join(folder, "oxlint.json"),
    JSON.stringify({
      plugins: [],
      categories: { correctness: "off" },
      jsPlugins: [{ name: "rondo", specifier: plugin }],
      rules: { "rondo/require-yield-star": "error" },
    }),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The script behind a command of a package, so that it runs on this very Node. */
function command(name: "eslint" | "oxlint"): string {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = require(manifest) as { bin: string | Record<string, string> };
  const path = typeof bin === "string" ? bin : bin[name];
  if (path === undefined) throw new Error(`${name} has no command`);
  return join(dirname(manifest), path);
}

function lint(name: "eslint" | "oxlint", args: readonly string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command(name), ...args], { cwd: folder }, (error, stdout, stderr) => {
      const status = typeof error?.code === "number" ? error.code : 0;
      resolve({ status, output: stdout + (status === 0 || status === 1 ? "" : stderr) });
    });
  });
}

async function eslintLines(file: string): Promise<number[]> {
  const { output } = await lint("eslint", ["--format", "json", file]);
  const [report] = JSON.parse(output) as { messages: { line: number; ruleId: string | null; message: string }[] }[];
  return (report?.messages ?? []).map((found) => {
    expect(found.ruleId, found.message).toBe("rondo/require-yield-star");
    return found.line;
  });
}

async function oxlintLines(file: string): Promise<number[]> {
  const { output } = await lint("oxlint", ["-c", "oxlint.json", "--format", "json", file]);
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: { code: string; message: string; labels: { span: { line: number } }[] }[];
  };
  return diagnostics
    .map((found) => {
      expect(found.code, found.message).toBe("rondo(require-yield-star)");
      return found.labels[0]?.span.line ?? 0;
    })
    .toSorted((a, b) => a - b);
}

// Each starts a process, which takes what the machine takes.
describe("the real linters", { timeout: 60_000 }, () => {
  it("are told the version that the package has", () => {
    expect(lintPlugin.meta?.version).toBe((require("../package.json") as { version: string }).version);
  });

  it("ESLint finds every mistake with the recommended config", async () => {
    expect(await eslintLines("work.js")).toEqual([4, 5, 6, 7]);
  });

  it("oxlint finds the same ones", async () => {
    expect(await oxlintLines("work.js")).toEqual([4, 5, 6, 7]);
  });

  it("oxlint follows annotations in TypeScript, and believes an iterator's own type", async () => {
    await writeFile(join(folder, "work.ts"), typescript);
    expect(await oxlintLines("work.ts")).toEqual([4, 5, 7, 8, 13, 15]);
  });

  it.each([
    ["eslint", ["--fix"]],
    ["oxlint", ["-c", "oxlint.json", "--fix"]],
  ] as const)("%s --fix adds the missing star and leaves the rest to the reader", async (name, args) => {
    const file = `fix-${name}.js`;
    await writeFile(join(folder, file), javascript);
    const { status } = await lint(name, [...args, file]);
    expect(status).toBe(1);
    expect(await readFile(join(folder, file), "utf8")).toBe(javascript.replace("yield sleep", "yield* sleep"));
  });
});
