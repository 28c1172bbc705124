// The programs in the documentation, taken out so that they can be run.
//
// An example that nobody runs is wrong sooner or later. So every ```ts fence under an @example of a doc comment, and every
// one in README.md and docs/, that says what it prints (`console.log(x); // prints: 3`) is a whole program here: it is
// written to a file of its own in .examples/ (inside the repository, so that "rondo" resolves) and run by
// tests/docs/doc-examples.test.ts. Whole programs that print nothing are only checked for their types.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

import { files, lineAt, packages, root, shown, sources } from "./repo.ts";

/** One program found in the documentation. */
export interface Example {
  /** What it is an example of: the documented name, or the heading it stands under. */
  readonly name: string;
  /** The file it was found in, relative to the root. */
  readonly file: string;
  /** The line of its fence in that file. */
  readonly line: number;
  /** The program. */
  readonly code: string;
  /** The lines that it says it prints, in the order in which it says so. */
  readonly prints: readonly string[];
  /** The absolute path of the file in .examples/ that holds it. */
  readonly path: string;
}

/** The folder that the programs are written to; git ignores it. */
export const folder: string = join(root, ".examples");

const fence = /^([ \t]*)```ts[^\n]*\n([\s\S]*?)^[ \t]*```[ \t]*$/gm;

/** The texts after `// prints:` in a program, in order. */
export function printsOf(code: string): string[] {
  return Array.from(code.matchAll(/\/\/ prints:(.*)$/gm), (match) => (match[1] as string).trim());
}

/** Takes the star at the start of each line of a doc comment away; lines stay lines, so that counting still works. */
function unstar(comment: string): string {
  return comment.replace(/^[ \t]*\* ?/gm, "").replace(/^\/\*\*/, "");
}

/** The name declared right after a doc comment: a function, class, constant, type, method or field. */
export function declaredName(after: string): string {
  const words =
    /^\s*(?:export\s+|default\s+|declare\s+|abstract\s+|async\s+|readonly\s+|static\s+|get\s+|set\s+|const\s+|let\s+|class\s+|interface\s+|type\s+|enum\s+|function\s*\*?\s*|\*\s*)*([A-Za-z_$][\w$]*|\[[^\]]+\])/;
  return words.exec(after)?.[1] ?? "the file";
}

function make(name: string, file: string, line: number, code: string): Example {
  const stem = `${file.replace(/\.(ts|md)$/, "").replaceAll(/[^\w-]+/g, "-")}-${line}`;
  return { name, file, line, code, prints: printsOf(code), path: join(folder, `${stem}.ts`) };
}

/** The programs in the doc comments of a TypeScript file: those under an `@example`. */
export function examplesInSource(file: string, text: string): Example[] {
  const found: Example[] = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const plain = unstar(comment[0]);
    const from = plain.indexOf("@example");
    if (from === -1) continue;
    const name = declaredName(text.slice(comment.index + comment[0].length));
    for (const match of plain.matchAll(fence)) {
      if (match.index < from) continue;
      const line = lineAt(text, comment.index) + lineAt(plain, match.index) - 1;
      // A comment cannot hold the two characters that would end it, so a program writes them apart.
      found.push(make(name, file, line, (match[2] as string).replaceAll("*\\/", "*/")));
    }
  }
  return found;
}

/** The programs in a Markdown file: the fences that import something of Rondo. */
export function examplesInMarkdown(file: string, text: string): Example[] {
  const found: Example[] = [];
  for (const match of text.matchAll(fence)) {
    const code = match[2] as string;
    if (!/from "(rondo|@rondo\/)/.test(code) && printsOf(code).length === 0) continue;
    const heading = Array.from(text.slice(0, match.index).matchAll(/^#+ (.+)$/gm)).at(-1)?.[1];
    found.push(make(heading ?? basename(file), file, lineAt(text, match.index), code));
  }
  return found;
}

/** Every program in the documentation of this repository. */
export function allExamples(): Example[] {
  const found: Example[] = [];
  for (const { path } of packages()) {
    for (const file of sources(join(path, "src")))
      found.push(...examplesInSource(shown(file), readFileSync(file, "utf8")));
    for (const file of files(path, "README.md"))
      found.push(...examplesInMarkdown(shown(file), readFileSync(file, "utf8")));
  }
  const readme = join(root, "README.md");
  for (const file of [...(existsSync(readme) ? [readme] : []), ...files(join(root, "docs"), ".md")])
    found.push(...examplesInMarkdown(shown(file), readFileSync(file, "utf8")));
  return found;
}

/** Makes .examples/ hold exactly these programs; a file that is right already is left alone, since others may be reading it. */
export function writeExamples(examples: readonly Example[]): void {
  mkdirSync(folder, { recursive: true });
  const wanted = new Map(examples.map(({ path, code }) => [path, `${code}\nexport {};\n`]));
  for (const stale of readdirSync(folder)) {
    if (!wanted.has(join(folder, stale))) rmSync(join(folder, stale), { recursive: true });
  }
  for (const [path, text] of wanted) {
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const examples = allExamples();
  writeExamples(examples);
  console.log(
    `${examples.length} examples, ${examples.filter((one) => one.prints.length > 0).length} of which say what they print`,
  );
}
