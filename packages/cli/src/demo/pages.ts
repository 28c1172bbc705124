// The pages of the demonstration: home pages that people really made, as the package htmlparser-benchmark keeps them.

import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The pages' files, in a fixed order. */
export function pageFiles(): string[] {
  const folder = join(dirname(fileURLToPath(import.meta.resolve("htmlparser-benchmark/package.json"))), "files");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".html"))
    .toSorted()
    .map((name) => join(folder, name));
}
