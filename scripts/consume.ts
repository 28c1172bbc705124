// Uses the packed runtime as a stranger's project would: unpacked from its tarball into a folder that knows nothing of this
// repository. It finds what a workspace hides: a file that was not packed, a declaration that needs types which the stranger
// lacks, an entry that only resolves from source. Needs scripts/pack.ts first.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { build } from "esbuild";

import { tarballOf } from "./pack.ts";
import { packages, root } from "./repo.ts";

const project = mkdtempSync(join(tmpdir(), "rondo-consume-"));

function must(what: string, command: string, args: readonly string[], cwd: string = project): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${what}:\n${stdout}${stderr}${error?.message ?? ""}`);
  return stdout;
}

const program = `
import { all, run, sleep } from "rondo";

const values: number[] = await run(function* () {
  function* after(ms: number, value: number) {
    yield* sleep(ms);
    return value;
  }
  return yield* all([after(2, 1), after(1, 2)]);
});
console.log(values.join());
`;

/** The compiler settings of two kinds of stranger: one writes for a browser, the other for Node. */
const strangers = {
  browser: { lib: ["ESNext", "DOM", "DOM.Iterable"], types: [], module: "ESNext", moduleResolution: "Bundler" },
  node: { lib: ["ESNext"], types: ["node"], module: "NodeNext", moduleResolution: "NodeNext" },
};

try {
  const rondo = packages().find(({ name }) => name === "rondo");
  if (rondo === undefined) throw new Error("packages/rondo is gone");
  const home = join(project, "node_modules", "rondo");
  mkdirSync(home, { recursive: true });
  must("unpacking", "tar", ["-xzf", tarballOf(rondo), "-C", home, "--strip-components=1"]);
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
  writeFileSync(join(project, "program.ts"), program);
  // A browser has no operating system, and no types of Node, which stand in the bridges to its streams.
  const ofNode = new Set(["./net", "./os"]);
  const all = (entries: typeof rondo.entries): string =>
    entries.map(({ name }, i) => `export * as e${i} from "rondo${name.slice(1)}";`).join("\n");
  writeFileSync(join(project, "entries.ts"), all(rondo.entries));
  writeFileSync(join(project, "entries.browser.ts"), all(rondo.entries.filter(({ name }) => !ofNode.has(name))));

  mkdirSync(join(project, "node_modules", "@types"));
  symlinkSync(join(root, "node_modules", "@types", "node"), join(project, "node_modules", "@types", "node"));
  symlinkSync(join(root, "node_modules", "undici-types"), join(project, "node_modules", "undici-types"));
  for (const [name, settings] of Object.entries(strangers)) {
    const config = join(project, `tsconfig.${name}.json`);
    // The declarations themselves are checked too, so nothing is skipped.
    const compilerOptions = { ...settings, target: "ES2024", strict: true, noEmit: true, skipLibCheck: false };
    const entries = name === "browser" ? "entries.browser.ts" : "entries.ts";
    writeFileSync(config, JSON.stringify({ compilerOptions, files: ["program.ts", entries] }));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    must(`the types of a stranger's project for ${name}`, process.execPath, [tsc, "-p", config]);
  }

  const said = must("a stranger's program in Node", process.execPath, ["program.ts"]).trim();
  if (said !== "1,2") throw new Error(`a stranger's program printed ${JSON.stringify(said)}`);
  must("every entry in Node", process.execPath, ["entries.ts"]);

  const { outputFiles } = await build({
    entryPoints: [join(project, "program.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2024",
    logLevel: "silent",
  });
  const text = (outputFiles[0] as { text: string }).text;
  // The bundler may have dropped what it took for dead, and a browser's world works in Node as well: so it is run.
  writeFileSync(join(project, "bundle.js"), text);
  const bundled = must("the bundled program", process.execPath, ["bundle.js"]).trim();
  if (bundled !== "1,2") throw new Error(`the bundled program printed ${JSON.stringify(bundled)}`);
  if (/["']node:/.test(text)) throw new Error("a bundle for a browser imports a module of Node");
  console.log(`packed, unpacked, typed, run and bundled (${text.length} characters)`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
