// The rule of the house: a lower floor never imports a higher one.
//
// Inside packages/rondo/src every folder is a floor, and between packages there is the same order. Somebody who reads a
// floor from below must be able to stop there; an import that goes up would make the whole tower one knot again. Types
// count too, because a reader has to follow them just the same. Only tests may look up: they need a world to run in.
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";

import { parseSync } from "oxc-parser";

import { files, lineAt, root, shown, sources } from "./repo.ts";

/** The floors of the runtime, lowest first. A file directly in src/ stands above them all. */
export const floors: readonly string[] = [
  "coroutine",
  "loop",
  "task",
  "sync",
  "combine",
  "host",
  "net",
  "os",
  "sim",
  "trace",
  "testing",
];

/** Which packages of the workspace each package may import. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  rondo: [],
  lint: [],
  http: ["rondo"],
  scope: ["rondo", "@rondo/http"],
  crawl: ["rondo", "@rondo/http"],
  cli: ["rondo", "@rondo/lint", "@rondo/http", "@rondo/scope", "@rondo/crawl"],
};

/** Where in the runtime Node's own modules may be imported; everything else runs in a browser too. */
const nodeOnly = /^(host\/node(\/|\.ts$)|net\/node\/|os\/)/;

/** One import that goes the wrong way. */
export interface Breach {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

interface Import {
  readonly specifier: string;
  readonly offset: number;
}

/** Every module that `text` imports or re-exports, with the place where it says so. */
function importsOf(file: string, text: string): Import[] {
  const { module } = parseSync(file, text);
  const found: Import[] = module.staticImports.map(({ moduleRequest }) => ({
    specifier: moduleRequest.value,
    offset: moduleRequest.start,
  }));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest } of entries) {
      if (moduleRequest) found.push({ specifier: moduleRequest.value, offset: moduleRequest.start });
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const written = text.slice(moduleRequest.start, moduleRequest.end);
    if (/^["'`]/.test(written)) found.push({ specifier: written.slice(1, -1), offset: moduleRequest.start });
  }
  return found;
}

/** The floor on which a file of the runtime stands, as its place in `floors`; the public face is above all. */
function floorOf(path: string): number {
  const folder = path.split(sep)[0] as string;
  return path.includes(sep) ? floors.indexOf(folder) : floors.length;
}

/**
 * Checks one file of `packages/<folder>/src` and gives its breaches.
 *
 * @param source the absolute path of the package's src folder
 * @param file the absolute path of the file
 * @param text what the file says
 */
export function checkFile(folder: string, source: string, file: string, text: string): Breach[] {
  const breaches: Breach[] = [];
  const here = relative(source, file);
  const floor = floorOf(here);
  const isRuntime = folder === "rondo";
  if (isRuntime && floor === -1) {
    breaches.push({ file, line: 1, message: `${here.split(sep)[0]}/ is no floor: name it in scripts/floors.ts` });
    return breaches;
  }
  for (const { specifier, offset } of importsOf(file, text)) {
    const breach = (message: string): number => breaches.push({ file, line: lineAt(text, offset), message });
    if (specifier.startsWith(".")) {
      const target = relative(source, resolve(dirname(file), specifier));
      if (target.startsWith("..")) breach(`"${specifier}" leaves the package`);
      else if (!specifier.endsWith(".ts") && !specifier.endsWith(".json"))
        breach(`"${specifier}" must name a .ts file`);
      else if (isRuntime && floorOf(target) > floor) {
        breach(
          `${floors[floor]}/ imports ${floors[floorOf(target)] ?? "the public face"} ("${specifier}"), which is above it`,
        );
      }
    } else if (specifier.startsWith("node:")) {
      if (isRuntime && !nodeOnly.test(here.split(sep).join("/"))) breach(`"${specifier}" would not load in a browser`);
    } else if (isRuntime) {
      // The doors that open upwards: the package's manifest puts this machine's world behind them.
      if (!["#host", "#network", "#node-streams"].includes(specifier))
        breach(`the runtime has no dependencies, and imports "${specifier}"`);
    } else if (/^(rondo|@rondo\/[^/]+)(\/|$)/.test(specifier)) {
      const name = (/^(@rondo\/[^/]+|rondo)/.exec(specifier) as RegExpExecArray)[0];
      if (!(mayImport[folder] ?? []).includes(name)) breach(`${folder} may not import ${name}`);
    }
  }
  return breaches;
}

/** Checks every source of every package. */
export function checkAll(): Breach[] {
  const breaches: Breach[] = [];
  for (const folder of Object.keys(mayImport)) {
    const source = join(root, "packages", folder, "src");
    for (const file of sources(source)) {
      breaches.push(...checkFile(folder, source, file, readFileSync(file, "utf8")));
    }
  }
  return breaches;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const breaches = checkAll();
  for (const { file, line, message } of breaches) console.error(`${shown(file)}:${line}: ${message}`);
  const count = files(join(root, "packages"), ".ts").length;
  if (breaches.length === 0) console.log(`${count} files, and no import goes up`);
  process.exitCode = breaches.length === 0 ? 0 : 1;
}
