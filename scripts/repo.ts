// Where things are in this repository, and how its sources are read. Every other script begins here, so that the shape of
// the workspace (which packages there are, which entries they have) is known in one place and taken from package.json.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The root folder of the repository. */
export const root: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** A package of the workspace, as far as the scripts care. */
export interface Package {
  /** The name in package.json, such as `@rondo/lint`. */
  readonly name: string;
  readonly version: string;
  /** The folder under packages/, such as `lint`. */
  readonly folder: string;
  /** The absolute path of that folder. */
  readonly path: string;
  /** Entry points: the name in `exports` and the absolute path of the source it stands for. */
  readonly entries: readonly { readonly name: string; readonly file: string }[];
  /** Names of the packages of this workspace that it depends on. */
  readonly needs: readonly string[];
}

interface Manifest {
  name: string;
  version: string;
  exports?: Record<string, string | Record<string, unknown>>;
  dependencies?: Record<string, string>;
}

/** Every package of the workspace that has sources, each after those it depends on: the order in which they are built. */
export function packages(): Package[] {
  const found: Package[] = [];
  for (const folder of readdirSync(join(root, "packages")).toSorted()) {
    const path = join(root, "packages", folder);
    if (!existsSync(join(path, "package.json")) || sources(join(path, "src")).length === 0) continue;
    const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
    const entries: { name: string; file: string }[] = [];
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      const source = typeof target === "string" ? undefined : target["rondo-source"];
      if (typeof source === "string") entries.push({ name: entry, file: resolve(path, source) });
    }
    const { name, version, dependencies = {} } = manifest;
    found.push({ name, version, folder, path, entries, needs: Object.keys(dependencies) });
  }
  const names = new Set(found.map((one) => one.name));
  const ordered: Package[] = [];
  const place = (one: Package): void => {
    if (ordered.includes(one)) return;
    for (const name of one.needs) {
      const needed = names.has(name) ? found.find((other) => other.name === name) : undefined;
      if (needed !== undefined) place(needed);
    }
    ordered.push(one);
  };
  for (const one of found) place(one);
  return ordered;
}

/** Every file under `folder` whose name ends in `suffix`, sorted; none if there is no such folder. */
export function files(folder: string, suffix: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/[\\/](node_modules|dist)[\\/]/.test(file))
    .toSorted();
}

/** Every TypeScript file under `folder` that is part of the product: neither a test nor a soak test. */
export function sources(folder: string): string[] {
  return files(folder, ".ts").filter((file) => !/\.(test|soak)\.ts$/.test(file));
}

/** The path as a person writes it: relative to the root, with slashes. */
export function shown(file: string): string {
  return relative(root, file).split(sep).join("/");
}

/** The line, counted from 1, on which the character at `offset` stands. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
