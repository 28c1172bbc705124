// What failed and why, as everywhere: the source, the kind of failure, the sentence, and what lay beneath.

import type { Failure, Problem } from "@rondo/crawl";
import type { Look } from "../look.ts";
import { cell } from "../text.ts";

/** One thing that failed. */
export interface Failed {
  readonly what: string;
  /** Said behind it. */
  readonly note?: string;
  readonly failure: Failure | undefined;
}

/** A list of them under a title; nothing for none. */
export function drawFailures(title: string, failed: readonly Failed[], look: Look): string {
  if (failed.length === 0) return "";
  const lines = [look.paint.bold(` ${title}`)];
  for (const { what, note, failure } of failed) {
    lines.push(` ${look.paint.red("✗")} ${cell(what)}${note ?? ""}`);
    lines.push(`     ${look.paint.yellow(failure?.kind ?? "internal")}: ${cell(failure?.message ?? "")}`);
    if (failure?.cause !== undefined) lines.push(look.paint.dim(`     cause: ${cell(failure.cause)}`));
  }
  return `${lines.join("\n")}\n`;
}

/** A problem of an argument or of a line in a list, as plain data. */
export function plainProblem({ input, error }: Problem): { readonly input: string; readonly failure: Failure } {
  return { input, failure: { kind: error.kind, message: error.message } };
}
