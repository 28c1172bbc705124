// What a file lets its reader know without types: which expressions make an operation, and which generators are
// coroutines.
//
// The one idea: a name is followed to where it was declared, and only declarations that speak for themselves count: an
// import from Rondo, a `function*`, `new Lock()`, an annotation. Whatever cannot be followed is taken for harmless,
// because a lint rule that cries at correct code is turned off.
import type { Rule, Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";
import { bodyParameters, isRondo, lookUp, methods, operations, operationTypes, results } from "./vocabulary.ts";

/** A syntax node as the rule meets it. TypeScript's own nodes are outside ESTree, so `type` is read as a plain string. */
export type AnyNode = ESTree.Node & Partial<Rule.NodeParentExtension>;

type FunctionNode = ESTree.FunctionDeclaration | ESTree.FunctionExpression | ESTree.ArrowFunctionExpression;

/**
 * `coroutine`: it waits on Rondo. `iterator`: its return type says that it yields plain values. `sequence`: it yields
 * plain values, and no annotation says more. `unknown`: nothing in the file tells.
 */
export type GeneratorKind = "coroutine" | "iterator" | "sequence" | "unknown";

interface Imported {
  readonly module: string;
  /** The exported name; `*` for a namespace import. */
  readonly name: string;
}

/** An annotation as the TypeScript parsers give it; only the parts that are read. */
interface TypeNode {
  readonly type: string;
  readonly typeName?: { readonly type: string; readonly name?: string; readonly right?: { readonly name?: string } };
  readonly typeArguments?: { readonly params: readonly TypeNode[] };
  readonly typeParameters?: { readonly params: readonly TypeNode[] };
}

const wrappers = new Set([
  "ChainExpression",
  "ParenthesizedExpression",
  "TSAsExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
]);

const iteratorTypes = new Set(["Generator", "Iterable", "IterableIterator", "Iterator", "IteratorObject"]);

/** The expression inside parentheses and type assertions, which change nothing at run time. */
export function unwrap(node: AnyNode): AnyNode {
  let inner = node;
  while (wrappers.has(inner.type as string)) {
    inner = (inner as unknown as { expression: AnyNode }).expression;
  }
  return inner;
}

/** The function whose body `node` stands in, or `undefined` at the top level. */
export function enclosingFunction(node: AnyNode): FunctionNode | undefined {
  for (let at = node.parent as AnyNode | undefined; at; at = at.parent as AnyNode | undefined) {
    if (
      at.type === "FunctionDeclaration" ||
      at.type === "FunctionExpression" ||
      at.type === "ArrowFunctionExpression"
    ) {
      return at;
    }
  }
  return undefined;
}

/** Answers questions about one file; made when the whole of it has been seen. */
export class Knowledge {
  readonly #source: SourceCode;
  readonly #imports = new Map<string, Imported>();
  readonly #yields = new Map<AnyNode, ESTree.YieldExpression[]>();
  readonly #kinds = new Map<AnyNode, GeneratorKind>();

  constructor(source: SourceCode, yields: readonly ESTree.YieldExpression[]) {
    this.#source = source;
    for (const statement of source.ast.body) {
      if (statement.type !== "ImportDeclaration" || typeof statement.source.value !== "string") continue;
      const module = statement.source.value;
      if (!isRondo(module)) continue;
      for (const specifier of statement.specifiers) {
        this.#imports.set(specifier.local.name, { module, name: importedName(specifier) });
      }
    }
    for (const node of yields) {
      const owner = enclosingFunction(node as AnyNode);
      if (!owner) continue;
      const list = this.#yields.get(owner);
      if (list) list.push(node);
      else this.#yields.set(owner, [node]);
    }
  }

  /** Whether evaluating this expression makes an operation that nothing has run yet. */
  makesOperation(expression: AnyNode): boolean {
    const node = unwrap(expression);
    switch (node.type) {
      case "CallExpression":
        return this.#callMakesOperation(node);
      case "ConditionalExpression":
        return this.makesOperation(node.consequent) || this.makesOperation(node.alternate);
      case "LogicalExpression":
        return this.makesOperation(node.right);
      case "Identifier": {
        const type = this.#typeOf(node);
        if (type !== undefined) return operationTypes.some((name) => name === type);
        // Only one step: `const nap = sleep(10); yield nap`.
        const init = this.#initialiser(node);
        return init?.type === "CallExpression" && this.#callMakesOperation(init);
      }
      default:
        return false;
    }
  }

  /** Whether this is a call of a generator of this file that may or may not be a coroutine. */
  isUndecidedCall(expression: AnyNode): boolean {
    const generator = this.#generatorCalled(expression);
    return generator !== undefined && this.kindOf(generator) === "unknown";
  }

  /** What a `function*` is, as far as this file tells. */
  kindOf(generator: AnyNode): GeneratorKind {
    const known = this.#kinds.get(generator);
    if (known) return known;
    // Generators that call each other meet this answer and decide by their other lines.
    this.#kinds.set(generator, "unknown");
    const kind = this.#decide(generator as FunctionNode & AnyNode);
    this.#kinds.set(generator, kind);
    return kind;
  }

  #decide(generator: FunctionNode & AnyNode): GeneratorKind {
    const annotation = annotationOf(generator, "returnType");
    if (annotation) {
      const name = typeName(annotation);
      if (name !== undefined && this.#isImportedType(name, ["Coroutine", "Operation"])) return "coroutine";
      if (name !== undefined && iteratorTypes.has(name)) {
        const [item] = (annotation.typeArguments ?? annotation.typeParameters)?.params ?? [];
        const itemName = item && typeName(item);
        return itemName !== undefined && this.#isImportedType(itemName, ["Wait"]) ? "coroutine" : "iterator";
      }
    }
    if (this.#bodyParameterType(generator) !== null) return "coroutine";

    let kind: GeneratorKind = "unknown";
    for (const node of this.#yields.get(generator) ?? []) {
      const argument = node.argument as AnyNode | null | undefined;
      if (node.delegate) {
        if (!argument) continue;
        // A callee that may or may not be a coroutine proves nothing about its caller.
        if (this.makesOperation(argument) && !this.isUndecidedCall(argument)) return "coroutine";
        if (this.#generatorCalled(argument) && !this.makesOperation(argument)) kind = "sequence";
      } else if (!argument || !this.makesOperation(argument)) {
        kind = "sequence";
      }
    }
    return kind;
  }

  #callMakesOperation(call: ESTree.SimpleCallExpression | ESTree.CallExpression): boolean {
    const generator = this.#generatorCalled(call);
    if (generator) {
      const kind = this.kindOf(generator);
      return kind === "coroutine" || kind === "unknown";
    }

    const callee = unwrap(call.callee);
    if (callee.type === "Identifier") {
      const from = this.#importOf(callee);
      return from !== undefined && isOperationExport(from);
    }
    if (callee.type !== "MemberExpression") return false;
    const name = memberName(callee);
    if (name === undefined) return false;
    const object = unwrap(callee.object);
    if (object.type === "Identifier") {
      const from = this.#importOf(object);
      if (from?.name === "*") return isOperationExport({ module: from.module, name });
    }
    const type = this.#typeOf(object);
    return lookUp<readonly string[]>(methods, type)?.includes(name) ?? false;
  }

  /** The `function*` of this file that a call runs, if it can be told. */
  #generatorCalled(expression: AnyNode): AnyNode | undefined {
    const call = unwrap(expression);
    if (call.type !== "CallExpression") return undefined;
    const callee = unwrap(call.callee);
    if (callee.type === "Identifier") {
      const definition = this.#definition(callee);
      if (definition?.type === "FunctionName") return asGenerator(definition.node as AnyNode);
      return asGenerator(this.#initialiser(callee));
    }
    if (callee.type !== "MemberExpression") return undefined;
    const name = memberName(callee);
    if (name === undefined) return undefined;
    const object = unwrap(callee.object);
    if (object.type === "ThisExpression") {
      const member = classMember(object, name);
      return member?.type === "MethodDefinition" ? asGenerator(member.value) : undefined;
    }
    if (object.type !== "Identifier") return undefined;
    const literal = this.#initialiser(object);
    if (literal?.type !== "ObjectExpression") return undefined;
    for (const property of literal.properties) {
      if (property.type === "Property" && !property.computed && keyName(property.key) === name) {
        return asGenerator(property.value as AnyNode);
      }
    }
    return undefined;
  }

  /** The name of the Rondo class or interface an expression is an instance of, if it can be told. */
  #typeOf(expression: AnyNode): string | undefined {
    const node = unwrap(expression);
    switch (node.type) {
      case "NewExpression": {
        const callee = unwrap(node.callee);
        if (callee.type === "Identifier") return this.#importOf(callee)?.name;
        if (callee.type === "MemberExpression" && callee.object.type === "Identifier") {
          return this.#importOf(callee.object)?.name === "*" ? memberName(callee) : undefined;
        }
        return undefined;
      }
      case "CallExpression": {
        const callee = unwrap(node.callee);
        if (callee.type !== "MemberExpression") return undefined;
        const name = memberName(callee);
        const type = name === undefined ? undefined : this.#typeOf(callee.object);
        return lookUp<string>(lookUp<Record<string, string>>(results, type) ?? {}, name);
      }
      case "MemberExpression": {
        const object = unwrap(node.object);
        const name = memberName(node);
        if (object.type !== "ThisExpression" || name === undefined) return undefined;
        const member = classMember(object, name);
        if (member?.type !== "PropertyDefinition") return undefined;
        return this.#annotatedType(member) ?? (member.value ? this.#typeOf(member.value) : undefined);
      }
      case "Identifier": {
        const definition = this.#definition(node);
        if (!definition) return undefined;
        const annotated = this.#annotatedType(definition.name as AnyNode);
        if (annotated !== undefined) return annotated;
        if (definition.type === "Parameter") {
          const owner = definition.node as FunctionNode & AnyNode;
          if (owner.params[0] !== definition.name) return undefined;
          return this.#bodyParameterType(owner) ?? undefined;
        }
        const init = this.#initialiser(node);
        return init?.type === "NewExpression" || init?.type === "CallExpression" ? this.#typeOf(init) : undefined;
      }
      default:
        return undefined;
    }
  }

  /**
   * For a function written in place as an argument of a function of Rondo, or of `g.spawn` and `g.start`: the type of
   * its first parameter, or `undefined` if that is not known. `null` for every other function.
   */
  #bodyParameterType(node: FunctionNode & AnyNode): string | undefined | null {
    const call = node.parent as AnyNode | undefined;
    if (call?.type !== "CallExpression" || !call.arguments.includes(node as ESTree.Expression)) return null;
    const callee = unwrap(call.callee);
    if (callee.type === "Identifier") {
      const from = this.#importOf(callee);
      return from ? lookUp(bodyParameters, from.name) : null;
    }
    if (callee.type !== "MemberExpression") return null;
    const name = memberName(callee);
    if (name === undefined) return null;
    const object = unwrap(callee.object);
    if (object.type === "Identifier" && this.#importOf(object)?.name === "*") return lookUp(bodyParameters, name);
    return this.#typeOf(object) === "Group" && (name === "spawn" || name === "start") ? undefined : null;
  }

  #annotatedType(node: AnyNode): string | undefined {
    const annotation = annotationOf(node, "typeAnnotation");
    const name = annotation && typeName(annotation);
    return name === undefined ? undefined : this.#imports.get(name)?.name;
  }

  #isImportedType(local: string, names: readonly string[]): boolean {
    const from = this.#imports.get(local);
    return from !== undefined && names.includes(from.name);
  }

  #importOf(identifier: ESTree.Identifier): Imported | undefined {
    return this.#definition(identifier)?.type === "ImportBinding" ? this.#imports.get(identifier.name) : undefined;
  }

  /** What a variable that is never given another value was first given. */
  #initialiser(identifier: ESTree.Identifier): AnyNode | undefined {
    const definition = this.#definition(identifier);
    if (definition?.type !== "Variable") return undefined;
    const declaration = definition.parent as ESTree.VariableDeclaration | null | undefined;
    const { id, init } = definition.node as ESTree.VariableDeclarator;
    // A destructured name is a part of the initialiser, not the initialiser.
    if (id.type !== "Identifier" || !init) return undefined;
    return declaration?.kind === "let" || declaration?.kind === "var" ? undefined : unwrap(init as AnyNode);
  }

  #definition(identifier: ESTree.Identifier): Scope.Definition | undefined {
    let scope: Scope.Scope | null = this.#source.getScope(identifier);
    for (; scope; scope = scope.upper) {
      const variable = scope.set.get(identifier.name);
      // Several definitions (`var`, overloads) cannot be told apart here.
      if (variable) return variable.defs.length === 1 ? variable.defs[0] : undefined;
    }
    return undefined;
  }
}

function isOperationExport(from: Imported): boolean {
  return lookUp<readonly string[]>(operations, from.module)?.includes(from.name) ?? false;
}

function importedName(specifier: ESTree.ImportDeclaration["specifiers"][number]): string {
  if (specifier.type === "ImportNamespaceSpecifier") return "*";
  if (specifier.type === "ImportDefaultSpecifier") return "default";
  return specifier.imported.type === "Identifier" ? specifier.imported.name : String(specifier.imported.value);
}

function asGenerator(node: AnyNode | undefined): AnyNode | undefined {
  if (node?.type !== "FunctionDeclaration" && node?.type !== "FunctionExpression") return undefined;
  return node.generator && !node.async ? node : undefined;
}

function keyName(key: AnyNode): string | undefined {
  if (key.type === "Identifier") return key.name;
  if (key.type === "PrivateIdentifier") return `#${key.name}`;
  return key.type === "Literal" && typeof key.value === "string" ? key.value : undefined;
}

function memberName(member: ESTree.MemberExpression): string | undefined {
  if (!member.computed) return keyName(member.property as AnyNode);
  return member.property.type === "Literal" ? keyName(member.property) : undefined;
}

/** The member that `this.name` means: of the class whose method or field `node` stands in, arrows looked through. */
function classMember(node: AnyNode, name: string): ESTree.MethodDefinition | ESTree.PropertyDefinition | undefined {
  let owner: AnyNode | undefined = node;
  while (owner && owner.type !== "MethodDefinition" && owner.type !== "PropertyDefinition") {
    const parent = owner.parent as AnyNode | undefined;
    const isOwnThis = owner.type === "FunctionExpression" || owner.type === "FunctionDeclaration";
    if (isOwnThis && parent?.type !== "MethodDefinition") return undefined;
    owner = parent;
  }
  const body = owner?.parent as AnyNode | undefined;
  if (!owner || body?.type !== "ClassBody") return undefined;
  for (const member of body.body) {
    if (member.type !== "MethodDefinition" && member.type !== "PropertyDefinition") continue;
    if (!member.computed && member.static === owner.static && keyName(member.key) === name) return member;
  }
  return undefined;
}

function annotationOf(node: AnyNode, field: "returnType" | "typeAnnotation"): TypeNode | undefined {
  // Only the TypeScript parsers set these fields.
  const holder = (node as { [K in typeof field]?: { typeAnnotation?: TypeNode } })[field];
  return holder?.typeAnnotation;
}

function typeName(node: TypeNode): string | undefined {
  if (node.type !== "TSTypeReference") return undefined;
  return node.typeName?.type === "Identifier" ? node.typeName.name : undefined;
}
