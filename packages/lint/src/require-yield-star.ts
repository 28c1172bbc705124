// The rule `require-yield-star`: an operation does nothing until `yield*` runs it, and forgetting the star is the one
// mistake every newcomer makes. TypeScript does not see it (a bare `op();` is a legal statement, and the value of a raw
// `yield` is `any`), so this rule does.
//
// The file is collected in one pass and judged at its end, because what a generator is depends on lines below it.
import type { Rule } from "eslint";
import type * as ESTree from "estree";
import { enclosingFunction, Knowledge, unwrap, type AnyNode } from "./knowledge.ts";
import { isRondo } from "./vocabulary.ts";

const messages = {
  missingStar:
    "`yield {{name}}` hands the operation to the loop instead of running it. Write `yield* {{name}}`, with the star.",
  rawYield:
    "A coroutine waits with `yield*`. This raw `yield` gives the loop something that is not a wait, and throws.",
  dropped: "`{{name}}` makes an operation, and nothing runs it. Run it with `yield*`, or hand it to `spawn` or `run`.",
  awaited:
    "`await` gives an operation back without running it. Use `yield*` in a coroutine; elsewhere `run` or `toPromise`.",
  addStar: "Write `yield*`.",
  runIt: "Run it here with `yield*`.",
} as const;

/**
 * Reports, in files that import from Rondo: a `yield` without its star in a coroutine, an operation that is made and
 * dropped, and one that is awaited.
 *
 * @example
 * ```ts
 * import lint from "@rondo/lint";
 *
 * console.log(lint.rules?.["require-yield-star"] !== undefined); // prints: true
 * ```
 */
export const requireYieldStar: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: {
      description: "require `yield*` in front of an operation, and forbid a raw `yield` in a coroutine",
      recommended: true,
    },
    fixable: "code",
    hasSuggestions: true,
    schema: [],
    messages,
  },

  create(context): Rule.RuleListener {
    const source = context.sourceCode;
    const usesRondo = source.ast.body.some(
      (statement) => statement.type === "ImportDeclaration" && isRondo(String(statement.source.value)),
    );
    if (!usesRondo) return {};

    const yields: (ESTree.YieldExpression & Rule.NodeParentExtension)[] = [];
    const awaits: ESTree.AwaitExpression[] = [];
    const statements: ESTree.ExpressionStatement[] = [];

    function judgeYield(node: ESTree.YieldExpression & Rule.NodeParentExtension, known: Knowledge): void {
      const generator = enclosingFunction(node);
      // `yield` in an async generator belongs to async iteration.
      if (!generator || generator.async || node.delegate) return;
      const kind = known.kindOf(generator);
      const argument = node.argument as AnyNode | null | undefined;
      const start = node.range?.[0];
      const addStar = (fixer: Rule.RuleFixer): Rule.Fix | null =>
        start === undefined ? null : fixer.insertTextAfterRange([start, start + "yield".length], "*");

      // An iterator of operations (for `all`, say) is said by its return type.
      if (kind === "iterator") return;
      const isCertain = argument && known.makesOperation(argument);
      if (isCertain && !(kind === "sequence" && known.isUndecidedCall(argument))) {
        const data = { name: shorten(source.getText(argument as ESTree.Node)) };
        context.report({ node, messageId: "missingStar", data, fix: addStar });
      } else if (kind === "coroutine") {
        const suggest = argument ? [{ messageId: "addStar", fix: addStar }] : [];
        context.report({ node, messageId: "rawYield", suggest });
      }
    }

    function judgeStatement(statement: ESTree.ExpressionStatement, known: Knowledge): void {
      for (const node of droppedValues(statement.expression)) {
        if (node.type !== "CallExpression" || !known.makesOperation(node)) continue;
        const owner = enclosingFunction(node);
        const canWait = owner !== undefined && owner.generator === true && owner.async !== true;
        const bare = node.parent?.type === "ExpressionStatement";
        const runIt = (fixer: Rule.RuleFixer): Rule.Fix =>
          fixer.replaceText(node, bare ? `yield* ${source.getText(node)}` : `(yield* ${source.getText(node)})`);
        context.report({
          node,
          messageId: "dropped",
          data: { name: shorten(source.getText(node)) },
          suggest: canWait ? [{ messageId: "runIt", fix: runIt }] : [],
        });
      }
    }

    return {
      YieldExpression: (node) => void yields.push(node),
      AwaitExpression: (node) => void awaits.push(node),
      ExpressionStatement: (node) => void statements.push(node),
      "Program:exit"() {
        const known = new Knowledge(source, yields);
        for (const node of yields) judgeYield(node, known);
        for (const statement of statements) judgeStatement(statement, known);
        for (const node of awaits) {
          if (known.makesOperation(node.argument)) context.report({ node, messageId: "awaited" });
        }
      },
    };
  },
};

/** The values an expression statement throws away: both branches of a choice, every part of a sequence. */
function droppedValues(expression: AnyNode): AnyNode[] {
  const node = unwrap(expression);
  switch (node.type) {
    case "ConditionalExpression":
      return [...droppedValues(node.consequent), ...droppedValues(node.alternate)];
    case "LogicalExpression":
      return droppedValues(node.right);
    case "SequenceExpression":
      return node.expressions.flatMap(droppedValues);
    case "UnaryExpression":
      // `void op()` silences other rules about promises; an operation it does not run all the same.
      return node.operator === "void" ? droppedValues(node.argument) : [];
    default:
      return [node];
  }
}

/** One line of source that fits in a message. */
function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 40 ? `${line.slice(0, 37)}...` : line;
}
