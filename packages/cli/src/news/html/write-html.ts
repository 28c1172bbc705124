// One page that needs nothing else: its style, its script, the library that draws its charts and its data are all inside,
// so it can be mailed, kept for years and opened on a plane. Its policy forbids it to load anything, and to run any script
// but the two that were put in here, which it knows by their hashes.

import { createHash } from "node:crypto";
import type { Coroutine } from "rondo";
import { type Path, readFile, writeFile } from "rondo/os";
import type { PageData } from "./page-data.ts";

/** The parts of the page, from the package's sources: they are the same seen from `src` and from `dist`. */
const PARTS = new URL("../../../src/news/html/page/", import.meta.url);

/**
 * Writes the page, in place of what the file held, in one step: nobody ever sees a half of it. A switch point.
 *
 * @throws {FileError} where it cannot be written; then the file is as it was.
 */
export function* writeHtml(file: Path, data: PageData): Coroutine<void> {
  yield* writeFile(file, yield* html(data));
}

/** The page as text. A switch point: its parts are read. */
export function* html(data: PageData): Coroutine<string> {
  const page = yield* readFile(new URL("page.html", PARTS), "utf8");
  const uplot = yield* readFile(new URL(import.meta.resolve("uplot/dist/uPlot.iife.min.js")), "utf8");
  const script = yield* oneScript();
  const uplotStyle = yield* readFile(new URL(import.meta.resolve("uplot/dist/uPlot.min.css")), "utf8");
  const style = `${uplotStyle}\n${yield* readFile(new URL("page.css", PARTS), "utf8")}`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(uplot)} ${hash(script)}`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const parts: Readonly<Record<string, string>> = {
    "{{policy}}": policy,
    "<!-- style -->": `<style>${style}</style>`,
    "<!-- scripts -->": [
      `<script type="application/json" id="data">${inScript(data)}</script>`,
      `<script>${uplot}</script>`,
      `<script>${script}</script>`,
    ].join("\n"),
  };
  // By a function: in a replacement that is a text, a dollar sign would mean something.
  return page.replace(/\{\{policy\}\}|<!-- (?:style|scripts) -->/g, (place) => parts[place] ?? "");
}

/** The modules of the page, each after those that it imports from. */
const MODULES = ["elements.js", "shorts.js", "trends.js", "words.js", "waterfall.js", "sources.js", "main.js"];

/** One script of the modules. They import only from each other and no two of them have a name in common, so it is enough to leave out the seams. */
function* oneScript(): Coroutine<string> {
  let all = "";
  for (const name of MODULES) {
    const module = yield* readFile(new URL(name, PARTS), "utf8");
    all += module.replace(/^import [^;]*;$/gm, "").replace(/^export /gm, "");
  }
  return `"use strict";\n(() => {\n${all}})();\n`;
}

/**
 * JSON that can stand in an HTML script. The parser of HTML knows no JSON: it looks for `</script`, and for `<!--` which
 * begins a state that only `-->` leaves. Neither can occur where there is no "<" and no ">".
 */
export function inScript(data: unknown): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
