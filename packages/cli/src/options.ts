// The options of all commands in one place, so that an option means the same everywhere, and one that was given to the wrong
// command is told apart from one that nobody has.

import { parseArgs } from "node:util";
import { nearest, UsageError } from "./usage.ts";

/** Every option there is. Which command takes which is said with the command. */
export const OPTIONS = {
  "allow-private": { type: "boolean" },
  articles: { type: "boolean" },
  "as-is": { type: "boolean" },
  by: { type: "string" },
  concurrency: { type: "string" },
  days: { type: "string" },
  db: { type: "string" },
  demo: { type: "boolean" },
  feeds: { type: "string", multiple: true },
  format: { type: "string" },
  help: { type: "boolean", short: "h" },
  html: { type: "string" },
  json: { type: "boolean" },
  limit: { type: "string" },
  "no-db": { type: "boolean" },
  now: { type: "boolean" },
  "per-host": { type: "string" },
  rows: { type: "string" },
  since: { type: "string" },
  term: { type: "string", multiple: true },
  timeout: { type: "string" },
  top: { type: "string" },
} as const;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof OPTIONS;

type ValueOf<Name extends OptionName> = (typeof OPTIONS)[Name] extends { multiple: true }
  ? string[]
  : (typeof OPTIONS)[Name] extends { type: "string" }
    ? string
    : boolean;

/** What a command line said. */
export interface Parsed<Name extends OptionName> {
  readonly values: { readonly [Each in Name]?: ValueOf<Each> };
  readonly positionals: readonly string[];
}

/** A command as far as its options go. */
export interface Taking<Name extends OptionName = OptionName> {
  /** What is typed to have it: `rondo news trends`. */
  readonly name: string;
  readonly takes: readonly Name[];
}

/**
 * Takes a command line apart.
 *
 * @param others what to look through for an option that this command does not have.
 * @throws {UsageError} with what is wrong and what to type instead.
 */
export function parseOptions<Name extends OptionName>(
  command: Taking<Name>,
  argv: readonly string[],
  others: readonly Taking[] = [],
): Parsed<Name> {
  const options = Object.fromEntries(command.takes.map((name) => [name, OPTIONS[name]]));
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    return { values: values as Parsed<Name>["values"], positionals };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!(error instanceof Error) || typeof code !== "string" || !code.startsWith("ERR_PARSE_ARGS_")) throw error;
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw unknown(command, error.message, others);
    const bare = /'(?:-\w, )?(--[\w-]+)(?: <value>)?' argument (?:missing|is ambiguous)/.exec(error.message)?.[1];
    if (bare !== undefined) throw new UsageError(`${bare} wants a value`, seeHelp(command.name));
    // Node's own advice comes after the first sentence, and speaks of things the caller did not ask.
    throw new UsageError(error.message.split(/[.\n]/)[0] ?? error.message, seeHelp(command.name));
  }
}

function unknown(command: Taking, message: string, others: readonly Taking[]): UsageError {
  const typed = /'(--?[^'= ]+)/.exec(message)?.[1] ?? "";
  const bare = typed.replace(/^-+/, "");
  const theirs = others.filter(({ takes }) => (takes as readonly string[]).includes(bare)).map(({ name }) => name);
  if (typed.startsWith("--") && theirs.length > 0) {
    return new UsageError(
      `${command.name} has no option ${typed}`,
      `${theirs.length > 3 ? `${theirs.slice(0, 3).join(", ")} and others have` : `${inWords(theirs)} ${theirs.length > 1 ? "have" : "has"}`} it; ${seeHelp(command.name)}`,
    );
  }
  const meant = nearest(bare, command.takes);
  return new UsageError(
    `there is no option ${typed}`,
    meant === undefined ? seeHelp(command.name) : `did you mean --${meant}?`,
  );
}

/** Where to read on. */
export function seeHelp(command: string): string {
  return `${command} --help shows what there is`;
}

/** `a`, `a and b`, `a, b and c`. */
export function inWords(words: readonly string[], joint = "and"): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;
}

/** @throws {UsageError} for what is no whole number between the two. */
export function whole(option: string, value: string | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  const n = Number(value);
  if (/^\d+$/.test(value) && n >= least && n <= most) return n;
  throw new UsageError(
    `${option} takes a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`,
    `as in ${option} ${Math.max(least, 10)}`,
  );
}

/** @throws {UsageError} for what is none of the choices. */
export function oneOf<Choice extends string>(
  option: string,
  value: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (value === undefined || (choices as readonly string[]).includes(value)) return value as Choice | undefined;
  const meant = nearest(value, choices);
  throw new UsageError(
    `${option} takes ${inWords(choices, "or")}, not ${JSON.stringify(value)}`,
    meant === undefined ? `as in ${option} ${choices[0]}` : `did you mean ${option} ${meant}?`,
  );
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `15s`, `300ms`, `1.5m`, in ms. @throws {UsageError} */
export function duration(option: string, value: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)$/.exec(value) ?? [];
  const ms = Number(number) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (ms >= 1 && ms <= 24 * 3_600_000) return ms;
  throw new UsageError(
    `${option} takes a time with its unit, up to a day, not ${JSON.stringify(value)}`,
    `as in ${option} 15s, 300ms or 2m`,
  );
}

/** Terms that can be counted. @throws {UsageError} for one without a letter or a digit. */
export function checkTerms(terms: readonly string[]): readonly string[] {
  for (const term of terms) {
    if (!/[\p{L}\p{N}]/u.test(term)) {
      throw new UsageError(
        `--term ${JSON.stringify(term)} has no letter and no digit`,
        'as in --term storm or --term "climate change"',
      );
    }
  }
  return terms;
}
