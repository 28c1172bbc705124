// Runs every program in the documentation and compares what it printed with what it says it prints.
//
// Each is a module of its own, run once. Lines are compared without regard to their order, because the order in which
// concurrent tasks print is not the order in which they stand on the page; every line must be there, and no other.
import { format } from "node:util";

import { describe, expect, test } from "vitest";

import {
  allExamples,
  declaredName,
  examplesInMarkdown,
  examplesInSource,
  writeExamples,
} from "../../scripts/doc-examples.ts";

async function printed(path: string): Promise<string[]> {
  const lines: string[] = [];
  const log = console.log;
  console.log = (...values: unknown[]) => void lines.push(...format(...values).split("\n"));
  try {
    await import(/* @vite-ignore */ path);
  } finally {
    console.log = log;
  }
  return lines.map((line) => line.trim());
}

const examples = allExamples();
writeExamples(examples);

describe("the programs in the documentation print what they say", () => {
  for (const { name, file, line, prints, path } of examples) {
    if (prints.length === 0) continue;
    test(`example of ${name} in ${file}:${line}`, { timeout: 20_000 }, async () => {
      expect((await printed(path)).toSorted()).toEqual([...prints].toSorted());
    });
  }
});

describe("taking programs out of the documentation", () => {
  const comment = [
    "const before = 1;",
    "/**",
    " * Adds.",
    " *",
    " * @example",
    " * ```ts",
    " * console.log(add(1, 2)); // prints: 3",
    " *",
    " * if (true) {",
    ' *   console.log("in"); // prints: in',
    " * }",
    " * ```",
    " */",
    "export function add(a: number, b: number): number {",
  ].join("\n");

  test("a fence under @example is found with its name, its line and what it prints", () => {
    const [found, ...others] = examplesInSource("src/add.ts", comment);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: "add", line: 6, prints: ["3", "in"] });
    expect(found?.code).toBe(
      'console.log(add(1, 2)); // prints: 3\n\nif (true) {\n  console.log("in"); // prints: in\n}\n',
    );
  });

  test("a fence before @example is not a program", () => {
    expect(examplesInSource("src/add.ts", comment.replace(" * @example\n", ""))).toEqual([]);
  });

  test("a fence in a page is a program when it imports Rondo or says what it prints", () => {
    const page = "# Sleep\n\n```ts\nyield* sleep(1);\n```\n\n```ts\nconsole.log(1); // prints: 1\n```\n";
    expect(examplesInMarkdown("docs/a.md", page)).toMatchObject([{ name: "Sleep", line: 7, prints: ["1"] }]);
  });

  test("the name is that of what is declared after the comment", () => {
    expect(declaredName("\nexport function* sleep(ms: number)")).toBe("sleep");
    expect(declaredName("\nexport abstract class Host {")).toBe("Host");
    expect(declaredName("\n  readonly name: string;")).toBe("name");
    expect(declaredName("\n  *[Symbol.iterator]()")).toBe("[Symbol.iterator]");
    expect(declaredName("\nexport interface Wait<T> {")).toBe("Wait");
  });
});
