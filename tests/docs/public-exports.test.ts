// Whoever meets a name of ours in an editor finds there what it does, and a program that runs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { examplesInSource } from "../../scripts/doc-examples.ts";
import { type PublicExport, publicExports } from "../../scripts/public-exports.ts";
import { packages, shown } from "../../scripts/repo.ts";

const isShown = ({ comment, file }: PublicExport): boolean =>
  examplesInSource(file, `/*${comment}*/`).some(({ prints }) => prints.length > 0);

for (const { name, entries } of packages()) {
  for (const entry of entries) {
    const where = entry.name === "." ? name : `${name}${entry.name.slice(1)}`;
    describe(`every export of ${where}`, () => {
      const exported = publicExports(entry.file);
      const missing = (fails: (one: PublicExport) => boolean): string[] =>
        exported.filter(fails).map((one) => `${one.name} (${shown(one.file)}:${one.line})`);

      test("has a doc comment", () => {
        expect(missing(({ comment }) => comment.trim().length < 10)).toEqual([]);
      });

      test("has an example that says what it prints, unless it is only a type", () => {
        expect(missing((one) => !one.isType && !isShown(one))).toEqual([]);
      });
    });
  }
}

describe("following exports to their declarations", () => {
  const folder = mkdtempSync(join(tmpdir(), "rondo-exports-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };

  test("a re-export is followed to the file that declares it", () => {
    write("a.ts", "const unrelated = 1;\n/** Says a. */\nexport function a(): void {}\n");
    write("b.ts", 'export * from "./a.ts";\n');
    const index = write("index.ts", 'export { a as renamed } from "./b.ts";\n');
    expect(publicExports(index)).toMatchObject([{ name: "renamed", line: 3, comment: "* Says a. ", isType: false }]);
  });

  test("a class exported as a type only is a type", () => {
    write("c.ts", "/** C. */\nexport class C {}\n");
    const index = write("index2.ts", 'export type { C } from "./c.ts";\nexport type D = 1;\n');
    expect(publicExports(index)).toMatchObject([
      { name: "C", isType: true, comment: "* C. " },
      { name: "D", isType: true, comment: "" },
    ]);
  });

  test("an import that is exported again is followed", () => {
    write("e.ts", "/** E. */\nexport const e = 1;\n");
    const index = write("index3.ts", 'import { e } from "./e.ts";\nexport { e };\n');
    expect(publicExports(index)).toMatchObject([{ name: "e", comment: "* E. ", isType: false }]);
  });

  test("a default export by name is documented where the name is declared", () => {
    const index = write("h.ts", "/** H. */\nconst plugin = 1;\nexport default plugin;\n");
    expect(publicExports(index)).toMatchObject([{ name: "default", line: 2, comment: "* H. " }]);
  });

  test("overloads are documented at the first", () => {
    const index = write(
      "f.ts",
      "/** F. */\nexport function f(a: number): void;\nexport function f(a: string): void;\nexport function f(): void {}\n",
    );
    expect(publicExports(index)).toMatchObject([{ name: "f", line: 2, comment: "* F. " }]);
  });

  test("a comment that belongs to something else is not taken", () => {
    const index = write("g.ts", "/** Before. */\nconst before = 1;\nexport const g = before;\n");
    expect(publicExports(index)).toMatchObject([{ name: "g", comment: "" }]);
  });
});
