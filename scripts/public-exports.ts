// What each package offers, and what its documentation says of it.
//
// Follows `export … from` from every entry point to the declaration, as a reader would, and takes the doc comment that
// stands before it. The parser gives the syntax; nothing here needs types, so no compiler interface is needed either.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { parseSync, type Program } from "oxc-parser";

import { lineAt } from "./repo.ts";

/** One export of an entry point, with where it is declared. */
export interface PublicExport {
  readonly name: string;
  /** Whether it is only a type: it vanishes when the program runs. */
  readonly isType: boolean;
  /** The absolute path of the file that declares it, and the line. */
  readonly file: string;
  readonly line: number;
  /** The doc comment before the declaration; empty if there is none. */
  readonly comment: string;
}

interface Declared {
  readonly isType: boolean;
  readonly start: number;
}

interface Link {
  /** The name in the module that it comes from; `undefined` for the module itself (`export * as name`). */
  readonly name: string | undefined;
  readonly from: string;
  readonly isType: boolean;
}

interface Module {
  readonly text: string;
  readonly docs: readonly { readonly text: string; readonly end: number }[];
  readonly declared: ReadonlyMap<string, Declared>;
  /** Exports that other modules declare. */
  readonly links: ReadonlyMap<string, Link>;
  readonly exported: ReadonlyMap<string, { readonly local: string; readonly isType: boolean }>;
  readonly stars: readonly string[];
}

type Statement = Program["body"][number];

/** The names that a declaration introduces. */
function namesOf(statement: Statement): { name: string; isType: boolean }[] {
  switch (statement.type) {
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
      return statement.id ? [{ name: statement.id.name, isType: false }] : [];
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return [{ name: statement.id.name, isType: true }];
    case "VariableDeclaration":
      return statement.declarations.flatMap(({ id }) =>
        id.type === "Identifier" ? [{ name: id.name, isType: false }] : [],
      );
    default:
      return [];
  }
}

const read = new Map<string, Module>();

function moduleAt(file: string): Module {
  const known = read.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, "utf8");
  const { program, comments, module } = parseSync(file, text);
  const declared = new Map<string, Declared>();
  const links = new Map<string, Link>();
  const exported = new Map<string, { local: string; isType: boolean }>();
  const stars: string[] = [];
  const declare = (statement: Statement, start: number): string[] =>
    namesOf(statement).map(({ name, isType }) => {
      const earlier = declared.get(name);
      // Overloads, and a value and a type of one name, are documented once, at the first; together they are a value.
      declared.set(name, { isType: isType && (earlier?.isType ?? true), start: earlier?.start ?? start });
      return name;
    });
  for (const statement of program.body) {
    if (statement.type === "ExportNamedDeclaration" && statement.declaration) {
      for (const name of declare(statement.declaration, statement.start))
        exported.set(name, { local: name, isType: false });
    } else if (statement.type === "ExportDefaultDeclaration") {
      // `export default name` is documented where the name is declared.
      const named = statement.declaration.type === "Identifier" ? statement.declaration.name : undefined;
      if (named === undefined) declared.set("default", { isType: false, start: statement.start });
      exported.set("default", { local: named ?? "default", isType: false });
    } else {
      declare(statement as Statement, statement.start);
    }
  }
  const imported = new Map<string, Link>();
  for (const { moduleRequest, entries } of module.staticImports) {
    for (const { localName, importName, isType } of entries) {
      const name = importName.kind === "Default" ? "default" : (importName.name ?? undefined);
      imported.set(localName.value, { name, from: moduleRequest.value, isType });
    }
  }
  for (const { entries } of module.staticExports) {
    for (const { exportName, localName, importName, moduleRequest, isType } of entries) {
      if (moduleRequest && exportName.kind === "None") stars.push(moduleRequest.value);
      else if (moduleRequest && exportName.name) {
        links.set(exportName.name, { name: importName.name ?? undefined, from: moduleRequest.value, isType });
      } else if (exportName.kind === "Default") {
        // Seen above, as a statement.
      } else if (exportName.name && localName.name && !declared.has(exportName.name)) {
        const link = imported.get(localName.name);
        if (link) links.set(exportName.name, { ...link, isType: link.isType || isType });
        else exported.set(exportName.name, { local: localName.name, isType });
      } else if (exportName.name && localName.name) {
        exported.set(exportName.name, { local: localName.name, isType });
      }
    }
  }
  const docs = comments
    .filter(({ type, value }) => type === "Block" && value.startsWith("*"))
    .map(({ value, end }) => ({ text: value, end }));
  const result: Module = { text, docs, declared, links, exported, stars };
  read.set(file, result);
  return result;
}

/** The doc comment that ends right before `start`; only white space and line comments may stand between. */
function docBefore({ text, docs }: Module, start: number): string {
  const doc = docs.findLast(({ end }) => end <= start);
  if (doc === undefined) return "";
  return /^(\s|\/\/[^\n]*\n)*$/.test(text.slice(doc.end, start)) ? doc.text : "";
}

/** Every export of the entry point `file`, in the order of their names. */
export function publicExports(file: string): PublicExport[] {
  const found = new Map<string, PublicExport>();
  const add = (name: string, path: string, local: string | undefined, isType: boolean): void => {
    const module = moduleAt(path);
    if (local === undefined) {
      found.set(name, { name, isType, file: path, line: 1, comment: docBefore(module, 0) });
      return;
    }
    const link = module.links.get(local);
    if (link !== undefined) {
      if (link.from.startsWith(".")) add(name, resolve(dirname(path), link.from), link.name, isType || link.isType);
      return;
    }
    const own = module.exported.get(local);
    const declared = module.declared.get(own?.local ?? local);
    if (own !== undefined && declared !== undefined) {
      found.set(name, {
        name,
        isType: isType || own.isType || declared.isType,
        file: path,
        line: lineAt(module.text, declared.start),
        comment: docBefore(module, declared.start),
      });
      return;
    }
    for (const star of module.stars) {
      if (star.startsWith(".") && !found.has(name)) add(name, resolve(dirname(path), star), local, isType);
    }
  };
  const walk = (path: string): void => {
    const module = moduleAt(path);
    for (const name of [...module.links.keys(), ...module.exported.keys()]) {
      if (!found.has(name)) add(name, path, name, false);
    }
    for (const star of module.stars) if (star.startsWith(".")) walk(resolve(dirname(path), star));
  };
  walk(file);
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
