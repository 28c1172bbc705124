// The plugin `@rondo/lint`: one object that ESLint (flat config) and oxlint (as a JS plugin) both load.
//
// A rule belongs here only if it can be decided by looking at one file: what needs types or the running program is
// caught by the runtime's own checks, which name the line.
import type { ESLint, Linter } from "eslint";
import { requireYieldStar } from "./require-yield-star.ts";

const meta = { name: "@rondo/lint", version: "0.1.0", namespace: "rondo" } as const;

const rules = { "require-yield-star": requireYieldStar };

// A flat config names its plugins by object, so the recommended one has to hold the very plugin that holds it.
const recommended: Linter.Config = { name: "@rondo/lint/recommended", rules: { "rondo/require-yield-star": "error" } };

/**
 * The lint plugin for programs that use Rondo.
 *
 * `configs.recommended` is a flat config that turns every rule on as an error, under the prefix `rondo`. In oxlint the
 * package is named in `jsPlugins`, and the rules in `rules`.
 *
 * @example
 * ```ts
 * import lint from "@rondo/lint";
 *
 * // eslint.config.js: export default [lint.configs.recommended];
 * console.log(Object.keys(lint.configs.recommended.rules ?? {})); // prints: [ 'rondo/require-yield-star' ]
 * ```
 */
const plugin: ESLint.Plugin & { readonly configs: { readonly recommended: Linter.Config } } = {
  meta,
  rules,
  configs: { recommended },
};

recommended.plugins = { rondo: plugin };

export default plugin;
