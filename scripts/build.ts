// Builds every package into its dist/, in the order of their dependencies: `npm run build [-- FOLDER...]`.
// Only packaging needs this; in development everything runs from source.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { packages, root } from "./repo.ts";

const wanted = process.argv.slice(2);
for (const { folder, path } of packages()) {
  if (wanted.length > 0 && !wanted.includes(folder)) continue;
  // A file whose source is gone must not stay behind in the package.
  rmSync(join(path, "dist"), { recursive: true, force: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", join(path, "tsconfig.build.json")], { stdio: "inherit" });
  if (status !== 0) {
    console.error(`packages/${folder} could not be built`);
    process.exit(1);
  }
}
