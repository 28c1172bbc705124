// Packs every built package into .reports/packed/, exactly as it would be published, for the checks that follow: what is
// checked is then what a stranger gets, and npm is asked once instead of by every tool. Needs `npm run build` first.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { packages, type Package, root } from "./repo.ts";

const folder = join(root, ".reports", "packed");

/** Where the tarball of a package lies once this script has run. */
export function tarballOf({ name, version }: Package): string {
  return join(folder, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const workspaces = packages().flatMap(({ name }) => ["--workspace", name]);
  // npm is asked for by name because it is the one tool that the machine, and not the lock file, brings.
  const { status } = spawnSync("npm", ["pack", ...workspaces, "--pack-destination", folder, "--silent"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.exitCode = status ?? 1;
}
