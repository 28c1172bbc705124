// The version of this package, which is that of the command.

import { readFileSync } from "node:fs";

// Read and not imported: the file lies outside of what is compiled, at the same place seen from `src` and from `dist`.
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

export const VERSION: string = manifest.version;
